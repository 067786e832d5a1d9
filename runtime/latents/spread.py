"""What z may be where it is lost, from where it is known: for streams that are not whole."""

from collections.abc import Iterable

import numpy as np

from runtime.areas import Slices
from runtime.arrays import I32, Bool


def spread(known: Iterable[tuple[Slices, I32]], shape: tuple[int, int, int]) -> I32:
    """Return z of a shape (n, hz, wz) from what is known of it: rows and columns, and z (n, h, w) there."""
    z, there = np.zeros(shape, np.int32), np.zeros(shape[1:], np.bool_)
    for cells, symbols in known:
        z[:, *cells] = symbols
        there[cells] = True
    while not there.all():  # each round reaches the rows and columns that have anything
        z, there = _filled(z, there)
    return z


def _filled(z: I32, known: Bool) -> tuple[I32, Bool]:
    """Return z (n, hz, wz) filled from the nearest known cells in each row and column, nearer ones counting more, and
    which cells (hz, wz) are known then.
    """
    total, weight = np.zeros(z.shape), np.zeros(known.shape)
    for turns in range(4):
        seen, symbols = np.rot90(known, turns), np.rot90(z, turns, (1, 2))
        column = np.arange(seen.shape[1])
        nearest = np.maximum.accumulate(np.where(seen, column, -1), axis=1)
        share = (nearest >= 0) / np.maximum(column - nearest, 1)
        weighted = np.take_along_axis(symbols, np.maximum(nearest, 0)[None], axis=2) * share
        total += np.rot90(weighted, -turns, (1, 2))
        weight += np.rot90(share, -turns)
    filled = np.rint(total / np.maximum(weight, 1e-9)).astype(z.dtype)
    return np.where(known, z, filled), known | (weight > 0)
