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
from typing import Protocol

import numpy as np

from runtime.arrays import I32, I64, U8, U32, Bool, Intp
from runtime.entropy import rans
from runtime.entropy.rans import Slots
from runtime.entropy.residuals import Order, Symbols
from runtime.errors import StreamError, TruncatedError
from runtime.native import twin

MAX_LANES = 4096
"""More would not be faster: the cost of a row is then in the data, not in the calls."""

LANE_WASTE_BYTES = 3
"""What a lane costs: of the 4 bytes of its final state the symbols fill 1 on average, and raw bytes may fill 2."""

LANE_WASTE_SHARE = 0.007
"""The encoder takes as many lanes as cost at most this share of the stream."""

_LANES_BITS = 4
"""Of the first byte; the others are the family's flags."""

_FIELD_BITS = 32
"""Raw bits of a value are fewer: 16 of an escape and a shift of 15."""

STATE_BYTES = 4
WORD_BYTES = 2


class Splits(Protocol):
    """How the values of a part become symbols."""

    def split(self, value: I32, /) -> Symbols:
        """Return the symbols of the coded values (m,)."""
        ...


CodedPart = tuple[Splits, I32]
"""How values are coded, in which order and with which tables, and these (m,)."""


def encode_parts(tables: Slots, parts: Sequence[CodedPart], flags: int = 0, side: bytes = b"") -> list[bytes]:
    """Return one chunk a part; joined they are the stream of the tile.

    The first chunk begins with the number of lanes and the family's 4 bits of flags, its side bytes, and the states.
    Any other chunk is empty if its part has no coded values. Raises InputError for values that cannot be coded.
    """
    split = [order.split(values) for order, values in parts]
    raw = [pack_bits(symbols.fields, symbols.widths) + np.packbits(symbols.signs).tobytes() for symbols in split]
    lanes = _choose_lanes(_coded_bits(tables, split) / 8 + sum(map(len, raw)), len(raw[-1]) if raw else 0)
    spare = lanes * WORD_BYTES
    states = np.full(lanes, rans.LOWEST_STATE, np.uint32)
    if raw:
        states |= np.frombuffer(raw[-1][:spare].ljust(spare, b"\0"), "<u2")
        raw[-1] = raw[-1][spare:]
    chunks: list[bytes] = []
    for symbols, raw_bytes in zip(reversed(split), reversed(raw), strict=True):  # last in, first out
        states, excesses = _push(tables, states, symbols.excesses)
        states, groups = _push(tables, states, symbols.groups)
        chunks.append(groups + excesses + raw_bytes)
    head = bytes([flags << _LANES_BITS | lanes.bit_length() - 1]) + side + states.astype("<u4").tobytes()
    return [head + chunks.pop(), *reversed(chunks)] if chunks else [head]


def ideal_bits(tables: Slots, parts: Sequence[CodedPart]) -> float:
    """Return the bits of parts without what the coder's states and whole bytes add."""
    split = [order.split(values) for order, values in parts]
    return _coded_bits(tables, split) + sum(int(part.widths.sum()) + len(part.signs) for part in split)


def _coded_bits(tables: Slots, parts: Sequence[Symbols]) -> float:
    return sum(float(tables.cost.take(codes).sum()) for part in parts for codes in (part.groups, part.excesses))


