"""Colours and the CDF 9/7 wavelet by lifting: pixels to coefficients in float, and back in exact integers.

The integers of the inverse are FORMAT.md, section 7; the source is Daubechies and Sweldens 1998, "Factoring wavelet
transforms into lifting steps". Signals are extended by reflection, sides are even. Lifting is left without the factors
that would make it orthonormal: quantisation steps account for them.
"""

from collections.abc import Iterator
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
_STRIP = 1 << 17
"""Samples of either half that are lifted at a time."""


# -- one level, float: the encoder's direction -------------------------------------------------------------------------


def split(x: F32) -> tuple[F32, F32]:
    """The low band (3, H/2, W/2) of signals (3, H, W), and their details (9, H/2, W/2) ordered (colour, band)."""
    colours, height, width = x.shape
    low = np.empty((colours, height // 2, width // 2), x.dtype)
    details = np.empty((colours, spec.BANDS, *low.shape[1:]), x.dtype)
    halves = np.empty((2, height, width // 2), x.dtype)
    for signal, low_low, (low_high, high_low, high_high) in zip(x, low, details, strict=True):
        for rows in _strips(height, width // 2):
            halves[0, rows], halves[1, rows] = signal[rows, 0::2], signal[rows, 1::2]
            _split(halves[0, rows], halves[1, rows], 1)
        for half, lower, higher in zip(halves, (low_low, high_low), (low_high, high_high), strict=True):
            for columns in _strips(width // 2, height // 2):
                lower[:, columns], higher[:, columns] = half[0::2, columns], half[1::2, columns]
                _split(lower[:, columns], higher[:, columns], 0)
    return low, details.reshape(-1, *low.shape[1:])


def _split(low: F32, high: F32, axis: int) -> None:
    """Lifts even and odd samples along an axis to their low and high halves, in place."""
    for target, constant, source, following in _lifting(low, high):
        change = _neighbours(source, axis, following)
        change *= np.float32(constant / _ONE)
        target += change


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


def _along(axis: int, start: int | None, stop: int | None) -> tuple[slice, ...]:
    """A slice along an axis of (H, W)."""
    return (*(slice(None),) * axis, slice(start, stop))


def _strips(length: int, across: int) -> Iterator[slice]:
    """Parts of a length, each of about _STRIP samples where it is so many samples across."""
    step = max(1, _STRIP // across)
    return (slice(start, start + step) for start in range(0, length, step))


# -- one level, integers: the decoder's direction ----------------------------------------------------------------------


def join(low: I32, details: I32) -> I32:
    """Signals (3, H, W) from their low band (3, H/2, W/2) and details (9, H/2, W/2): the inverse of split."""
    colours, height, width = low.shape
    x = np.empty((colours, 2 * height, 2 * width), np.int32)
    halves = np.empty((2, 2 * height, width), np.int32)
    bands = details.reshape(colours, spec.BANDS, height, width)
    for signal, low_low, (low_high, high_low, high_high) in zip(x, low, bands, strict=True):
        for half, lower, higher in zip(halves, (low_low, high_low), (low_high, high_high), strict=True):
            for columns in _strips(width, height):
                half[0::2, columns], half[1::2, columns] = _join(lower[:, columns], higher[:, columns], 0)
        for rows in _strips(2 * height, width):
            signal[rows, 0::2], signal[rows, 1::2] = _join(halves[0, rows], halves[1, rows], 1)
    return x


def _join(low: I32, high: I32, axis: int) -> tuple[I32, I32]:
    """Even and odd samples along an axis from their low and high halves."""
    limit = spec.COEFFICIENT_LIMIT
    low, high = np.clip(low, -limit, limit), np.clip(high, -limit, limit)
    for target, constant, source, following in reversed(_lifting(low, high)):
        change = _neighbours(source, axis, following)
        change *= np.int32(constant)
        change += np.int32(_ONE >> 1)
        change >>= np.int32(spec.LIFT_BITS)
        target -= change
    return low, high


# -- pixels and colours ------------------------------------------------------------------------------------------------


def to_colours(pixels: U8) -> F32:
    """Luma and chroma (3, H, W) in 1/16 level around 0 of RGB (H, W, 3).

    The same floats on every machine, as all of this file.
    """
    red, green, blue = (pixels[:, :, colour].astype(np.int16) for colour in range(spec.COLOUR_COUNT))
    outer = red + blue
    factors = (np.float32(_WHOLE * row[0] / _ONE) for row in spec.COLOURS)
    signals = (outer + green - np.int16(3 * _MIDDLE), red - blue, outer - 2 * green)  # in units of their first factor
    found = np.empty((spec.COLOUR_COUNT, *red.shape), np.float32)
    for signal, factor, colour in zip(signals, factors, found, strict=True):
        np.multiply(signal, factor, out=colour)
    return found


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
    details = np.empty((c, h * side, w * side), packed.dtype)
    for row, planes in enumerate(packed.reshape(c, side, side, h, w).swapaxes(0, 1)):
        for column in range(side):
            details[:, row::side, column::side] = planes[:, column]
    return details
