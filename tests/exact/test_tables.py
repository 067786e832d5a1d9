"""Tables of errors: whole, symmetric, wider with the scale, and the same on every machine."""

import hashlib

import numpy as np
import pytest

from runtime.entropy.rans import SLOTS
from runtime.exact import tables
from runtime.exact.tables import FRACTIONS, NUMBERS, SCALES, SYMBOLS, ErrorTables

EVERY = ErrorTables(np.arange(NUMBERS, dtype=np.uint8))


def test_every_symbol_of_every_table_has_a_slot() -> None:
    starts = EVERY.starts
    assert starts.shape == (NUMBERS * FRACTIONS, SYMBOLS + 1)
    assert np.all(starts[:, 0] == 0) and np.all(starts[:, -1] == SLOTS) and np.diff(starts, axis=1).min() >= 1


def test_slots_do_not_change() -> None:
    digest = hashlib.sha256(EVERY.starts.astype("<u2").tobytes()).hexdigest()
    assert digest == "d283798f46b899374c042831c8543fcea884613a0cd8e2ddd165dae341172d80"


@pytest.mark.parametrize("number", [0, 30, 60, 100])
def test_what_is_expected_is_likeliest_and_both_sides_are_alike(number: int) -> None:
    whole = np.diff(ErrorTables(np.array([number], np.uint8)).starts[FRACTIONS // 2])
    middle = SYMBOLS // 2
    assert whole.argmax() == middle
    assert np.abs(whole[middle + 1 :] - whole[1:middle][::-1]).max() <= 1


def test_costs_are_those_of_the_nearest_symbol_and_fraction() -> None:
    """17 eighths from what was expected: 2 steps with the fraction 1/8 less, so -1/8 of what is to be expected."""
    bits = tables.cost_bits(20)
    slots = np.diff(ErrorTables(np.array([20], np.uint8)).starts, axis=1)
    assert bits[17] == 14 - np.log2(slots[FRACTIONS // 2 - 1, SYMBOLS // 2 + 2])
    assert bits[20] == 14 - np.log2(slots[0, SYMBOLS // 2 + 2])
    assert np.all(np.diff(bits[:60]) >= 0)


@pytest.mark.parametrize("shape", range(4))
def test_scales_rise(shape: int) -> None:
    likeliest = np.diff(EVERY.starts, axis=1)[FRACTIONS // 2 :: FRACTIONS].max(axis=1)
    here = likeliest[shape * SCALES : (shape + 1) * SCALES]
    assert np.all(np.diff(here) <= 0) and here[0] > 15_000 and here[-1] < 200
