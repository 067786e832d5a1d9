"""What is guessed of chroma from luma: slopes as the model has them, means in whole numbers, and hostile latents."""

import numpy as np
import pytest

from runtime.families.autoencoder.chroma import guessed_means, slopes_of_ac, slopes_of_dc
from runtime.latents.slopes import around

RIDGE = np.float32(30)


def drawn(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 40, shape).astype(np.float32)


def test_sums_are_those_of_a_square_with_edges_repeated() -> None:
    x = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    assert around(x)[0, 1, 1] == x[0, :, :3].sum()
    assert around(x)[0, 0, 0] == 4 * 0 + 2 * 1 + 2 * 4 + 5
    assert around(x[:, :1, :1]).tolist() == [[[0]]]


def test_slopes_find_by_how_much_chroma_follows_luma() -> None:
    luma = drawn(0, 6, 8, 10)
    ac = slopes_of_ac(luma, np.stack([0.5 * luma, -1.5 * luma]), RIDGE)
    dc = slopes_of_dc(np.stack([luma[0], 0.5 * luma[0] + 90, -3 * luma[0]]), RIDGE)
    assert ac.dtype == dc.dtype == np.float32 and ac.shape == dc.shape == (2, 8, 10)
    assert np.abs(ac - np.array([0.5, -1.5])[:, None, None]).max() < 0.02
    assert np.abs(dc[0] - 0.5).mean() < 0.02 and (dc[1] == -2).mean() > 0.9
    flat = slopes_of_dc(np.stack([np.full((4, 4), 100, np.float32), drawn(1, 4, 4), drawn(2, 4, 4)]), RIDGE)
    assert np.abs(flat).max() < 0.01


def test_slopes_are_the_model_s() -> None:
    torch = pytest.importorskip("torch")
    from models import autoencoder as model

    dc, luma, chroma = drawn(3, 3, 7, 9), drawn(4, 12, 7, 9), drawn(5, 2, 12, 7, 9)
    ridge = torch.full((1, 1, 1, 1), float(RIDGE))
    of_dc = model.slopes_of_dc(torch.from_numpy(dc)[None], ridge)[0, :, 0].numpy()
    of_ac = model.slopes_of_ac(torch.from_numpy(luma)[None], torch.from_numpy(chroma)[None], ridge)[0, :, 0].numpy()
    assert np.abs(slopes_of_dc(dc, RIDGE) - of_dc).max() < 1e-3
    assert np.abs(slopes_of_ac(luma, chroma, RIDGE) - of_ac).max() < 1e-3


def test_slopes_of_any_latents_are_numbers_within_limits() -> None:
    """Also where rounding makes a variance negative."""
    random = np.random.default_rng(6)
    for scale in (1e-6, 1.0, 4e6):
        huge = (random.integers(-1, 2, (3, 6, 6)) * scale + scale).astype(np.float32)
        for found in (slopes_of_dc(huge, RIDGE), slopes_of_ac(huge, np.stack([huge, -huge]), RIDGE)):
            assert np.isfinite(found).all() and np.abs(found).max() <= 2


def test_a_mean_is_what_is_said_and_the_gate_s_share_of_the_guess() -> None:
    """A value of 40 at a step of 3 where chroma's is 2, by a slope of 0.5: 30; half of that, all of it, minus it."""
    said = np.array([128, 130, 120, 128], np.uint8).reshape(4, 1, 1)
    luma = np.array([40, -40], np.int16).reshape(2, 1, 1)
    slopes = np.full((2, 1, 1), 0.5, np.float32)
    steps = np.array([3, 3], np.int32), np.array([2, 2, 2, 2], np.int32)
    each = guessed_means(said, np.array([144, 160, 96, 128], np.uint8).reshape(4, 1, 1), slopes, luma, *steps)
    assert each.dtype == np.int16 and each.ravel().tolist() == [143, 100, 90, 128]
    by_colour = guessed_means(said, np.array([144, 128], np.uint8).reshape(2, 1, 1), slopes, luma, *steps)
    assert by_colour.ravel().tolist() == [143, 115, 120, 128]


def test_means_of_hostile_values_fit_16_bits() -> None:
    luma = np.array([-32768, 32767], np.int16).reshape(2, 1, 1)
    gates, said = np.zeros((4, 1, 1), np.uint8), np.full((4, 1, 1), 255, np.uint8)
    steps = np.array([64830, 64830], np.int32), np.ones(4, np.int32)
    found = guessed_means(said, gates, np.full((2, 1, 1), 2, np.float32), luma, *steps)
    assert found.ravel().tolist() == [32767, 255 - 32512] * 2
