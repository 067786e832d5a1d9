"""Interleaved rANS: intervals of symbols to 16-bit words and back (FORMAT.md, Coder).

Range asymmetric numeral systems keep one integer, the state x, and put symbols into it and take
them out again. The coder sees a symbol as its interval [start, start + freq) of 2**14 slots, which
`tables.py` provides; pop is the exact inverse of push:

    push   if x >= freq * 2**18: emit x mod 2**16, x = x // 2**16
           x = (x // freq) * 2**14 + start + x % freq
    pop    slot = x mod 2**14, which tells the symbol
           x = freq * (x // 2**14) + slot - start
           if x < 2**16: x = x * 2**16 + next word

Before and after every push and pop x lies in [2**16, 2**32), so uint32 holds it and at most one word
moves at a time. What is pushed last is popped first: push walks the symbols backwards, so that pop
can walk them, and the words, forwards.

To be fast in numpy there are L independent states, the lanes. Symbol j belongs to row j // L and
lane j % L, a row is coded in one go, and the words of a row are stored in lane order. A new call
begins a new row. With few lanes a plain loop over the symbols is faster than numpy's cost per call:
the `_each` twins make the same words that way, and so does the compiled core.
"""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.arrays import I64, U8, U16, U32, Intp
from runtime.errors import TruncatedError
from runtime.native import compiled, twin

PRECISION_BITS = 14
"""Frequencies of a table add up to 2**14, the number of slots."""
SLOTS = 1 << PRECISION_BITS

WORD_BITS = 16
"""States give and take whole words of 16 bits."""

LOWEST_STATE = 1 << WORD_BITS
"""States lie in [2**16, 2**32)."""

ROW_LANES = 16
"""From here on a row of numpy calls (about 8 us) is faster than a Python step (0.5 us) a lane."""

ENTRY_FREQ_SHIFT = 16
"""An entry of a slot is freq * 2**16 + slot - start."""

COST_UNITS = 1 << 16
"""What costs of symbols are in units of, a bit."""

SLOTS_APART = 64
"""How far apart slots are whose symbols the compiled core is given."""

_NO_ENTRIES: U32 = np.zeros(0, np.uint32)
_EMIT_SHIFT = 2 * WORD_BITS - PRECISION_BITS
_SLOT_MASK = (1 << PRECISION_BITS) - 1
_WORD_MASK = (1 << WORD_BITS) - 1


def push(states: U32, start: U32, freq: U32) -> tuple[U32, U16]:
    """Return the states after n more symbols, and the words they emitted, in the order of pop.

    states (L,) in [2**16, 2**32), L a power of two; start and freq (n,), freq in [1, 2**14].
    The words go in front of all words of earlier calls.
    """
    states = states.copy()
    words = np.empty(len(freq), np.uint16)  # a symbol emits one word at most
    first = push_symbols(states, start, freq, words)
    return states, words[first:]


class Slots(ABC):
    """Which symbol each of the 2**14 slots of some tables belongs to; at most 256 symbols a table."""

    @property
    @abstractmethod
    def starts(self) -> I64:
        """(T, 257) first slot of each symbol, then 2**14; those not in use begin and end at the same slot."""

    @cached_property
    def intervals(self) -> tuple[U32, U32]:
        """Return start and freq of symbol s of table t, at t * 256 + s: what push needs, both (T * 256,)."""
        return self.starts[:, :-1].astype(np.uint32).ravel(), np.diff(self.starts).astype(np.uint32).ravel()

    @cached_property
    def symbols(self) -> U8:
        """(T * 2**14,) symbol of each slot of each table."""
        tables, ends = self.starts.shape
        numbers = np.tile(np.arange(ends - 1, dtype=np.uint8), tables)
        return np.repeat(numbers, np.diff(self.starts).ravel())

    @cached_property
    def entries(self) -> U32:
        """(T * 2**14,) freq * 2**16 + slot - start of each slot of each table: what pop needs."""
        start, freq = self.intervals
        packed = (freq << np.uint32(ENTRY_FREQ_SHIFT)) - start  # wraps where start > 0, and back when a slot is added
        entries = np.repeat(packed, freq).reshape(-1, SLOTS)
        entries += np.arange(SLOTS, dtype=np.uint32)
        return entries.ravel()

    @cached_property
    def cost(self) -> I64:
        """(T * 256,) 2**-16 bits of symbol s of table t, at t * 256 + s: whole, so that sums are the same in any order.

        Symbols without slots have no meaning.
        """
        bits = PRECISION_BITS - np.log2(np.maximum(self.intervals[1], 1))
        return np.rint(bits * COST_UNITS).astype(np.int64)

    @cached_property
    def some_symbols(self) -> U8:
        """(T * 2**8,) symbol of every 64th slot of each table, from which the compiled core looks for a slot's own."""
        slots = np.arange(0, SLOTS, SLOTS_APART)
        found = [np.searchsorted(row[1:], slots, "right") for row in self.starts]
        return np.concatenate(found).astype(np.uint8)

    def looked_up(self, compiled: bool) -> tuple[U32, U8]:
        """Return entries and symbols; for the compiled core, whose caches have room for no more, some symbols alone."""
        return (_NO_ENTRIES, self.some_symbols) if compiled else (self.entries, self.symbols)


