"""Colours and the CDF 9/7 wavelet by lifting: pixels to coefficients and back, the same floats on every machine.

What the inverse computes is FORMAT.md, section 7: IEEE float32, each operation rounded by itself, as numpy does. The
source is Daubechies and Sweldens 1998, "Factoring wavelet transforms into lifting steps". Signals are extended by
reflection, sides are even. Lifting is left without the factors that would make it orthonormal: quantisation steps
account for them.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.arrays import F32, I16, I32, U8
from runtime.families.pyramid import spec

_MIDDLE = 128
_LIFTING = tuple((number % 2 == 0, np.float32(factor / spec.ONE)) for number, factor in enumerate(spec.LIFTING))
"""The four steps that split samples: whether high samples change, or low ones, and by how much of their neighbours."""
_JOINING = tuple((into_high, -factor) for into_high, factor in reversed(_LIFTING))
_STRIP = 1 << 17
"""Samples of either half that are lifted at a time, but a whole plane at least."""
_COLOUR_STRIP = 1 << 16
"""Pixels whose colours are computed at a time."""
_EVERY_ROW_PX = 1 << 17
"""Up to so many pixels fine chroma is looked for in all rows."""
_CHROMA_PX = 1024
"""Side of the squares where it is looked for at a time."""
_BUSY_PX, _BUSY_TIMES = 64, 8
"""The side of squares that may have so many times as much of it as the picture: photographs hardly ever have more."""


# -- one level, there --------------------------------------------------------------------------------------------------


def split(x: F32, colours: int = spec.COLOUR_COUNT) -> tuple[F32, F32]:
    """Return the low band (3, H/2, W/2) of signals (3, H, W), and the details (3 n, H/2, W/2) of the first n colours,
    ordered (colour, band).
    """
    count, height, width = x.shape
    low = np.empty((count, height // 2, width // 2), np.float32)
    details = np.empty((colours, spec.BANDS, *low.shape[1:]), np.float32)
    left, right = x[:, :, 0::2].copy(), x[:, :, 1::2].copy()
    _lift(left, right, 2, _LIFTING)
    unwanted = np.empty((count - colours, *low.shape[1:]), np.float32)
    _split_columns(left[:colours], low[:colours], details[:, 0])
    _split_columns(left[colours:], low[colours:], unwanted)
    _split_columns(right[:colours], details[:, 1], details[:, 2])
    return low, details.reshape(-1, *low.shape[1:])


def _split_columns(x: F32, low: F32, high: F32) -> None:
    """Fill the halves (n, h, w) of samples (n, 2 h, w)."""
    low[:], high[:] = x[:, 0::2], x[:, 1::2]
    _lift(low, high, 1, _LIFTING)


def _lift(low: F32, high: F32, axis: int, steps: Sequence[tuple[bool, np.float32]]) -> None:
    """Change low and high samples (n, h, w) along an axis step by step, some planes at a time."""
    count, height, width = low.shape
    for planes in _strips(count, height * width, _STRIP):
        for into_high, factor in steps:
            target, source = (high, low) if into_high else (low, high)
            change = _neighbours(source[planes], axis, into_high)
            change *= factor
            target[planes] += change


def _neighbours(x: F32, axis: int, following: bool) -> F32:
    """Return each sample (n, h, w) along an axis plus the next one (or the one before), the last (first) one twice."""
    total = np.empty(x.shape, np.float32)
    edge = -1 if following else 0
    if axis == 1:
        np.add(x[:, :-1], x[:, 1:], out=total[:, :-1] if following else total[:, 1:])
        np.add(x[:, edge], x[:, edge], out=total[:, edge])
    else:  # in one go, also from the end of a row to the next one, which the edges put right
        flat, sums = x.reshape(-1), total.reshape(-1)
        np.add(flat[:-1], flat[1:], out=sums[:-1] if following else sums[1:])
        np.add(x[:, :, edge], x[:, :, edge], out=total[:, :, edge])
    return total


def _strips(length: int, across: int, samples: int) -> Iterator[slice]:
    """Yield parts of a length, each of about so many samples where it is so many samples across."""
    step = max(1, samples // across)
    return (slice(start, start + step) for start in range(0, length, step))


# -- one level, back ---------------------------------------------------------------------------------------------------


def join(low: F32, details: F32) -> F32:
    """Return signals (3, H, W) of their low band (3, H/2, W/2) and the details (3 n, H/2, W/2) of the first n colours,
    those of the others being 0: the inverse of split.
    """
    count, height, width = low.shape
    bands = details.reshape(-1, spec.BANDS, height, width)
    colours = len(bands)
    left, right = np.empty((2, count, 2 * height, width), np.float32)
    _join_columns(low[:colours], bands[:, 0], left[:colours])
    _join_columns(low[colours:], None, left[colours:])
    _join_columns(bands[:, 1], bands[:, 2], right[:colours])
    right[colours:] = 0
    _lift(left[:colours], right[:colours], 2, _JOINING)
    _lift(left[colours:], right[colours:], 2, _JOINING[1:])
    import cv2  # only to decode: numpy would take twice as long

    x = np.empty((count, 2 * height, 2 * width), np.float32)
    cv2.merge([half.reshape(-1, width) for half in (left, right)], x.reshape(-1, width, 2))
    return x


def _join_columns(low: F32, high: F32 | None, x: F32) -> None:
    """Fill samples (n, 2 h, w) from their halves (n, h, w); without the high one it is 0, and the first step idle."""
    x[:, 0::2], x[:, 1::2] = low, 0 if high is None else high
    _lift(x[:, 0::2], x[:, 1::2], 1, _JOINING[high is None :])


# -- pixels and colours ------------------------------------------------------------------------------------------------


def to_colours(pixels: U8) -> F32:
    """Return luma and chroma (3, H, W) in 1/16 level around 0 of RGB (H, W, 3)."""
    found = np.empty((spec.COLOUR_COUNT, *pixels.shape[:2]), np.float32)
    factors = [np.float32((row[0] << spec.COEFFICIENT_BITS) / spec.ONE) for row in spec.COLOURS]
    for rows in _strips(len(pixels), pixels.shape[1], _COLOUR_STRIP):
        red, green, blue = (pixels[rows, :, colour].astype(np.int16) for colour in range(spec.COLOUR_COUNT))
        outer = red + blue
        signals = outer + green - np.int16(3 * _MIDDLE), red - blue, outer - 2 * green  # in units of their first factor
        for signal, factor, colour in zip(signals, factors, found, strict=True):
            np.multiply(signal, factor, out=colour[rows])
    return found


def chroma_detail(pixels: U8) -> float:
    """Return the mean square of the finest chroma details of RGB (H, W, 3), in squared levels; where it is more, an
    eighth of that of the busiest square of 64 x 64.

    Those of the Haar wavelet at every column, and at every eighth row of a large picture, now an even one, now an odd
    one; from sums of whole numbers, so the same on every machine.
    """
    height, width = pixels.shape[:2]
    every = 8 if height * width > _EVERY_ROW_PX else 1
    total, most, count = 0, 0, 0
    for rows in _strips(height, 1, _CHROMA_PX):
        for columns in _strips(width, 1, _CHROMA_PX):
            energy = _chroma_energy(pixels[rows, columns], every)
            squares = np.add.reduceat(energy, np.arange(0, len(energy), _BUSY_PX // every), axis=0, dtype=np.int64)
            squares = np.add.reduceat(squares, np.arange(0, squares.shape[1], _BUSY_PX), axis=1)
            total, most, count = total + int(squares.sum()), max(most, int(squares.max())), count + energy.size
    busy = max(total / count, most * every / (_BUSY_TIMES * _BUSY_PX**2))
    return busy / (4 * 6 * (spec.COLOUR_COUNT - 1) * spec.BANDS)


def _chroma_energy(pixels: U8, every: int) -> I32:
    """Return 24 times the squares (h, W) of all chroma details of the 2 x 2 that begin at each column of some rows."""
    height, width = pixels.shape[:2]
    rows = np.arange(0, height, every)
    rows += 3 * np.arange(len(rows)) % every  # as what is drawn may be in lines
    rows = rows[rows < height]
    pairs = np.stack([pixels[np.minimum(rows + below, height - 1)] for below in (0, 1)])
    red, green, blue = (pairs[..., colour].astype(np.int16) for colour in range(spec.COLOUR_COUNT))  # (2, h, W) each
    energy = np.zeros((len(rows), width), np.int32)
    for signal, factor in ((red - blue, 3), (red + blue - 2 * green, 1)):  # of squared norms 2 and 6
        square, total = np.square(signal, dtype=np.int32).sum(axis=0), signal[0] + signal[1]
        for sums in (square, total):
            sums[:, :-1] += sums[:, 1:]
            sums[:, -1] *= 2
        square *= 4
        square -= np.square(total, dtype=np.int32)
        energy += factor * square
    return energy


def to_pixels(signals: F32, correction: I16 | None = None) -> U8:
    """Return RGB (H, W, 3) of luma and chroma (3, H, W) in levels, where to_colours has 1/16 level: else its inverse.

    A correction (3, H, W) in quarters of a level is added before rounding.
    """
    import cv2

    _, height, width = signals.shape
    pixels = np.empty((height, width, spec.COLOUR_COUNT), np.uint8)
    to_all, to_outer, to_green = (np.float32(row[0] / spec.ONE) for row in spec.COLOURS)
    for rows in _strips(height, width, _COLOUR_STRIP):
        luma, red_blue, green = (
            plane * factor for plane, factor in zip(signals[:, rows], (to_all, to_outer, to_green), strict=True)
        )
        luma += np.float32(_MIDDLE + 0.5)  # half a level, since what follows rounds down
        outer = luma + green
        luma -= green
        luma -= green
        samples = np.stack([outer + red_blue, luma, outer - red_blue])
        if correction is not None:
            samples += correction[:, rows] * np.float32(0.25)
        np.clip(samples, 0, 255, out=samples)
        cv2.merge(list(samples.astype(np.uint8)), pixels[rows])
    return pixels


# -- packing by 2 x 2 --------------------------------------------------------------------------------------------------


def pack(details: NDArray[Any], side: int = 2) -> NDArray[Any]:
    """Return (C, H, W) as (side**2 C, H/side, W/side), channels ordered (channel, row, column)."""
    c, h, w = details.shape
    squares = details.reshape(c, h // side, side, w // side, side).transpose(0, 2, 4, 1, 3)
    return squares.reshape(c * side * side, h // side, w // side)


def unpack(packed: NDArray[Any], side: int = 2) -> NDArray[Any]:
    """Undo pack."""
    c, h, w = packed.shape[0] // side**2, *packed.shape[1:]
    details = np.empty((c, h * side, w * side), packed.dtype)
    for row, planes in enumerate(packed.reshape(c, side, side, h, w).swapaxes(0, 1)):
        for column in range(side):
            details[:, row::side, column::side] = planes[:, column]
    return details
