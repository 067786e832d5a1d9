"""The errors of a strip, plane by plane: what is expected of each from its surroundings, and its code (FORMAT.md).

A plane's errors are what must be added to the decoded picture. What surrounds one is known by then: all of the decoded
picture, the errors of planes before, and of this plane those above and to the left, pixels being coded in wavefronts:
t = x + 2 y rises, and in each y does. So numpy can decode a wavefront at a time.

    expected error = weights of its class * (6 errors around, 8 differences of the picture, 9 errors of each plane before)
    energy = energies * (8 sizes around, activity of the picture, 1, 3 sums of sizes of each plane before)

A size is how far an error was from what was expected, in eighths. The energy tells the table, and so the likely size.
"""

import numpy as np
from numpy.typing import NDArray

from runtime.arrays import I16, I32, U8, U16, U32
from runtime.entropy.rans import ENTRY_FREQ_SHIFT, LOWEST_STATE, PRECISION_BITS, SLOTS, WORD_BITS
from runtime.exact.tables import FRACTIONS, QUARTERS, SYMBOLS
from runtime.native import twin

ABOVE, LEFT, RIGHT = 2, 2, 1
"""What surrounds the errors and sizes of a plane that is being coded."""
CAUSAL = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))
"""Rows and columns from a pixel to those whose errors count, in the order of their weights."""
SIZED = (*CAUSAL, (-2, 1), (-1, -2))
"""To those whose sizes count."""
CROSS = ((0, -1), (-1, 0), (0, 1), (1, 0))
DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1))
AROUND = (*CROSS, *DIAGONAL)

