"""Residuals to whole symbols, symbols to values, values to coefficients. From symbols to values all is integers.

Values are what a part of a picture is coded as: int16 in 1/8 quantisation steps, the symbol times its gain plus the
mean that a network told. The gain is about 8, as a family has it: GAIN where it is the same everywhere.
Shapes: (channels, h, w) on the part's own grid. FORMAT.md, section 6.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.arrays import F32, I16, I32, U8, contiguous
from runtime.latents import spec
from runtime.native import twin

BITS_PER_SQUARED_STEP = 10.0
"""Bits that a squared error of one step is worth: 6 / ln 2 = 8.7 in theory, chosen on validation pictures."""

GAIN: I32 = np.array([[spec.VALUE_STEPS << spec.GAIN_BITS]], np.int32)
"""(1, 1) The gain of one step."""

_GAIN_UNITS = np.float32(1 << spec.GAIN_BITS)

LARGEST_SYMBOL = spec.LARGEST_VALUE // spec.VALUE_STEPS - 16
"""The encoder's; a stream may hold larger ones."""


def quantise(exact: F32, index: U8, savings: F32 | None = None) -> I32:
    """Return symbols (n,) of residuals (n,) in steps that have these scale indexes (n,), 0 where they are 0.

    With `savings` (of runtime.entropy.costs) a symbol moves one towards zero where the bits saved outweigh
    the error added: rate-distortion-optimised quantisation, a choice of the encoder alone.
    """
    if savings is None:
        dead, savings = np.full(256, 0.5, np.float32), np.zeros((256, 2), np.float32)
    else:
        dead = _dead_zone(savings)
    dead[0] = np.inf
    symbols = np.empty(index.shape, np.int32)
    quantise_values(exact, index, dead, savings, symbols, LARGEST_SYMBOL)
    return symbols


def _dead_zone(savings: F32) -> F32:
    """Return the magnitude (I,) below which a residual of a scale index is taken for 0, where that saves more than it
    costs; those of 1.5 and more are not.
    """
    return np.minimum(0.5 + savings[:, 1] / (2 * BITS_PER_SQUARED_STEP), 1.5).astype(np.float32)


def residuals(coefficients: NDArray[Any], steps: I32, mean: U8 | I16, gain: I32) -> F32:
    """Return unrounded symbols (n h w,): (coefficient / step - mean) / gain, the inverse of values and dequantise.

    Coefficients (n, h, w) are in 1/16 pixel level, steps (n,) those of their channels, means (n, h, w) as networks say
    them; gains are (h, w).
    """
    values_per_step = np.float32(spec.VALUE_STEPS << (spec.STEP_BITS - spec.COEFFICIENT_BITS))
    factor, inverse_gain = values_per_step / steps.astype(np.float32), _GAIN_UNITS / gain.astype(np.float32)
    exact = np.empty(mean.shape, np.float32)
    coefficients, mean = contiguous(coefficients), contiguous(mean)
    find_residuals(coefficients, factor, mean, inverse_gain, spec.GRID_ZERO, exact)
    return exact.ravel()


def values(mean: U8 | I16, symbols: I32, gain: I32) -> I16:
    """Return values (n, h, w): means (n, h, w) as networks say them, and symbols (n, h, w) times the gains (h, w)."""
    found = np.empty(mean.shape, np.int16)
    find_values(contiguous(mean), contiguous(symbols), gain, spec.GRID_ZERO, found)
    return found


def dequantise(values: I16, steps: I32) -> F32:
    """Return coefficients in pixel levels of values (n, h, w) with the steps (n,) of their channels."""
    found = np.empty(values.shape, np.float32)
    scale_values(contiguous(values), units(steps), found)
    return found


def units(steps: I32) -> F32:
    """Return what a value stands for in pixel levels, at steps (n,)."""
    return steps.astype(np.float32) / np.float32(spec.VALUE_STEPS << spec.STEP_BITS)


# -- numpy twins -------------------------------------------------------------------------------------------------------


@twin
def quantise_values(exact: F32, index: U8, dead: F32, savings: F32, symbols: I32, largest: int) -> None:
    """Fill in the symbols (m,), up to the largest, of residuals (m,) in steps with scale indexes (m,).

    dead (I,): below which magnitude a residual becomes 0; savings (I, n): bits that a magnitude less one saves.
    """
    alive = np.flatnonzero(np.abs(exact) >= dead.take(index))
    found = exact.take(alive)
    whole = np.rint(found).clip(-largest, largest)
    some = np.flatnonzero(np.abs(whole) > 1)
    magnitude = np.abs(whole.take(some))
    added = np.abs(found.take(some))  # growth of the squared error, in squared steps
    added -= magnitude
    added *= 2 * BITS_PER_SQUARED_STEP
    added += BITS_PER_SQUARED_STEP
    column = np.minimum(magnitude, savings.shape[1] - 1).astype(np.intp)
    lower = some[added < savings[index.take(alive.take(some)), column]]
    whole[lower] -= np.sign(whole[lower])
    symbols[:] = 0
    symbols[alive] = whole


@twin
def find_residuals(
    coefficients: I16 | F32, factor: F32, mean: U8 | I16, inverse_gain: F32, zero: int, exact: F32
) -> None:
    """Fill in unrounded symbols (n, h, w): (coefficient * factor - mean + zero) * inverse gain.

    Factors are (n,), inverse gains (h, w) or (1, 1), all others (n, h, w).
    """
    np.multiply(coefficients, factor[:, None, None], out=exact)
    exact -= mean
    exact += np.float32(zero)
    exact *= inverse_gain


@twin
def find_values(mean: U8 | I16, symbols: I32, gain: I32, zero: int, found: I16) -> None:
    """Fill in values (n, h, w): means less zero, and symbols (n, h, w) times the gains, which are (h, w) or (1, 1)."""
    np.copyto(found, mean)
    found -= np.int16(zero)
    some = np.flatnonzero(symbols != 0)
    total = symbols.ravel().take(some)
    np.clip(total, -spec.LARGEST_VALUE, spec.LARGEST_VALUE, out=total)
    total *= np.broadcast_to(gain, mean.shape).ravel().take(some)
    total += np.int32(1 << (spec.GAIN_BITS - 1))
    total >>= np.int32(spec.GAIN_BITS)
    total += found.ravel().take(some)
    found.reshape(-1)[some] = np.clip(total, -spec.LARGEST_VALUE - 1, spec.LARGEST_VALUE, out=total)


@twin
def scale_values(values: I16, units: F32, found: F32) -> None:
    """Fill in coefficients (n, h, w) of values (n, h, w) in units (n,)."""
    np.multiply(values, units[:, None, None], out=found)
