"""The middle of a picture in a few pixels: which part, its mean colours, alpha on white."""

import numpy as np
import pytest

from runtime.errors import InputError
from runtime.pictures.square import shrunk


@pytest.mark.parametrize("height, width, top, left", [(64, 96, 0, 16), (96, 64, 16, 0), (65, 100, 0, 17)])
def test_it_is_the_centre_square(height: int, width: int, top: int, left: int) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    side = min(height, width)
    assert np.array_equal(shrunk(picture, side), picture[top : top + side, left : left + side])


def test_a_pixel_is_the_mean_of_its_area() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (128, 128, 3), np.uint8)
    means = picture.reshape(32, 4, 32, 4, 3).mean((1, 3))
    assert np.abs(shrunk(picture, 32) - means).max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (1, 1, 4), (1, 10_000), (10_000, 1, 3), (31, 33, 3), (2, 3)])
def test_smaller_pictures_are_enlarged(shape: tuple[int, ...]) -> None:
    small = shrunk(np.full(shape, 255, np.uint8), 32)
    assert small.shape == (32, 32, 3) and small.dtype == np.uint8 and (small == 255).all()


def test_gray_has_three_equal_channels() -> None:
    gray = np.random.default_rng(3).integers(0, 256, (40, 50), np.uint8)
    assert np.array_equal(shrunk(gray, 8), shrunk(np.dstack([gray] * 3), 8))


def test_alpha_is_shown_on_white() -> None:
    picture = np.zeros((8, 8, 4), np.uint8)
    picture[:, :4, 3], picture[:4, 4:, 3] = 255, 128
    small = shrunk(picture, 2)[..., 0].tolist()
    assert small == [[0, 127], [0, 255]]


def test_colours_that_nobody_sees_do_not_count() -> None:
    picture = np.full((4, 4, 4), 255, np.uint8)
    picture[:, ::2] = (200, 0, 0, 0)
    picture[:, 1::2] = (0, 0, 100, 255)
    assert np.abs(shrunk(picture, 1)[0, 0] - np.array([127.5, 127.5, 177.5])).max() <= 1


@pytest.mark.parametrize("wrong", [np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4), np.uint8)])
def test_what_is_no_picture_is_an_input_error(wrong: np.ndarray) -> None:
    with pytest.raises(InputError):
        shrunk(wrong, 32)
