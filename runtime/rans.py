"""Interleaved rANS: intervals of symbols to 16-bit words and back (FORMAT.md, Entropy coding).

Range asymmetric numeral systems keep one integer, the state x, and put symbols into it and take
them out again. The coder sees a symbol as its interval [start, start + freq) of 2**14 slots, which
`tables.py` provides; pop is the exact inverse of push:

    push   if x >= freq * 2**18: emit x mod 2**16, x = x // 2**16
           x = (x // freq) * 2**14 + start + x % freq
    pop    slot = x mod 2**14, which tells the symbol
           x = freq * (x // 2**14) + slot - start
           if x < 2**16: x = x * 2**16 + next word

Before and after every push and pop x lies in [2**16, 2**32), so at most one word moves at a time.
What is pushed last is popped first: push walks the symbols backwards, so that pop can walk them,
and the words, forwards.

To be fast in numpy there are L independent states, the lanes. Symbol j belongs to row j // L and
lane j % L, a row is coded in one go, and the words of a row are stored in lane order. A new call
begins a new row. With few lanes a plain loop over the symbols is faster than numpy's cost per call:
the `_each` twins make the same words that way.
"""

import numpy as np
from numpy.typing import NDArray

from runtime.errors import TruncatedError

Ints = NDArray[np.int64]

PRECISION_BITS = 14
"""Frequencies of a table add up to 2**14, the number of slots."""

WORD_BITS = 16
"""States give and take whole words of 16 bits."""

INITIAL_STATE = 1 << WORD_BITS
"""The state of every lane before the first push, and so after the last pop."""

ROW_LANES = 32
"""From here on a row of numpy calls (about 12 us) is faster than a Python step (0.5 us) a lane."""

_EMIT_SHIFT = 2 * WORD_BITS - PRECISION_BITS
_SLOT_MASK = (1 << PRECISION_BITS) - 1
_WORD_MASK = (1 << WORD_BITS) - 1


def push(states: Ints, start: Ints, freq: Ints) -> tuple[Ints, NDArray[np.uint16]]:
    """Return the states after n more symbols, and the words they emitted, in the order of pop.

    states (L,) in [2**16, 2**32), L a power of two; start and freq (n,), freq in [1, 2**14).
    The words go in front of all words of earlier calls.
    """
    states = states.copy()
    words = np.empty(len(freq), np.uint16)  # a symbol emits one word at most
    coder = _push_rows if len(states) >= ROW_LANES else _push_each
    first = coder(states, start, freq, words)
    return states, words[first:]


def pop(states: Ints, words: NDArray[np.uint16], base: Ints, freq_of: Ints, offset_of: Ints) -> tuple[Ints, Ints, int]:
    """Return the states after n symbols less, the places (n,) of the symbols, and the words used.

    states (L,) in [2**16, 2**32); words: more than needed does no harm; freq_of and offset_of: freq
    and slot - start of every slot of every table (`Tables.slots`); base (n,): where the table of
    each symbol begins there. A place is base + slot. Raises TruncatedError if the words run out.
    """
    states = states.copy()
    places = base.copy()
    coder = _pop_rows if len(states) >= ROW_LANES else _pop_each
    used = coder(states, words, places, freq_of, offset_of)
    return states, places, used


def _push_rows(states: Ints, start: Ints, freq: Ints, words: NDArray[np.uint16]) -> int:
    """Return where the words begin in `words`, filled from its end; states change in place."""
    limit = freq << _EMIT_SHIFT
    gap = (1 << PRECISION_BITS) - freq  # (x // f) * 2**14 + x % f = x + (x // f) * (2**14 - f)
    word_bits = np.array(WORD_BITS)  # 0-d arrays: numpy is twice as slow with Python integers
    lanes = len(states)
    at = len(words)
    quotient_row = np.empty(lanes, np.int64)
    for row in range((len(freq) - 1) // lanes * lanes, -1, -lanes):
        now = slice(row, row + lanes)
        f = freq[now]
        x = states[: len(f)]  # the last row may be shorter
        quotient = quotient_row[: len(f)]
        full = (x >= limit[now]).nonzero()[0]
        if len(full):
            high = x[full]
            words[at - len(full) : at] = high  # keeps the low 16 bits
            at -= len(full)
            x[full] = high >> word_bits
        np.floor_divide(x, f, quotient)
        np.multiply(quotient, gap[now], quotient)
        np.add(x, quotient, x)
        np.add(x, start[now], x)  # x in [2**16, 2**32)
    return at


def _pop_rows(states: Ints, words: NDArray[np.uint16], places: Ints, freq_of: Ints, offset_of: Ints) -> int:
    """Return the words used; states change in place, places go from base to base + slot."""
    available = words.astype(np.int64)
    slot_mask, slot_bits = np.array(_SLOT_MASK), np.array(PRECISION_BITS)
    low, word_bits = np.array(INITIAL_STATE), np.array(WORD_BITS)
    lanes = len(states)
    used = 0
    slot_row = np.empty(lanes, np.int64)
    for row in range(0, len(places), lanes):
        place = places[row : row + lanes]
        x = states[: len(place)]  # the last row may be shorter
        slot = slot_row[: len(place)]
        np.bitwise_and(x, slot_mask, slot)
        np.add(place, slot, place)
        np.right_shift(x, slot_bits, x)
        np.multiply(x, freq_of[place], x)
        np.add(x, offset_of[place], x)
        empty = (x < low).nonzero()[0]
        if len(empty):
            more = available[used : used + len(empty)]
            if len(more) < len(empty):
                raise _out_of_words(len(available))
            x[empty] = (x[empty] << word_bits) | more  # x in [2**16, 2**32)
            used += len(empty)
    return used


def _push_each(states: Ints, start: Ints, freq: Ints, words: NDArray[np.uint16]) -> int:
    """Return the same as _push_rows, one symbol at a time."""
    x_of: list[int] = states.tolist()
    lane_mask = len(x_of) - 1
    at = len(words)
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
    at -= len(emitted)
    words[at:] = emitted[::-1]
    return at


def _pop_each(states: Ints, words: NDArray[np.uint16], places: Ints, freq_of: Ints, offset_of: Ints) -> int:
    """Return the same as _pop_rows, one symbol at a time."""
    x_of: list[int] = states.tolist()
    lane_mask = len(x_of) - 1
    freq, offset = freq_of.data, offset_of.data  # items are Python integers
    available: list[int] = words.tolist()
    used = 0
    taken: list[int] = []
    for lane, base in enumerate(places.tolist()):
        x = x_of[lane & lane_mask]
        place = base + (x & _SLOT_MASK)
        x = freq[place] * (x >> PRECISION_BITS) + offset[place]
        if x < INITIAL_STATE:
            if used == len(available):
                raise _out_of_words(used)
            x = x << WORD_BITS | available[used]
            used += 1
        x_of[lane & lane_mask] = x
        taken.append(place)
    states[:] = x_of
    places[:] = taken
    return used


def _out_of_words(available: int) -> TruncatedError:
    return TruncatedError(
        f"coded symbols end early: {available} words are there, more are needed; "
        "the stream is cut or damaged, get a whole copy"
    )
