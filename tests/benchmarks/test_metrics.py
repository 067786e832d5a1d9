"""PSNR, MS-SSIM and decibels against values worked out by hand."""

import math

import numpy as np
import pytest

from benchmarks import metrics


def test_psnr_of_arrays_that_differ_by_one_everywhere_is_48_13_db() -> None:
    """A mean square error of 1 leaves 20 log10(255) = 48.1308 dB."""
    black = np.zeros((4, 5, 3), np.uint8)
    assert metrics.psnr_db(black, black + 1) == pytest.approx(48.1308, abs=1e-4)


def test_psnr_of_black_and_white_is_0_db_in_either_order() -> None:
    black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert metrics.psnr_db(black, white) == 0
    assert metrics.psnr_db(white, black) == 0


def test_psnr_averages_the_squares_over_all_three_channels() -> None:
    """One of three channels off by 3: mean square 3, so 48.1308 - 10 log10(3) = 43.3596 dB."""
    black = np.zeros((8, 8, 3), np.uint8)
    red = black.copy()
    red[..., 0] = 3
    assert metrics.psnr_db(black, red) == pytest.approx(43.3596, abs=1e-4)


def test_psnr_of_equal_arrays_is_infinite() -> None:
    ramp = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert metrics.psnr_db(ramp, ramp) == math.inf


def test_psnr_refuses_shapes_that_would_broadcast() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        metrics.psnr_db(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 1, 3), np.uint8))


@pytest.mark.parametrize(("value", "db"), [(0.0, 0), (0.9, 10), (0.99, 20), (1.0, math.inf)])
def test_ms_ssim_in_db_is_minus_ten_log_of_the_distance_to_one(value: float, db: float) -> None:
    assert metrics.ms_ssim_db(value) == pytest.approx(db)


def test_a_picture_under_161_px_has_no_ms_ssim_and_says_why() -> None:
    assert "161 px" in str(metrics.why_no_ms_ssim(np.zeros((160, 400, 3), np.uint8)))


def test_ms_ssim_is_one_for_equal_pictures_and_falls_with_noise() -> None:
    pytest.importorskip("pytorch_msssim")
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (161, 176, 3), np.uint8)
    assert metrics.why_no_ms_ssim(picture) is None
    assert metrics.ms_ssim(picture, picture) == pytest.approx(1, abs=1e-6)
    faint = np.clip(picture + rng.normal(0, 20, picture.shape), 0, 255).astype(np.uint8)
    strong = np.clip(picture + rng.normal(0, 60, picture.shape), 0, 255).astype(np.uint8)
    assert metrics.ms_ssim(picture, strong) < metrics.ms_ssim(picture, faint) < 1


@pytest.mark.parametrize(("value", "db"), [(10.0, -20), (1.0, 0), (0.5, 6.0206), (0.0, math.inf)])
def test_a_butteraugli_norm_in_db_is_minus_20_log(value: float, db: float) -> None:
    assert metrics.butteraugli_db(value) == pytest.approx(db, abs=1e-4)


def test_a_picture_under_8_px_is_not_for_the_eye_and_says_why() -> None:
    assert "8 px" in str(metrics.why_not_for_the_eye(np.zeros((7, 40, 3), np.uint8)))
    assert metrics.why_not_for_the_eye(np.zeros((8, 8, 3), np.uint8)) is None


def test_ssim_is_one_for_equal_pictures_and_falls_with_noise() -> None:
    if reason := metrics.why_no_ssim():
        pytest.skip(reason)
    rng = np.random.default_rng(2)
    picture = rng.integers(0, 256, (32, 32, 3), np.uint8)
    assert metrics.ssim(picture, picture) == pytest.approx(1, abs=1e-6)
    faint = np.clip(picture + rng.normal(0, 20, picture.shape), 0, 255).astype(np.uint8)
    assert 0.5 < metrics.ssim(picture, faint) < 1
    assert metrics.ssim(picture, 255 - picture) < 0


def test_ssim_of_two_flat_pictures_is_what_its_constants_say() -> None:
    """Only means differ: (2 * 100 * 110 + C1) / (100**2 + 110**2 + C1) with C1 = (0.01 * 255)**2."""
    if reason := metrics.why_no_ssim():
        pytest.skip(reason)
    flat = [np.full((16, 16, 3), value, np.uint8) for value in (100, 110)]
    assert metrics.ssim(*flat) == pytest.approx((22_000 + 2.55**2) / (22_100 + 2.55**2), abs=1e-4)
