"""Pixels to colours and back, the same floats on every machine, and the packing of squares into channels.

The way back is specified in FORMAT.md, section 7: IEEE float32, each operation rounded by itself, as numpy does.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.areas import Area, cropped, strips
from runtime.arrays import F32, I16, U8, contiguous
from runtime.latents import spec
from runtime.native import twin

_MIDDLE = 128
_FACTORS: F32 = np.array([row[0] / spec.ONE for row in spec.COLOURS], np.float32)
_COLOUR_STRIP = 1 << 16
"""Pixels whose colours are computed at a time."""


# -- pixels and colours ------------------------------------------------------------------------------------------------


def to_colours(pixels: U8, area: Area | None = None) -> F32:
    """Return luma and chroma (3, h, w), in 1/16 level around 0, of an area of RGB (H, W, 3), as `cropped` has it, or of
    all of it.
    """
    area = area or Area(0, 0, *pixels.shape[:2])
    if not pixels.flags.c_contiguous:
        pixels, area = contiguous(cropped(pixels, area)), Area(0, 0, *area.shape(1))
    planes = np.empty((spec.COLOUR_COUNT, *area.shape(1)), np.float32)
    split_colours(pixels, area.top, area.left, _FACTORS * np.float32(1 << spec.COEFFICIENT_BITS), planes)
    return planes


@twin
def split_colours(pixels: U8, top: int, left: int, factors: F32, planes: F32) -> None:
    """Fill in luma and chroma (3, h, w) of RGB (H, W, 3) from a row and a column on: whole numbers times factors (3,).

    The last row and column of the picture go on beyond it.
    """
    pixels = cropped(pixels, Area(top, left, top + planes.shape[1], left + planes.shape[2]))
    for rows in strips(len(pixels), pixels.shape[1], _COLOUR_STRIP):
        red, green, blue = (pixels[rows, :, colour].astype(np.int16) for colour in range(spec.COLOUR_COUNT))
        outer = red + blue
        signals = outer + green - np.int16(3 * _MIDDLE), red - blue, outer - 2 * green  # in units of their first factor
        for signal, factor, colour in zip(signals, factors, planes, strict=True):
            np.multiply(signal, factor, out=colour[rows])


def to_pixels(signals: F32, correction: I16 | None = None) -> U8:
    """Return RGB (H, W, 3) of luma and chroma (3, H, W) in pixel levels: the inverse of to_colours, which has 1/16.

    A correction (3, H, W) in quarters of a pixel level is added before rounding.
    """
    pixels = np.empty((*signals.shape[1:], spec.COLOUR_COUNT), np.uint8)
    correction = np.empty((0, 0, 0), np.int16) if correction is None else contiguous(correction)
    join_colours(contiguous(signals), _FACTORS, correction, pixels)
    return pixels


@twin
def join_colours(signals: F32, factors: F32, correction: I16, pixels: U8) -> None:
    """Fill in RGB (H, W, 3) of luma and chroma (3, H, W) in factors (3,); a correction may be empty."""
    import cv2

    _, height, width = signals.shape
    for rows in strips(height, width, _COLOUR_STRIP):
        luma, red_blue, green = (plane * factor for plane, factor in zip(signals[:, rows], factors, strict=True))
        luma += np.float32(_MIDDLE + 0.5)  # half a level, since what follows rounds down
        outer = luma + green
        luma -= green
        luma -= green
        samples = np.stack([outer + red_blue, luma, outer - red_blue])
        if correction.size:
            samples += correction[:, rows] * np.float32(0.25)
        np.clip(samples, 0, 255, out=samples)
        cv2.merge(list(samples.astype(np.uint8)), pixels[rows])


# -- packing by 2 x 2 --------------------------------------------------------------------------------------------------


def pack(details: NDArray[Any], side: int = 2) -> NDArray[Any]:
    """Return (C, H, W) as (side**2 C, H/side, W/side), channels ordered (channel, row, column)."""
    c, h, w = details.shape
    squares = details.reshape(c, h // side, side, w // side, side).transpose(0, 2, 4, 1, 3)
    return squares.reshape(c * side * side, h // side, w // side)


def unpack(packed: NDArray[Any], side: int = 2) -> NDArray[Any]:
    """Return (C, H, W) of what `pack` has packed: its inverse."""
    c, h, w = packed.shape[0] // side**2, *packed.shape[1:]
    details = np.empty((c, h * side, w * side), packed.dtype)
    for row, planes in enumerate(packed.reshape(c, side, side, h, w).swapaxes(0, 1)):
        for column in range(side):
            details[:, row::side, column::side] = planes[:, column]
    return details


@twin
def pack_rounded(
    details: F32, top: int, left: int, height: int, width: int, largest: int, packed: I16, row: int, column: int
) -> None:
    """Fill in so many rows and columns, from some on, of details (c, H, W), rounded and at most the largest.

    They are packed by 2 x 2, and are put from a row and a column of packed (4 c, h, w) on; nan becomes the least.
    """
    window = np.rint(details[:, top : top + height, left : left + width])
    into = packed[:, row : row + height // 2, column : column + width // 2]
    into[:] = pack(np.fmin(np.fmax(window, -largest), largest).astype(np.int16))
