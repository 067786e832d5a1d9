"""Values of a part to the symbols of the entropy coder and back (FORMAT.md, Groups).

Values with scale index 0 are 0 and are not coded. The others are put in coding order: by the grouping of
their scale index's table, then by scale index, then as they come. So neighbours are of one scale, and both
sides know the order from the scale indexes alone. Then, with the two kinds of tables of `tables.py`:

    groups     for each grouping (g, b) its values, g at a time, the last group filled up with zeros:
               one symbol of the group table of the group's first value
    excesses   for each value with the digit b - 1, in coding order:
               one symbol of the excess table of its own scale index
    fields     for each value, in coding order: 16 raw bits of q if the excess is ESCAPE, then the k low bits
    signs      for each value that is not 0, in coding order: 1 if it is negative
"""

from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from runtime.arrays import I32, I64, U8, Bool, Intp
from runtime.entropy.tables import BITS, ESCAPE_BITS, GROUPINGS, LARGEST_ESCAPE, SYMBOLS, Grouping, Tables
from runtime.errors import InputError, StreamError
from runtime.native import compiled, twin

_NOWHERE: Intp = np.zeros(0, np.intp)


class Symbols(NamedTuple):
    """What is coded of a part; a code is table * 256 + symbol, as in `Tables.intervals`."""

    groups: Intp
    """(s,) codes of the groups."""
    excesses: Intp
    """(e,) codes of the excesses."""
    fields: I64
    """(f,) raw bits of the values that have any."""
    widths: I64
    """(f,) how many bits each field has, 1 to 31."""
    signs: Bool
    """(z,) whether each value that is not 0 is negative."""


class Fields(NamedTuple):
    """Which values have raw bits: those with low bits, and escapes."""

    places: Intp
    """(f,) places among the coded values (m,)."""
    widths: I64
    """(f,) how many bits each has, 1 to 31."""


