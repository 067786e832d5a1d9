"""What values cost: as their tables say."""

import numpy as np
import pytest
from gaussian_tables import gaussian_tables

from runtime.entropy.costs import Costs
from runtime.entropy.tables import Tables


def test_bits_of_a_small_table() -> None:
    """1 bit for 0; 6144 of 16384 slots and a sign for -1 and for 1; 3 bits, 16 and a sign for 2, an escape."""
    tables = Tables(
        np.array([[4096, 8192, 2048, 2048], [16000, 384, 0, 0]], np.uint16),
        np.array([1, 0], np.uint8),
        np.array([0, 0, 1, 0], np.uint8),
        np.array([0, 0, 0, 2], np.uint8),
    )
    values = np.array([-1, 0, 1, 2, 0], np.int32)
    expected = 2 * (np.log2(16384 / 6144) + 1) + 1 + (3 + 16 + 1)
    assert Costs(tables).bits(values, np.array([1, 1, 1, 1, 0], np.uint8)) == pytest.approx(expected)


def test_bits_of_bins_are_those_of_their_magnitudes() -> None:
    costs = Costs(gaussian_tables())
    for index in (1, 8, 20, 28):
        for magnitude, place in ((0, 0), (1, 1), (2, 5), (3, 7), (4, 9), (5, 10), (7, 12)):
            bits = costs.bits(np.array([magnitude]), np.array([index]))
            assert costs.binned_bits[index, place] == pytest.approx(bits, abs=1 / 127)
    assert np.isfinite(costs.binned_bits).all() and not costs.binned_bits[0].any()


@pytest.mark.parametrize("worth", [10.0, 15.0])
def test_savings_are_the_bits_of_a_symbol_less_those_of_the_one_below(worth: float) -> None:
    costs = Costs(gaussian_tables(), bits_per_squared_step=worth)
    for index in (12, 15, 20):
        for magnitude in (1, 2, 3):
            less, more = (costs.bits(np.array([size]), np.array([index])) for size in (magnitude - 1, magnitude))
            assert costs.savings[index, magnitude] * worth == pytest.approx(more - less, abs=1e-3)
