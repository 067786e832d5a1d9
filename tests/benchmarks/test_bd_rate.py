"""BD-rates whose value is known without any interpolation."""

import math
from typing import Any

import pytest

from benchmarks.bd_rate import BdRate, bd_rate, curve

JPEG_LIKE = [(0.25, 26.0), (0.45, 29.1), (0.87, 32.2), (1.55, 35.4), (2.5, 38.0)]


def rate(anchor: list[tuple[float, float]], test: list[tuple[float, float]]) -> BdRate:
    """Return the BD-rate of curves that have a common range."""
    found = bd_rate(anchor, test)
    assert found is not None
    return found


def test_a_curve_against_itself_is_0_percent_over_its_whole_range() -> None:
    result = rate(JPEG_LIKE, JPEG_LIKE)
    assert result.percent == pytest.approx(0, abs=1e-9)
    assert (result.low, result.high) == (26.0, 38.0)


def test_half_the_bytes_at_every_quality_is_minus_50_percent() -> None:
    half = [(rate / 2, quality) for rate, quality in JPEG_LIKE]
    assert rate(JPEG_LIKE, half).percent == pytest.approx(-50)
    assert rate(half, JPEG_LIKE).percent == pytest.approx(100)


def test_curves_with_other_numbers_of_points_compare_over_the_common_range() -> None:
    """A straight line in log rate is the same line through three of its points or two."""
    anchor = [(2 ** (quality / 6), float(quality)) for quality in (24, 30, 36)]
    test = [(0.8 * 2 ** (quality / 6), float(quality)) for quality in (27, 42)]
    result = rate(anchor, test)
    assert result.percent == pytest.approx(-20)
    assert (result.low, result.high) == (27, 36)


@pytest.mark.parametrize("other", [[], JPEG_LIKE[:1], [(1.0, 50.0), (2.0, 55.0)], [(1.0, 38.0), (2.0, 45.0)]])
def test_curves_without_a_common_range_have_no_bd_rate(other: Any) -> None:
    assert bd_rate(JPEG_LIKE, other) is None
    assert bd_rate(other, JPEG_LIKE) is None


def test_a_curve_is_sorted_and_keeps_only_points_better_than_every_cheaper_one() -> None:
    points = [(2.0, 36.0), (1.0, 32.0), (1.5, 31.9), (1.0, 31.0), (3.0, math.inf)]
    assert curve(points) == [(1.0, 32.0), (2.0, 36.0)]


def test_a_rate_within_a_range_is_that_of_the_range_alone() -> None:
    """Half the bytes up to 30 dB and as many above 32: a straight line in log rate on either side."""
    anchor = [(2 ** (quality / 6), float(quality)) for quality in (24, 26, 28, 30, 32, 34, 36)]
    test = [(rate / (2 if quality <= 30 else 1), quality) for rate, quality in anchor]
    low, high = bd_rate(anchor, test, (20, 28)), bd_rate(anchor, test, (34, 90))
    assert low is not None and (low.low, low.high) == (24, 28) and low.percent == pytest.approx(-50, abs=1)
    assert high is not None and (high.low, high.high) == (34, 36) and high.percent == pytest.approx(0, abs=1)
    assert bd_rate(anchor, test, (40, 90)) is None
