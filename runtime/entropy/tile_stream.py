"""The parts of one tile to bytes and back (FORMAT.md, Tile stream).

    u8 log2(lanes), and in its high bits flags of the family | the family's side bytes | lanes x u32 final states
    part 0: words, fields, signs | part 1: words, fields, signs | ...

`residuals.py` turns the values of a part into symbols, `rans.py` symbols into words; here they become one
string of little-endian bytes that can be cut behind any part and still gives the parts before.

The words of a part's groups come before those of its excesses, and either begins a new row. Fields are
packed highest bit first and padded with zeros to a whole byte, and so are the signs.

Each state begins, in the encoder, at 2**16 plus 16 bits that are free. The first 2 * lanes bytes of
fields and signs of the last part go there, as one u16 a lane padded with zeros, and not into the stream.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from runtime.arrays import I32, I64, U8, U16, U32, Bool, Intp
from runtime.entropy import rans
from runtime.entropy.rans import COST_UNITS, Slots
from runtime.entropy.residuals import Order
from runtime.entropy.tables import GROUPINGS, SYMBOLS, Tables
from runtime.errors import InputError, StreamError, TruncatedError
from runtime.native import compiled, twin

MAX_LANES = 4096
"""More would not be faster: the cost of a row is then in the data, not in the calls."""

LANE_WASTE_BYTES = 3
"""What a lane costs: of the 4 bytes of its final state the symbols fill 1 on average, and raw bytes may fill 2."""

LANE_WASTE_SHARE = 0.0015
"""The encoder takes as many lanes as cost at most this share of the stream."""

_LANES_BITS = 4
"""Of the first byte; the others are the family's flags."""

_FIELD_BITS = 32
"""Raw bits of a value are fewer: 16 of an escape and a shift of 15."""

ROOM = 8
"""How many values more than there are the compiled core may write: it does so group by group."""

STATE_BYTES = 4
WORD_BYTES = 2

_NO_TABLE, _LEFT_OUT, _TOO_LARGE = -1, -2, -3
"""What `split_values` refuses."""
_NO_WORDS, _NO_BYTES, _BEHIND, _SMALL = -2, -3, -4, -5
"""What `read_values` refuses, and _NO_TABLE."""


class Split(NamedTuple):
    """The symbols of a part; a code is table * 256 + symbol, as in `Slots.intervals`."""

    first: Intp
    """(s,) codes of groups, or of a first pass."""
    second: Intp
    """(e,) codes of excesses, or of a second pass: a row begins with the first one."""
    raw: bytes
    """Fields and signs."""
    cost: int
    """What the codes cost, in 2**-16 bits."""


class Splits(Protocol):
    """How the values of a part become symbols."""

    def split(self, values: I32, /) -> Split:
        """Return what is coded of the values (n,)."""
        ...


