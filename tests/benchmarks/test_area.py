"""Areas of curves whose area is known."""

import pytest

from benchmarks.area import area


def test_area_is_that_of_triangles_and_rectangles() -> None:
    assert area([(1.0, 0.9)]) == pytest.approx(0.45 + 0.9)
    assert area([(1.0, 0.9), (3.0, 1.0)]) == pytest.approx(0.45 + (0.9 + 0.95) / 2)
    assert area([(0.5, 0.8), (1.0, 0.9)], 1.0) == pytest.approx(0.2 + 0.425)
    assert area([(4.0, 1.0)]) == pytest.approx(0.5)


def test_points_that_are_no_better_than_cheaper_ones_do_not_count() -> None:
    assert area([(1.0, 0.9), (1.5, 0.8)]) == area([(1.0, 0.9)])
    assert area([]) is None
