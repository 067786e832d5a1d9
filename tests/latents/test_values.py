"""Symbols, values and coefficients: fixed-point rules of FORMAT.md, by literal numbers, and the encoder's choices."""

import math

import numpy as np
import pytest

from runtime.codec import Codec
from runtime.families.pyramid.family import Pyramid
from runtime.families.pyramid.levels import Level, gain_of
from runtime.latents.values import LARGEST_SYMBOL, dequantise, factors, inverse, quantise, residuals, values

TOP = 48
PLAIN = np.array([[128]], np.int32)
"""The gain without masking, in 1/16 of a value."""


@pytest.fixture
def level(codec: Codec) -> Level:
    assert isinstance(codec.family, Pyramid)
    return codec.family.prior.at_level(100)


# -- values ------------------------------------------------------------------------------------------------------------


def test_a_value_is_eight_times_the_symbol_and_the_mean() -> None:
    mean = np.array([128, 130, 0, 255, 127], np.uint8).reshape(5, 1, 1)
    found = values(mean, np.array([-3, 0, 1, 0, 0], np.int32).reshape(5, 1, 1), PLAIN)
    assert found.dtype == np.int16 and found.shape == (5, 1, 1)
    assert found.ravel().tolist() == [-24, 2, -120, 127, -1]


def test_the_gain_is_eight_and_an_eighth_of_an_octave_more_for_each_step_of_masking() -> None:
    gain = gain_of(np.arange(-10, 7, dtype=np.int16)[None])
    assert gain.tolist() == [[54, 59, 64, 70, 76, 83, 91, 99, 108, 117, 128, 140, 152, 166, 181, 197, 215]]


def test_a_value_follows_the_gain_of_symbols_at_its_position() -> None:
    """91, 128 and 181 sixteenths; halves are rounded up."""
    mean = np.full((2, 1, 3), 128, np.uint8)
    gain = np.array([[91, 128, 181]], np.int32)
    found = values(mean, np.array([1, 1, 1, -8, -8, -8], np.int32).reshape(2, 1, 3), gain)
    assert found.ravel().tolist() == [6, 8, 11, -45, -64, -90]  # 5.69, 11.31, -45.5, -90.5


def test_values_of_a_hostile_stream_are_those_of_whole_numbers() -> None:
    """A symbol of 31 bits is no more than the largest value; so is what lies just beyond 16 bits."""
    near = [*range(4070, 4110), 32766, 32767, 32768, 32769, 2**28, 2**28 + 1, 2**29, 2**31 - 1]
    symbols = np.array([*near, *(-symbol for symbol in near), 0], np.int32)
    for mean in (0, 1, 127, 128, 129, 255):
        for unit in (54, 128, 215):
            exact = (unit * symbols.astype(np.int64).clip(-(2**15), 2**15) + 8 >> 4) + mean - 128
            told = np.full((len(symbols), 1, 1), mean, np.uint8)
            found = values(told, symbols.reshape(told.shape), np.array([[unit]], np.int32))
            assert np.array_equal(found.ravel(), exact.clip(-(2**15), 2**15 - 1))


def test_coefficients_are_the_nearest_floats_to_eighths_of_a_step() -> None:
    """A step of 64 / 64 pixel level makes a value of 8 one level. Products of more than 24 bits are rounded."""
    found = np.array([8, -8, 1, -1], np.int16)[None, None]
    assert dequantise(found, np.array([64]))[0, 0].tolist() == [1, -1, 0.125, -0.125]
    found = np.array([-32768, -32767, -1, 0, 1, 32767], np.int16)[None, None]
    for step in (1, 63, 64, 65, 2049, 64829, 64830):
        coefficients = dequantise(found, np.array([step], np.int32))
        exact = found.astype(np.float64) * step / 512
        assert coefficients.dtype == np.float32 and np.array_equal(coefficients, exact.astype(np.float32))


def test_each_channel_has_its_own_step() -> None:
    found = np.full((3, 2, 2), 16, np.int16)
    assert dequantise(found, np.array([2, 64, 100]))[:, 0, 1].tolist() == [1 / 16, 2, 3.125]


# -- the encoder's choice ----------------------------------------------------------------------------------------------