def pop(states: U32, words: U16, table: U8 | Intp, slots: Slots) -> tuple[U32, U8, int]:
    """Return the states after n symbols less, these symbols (n,), and the words used.

    states (L,) in [2**16, 2**32); words: more than needed does no harm; table (n,): that of each symbol.
    Raises TruncatedError if the words run out.
    """
    states = states.copy()
    symbols = np.empty(len(table), np.uint8)
    looked_up = slots.looked_up(compiled(pop_symbols))
    used = pop_symbols(states, words, table, *slots.intervals, *looked_up, symbols)
    if used < 0:
        raise TruncatedError(
            f"coded symbols end early: {len(words)} words are there, more are needed; "
            "the stream is cut or damaged, get a whole copy"
        )
    return states, symbols, used


@twin
def push_symbols(states: U32, start: U32, freq: U32, words: U16) -> int:
    """Return where the words begin in `words`, filled from its end; states change in place."""
    return (_push_rows if len(states) >= ROW_LANES else _push_each)(states, start, freq, words)


@twin
def pop_symbols(
    states: U32, words: U16, table: U8 | Intp, start: U32, freq: U32, entries: U32, numbers: U8, symbols: U8
) -> int:
    """Return the words used, -1 where they run out; states change in place, symbols are filled in.

    numbers (T * 2**k,) are the symbols of as many slots of each table, equally far apart. The compiled function looks
    for a symbol from the one before it on; numpy needs those of all slots, and entries.
    """
    base, places = table.astype(np.uint32) << np.uint32(PRECISION_BITS), np.empty(len(table), np.intp)
    used = (_pop_rows if len(states) >= ROW_LANES else _pop_each)(states, words, base, entries, places)
    if used >= 0:
        symbols[:] = numbers.take(places)
    return used


def _push_rows(states: U32, start: U32, freq: U32, words: U16) -> int:
    """Return what push_symbols returns, a row at a time."""
    limit = (freq << np.uint32(_EMIT_SHIFT)) - np.uint32(1)  # freq 2**14 wraps to the largest: never emits
    gap = np.uint32(1 << PRECISION_BITS) - freq  # (x // f) * 2**14 + x % f = x + (x // f) * (2**14 - f)
    word_bits = np.array(WORD_BITS, np.uint32)  # 0-d arrays: numpy is slower with Python integers
    greater, divide, multiply, add = np.greater, np.floor_divide, np.multiply, np.add
    at = len(words)
    for x, rows in reversed(_rows(states, freq, start, limit, gap)):  # the last row may be shorter, and comes first
        quotient, full = np.empty(len(x), np.uint32), np.empty(len(x), np.bool_)
        for f, s, most, g in zip(*(values[::-1] for values in rows), strict=True):
            greater(x, most, full)
            which = full.nonzero()[0]
            if len(which):
                high = x.take(which)
                begin = at - len(which)
                words[begin:at] = high  # keeps the low 16 bits
                at = begin
                x[which] = high >> word_bits
            divide(x, f, quotient)
            multiply(quotient, g, quotient)
            add(x, quotient, x)
            add(x, s, x)  # x in [2**16, 2**32)
    return at


