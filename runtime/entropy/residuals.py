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

from functools import cache
from typing import NamedTuple

import numpy as np

from runtime.arrays import I32, I64, U8, Bool, Intp
from runtime.entropy.tables import BITS, ESCAPE_BITS, GROUPINGS, LARGEST_ESCAPE, SYMBOLS, Grouping, Tables
from runtime.errors import InputError, StreamError


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
        tables.check_index(index)
        self._tables = tables
        self._n = len(index)
        coded = np.flatnonzero(index != 0)
        # rank and place as one number each: sorting these is faster than finding the order of ranks
        small = self._n <= 1 << 24
        bits, kind = 24 if small else 32, np.dtype(np.uint32 if small else np.uint64)
        keys = np.left_shift(tables.rank, bits, dtype=kind).take(index.take(coded))
        keys |= coded.astype(kind)
        keys.sort()
        following = np.left_shift(np.arange(1, len(tables.rank)), bits, dtype=kind, casting="unsafe")
        ends = np.append(keys.searchsorted(following), len(keys))
        keys &= (1 << bits) - 1
        self.places: Intp = keys.astype(np.intp)
        """(m,) its place, the index among all values (n,) of the part."""
        counts = ends.copy()
        counts[1:] -= ends[:-1]
        self.index: U8 = tables.ranked.astype(np.uint8).repeat(counts)
        """(m,) scale index of each."""
        self._table = tables.index_table[tables.ranked].repeat(counts)
        end_of: list[int] = ends.tolist()
        self._shifted = [  # first, end and shift of the values with low bits
            (end_of[rank - 1], end_of[rank], shift)
            for rank, shift in tables.shifted_ranks
            if end_of[rank - 1] < end_of[rank]
        ]
        bounds = [0, *(end_of[rank] for rank in tables.last_rank)]
        self._runs = list(zip(GROUPINGS, bounds[:-1], bounds[1:], strict=True))  # grouping, first, end
        self.groups: U8 = np.concatenate([self._table[first : end : g.values] for g, first, end in self._runs])
        """(s,) table of each group."""

    def take(self, values: I32) -> I32:
        """Return the coded ones (m,) of all values (n,) of the part.

        Raises InputError for a value that is not 0 where the index is 0.
        """
        if values.shape != (self._n,):
            raise InputError(f"values {values.shape} and scale indexes ({self._n},) must be alike")
        value = values.take(self.places)
        if np.count_nonzero(value) != np.count_nonzero(values):
            raise InputError("a value with scale index 0 is not coded: it must be 0")
        return value

    def put(self, value: I32) -> I32:
        """Return all values (n,) of the part from the coded ones (m,): the inverse of take."""
        values = np.zeros(self._n, np.int32)
        values[self.places] = value
        return values

    def split(self, value: I32) -> Symbols:
        """Return the symbols of the coded values (m,). Raises InputError for one beyond an escape."""
        magnitude = np.abs(value)
        q = magnitude.copy()
        for first, end, shift in self._shifted:
            q[first:end] >>= shift
        if q.max(initial=0) > LARGEST_ESCAPE or q.min(initial=0) < 0:  # there is no abs of -2**31
            raise InputError(f"values reach from {value.min()} to {value.max()}; magnitudes up to 65535 can be coded")
        numbers = np.concatenate([_number(q[first:end], g) for g, first, end in self._runs])
        tops = self.tops(q)
        top_digit, escape = self._bounds(tops)
        excess = np.minimum(q.take(tops) - top_digit, escape)
        places, widths = self._fields(tops[excess == escape])
        fields = magnitude.take(places) & ((np.int64(1) << widths) - 1)
        groups = self.groups * np.intp(SYMBOLS) + numbers
        excesses = self.excesses(tops) * np.intp(SYMBOLS) + excess
        return Symbols(groups, excesses, fields, widths, value.take(np.flatnonzero(value != 0)) < 0)

    def digits(self, symbols: U8) -> I32:
        """Return the digits (m,) that the symbols (s,) of the groups stand for."""
        digits = np.empty(len(self.places), np.int32)
        group = 0
        for g, first, end in self._runs:
            after = group - (first - end) // g.values  # rounded up
            digits[first:end] = _digits(g).take(symbols[group:after], axis=0).ravel()[: end - first]
            group = after
        return digits

    def tops(self, q: I32) -> Intp:
        """Return the places (e,) of those of the digits, or q, (m,) that have an excess."""
        largest = np.array([g.base - 1 for g in GROUPINGS], np.int32)
        return np.flatnonzero(q >= largest.repeat([end - first for _, first, end in self._runs]))

    def excesses(self, tops: Intp) -> Intp:
        """Return the tables (e,) of the excesses of the values at places (e,)."""
        return self._table.take(tops) + np.intp(len(self._tables.radius))

    def fields(self, q: I32, tops: Intp, excess: U8) -> Fields:
        """Add the excess symbols (e,) to the digits (m,) in q, and return which raw bits are needed then."""
        _, escape = self._bounds(tops)
        q[tops] += excess
        return self._fields(tops[excess == escape])

    def join(self, q: I32, fields: Fields, raw: I64) -> I32:
        """Return the magnitudes (m,) from q, which changes, and raw (f,), the contents of the fields.

        Raises StreamError for an escape that stands for a magnitude which its tables have.
        """
        for first, end, shift in self._shifted:
            q[first:end] <<= shift
        escaped = np.flatnonzero(fields.widths >= ESCAPE_BITS)
        places = fields.places
        # an escaped value holds the least magnitude that may be escaped: what comes raw takes its place
        least = q.take(places[escaped])
        if np.any(raw[escaped] < least):
            raise StreamError("a small value is coded as an escape: the tile stream is damaged")
        q[places[escaped]] = 0
        q[places] |= raw.astype(np.int32)
        return q

    def _bounds(self, tops: Intp) -> tuple[I32, I32]:
        """Return the largest digit and the number of the symbol ESCAPE for the values at places (e,)."""
        table = self._table.take(tops)
        return self._tables.top_digit.take(table), self._tables.escape.take(table)

    def _fields(self, escaped: Intp) -> Fields:
        """Return the fields of the values with low bits and of those escaped, at places (x,)."""
        if not self._shifted:
            return Fields(escaped, np.full(len(escaped), ESCAPE_BITS, np.int64))
        widths = np.zeros(len(self.places), np.uint8)
        for first, end, shift in self._shifted:
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
