"""Grids, padding and the two pixel shuffles."""

import numpy as np
import pytest

from runtime.tiling import Grids, depth_to_space, pad_to, space_to_depth, tiles


def test_depth_to_space_undoes_space_to_depth() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    depth = space_to_depth(pixels)
    assert depth.shape == (192, 3, 5)
    assert np.array_equal(depth_to_space(depth), pixels)


def test_channels_are_ordered_row_column_colour() -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[2, 5, 1] = 9
    assert np.flatnonzero(space_to_depth(pixels)[:, 0, 0]).tolist() == [2 * 24 + 5 * 3 + 1]


@pytest.mark.parametrize("height, width", [(1, 1), (16, 16), (17, 640), (513, 512), (2000, 700)])
@pytest.mark.parametrize("tile_px", [64, 128, 512])
def test_tiles_cover_both_grids_once(height: int, width: int, tile_px: int) -> None:
    grids = Grids.of(height, width)
    latent = np.zeros((grids.height, grids.width), int)
    hyper = np.zeros((grids.hyper_height, grids.hyper_width), int)
    for tile in tiles(grids, tile_px):
        latent[tile.rows, tile.columns] += 1
        hyper[tile.hyper_rows, tile.hyper_columns] += 1
        assert latent[tile.rows, tile.columns].size <= 16 * hyper[tile.hyper_rows, tile.hyper_columns].size
    assert (latent == 1).all() and (hyper == 1).all()
    assert grids.height * 16 >= height > (grids.height - 1) * 16


def test_padding_repeats_the_edge() -> None:
    picture = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    padded = pad_to(picture, 16)
    assert padded.shape == (16, 16, 3)
    assert (padded[:, 1:] == picture[0, 1]).all() and (padded[:, 0] == picture[0, 0]).all()
    assert pad_to(padded, 16) is padded
