"""Colours and wavelet: the floats of the inverse by literal numbers, and what windows and hostile values give."""

import numpy as np
import pytest

from runtime.areas import Area, Reach, cropped
from runtime.families.pyramid import spec
from runtime.latents import colours, wavelet

F32 = np.float32
WHOLE = F32(1 << spec.COEFFICIENT_BITS)
LARGEST = 4.2e6
"""Above any coefficient that a stream can hold, in pixel levels: 2**15 eighths of the largest step."""


def noise(seed: int, *shape: int) -> np.ndarray:
    """Return pixels that are hard to bear: each sample black or white, or anything."""
    random = np.random.default_rng(seed)
    return np.where(random.random(shape) < 0.5, random.integers(0, 2, shape) * 255, random.integers(0, 256, shape))


def split(signals: np.ndarray, levels: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the low band after some levels and the details of each, the finest first."""
    details = []
    for _ in range(levels):
        signals, found = wavelet.split(signals)
        details.append(found)
    return signals, details


def joined(low: np.ndarray, details: list[np.ndarray]) -> np.ndarray:
    for found in reversed(details):
        low = wavelet.join(low, found)
    return low


def rounded(x: np.ndarray) -> np.ndarray:
    """Return x rounded to float32, in float64."""
    return x.astype(F32).astype(float)


def by_the_book(p: np.ndarray, q: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return what the pass of FORMAT.md, section 7, gives sample by sample: each operation is done in float64 and
    rounded to float32, which is what float32 does.
    """
    p, q = (np.moveaxis(x.astype(float), axis, -1) for x in (p, q))
    for factor in (1817, 3616, -217, -6497):
        if factor in (1817, -217):
            total = rounded(np.concatenate([q[..., :1], q[..., :-1]], axis=-1) + q)
            p = rounded(p - rounded(factor / 4096 * total))
        else:
            total = rounded(p + np.concatenate([p[..., 1:], p[..., -1:]], axis=-1))
            q = rounded(q - rounded(factor / 4096 * total))
    x = np.stack([p, q], axis=-1).reshape(*p.shape[:-1], -1)
    return np.moveaxis(x, -1, axis)


def join_by_the_book(low: np.ndarray, details: np.ndarray) -> np.ndarray:
    bands = details.reshape(3, 3, *low.shape[1:])
    left, right = by_the_book(low, bands[:, 0], axis=1), by_the_book(bands[:, 1], bands[:, 2], axis=1)
    return by_the_book(left, right, axis=2)


def pixels_by_the_book(signals: np.ndarray, quarters: np.ndarray | int = 0) -> np.ndarray:
    y, u, v = (rounded(s.astype(float) * k / 4096) for s, k in zip(signals, (2365, 2896, -1672), strict=True))
    y = rounded(y + 128.5)
    outer = rounded(y + v)
    rgb = np.stack([rounded(outer + u), rounded(rounded(y - v) - v), rounded(outer - u)])
    return np.floor(rounded(rgb + quarters / 4).clip(0, 255)).transpose(1, 2, 0)


# -- there and back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("height, width", [(2, 2), (2, 64), (6, 10), (64, 64), (128, 192)])
def test_one_level_of_rounded_coefficients_gives_the_pixels_back(height: int, width: int) -> None:
    pixels = noise(height, height, width, 3).astype(np.uint8)
    low, details = wavelet.split(colours.to_colours(pixels))
    assert low.dtype == details.dtype == np.float32
    assert low.shape == (3, height // 2, width // 2) and details.shape == (9, height // 2, width // 2)
    signals = joined(np.rint(low) / WHOLE, [np.rint(details) / WHOLE])
    assert signals.dtype == np.float32
    assert np.array_equal(colours.to_pixels(signals), pixels)


def test_six_levels_give_a_picture_back_and_the_worst_noise_within_a_level(photo: np.ndarray) -> None:
    for pixels, most in ((photo[:128, :192], 0), (noise(1, 128, 192, 3).astype(np.uint8), 1)):
        low, details = split(colours.to_colours(pixels), 6)
        back = colours.to_pixels(joined(np.rint(low) / WHOLE, [np.rint(found) / WHOLE for found in details]))
        assert np.abs(back.astype(int) - pixels).max() <= most


def test_lifting_and_its_inverse_agree_to_six_digits() -> None:
    signals = np.random.default_rng(3).normal(0, 1000, (3, 64, 96)).astype(np.float32)
    assert np.abs(wavelet.join(*wavelet.split(signals)) - signals).max() < 0.01


@pytest.mark.parametrize("count", [0, 1, 2])
def test_details_that_are_not_wanted_are_0_and_change_nothing_else(count: int) -> None:
    signals = np.random.default_rng(4).normal(0, 1000, (3, 36, 50)).astype(np.float32)
    (low, details), (whole_low, whole) = wavelet.split(signals, count), wavelet.split(signals)
    assert np.array_equal(low, whole_low) and np.array_equal(details, whole[: 3 * count])
    whole[3 * count :] = 0
    assert np.array_equal(wavelet.join(low, details), wavelet.join(low, whole))


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
    """A single coefficient in the middle of each half, and one at each edge: signs and reflection."""
    low, high = np.zeros((2, 3, 1, 6), np.float32)
    low[0, 0, 3], high[1, 0, 3] = 4096, 4096
    low[2, 0, 0], high[2, 0, 5] = 100, -101
    wavelet._lift(low, high, 2, wavelet.JOINING, False)
    found = np.stack([low[:, 0], high[:, 0]], axis=-1).reshape(3, -1)
    assert np.rint(10 * found).tolist() == [
        [0, 0, 0, -3039, -1916, 19694, 37129, 19694, -1916, -3039, 0, 0],
        [0, 0, 0, 1348, 850, -3946, -13451, 30371, -13451, -3946, 850, 2696],
        [906, 481, -47, -74, 0, 0, 0, -33, -21, 97, 332, -749],
    ]


def test_join_is_the_format_s_whatever_it_is_given() -> None:
    random = np.random.default_rng(4)
    for number in range(60):
        height, width = (int(side) for side in random.integers(1, 20, 2))
        span = 2 ** random.uniform(-3, 22)
        low = random.uniform(-span, span, (3, height, width)).astype(np.float32)
        details = random.uniform(-span, span, (9, height, width)).astype(np.float32)
        if number % 3 == 0:
            low, details = np.sign(low) * F32(LARGEST), np.sign(details) * F32(LARGEST)
        kept = low.copy(), details.copy()
        found = wavelet.join(low, details)
        assert found.dtype == np.float32 and found.shape == (3, 2 * height, 2 * width)
        assert np.array_equal(found, join_by_the_book(low, details))
        assert np.array_equal(low, kept[0]) and np.array_equal(details, kept[1])


def test_large_pictures_are_lifted_strip_by_strip_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    low, details = (random.normal(0, 99, (n, 30, 40)).astype(np.float32) for n in (3, 9))
    pixels = noise(6, 60, 80, 3).astype(np.uint8)

    def everything() -> list[np.ndarray]:
        signals = wavelet.join(low, details)
        return [signals, *wavelet.split(signals), colours.to_colours(pixels), colours.to_pixels(signals)]

    whole = everything()
    for samples in (1, 100, 1000):
        monkeypatch.setattr(wavelet, "_STRIP", samples)
        monkeypatch.setattr(colours, "_COLOUR_STRIP", samples)
        assert all(map(np.array_equal, everything(), whole))


def test_the_largest_coefficients_stay_finite_through_all_levels() -> None:
    signs = np.random.default_rng(6).choice([-LARGEST, LARGEST], (12, 2, 2)).astype(np.float32)
    signals = joined(signs[:3], [np.full((9, 2 << n, 2 << n), LARGEST, F32) for n in reversed(range(6))])
    assert np.isfinite(signals).all() and np.abs(signals).max() > LARGEST
    assert np.array_equal(colours.to_pixels(signals), pixels_by_the_book(signals))


# -- pixels and colours ------------------------------------------------------------------------------------------------


def test_gray_has_no_chroma_and_middle_gray_is_zero() -> None:
    gray = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(16, 16, 3)
    luma, *chroma = colours.to_colours(gray)
    assert np.abs(chroma).max() < 1e-4 and luma[8, 0] == 0
    assert luma[15, 15] == pytest.approx(16 * 127 * 3**0.5, rel=1e-3)


def test_colours_come_back() -> None:
    pixels = noise(5, 40, 50, 3).astype(np.uint8)
    signals = colours.to_colours(pixels) / WHOLE
    assert np.array_equal(colours.to_pixels(signals), pixels)
    assert np.array_equal(colours.to_pixels(np.rint(signals * 8) / F32(8)), pixels)


def test_pixels_are_the_format_s_at_every_extreme() -> None:
    ends = np.array([-1e9, -LARGEST, -300, -1, -0.1, 0, 1e-9, 1, 7.3, 222, LARGEST, 1e9], np.float32)
    signals = np.stack([grid.reshape(12, -1) for grid in np.meshgrid(ends, ends, ends)])
    kept = signals.copy()
    assert np.array_equal(colours.to_pixels(signals), pixels_by_the_book(signals))
    assert np.array_equal(signals, kept)


def test_a_correction_counts_in_quarters_of_a_level_before_rounding() -> None:
    random = np.random.default_rng(7)
    signals = random.normal(0, 60, (3, 33, 70)).astype(np.float32)
    correction = random.integers(-128, 128, signals.shape).astype(np.int16)
    found = colours.to_pixels(signals, correction)
    assert np.array_equal(found, pixels_by_the_book(signals, correction))
    assert not np.array_equal(found, colours.to_pixels(signals))


def test_pixels_round_half_up_and_are_clamped() -> None:
    """Luma of sqrt(3) times a gray level; 2365 / 4096 is that but for 12 bits."""
    levels = np.array([-(2**20), -128.6, -128.5, -128, -127.5, -127.4, -0.1, 0.49, 0.51, 126.4, 126.6, 127.5, 2**20])
    signals = np.zeros((3, 1, len(levels)), np.float32)
    signals[0] = levels * 4096 / 2365
    expected = [0, 0, 0, 0, 1, 1, 128, 128, 129, 254, 255, 255, 255]
    found = colours.to_pixels(signals)
    assert found.dtype == np.uint8 and found[0, :, 1].tolist() == expected


@pytest.mark.parametrize("area", [Area(0, 0, 6, 5), Area(2, 1, 5, 4), Area(3, 2, 8, 9), Area(5, 4, 7, 5)])
def test_colours_of_an_area_are_those_of_its_pixels_and_go_on_beyond_the_edges(area: Area) -> None:
    pixels = noise(8, 6, 5, 3).astype(np.uint8)
    gray = np.broadcast_to(pixels[:, :, :1], pixels.shape)
    for picture in (pixels, gray):
        assert np.array_equal(colours.to_colours(picture, area), colours.to_colours(cropped(picture, area)))


# -- packing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [2, 4])
def test_unpack_undoes_pack(side: int) -> None:
    grid = np.random.default_rng(6).integers(-99, 99, (3, 4 * side, 6 * side)).astype(np.int16)
    packed = colours.pack(grid, side)
    assert packed.shape == (3 * side**2, 4, 6) and packed.dtype == np.int16
    assert np.array_equal(colours.unpack(packed, side), grid)


@pytest.mark.parametrize("side, channel", [(2, 4 * 1 + 2 * 1 + 0), (4, 16 * 1 + 4 * 1 + 2)])
def test_packed_channels_are_ordered_channel_row_column(side: int, channel: int) -> None:
    grid = np.zeros((3, 8, 8), np.uint8)
    grid[1, 4 + 1, 4 + (2 if side == 4 else 0)] = 9
    packed = colours.pack(grid, side)
    assert np.argwhere(packed).tolist() == [[channel, 4 // side, 4 // side]]


def test_a_window_is_packed_where_it_is_wanted_rounded_and_no_larger_than_the_largest() -> None:
    details = np.random.default_rng(9).normal(0, 9, (3, 8, 12)).astype(F32)
    packed = np.full((12, 5, 7), 77, np.int16)
    colours.pack_rounded(details, 2, 4, 6, 8, 10, packed, 1, 3)
    window = np.rint(details[:, 2:8, 4:12]).clip(-10, 10).astype(np.int16)
    assert np.array_equal(packed[:, 1:4, 3:7], colours.pack(window)) and np.abs(window).max() == 10
    packed[:, 1:4, 3:7] = 77
    assert np.all(packed == 77)


# -- windows -----------------------------------------------------------------------------------------------------------

PICTURE = Area(0, 0, 320, 448)
REACH = Reach(28, 28)
"""What three levels see beyond a window, in pixels."""


def windows(seed: int) -> list[Area]:
    """Return parts of the picture with sides that are multiples of 8: small ones, corners, and all of it."""
    random = np.random.default_rng(seed)
    found = [PICTURE, Area(0, 0, 64, 64), Area(256, 384, 320, 448), Area(0, 384, 8, 448)]
    for _ in range(12):
        top, left = 8 * random.integers(0, 40), 8 * random.integers(0, 56)
        height, width = 8 * random.integers(1, 20, 2)
        found.append(Area(int(top), int(left), min(320, int(top + height)), min(448, int(left + width))))
    return found


def test_coefficients_of_a_window_are_those_of_the_whole_bit_for_bit() -> None:
    pixels = noise(7, 320, 448, 3).astype(np.uint8)
    low, details = split(colours.to_colours(pixels), 3)
    for area in windows(8):
        seen = area.grown(REACH, 8, PICTURE)
        its_low, its_details = split(colours.to_colours(pixels[seen.on(1)]), 3)
        assert np.array_equal(its_low[:, *area.within(seen, 8)], low[:, *area.on(8)])
        for number, (its, whole) in enumerate(zip(its_details, details, strict=True), start=1):
            assert np.array_equal(its[:, *area.within(seen, 1 << number)], whole[:, *area.on(1 << number)])


def test_signals_of_a_window_are_those_of_the_whole_bit_for_bit() -> None:
    random = np.random.default_rng(9)
    low = random.uniform(-LARGEST, LARGEST, (3, *PICTURE.shape(8))).astype(np.float32)
    details = [random.uniform(-LARGEST, LARGEST, (9, *PICTURE.shape(1 << n))).astype(np.float32) for n in (1, 2, 3)]
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
    low, _ = split(colours.to_colours(pixels), 3)
    seen = area.grown(Reach(8, 8), 8, PICTURE)
    its_low, _ = split(colours.to_colours(pixels[seen.on(1)]), 3)
    assert not np.array_equal(its_low[:, *area.within(seen, 8)], low[:, *area.on(8)])
