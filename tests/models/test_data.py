"""Crops are what networks learn from: of the right size, from pictures as they are or made smaller."""

import numpy as np
import pytest

pytest.importorskip("torch")

from models.data import Crops  # noqa: E402

BARS_PX = 32


def bars() -> np.ndarray:
    """Return a picture of bars, upright, each of BARS_PX: a crop of 128 px of it has three or four edges."""
    row = np.arange(512) // BARS_PX % 2 * 255
    return np.broadcast_to(row[None, :, None], (512, 512, 3)).astype(np.uint8)


def edges(crop: np.ndarray) -> int:
    """Return how often a crop (3, n, n) changes between dark and light, along its bars' normal."""
    light = crop[0] > 127
    return max(int((light[0, 1:] != light[0, :-1]).sum()), int((light[1:, 0] != light[:-1, 0]).sum()))


def count(least_scale: float) -> np.ndarray:
    batches = Crops([bars()], 128, batch=8, seed=0, least_scale=least_scale).take(25)
    crops = np.concatenate([batch.numpy() for batch in batches])
    assert crops.shape == (200, 3, 128, 128) and crops.dtype == np.uint8
    return np.array([edges(crop) for crop in crops])


def test_crops_are_of_pictures_as_they_are() -> None:
    assert set(count(1.0)) <= {3, 4}


def test_half_of_the_crops_are_of_smaller_pictures() -> None:
    found = count(0.25)
    assert found.max() > 12 and found.min() >= 3
    assert 0.4 < (found <= 4).mean() < 0.65


def test_a_picture_is_made_no_smaller_than_a_crop() -> None:
    crops = Crops([bars()[:160]], 128, batch=50, seed=0, least_scale=0.25)
    assert max(edges(crop) for crop in next(crops).numpy()) <= 5


@pytest.mark.parametrize("scale", [0, -1, 1.5])
def test_scales_that_do_not_shrink_are_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="least_scale .* must be above 0"):
        Crops([bars()], 128, batch=1, seed=0, least_scale=scale)