class Scales:
    """The scale indexes (n,) of the values of a part, and the tables that they are of."""

    def __init__(self, tables: Tables, index: U8):
        self.tables, self.index = tables, index

    @cached_property
    def order(self) -> Order:
        """The order of the coded values."""
        return Order(self.tables.coding, len(self.tables.radius), self.index)

    @property
    def coded(self) -> U8:
        """(m,) Those of the coded values, in coding order."""
        return self.index.take(self.order.places)

    def split(self, values: I32) -> Split:
        """Return what is coded of the values (n,).

        Raises InputError for a value that is not 0 where the index is 0, and for one beyond an escape.
        """
        tables, index, n = self.tables, self.index, len(self.index)
        if values.shape != (n,):
            raise InputError(f"values {values.shape} and scale indexes ({n},) must be alike")
        m = int(np.count_nonzero(index))
        first, second, coded = (
            np.empty(m // 2 + len(GROUPINGS), np.intp),
            np.empty(m, np.intp),
            np.empty(m + 1, np.int32),
        )
        raw, counts = np.empty(4 * m + 2, np.uint8), np.empty(4, np.int64)
        status = split_values(values, index, tables.coding, tables.cost, coded, first, second, raw, counts)
        if status == _NO_TABLE:
            tables.check_index(index)
        if status == _LEFT_OUT:
            raise InputError("a value with scale index 0 is not coded: it must be 0")
        if status == _TOO_LARGE:
            raise InputError(f"values reach from {values.min()} to {values.max()}; magnitudes up to 65535 can be coded")
        s, e, size, cost = counts.tolist()
        for codes, count in ((first, s), (second, e)):
            codes.resize(count, refcheck=False)  # gives back the rest, and copies nothing
        return Split(first, second, raw[:size].tobytes(), cost)


CodedPart = tuple[Splits, I32]
"""How values are coded, in which order and with which tables, and these (n,)."""


def encode_parts(tables: Slots, parts: Sequence[CodedPart], flags: int = 0, side: bytes = b"") -> list[bytes]:
    """Return one chunk a part; joined they are the stream of the tile.

    The first chunk begins with the number of lanes and the family's 4 bits of flags, its side bytes, and the states.
    Any other chunk is empty if its part has no coded values. Raises InputError for values that cannot be coded.
    """
    coded = [how.split(values) for how, values in parts]
    raw = [part.raw for part in coded]
    stream_bytes = sum(part.cost for part in coded) / COST_UNITS / 8 + sum(map(len, raw))
    lanes = _choose_lanes(stream_bytes, len(raw[-1]) if raw else 0)
    spare = lanes * WORD_BYTES
    states = np.full(lanes, rans.LOWEST_STATE, np.uint32)
    if raw:
        states |= np.frombuffer(raw[-1][:spare].ljust(spare, b"\0"), "<u2")
        raw[-1] = raw[-1][spare:]
    chunks: list[bytes] = []
    for part, raw_bytes in zip(reversed(coded), reversed(raw), strict=True):  # last in, first out
        words = np.empty(len(part.first) + len(part.second), np.uint16)
        at = push_passes(states, part.first, part.second, *tables.intervals, words)
        chunks.append(words[at:].astype("<u2", copy=False).tobytes() + raw_bytes)
    head = bytes([flags << _LANES_BITS | lanes.bit_length() - 1]) + side + states.astype("<u4").tobytes()
    return [head + chunks.pop(), *reversed(chunks)] if chunks else [head]


def ideal_bits(parts: Sequence[CodedPart]) -> float:
    """Return the bits of parts without what the coder's states add, but with those that fill up bytes of raw bits."""
    coded = [how.split(values) for how, values in parts]
    return sum(part.cost / COST_UNITS + 8 * len(part.raw) for part in coded)


class PartReader:
    """Reads a tile's stream part by part: the inverse of `encode_parts`.

        reader = PartReader(tables, data, len(orders))
        side = reader.side(reader.flags and SIDE_BYTES)
        values = [reader.read(scales) for scales in parts]
        reader.close()

    Parts from `end` on are not read: their values are 0. `known_flags` are the flags that the family knows. Raises
    TruncatedError where the bytes run out, StreamError where they make no sense.
    """

    def __init__(self, tables: Slots, data: bytes, parts: int, end: int | None = None, known_flags: int = 0):
        self._tables = tables
        self._data = data
        self._parts = self._left = parts
        """All parts, and those that have not been read."""
        self._unread = 0 if end is None else parts - end
        """Of these, how many will not be."""
        if len(data) < 1 + STATE_BYTES:
            raise TruncatedError(f"tile stream of {len(data)} bytes, needs {1 + STATE_BYTES} at least")
        self.flags, self._log2_lanes = divmod(data[0], 1 << _LANES_BITS)
        if self._log2_lanes >= MAX_LANES.bit_length():
            raise StreamError(f"tile stream with 2**{self._log2_lanes} lanes, at most {MAX_LANES} are allowed")
        if self.flags & ~known_flags:
            raise StreamError(f"tile stream with flags {self.flags:#x}: it is damaged")
        self._bytes: U8 = np.frombuffer(data, np.uint8)
        self._at = 1
        self._states: U32 | None = None

    @property
    def more(self) -> bool:
        """Whether a part is left that the stream has; of all others the values are 0."""
        return self._left > self._unread

    @property
    def parts_read(self) -> int:
        """How many parts have been read."""
        return self._parts - self._left

    def side(self, count: int) -> bytes:
        """Return the next of the family's side bytes, all of which come before the first part."""
        assert self._states is None
        self._at += count
        if self._at > len(self._data):
            raise TruncatedError(f"tile stream ends early: {self._at - len(self._data)} of its side bytes are missing")
        return self._data[self._at - count : self._at]

    def read(self, scales: Scales) -> I32:
        """Return the values (n,) of the next part, which has such scales."""
        tables, index = scales.tables, scales.index
        if not self.more:
            self._left -= 1
            return np.zeros(len(index), np.int32)
        values, coded = np.empty(len(index), np.int32), np.empty(len(index) + ROOM, np.int32)
        looked_up = tables.looked_up(compiled(read_values))
        last, states = int(self._left == 1), self._begun()
        at = read_values(
            self._bytes, self._at, states, last, index, tables.coding, *tables.intervals, *looked_up, coded, values
        )
        if at == _NO_TABLE:
            tables.check_index(index)
        if at < 0:
            raise _refusal(at)
        self._at, self._left = at, self._left - 1
        return values

    def read_passes(self, first: U8, second: Callable[[U8], U8]) -> tuple[U8, U8]:
        """Return the symbols of the next part, one of `plain.Passes`: those of tables `first`, and of the tables that
        `second` tells from them.
        """
        assert self.more
        told = self._pop(first)
        found = told, self._pop(second(told))
        self._left -= 1
        return found

    def close(self) -> None:
        """Raise StreamError unless all bytes are used and all states are back at 2**16, if all parts have been read."""
        if self._unread:
            return
        states = self._begun()
        if self._at != len(self._data):
            raise StreamError(f"{len(self._data) - self._at} bytes left over in a tile stream")
        if np.any(states != rans.LOWEST_STATE):
            raise StreamError("coder states do not return to 65536: the tile stream is damaged")

    def _begun(self) -> U32:
        """Return the states, which come behind the side bytes."""
        if self._states is None:
            lanes = 1 << self._log2_lanes
            begin, self._at = self._at, self._at + lanes * STATE_BYTES
            if len(self._data) < self._at:
                raise TruncatedError(
                    f"tile stream of {len(self._data)} bytes, its {lanes} lanes need {self._at} at least"
                )
            self._states = np.frombuffer(self._data, "<u4", lanes, offset=begin).astype(np.uint32)
            if self._states.min() < rans.LOWEST_STATE:
                raise StreamError(f"coder state {self._states.min()} is below 65536: damaged stream")
        return self._states

    def _pop(self, table: Intp | U8) -> U8:
        """Return the next symbols (s,), of tables (s,)."""
        states = self._begun()
        available = min(len(table), (len(self._data) - self._at) // WORD_BYTES)
        words = np.frombuffer(self._data, "<u2", available, offset=self._at)
        self._states, symbols, used = rans.pop(states, words, table, self._tables)
        self._at += used * WORD_BYTES
        return symbols


def _refusal(status: int) -> StreamError:
    """Return the error for what `read_values` refuses."""
    if status in (_NO_WORDS, _NO_BYTES):
        what = "coded symbols end early" if status == _NO_WORDS else "raw bits end early"
        return TruncatedError(f"{what}: the stream is cut or damaged, get a whole copy")
    if status == _BEHIND:
        return StreamError("bits behind the last raw bits are not 0: the tile stream is damaged")
    return StreamError("a small value is coded as an escape: the tile stream is damaged")


def pack_bits(fields: I64, width: I64) -> bytes:
    """Return the low width[j] bits, at most 32, of each fields[j] in order, highest first, padded with 0."""
    bits = np.unpackbits(fields.astype(">u4").view(np.uint8)).reshape(-1, _FIELD_BITS)
    return np.packbits(bits[_low(width)]).tobytes()


def unpack_bits(data: bytes, width: I64) -> tuple[I64, bool]:
    """Return the fields that pack_bits packed, and whether bits behind them are not 0."""
    found = np.unpackbits(np.frombuffer(data, np.uint8))
    bits, low = np.zeros((len(width), _FIELD_BITS), np.uint8), _low(width)
    total = np.count_nonzero(low)
    bits[low] = found[:total]
    return np.packbits(bits).view(">u4").astype(np.int64), bool(found[total:].any())


def _low(width: I64) -> Bool:
    """Return which of the bits (f, 32) of fields, highest first, are their lowest, so many of each."""
    return np.arange(_FIELD_BITS, 0, -1) <= width[:, None]


def _choose_lanes(stream_bytes: float, raw_bytes: int) -> int:
    """Return the number of lanes for a stream of about so many bytes, so many of them raw and in the last part."""

    def waste(lanes: int) -> int:
        return lanes * LANE_WASTE_BYTES - min(lanes * WORD_BYTES, raw_bytes)

    lanes = 1
    while lanes < MAX_LANES and waste(2 * lanes) <= LANE_WASTE_SHARE * stream_bytes:
        lanes *= 2
    return lanes


# -- numpy twins -------------------------------------------------------------------------------------------------------


@twin
def split_values(
    values: I32,
    index: U8,
    coding: I32,
    cost: I64,
    coded: I32,
    first: Intp,
    second: Intp,
    raw: U8,
    counts: I64,
) -> int:
    """Fill in codes of the groups and of the excesses of values (n,) with scale indexes (n,), and their raw bytes, and
    counts (4,): how many these are, and what the codes cost. Return 0, or what is refused.

    coding (I, 5) and cost (T * 512,) are those of `Tables`; coded (m + 1,) takes the coded values.
    """
    if index.max(initial=0) >= len(coding):
        return _NO_TABLE
    order = Order(coding, len(cost) // (2 * SYMBOLS), index)
    taken = values.take(order.places, out=coded[:-1], mode="clip")
    if np.count_nonzero(taken) != np.count_nonzero(values):
        return _LEFT_OUT
    symbols = order.split(taken)
    if symbols is None:
        return _TOO_LARGE
    packed = pack_bits(symbols.fields, symbols.widths) + np.packbits(symbols.signs).tobytes()
    counts[:3] = s, e, size = len(symbols.groups), len(symbols.excesses), len(packed)
    first[:s], second[:e], raw[:size] = symbols.groups, symbols.excesses, np.frombuffer(packed, np.uint8)
    counts[3] = cost.take(symbols.groups).sum() + cost.take(symbols.excesses).sum()
    return 0


@twin
def read_values(
    data: U8,
    at: int,
    states: U32,
    last: int,
    index: U8,
    coding: I32,
    start: U32,
    freq: U32,
    entries: U32,
    numbers: U8,
    coded: I32,
    values: I32,
) -> int:
    """Fill in the values (n,) of a part with scale indexes (n,) that begins at a byte of the data (b,).

    Return the byte behind it, or what is refused. states (L,) change; the last part's first raw bytes are in them, and
    become 0 when they are read. coding (I, 5) is that of `Tables`, start, freq, entries and numbers are those that
    `rans.pop_symbols` takes; coded (n + ROOM,) takes the coded values.
    """
    if index.max(initial=0) >= len(coding):
        return _NO_TABLE
    try:
        return _read_values(
            _Taker(data, at, states, bool(last)), index, coding, (start, freq, entries, numbers), values
        )
    except _Refused as refused:
        return refused.status


class _Refused(Exception):
    """`read_values` refuses something."""

    def __init__(self, status: int):
        self.status = status


class _Taker:
    """Takes words and raw bytes from a byte of the data on; if the states hold raw bytes, these come first."""

    def __init__(self, data: U8, at: int, states: U32, held: bool):
        self._data, self.at, self._states, self._held, self._taken = data, at, states, held, 0

    def symbols(self, table: Intp, tables: tuple[U32, U32, U32, U8]) -> U8:
        """Return the next symbols (s,), of tables (s,)."""
        count, symbols = min(len(table), (len(self._data) - self.at) // WORD_BYTES), np.empty(len(table), np.uint8)
        words = self._data[self.at : self.at + count * WORD_BYTES].view("<u2")
        used = rans.pop_symbols(self._states, words, table, *tables, symbols)
        if used < 0:
            raise _Refused(_NO_WORDS)
        self.at += used * WORD_BYTES
        return symbols

    def raw(self, bits: int) -> bytes:
        """Return the next raw bytes, so many that they hold the bits."""
        size = (bits + 7) // 8
        held = self._in_states()[self._taken : self._taken + size]
        self._taken += len(held)
        self.at += size - len(held)
        if self.at > len(self._data):
            raise _Refused(_NO_BYTES)
        return held + self._data[self.at - size + len(held) : self.at].tobytes()

    def clear(self) -> None:
        """Set the bytes to 0 that came from the states."""
        if self._held:
            whole = bytes(self._taken) + self._in_states()[self._taken :]
            self._states &= ~np.uint32(rans.LOWEST_STATE - 1)
            self._states |= np.frombuffer(whole, "<u2")

    def _in_states(self) -> bytes:
        return self._states.astype("<u2").tobytes() if self._held else b""


def _read_values(take: _Taker, index: U8, coding: I32, tables: tuple[U32, U32, U32, U8], values: I32) -> int:
    """Return what read_values returns; raise _Refused."""
    order = Order(coding, len(tables[0]) // (2 * SYMBOLS), index)
    q, tops = order.digits(take.symbols(order.groups, tables))
    fields = order.fields(q, tops, take.symbols(order.excesses(tops), tables))
    raw, behind = unpack_bits(take.raw(int(fields.widths.sum())), fields.widths)
    if behind:
        raise _Refused(_BEHIND)
    if order.join(q, fields, raw):
        raise _Refused(_SMALL)
    some = np.flatnonzero(q)
    signs = np.unpackbits(np.frombuffer(take.raw(len(some)), np.uint8))
    if signs[len(some) :].any():
        raise _Refused(_BEHIND)
    down = some[signs[: len(some)].view(np.bool_)]
    q[down] = -q[down]
    take.clear()
    values[:] = 0
    values[order.places] = q
    return take.at


@twin
def push_passes(states: U32, first: Intp, second: Intp, start: U32, freq: U32, words: U16) -> int:
    """Return where the words of codes begin in `words`, filled from its end; states change in place.

    The second ones are pushed before the first, and all words of these come before theirs.
    """
    at = len(words)
    for codes in (second, first):
        at = rans.push_symbols(states, start.take(codes), freq.take(codes), words[:at])
    return at
