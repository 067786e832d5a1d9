"""Corrections of scale indexes: their bytes, what they do, and when the encoder takes them."""

import numpy as np
import pytest
from gaussian_tables import gaussian_tables

from runtime.entropy.costs import Costs
from runtime.errors import StreamError, TruncatedError
from runtime.families.pyramid import spec
from runtime.families.pyramid.spec import PART_BANDS as BANDS
from runtime.latents.corrections import Corrections, best, pack, unpack

TOP = 40
NONE = Corrections.none(BANDS)


class Side:
    """The side bytes of a tile's stream, as PartReader.side gives them."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        self.at += count
        if self.at > len(self.data):
            raise TruncatedError("no more")
        return self.data[self.at - count : self.at]


def drawn(seed: int, parts: int = 16) -> Corrections:
    """Return corrections of some of so many parts."""
    random = np.random.default_rng(seed)
    least = random.integers(1, TOP + 1, 16) * random.integers(0, 2, 16) * random.integers(0, 2)
    shifts = [random.integers(-8, 8, bands) * random.integers(0, 2) for bands in BANDS]
    shifts = shifts if random.integers(0, 4) else [np.zeros(bands, int) for bands in BANDS]
    least[parts:] = 0
    return Corrections(
        tuple(least.tolist()),
        tuple(tuple((each * (place < parts)).tolist()) for place, each in enumerate(shifts)),
    )


# -- to bytes and back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [15, 16])
@pytest.mark.parametrize("seed", range(40))
def test_corrections_come_back(seed: int, parts: int) -> None:
    given = drawn(seed, parts)
    flags, data = pack(given)
    side = Side(data + b"states")
    assert unpack(flags, side.take, parts, TOP, BANDS) == given and side.at == len(data)


def test_no_corrections_take_no_byte() -> None:
    side = Side(b"\1\2\3")
    assert pack(NONE) == (0, b"") and unpack(0, side.take, 16, TOP, BANDS) == NONE and side.at == 0


def test_golden_bytes_do_not_change() -> None:
    """Part 1 has a least index, part 2 (three bands) and part 3 (six) have shifts: nine, and 4 bits of padding."""
    shifts = list(NONE.shifts)
    shifts[2], shifts[3] = (-8, 0, 7), (1, 2, 3, -1, -2, -3)
    given = Corrections((0, 17, *[0] * 14), tuple(shifts))
    assert pack(given) == (3, bytes.fromhex("0200 11 0c00 08 f9 ab 76 50"))


def test_every_beginning_is_refused_as_truncated() -> None:
    flags, data = pack(drawn(1))
    assert flags == 3
    for size in range(len(data)):
        with pytest.raises(TruncatedError):
            unpack(flags, Side(data[:size]).take, 16, TOP, BANDS)


@pytest.mark.parametrize(
    "flags, data, message",
    [
        (1, "0000", "parts 0x0000"),
        (2, "0000", "parts 0x0000"),
        (1, "0080 05", "parts 0x8000, there are 15"),
        (1, "0100 00", "least scale index 0, must be 1 to 40"),
        (1, "0100 29", "least scale index 41, must be 1 to 40"),
        (2, "0200 88 81", "behind the last shift"),
    ],
)
def test_what_pack_does_not_make_is_refused(flags: int, data: str, message: str) -> None:
    with pytest.raises(StreamError, match=message):
        unpack(flags, Side(bytes.fromhex(data)).take, 15, TOP, BANDS)


# -- what they do ------------------------------------------------------------------------------------------------------


def test_scale_indexes_are_raised_and_those_that_are_not_0_shifted_within_their_range() -> None:
    index = np.array([0, 1, 5, 38, 40], np.uint8).repeat(3).reshape(1, 5, 3).repeat(6, axis=0)
    shifts = list(NONE.shifts)
    shifts[1] = (-3, 0, 4)
    found = Corrections((0, 2, *[0] * 14), tuple(shifts)).of(1, index, TOP)
    assert found.dtype == np.uint8
    expected = [[1, 1, 2, 35, 37]] * 2 + [[2, 2, 5, 38, 40]] * 2 + [[6, 6, 9, 40, 40]] * 2
    assert found[:, :, 0].tolist() == expected and (found == found[:, :, :1]).all()
    without_least = Corrections(NONE.least, tuple(shifts)).of(1, index, TOP)
    assert without_least[:, 0, 0].tolist() == [0] * 6 and without_least[0, 1, 0] == 1
    assert NONE.of(1, index, TOP) is index


def test_a_band_of_z_is_a_channel() -> None:
    index = np.broadcast_to(np.full((12, 1, 1), 9, np.uint8), (12, 2, 2))
    shifts = (tuple(range(-6, 6)), *NONE.shifts[1:])
    assert Corrections(NONE.least, shifts).of(0, index, TOP)[:, 1, 1].tolist() == [9 + shift for shift in range(-6, 6)]


def test_bands_are_as_many_as_channels_have_steps_of_their_own() -> None:
    assert sum(BANDS) == spec.Z + spec.LEVELS * (spec.DETAILS + spec.BANDS) and len(BANDS) == 16


# -- the encoder's choice ----------------------------------------------------------------------------------------------


def sigma(index: np.ndarray) -> np.ndarray:
    """Return the scale, in steps, of an index of gaussian_tables."""
    return 0.15 * 1.25 ** (index - 1)


@pytest.mark.parametrize("wrong_by", [-4, -2, 0, 2, 4])
def test_shifts_undo_what_scales_are_wrong_by(wrong_by: int) -> None:
    """Of scales around a step; the encoder takes small values for 0, which makes it guess a little low."""
    costs, random = Costs(gaussian_tables(), spec.SHIFTS), np.random.default_rng(7)
    index = random.integers(10, 16, (6, 64, 64)).astype(np.uint8)
    exact = random.normal(0, 1, index.size) * sigma(index.ravel().astype(float) + wrong_by)
    found = best(exact.astype(np.float32), index, 3, costs)[1]
    assert all(wrong_by - 2 <= shift <= wrong_by + 1 for shift in found)


def test_shifts_are_for_the_bands_that_need_them_and_only_where_they_pay() -> None:
    costs, random = Costs(gaussian_tables(), spec.SHIFTS), np.random.default_rng(8)
    index = np.full((24, 40, 40), 12, np.uint8)
    exact = random.normal(0, 1, index.shape) * sigma(np.array(12.0))
    exact[8:12] *= 3
    index[20:] = 0  # and the last band is not coded
    exact[20:] = 0
    least, found = best(exact.astype(np.float32).ravel(), index, 6, costs)
    assert least == 0
    assert found[2] >= 4 and max(abs(shift) for band, shift in enumerate(found) if band != 2) <= 1
    few = index[:, :1, :1]
    assert best(exact[:, :1, :1].astype(np.float32).ravel(), few, 6, costs) == (0, (0,) * 6)


def test_least_indexes_are_for_parts_of_which_much_is_left_out() -> None:
    costs, random = Costs(gaussian_tables(), spec.SHIFTS), np.random.default_rng(6)
    exact = random.normal(0, 0.05, (12, 30, 25)).astype(np.float32)
    index = np.zeros(exact.shape, np.uint8)
    exact[0:4], index[0:4] = random.normal(0, 20, (4, 30, 25)), 22
    assert best(exact.ravel(), index, 3, costs)[0] == 0
    found = []
    for size in (3, 10, 30, 100):
        odd = exact.copy()
        odd[4:8] = random.normal(0, size, (4, 30, 25))
        found.append(best(odd.ravel(), index, 3, costs)[0])
    assert found == sorted(found) and found[-1] > found[0] > 0
    few = exact.copy()
    few[5, :3, 0] = 1
    assert best(few.ravel(), index, 3, costs)[0] == 0
