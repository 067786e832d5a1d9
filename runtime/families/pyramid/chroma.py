"""How much fine detail the chroma of a picture has: what decides whether it is left out, 4:2:0."""

import numpy as np

from runtime.areas import strips
from runtime.arrays import I32, I64, U8, contiguous
from runtime.families.pyramid import spec
from runtime.native import twin

_EVERY_ROW_PX = 1 << 17
"""Up to so many pixels fine chroma is looked for in all rows."""
_CHROMA_PX = 1024
"""Side of the squares where it is looked for at a time."""
_BUSY_PX, _BUSY_TIMES = 64, 8
"""The side of squares that may have so many times as much of it as the picture: photographs hardly ever have more."""


def chroma_detail(pixels: U8) -> float:
    """Return the mean square of the finest chroma details of RGB (H, W, 3), in squared pixel levels.

    Return an eighth of that of the busiest square of 64 x 64 where this is more. Details are those of the Haar wavelet
    at every column, and at every eighth row of a large picture, even and odd ones in turn; sums are of whole numbers,
    so they are the same on every machine.
    """
    height, width = pixels.shape[:2]
    every = 8 if height * width > _EVERY_ROW_PX else 1
    total, most, count = 0, 0, 0
    for rows in strips(height, 1, _CHROMA_PX):
        for columns in strips(width, 1, _CHROMA_PX):
            block = contiguous(pixels[rows, columns])
            seen = _seen_rows(len(block), every)
            squares = np.empty((-(-len(seen) * every // _BUSY_PX), -(-block.shape[1] // _BUSY_PX)), np.int64)
            sum_chroma(block, seen, _BUSY_PX // every, _BUSY_PX, squares)
            total, most = total + int(squares.sum()), max(most, int(squares.max()))
            count += len(seen) * block.shape[1]
    busy = max(total / count, most * every / (_BUSY_TIMES * _BUSY_PX**2))
    return busy / (4 * 6 * (spec.COLOUR_COUNT - 1) * spec.BANDS)


def _seen_rows(height: int, every: int) -> I64:
    """Return about every so many-th row of a height."""
    rows = np.arange(0, height, every)
    rows += 3 * np.arange(len(rows)) % every  # as what is drawn may be in lines
    return rows[rows < height].astype(np.int64)


@twin
def sum_chroma(pixels: U8, rows: I64, across: int, side: int, squares: I64) -> None:
    """Fill in 24 times the sums of squares (a, b) of the chroma details of RGB (H, W, 3) at some rows.

    Each is of so many of the rows across, and of so many columns as the side.
    """
    energy = _chroma_energy(pixels, rows)
    sums = np.add.reduceat(energy, np.arange(0, len(energy), across), axis=0, dtype=np.int64)
    squares[:] = np.add.reduceat(sums, np.arange(0, sums.shape[1], side), axis=1)


def _chroma_energy(pixels: U8, rows: I64) -> I32:
    """Return 24 times the squares (h, W) of all chroma details of the 2 x 2 pixels at each column of rows (h,)."""
    height, width = pixels.shape[:2]
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