class Order:
    """The m coded values of a part in coding order, and the tables of their symbols.

    Built from scale indexes (n,) alone; raises InputError for an index that the tables do not have.
    """

    def __init__(self, tables: Tables, index: U8):
        self._tables = tables
        self._n = len(index)
        self._whole, self._rank = index, tables.order.rank
        self._ends = ends = np.empty(len(self._rank), np.int64)
        if count_ranks(index, self._rank, ends) < 0:
            tables.check_index(index)
        m = int(ends[-1])
        self._bounds = ends.take(tables.order.bounds)  # 0, then where the values of each grouping end
        self._shifted = tables.order.shifted(ends)  # first, end and shift of the values with low bits
        self.index: U8 = np.empty(m, np.uint8)
        """(m,) scale index of each."""
        self._table: U8 = np.empty(m, np.uint8)
        groups = sum(-(-(end - first) // g.values) for g, first, end in _runs(self._bounds))
        self.groups: U8 = np.empty(groups, np.uint8)
        """(s,) table of each group."""
        fill_runs(tables.order.indexes, tables.order.table, ends, self._bounds, self.index, self._table, self.groups)

    @cached_property
    def places(self) -> Intp:
        """(m,) The place of each, the index among all values (n,) of the part."""
        coded = np.flatnonzero(self._whole != 0)
        # rank and place as one number each: sorting these is faster than finding the order of ranks
        small = self._n <= 1 << 24
        bits, kind = 24 if small else 32, np.dtype(np.uint32 if small else np.uint64)
        keys = np.left_shift(self._rank, bits, dtype=kind).take(self._whole.take(coded))
        keys |= coded.astype(kind)
        keys.sort()
        keys &= (1 << bits) - 1
        return keys.astype(np.intp)

    def take(self, values: I32) -> I32:
        """Return the coded ones (m,) of all values (n,) of the part.

        Raises InputError for a value that is not 0 where the index is 0.
        """
        if values.shape != (self._n,):
            raise InputError(f"values {values.shape} and scale indexes ({self._n},) must be alike")
        coded, places = np.empty(len(self.index), np.int32), _NOWHERE if compiled(take_coded) else self.places
        if take_coded(self._whole, self._rank, self._ends, places, values, coded) < 0:
            raise InputError("a value with scale index 0 is not coded: it must be 0")
        return coded

    def put(self, value: I32) -> I32:
        """Return all values (n,) of the part from the coded ones (m,): the inverse of take."""
        values, places = np.empty(self._n, np.int32), _NOWHERE if compiled(put_coded) else self.places
        put_coded(self._whole, self._rank, self._ends, places, value, values)
        return values

    def split(self, value: I32) -> Symbols:
        """Return the symbols of the coded values (m,). Raises InputError for one beyond an escape."""
        m, counts = len(value), np.empty(3, np.int64)
        groups, excesses = np.empty(len(self.groups), np.intp), np.empty(m, np.intp)
        fields, widths, signs = np.empty(m, np.int64), np.empty(m, np.int64), np.empty(m, np.bool_)
        top_digit, escape = self._tables.top_digit, self._tables.escape
        places = self._table, self._bounds, self._shifted, top_digit, escape
        if split_values(value, *places, groups, excesses, fields, widths, signs, counts) < 0:
            raise InputError(f"values reach from {value.min()} to {value.max()}; magnitudes up to 65535 can be coded")
        e, f, z = counts.tolist()
        return Symbols(groups, excesses[:e].copy(), fields[:f].copy(), widths[:f].copy(), signs[:z].copy())

    def digits(self, symbols: U8) -> tuple[I32, Intp]:
        """Return the digits (m,) that the symbols (s,) of the groups stand for, and the places (e,) of those that have
        an excess.
        """
        digits, tops = np.empty(len(self.index), np.int32), np.empty(len(self.index), np.intp)
        count = join_digits(symbols, self._bounds, digits, tops)
        return digits, tops[:count]

    def excesses(self, tops: Intp) -> Intp:
        """Return the tables (e,) of the excesses of the values at places (e,)."""
        return self._table.take(tops) + np.intp(len(self._tables.radius))

    def fields(self, q: I32, tops: Intp, excess: U8) -> Fields:
        """Add the excess symbols (e,) to the digits (m,) in q, and return which raw bits are needed then."""
        most = len(q) if len(self._shifted) else len(tops)
        places, widths = np.empty(most, np.intp), np.empty(most, np.int64)
        escape = self._tables.escape
        count = add_excesses(q, tops, self._table, escape, excess, self._shifted, places, widths)
        return Fields(places[:count], widths[:count])

    def join(self, q: I32, fields: Fields, raw: I64) -> I32:
        """Return the magnitudes (m,) from q, which changes, and raw (f,), the contents of the fields.

        Raises StreamError for an escape that stands for a magnitude which its tables have.
        """
        if join_fields(q, self._shifted, *fields, raw) < 0:
            raise StreamError("a small value is coded as an escape: the tile stream is damaged")
        return q


# -- numpy twins -------------------------------------------------------------------------------------------------------


@twin
def count_ranks(index: U8, rank: U8, ends: I64) -> int:
    """Fill ends (I,) with where the places of each rank end among those of scale indexes (n,) from 1 on.

    rank (I,) is that of each scale index; returns -1 where there is an index that has none.
    """
    counts = np.bincount(index, minlength=len(rank))
    if len(counts) > len(rank):
        return -1
    ends[rank] = counts
    ends[0] = 0
    np.cumsum(ends, out=ends)
    return 0


@twin
def fill_runs(ranked: U8, ranked_table: U8, ends: I64, bounds: I64, indexes: U8, tables: U8, groups: U8) -> None:
    """Fill in scale indexes and tables (m,) in coding order, and the tables (s,) of groups.

    ranked and ranked_table (I,) are index and table of each rank, ends (I,) those of `count_ranks`; bounds (6,): 0,
    then where the values of each grouping end.
    """
    counts = np.diff(ends, prepend=0)
    indexes[:] = ranked.repeat(counts)
    tables[:] = ranked_table.repeat(counts)
    groups[:] = np.concatenate([tables[first : end : g.values] for g, first, end in _runs(bounds)])


@twin
def take_coded(index: U8, rank: U8, ends: I64, places: Intp, values: I32, coded: I32) -> int:
    """Fill in those of the values (n,) that are coded (m,); return -1 where another is not 0, or 0.

    They are at places (m,), which the compiled function finds by index (n,), rank and ends (I,).
    """
    values.take(places, out=coded, mode="clip")
    return -1 if np.count_nonzero(coded) != np.count_nonzero(values) else 0


@twin
def put_coded(index: U8, rank: U8, ends: I64, places: Intp, coded: I32, values: I32) -> None:
    """Fill in values (n,) from those that are coded (m,), as in `take_coded`; the others are 0."""
    values[:] = 0
    values[places] = coded


@twin
def split_values(
    values: I32,
    table: U8,
    bounds: I64,
    shifted: I64,
    top_digit: I32,
    escape: I32,
    groups: Intp,
    excesses: Intp,
    fields: I64,
    widths: I64,
    signs: Bool,
    counts: I64,
) -> int:
    """Fill in the `Symbols` of values (m,) with tables (m,), and counts with how many excesses, fields and signs there
    are; return 0, or -1 for a value beyond an escape.

    bounds (6,): 0, then where the values of each grouping end; shifted (k, 3): first, end and shift of values with low
    bits; top_digit and escape (T,) as in `Tables`.
    """
    magnitude = np.abs(values)
    q = magnitude.copy()
    for first, end, shift in shifted:
        q[first:end] >>= np.int32(shift)
    if q.max(initial=0) > LARGEST_ESCAPE or q.min(initial=0) < 0:  # there is no abs of -2**31
        return -1
    numbers = [_number(q[first:end], g) for g, first, end in _runs(bounds)]
    tables = [table[first : end : g.values] for g, first, end in _runs(bounds)]
    groups[:] = np.concatenate(tables) * np.intp(SYMBOLS) + np.concatenate(numbers)
    tops = _tops(q, bounds)
    top_table = table.take(tops)
    excess = np.minimum(q.take(tops) - top_digit.take(top_table), escape.take(top_table))
    found = _fields(len(q), shifted, tops[excess == escape.take(top_table)])
    negative = values.take(np.flatnonzero(values != 0)) < 0
    counts[:] = e, f, z = len(tops), len(found.places), len(negative)
    excesses[:e] = (top_table + np.intp(len(escape))) * SYMBOLS + excess
    fields[:f] = magnitude.take(found.places) & ((np.int64(1) << found.widths) - 1)
    widths[:f], signs[:z] = found.widths, negative
    return 0


@twin
def join_digits(symbols: U8, bounds: I64, digits: I32, tops: Intp) -> int:
    """Fill in the digits (m,) of groups with symbols (s,) and, in front, the places of those that have an excess.

    Return how many these are.

    bounds (6,): 0, then where the digits of each grouping end.
    """
    group = 0
    for g, first, end in _runs(bounds):
        after = group - (first - end) // g.values  # rounded up
        digits[first:end] = _digits(g).take(symbols[group:after], axis=0).ravel()[: end - first]
        group = after
    found = _tops(digits, bounds)
    tops[: len(found)] = found
    return len(found)


@twin
def add_excesses(
    q: I32, tops: Intp, table: U8, escape: I32, excess: U8, shifted: I64, places: Intp, widths: I64
) -> int:
    """Add excesses (e,) to the digits (m,) in q at places tops (e,); fill in the `Fields` and return how many they are.

    table (m,) is that of each value, escape (T,) as in `Tables`, shifted (k, 3) as in `split_values`.
    """
    q[tops] += excess
    fields = _fields(len(q), shifted, tops[excess == escape.take(table.take(tops))])
    count = len(fields.places)
    places[:count], widths[:count] = fields
    return count


@twin
def join_fields(q: I32, shifted: I64, places: Intp, widths: I64, raw: I64) -> int:
    """Turn q (m,) into magnitudes with the raw bits (f,) of fields; return -1 for an escape of a small value, or 0."""
    for first, end, shift in shifted:
        q[first:end] <<= np.int32(shift)
    escaped = np.flatnonzero(widths >= ESCAPE_BITS)
    # an escaped value holds the least magnitude that may be escaped: what comes raw takes its place
    least = q.take(places[escaped])
    if np.any(raw[escaped] < least):
        return -1
    q[places[escaped]] = 0
    q[places] |= raw.astype(np.int32)
    return 0


def _runs(bounds: I64) -> list[tuple[Grouping, int, int]]:
    """Return the groupings, with the first and the end of the values of each, of bounds (6,)."""
    ends: list[int] = bounds.tolist()
    return list(zip(GROUPINGS, ends[:-1], ends[1:], strict=True))


def _tops(q: I32, bounds: I64) -> Intp:
    """Return the places (e,) of those of the digits, or q, (m,) that have an excess."""
    largest = np.array([g.base - 1 for g in GROUPINGS], np.int32)
    return np.flatnonzero(q >= largest.repeat(np.diff(bounds)))


def _fields(m: int, shifted: I64, escaped: Intp) -> Fields:
    """Return the fields of m values, some of which are shifted (k, 3) and some escaped, at places (x,)."""
    if not len(shifted):
        return Fields(escaped, np.full(len(escaped), ESCAPE_BITS, np.int64))
    widths = np.zeros(m, np.uint8)
    for first, end, shift in shifted:
        widths[first:end] = shift
    widths[escaped] += ESCAPE_BITS
    places = np.flatnonzero(widths != 0)
    return Fields(places, widths[places].astype(np.int64))


def _number(q: I32, grouping: Grouping) -> U8:
    """Return the symbols of groups of q (v,), the last filled up with zeros."""
    size, base = grouping
    if grouping == BITS or not len(q):
        return np.packbits(q != 0)
    digits = np.zeros(-(-len(q) // size) * size, np.uint8)
    digits[: len(q)] = q.clip(0, base - 1)
    number = digits[::size].copy()
    for column in range(1, size):
        number *= base
        number += digits[column::size]
    return number


@cache
def _digits(grouping: Grouping) -> U8:
    """Return the digits (base ** values, values) of all symbols."""
    size, base = grouping
    powers = base ** np.arange(size)[::-1]
    return (np.arange(base**size)[:, None] // powers % base).astype(np.uint8)
