"""Picture size to grids and tiles; padding; pixels to channels and back. FORMAT.md, section 4."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime import spec

U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Grids:
    """The latent grids that belong to a picture."""

    height: int
    """latent rows"""
    width: int
    """latent columns"""
    hyper_height: int
    hyper_width: int

    @classmethod
    def of(cls, height_px: int, width_px: int) -> "Grids":
        height, width = -(-height_px // spec.LATENT_STRIDE_PX), -(-width_px // spec.LATENT_STRIDE_PX)
        return cls(height, width, -(-height // spec.HYPER_STRIDE), -(-width // spec.HYPER_STRIDE))


@dataclass(frozen=True)
class Tile:
    """One tile as slices of the latent and of the hyper-latent grid."""

    rows: slice
    columns: slice
    hyper_rows: slice
    hyper_columns: slice


def tiles(grids: Grids, tile_px: int) -> Iterator[Tile]:
    """The tiles of a picture, row by row; tile_px is a multiple of 64."""
    side = tile_px // spec.LATENT_STRIDE_PX // spec.HYPER_STRIDE
    for top in range(0, grids.hyper_height, side):
        for left in range(0, grids.hyper_width, side):
            bottom, right = min(top + side, grids.hyper_height), min(left + side, grids.hyper_width)
            s = spec.HYPER_STRIDE
            yield Tile(
                slice(top * s, min(bottom * s, grids.height)),
                slice(left * s, min(right * s, grids.width)),
                slice(top, bottom),
                slice(left, right),
            )


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
