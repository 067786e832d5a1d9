import numpy as np
import pytest
from gaussian_tables import draw_layer, gaussian_tables

from runtime.errors import BundleError, InputError, StreamError
from runtime.tables import Tables


def small(**changes):
    """Table 0: -1, 0, 1, ESCAPE. Table 1: 0, ESCAPE. Scale index 3 sends two low bits raw."""
    arrays = {
        "frequencies": np.array([[4096, 8192, 2048, 2048], [16000, 384, 0, 0]], np.uint16),
        "radius": np.array([1, 0], np.uint8),
        "index_table": np.array([0, 0, 1, 0], np.uint8),
        "index_shift": np.array([0, 0, 0, 2], np.uint8),
    }
    return Tables(**(arrays | changes))


def test_symbols_of_a_small_table():
    values = np.array([0, -1, 0, 1, 2, -7, 5, -1], np.int32)
    index = np.array([0, 1, 1, 1, 1, 2, 3, 3], np.uint8)
    symbols = small().split(values, index)
    assert symbols.table.tolist() == [0, 0, 0, 0, 1, 0, 0]
    assert symbols.symbol.tolist() == [0, 1, 2, 3, 1, 2, 0]
    assert symbols.raw.tolist() == [0, 0, 0, 2, 0x10000 - 7, 1, 3]
    assert symbols.raw_width.tolist() == [0, 0, 0, 16, 16, 2, 2]


def test_bits_of_a_small_table():
    """log2(16384 / 4096) = 2 bits, 1 bit, 3 bits, 3 bits and the 16 of the escape: 25 bits."""
    values = np.array([-1, 0, 1, 2, 0], np.int32)
    assert small().bits(values, np.array([1, 1, 1, 1, 0], np.uint8)) == 25


@pytest.mark.parametrize("seed", range(5))
def test_join_returns_what_split_took(seed):
    tables = gaussian_tables()
    values, index = draw_layer(tables, seed, 2000, wild=50)
    symbols = tables.split(values, index)
    coded = tables.coded(index)
    assert np.array_equal(tables.raw_width(coded, symbols.symbol), symbols.raw_width)
    assert np.array_equal(tables.join(len(index), coded, symbols.symbol, symbols.raw), values)


def test_extreme_values_survive():
    tables = small(index_shift=np.array([0, 0, 0, 15], np.uint8))
    values = np.array([-(1 << 30), (1 << 30) - 1, -32768, 32767], np.int32)
    index = np.array([3, 3, 1, 1], np.uint8)
    symbols = tables.split(values, index)
    assert symbols.raw_width.tolist() == [31, 31, 16, 16]
    joined = tables.join(4, tables.coded(index), symbols.symbol, symbols.raw)
    assert joined.tolist() == values.tolist()


def test_slots_tell_symbol_and_interval():
    freq_of, offset_of, symbol_of = small().slots
    assert symbol_of[[0, 4095, 4096, 16383, 16384, 16384 + 16000]].tolist() == [0, 0, 1, 3, 0, 1]
    assert freq_of[[0, 4096, 16384 + 16000]].tolist() == [4096, 8192, 384]
    assert offset_of[[0, 4095, 4096, 16384 + 16001]].tolist() == [0, 4095, 0, 1]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"frequencies": np.full((2, 4), 4096, np.int32)}, "unsigned"),
        ({"frequencies": np.full(8, 4096, np.uint16)}, "dimensions"),
        ({"frequencies": np.uint16([[4096, 8192, 2048, 2047], [16000, 384, 0, 0]])}, "16384"),
        ({"frequencies": np.uint16([[4096, 8192, 0, 4096], [16000, 384, 0, 0]])}, "in use"),
        ({"frequencies": np.uint16([[4096, 8192, 2048, 2048], [16000, 383, 1, 0]])}, "in use"),
        ({"radius": np.array([2, 0], np.uint8)}, "columns"),
        ({"radius": np.array([1], np.uint8)}, "radii"),
        ({"index_table": np.array([0, 0, 2, 0], np.uint8)}, "table 2 of 2"),
        ({"index_table": np.array([0], np.uint8)}, "index_shift"),
        ({"index_table": np.zeros(0, np.uint8)}, "index_table"),
        ({"index_shift": np.array([0, 0, 0, 16], np.uint8)}, "up to 16"),
    ],
)  # fmt: skip
def test_bad_tables_are_refused(changes, message):
    with pytest.raises(BundleError, match=message):
        small(**changes)


@pytest.mark.parametrize(
    "values, index, message",
    [([1], [4], "another bundle"), ([1], [0], "must be 0"), ([1, 0], [1], "alike"),
     ([32768], [1], "32768"), ([-32769], [1], "32769")],
)  # fmt: skip
def test_values_that_cannot_be_coded_are_refused(values, index, message):
    with pytest.raises(InputError, match=message):
        small().split(np.array(values, np.int32), np.array(index, np.uint8))


def test_an_escape_for_a_small_value_is_refused():
    tables = small()
    coded = tables.coded(np.array([1], np.uint8))
    with pytest.raises(StreamError, match="escape"):
        tables.join(1, coded, np.array([3]), np.array([1]))
