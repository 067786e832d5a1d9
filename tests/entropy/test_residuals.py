from typing import Any

import numpy as np
import pytest
from gaussian_tables import draw_layer, gaussian_tables

from runtime.entropy.rans import COST_UNITS
from runtime.entropy.residuals import Order
from runtime.entropy.tables import SYMBOLS, Tables
from runtime.entropy.tile_stream import PartReader, Scales, Split, encode_parts
from runtime.errors import InputError, StreamError

TABLES = gaussian_tables()
NARROW = Tables(
    np.array([[256, 15616, 256, 256], [4096, 8192, 2048, 2048]], np.uint16),
    np.array([1, 1], np.uint8),
    np.array([0, 1, 0, 0, 0], np.uint8),
    np.array([0, 0, 0, 0, 2], np.uint8),
)
"""Scale index 1 has groups of 4 digits, indexes 2 to 4 groups of 8; index 4 sends two low bits raw."""


def ints(*numbers: Any) -> np.ndarray:
    return np.array(numbers, np.int32)


def indexes(*numbers: Any) -> np.ndarray:
    return np.array(numbers, np.uint8)


def order_of(tables: Tables, index: Any) -> Order:
    return Scales(tables, index).order


def join(order: Order, symbols: Any) -> Any:
    """Return the coded values that a reader makes of symbols."""
    number = len(TABLES.starts) // 2 * SYMBOLS
    assert np.all(symbols.groups < number) and np.all(symbols.excesses >= number)
    q, tops = order.digits((symbols.groups % SYMBOLS).astype(np.uint8))
    assert np.array_equal(order.excesses(tops), symbols.excesses // SYMBOLS)
    fields = order.fields(q, tops, (symbols.excesses % SYMBOLS).astype(np.uint8))
    assert np.array_equal(fields.widths, symbols.widths)
    assert not order.join(q, fields, symbols.fields)
    q[np.flatnonzero(q)[symbols.signs]] *= -1
    return q


@pytest.mark.parametrize("seed, n", [(0, 0), (1, 1), (2, 7), (3, 300), (4, 5000)])
def test_the_steps_of_a_reader_return_what_split_took(seed: int, n: int) -> None:
    values, index = draw_layer(TABLES, seed, n, wild=n // 40)
    order = order_of(TABLES, index)
    coded = values.take(order.places)
    assert np.array_equal(join(order, order.split(coded)), coded)


@pytest.mark.parametrize("seed, n", [(0, 0), (1, 1), (2, 7), (3, 300), (4, 5000), (5, 30000)])
def test_what_is_coded_are_the_symbols_and_bits_of_the_steps(seed: int, n: int) -> None:
    values, index = draw_layer(TABLES, seed, n, wild=n // 40)
    scales = Scales(TABLES, index)
    symbols, coded = scales.order.split(values.take(scales.order.places)), scales.split(values)
    assert symbols is not None
    assert np.array_equal(coded.first, symbols.groups) and np.array_equal(coded.second, symbols.excesses)
    bits = "".join(f"{field:0{width}b}" for field, width in zip(symbols.fields, symbols.widths, strict=True))
    signs = "".join("01"[int(sign)] for sign in symbols.signs)
    expected = b"".join(
        int(text.ljust(-(-len(text) // 8) * 8, "0") or "0", 2).to_bytes(-(-len(text) // 8)) for text in (bits, signs)
    )
    assert coded.raw == expected
    codes = np.concatenate([coded.first, coded.second])
    assert coded.cost == TABLES.cost.take(codes).sum()
    assert abs(coded.cost / COST_UNITS - (14 - np.log2(TABLES.intervals[1].take(codes))).sum()) <= n / COST_UNITS


def test_groups_are_filled_in_coding_order() -> None:
    """Indexes 2, 3 and 4 come before 1. Base 2: 0 1 0 0 0 0 0 0 | 1 filled up; base 4: 2 1 0 0."""
    values = ints(2, 0, -1, 0, 0, 0, 0, 0, 0, 4, -1)
    index = indexes(1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 1)
    coded = Scales(NARROW, index).split(values)
    assert coded.first.tolist() == [0b01000000, 0b10000000, 256 + 2 * 64 + 16]
    assert coded.second.tolist() == [2 * 256 + 0, 2 * 256 + 0]
    assert coded.raw == bytes([0b00_00_0000, 0b1_0_0_1_0000])


def test_an_escape_takes_the_magnitude_above_the_low_bits() -> None:
    """|-23| = 5 * 4 + 3 has digit 1, ESCAPE, then 5 in 16 bits and 3 in two."""
    coded = Scales(NARROW, indexes(4)).split(ints(-23))
    assert coded.first.tolist() == [0b10000000] and coded.second.tolist() == [2 * 256 + 1]
    assert coded.raw == (23 << 6).to_bytes(3) + bytes([0b10000000])


def test_extreme_values_survive() -> None:
    tables = gaussian_tables()
    shift = tables.index_shift.copy()
    shift[-1] = 15
    tables = Tables(tables.frequencies, tables.radius, tables.index_table, shift)
    values, scales = ints(-(2**31) + 1, 2**31 - 1, -65535, 65535), Scales(tables, indexes(28, 28, 1, 24))
    assert len(scales.split(values).raw) == -(-(16 + 16 + 31 + 31) // 8) + 1
    reader = PartReader(tables, b"".join(encode_parts(tables, [(scales, values)])), 1)
    assert reader.read(scales).tolist() == values.tolist()
    reader.close()


@pytest.mark.parametrize(
    "values, index, message",
    [([1], [5], "another bundle"), ([1], [0], "must be 0"), ([1, 0], [1], "alike"),
     ([65536], [1], "65536"), ([-65536], [1], "65536"), ([-(2**31)], [4], "2147483648")],
)  # fmt: skip
def test_values_that_cannot_be_coded_are_refused(values: Any, index: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Scales(NARROW, indexes(*index)).split(ints(*values))


def test_scale_indexes_without_tables_are_refused_by_a_reader() -> None:
    with pytest.raises(InputError, match="another bundle"):
        PartReader(NARROW, bytes([0, 0, 0, 1, 0]), 1).read(Scales(NARROW, indexes(5)))


class Given:
    """Codes as they are given, whatever the values."""

    def __init__(self, *coded: Any):
        self.coded = Split(*coded)

    def split(self, values: Any) -> Split:
        return self.coded


def test_an_escape_for_a_small_value_is_refused() -> None:
    """The least magnitude of an escape is 2; 1 comes in 16 raw bits."""
    codes = np.array([0b10000000]), np.array([2 * 256 + 1])
    for magnitude, refused in ((2, False), (1, True)):
        given = Given(*codes, magnitude.to_bytes(2) + bytes([0b10000000]), 0)
        reader = PartReader(NARROW, b"".join(encode_parts(NARROW, [(given, ints())] * 2)), 2)
        if refused:
            with pytest.raises(StreamError, match="escape"):
                reader.read(Scales(NARROW, indexes(2)))
        else:
            assert reader.read(Scales(NARROW, indexes(2))).tolist() == [-2]
