"""How much fine detail the chroma of a picture has: what decides whether it is left out, 4:2:0."""

import numpy as np

from runtime.areas import strips
from runtime.arrays import I32, U8
from runtime.families.pyramid import spec

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
            energy = _chroma_energy(pixels[rows, columns], every)
            squares = np.add.reduceat(energy, np.arange(0, len(energy), _BUSY_PX // every), axis=0, dtype=np.int64)
            squares = np.add.reduceat(squares, np.arange(0, squares.shape[1], _BUSY_PX), axis=1)
            total, most, count = total + int(squares.sum()), max(most, int(squares.max())), count + energy.size
    busy = max(total / count, most * every / (_BUSY_TIMES * _BUSY_PX**2))
    return busy / (4 * 6 * (spec.COLOUR_COUNT - 1) * spec.BANDS)


def _chroma_energy(pixels: U8, every: int) -> I32:
    """Return 24 times the squares (h, W) of all chroma details of the 2 x 2 pixels at each column of some rows."""
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