CONTEXTS = 40
THRESHOLDS: I32 = np.array([QUARTERS[j % 4] << j // 4 + 3 for j in range(CONTEXTS - 1)], np.int32)
"""Of energies: so many as are not above one is its context."""
WEIGHT_BITS = 12
ONE = 16
"""The feature of energy that is always the same."""

_EIGHTHS_SHIFT = WEIGHT_BITS - 3


def framed(shape: tuple[int, int], outside: int, dtype: type) -> NDArray[np.generic]:
    """Return an array for a plane (h, w) that is being coded, with what surrounds it; both are `outside`."""
    return np.full((shape[0] + ABOVE, LEFT + shape[1] + RIGHT), outside, dtype)


def inside(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the plane within what surrounds it."""
    return array[ABOVE:, LEFT:-RIGHT]


def shifted(array: NDArray[np.signedinteger], at: tuple[int, int]) -> NDArray[np.signedinteger]:
    """Return what is so many rows and columns from each pixel of a plane with a frame of one pixel."""
    (dy, dx), (h, w) = at, array.shape
    return array[1 + dy : h - 1 + dy, 1 + dx : w - 1 + dx]


def rings(sizes: U16) -> list[I32]:
    """Return the sizes (h, w) of a plane with a frame of one pixel, the sums of the four beside and of those diagonal."""
    wide = sizes.astype(np.int32)
    beside, diagonal = (np.sum([shifted(wide, at) for at in ring], axis=0) for ring in (CROSS, DIAGONAL))
    return [shifted(wide, (0, 0)), beside, diagonal]


@twin
def expect_strip(
    base: I16,
    before: I16,
    sizes: U16,
    limits: I32,
    weights: I32,
    energies: I32,
    expected: I32,
    energy: I32,
    classes: U8,
) -> int:
    """Fill in the share of expectations, of energies, and classes (h, w), that no error of this plane changes.

    base (h + 2, w + 2); before and sizes (p, h + 2, w + 2) of the planes before; weights (C, 8 + 9 p); energies
    (2 + 3 p,); limits (C - 1,) of activity.
    """
    differences = [shifted(base, at) - base[1:-1, 1:-1] for at in AROUND]
    activity = sum(np.abs(each).astype(np.int32) for each in differences)
    classes[:] = limits.searchsorted(activity, side="right")
    features = differences + [shifted(plane, at) for plane in before for at in ((0, 0), *AROUND)]
    expected[:] = 0
    for column, feature in zip(weights.T, features, strict=True):
        expected += column.take(classes) * feature
    sums = [activity, ONE, *(each for plane in sizes for each in rings(plane))]
    energy[:] = sum(int(weight) * feature for weight, feature in zip(energies, sums, strict=True))
    return 0


@twin
def encode_strip(
    errors: I16,
    sizes: U16,
    expected: I32,
    energy: I32,
    classes: U8,
    base: U8,
    weights: I32,
    energies: I32,
    tables: I32,
    step: int,
    codes: I32,
) -> int:
    """Fill in the sizes, and the codes (h * w,) in their order: number of the table * 256 + symbol.

    errors and sizes are as `framed` makes them; tables (40,): the first table of each context.
    """
    h, w = base.shape
    rows, columns = np.mgrid[ABOVE : h + ABOVE, LEFT : w + LEFT]
    places = (rows * errors.shape[1] + columns).ravel()
    middle, expectation, fraction = _expectation(
        errors, places, expected.ravel(), classes.ravel(), base.ravel(), weights, step
    )
    found = errors.ravel().take(places).astype(np.int32)
    sizes.ravel()[places] = np.abs(8 * found - expectation)
    context = _context(sizes, places, energy.ravel(), energies)
    symbol = (found + step // 2) // step - middle + SYMBOLS // 2 & SYMBOLS - 1
    order = np.argsort(((rows - ABOVE) * 2 + columns).ravel() * (h + 1) + rows.ravel())
    codes[:] = ((tables.take(context) + fraction) * SYMBOLS + symbol)[order]
    return 0


@twin
def decode_strip(
    errors: I16,
    sizes: U16,
    expected: I32,
    energy: I32,
    classes: U8,
    base: U8,
    weights: I32,
    energies: I32,
    tables: I32,
    step: int,
    states: U32,
    words: U16,
    start: U32,
    freq: U32,
    entries: U32,
    numbers: U8,
) -> int:
    """Fill in errors and sizes, and return the words used, -1 where they run out; states change in place.

    The inverse of encode_strip and push; entries and numbers are numpy's alone, as in pop_symbols.
    """
    (h, w), across, used = base.shape, errors.shape[1], 0
    flat_errors, flat_sizes, done = errors.reshape(-1), sizes.reshape(-1), 0
    expected, energy, classes, base = expected.ravel(), energy.ravel(), classes.ravel(), base.ravel()
    for t in range(w + 2 * (h - 1)):
        rows = np.arange(max(0, (t - w + 2) // 2), min(h - 1, t // 2) + 1)
        here, places = rows * (w - 2) + t, (rows + ABOVE) * across + t - 2 * rows + LEFT
        beneath = base.take(here).astype(np.int32)
        middle, expectation, fraction = _expectation(
            errors, places, expected.take(here), classes.take(here), beneath, weights, step
        )
        table = tables.take(_context(sizes, places, energy.take(here), energies)) + fraction
        symbol, taken = _pop(states, words[used:], table, entries, numbers, done % len(states))
        if taken < 0:
            return -1
        used, done = used + taken, done + len(rows)
        least = -((beneath + step // 2) // step)
        times = least + (middle + symbol - SYMBOLS // 2 - least & SYMBOLS - 1)
        found = np.clip(beneath + step * times, 0, 255) - beneath
        flat_errors[places], flat_sizes[places] = found, np.abs(8 * found - expectation)
    return used


def _expectation(
    errors: I16, places: NDArray[np.intp], expected: I32, classes: U8, base: NDArray[np.integer], weights: I32, step: int
) -> tuple[I32, I32, I32]:
    """Return what is expected at some places: in whole steps, in eighths of a level, and the step's eighths + 4."""
    offsets = np.array([dy * errors.shape[1] + dx for dy, dx in CAUSAL])
    around = errors.ravel().take(places + offsets[:, None])
    total = expected + (weights.T.take(classes, axis=1) * around).sum(axis=0, dtype=np.int32)
    beneath = 8 * base.astype(np.int32)
    eighths = np.clip(total + (1 << _EIGHTHS_SHIFT - 1) >> _EIGHTHS_SHIFT, -beneath, 8 * 255 - beneath)
    steps = (2 * eighths + step) // (2 * step)
    middle = steps + FRACTIONS // 2 >> 3
    return middle, eighths, steps - 8 * middle + FRACTIONS // 2


def _context(sizes: U16, places: NDArray[np.intp], energy: I32, energies: I32) -> NDArray[np.intp]:
    """Return the contexts at some places."""
    offsets = np.array([dy * sizes.shape[1] + dx for dy, dx in SIZED])
    around = sizes.ravel().take(places + offsets[:, None]).astype(np.int32)
    return THRESHOLDS.searchsorted(energy + energies @ around, side="right")


def _pop(states: U32, words: U16, table: I32, entries: U32, numbers: U8, lane: int) -> tuple[I32, int]:
    """Return the next symbols, of these tables, and the words used, -1 where they run out; the first has this lane."""
    symbols, used, at = np.empty(len(table), np.int32), 0, 0
    while at < len(table):
        count = min(len(states) - lane, len(table) - at)
        x = states[lane : lane + count]
        slots = table[at : at + count].astype(np.intp) * SLOTS + (x & np.uint32(SLOTS - 1))
        entry = entries.take(slots)
        x[:] = (entry >> np.uint32(ENTRY_FREQ_SHIFT)) * (x >> np.uint32(PRECISION_BITS)) + (entry & np.uint32(0xFFFF))
        low = np.flatnonzero(x < LOWEST_STATE)
        more = words[used : used + len(low)].astype(np.uint32)
        if len(more) < len(low):
            return symbols, -1
        x[low] = x[low] << np.uint32(WORD_BITS) | more
        symbols[at : at + count] = numbers.take(slots)
        used, at, lane = used + len(low), at + count, 0
    return symbols, used
