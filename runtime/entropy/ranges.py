"""A range coder whose bytes may end anywhere: what is left of a message tells as many of its symbols as it can.

A message is a number from 0 to 1. Each symbol narrows the interval that the number lies in to the symbol's share of it
(Martin 1979). The bytes are the number's first digits in base 256: fewer of them leave a wider interval, and symbols
can be read for as long as all of it is in the share of one symbol. So nothing tells where a message ends, and that
costs nothing: what is cut to a size, or whole in the fewest bytes, is read as far as it goes.

Symbols and tables are those of `tile_stream.py`: symbol s of table t is code t * 256 + s and has some of 2**14 slots.
Spans are in [2**40, 2**48) before every symbol.
"""

from runtime.arrays import Intp
from runtime.entropy.rans import ENTRY_FREQ_SHIFT, PRECISION_BITS, SLOTS, Slots

SPAN_BYTES = 6
LEAST_SPAN = 1 << 8 * (SPAN_BYTES - 1)


def encode(tables: Slots, codes: Intp, most_bytes: int | None = None) -> bytes:
    """Return the fewest bytes that tell all codes (n,), or the first `most_bytes` of these if they are more."""
    start, freq = tables.intervals
    low, span, digits = 0, 1 << 8 * SPAN_BYTES, SPAN_BYTES  # the number is from low to low + span, in 256**-digits
    for first, slots in zip(start.take(codes).tolist(), freq.take(codes).tolist(), strict=True):
        unit = span >> PRECISION_BITS
        low += first * unit
        span = slots * unit
        while span < LEAST_SPAN:
            low, span, digits = low << 8, span << 8, digits + 1
    for count in range(max(0, digits - SPAN_BYTES), digits + 1):
        unit = 1 << 8 * (digits - count)
        number = -(-low // unit)
        if (number + 1) * unit <= low + span:
            break
    if most_bytes is not None and most_bytes < count:
        return (low >> 8 * (digits - most_bytes)).to_bytes(most_bytes)
    return number.to_bytes(count)


class Reader:
    """Reads symbols one by one for as long as the bytes tell them."""

    def __init__(self, tables: Slots, data: bytes):
        self._symbols, self._entries = tables.symbols.data, tables.entries.data  # items are Python integers
        self._data, self._at = data, SPAN_BYTES
        self._span = 1 << 8 * SPAN_BYTES
        self._number = int.from_bytes(data[:SPAN_BYTES].ljust(SPAN_BYTES, b"\0"))
        self._unknown = 1 << 8 * max(0, SPAN_BYTES - len(data))
        """The number may be larger by less than this."""

    def read(self, table: int) -> int | None:
        """Return the next symbol, of a table, or None where the bytes do not tell it."""
        unit = self._span >> PRECISION_BITS
        base = table << PRECISION_BITS
        slot = min(self._number // unit, SLOTS - 1)
        last = min((self._number + self._unknown - 1) // unit, SLOTS - 1)
        symbol = self._symbols[base + slot]
        if symbol != self._symbols[base + last]:
            return None
        freq, above = divmod(self._entries[base + slot], 1 << ENTRY_FREQ_SHIFT)  # the slot is the first one + above
        self._number -= (slot - above) * unit
        self._span = freq * unit
        while self._span < LEAST_SPAN:
            there = self._at < len(self._data)
            self._number = self._number << 8 | (self._data[self._at] if there else 0)
            self._unknown <<= 0 if there else 8
            self._span, self._at = self._span << 8, self._at + 1
        return symbol