def drawn(seed: int, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Return residuals in steps of many sizes, and scale indexes."""
    random = np.random.default_rng(seed)
    exact = (random.normal(0, 1, n) * 2.0 ** random.uniform(-3, 8, n)).astype(np.float32)
    return exact, random.integers(1, TOP, n).astype(np.uint8)


def test_symbols_are_the_nearest_whole_numbers() -> None:
    exact, scale = drawn(1)
    symbols = quantise(exact, scale)
    assert symbols.dtype == np.int32 and (np.abs(symbols - exact) <= 0.5).all()


def test_quantising_for_fewer_bits_never_moves_away_from_zero_nor_by_more_than_one(codec: Codec) -> None:
    assert isinstance(codec.family, Pyramid)
    exact, scale = drawn(2)
    nearest = quantise(exact, scale)
    symbols = quantise(exact, scale, codec.family.costs)
    moved = symbols != nearest
    assert 0.01 < moved.mean() < 0.5
    assert np.array_equal(symbols[moved], (nearest - np.sign(nearest))[moved])
    assert (symbols * nearest >= 0).all()


def test_quantising_for_fewer_bits_moves_just_what_pays(codec: Codec) -> None:
    """One symbol closer to zero costs error² more: moved if that is less than what is saved is worth."""
    assert isinstance(codec.family, Pyramid)
    exact, scales = drawn(3, 2000)
    savings = codec.family.costs.savings
    symbols = quantise(exact, scales, codec.family.costs)
    for residual, scale, symbol in zip(exact.tolist(), scales.tolist(), symbols, strict=True):
        nearest = round(residual)
        if nearest:
            lower = nearest - int(math.copysign(1, nearest))
            added = (residual - lower) ** 2 - (residual - nearest) ** 2
            saved = savings[scale, min(abs(nearest), savings.shape[1] - 1)]
            if abs(added - saved) > 1e-4:
                assert symbol == (lower if added < saved else nearest)


@pytest.mark.parametrize("part, channels", [(0, 6), (2, 24)])
def test_residuals_are_what_values_and_coefficients_undo(level: Level, part: int, channels: int) -> None:
    random = np.random.default_rng(4)
    steps, gain = level.part_step(1, part), gain_of(random.integers(-10, 7, (5, 7)).astype(np.int16))
    mean = random.integers(0, 256, (channels, 5, 7)).astype(np.uint8)
    symbols = random.integers(-99, 100, mean.shape).astype(np.int32)
    found = dequantise(values(mean, symbols, gain), steps) * 16  # as the encoder has them
    exact = residuals(found, factors(steps), mean, inverse(gain))
    assert exact.dtype == np.float32
    assert np.abs(exact - symbols.ravel()).max() < 0.5 / 3.3  # half a value, of those of a symbol


def test_symbols_of_any_residual_keep_their_values_in_16_bits() -> None:
    exact = np.array([1e9, -1e9, 5000, -5000, LARGEST_SYMBOL + 0.4], np.float32)
    symbols = quantise(exact, np.ones(5, np.uint8))
    assert symbols.tolist() == [LARGEST_SYMBOL, -LARGEST_SYMBOL] * 2 + [LARGEST_SYMBOL]
    for mean in (0, 255):
        found = values(np.full((5, 1, 1), mean, np.uint8), symbols.reshape(5, 1, 1), PLAIN).ravel()
        assert np.array_equal(found, 8 * symbols + mean - 128)


def test_coefficients_come_back_within_half_a_step(level: Level) -> None:
    random = np.random.default_rng(0)
    steps = level.part_step(1, 2)
    mean = random.integers(0, 256, (24, 4, 4)).astype(np.uint8)
    wanted = random.normal(0, 3, (24, 4, 4)) * steps[:, None, None] / 64
    exact = (wanted * 64 / steps[:, None, None] - (mean.astype(float) - 128) / 8).astype(np.float32)
    symbols = quantise(exact.ravel(), np.ones(exact.size, np.uint8))
    back = dequantise(values(mean, symbols.reshape(mean.shape), PLAIN), steps)
    assert (np.abs(back - wanted) <= 1.001 * steps[:, None, None] / 128).all()
