"""Frequency tables of errors: Student's t-distribution of a scale, a shape and a fraction (FORMAT.md, RESIDUAL).

An error of -128 to 127 is a symbol, shifted by 128. All is computed in whole numbers, so every machine has the same
tables; `entropy/rans.py` codes with them.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from runtime.arrays import F64, I64, U8
from runtime.entropy.rans import PRECISION_BITS, SLOTS, Slots

SYMBOLS = 256
FRACTIONS = 8
"""Tables of each scale and shape: what is expected is known to an eighth of a step."""
QUARTERS = (16, 19, 23, 27)
"""16 times 2 ** (i / 4), rounded: shifted, they are all scales and thresholds."""
SCALES = 48
POWERS = (2, 3, 5, 8)
"""Of a density 1 / (1 + (x / scale)**2), which has 2 * power - 1 degrees of freedom."""
NUMBERS = SCALES * len(POWERS)

_UNIT_BITS = 20
_PARTS = 8
"""The density is summed at so many points of a step."""


@dataclass(frozen=True, eq=False)
class ErrorTables(Slots):
    """The tables of some numbers, each `shape * 48 + scale`: FRACTIONS of each, one behind the other."""

    numbers: U8
    """(n,)"""

    @cached_property
    def starts(self) -> I64:
        """(8 n, 257) first slot of each symbol, then 2**14."""
        ends = np.cumsum(np.concatenate([_weights(int(number)) for number in self.numbers]), axis=1)
        starts = np.zeros((len(ends), SYMBOLS + 1), np.int64)
        starts[:, 1:] = ends * (SLOTS - SYMBOLS) // ends[:, -1:] + np.arange(1, SYMBOLS + 1)
        return starts


def cost_bits(number: int) -> F64:
    """Return the bits (1024,) of an error that is so many eighths of a step from what was expected."""
    starts = ErrorTables(np.array([number], np.uint8)).starts
    bits = PRECISION_BITS - np.log2(np.diff(starts, axis=1))  # (8, 256)
    distance = np.arange(SYMBOLS // 2 * FRACTIONS)
    symbol = (distance + FRACTIONS // 2) // FRACTIONS
    fraction = FRACTIONS * symbol - distance  # -3 .. 4
    folded = fraction == FRACTIONS // 2  # 4 is the -4 of the next symbol
    symbol, fraction = symbol - folded, np.where(folded, -FRACTIONS // 2, fraction)
    return bits[fraction + FRACTIONS // 2, np.minimum(symbol, SYMBOLS // 2 - 1) + SYMBOLS // 2]


def _weights(number: int) -> I64:
    """Return the weights (8, 256) of all symbols for the fractions -4/8 .. 3/8."""
    power, scale = POWERS[number // SCALES], number % SCALES
    square = (QUARTERS[scale % 4] << scale // 4) ** 2  # of the scale, in 1/256 step
    half = FRACTIONS * SYMBOLS // 2 + FRACTIONS
    middles = (2 * np.arange(-half, half, dtype=np.int64) + 1) * 16  # of eighths of a step, in 1/256 step
    density = (square << _UNIT_BITS) // (square + middles**2)
    weight = density
    for _ in range(power - 1):
        weight = weight * density >> _UNIT_BITS
    sums = np.concatenate([[0], np.cumsum(weight)])  # sums[i]: of all below (i - half) / 8
    symbols = np.arange(SYMBOLS) - SYMBOLS // 2
    fractions = np.arange(FRACTIONS)[:, None] - FRACTIONS // 2
    first = FRACTIONS * symbols - fractions - _PARTS // 2 + half
    return sums[first + _PARTS] - sums[first]
