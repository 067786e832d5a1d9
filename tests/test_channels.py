"""Kinds of pictures: what of them is RGB, and how they are made of it again."""

import numpy as np
import pytest

from runtime import channels

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4)])
def test_what_is_split_is_painted_again(shape: tuple[int, ...]) -> None:
    picture = RANDOM.integers(0, 256, shape, dtype=np.uint8)
    rgb, opacity = channels.split(picture)
    assert rgb.shape == (5, 7, 3) and (opacity is None) == (shape[2:] != (4,))
    painted = np.empty_like(picture)
    channels.paint(painted, rgb)
    if opacity is not None:
        painted[:, :, 3] = opacity
    assert np.array_equal(painted, picture)


def test_gray_is_the_rounded_mean_of_colours() -> None:
    painted = np.empty((1, 3), np.uint8)
    channels.paint(painted, np.array([[[0, 0, 1], [0, 1, 1], [255, 255, 255]]], np.uint8))
    assert painted.tolist() == [[0, 1, 255]]