class PartReader:
    """Reads a tile's stream part by part: the inverse of `encode_parts`.

        reader = PartReader(tables, data, len(orders))
        side = reader.side(reader.flags and SIDE_BYTES)
        values = [reader.read(order) for order in orders]
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
        self._at = 1
        self._states: U32 | None = None
        self._spare = b""
        """Raw bytes of the last part that came in the states."""

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

    def read(self, order: Order) -> I32:
        """Return the coded values (m,) of the next part, which has such an order."""
        if not self.more:
            self._left -= 1
            return np.zeros(len(order.index), np.int32)
        q, tops = order.digits(self._pop(order.groups))
        fields = order.fields(q, tops, self._pop(order.excesses(tops)))
        self._end_part()
        raw = unpack_bits(self._take(int(fields.widths.sum())), fields.widths)
        values = order.join(q, fields, raw)
        count = int(np.count_nonzero(values))
        signs = np.frombuffer(self._take(count), np.uint8)
        if count % 8 and signs[-1] << (count % 8) & 0xFF:
            raise _behind()
        give_signs(values, signs)
        return values

    def read_passes(self, first: U8, second: Callable[[U8], U8]) -> tuple[U8, U8]:
        """Return the symbols of the next part, one of `plain.Passes`: those of tables `first`, and of the tables that
        `second` tells from them.
        """
        assert self.more
        told = self._pop(first)
        found = told, self._pop(second(told))
        self._end_part()
        return found

    def close(self) -> None:
        """Raise StreamError unless all bytes are used and all states are back at 2**16, if all parts have been read."""
        if self._unread:
            return
        states = self._begun()
        if self._at != len(self._data):
            raise StreamError(f"{len(self._data) - self._at} bytes left over in a tile stream")
        if any(self._spare) or np.any(states != rans.LOWEST_STATE):
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

    def _end_part(self) -> None:
        """Count a part as read, and take the raw bytes of the last one out of the states."""
        self._left -= 1
        if self._left == 0:
            states = self._begun()
            self._spare = states.astype("<u2").tobytes()
            self._states = states & ~np.uint32(rans.LOWEST_STATE - 1)

    def _pop(self, table: Intp | U8) -> U8:
        """Return the next symbols (s,), of tables (s,)."""
        states = self._begun()
        available = min(len(table), (len(self._data) - self._at) // WORD_BYTES)
        words = np.frombuffer(self._data, "<u2", available, offset=self._at)
        self._states, symbols, used = rans.pop(states, words, table, self._tables)
        self._at += used * WORD_BYTES
        return symbols

    def _take(self, bits: int) -> bytes:
        """Return the next raw bytes, so many that they hold the bits; what the states held comes first."""
        size = (bits + 7) // 8
        held, self._spare = self._spare[:size], self._spare[size:]
        size -= len(held)
        self._at += size
        if self._at > len(self._data):
            raise TruncatedError(
                f"tile stream ends early: {size} bytes of raw bits announced, {self._at - len(self._data)} are missing"
            )
        return held + self._data[self._at - size : self._at]


def pack_bits(fields: I64, width: I64) -> bytes:
    """Return the low width[j] bits, at most 32, of each fields[j] in order, highest first, padded with 0."""
    data = np.empty((int(width.sum()) + 7) // 8, np.uint8)
    pack_fields(fields, width, data)
    return data.tobytes()


def unpack_bits(data: bytes, width: I64) -> I64:
    """Return the fields that pack_bits packed; data has as many bytes as the widths need."""
    fields = np.empty(len(width), np.int64)
    if unpack_fields(np.frombuffer(data, np.uint8), width, fields):
        raise _behind()
    return fields


@twin
def give_signs(values: I32, signs: U8) -> None:
    """Turn those of the values (m,) that are not 0 negative whose bit is 1 in the bytes, the highest first."""
    some = np.flatnonzero(values != 0)
    down = some[np.unpackbits(signs, count=len(some)).view(np.bool_)]
    values[down] = -values[down]


@twin
def pack_fields(fields: I64, width: I64, data: U8) -> None:
    """Fill data (b,) with what pack_bits returns."""
    bits = np.unpackbits(fields.astype(">u4").view(np.uint8)).reshape(-1, _FIELD_BITS)
    data[:] = np.packbits(bits[_low(width)])


@twin
def unpack_fields(data: U8, width: I64, fields: I64) -> int:
    """Fill in the fields (f,) that pack_fields packed, and return whether bits behind them are not 0."""
    found = np.unpackbits(data)
    bits, low = np.zeros((len(width), _FIELD_BITS), np.uint8), _low(width)
    total = np.count_nonzero(low)
    bits[low] = found[:total]
    fields[:] = np.packbits(bits).view(">u4")
    return int(found[total:].any())


def _low(width: I64) -> Bool:
    """Return which of the bits (f, 32) of fields, highest first, are their lowest, so many of each."""
    return np.arange(_FIELD_BITS, 0, -1) <= width[:, None]


def _behind() -> StreamError:
    return StreamError("bits behind the last raw bits are not 0: the tile stream is damaged")


def _push(tables: Slots, states: U32, codes: Intp) -> tuple[U32, bytes]:
    """Return the states after the symbols of codes (s,), and their words as bytes."""
    start, freq = tables.intervals
    states, words = rans.push(states, start.take(codes), freq.take(codes))
    return states, words.astype("<u2").tobytes()


def _choose_lanes(stream_bytes: float, raw_bytes: int) -> int:
    """Return the number of lanes for a stream of about so many bytes, so many of them raw and in the last part."""

    def waste(lanes: int) -> int:
        return lanes * LANE_WASTE_BYTES - min(lanes * WORD_BYTES, raw_bytes)

    lanes = 1
    while lanes < MAX_LANES and waste(2 * lanes) <= LANE_WASTE_SHARE * stream_bytes:
        lanes *= 2
    return lanes
