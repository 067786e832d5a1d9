"""Fixed-point rules of FORMAT.md, by literal numbers."""

import numpy as np
import pytest

from runtime import spec
from runtime.codec import Codec
from runtime.latents import Level, exp2, first_half, to_index


def test_exp2_of_whole_octaves_is_a_power_of_two() -> None:
    assert exp2(np.array([0, 64, 128, 640])).tolist() == [1, 2, 4, 1024]


def test_exp2_rounds_to_the_nearest_and_never_below_one() -> None:
    assert exp2(np.array([96, 200, 311])).tolist() == [3, 9, 29]  # 2.83, 8.72, 29.03
    assert exp2(np.array([-500])).tolist() == [1]


def test_indexes_are_floored_and_clamped() -> None:
    one = float(1 << spec.INDEX_BITS)
    fixed = np.array([-1.0, 0.999 * one, one, 7.5 * one, 1e6 * one], np.float32)
    assert to_index(fixed, 49).tolist() == [0, 0, 1, 7, 49]


def test_the_checkerboard_starts_with_the_first_half() -> None:
    assert first_half(2, 3).astype(int).tolist() == [[1, 0, 1], [0, 1, 0]]


@pytest.fixture
def level(codec: Codec) -> Level:
    return codec.bundle.prior.at_level(100)


def test_quantised_latents_come_back_within_half_a_step(level: Level) -> None:
    random = np.random.default_rng(0)
    m = level.prior.channels
    mean = np.zeros((m, 4, 4), np.float32)
    latents = random.normal(0, 3, (m, 4, 4)).astype(np.float32) * level.step[:, None, None]
    limit = level.prior.limit[:, None, None]
    latents = np.clip(latents, -limit, limit).astype(np.float32)
    back = level.dequantise(level.quantise(latents, mean, np.ones(latents.shape, np.uint8)), mean)
    assert (np.abs(back - latents) <= level.step[:, None, None] / 2 + 1e-3).all()


def test_what_is_not_coded_is_zero(level: Level) -> None:
    m = level.prior.channels
    latents = np.full((m, 2, 2), 1e4, np.float32)
    assert not level.quantise(latents, 0 * latents, np.zeros(latents.shape, np.uint8)).any()


def test_z_symbols_round_half_up_on_the_grid(level: Level) -> None:
    k = level.prior.hyper_channels
    symbols = np.arange(-3, 4, dtype=np.int32)[None, None].repeat(k, 0)
    step = level.step_z.astype(int)[:, 0, 0]
    expected = np.clip((symbols * step[:, None, None] + 8) // 16, -128, 127)
    assert np.array_equal(level.dequantise_z(symbols), expected)


def test_the_grid_rounds_half_up_and_saturates(level: Level) -> None:
    unit = level.prior.unit.astype(np.float32)[:, None, None]
    values = np.array([0.0, 0.5, -0.5, 1.49, 500, -500], np.float32) * unit
    whole = np.floor(values)
    exact = np.clip(np.floor(whole / unit + 0.5), -128, 127) + 128
    assert np.array_equal(level.grid(whole), exact.astype(np.uint8))


def test_the_grid_is_exact_where_a_value_is_nearest_to_the_edge_between_two(level: Level) -> None:
    """Every whole number within 129 grid steps, for the widest unit: 1 / (2 unit) must survive float32 at 256."""
    unit = int(level.prior.unit.max())
    m = level.prior.channels
    values = np.broadcast_to(np.arange(-129 * unit, 129 * unit + 1), (m, 258 * unit + 1))
    units = level.prior.unit.astype(np.int64)[:, None]
    expected = np.clip((2 * values + units) // (2 * units), -128, 127) + 128
    assert np.array_equal(level.grid(values.astype(np.float32)), expected)


def test_residuals_beyond_16_bits_give_what_whole_numbers_give(level: Level) -> None:
    """A hostile stream: 2**31 - 1 steps are far outside of the limit, whatever float32 makes of them."""
    m = level.prior.channels
    residual = np.array([2**31 - 1, -(2**31) + 1, 40_000, -40_000, 0], np.int32)[None].repeat(m, 0)
    mean = np.float32(-128) * level.prior.unit[:, None].astype(np.float32)
    exact = residual.astype(np.int64) * level.step.astype(np.int64)[:, None] + mean.astype(np.int64)
    limit = level.prior.limit.astype(np.int64)[:, None]
    found = level.dequantise(residual, mean)
    assert found.dtype == np.float32 and np.array_equal(found, np.clip(exact, -limit, limit))


def test_levels_between_anchors_lie_between_them(codec: Codec) -> None:
    prior = codec.bundle.prior
    below, middle, above = (prior.at_level(level).step for level in (32, 48, 64))
    assert (above <= middle).all() and (middle <= below).all() and (above < below).all()


def test_planes_add_up_to_one_level(codec: Codec) -> None:
    for byte in (0, 1, 31, 32, codec.bundle.prior.top_level):
        planes = codec.bundle.prior.at_level(byte).planes.astype(int) - spec.GRID_ZERO
        assert planes.sum() == spec.LEVEL_STEPS and (planes >= 0).all()
        assert (planes * np.arange(len(planes))).sum() == byte
