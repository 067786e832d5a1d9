"""The latents of one tile to bytes and back (FORMAT.md, Tile stream).

    u8 log2(lanes) | lanes x u32 final states
    layer 0: words, raw bits | layer 1: words, raw bits | ...

`tables.py` turns values into symbols, `rans.py` symbols into words; here they become one string of
little-endian bytes that can be cut behind any layer and still gives the layers before.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from runtime import rans
from runtime.errors import StreamError, TruncatedError
from runtime.rans import Ints
from runtime.tables import Tables

MAX_LANES = 4096
"""More would not be faster: the cost of a row is then in the data, not in the calls."""

LANE_WASTE_BYTES = 3
"""What a lane costs: its final state takes 4 bytes and holds 1 byte of information on average."""

LANE_WASTE_SHARE = 0.005
"""The encoder takes as many lanes as cost at most this share of the stream."""

STATE_BYTES = 4
WORD_BYTES = 2

Layer = tuple[NDArray[np.int32], NDArray[np.uint8]]
"""Values (n,) and their scale indexes (n,)."""


def encode_layers(tables: Tables, layers: Sequence[Layer]) -> list[bytes]:
    """Return one chunk a layer; joined they are the stream of the tile.

    The first chunk begins with the number of lanes and the states. Any other chunk is empty if its
    layer has scale index 0 everywhere.
    """
    coded = [tables.split(values, index) for values, index in layers]
    lanes = _choose_lanes(sum(tables.symbol_bits(symbols) for symbols in coded))
    states = np.full(lanes, rans.INITIAL_STATE, np.int64)
    chunks = []
    for symbols in reversed(coded):  # last in, first out
        start = tables.start[symbols.table, symbols.symbol]
        freq = tables.frequencies[symbols.table, symbols.symbol].astype(np.int64)
        states, words = rans.push(states, start, freq)
        chunks.append(words.astype("<u2").tobytes() + pack_bits(symbols.raw, symbols.raw_width))
    head = bytes([lanes.bit_length() - 1]) + states.astype("<u4").tobytes()
    return [head + chunks.pop(), *reversed(chunks)] if chunks else [head]


class LayerReader:
    """Reads a tile's stream layer by layer: the inverse of `encode_layers`.

        reader = LayerReader(tables, data)
        values = [reader.read(index) for index in indexes]
        reader.close()

    Raises TruncatedError where the bytes run out, StreamError where they make no sense.
    """

    def __init__(self, tables: Tables, data: bytes):
        self._tables = tables
        self._data = data
        self._at = 1 + STATE_BYTES
        if len(data) < self._at:
            raise TruncatedError(f"tile stream of {len(data)} bytes, needs {self._at} at least")
        if data[0] >= MAX_LANES.bit_length():
            raise StreamError(f"tile stream with 2**{data[0]} lanes, at most {MAX_LANES} may be")
        lanes = 1 << data[0]
        self._at = 1 + lanes * STATE_BYTES
        if len(data) < self._at:
            raise TruncatedError(f"tile stream of {len(data)} bytes, its {lanes} lanes need {self._at}")
        self._states = np.frombuffer(data, "<u4", lanes, offset=1).astype(np.int64)
        if self._states.min() < rans.INITIAL_STATE:
            raise StreamError(f"coder state {self._states.min()} is below 65536: damaged stream")

    def read(self, index: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Return the values (n,) of the next layer; scale index (n,) says how each is coded."""
        freq_of, offset_of, symbol_of = self._tables.slots
        coded = self._tables.coded(index)
        base = coded.table << rans.PRECISION_BITS
        available = min(len(base), (len(self._data) - self._at) // WORD_BYTES)
        words = np.frombuffer(self._data, "<u2", available, offset=self._at)
        self._states, places, used = rans.pop(self._states, words, base, freq_of, offset_of)
        symbol = symbol_of[places].astype(np.int64)
        self._at += used * WORD_BYTES
        raw_width = self._tables.raw_width(coded, symbol)
        raw_bytes = (int(raw_width.sum()) + 7) // 8
        if self._at + raw_bytes > len(self._data):
            raise TruncatedError(
                f"tile stream ends early: {raw_bytes} bytes of raw bits announced, "
                f"{len(self._data) - self._at} are there"
            )
        raw = unpack_bits(self._data[self._at : self._at + raw_bytes], raw_width)
        self._at += raw_bytes
        return self._tables.join(len(index), coded, symbol, raw)

    def close(self) -> None:
        """Raise StreamError unless all bytes are used and all states are back at the first."""
        if self._at != len(self._data):
            raise StreamError(f"{len(self._data) - self._at} bytes left over in a tile stream")
        if np.any(self._states != rans.INITIAL_STATE):
            raise StreamError("coder states do not return to 65536: the tile stream is damaged")


def pack_bits(fields: Ints, width: Ints) -> bytes:
    """Return the low width[j] bits of each fields[j] in order, highest first, padded with 0."""
    ends = np.cumsum(width)
    bits = np.zeros(int(ends[-1]) if len(ends) else 0, np.uint8)
    has = np.arange(len(width))
    for bit in range(int(width.max(initial=0))):
        has = has[width[has] > bit]
        bits[ends[has] - 1 - bit] = (fields[has] >> bit) & 1
    return np.packbits(bits).tobytes()


def unpack_bits(data: bytes, width: Ints) -> Ints:
    """Return the fields that pack_bits packed; data has as many bytes as the widths need."""
    ends = np.cumsum(width)
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    if np.any(bits[int(ends[-1]) if len(ends) else 0 :]):
        raise StreamError("bits behind the last raw bits are not 0: the tile stream is damaged")
    fields = np.zeros(len(width), np.int64)
    has = np.arange(len(width))
    for bit in range(int(width.max(initial=0))):
        has = has[width[has] > bit]
        fields[has] |= bits[ends[has] - 1 - bit].astype(np.int64) << bit
    return fields


def _choose_lanes(bits: float) -> int:
    """Return the number of lanes, a power of two, for a stream of about so many bits."""
    affordable = bits / 8 * LANE_WASTE_SHARE / LANE_WASTE_BYTES
    return 1 << int(math.log2(min(max(affordable, 1), MAX_LANES)))
