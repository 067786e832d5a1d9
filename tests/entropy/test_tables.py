import zlib
from typing import Any

import numpy as np
import pytest
from gaussian_tables import gaussian_tables

from runtime.entropy.tables import Tables
from runtime.errors import BundleError

GOLDEN_CRC = 3497255550


def small(**changes: np.ndarray) -> Any:
    """Return tables. Table 0: -1, 0, 1, ESCAPE. Table 1: 0, ESCAPE. Scale index 3 sends two low bits raw."""
    arrays: dict[str, Any] = {
        "frequencies": np.array([[4096, 8192, 2048, 2048], [16000, 384, 0, 0]], np.uint16),
        "radius": np.array([1, 0], np.uint8),
        "index_table": np.array([0, 0, 1, 0], np.uint8),
        "index_shift": np.array([0, 0, 0, 2], np.uint8),
    }
    return Tables(**(arrays | changes))


def test_weights_are_those_of_both_signs() -> None:
    assert [w.tolist() for w in small().weights] == [[8192, 6144, 2048], [16000, 384]]


def test_a_table_takes_the_first_grouping_whose_top_digit_is_rare() -> None:
    """At most 1024 slots: in table 0 magnitudes >= 2 have 2048, >= 3 none; in table 1 magnitudes >= 1 have 384."""
    assert small().grouping.tolist() == [2, 0]
    assert small().top_digit.tolist() == [3, 1]
    assert small().escape.tolist() == [0, 0]


def test_groups_are_products_that_fill_all_slots() -> None:
    """Digits 0000, 0001, 0002, 0003, 0010 in base 4: 16128 / 16 * (1, 3/4, 1/4, 0, 3/4), and one slot for each."""
    starts = small().starts
    assert starts.shape == (4, 257) and starts[:, 0].tolist() == [0] * 4 and starts[:, -1].tolist() == [1 << 14] * 4
    assert np.diff(starts[:2]).min() == 1
    assert np.diff(starts[0])[:5].tolist() == [1009, 757, 253, 1, 757]


def test_excesses_share_the_slots_by_weight() -> None:
    """Magnitude 1 has 512 slots and ESCAPE 256: 2/3 and 1/3 of 16382, and one slot for each."""
    tables = small(frequencies=np.array([[256, 15616, 256, 256], [16000, 384, 0, 0]], np.uint16))
    assert tables.grouping.tolist() == [0, 0]
    assert np.diff(tables.starts[2])[:3].tolist() == [10922, 5462, 0]
    assert tables.escape.tolist() == [1, 0]


def test_entries_tell_symbol_and_interval() -> None:
    tables = gaussian_tables()
    start, freq = tables.intervals
    slot = np.random.default_rng(1).integers(0, 1 << 14, 500)
    table = np.random.default_rng(2).integers(0, len(tables.starts), 500)
    place = (table << 14) + slot
    code = table * 256 + tables.symbols[place]
    assert np.array_equal(tables.entries[place] >> 16, freq[code])
    assert np.array_equal(tables.entries[place] & 0xFFFF, slot - start[code])


def test_the_golden_starts_of_the_test_tables_do_not_change() -> None:
    starts = gaussian_tables().starts
    assert zlib.crc32(starts.astype("<u4").tobytes()) == GOLDEN_CRC


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"frequencies": np.full((2, 4), 4096, np.int32)}, "unsigned"),
        ({"frequencies": np.full(8, 4096, np.uint16)}, "dimensions"),
        ({"frequencies": np.array([[4096, 8192, 2048, 2047], [16000, 384, 0, 0]], np.uint16)}, "16384"),
        ({"frequencies": np.array([[4096, 8192, 0, 4096], [16000, 384, 0, 0]], np.uint16)}, "in use"),
        ({"frequencies": np.array([[4096, 8192, 2048, 2048], [16000, 383, 1, 0]], np.uint16)}, "in use"),
        ({"radius": np.array([2, 0], np.uint8)}, "columns"),
        ({"radius": np.array([256, 0], np.uint16)}, "above 255"),
        ({"radius": np.array([1], np.uint8)}, "radii"),
        ({"index_table": np.array([0, 0, 2, 0], np.uint8)}, "table 2, the last is 1"),
        ({"index_table": np.array([0], np.uint8)}, "index_shift"),
        ({"index_table": np.zeros(0, np.uint8)}, "index_table"),
        ({"index_shift": np.array([0, 0, 0, 16], np.uint8)}, "up to 16"),
    ],
)  # fmt: skip
def test_bad_tables_are_refused(changes: Any, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        small(**changes)
