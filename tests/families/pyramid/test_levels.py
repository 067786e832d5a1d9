"""The rate scale: fixed-point rules of FORMAT.md, by literal numbers."""

import math
from dataclasses import replace

import numpy as np
import pytest

from runtime.codec import Codec
from runtime.errors import BundleError
from runtime.families.pyramid import levels, spec
from runtime.families.pyramid.family import Pyramid
from runtime.families.pyramid.levels import Level, Prior
from runtime.latents.rates import exp2

TOP = 48
COLUMNS = spec.DETAILS * spec.LEVELS + spec.Z


def prior_of(*anchors: tuple[int, int]) -> Prior:
    """Return a prior of (log2_step, scale_base) at each anchor; column c has c more of either."""
    columns = np.arange(COLUMNS)
    steps, bases = (np.array([row[part] + columns for row in anchors], np.int16) for part in (0, 1))
    thresholds = [math.ceil(8 * (math.exp((k - 0.5) / 16) - 1)) for k in range(1, 128)]
    masking = 1000 * np.arange(1, 5)[:, None] + 10 * np.arange(12)
    return Prior(
        log2_step=steps,
        scale_base=bases,
        thresholds=np.array(thresholds, np.int32),
        masking=masking.astype(np.int32),
        dark=(1000 * np.arange(1, 5)[:, None] + 100 * np.arange(4) - 2500).astype(np.int32),
        top_index=TOP,
    )


def shipped_prior(codec: Codec) -> Prior:
    assert isinstance(codec.family, Pyramid)
    return codec.family.prior


@pytest.fixture
def level(codec: Codec) -> Level:
    return shipped_prior(codec).at_level(100)


# -- levels ------------------------------------------------------------------------------------------------------------


def test_exp2_of_whole_octaves_is_a_power_of_two() -> None:
    assert exp2(np.array([0, 64, 128, 640, 960])).tolist() == [1, 2, 4, 1024, 32768]


def test_exp2_rounds_to_the_nearest_and_never_below_one() -> None:
    assert exp2(np.array([96, 200, 311])).tolist() == [3, 9, 29]  # 2.83, 8.72, 29.03
    assert exp2(np.array([-500])).tolist() == [1]
    exact = np.round(2.0 ** (np.arange(700, 1024) / 64))
    assert np.abs(exp2(np.arange(700, 1024, dtype=np.int32)) - exact).max() <= 2  # mantissas of 14 bits


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
    prior = shipped_prior(codec)
    below, middle, above = (prior.at_level(level).steps for level in (32, 48, 64))
    assert (above <= middle).all() and (middle <= below).all() and (above < below).all()


def test_planes_add_up_to_one_level(codec: Codec) -> None:
    for byte in (0, 1, 31, 32, shipped_prior(codec).top_level):
        planes = shipped_prior(codec).at_level(byte).planes.astype(int) - spec.GRID_ZERO
        assert planes.sum() == spec.LEVEL_STEPS and (planes >= 0).all()
        assert (planes * np.arange(len(planes))).sum() == byte


def test_columns_are_levels_one_to_five_and_then_z() -> None:
    level = prior_of((0, 0)).at_level(0)
    bases = [levels._columns(level.bases, number).tolist() for number in range(6)]
    assert bases[1] == [*range(9)] and bases[5] == [*range(36, 45)] and bases[0] == [*range(45, 57)]
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
    for byte in (0, 77, shipped_prior(codec).top_level):
        level = shipped_prior(codec).at_level(byte)
        for number in range(1, spec.LEVELS + 1):
            details = level.bases[9 * (number - 1) : 9 * number]
            for part, bases in ((0, details[:3].repeat(2)), (1, details[:3].repeat(2)), (2, details[3:].repeat(4))):
                for eighths in (-10, -4, -1, 0, 6):
                    expected = (bases[:, None, None] + 32 * (said.astype(int) - 128 - eighths)) // 64
                    masking = np.full(said.shape[1:], eighths, np.int16)
                    found = level.index(said.repeat(len(bases), 0), number, part, masking)
                    assert found.dtype == np.uint8
                    assert np.array_equal(found, expected.clip(0, shipped_prior(codec).top_index))


# -- masking -----------------------------------------------------------------------------------------------------------


def test_masking_counts_the_thresholds_that_detail_reaches_at_each_position_s_four_followers() -> None:
    """Steps of one pixel level: a value of 8 is 16 units. Thresholds of level 2 are 2000, 2010, ... 2110."""
    level = prior_of((6 * 64, 0)).at_level(0)
    level.step(3)[:] = 64
    luma = np.zeros((12, 2, 2), np.int16)
    luma[3, 0, 1], luma[11, 0, 1] = 505, -500  # 1010 + 1000 units
    luma[:, 1, 0] = -32768
    low = np.zeros((2, 2), np.float32)  # beyond all thresholds of the dark, from -500 on
    found = level.masking(luma, low, 2)
    assert found.dtype == np.int16
    assert found.tolist() == [[-6, -6, -4, -4], [-6, -6, -4, -4], [6, 6, -6, -6], [6, 6, -6, -6]]


