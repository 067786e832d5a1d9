"""Fixed-point rules of FORMAT.md, by literal numbers."""

import math

import numpy as np
import pytest
from gaussian_tables import gaussian_tables

from runtime.codec import Codec
from runtime.families.pyramid import spec
from runtime.families.pyramid import values as latents
from runtime.families.pyramid.values import LARGEST_SYMBOL, Level, Prior, exp2

TOP = 48
PLAIN = np.array([[128]], np.int32)
"""What a symbol is worth without masking, in 1/16 of a value."""
COLUMNS = spec.DETAILS * spec.LEVELS + spec.Z


def prior_of(*anchors: tuple[int, int]) -> Prior:
    """A prior whose columns are alike, of (log2_step, scale_base) at each anchor; column c has c more of either."""
    columns = np.arange(COLUMNS)
    steps, bases = (np.array([row[part] + columns for row in anchors], np.int16) for part in (0, 1))
    thresholds = [math.ceil(8 * (math.exp((k - 0.5) / 16) - 1)) for k in range(1, 128)]
    masking = 1000 * np.arange(1, 5)[:, None] + 10 * np.arange(8)
    return Prior(steps, bases, np.array(thresholds, np.int32), masking.astype(np.int32), TOP)


@pytest.fixture
def level(codec: Codec) -> Level:
    return codec.bundle.prior.at_level(100)


# -- levels ------------------------------------------------------------------------------------------------------------


def test_exp2_of_whole_octaves_is_a_power_of_two() -> None:
    assert exp2(np.array([0, 64, 128, 640, 960])).tolist() == [1, 2, 4, 1024, 32768]


def test_exp2_rounds_to_the_nearest_and_never_below_one() -> None:
    assert exp2(np.array([96, 200, 311])).tolist() == [3, 9, 29]  # 2.83, 8.72, 29.03
    assert exp2(np.array([-500])).tolist() == [1]
    exact = np.round(2.0 ** (np.arange(700, 1024) / 64))
    assert np.abs(exp2(np.arange(700, 1024)) - exact).max() <= 2  # mantissas of 14 bits


def test_the_largest_step_is_the_format_s() -> None:
    assert exp2(np.array([1023])).tolist() == [64830]


def test_levels_between_anchors_are_rounded_to_the_nearest_half_up() -> None:
    """A quarter of the way from 640 down to 577, and from -7 up to 4."""
    prior = prior_of((640, -7), (577, 4))
    level = prior.at_level(8)
    assert level.bases[:2].tolist() == [-4, -3]  # -4.25 and one more
    assert level.steps[:2].tolist() == exp2(np.array([624, 625])).tolist()  # 624.25
    assert prior.at_level(16).bases[0] == -1 and prior.at_level(16).steps[0] == exp2(np.array([609]))[0]  # -1.5, 608.5
    for byte, row in ((0, 0), (32, 1)):
        assert np.array_equal(prior.at_level(byte).bases, prior.scale_base[row])
        assert np.array_equal(prior.at_level(byte).steps, exp2(prior.log2_step[row].astype(int)))


def test_levels_between_anchors_lie_between_them(codec: Codec) -> None:
    prior = codec.bundle.prior
    below, middle, above = (prior.at_level(level).steps for level in (32, 48, 64))
    assert (above <= middle).all() and (middle <= below).all() and (above < below).all()


def test_planes_add_up_to_one_level(codec: Codec) -> None:
    for byte in (0, 1, 31, 32, codec.bundle.prior.top_level):
        planes = codec.bundle.prior.at_level(byte).planes.astype(int) - spec.GRID_ZERO
        assert planes.sum() == spec.LEVEL_STEPS and (planes >= 0).all()
        assert (planes * np.arange(len(planes))).sum() == byte


def test_columns_are_levels_one_to_five_and_then_z() -> None:
    level = prior_of((0, 0)).at_level(0)
    bases = lambda number: latents._columns(level.bases, number).tolist()  # noqa: E731
    assert bases(1) == [*range(9)] and bases(5) == [*range(36, 45)] and bases(0) == [*range(45, 57)]
    assert len(level.step(0)) == 12 and [len(level.step(number)) for number in range(1, 6)] == [9] * 5


