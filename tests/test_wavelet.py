"""Colours and wavelet: the integers of the inverse by literal numbers, and what windows and hostile values give."""

import numpy as np
import pytest

from runtime import spec, wavelet
from runtime.windows import Area, Reach

LIMIT = spec.COEFFICIENT_LIMIT
WHOLE = 1 << spec.COEFFICIENT_BITS
LARGEST = (123680, 283909, 153762, 771698)
"""What FORMAT.md, section 7 says of the results of the four steps of a pass."""


def noise(seed: int, *shape: int) -> np.ndarray:
    """Pixels that are hard to bear: each sample black or white, or anything."""
    random = np.random.default_rng(seed)
    return np.where(random.random(shape) < 0.5, random.integers(0, 2, shape) * 255, random.integers(0, 256, shape))


def split(signals: np.ndarray, levels: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """The low band after some levels and the details of each, the finest first."""
    details = []
    for _ in range(levels):
        signals, found = wavelet.split(signals)
        details.append(found)
    return signals, details


def joined(low: np.ndarray, details: list[np.ndarray]) -> np.ndarray:
    for found in reversed(details):
        low = wavelet.join(low, found)
    return low


def by_the_book(p: np.ndarray, q: np.ndarray, axis: int = -1) -> tuple[np.ndarray, list[int]]:
    """pass of FORMAT.md, section 7 in 64 bits, and the largest magnitude of each step's result."""
    p, q = (np.moveaxis(np.clip(x.astype(np.int64), -LIMIT, LIMIT), axis, -1) for x in (p, q))
    largest = []
    for factor in (1817, 3616, -217, -6497):
        if factor in (1817, -217):
            before = np.concatenate([q[..., :1], q[..., :-1]], axis=-1)
            p = p - ((factor * (before + q) + 2**11) >> 12)
        else:
            behind = np.concatenate([p[..., 1:], p[..., -1:]], axis=-1)
            q = q - ((factor * (p + behind) + 2**11) >> 12)
        largest.append(int(np.abs(p if factor in (1817, -217) else q).max()))
    x = np.stack([p, q], axis=-1).reshape(*p.shape[:-1], -1)
    return np.moveaxis(x, -1, axis), largest


def interleaved(halves: tuple[np.ndarray, np.ndarray]) -> list[list[int]]:
    """Rows of even and odd samples in turn."""
    return [row.ravel().tolist() for row in np.stack(halves, axis=-1)]


def join_by_the_book(low: np.ndarray, details: np.ndarray) -> np.ndarray:
    bands = details.reshape(3, 3, *low.shape[1:])
    left, _ = by_the_book(low, bands[:, 0], axis=1)
    right, _ = by_the_book(bands[:, 1], bands[:, 2], axis=1)
    return by_the_book(left, right, axis=2)[0]


def colours_by_the_book(signals: np.ndarray) -> np.ndarray:
    y, u, v = np.clip(signals.astype(np.int64), -LIMIT, LIMIT)
    sums = 2365 * y + 2896 * u - 1672 * v, 2365 * y + 3344 * v, 2365 * y - 2896 * u - 1672 * v
    return np.stack([((total + 2**11) >> 12) + 2048 for total in sums])


# -- there and back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("height, width", [(2, 2), (2, 64), (6, 10), (64, 64), (128, 192)])
def test_one_level_of_rounded_coefficients_gives_the_pixels_back(height: int, width: int) -> None:
    pixels = noise(height, height, width, 3).astype(np.uint8)
    low, details = wavelet.split(wavelet.to_colours(pixels))
    assert low.dtype == details.dtype == np.float32
    assert low.shape == (3, height // 2, width // 2) and details.shape == (9, height // 2, width // 2)
    rgb = wavelet.from_colours(wavelet.join(np.rint(low).astype(np.int32), np.rint(details).astype(np.int32)))
    assert np.array_equal(wavelet.to_pixels(rgb).transpose(1, 2, 0), pixels)


def test_six_levels_give_a_picture_back_and_the_worst_noise_within_a_level(photo: np.ndarray) -> None:
    for pixels, most in ((photo[:128, :192], 0), (noise(1, 128, 192, 3).astype(np.uint8), 1)):
        low, details = split(wavelet.to_colours(pixels), 6)
        signals = joined(np.rint(low).astype(np.int32), [np.rint(found).astype(np.int32) for found in details])
        back = wavelet.to_pixels(wavelet.from_colours(signals)).transpose(1, 2, 0)
        assert np.abs(back.astype(int) - pixels).max() <= most


def test_float_lifting_and_its_integer_inverse_agree_to_a_few_units() -> None:
    signals = np.random.default_rng(3).normal(0, 1000, (3, 64, 96)).astype(np.float32)
    low, details = wavelet.split(signals)
    back = wavelet.join(np.rint(low).astype(np.int32), np.rint(details).astype(np.int32))
    assert np.abs(back - signals).max() < 5


# -- one level by literal numbers --------------------------------------------------------------------------------------


def test_a_flat_signal_has_no_details_and_keeps_its_height_in_the_low_band() -> None:
    """Each direction multiplies by 1.2302, so both by 1.5133; constants of 12 bits are good for three digits."""
    low, details = wavelet.split(np.full((3, 8, 12), 1000, np.float32))
    assert np.abs(low - 1513.3).max() < 1 and np.abs(details).max() < 1


def test_bands_are_ordered_down_then_along_then_both() -> None:
    """Stripes from row to row are high along columns: band 0. From column to column: band 1. A checkerboard: band 2."""
    rows, columns = np.mgrid[0:16, 0:16]
    for band, waves in enumerate((rows, columns, rows + columns)):
        signals = np.zeros((3, 16, 16), np.float32)
        signals[1] = 100 * (-1.0) ** waves
        low, details = wavelet.split(signals)
        strength = np.abs(details).mean(axis=(1, 2))
        assert strength.argmax() == 3 + band and np.delete(strength, 3 + band).max() < 0.05 * strength.max()
        assert np.abs(low).max() < 1


def test_the_golden_words_of_a_pass_do_not_change() -> None:
    """A single coefficient in the middle of each half, and one at each edge: signs, rounding and reflection."""
    low, high = np.zeros((2, 3, 1, 6), np.int32)
    low[0, 0, 3], high[1, 0, 3] = 4096, 4096
    low[2, 0, 0], high[2, 0, 5] = 100, -101
    assert interleaved(wavelet._join(low[:, 0], high[:, 0], 1)) == [
        [0, 0, 0, -305, -192, 1969, 3713, 1969, -192, -305, 0, 0],
        [0, 0, 0, 135, 85, -395, -1345, 3037, -1345, -395, 85, 270],
        [91, 48, -5, -8, 0, 0, 0, -3, -2, 9, 33, -75],
    ]


def test_join_is_the_format_s_whatever_it_is_given() -> None:
    random = np.random.default_rng(4)
    for number in range(60):
        height, width = (int(side) for side in random.integers(1, 20, 2))
        span = int(2 ** random.uniform(1, 21))
        low = random.integers(-span, span + 1, (3, height, width)).astype(np.int32)
        details = random.integers(-span, span + 1, (9, height, width)).astype(np.int32)
        if number % 3 == 0:
            low, details = np.sign(low) * LIMIT, np.sign(details) * LIMIT
        kept = low.copy(), details.copy()
        found = wavelet.join(low, details)
        assert found.dtype == np.int32 and found.shape == (3, 2 * height, 2 * width)
        assert np.array_equal(found, join_by_the_book(low, details))
        assert np.array_equal(low, kept[0]) and np.array_equal(details, kept[1])


def test_the_bounds_of_a_pass_are_those_that_the_format_tells() -> None:
    p = q = LIMIT
    p += (2 * 1817 * q + 2**11) >> 12
    q += (2 * 3616 * p + 2**11) >> 12
    bounds = [p, q]
    p += (2 * 217 * q + 2**11) >> 12
    q += (2 * 6497 * p + 2**11) >> 12
    assert (*bounds, p, q) == LARGEST and 2 * 6497 * p + 2**11 == 1997985476 < 2**31


@pytest.mark.parametrize("step", range(4))
def test_the_worst_coefficients_of_a_pass_do_not_overflow(step: int) -> None:
    """Signs that make the result of one step as large as can be."""
    size, at = 16, 7
    weights = []  # of each of the 2 x 16 coefficients in the result of the step at one place
    for number in range(2 * size):
        p, q = np.eye(2 * size)[number].reshape(2, size)
        for factor in (1817, 3616, -217, -6497)[: step + 1]:
            if factor in (1817, -217):
                p = p - factor * (np.concatenate([q[:1], q[:-1]]) + q) / 4096
            else:
                q = q - factor * (p + np.concatenate([p[1:], p[-1:]])) / 4096
        weights.append((q if step % 2 else p)[at])
    worst = np.where(np.reshape(weights, (2, size)) < 0, -LIMIT, LIMIT).astype(np.int32)
    for low, high in (worst, -worst):
        expected, largest = by_the_book(low, high)
        assert 0.95 * LIMIT * np.abs(weights).sum() < largest[step] <= LARGEST[step]
        assert interleaved(wavelet._join(low[None], high[None], 1)) == [expected.tolist()]


# -- pixels and colours ------------------------------------------------------------------------------------------------


def test_gray_has_no_chroma_and_middle_gray_is_zero() -> None:
    gray = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(16, 16, 3)
    luma, *chroma = wavelet.to_colours(gray)
    assert np.abs(chroma).max() < 1e-4 and luma[8, 0] == 0
    assert luma[15, 15] == pytest.approx(16 * 127 * 3**0.5, rel=1e-3)


def test_colours_come_back_to_within_a_sixteenth() -> None:
    pixels = noise(5, 40, 50, 3).astype(np.uint8)
    signals = np.rint(wavelet.to_colours(pixels)).astype(np.int32)
    rgb = wavelet.from_colours(signals)
    assert np.abs(rgb - WHOLE * pixels.transpose(2, 0, 1).astype(int)).max() <= 2
    assert np.array_equal(wavelet.to_pixels(rgb).transpose(1, 2, 0), pixels)


def test_colours_are_the_format_s_at_every_extreme() -> None:
    ends = np.array([-(2**20), -LIMIT - 1, -LIMIT, -1, 0, 1, 7, LIMIT - 1, LIMIT, LIMIT + 1, 2**20], np.int32)
    signals = np.stack([grid.reshape(11, -1) for grid in np.meshgrid(ends, ends, ends)])
    kept = signals.copy()
    found = wavelet.from_colours(signals)
    assert found.dtype == np.int32 and np.array_equal(found, colours_by_the_book(signals))
    assert np.array_equal(signals, kept)


def test_pixels_round_half_up_and_are_clamped() -> None:
    rgb = np.array([-(2**20), -9, -8, 7, 8, 23, 24, 2047, 4071, 4072, 4088, 2**20], np.int32)
    assert wavelet.to_pixels(rgb).tolist() == [0, 0, 0, 0, 1, 1, 2, 128, 254, 255, 255, 255]
    assert wavelet.to_pixels(rgb).dtype == np.uint8


# -- packing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [2, 4])
def test_unpack_undoes_pack(side: int) -> None:
    grid = np.random.default_rng(6).integers(-99, 99, (3, 4 * side, 6 * side)).astype(np.int16)
    packed = wavelet.pack(grid, side)
    assert packed.shape == (3 * side**2, 4, 6) and packed.dtype == np.int16
    assert np.array_equal(wavelet.unpack(packed, side), grid)


@pytest.mark.parametrize("side, channel", [(2, 4 * 1 + 2 * 1 + 0), (4, 16 * 1 + 4 * 1 + 2)])
def test_packed_channels_are_ordered_channel_row_column(side: int, channel: int) -> None:
    grid = np.zeros((3, 8, 8), np.uint8)
    grid[1, 4 + 1, 4 + (2 if side == 4 else 0)] = 9
    packed = wavelet.pack(grid, side)
    assert np.argwhere(packed).tolist() == [[channel, 4 // side, 4 // side]]


# -- windows -----------------------------------------------------------------------------------------------------------

PICTURE = Area(0, 0, 320, 448)
REACH = Reach(28, 28)
"""What three levels see beyond a window, in pixels."""


def windows(seed: int) -> list[Area]:
    """Parts of the picture with sides that are multiples of 8: small ones, corners, and all of it."""
    random = np.random.default_rng(seed)
    found = [PICTURE, Area(0, 0, 64, 64), Area(256, 384, 320, 448), Area(0, 384, 8, 448)]
    for _ in range(12):
        top, left = 8 * random.integers(0, 40), 8 * random.integers(0, 56)
        height, width = 8 * random.integers(1, 20, 2)
        found.append(Area(int(top), int(left), min(320, int(top + height)), min(448, int(left + width))))
    return found


def test_coefficients_of_a_window_are_those_of_the_whole_bit_for_bit() -> None:
    pixels = noise(7, 320, 448, 3).astype(np.uint8)
    low, details = split(wavelet.to_colours(pixels), 3)
    for area in windows(8):
        seen = area.grown(REACH, 8, PICTURE)
        its_low, its_details = split(wavelet.to_colours(pixels[seen.on(1)]), 3)
        assert np.array_equal(its_low[:, *area.within(seen, 8)], low[:, *area.on(8)])
        for number, (its, whole) in enumerate(zip(its_details, details, strict=True), start=1):
            assert np.array_equal(its[:, *area.within(seen, 1 << number)], whole[:, *area.on(1 << number)])


def test_signals_of_a_window_are_those_of_the_whole_bit_for_bit() -> None:
    random = np.random.default_rng(9)
    low = random.integers(-LIMIT, LIMIT + 1, (3, *PICTURE.shape(8))).astype(np.int32)
    details = [random.integers(-LIMIT, LIMIT + 1, (9, *PICTURE.shape(1 << n))).astype(np.int32) for n in (1, 2, 3)]
    whole = joined(low, details)
    for area in windows(10):
        seen = area.grown(REACH, 8, PICTURE)
        its = [found[:, *seen.on(1 << number)] for number, found in enumerate(details, start=1)]
        found = joined(low[:, *seen.on(8)], its)
        assert np.array_equal(found[:, *area.within(seen, 1)], whole[:, *area.on(1)])


def test_a_window_that_sees_less_differs() -> None:
    """Else the two tests above would say nothing."""
    pixels = noise(11, 320, 448, 3).astype(np.uint8)
    area = Area(64, 64, 128, 128)
    low, _ = split(wavelet.to_colours(pixels), 3)
    seen = area.grown(Reach(8, 8), 8, PICTURE)
    its_low, _ = split(wavelet.to_colours(pixels[seen.on(1)]), 3)
    assert not np.array_equal(its_low[:, *area.within(seen, 8)], low[:, *area.on(8)])
