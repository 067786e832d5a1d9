"""Kept texture of blocks whose deviation is known."""

import numpy as np
import pytest

from benchmarks.texture import kept_texture


def checks(means: list[int], amplitude: int) -> np.ndarray:
    """Return a row of 20 blocks for each mean, black and white pixels in turn: they deviate by the amplitude."""
    signs = np.where(np.indices((16 * len(means), 320)).sum(0) % 2, amplitude, -amplitude)
    levels = np.repeat(means, 16)[:, None] + signs
    return np.repeat(levels[..., None], 3, axis=2).astype(np.uint8)


def test_equal_pictures_keep_all_and_flat_ones_nothing() -> None:
    original = checks([30, 100, 200], 4)
    assert kept_texture(original, original) == pytest.approx((1, 1, 1))
    assert kept_texture(original, checks([30, 100, 200], 0)) == pytest.approx((0, 0, 0), abs=1e-3)


def test_each_kind_of_luma_has_its_own_share() -> None:
    decoded = np.concatenate([checks([30], 1), checks([100], 2), checks([200], 6)])
    assert kept_texture(checks([30, 100, 200], 4), decoded) == pytest.approx((0.25, 0.5, 1.5), abs=1e-3)


def test_the_original_decides_what_is_dark_and_what_is_faint() -> None:
    original = checks([50, 50], 4)
    decoded = np.concatenate([checks([90], 2), checks([50], 40)])
    assert kept_texture(original, decoded) == pytest.approx((5.25, None, None), abs=1e-2)
    for amplitude in (1, 7):  # flat, or no faint texture any more
        assert kept_texture(checks([50], amplitude), checks([50], 0)) == (None, None, None)


def test_a_kind_with_few_blocks_and_what_is_no_whole_block_do_not_count() -> None:
    original = checks([30], 4)
    assert kept_texture(original[:, :240], original[:, :240]) == (None, None, None)
    assert kept_texture(original[:, :256], original[:, :256]).dark == pytest.approx(1)
    changed = original.copy()
    changed[:, 319] = 0
    assert kept_texture(original[:, :], changed).dark != pytest.approx(1, abs=1e-3)
    assert kept_texture(original[:, 1:], changed[:, 1:]).dark == pytest.approx(1)
