from typing import Any

import numpy as np
import pytest
from gaussian_tables import draw_layer, gaussian_tables

from runtime.entropy.residuals import Order
from runtime.entropy.tables import SYMBOLS, Tables
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


def join(order: Any, symbols: Any) -> Any:
    """Return the values that a reader makes of symbols."""
    number = len(TABLES.starts) // 2 * SYMBOLS
    assert np.all(symbols.groups < number) and np.all(symbols.excesses >= number)
    q, tops = order.digits((symbols.groups % SYMBOLS).astype(np.uint8))
    assert np.array_equal(order.excesses(tops), symbols.excesses // SYMBOLS)
    fields = order.fields(q, tops, (symbols.excesses % SYMBOLS).astype(np.uint8))
    assert np.array_equal(fields.widths, symbols.widths)
    values = order.join(q, fields, symbols.fields)
    values[np.flatnonzero(values)[symbols.signs]] *= -1
    return order.put(values)


@pytest.mark.parametrize("seed, n", [(0, 0), (1, 1), (2, 7), (3, 300), (4, 5000)])
def test_the_steps_of_a_reader_return_what_split_took(seed: int, n: int) -> None:
    values, index = draw_layer(TABLES, seed, n, wild=n // 40)
    order = Order(TABLES, index)
    assert np.array_equal(join(order, order.split(order.take(values))), values)


def test_groups_are_filled_in_coding_order() -> None:
    """Indexes 2, 3 and 4 come before 1. Base 2: 0 1 0 0 0 0 0 0 | 1 filled up; base 4: 2 1 0 0."""
    values = ints(2, 0, -1, 0, 0, 0, 0, 0, 0, 4, -1)
    index = indexes(1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 1)
    order = Order(NARROW, index)
    symbols = order.split(order.take(values))
    assert symbols.groups.tolist() == [0b01000000, 0b10000000, 256 + 2 * 64 + 16]
    assert symbols.excesses.tolist() == [2 * 256 + 0, 2 * 256 + 0]
    assert symbols.fields.tolist() == [0, 0] and symbols.widths.tolist() == [2, 2]
    assert symbols.signs.tolist() == [True, False, False, True]


def test_an_escape_takes_the_magnitude_above_the_low_bits() -> None:
    """|-23| = 5 * 4 + 3 has digit 1, ESCAPE, then 5 in 16 bits and 3 in two."""
    symbols = Order(NARROW, indexes(4)).split(ints(-23))
    assert symbols.groups.tolist() == [0b10000000] and symbols.excesses.tolist() == [2 * 256 + 1]
    assert symbols.fields.tolist() == [23] and symbols.widths.tolist() == [18] and symbols.signs.tolist() == [True]


def test_extreme_values_survive() -> None:
    tables = gaussian_tables()
    shift = tables.index_shift.copy()
    shift[-1] = 15
    tables = Tables(tables.frequencies, tables.radius, tables.index_table, shift)
    values, index = ints(-(2**31) + 1, 2**31 - 1, -65535, 65535), indexes(28, 28, 1, 24)
    order = Order(tables, index)
    symbols = order.split(order.take(values))
    assert symbols.widths.tolist() == [16, 16, 31, 31]
    assert join(order, symbols).tolist() == values.tolist()


@pytest.mark.parametrize(
    "values, index, message",
    [([1], [5], "another bundle"), ([1], [0], "must be 0"), ([1, 0], [1], "alike"),
     ([65536], [1], "65536"), ([-65536], [1], "65536"), ([-(2**31)], [4], "2147483648")],
)  # fmt: skip
def test_values_that_cannot_be_coded_are_refused(values: Any, index: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        order = Order(NARROW, indexes(*index))
        order.split(order.take(ints(*values)))


def test_an_escape_for_a_small_value_is_refused() -> None:
    order = Order(NARROW, indexes(2))
    q, tops = order.digits(np.array([0b10000000], np.uint8))
    fields = order.fields(q, tops, np.array([1], np.uint8))
    with pytest.raises(StreamError, match="escape"):
        order.join(q, fields, np.array([1]))
