"""Frequency tables of few symbols, each of which is coded by itself: for codes of many different probabilities.

`tables.py` has the other kind, of values that share a symbol. Both look the same to `tile_stream.py`: symbol s of table
t is number t * 256 + s, and its slots are among the 2**14 of its table.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from runtime.arrays import F64, I32, I64, U8, U16, U32
from runtime.entropy.rans import ENTRY_FREQ_SHIFT, PRECISION_BITS
from runtime.entropy.residuals import Symbols
from runtime.entropy.tables import SYMBOLS
from runtime.errors import BundleError

_SLOTS = 1 << PRECISION_BITS


@dataclass(frozen=True, eq=False)
class PlainTables:
    """Frequency tables, checked on construction: BundleError says what is wrong."""

    frequencies: U16
    """(T, A) slots of each symbol: a row adds up to 2**14; no more than 256 of each."""

    def __post_init__(self) -> None:
        slots = self.frequencies
        if slots.dtype.kind != "u" or slots.ndim != 2 or not 1 <= slots.shape[0] <= SYMBOLS >= slots.shape[1] >= 1:
            raise _bad(f"frequencies are {slots.dtype} of shape {slots.shape}, need unsigned integers (1..256, 1..256)")
        totals = slots.sum(axis=1, dtype=np.int64)
        if np.any(totals != _SLOTS):
            raise _bad(f"a row of frequencies adds up to {totals.min()}..{totals.max()}, not {_SLOTS}")

    @cached_property
    def _wide(self) -> I64:
        """(T, 256) slots of each symbol."""
        tables, symbols = self.frequencies.shape
        return np.pad(self.frequencies.astype(np.int64), ((0, 0), (0, SYMBOLS - symbols)))

    @cached_property
    def intervals(self) -> tuple[U32, U32]:
        """Return start and freq of symbol s of table t, at t * 256 + s, both (T * 256,)."""
        start = np.cumsum(self._wide, axis=1) - self._wide
        return start.astype(np.uint32).ravel(), self._wide.astype(np.uint32).ravel()

    @cached_property
    def symbols(self) -> U8:
        """(T * 2**14,) symbol of each slot of each table."""
        numbers = np.tile(np.arange(SYMBOLS, dtype=np.uint8), len(self.frequencies))
        return np.repeat(numbers, self._wide.ravel())

    @cached_property
    def entries(self) -> U32:
        """(T * 2**14,) freq * 2**16 + slot - start of each slot of each table: what pop needs."""
        start, freq = self.intervals
        packed = (freq << np.uint32(ENTRY_FREQ_SHIFT)) - start  # wraps where start > 0, and back when a slot is added
        entries = np.repeat(packed, freq).reshape(-1, _SLOTS)
        entries += np.arange(_SLOTS, dtype=np.uint32)
        return entries.ravel()

    @cached_property
    def cost(self) -> F64:
        """(T * 256,) bits of symbol s of table t, at t * 256 + s; symbols without slots have no meaning."""
        return PRECISION_BITS - np.log2(np.maximum(self.intervals[1], 1))


@dataclass(frozen=True, eq=False)
class Passes:
    """The tables of a part's symbols, which are coded in two passes: what the second has, the first one tells."""

    first: U8
    second: U8

    def split(self, values: I32) -> Symbols:
        """Return the symbols of a part, of the first pass and then of the second, as the coder takes them."""
        tables = np.concatenate([self.first, self.second])
        codes = tables * np.intp(SYMBOLS) + values
        none = np.zeros(0, np.int64)
        return Symbols(codes[: len(self.first)], codes[len(self.first) :], none, none, none.astype(np.bool_))


def _bad(what: str) -> BundleError:
    return BundleError(f"prior.npz of the bundle cannot be used: {what}; export the bundle anew")
