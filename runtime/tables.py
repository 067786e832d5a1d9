"""Static integer frequency tables: latents to symbols and back (FORMAT.md, Tables).

The tables come with the bundle; `rans.py` codes what they say, `streams.py` calls both. Nothing
here is a float except the cost in bits, so every machine takes the same decisions.

A latent r with scale index i and shift k = index_shift[i] is coded in two parts:

    q = r >> k, with table t = index_table[i]:   q + radius[t]   if |q| <= radius[t]
                                                 ESCAPE          else; q follows as 16 raw bits
    the k low bits of r                          raw

Scale index 0 means that r is 0 and takes no bits at all.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runtime.errors import BundleError, InputError, StreamError
from runtime.rans import PRECISION_BITS, Ints

ESCAPE_BITS = 16
"""Raw bits of a value beyond its table's radius, two's complement."""

LARGEST_ESCAPE = (1 << (ESCAPE_BITS - 1)) - 1

MAX_SHIFT = 15
"""Most low bits that may be sent raw: with the 16 bits of an escape the value still fits int32."""

MAX_TABLES = 256
"""index_table holds uint8."""


class Coded(NamedTuple):
    """Which m of n values are coded, and how: all that the scale indexes say."""

    where: NDArray[np.intp]
    """(m,) places of the coded values among the n, ascending."""
    table: Ints
    """(m,) row of the frequency table."""
    shift: Ints
    """(m,) number of low bits sent raw."""


class Symbols(NamedTuple):
    """What the coder sees of m coded values, all arrays (m,)."""

    table: Ints
    """Row of the frequency table."""
    symbol: Ints
    """Column of the frequency table."""
    raw: Ints
    """Bits sent as they are: the escaped value, then the low bits of the latent."""
    raw_width: Ints
    """How many bits of `raw` are sent, 0 to 31."""


@dataclass(frozen=True, eq=False)
class Tables:
    """Frequency tables, checked on construction: BundleError says what is wrong."""

    frequencies: NDArray[np.uint16]
    """(T, A) slots of each symbol: a row adds up to 2**14, symbols in use have 1 or more."""
    radius: NDArray[np.uint16]
    """(T,) table t has the values -radius .. radius and then ESCAPE, 2 * radius + 2 symbols."""
    index_table: NDArray[np.uint8]
    """(I,) table of each scale index; the entry of scale index 0 is not used."""
    index_shift: NDArray[np.uint8]
    """(I,) number of low bits sent raw for each scale index, 0 to 15."""

    def __post_init__(self) -> None:
        arrays: dict[str, tuple[NDArray[Any], int]] = {
            "frequencies": (self.frequencies, 2),
            "radius": (self.radius, 1),
            "index_table": (self.index_table, 1),
            "index_shift": (self.index_shift, 1),
        }
        for name, (array, dimensions) in arrays.items():
            if array.dtype.kind != "u" or array.ndim != dimensions:
                raise _bad(
                    f"{name} is {array.dtype} with {array.ndim} dimensions, needs unsigned integers with {dimensions}"
                )
        tables, columns = self.frequencies.shape
        if not 1 <= tables <= MAX_TABLES or self.radius.shape != (tables,):
            raise _bad(f"{tables} frequency tables with {len(self.radius)} radii, needs 1 to 256 of each")
        indexes = len(self.index_table)
        if not 1 <= indexes <= 256 or len(self.index_shift) != indexes:
            raise _bad(f"{indexes} index_table and {len(self.index_shift)} index_shift entries, needs 1 to 256 of each")
        if self.index_table.max() >= tables:
            raise _bad(f"index_table names table {self.index_table.max()} of {tables}")
        if self.index_shift.max() > MAX_SHIFT:
            raise _bad(f"index_shift is up to {self.index_shift.max()}, may be {MAX_SHIFT}")
        used = np.arange(columns) <= self._escape[:, None]  # (T, A)
        if self._escape.max() >= columns:
            raise _bad(f"radius {self.radius.max()} needs more than {columns} columns")
        if np.any((self.frequencies > 0) != used):
            raise _bad("frequencies must be at least 1 for symbols in use and 0 for all others")
        totals = self.frequencies.sum(axis=1, dtype=np.int64)
        if np.any(totals != 1 << PRECISION_BITS):
            raise _bad(f"a row of frequencies adds up to {totals.min()}..{totals.max()}, not 16384")

    @cached_property
    def start(self) -> Ints:
        """(T, A) first slot of each symbol."""
        ends = np.cumsum(self.frequencies, axis=1, dtype=np.int64)
        start: Ints = ends - self.frequencies
        return start

    @cached_property
    def slots(self) -> tuple[Ints, Ints, NDArray[np.uint16]]:
        """freq, slot - start and symbol of each slot of each table, all (T * 2**14,)."""
        freq = self.frequencies.astype(np.int64).ravel()
        symbol = np.tile(np.arange(self.frequencies.shape[1]), len(self.frequencies))
        slot = np.tile(np.arange(1 << PRECISION_BITS), len(self.frequencies))
        offset = slot - np.repeat(self.start.ravel(), freq)
        return np.repeat(freq, freq), offset, np.repeat(symbol, freq).astype(np.uint16)

    @cached_property
    def _radius(self) -> Ints:
        return self.radius.astype(np.int64)

    @cached_property
    def _escape(self) -> Ints:
        """(T,) the last symbol of each table."""
        return 2 * self._radius + 1

    def coded(self, index: NDArray[np.uint8]) -> Coded:
        """Return which values of scale index (n,) are coded; InputError if one is out of range."""
        where = np.flatnonzero(index)
        scale = index[where]
        if scale.max(initial=0) >= len(self.index_table):
            raise InputError(
                f"scale index {scale.max()}, the tables have {len(self.index_table)}: are they of another bundle?"
            )
        table, shift = self.index_table[scale], self.index_shift[scale]
        return Coded(where, table.astype(np.int64), shift.astype(np.int64))

    def split(self, values: NDArray[np.int32], index: NDArray[np.uint8]) -> Symbols:
        """Return the symbols and raw bits of values (n,) with scale index (n,).

        Raises InputError for a value that is not 0 where the index is 0, and for one that does not
        fit the 16 bits of an escape.
        """
        where, table, shift = self.coded(index)
        if values.shape != index.shape:
            raise InputError(f"values {values.shape} and scale indexes {index.shape} must be alike")
        value = values[where].astype(np.int64)
        if np.count_nonzero(value) != np.count_nonzero(values):
            raise InputError("a latent with scale index 0 is not coded: it must be 0")
        q = value >> shift
        if q.min(initial=0) < -LARGEST_ESCAPE - 1 or q.max(initial=0) > LARGEST_ESCAPE:
            raise InputError(f"latents reach {q.min()}..{q.max()}, only -32768..32767 can be coded")
        raw = value & ((1 << shift) - 1)
        raw_width = shift.copy()
        symbol = q + self._radius[table]
        escaped = np.flatnonzero(np.abs(q) > self._radius[table])
        symbol[escaped] = self._escape[table[escaped]]
        raw[escaped] |= (q[escaped] & 0xFFFF) << shift[escaped]
        raw_width[escaped] += ESCAPE_BITS
        return Symbols(table, symbol, raw, raw_width)

    def raw_width(self, coded: Coded, symbol: Ints) -> Ints:
        """Return how many raw bits follow each of the m symbols: (m,), 0 to 31."""
        escaped = symbol == self._escape[coded.table]
        width: Ints = coded.shift + ESCAPE_BITS * escaped
        return width

    def join(self, n: int, coded: Coded, symbol: Ints, raw: Ints) -> NDArray[np.int32]:
        """Return the n values from symbol and raw (m,) of those coded, the inverse of split.

        Raises StreamError for an escape that stands for a value which its table has.
        """
        radius = self._radius[coded.table]
        q = symbol - radius
        escaped = np.flatnonzero(q > radius)
        q[escaped] = (raw[escaped] >> coded.shift[escaped]).astype(np.uint16).view(np.int16)
        if np.any(np.abs(q[escaped]) <= radius[escaped]):
            raise StreamError("a small latent is coded as an escape: the tile stream is damaged")
        values = np.zeros(n, np.int32)
        values[coded.where] = (q << coded.shift) | (raw & ((1 << coded.shift) - 1))
        return values

    def bits(self, values: NDArray[np.int32], index: NDArray[np.uint8]) -> float:
        """Return the bits an ideal coder spends on values (n,) of scale index (n,)."""
        return self.symbol_bits(self.split(values, index))

    def symbol_bits(self, symbols: Symbols) -> float:
        """Return the bits an ideal coder spends on the symbols and their raw bits."""
        freq = self.frequencies[symbols.table, symbols.symbol].astype(np.float64)
        return float(np.sum(PRECISION_BITS - np.log2(freq)) + np.sum(symbols.raw_width))


def _bad(what: str) -> BundleError:
    return BundleError(f"tables.npz of the bundle cannot be used: {what}; export the bundle anew")
