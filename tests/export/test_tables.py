"""Frequency tables from counts of residuals."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from export import tables  # noqa: E402
from runtime.entropy.tables import Tables  # noqa: E402


def test_tables_are_what_the_runtime_takes() -> None:
    fitted = Tables(**tables.fit())
    assert len(fitted.index_table) == tables.top_index() + 1 == 59


def test_frequencies_are_positive_and_sum_to_the_precision() -> None:
    for seed in range(5):
        p = np.random.default_rng(seed).exponential(1, 40) ** 4
        frequencies = tables.integer_frequencies(p)
        assert frequencies.sum() == 1 << 14 and frequencies.min() >= 1


def test_tables_without_counts_are_the_ideal_mixture() -> None:
    fitted = tables.fit()
    table = 20
    p = tables.ideal(table, tables.layout())
    f = fitted["frequencies"][table, : len(p)] / 2**14
    assert np.abs(f - p / p.sum()).max() < 0.005


def test_counts_move_the_tables_towards_what_was_seen() -> None:
    values, index = np.zeros(100_000, np.int32), np.full(100_000, 21, np.uint8)
    counted = tables.count(values, index, None)
    zero = int(tables.layout()["radius"][20])
    assert counted[20][zero] == 100_000
    assert tables.fit(counted)["frequencies"][20, zero] > 0.95 * 2**14
