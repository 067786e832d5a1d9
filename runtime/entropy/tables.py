"""Static integer frequency tables: values to symbols and back (FORMAT.md, Tables).

The tables come with the bundle; `residuals.py` says what is coded with which, `rans.py` codes it. Nothing
here is a float except the cost in bits, so every machine takes the same decisions.

A value r with scale index i and shift k = index_shift[i] is its sign, the k low bits of |r|, both raw,
and the magnitude q = |r| >> k. The weight of q under table t = index_table[i] is that of -q and q:

    weight[0] = frequencies[radius];  weight[q] = frequencies[radius - q] + frequencies[radius + q]
    weight[radius + 1] = frequencies[2 * radius + 1], of ESCAPE: all that is larger
    weight[q] = 0 for q > radius + 1

Two tables that the coder uses are made of these weights, both of 2**14 slots:

    group    g digits min(q, b - 1) as one symbol, a number of g digits in base b, the first value in front.
             (g, b) is the first of GROUPINGS in which the digit b - 1 has a weight of at most 2**10.
             P(symbol) = 2**40, times the weight of each digit in turn, divided by 2**14 and rounded down.
    excess   q - (b - 1) of a value with the digit b - 1, and ESCAPE as the last symbol:
             P(symbol) = weight[b - 1], ..., weight[radius], weight[radius + 1]; the last alone if b - 1 > radius.

A P of A symbols becomes frequencies, with C(s) the sum of P over the symbols before s:

    start(s) = s + C(s) * (2**14 - A) // C(A)
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runtime.arrays import I32, I64, U8, U16, Intp
from runtime.entropy.rans import PRECISION_BITS, SLOTS, Slots
from runtime.errors import BundleError, InputError

ESCAPE_BITS = 16
"""Raw bits of a magnitude beyond its table's radius."""

LARGEST_ESCAPE = (1 << ESCAPE_BITS) - 1

MAX_SHIFT = 15
"""Most low bits that may be sent raw: with the 16 bits of an escape the value still fits int32."""

MAX_TABLES = 256
"""index_table holds uint8."""

SYMBOLS = 256
"""No table that the coder uses has more symbols."""

MAX_RADIUS = SYMBOLS - 1


class Grouping(NamedTuple):
    """How values of narrow scales share a symbol: base ** values symbols at most 256."""

    values: int
    base: int


BITS = Grouping(8, 2)
GROUPINGS = (BITS, Grouping(5, 3), Grouping(4, 4), Grouping(3, 6), Grouping(2, 16))
"""From the narrowest scales to the widest; the last takes every table that no other takes."""

TOP_DIGIT_SLOTS = 1 << 10
"""A grouping suits a table if at most 1 value in 16 has the largest digit, and so an excess."""

CODING_INDEX, CODING_TABLE, CODING_SHIFT, CODING_GROUPING, CODING_ESCAPE = range(5)
"""The columns of `Tables.coding`."""

_ONE = 1 << 40