def test_each_channel_of_a_part_has_its_own_detail_s_step() -> None:
    """Halves of luma: two phases of each band. Chroma: four phases of each band of both colours."""
    level = prior_of((640, 0)).at_level(0)
    steps = level.step(2).tolist()
    for part in (0, 1):
        assert level.part_step(2, part).tolist() == [steps[band] for band in (0, 0, 1, 1, 2, 2)]
    assert level.part_step(2, 2).tolist() == [steps[3 + channel // 4] for channel in range(24)]


# -- scale indexes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "base, said, index",
    [
        (0, 128, 0), (63, 128, 0), (64, 128, 1), (-1, 128, 0), (0, 129, 0), (32, 129, 1), (0, 130, 1),
        (640, 127, 9), (640, 126, 9), (640, 125, 8), (640, 0, 0), (640, 255, TOP), (-2000, 255, 32), (3000, 128, 46),
    ],
)  # fmt: skip
def test_indexes_are_floored_and_clamped(base: int, said: int, index: int) -> None:
    """(base + 32 (said - 128)) >> 6, in 0 .. 48: half an index for each unit that is said."""
    level = prior_of((0, base)).at_level(0)
    given = np.full((6, 1, 1), 128, np.uint8)
    given[0] = said
    assert level.index(given, 1, 0, np.zeros((1, 1), np.int16))[0, 0, 0] == index


def test_indexes_are_the_format_s_for_all_that_can_be_said(codec: Codec) -> None:
    said = np.arange(256, dtype=np.uint8)[None, :, None]
    for byte in (0, 77, codec.bundle.prior.top_level):
        level = codec.bundle.prior.at_level(byte)
        for number in range(1, spec.LEVELS + 1):
            details = level.bases[9 * (number - 1) : 9 * number]
            for part, bases in ((0, details[:3].repeat(2)), (1, details[:3].repeat(2)), (2, details[3:].repeat(4))):
                for eighths in (-4, -1, 0, 4):
                    expected = (bases[:, None, None] + 32 * (said.astype(int) - 128 - eighths)) // 64
                    masking = np.full(said.shape[1:], eighths, np.int16)
                    found = level.index(said.repeat(len(bases), 0), number, part, masking)
                    assert found.dtype == np.uint8
                    assert np.array_equal(found, expected.clip(0, codec.bundle.prior.top_index))


# -- masking -----------------------------------------------------------------------------------------------------------


def test_masking_counts_the_thresholds_that_detail_reaches_at_each_position_s_four_followers() -> None:
    """Steps of one pixel level: a value of 8 is 16 units. Thresholds of level 2 are 2000, 2010, ... 2070."""
    level = prior_of((6 * 64, 0)).at_level(0)
    level.step(3)[:] = 64
    luma = np.zeros((12, 2, 2), np.int16)
    luma[3, 0, 1], luma[11, 0, 1] = 505, -500  # 1010 + 1000 units
    luma[:, 1, 0] = -32768
    found = level.masking(luma, 2)
    assert found.dtype == np.int16
    assert found.tolist() == [[-4, -4, -2, -2], [-4, -4, -2, -2], [4, 4, -4, -4], [4, 4, -4, -4]]


def test_masking_of_the_largest_values_and_steps_is_that_of_whole_numbers() -> None:
    """Values beyond 2047 count as that, so 32 bits are enough."""
    level = prior_of((0, 0)).at_level(0)
    step = 64830  # the largest there is
    level.step(2)[:] = step
    for value in (-32768, -2048, 2047, 2046, 32767):
        total = 12 * min(abs(value), 2047) * step >> 5
        expected = np.searchsorted(level.prior.masking[0], total, side="right") - 4
        assert (level.masking(np.full((12, 1, 1), value, np.int16), 1) == expected).all()


def test_a_symbol_is_worth_eight_and_an_eighth_of_an_octave_more_for_each_step_of_masking() -> None:
    worth = latents.worth_of(np.arange(-4, 5, dtype=np.int16)[None])
    assert worth.tolist() == [[91, 99, 108, 117, 128, 140, 152, 166, 181]]


def test_indexes_of_z_are_those_where_nothing_is_said() -> None:
    level = prior_of((0, 19)).at_level(0)
    index = level.index_z((2, 3))
    assert index.shape == (12, 2, 3) and index.dtype == np.uint8
    assert index[:, 1, 2].tolist() == [(19 + column) // 64 for column in range(45, 57)]
    assert prior_of((0, -90)).at_level(0).index_z((1, 1)).max() == 0
    assert prior_of((0, 5000)).at_level(0).index_z((1, 1)).min() == TOP


# -- values ------------------------------------------------------------------------------------------------------------


def test_a_value_is_eight_times_the_symbol_and_the_mean() -> None:
    mean = np.array([128, 130, 0, 255, 127], np.uint8).reshape(5, 1, 1)
    found = latents.values(mean, np.array([2, 0, 4]), np.array([1, -3, 0], np.int32), PLAIN)
    assert found.dtype == np.int16 and found.shape == (5, 1, 1)
    assert found.ravel().tolist() == [-24, 2, -120, 127, -1]


def test_a_value_follows_the_worth_of_symbols_at_its_position() -> None:
    """91, 128 and 181 sixteenths; halves are rounded up."""
    mean = np.full((2, 1, 3), 128, np.uint8)
    worth = np.array([[91, 128, 181]], np.int32)
    found = latents.values(mean, np.arange(6), np.array([1, 1, 1, -8, -8, -8], np.int32), worth)
    assert found.ravel().tolist() == [6, 8, 11, -45, -64, -90]  # 5.69, 11.31, -45.5, -90.5


def test_values_of_a_hostile_stream_are_those_of_whole_numbers() -> None:
    """A symbol of 31 bits is no more than the largest value; so is what lies just beyond 16 bits."""
    near = [*range(4070, 4110), 32766, 32767, 32768, 32769, 2**28, 2**28 + 1, 2**29, 2**31 - 1]
    symbols = np.array([*near, *(-symbol for symbol in near), 0], np.int32)
    for mean in (0, 1, 127, 128, 129, 255):
        for unit in (91, 128, 181):
            exact = (unit * symbols.astype(np.int64).clip(-(2**15), 2**15) + 8 >> 4) + mean - 128
            told = np.full((len(symbols), 1, 1), mean, np.uint8)
            found = latents.values(told, np.arange(len(symbols)), symbols, np.array([[unit]], np.int32))
            assert np.array_equal(found.ravel(), exact.clip(-(2**15), 2**15 - 1))


def test_coefficients_are_the_nearest_floats_to_eighths_of_a_step() -> None:
    """A step of 64 / 64 pixel level makes a value of 8 one level. Products of more than 24 bits are rounded."""
    found = np.array([8, -8, 1, -1], np.int16)[None, None]
    assert latents.dequantise(found, np.array([64]))[0, 0].tolist() == [1, -1, 0.125, -0.125]
    found = np.array([-32768, -32767, -1, 0, 1, 32767], np.int16)[None, None]
    for step in (1, 63, 64, 65, 2049, 64829, 64830):
        coefficients = latents.dequantise(found, np.array([step], np.int32))
        exact = found.astype(np.float64) * step / 512
        assert coefficients.dtype == np.float32 and np.array_equal(coefficients, exact.astype(np.float32))


def test_each_channel_has_its_own_step() -> None:
    found = np.full((3, 2, 2), 16, np.int16)
    assert latents.dequantise(found, np.array([2, 64, 100]))[:, 0, 1].tolist() == [1 / 16, 2, 3.125]


# -- what networks see -------------------------------------------------------------------------------------------------


def test_networks_see_the_rounded_logarithm_of_a_value_with_its_sign(codec: Codec) -> None:
    """16 ln(1 + |v| / 8), which is 127 at most."""
    values = np.arange(-32768, 32768)
    exact = np.sign(values) * np.floor(16 * np.log1p(np.abs(values) / 8) + 0.5).clip(0, 127)
    seen = codec.bundle.prior.seen[values.astype(np.int16).view(np.uint16)]
    assert seen.dtype == np.uint8 and np.array_equal(seen.astype(int) - spec.GRID_ZERO, exact)


def test_golden_words_of_what_networks_see_do_not_change(codec: Codec) -> None:
    values = np.array([-32768, -4096, -9, -8, -1, 0, 1, 2, 3, 8, 100, 2000, 21705, 21706, 32767], np.int16)
    expected = [1, 28, 116, 117, 126, 128, 130, 132, 133, 139, 170, 216, 254, 255, 255]
    assert codec.bundle.prior.seen[values.view(np.uint16)].tolist() == expected


def test_a_network_sees_values_then_planes_then_nothing(level: Level) -> None:
    values = np.arange(-9, 9, dtype=np.int16).reshape(6, 1, 3)
    seen = level.see(values, spec.SEEN_OTHER)
    assert seen.shape == (16, 1, 3) and seen.dtype == np.uint8
    assert np.array_equal(seen[:6], level.prior.seen[values.view(np.uint16)])
    assert all((seen[6 + plane] == told).all() for plane, told in enumerate(level.planes))
    assert (seen[14:] == 128).all() and level.planes[3] == 128 + 28 and level.planes[4] == 128 + 4


# -- the encoder's choice ----------------------------------------------------------------------------------------------


def drawn(seed: int, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Residuals in steps of many sizes, and scale indexes."""
    random = np.random.default_rng(seed)
    exact = (random.normal(0, 1, n) * 2.0 ** random.uniform(-3, 8, n)).astype(np.float32)
    return exact, random.integers(1, TOP, n).astype(np.uint8)


def test_symbols_are_the_nearest_whole_numbers() -> None:
    exact, scale = drawn(1)
    symbols = latents.quantise(exact, scale)
    assert symbols.dtype == np.int32 and (np.abs(symbols - exact) <= 0.5).all()


def test_quantising_for_fewer_bits_never_moves_away_from_zero_nor_by_more_than_one(codec: Codec) -> None:
    exact, scale = drawn(2)
    nearest = latents.quantise(exact, scale)
    symbols = latents.quantise(exact, scale, codec.bundle.tables.savings)
    moved = symbols != nearest
    assert 0.01 < moved.mean() < 0.5
    assert np.array_equal(symbols[moved], (nearest - np.sign(nearest))[moved])
    assert (symbols * nearest >= 0).all()


def test_quantising_for_fewer_bits_moves_just_what_pays(codec: Codec) -> None:
    """One symbol closer to zero costs error² more: moved if that, at 10 bits a squared step, is less than is saved."""
    exact, scales = drawn(3, 2000)
    savings = codec.bundle.tables.savings
    symbols = latents.quantise(exact, scales, savings)
    for residual, scale, symbol in zip(exact.tolist(), scales.tolist(), symbols, strict=True):
        nearest = round(residual)
        if nearest:
            lower = nearest - int(math.copysign(1, nearest))
            added = 10.0 * ((residual - lower) ** 2 - (residual - nearest) ** 2)
            saved = savings[scale, min(abs(nearest), savings.shape[1] - 1)]
            if abs(added - saved) > 1e-3:
                assert symbol == (lower if added < saved else nearest)


def test_savings_are_the_bits_of_a_symbol_less_those_of_the_one_below() -> None:
    tables = gaussian_tables()
    for index in (12, 15, 20):
        for magnitude in (1, 2, 3):
            less, more = (tables.bits(np.array([size]), np.array([index])) for size in (magnitude - 1, magnitude))
            assert tables.savings[index, magnitude] == pytest.approx(more - less, abs=1e-3)


@pytest.mark.parametrize("part, channels", [(0, 6), (2, 24)])
def test_residuals_are_what_values_and_coefficients_undo(level: Level, part: int, channels: int) -> None:
    random = np.random.default_rng(4)
    steps, worth = level.part_step(1, part), latents.worth_of(random.integers(-4, 5, (5, 7)).astype(np.int16))
    mean = random.integers(0, 256, (channels, 5, 7)).astype(np.uint8)
    places = random.permutation(mean.size)[:100]
    symbols = random.integers(-99, 100, 100).astype(np.int32)
    found = latents.dequantise(latents.values(mean, places, symbols, worth), steps) * 16  # as the encoder has them
    exact = latents.residuals(found, steps, mean, worth).take(places)
    assert exact.dtype == np.float32 and np.abs(exact - symbols).max() < 0.5 / 5.6  # half a value, of those of a symbol


def test_symbols_of_any_residual_keep_their_values_in_16_bits() -> None:
    exact = np.array([1e9, -1e9, 5000, -5000, LARGEST_SYMBOL + 0.4], np.float32)
    symbols = latents.quantise(exact, np.ones(5, np.uint8))
    assert symbols.tolist() == [LARGEST_SYMBOL, -LARGEST_SYMBOL] * 2 + [LARGEST_SYMBOL]
    for mean in (0, 255):
        found = latents.values(np.full((5, 1, 1), mean, np.uint8), np.arange(5), symbols, PLAIN).ravel()
        assert np.array_equal(found, 8 * symbols + mean - 128)


def test_coefficients_come_back_within_half_a_step(level: Level) -> None:
    random = np.random.default_rng(0)
    steps = level.part_step(1, 2)
    mean = random.integers(0, 256, (24, 4, 4)).astype(np.uint8)
    wanted = random.normal(0, 3, (24, 4, 4)) * steps[:, None, None] / 64
    exact = (wanted * 64 / steps[:, None, None] - (mean.astype(float) - 128) / 8).astype(np.float32)
    symbols = latents.quantise(exact.ravel(), np.ones(exact.size, np.uint8))
    back = latents.dequantise(latents.values(mean, np.arange(exact.size), symbols, PLAIN), steps)
    assert (np.abs(back - wanted) <= 1.001 * steps[:, None, None] / 128).all()