def test_masking_of_the_largest_values_and_steps_is_that_of_whole_numbers() -> None:
    """Values beyond 2047 count as that, so 32 bits are enough."""
    level = prior_of((0, 0)).at_level(0)
    step = 64830  # the largest there is
    level.step(2)[:] = step
    for value in (-32768, -2048, 2047, 2046, 32767):
        total = 12 * min(abs(value), 2047) * step >> 5
        expected = np.searchsorted(level.prior.masking[0], total, side="right") - 10
        dark = np.full((1, 1), -9999, np.float32)
        assert (level.masking(np.full((12, 1, 1), value, np.int16), dark, 1) == expected).all()


def test_masking_counts_the_thresholds_that_luma_reaches_beside_those_of_detail() -> None:
    """By a slow loop over all numbers; some of luma are just on a threshold, or just below it."""
    random = np.random.default_rng(2)
    level = prior_of((500, 0)).at_level(0)
    for wavelet_level in (1, 2, 3, 4):
        masking, dark = (rows[wavelet_level - 1].tolist() for rows in (level.prior.masking, level.prior.dark))
        luma = random.integers(-60, 61, (12, 5, 4)).astype(np.int16)
        luma[:, 1] = luma[:, 0]
        low = (dark[0] - 50 + random.random((5, 4)) * 400).astype(np.float32)
        low[0] = dark
        low[1] = np.nextafter(low[0], np.float32(-1e9))
        found, steps = level.masking(luma, low, wavelet_level), level.step(wavelet_level + 1).tolist()
        assert found.shape == (10, 8)
        for y, x in np.ndindex(10, 8):
            detail = sum(abs(int(v)) * steps[c // 4] for c, v in enumerate(luma[:, y // 2, x // 2])) >> 5
            expected = sum(t <= detail for t in masking) - 6 + sum(t <= low[y // 2, x // 2] for t in dark) - 4
            assert found[y, x] == expected
        assert found[0].tolist() == (found[2] + 1).tolist()  # on and below


@pytest.mark.parametrize(
    "dark, message",
    [
        (np.zeros((4, 7), np.int32), r"dark of shape \(4, 7\) must have 4 rows of 4"),
        (np.tile(np.arange(4, 0, -1), (4, 1)), "that do not fall"),
        (np.full((4, 4), -(2**24)), "must be within 2\\*\\*24"),
    ],
)
def test_thresholds_of_luma_that_no_bundle_may_have_are_refused(dark: np.ndarray, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        replace(prior_of((0, 0)), dark=dark.astype(np.int32))


def test_indexes_of_z_are_those_where_nothing_is_said() -> None:
    level = prior_of((0, 19)).at_level(0)
    index = level.index_z((2, 3))
    assert index.shape == (12, 2, 3) and index.dtype == np.uint8
    assert index[:, 1, 2].tolist() == [(19 + column) // 64 for column in range(45, 57)]
    assert prior_of((0, -90)).at_level(0).index_z((1, 1)).max() == 0
    assert prior_of((0, 5000)).at_level(0).index_z((1, 1)).min() == TOP


# -- what networks see -------------------------------------------------------------------------------------------------


def test_networks_see_the_rounded_logarithm_of_a_value_with_its_sign(codec: Codec) -> None:
    """16 ln(1 + |v| / 8), which is 127 at most."""
    values = np.arange(-32768, 32768)
    exact = np.sign(values) * np.floor(16 * np.log1p(np.abs(values) / 8) + 0.5).clip(0, 127)
    seen = shipped_prior(codec).seen[values.astype(np.int16).view(np.uint16)]
    assert seen.dtype == np.uint8 and np.array_equal(seen.astype(int) - spec.GRID_ZERO, exact)


def test_golden_words_of_what_networks_see_do_not_change(codec: Codec) -> None:
    values = np.array([-32768, -4096, -9, -8, -1, 0, 1, 2, 3, 8, 100, 2000, 21705, 21706, 32767], np.int16)
    expected = [1, 28, 116, 117, 126, 128, 130, 132, 133, 139, 170, 216, 254, 255, 255]
    assert shipped_prior(codec).seen[values.view(np.uint16)].tolist() == expected


def test_a_network_sees_values_then_planes_then_nothing(level: Level) -> None:
    values = np.arange(-9, 9, dtype=np.int16).reshape(6, 1, 3)
    seen = level.see(values, spec.SEEN_OTHER)
    assert seen.shape == (16, 1, 3) and seen.dtype == np.uint8
    assert np.array_equal(seen[:6], level.prior.seen[values.view(np.uint16)])
    assert all((seen[6 + plane] == told).all() for plane, told in enumerate(level.planes))
    assert (seen[14:] == 128).all() and level.planes[3] == 128 + 28 and level.planes[4] == 128 + 4
