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

These are steps in numpy. `tile_stream.py` has the two functions that take them all, and their compiled doubles.
"""

from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from runtime.arrays import I32, I64, U8, Bool, Intp
from runtime.entropy.tables import (
    BITS,
    CODING_ESCAPE,
    CODING_GROUPING,
    CODING_INDEX,
    CODING_SHIFT,
    CODING_TABLE,
    ESCAPE_BITS,
    GROUPINGS,
    LARGEST_ESCAPE,
    SYMBOLS,
    Grouping,
)


class Symbols(NamedTuple):
    """What is coded of some values; a code is table * 256 + symbol, as in `Tables.intervals`."""

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

    Built from scale indexes (n,) alone; coding (I, 5) is that of `Tables`, which have excess tables from a number on.
    """

    def __init__(self, coding: I32, excess_tables: int, index: U8):
        counts = np.bincount(index, minlength=len(coding)).take(coding[:, CODING_INDEX])
        counts[0] = 0
        ends = np.cumsum(counts)
        last = coding[:, CODING_GROUPING].searchsorted(np.arange(len(GROUPINGS)), side="right") - 1
        shifted = np.flatnonzero(coding[:, CODING_SHIFT])
        self._whole, self._coding, self._excess_tables = index, coding, excess_tables
        self._bounds: I64 = np.append(0, ends[last])
        """(6,) 0, then where the values of each grouping end"""
        self._shifted: I64 = np.stack(
            [ends[shifted] - counts[shifted], ends[shifted], coding[shifted, CODING_SHIFT]], 1
        )
        """(k, 3) first, end and shift of values with low bits"""
        self._table: Intp = coding[:, CODING_TABLE].astype(np.intp).repeat(counts)
        """(m,) table of each value"""
        self._escape: I32 = coding[:, CODING_ESCAPE].repeat(counts)
        """(m,) number of the symbol ESCAPE in its table of excesses"""

    @cached_property
    def places(self) -> Intp:
        """(m,) The place of each, the index among all values (n,) of the part."""
        coded = np.flatnonzero(self._whole != 0)
        # rank and place as one number each: sorting these is faster than finding the order of ranks
        small = len(self._whole) <= 1 << 24
        bits, kind = 24 if small else 32, np.dtype(np.uint32 if small else np.uint64)
        rank = np.empty(len(self._coding), kind)
        rank[self._coding[:, CODING_INDEX]] = np.arange(len(rank), dtype=kind) << kind.type(bits)
        keys = rank.take(self._whole.take(coded))
        keys |= coded.astype(kind)
        keys.sort()
        keys &= (1 << bits) - 1
        return keys.astype(np.intp)

    @cached_property
    def groups(self) -> Intp:
        """(s,) table of each group."""
        return np.concatenate([self._table[first : end : g.values] for g, first, end in _runs(self._bounds)])

    def split(self, values: I32) -> Symbols | None:
        """Return the symbols of the coded values (m,), None where one is beyond an escape."""
        magnitude = np.abs(values)
        q = magnitude.copy()
        for first, end, shift in self._shifted:
            q[first:end] >>= np.int32(shift)
        if q.max(initial=0) > LARGEST_ESCAPE or q.min(initial=0) < 0:  # there is no abs of -2**31
            return None
        numbers = [_number(q[first:end], g) for g, first, end in _runs(self._bounds)]
        groups = self.groups * SYMBOLS + np.concatenate(numbers)
        tops = _tops(q, self._bounds)
        escape = self._escape.take(tops)
        excess = np.minimum(q.take(tops) - _largest(self._bounds).take(tops), escape)
        found = self._fields(tops[excess == escape])
        fields = magnitude.take(found.places) & ((np.int64(1) << found.widths) - 1)
        signs = values.take(np.flatnonzero(values != 0)) < 0
        return Symbols(groups, self.excesses(tops) * SYMBOLS + excess, fields, found.widths, signs)

    def digits(self, symbols: U8) -> tuple[I32, Intp]:
        """Return the digits (m,) that the symbols (s,) of the groups stand for, and the places (e,) of those that have
        an excess.
        """
        digits, group = np.empty(len(self._table), np.int32), 0
        for g, first, end in _runs(self._bounds):
            after = group - (first - end) // g.values  # rounded up
            digits[first:end] = _digits(g).take(symbols[group:after], axis=0).ravel()[: end - first]
            group = after
        return digits, _tops(digits, self._bounds)

    def excesses(self, tops: Intp) -> Intp:
        """Return the tables (e,) of the excesses of the values at places (e,)."""
        return self._table.take(tops) + self._excess_tables

    def fields(self, q: I32, tops: Intp, excess: U8) -> Fields:
        """Add the excess symbols (e,) to the digits (m,) in q, and return which raw bits are needed then."""
        q[tops] += excess
        return self._fields(tops[excess == self._escape.take(tops)])

    def join(self, q: I32, fields: Fields, raw: I64) -> bool:
        """Turn q (m,) into magnitudes with raw (f,), the contents of the fields.

        Return whether an escape stands for a magnitude that its tables have: then q has no meaning.
        """
        for first, end, shift in self._shifted:
            q[first:end] <<= np.int32(shift)
        escaped = np.flatnonzero(fields.widths >= ESCAPE_BITS)
        # an escaped value holds the least magnitude that may be escaped: what comes raw takes its place
        least = q.take(fields.places[escaped])
        q[fields.places[escaped]] = 0
        q[fields.places] |= raw.astype(np.int32)
        return bool(np.any(raw[escaped] < least))

    def _fields(self, escaped: Intp) -> Fields:
        """Return the fields of the values, some of which are escaped, at places (x,)."""
        if not len(self._shifted):
            return Fields(escaped, np.full(len(escaped), ESCAPE_BITS, np.int64))
        widths = np.zeros(len(self._table), np.uint8)
        for first, end, shift in self._shifted:
            widths[first:end] = shift
        widths[escaped] += ESCAPE_BITS
        places = np.flatnonzero(widths != 0)
        return Fields(places, widths[places].astype(np.int64))


def _runs(bounds: I64) -> list[tuple[Grouping, int, int]]:
    """Return the groupings, with the first and the end of the values of each, of bounds (6,)."""
    ends: list[int] = bounds.tolist()
    return list(zip(GROUPINGS, ends[:-1], ends[1:], strict=True))


def _largest(bounds: I64) -> I32:
    """Return the largest digit (m,) of the grouping of each value."""
    return np.array([g.base - 1 for g in GROUPINGS], np.int32).repeat(np.diff(bounds))


def _tops(q: I32, bounds: I64) -> Intp:
    """Return the places (e,) of those of the digits, or q, (m,) that have an excess."""
    return np.flatnonzero(q >= _largest(bounds))


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
