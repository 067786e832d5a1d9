"""Pixels to what the networks see, and back: squares of 8 x 8 as channels. FORMAT.md, section 7."""

import numpy as np
from numpy.typing import NDArray

from runtime import spec

U8 = NDArray[np.uint8]


def pad_to(pixels: U8, multiple_px: int) -> U8:
    """The picture (H, W, C) with its last row and column repeated up to a multiple."""
    h, w = pixels.shape[:2]
    below, right = -h % multiple_px, -w % multiple_px
    return np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge") if below or right else pixels


def space_to_depth(pixels: U8) -> U8:
    """(H, W, 3) to (192, H/8, W/8), channels ordered (row, column, colour)."""
    n = spec.DEPTH_PX
    h, w = pixels.shape[0] // n, pixels.shape[1] // n
    squares = pixels.reshape(h, n, w, n * 3).transpose(1, 3, 0, 2)
    return np.ascontiguousarray(squares).reshape(n * n * 3, h, w)


def depth_to_space(channels: U8) -> U8:
    """(192, H/8, W/8) to (H, W, 3): the inverse of space_to_depth."""
    n = spec.DEPTH_PX
    _, h, w = channels.shape
    squares = channels.reshape(n, n * 3, h, w).transpose(2, 0, 3, 1)
    return np.ascontiguousarray(squares).reshape(h * n, w * n, 3)
