"""The errors of a strip, plane by plane: what is expected of each from its surroundings, and its code (FORMAT.md).

A plane's errors are what must be added to the decoded picture. What surrounds one is known by then: all of the decoded
picture, the errors of planes before, and of this plane those above and to the left, pixels being coded in wavefronts:
t = x + 2 y rises, and in each y does. So numpy can decode a wavefront at a time.

    energy = energies * (8 sizes around, activity of the picture, 1, 3 sums of sizes of each plane before)
    expected error = weights of its class * (6 errors around, 8 differences, 9 errors of each plane before)

A size is how far an error was from what was expected, in eighths. The energy foretells it: its context, which is its
logarithm, tells the class, and the table.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.arrays import I16, I32, U8, U16, U32, Intp
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


def framed(plane: NDArray[Any], outside: int) -> NDArray[Any]:
    """Return a plane (h, w) with what surrounds one that is being coded, which is `outside`."""
    return np.pad(plane, ((ABOVE, 0), (LEFT, RIGHT)), constant_values=outside)


def inside(array: NDArray[Any]) -> NDArray[Any]:
    """Return the plane within what surrounds it."""
    return array[ABOVE:, LEFT:-RIGHT]


def shifted(array: NDArray[Any], at: tuple[int, int]) -> NDArray[Any]:
    """Return what is so many rows and columns from each pixel of a plane with a frame of one pixel."""
    (dy, dx), (h, w) = at, array.shape
    return array[1 + dy : h - 1 + dy, 1 + dx : w - 1 + dx]


def rings(sizes: U16) -> list[I32]:
    """Return the sizes (h, w) of a plane with a frame of one pixel, the sums of those beside and of those diagonal."""
    wide = sizes.astype(np.int32)
    beside, diagonal = (np.sum([shifted(wide, at) for at in ring], axis=0) for ring in (CROSS, DIAGONAL))
    return [shifted(wide, (0, 0)), beside, diagonal]


def activity(base: I16) -> I32:
    """Return the sum of absolute differences (h, w) to the 8 places around in a plane with a frame of one pixel."""
    middle = shifted(base, (0, 0))
    return np.sum([np.abs(shifted(base, at) - middle) for at in AROUND], axis=0, dtype=np.int32)


def known_features(base: I16, before: I16) -> I32:
    """Return what weights are for (8 + 9 p, h, w) but for the errors of the plane itself."""
    differences = [shifted(base, at) - shifted(base, (0, 0)) for at in AROUND]
    errors = [shifted(plane, at) for plane in before for at in ((0, 0), *AROUND)]
    return np.stack(differences + errors).astype(np.int32)


@twin
def known_energy(base: I16, sizes: U16, energies: I32, energy: I32) -> int:
    """Fill in the share of energies (h, w) that no size of this plane changes.

    base (h + 2, w + 2) and sizes (p, h + 2, w + 2) of the planes before have a frame of one pixel; energies (2 + 3 p,).
    """
    energy[:] = energies[0] * activity(base) + energies[1] * ONE
    sums = [each for plane in sizes for each in rings(plane)]
    for weight, each in zip(energies[2:], sums, strict=True):
        energy += weight * each
    return 0


@twin
def encode_strip(
    errors: I16,
    sizes: U16,
    energy: I32,
    base: I16,
    before: I16,
    weights: I32,
    energies: I32,
    classes: U8,
    tables: I32,
    step: int,
    codes: I32,
) -> int:
    """Fill in the sizes, and the codes (h * w,) in their order: number of the table * 256 + symbol.

    errors and sizes are as `framed` makes them; energy (h, w) is known_energy's; base (h + 2, w + 2) and the errors
    before (p, h + 2, w + 2) have a frame of one pixel; weights (C, 14 + 9 p); energies (8,); classes and tables (40,):
    the class of each context, and the first of its tables.
    """
    plane, done = _Plane(errors, sizes, energy, base, before, weights, energies, classes, step), 0
    for here, places in _fronts(energy.shape, errors.shape[1]):
        context, middle, eighths, fraction = plane.expect(here, places)
        found = plane.errors.take(places).astype(np.int32)
        plane.sizes[places] = np.abs(8 * found - eighths)
        symbol = (found + step // 2) // step - middle + SYMBOLS // 2 & SYMBOLS - 1
        codes[done : done + len(here)] = (tables.take(context) + fraction) * SYMBOLS + symbol
        done += len(here)
    return 0


@twin
def decode_strip(
    errors: I16,
    sizes: U16,
    energy: I32,
    base: I16,
    before: I16,
    weights: I32,
    energies: I32,
    classes: U8,
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

    The inverse of encode_strip and push; entries and numbers are those that `rans.pop_symbols` takes.
    """
    plane, used, done = _Plane(errors, sizes, energy, base, before, weights, energies, classes, step), 0, 0
    for here, places in _fronts(energy.shape, errors.shape[1]):
        context, middle, eighths, fraction = plane.expect(here, places)
        table = tables.take(context) + fraction
        symbol, taken = _pop(states, words[used:], table, entries, numbers, done % len(states))
        if taken < 0:
            return -1
        used, done = used + taken, done + len(here)
        beneath = plane.base.take(here)
        least = -((beneath + step // 2) // step)
        times = least + (middle + symbol - SYMBOLS // 2 - least & SYMBOLS - 1)
        found = np.clip(beneath + step * times, 0, 255) - beneath
        plane.errors[places], plane.sizes[places] = found, np.abs(8 * found - eighths)
    return used


def _fronts(shape: tuple[int, int], across: int) -> Iterator[tuple[Intp, Intp]]:
    """Yield the places of each wavefront in a plane, and in one that is framed and so many pixels across."""
    h, w = shape
    for t in range(w + 2 * (h - 1)):
        rows = np.arange(max(0, (t - w + 2) // 2), min(h - 1, t // 2) + 1)
        yield rows * (w - 2) + t, (rows + ABOVE) * across + t - 2 * rows + LEFT


class _Plane:
    """A plane that is being coded, flat."""

    def __init__(
        self,
        errors: I16,
        sizes: U16,
        energy: I32,
        base: I16,
        before: I16,
        weights: I32,
        energies: I32,
        classes: U8,
        step: int,
    ):
        self.errors, self.sizes, self._energy = errors.reshape(-1), sizes.reshape(-1), energy.ravel()
        self.base = shifted(base, (0, 0)).ravel().astype(np.int32)
        self._known = known_features(base, before).reshape(-1, energy.size)
        self._weights, self._energies, self._classes, self._step = weights, energies, classes, step
        across = errors.shape[1]
        self._causal, self._sized = (np.array([[dy * across + dx] for dy, dx in at]) for at in (CAUSAL, SIZED))

    def expect(self, here: Intp, places: Intp) -> tuple[Intp, I32, I32, I32]:
        """Return contexts, and what is expected: in whole steps, in eighths of a level, and the step's eighths + 4."""
        around = self.sizes.take(places + self._sized).astype(np.int32)
        context = THRESHOLDS.searchsorted(self._energy.take(here) + self._energies @ around, side="right")
        features = np.concatenate([self.errors.take(places + self._causal), self._known.take(here, axis=1)])
        weights = self._weights.T.take(self._classes.take(context), axis=1)
        total = (weights * features).sum(axis=0, dtype=np.int32)
        beneath, step = 8 * self.base.take(here), self._step
        eighths = np.clip(total + (1 << _EIGHTHS_SHIFT - 1) >> _EIGHTHS_SHIFT, -beneath, 8 * 255 - beneath)
        steps = (2 * eighths + step) // (2 * step)
        middle = steps + FRACTIONS // 2 >> 3
        return context, middle, eighths, steps - 8 * middle + FRACTIONS // 2


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
