"""Residuals to whole symbols, symbols to values, values to coefficients. From symbols to values all is integers.

Values are what a part of a picture is coded as: int16 in 1/8 quantisation steps, the symbol times its gain plus the
mean that a network told. The gain is about 8, as a family has it: GAIN where it is the same everywhere.
Shapes: (channels, h, w) on the part's own grid. FORMAT.md, section 6.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.arrays import F32, I16, I32, U8, Intp, contiguous
from runtime.entropy.costs import Costs
from runtime.latents import spec
from runtime.native import twin

GAIN: I32 = np.array([[spec.VALUE_STEPS << spec.GAIN_BITS]], np.int32)
"""(1, 1) The gain of one step."""

_GAIN_UNITS = np.float32(1 << spec.GAIN_BITS)
INVERSE_GAIN: F32 = _GAIN_UNITS / GAIN.astype(np.float32)
"""(1, 1) The symbols of one value then."""

_HALVES: F32 = np.array([np.inf, *[0.5] * 255], np.float32)
_NO_SAVINGS: F32 = np.zeros((256, 2), np.float32)

LARGEST_SYMBOL = spec.LARGEST_VALUE // spec.VALUE_STEPS - 16
"""The encoder's; a stream may hold larger ones."""


def quantise(exact: F32, index: U8, costs: Costs | None = None) -> I32:
    """Return symbols (n,) of residuals (n,) in steps that have these scale indexes (n,), 0 where they are 0.

    With `costs` a symbol moves one towards zero where the bits saved outweigh the error added:
    rate-distortion-optimised quantisation, a choice of the encoder alone.
    """
    dead, savings = (costs.dead_zone, costs.savings) if costs else (_HALVES, _NO_SAVINGS)
    symbols = np.empty(index.shape, np.int32)
    quantise_values(exact, index, dead, savings, symbols, LARGEST_SYMBOL)
    return symbols


def factors(steps: I32) -> F32:
    """Return the values that a coefficient in 1/16 pixel level stands for, at steps (n,)."""
    values_per_step = np.float32(spec.VALUE_STEPS << (spec.STEP_BITS - spec.COEFFICIENT_BITS))
    return values_per_step / steps.astype(np.float32)


def inverse(gain: I32) -> F32:
    """Return the symbols that a value stands for, at gains (h, w)."""
    return _GAIN_UNITS / gain.astype(np.float32)


def residuals(
    coefficients: NDArray[Any],
    factors: F32,
    mean: U8 | I16,
    inverse_gain: F32,
    channels: Intp | None = None,
    shown: tuple[int, int] | None = None,
) -> F32:
    """Return unrounded symbols (n h w,): (coefficient * factor - mean) * inverse gain.

    It is the inverse of values and dequantise. Coefficients (c, h, w) are in 1/16 pixel level, of which the part has
    some channels, or all; factors (n,) are those of its channels, means (n, h, w) as networks say them. Beyond so many
    rows and columns as are shown they are 0.
    """
    if channels is None:
        channels = all_channels(len(mean))
    elif not coefficients.flags.c_contiguous:  # of a tile
        coefficients, channels = coefficients.take(channels, axis=0), all_channels(len(mean))
    rows, columns = shown or mean.shape[1:]
    exact = np.empty(mean.shape, np.float32)
    arrays = contiguous(coefficients), channels, factors, contiguous(mean), inverse_gain
    find_residuals(*arrays, spec.GRID_ZERO, rows, columns, exact)
    return exact.ravel()


def values(mean: U8 | I16, symbols: I32, gain: I32) -> I16:
    """Return values (n, h, w): means (n, h, w) as networks say them, and symbols (n, h, w) times the gains (h, w)."""
    found = np.empty(mean.shape, np.int16)
    put_values(mean, symbols, gain, all_channels(len(mean)), found)
    return found


def put_values(mean: U8 | I16, symbols: I32, gain: I32, channels: Intp, into: I16) -> None:
    """Put such values into some channels (n,) of others (c, h, w)."""
    find_values(contiguous(mean), contiguous(symbols), gain, spec.GRID_ZERO, channels, into)


@cache
def all_channels(count: int) -> Intp:
    """Return the numbers of so many channels."""
    return np.arange(count)


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

    dead (I,): below which magnitude a residual becomes 0; savings (I, n): squared steps that a magnitude less one is
    worth.
    """
    alive = np.flatnonzero(np.abs(exact).clip(max=largest) >= dead.take(index))  # none of what is dead at infinity
    found = exact.take(alive)
    whole = np.rint(found).clip(-largest, largest)
    some = np.flatnonzero(np.abs(whole) > 1)
    magnitude = np.abs(whole.take(some))
    added = np.abs(found.take(some))  # growth of the squared error, in squared steps
    added -= magnitude
    added *= 2
    added += 1
    column = np.minimum(magnitude, savings.shape[1] - 1).astype(np.intp)
    lower = some[added < savings[index.take(alive.take(some)), column]]
    whole[lower] -= np.sign(whole[lower])
    symbols[:] = 0
    symbols[alive] = whole


@twin
def find_residuals(
    coefficients: I16 | F32,
    channels: Intp,
    factor: F32,
    mean: U8 | I16,
    inverse_gain: F32,
    zero: int,
    rows: int,
    columns: int,
    exact: F32,
) -> None:
    """Fill in unrounded symbols (n, h, w): (coefficient * factor - mean + zero) * inverse gain, and 0 beyond some rows
    and columns.

    Coefficients are (c, h, w), of which some channels (n,) count; factors (n,), inverse gains (h, w) or (1, 1), means
    (n, h, w).
    """
    np.multiply(coefficients.take(channels, axis=0), factor[:, None, None], out=exact)
    exact -= mean
    exact += np.float32(zero)
    exact *= inverse_gain
    exact[:, rows:] = 0
    exact[:, :, columns:] = 0


@twin
def find_values(mean: U8 | I16, symbols: I32, gain: I32, zero: int, channels: Intp, into: I16) -> None:
    """Fill in values of some channels (n,) of others (c, h, w).

    They are means (n, h, w) less zero, and symbols (n, h, w) times the gains, which are (h, w) or (1, 1).
    """
    found = mean.astype(np.int16)
    found -= np.int16(zero)
    some = np.flatnonzero(symbols != 0)
    total = symbols.ravel().take(some)
    np.clip(total, -spec.LARGEST_VALUE, spec.LARGEST_VALUE, out=total)
    total *= np.broadcast_to(gain, mean.shape).ravel().take(some)
    total += np.int32(1 << (spec.GAIN_BITS - 1))
    total >>= np.int32(spec.GAIN_BITS)
    total += found.ravel().take(some)
    found.reshape(-1)[some] = np.clip(total, -spec.LARGEST_VALUE - 1, spec.LARGEST_VALUE, out=total)
    into[channels] = found


@twin
def scale_values(values: I16, units: F32, found: F32) -> None:
    """Fill in coefficients (n, h, w) of values (n, h, w) in units (n,)."""
    np.multiply(values, units[:, None, None], out=found)
