"""Padding and the two pixel shuffles."""

import numpy as np

from runtime.tiling import depth_to_space, pad_to, space_to_depth


def test_depth_to_space_undoes_space_to_depth() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    depth = space_to_depth(pixels)
    assert depth.shape == (192, 3, 5)
    assert np.array_equal(depth_to_space(depth), pixels)


def test_channels_are_ordered_row_column_colour() -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[2, 5, 1] = 9
    assert np.flatnonzero(space_to_depth(pixels)[:, 0, 0]).tolist() == [2 * 24 + 5 * 3 + 1]


def test_padding_repeats_the_edge() -> None:
    picture = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    padded = pad_to(picture, 16)
    assert padded.shape == (16, 16, 3)
    assert (padded[:, 1:] == picture[0, 1]).all() and (padded[:, 0] == picture[0, 0]).all()
    assert pad_to(padded, 16) is padded