@dataclass(frozen=True, eq=False)
class Tables(Slots):
    """Frequency tables, checked on construction: BundleError says what is wrong."""

    frequencies: U16
    """(T, A) slots of each symbol: a row adds up to 2**14, symbols in use have 1 or more."""
    radius: U16
    """(T,) table t has the values -radius .. radius and then ESCAPE, 2 * radius + 2 symbols; at most 255."""
    index_table: U8
    """(I,) table of each scale index; the entry of scale index 0 is not used."""
    index_shift: U8
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
            raise _bad(f"index_table names table {self.index_table.max()}, the last is {tables - 1}")
        if self.index_shift.max() > MAX_SHIFT:
            raise _bad(f"index_shift is up to {self.index_shift.max()}, at most {MAX_SHIFT} is allowed")
        escape = 2 * self.radius.astype(np.int64) + 1  # (T,) the last symbol of each table
        if self.radius.max() > MAX_RADIUS or escape.max() >= columns:
            raise _bad(f"radius {self.radius.max()} needs more than {columns} columns or is above {MAX_RADIUS}")
        if np.any((self.frequencies > 0) != (np.arange(columns) <= escape[:, None])):
            raise _bad("frequencies must be at least 1 for symbols in use and 0 for all others")
        totals = self.frequencies.sum(axis=1, dtype=np.int64)
        if np.any(totals != SLOTS):
            raise _bad(f"a row of frequencies adds up to {totals.min()}..{totals.max()}, not 16384")

    @cached_property
    def weights(self) -> list[I64]:
        """For each table the slots (radius + 2,) of magnitudes 0 .. radius, then of ESCAPE."""
        weights = []
        for row, radius in zip(self.frequencies.astype(np.int64), self.radius.tolist(), strict=True):
            magnitudes = row[radius : 2 * radius + 2].copy()
            magnitudes[1:-1] += row[:radius][::-1]
            weights.append(magnitudes)
        return weights

    @cached_property
    def grouping(self) -> Intp:
        """(T,) which of GROUPINGS each table takes."""
        suits = [[int(w[g.base - 1 :].sum()) <= TOP_DIGIT_SLOTS for g in GROUPINGS[:-1]] + [True] for w in self.weights]
        return np.argmax(suits, axis=1)

    @cached_property
    def top_digit(self) -> I32:
        """(T,) largest digit of each table's grouping."""
        return np.array([GROUPINGS[g].base - 1 for g in self.grouping], np.int32)

    @cached_property
    def escape(self) -> I32:
        """(T,) number of the symbol ESCAPE in each table of excesses."""
        return np.maximum(self.radius.astype(np.int32) + 1 - self.top_digit, 0)

    @cached_property
    def starts(self) -> I64:
        """(2 * T, 257) first slot of each symbol, then 2**14: the T tables of groups, then the T of excesses."""
        groups, excesses = [], []
        for weights, which in zip(self.weights, self.grouping, strict=True):
            values, base = GROUPINGS[which]
            digits = np.zeros(base, np.int64)
            digits[: len(weights)] = weights[:base]
            digits[-1] = weights[base - 1 :].sum()
            product = np.array([_ONE])
            for _ in range(values):
                product = (product[:, None] * digits >> PRECISION_BITS).ravel()
            groups.append(_starts(product))
            excesses.append(_starts(weights[min(base - 1, len(weights) - 1) :]))  # ESCAPE at least
        return np.stack(groups + excesses)

    @cached_property
    def coding(self) -> I32:
        """(I, 5) scale indexes in the order of coding, 0 first, then by grouping; the table of each, its low bits, the
        number of its grouping, and that of the symbol ESCAPE in its table of excesses.
        """
        table = self.index_table.astype(np.intp)
        columns = np.arange(len(table)), table, self.index_shift, self.grouping.take(table), self.escape.take(table)
        coding = np.stack(columns, 1).astype(np.int32)
        coding[0, CODING_SHIFT:] = 0, -1, 0  # not coded
        return coding[np.argsort(coding[:, CODING_GROUPING], kind="stable")]

    def check_index(self, index: U8) -> None:
        """Raise InputError for a scale index that the tables do not have."""
        if index.max(initial=0) >= len(self.index_table):
            raise InputError(
                f"scale index {index.max()}, the tables have {len(self.index_table)}: are they of another bundle?"
            )


def _starts(weights: I64) -> I64:
    """Return the first slots (257,) of symbols with such weights; those not in use begin and end at 2**14."""
    ends = np.cumsum(weights)
    starts = np.full(SYMBOLS + 1, SLOTS, np.int64)
    starts[0] = 0
    spare = SLOTS - len(weights)
    starts[1 : len(weights) + 1] = ends * spare // ends[-1] + np.arange(1, len(weights) + 1)
    return starts


def _bad(what: str) -> BundleError:
    return BundleError(f"prior.npz of the bundle cannot be used: {what}; export the bundle anew")