def _pop_rows(states: U32, words: U16, base: U32, entries: U32, places: Intp) -> int:
    """Return what pop_symbols returns, a row at a time; places become base + slot."""
    available = words.astype(np.uint32)
    slot_mask, slot_bits = np.array(_SLOT_MASK, np.uint32), np.array(PRECISION_BITS, np.uint32)
    freq_shift, offset_mask = np.array(ENTRY_FREQ_SHIFT, np.uint32), np.array(_WORD_MASK, np.uint32)
    low, word_bits = np.array(LOWEST_STATE, np.uint32), np.array(WORD_BITS, np.uint32)
    bit_and, shift, multiply, add, less, copy = (
        np.bitwise_and, np.right_shift, np.multiply, np.add, np.less, np.copyto
    )  # fmt: skip
    take = entries.take
    used = 0
    for x, rows in _rows(states, base, places):
        slot, entry, freq = np.empty((3, len(x)), np.uint32)
        below = np.empty(len(x), np.bool_)
        for first, row in zip(*rows, strict=True):
            bit_and(x, slot_mask, slot)
            add(slot, first, slot)
            copy(row, slot)  # faster than numpy's cast within an operation
            take(row, None, entry, "clip")  # clip: numpy buffers the output otherwise
            shift(x, slot_bits, x)
            shift(entry, freq_shift, freq)
            multiply(x, freq, x)
            bit_and(entry, offset_mask, entry)
            add(x, entry, x)
            less(x, low, below)
            empty = below.nonzero()[0]
            if len(empty):
                more = available[used : used + len(empty)]
                if len(more) < len(empty):
                    return -1
                x[empty] = (x.take(empty) << word_bits) | more  # x in [2**16, 2**32)
                used += len(empty)
    return used


def _rows(states: U32, *values: NDArray[Any]) -> list[tuple[U32, list[NDArray[Any]]]]:
    """Return lanes and the rows (rows, lanes) of each of the values (n,) there: full rows, then what is left of one."""
    lanes = len(states)
    full = len(values[0]) // lanes * lanes
    whole = states, [v[:full].reshape(-1, lanes) for v in values]
    rest = states[: len(values[0]) - full], [v[None, full:] for v in values]
    return [whole, rest] if len(rest[0]) else [whole]


def _push_each(states: U32, start: U32, freq: U32, words: U16) -> int:
    """Return the same as _push_rows, one symbol at a time."""
    x_of: list[int] = states.tolist()
    lane_mask = len(x_of) - 1
    emitted: list[int] = []  # backwards
    lane = len(freq)
    for f, s in zip(freq[::-1].tolist(), start[::-1].tolist(), strict=True):
        lane -= 1
        x = x_of[lane & lane_mask]
        if x >= f << _EMIT_SHIFT:
            emitted.append(x & _WORD_MASK)
            x >>= WORD_BITS
        x_of[lane & lane_mask] = x // f * (_SLOT_MASK + 1) + x % f + s
    states[:] = x_of
    at = len(words) - len(emitted)
    words[at:] = emitted[::-1]
    return at


def _pop_each(states: U32, words: U16, base: U32, entries: U32, slots: Intp) -> int:
    """Return the same as _pop_rows, one symbol at a time."""
    x_of: list[int] = states.tolist()
    lane_mask = len(x_of) - 1
    entry_of = entries.data  # items are Python integers
    available: list[int] = words.tolist()
    used = 0
    taken: list[int] = []
    for lane, first in enumerate(base.tolist()):
        x = x_of[lane & lane_mask]
        slot = first + (x & _SLOT_MASK)
        entry = entry_of[slot]
        x = (entry >> ENTRY_FREQ_SHIFT) * (x >> PRECISION_BITS) + (entry & _WORD_MASK)
        if x < LOWEST_STATE:
            if used == len(available):
                return -1
            x = x << WORD_BITS | available[used]
            used += 1
        x_of[lane & lane_mask] = x
        taken.append(slot)
    states[:] = x_of
    slots[:] = taken
    return used
