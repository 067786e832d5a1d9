"""Frequency tables of few symbols, each of which is coded by itself: for codes of many different probabilities.

`tables.py` has the other kind, of values that share a symbol. Both look the same to `tile_stream.py`: symbol s of table
t is number t * 256 + s, and its slots are among the 2**14 of its table.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from runtime.arrays import I32, I64, U8, U16
from runtime.entropy.rans import SLOTS, Slots
from runtime.entropy.tables import SYMBOLS
from runtime.entropy.tile_stream import Split
from runtime.errors import BundleError


@dataclass(frozen=True, eq=False)
class PlainTables(Slots):
    """Frequency tables, checked on construction: BundleError says what is wrong."""

    frequencies: U16
    """(T, A) slots of each symbol: a row adds up to 2**14; no more than 256 of each."""

    def __post_init__(self) -> None:
        slots = self.frequencies
        if slots.dtype.kind != "u" or slots.ndim != 2 or not 1 <= slots.shape[0] <= SYMBOLS >= slots.shape[1] >= 1:
            raise _bad(f"frequencies are {slots.dtype} of shape {slots.shape}, need unsigned integers (1..256, 1..256)")
        totals = slots.sum(axis=1, dtype=np.int64)
        if np.any(totals != SLOTS):
            raise _bad(f"a row of frequencies adds up to {totals.min()}..{totals.max()}, not {SLOTS}")

    @cached_property
    def starts(self) -> I64:
        """(T, 257) first slot of each symbol, then 2**14."""
        unused = SYMBOLS - self.frequencies.shape[1]
        return np.pad(self.frequencies.astype(np.int64), ((0, 0), (1, unused))).cumsum(axis=1)


@dataclass(frozen=True, eq=False)
class Passes:
    """The tables of a part's symbols, which are coded in two passes: what the second has, the first one tells."""

    tables: PlainTables
    first: U8
    second: U8

    def split(self, values: I32) -> Split:
        """Return the symbols of a part, of the first pass and then of the second, as the coder takes them."""
        codes = np.concatenate([self.first, self.second]) * np.intp(SYMBOLS) + values
        first, second = codes[: len(self.first)], codes[len(self.first) :]
        return Split(first, second, b"", int(self.tables.cost.take(codes).sum()))


def _bad(what: str) -> BundleError:
    return BundleError(f"prior.npz of the bundle cannot be used: {what}; export the bundle anew")
