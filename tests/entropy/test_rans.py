from typing import Any

import numpy as np
import pytest
from gaussian_tables import gaussian_tables

from runtime.entropy import rans
from runtime.errors import TruncatedError

TABLES = gaussian_tables()
START, FREQ = TABLES.intervals
GOLDEN_STATES = [524288, 279019604, 87736456, 196771]
GOLDEN_WORDS = [
    49394, 49411, 16722, 33196, 392, 506, 49902, 843, 50102, 49929, 33794,
    33871, 50188, 17583, 33975, 50609, 1294, 34221,
]  # fmt: skip


def draw(seed: int, n: int) -> Any:
    """Return symbols drawn from all tables: table, symbol, start and freq of each."""
    random = np.random.default_rng(seed)
    table = random.integers(0, len(TABLES.starts), n)
    symbol = TABLES.symbols[(table << rans.PRECISION_BITS) + random.integers(0, 1 << 14, n)]
    code = table * 256 + symbol
    return table, symbol, START[code], FREQ[code]


def fresh(lanes: int) -> Any:
    return np.full(lanes, rans.LOWEST_STATE, np.uint32)


def uint32(*numbers: Any) -> np.ndarray:
    return np.array(numbers, np.uint32)


@pytest.mark.parametrize("lanes", [1, 2, 16, 32, 128, 1024])
@pytest.mark.parametrize("n", [0, 1, 31, 32, 33, 1000])
def test_pop_returns_what_push_took(lanes: int, n: int) -> None:
    table, symbol, start, freq = draw(lanes + n, n)
    states, words = rans.push(fresh(lanes), start, freq)
    states, symbols, used = rans.pop(states, words, table, TABLES)
    assert np.array_equal(symbols, symbol)
    assert used == len(words)
    assert np.array_equal(states, fresh(lanes))


def test_the_core_is_given_the_symbols_of_some_slots() -> None:
    tables = gaussian_tables()
    np.testing.assert_array_equal(tables.some_symbols, tables.symbols[:: rans.SLOTS_APART])


def test_what_is_pushed_last_is_popped_first() -> None:
    first, second = draw(1, 100), draw(2, 77)
    states, late_words = rans.push(fresh(4), *second[2:])
    states, early_words = rans.push(states, *first[2:])
    words = np.concatenate([early_words, late_words])
    states, symbols, used = rans.pop(states, words, first[0], TABLES)
    assert np.array_equal(symbols, first[1]) and used == len(early_words)
    states, symbols, used = rans.pop(states, words[used:], second[0], TABLES)
    assert np.array_equal(symbols, second[1]) and used == len(late_words)
    assert np.array_equal(states, fresh(4))


@pytest.mark.parametrize("lanes", [1, 8, 64])
def test_the_loop_and_the_rows_make_the_same_words(lanes: int) -> None:
    _, _, start, freq = draw(3, 999)
    results = []
    for coder in (rans._push_rows, rans._push_each):
        states, words = fresh(lanes), np.zeros(len(freq), np.uint16)
        first = coder(states, start, freq, words)
        results.append((states.tolist(), words[first:].tolist()))
    assert results[0] == results[1]


@pytest.mark.parametrize("lanes", [1, 8, 64])
def test_the_loop_and_the_rows_read_the_same_symbols(lanes: int) -> None:
    table, _, start, freq = draw(4, 999)
    base = (table << rans.PRECISION_BITS).astype(np.uint32)
    states, words = rans.push(fresh(lanes), start, freq)
    results = []
    for coder in (rans._pop_rows, rans._pop_each):
        after, places = states.copy(), np.empty(len(base), np.intp)
        used = coder(after, words, base, TABLES.entries, places)
        results.append((used, after.tolist(), places.tolist()))
    assert results[0] == results[1]


def test_one_push_is_the_formula() -> None:
    """65536 // 4096 * 16384 + 300 + 65536 % 4096 = 262444: two bits for a probability of 1/4."""
    states, words = rans.push(fresh(1), uint32(300), uint32(4096))
    assert states.tolist() == [262444] and words.tolist() == []


def test_a_full_state_emits_its_low_word_first() -> None:
    """1 * 2**18 <= 0xABCD1234: emit 0x1234; then 0xABCD // 1 * 16384 + 7 + 0 = 720584711."""
    states, words = rans.push(uint32(0xABCD1234), uint32(7), uint32(1))
    assert words.tolist() == [0x1234] and states.tolist() == [0xABCD * 16384 + 7] == [720584711]


def test_golden_words_do_not_change() -> None:
    j = np.arange(40, dtype=np.uint32)
    start, freq = (j * 37) % 16000, (j % 7) * 50 + 1
    states, words = rans.push(fresh(4), start, freq)
    assert states.tolist() == GOLDEN_STATES
    assert words.tolist() == GOLDEN_WORDS


@pytest.mark.parametrize("lanes", [1, 64])
def test_missing_words_raise_truncated(lanes: int) -> None:
    table, _, start, freq = draw(5, 500)
    states, words = rans.push(fresh(lanes), start, freq)
    for there in range(len(words)):
        with pytest.raises(TruncatedError, match="end early"):
            rans.pop(states, words[:there], table, TABLES)


@pytest.mark.parametrize("lanes", [1, 64])
def test_random_words_keep_the_states_in_range(lanes: int) -> None:
    random = np.random.default_rng(6)
    states = random.integers(1 << 16, 1 << 32, lanes).astype(np.uint32)
    words = random.integers(0, 1 << 16, 3000).astype(np.uint16)
    table = random.integers(0, len(TABLES.starts), 3000)
    states, _, _ = rans.pop(states, words, table, TABLES)
    assert states.min() >= 1 << 16


@pytest.mark.parametrize("lanes", [1, 64])
def test_a_certain_symbol_costs_nothing(lanes: int) -> None:
    states = np.full(lanes, 0xFFFFFFFF, np.uint32)
    after, words = rans.push(states, np.zeros(100, np.uint32), np.full(100, 1 << 14, np.uint32))
    assert np.array_equal(after, states) and len(words) == 0
