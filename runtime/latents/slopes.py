"""Sums around each position, of which slopes of chroma by luma are made, as the families share it.

Trudeau, Egge and Barr 2018, arXiv 1711.03951. IEEE float32, each operation rounded by itself.
"""

import numpy as np

from runtime.arrays import F32


def around(x: F32) -> F32:
    """Return the sums of x (n, h, w) over 3 x 3 positions, edges repeated: of three rows, then of three columns."""
    x = np.pad(x, ((0, 0), (1, 1), (1, 1)), "edge")
    x = x[:, :-2] + x[:, 1:-1] + x[:, 2:]
    return x[:, :, :-2] + x[:, :, 1:-1] + x[:, :, 2:]
