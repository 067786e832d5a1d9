"""Colours and the CDF 9/7 wavelet by lifting: pixels to coefficients in float, and back in exact integers.

The integers of the inverse are FORMAT.md, section 7; the source is Daubechies and Sweldens 1998, "Factoring wavelet
transforms into lifting steps". Signals are extended by reflection, sides are even. Lifting is left without the factors
that would make it orthonormal: quantisation steps account for them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime import spec

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]

_ONE = 1 << spec.LIFT_BITS
_WHOLE = 1 << spec.COEFFICIENT_BITS
_MIDDLE = 128


# -- one level, float: the encoder's direction -------------------------------------------------------------------------


def split(x: F32) -> tuple[F32, F32]:
    """The low band (3, H/2, W/2) of signals (3, H, W), and their details (9, H/2, W/2) ordered (colour, band)."""
    low, high = _split(x, 2)
    (low_low, low_high), (high_low, high_high) = _split(low, 1), _split(high, 1)
    details = np.stack([low_high, high_low, high_high], axis=1)
    return low_low, details.reshape(-1, *low_low.shape[1:])


def _split(x: F32, axis: int) -> tuple[F32, F32]:
    """Low and high halves of an even number of samples along an axis."""
    low, high = x[_along(axis, 0, None, 2)].copy(), x[_along(axis, 1, None, 2)].copy()
    for target, constant, source, following in _lifting(low, high):
        change = _neighbours(source, axis, following)
        change *= np.float32(constant / _ONE)
        target += change
    return low, high


def _lifting(low: NDArray[Any], high: NDArray[Any]) -> list[tuple[NDArray[Any], int, NDArray[Any], bool]]:
    """The four steps that split samples: what changes, by how much of which neighbours. Joining goes back."""
    alpha, beta, gamma, delta = spec.LIFTING
    return [(high, alpha, low, True), (low, beta, high, False), (high, gamma, low, True), (low, delta, high, False)]


def _neighbours(x: NDArray[Any], axis: int, following: bool) -> NDArray[Any]:
    """Each sample along an axis plus the next one (or the one before), the last (first) one twice."""
    total = np.empty(x.shape, x.dtype)
    before, behind = _along(axis, None, -1), _along(axis, 1, None)
    inner, edge = (before, _along(axis, -1, None)) if following else (behind, _along(axis, 0, 1))
    np.add(x[before], x[behind], out=total[inner])
    np.add(x[edge], x[edge], out=total[edge])
    return total


def _along(axis: int, start: int | None, stop: int | None, step: int = 1) -> tuple[slice, ...]:
    """A slice along axis 1 or 2 of (C, H, W)."""
    return (*(slice(None),) * axis, slice(start, stop, step))


# -- one level, integers: the decoder's direction ----------------------------------------------------------------------


def join(low: I32, details: I32) -> I32:
    """Signals (3, H, W) from their low band (3, H/2, W/2) and details (9, H/2, W/2): the inverse of split."""
    low_high, high_low, high_high = details.reshape(spec.COLOUR_COUNT, spec.BANDS, *low.shape[1:]).transpose(1, 0, 2, 3)
    return _join(_join(low, low_high, 1), _join(high_low, high_high, 1), 2)


def _join(low: I32, high: I32, axis: int) -> I32:
    """Samples along an axis from their low and high halves."""
    limit = spec.COEFFICIENT_LIMIT
    low, high = np.clip(low, -limit, limit), np.clip(high, -limit, limit)
    for target, constant, source, following in reversed(_lifting(low, high)):
        change = _neighbours(source, axis, following)
        change *= np.int32(constant)
        change += np.int32(_ONE >> 1)
        change >>= np.int32(spec.LIFT_BITS)
        target -= change
    x = np.empty([2 * n if i == axis else n for i, n in enumerate(low.shape)], np.int32)
    x[_along(axis, 0, None, 2)], x[_along(axis, 1, None, 2)] = low, high
    return x


# -- pixels and colours ------------------------------------------------------------------------------------------------


def to_colours(pixels: U8) -> F32:
    """Luma and chroma (3, H, W) around 0 of RGB (H, W, 3): the same floats on every machine, as all of this file."""
    red, green, blue = np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(np.int16)
    outer = red + blue
    factors = (np.float32(row[0] / _ONE) for row in spec.COLOURS)
    signals = (outer + green - np.int16(3 * _MIDDLE), red - blue, outer - 2 * green)  # in units of their first factor
    return np.stack([np.multiply(s, f, dtype=np.float32) for s, f in zip(signals, factors, strict=True)])


def from_colours(signals: I32) -> I32:
    """RGB (3, H, W) in 1/16 levels, unclamped, of luma and chroma in 1/16 levels: the inverse of to_colours."""
    limit = spec.COEFFICIENT_LIMIT
    luma, red_blue, green = np.clip(signals, -limit, limit)
    (luma_part, *_), (red_part, *_), (rest_part, *_) = spec.COLOURS
    luma *= np.int32(luma_part)
    luma += np.int32((_ONE >> 1) + (_MIDDLE << (spec.LIFT_BITS + spec.COEFFICIENT_BITS)))
    red_blue *= np.int32(red_part)
    green *= np.int32(rest_part)  # what red and blue get of it; green gets twice as much of the other sign
    rgb = np.empty(signals.shape, np.int32)
    np.subtract(luma, green, out=rgb[1])
    rgb[1] -= green
    luma += green
    np.add(luma, red_blue, out=rgb[0])
    np.subtract(luma, red_blue, out=rgb[2])
    rgb >>= np.int32(spec.LIFT_BITS)
    return rgb


def to_pixels(rgb: I32) -> U8:
    """uint8 of samples in 1/16 levels, rounded half up and clamped; any shape."""
    rounded = rgb + np.int32(_WHOLE >> 1)
    rounded >>= np.int32(spec.COEFFICIENT_BITS)
    return np.clip(rounded, 0, 255, out=rounded).astype(np.uint8)


# -- packing by 2 x 2 --------------------------------------------------------------------------------------------------


def pack(details: NDArray[Any], side: int = 2) -> NDArray[Any]:
    """(C, H, W) to (side**2 C, H/side, W/side), channels ordered (channel, row, column)."""
    c, h, w = details.shape
    squares = details.reshape(c, h // side, side, w // side, side).transpose(0, 2, 4, 1, 3)
    return squares.reshape(c * side * side, h // side, w // side)


def unpack(packed: NDArray[Any], side: int = 2) -> NDArray[Any]:
    """The inverse of pack."""
    c, h, w = packed.shape[0] // side**2, *packed.shape[1:]
    squares = packed.reshape(c, side, side, h, w).transpose(0, 3, 1, 4, 2)
    return squares.reshape(c, h * side, w * side)
