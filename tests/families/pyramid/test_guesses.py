"""Chroma from luma: slopes and guesses by literal rules, and what a bundle with gates makes of pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import variants
from streams import expect_decoders_to_agree

from runtime import container, native
from runtime.codec import Codec
from runtime.errors import BundleError
from runtime.families.pyramid import guesses, spec
from runtime.families.pyramid.family import Pyramid, details_before
from runtime.families.pyramid.levels import Prior
from runtime.incomplete import salvage
from runtime.latents import colours

F32 = np.float32
STEPS = np.array([300, 301, 9, 512, 64830, 1, 700, 77, 4000], np.int32)


def plain_slopes(details: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return slopes position by position: each operation on float32 scalars, in the order of the format."""
    _, h, w = details.shape
    units = [F32(step) / F32(512) for step in steps]
    c = [[[F32(v) * units[n] for v in row] for row in details[n]] for n in range(9)]

    def product(colour: int, y: int, x: int) -> Any:
        a, b, c2 = (c[3 * colour + band][y][x] * c[band][y][x] for band in range(3))
        return (a + b) + c2

    def around(colour: int, y: int, x: int) -> Any:
        rows = [min(max(y + i, 0), h - 1) for i in (-1, 0, 1)]
        columns = [min(max(x + i, 0), w - 1) for i in (-1, 0, 1)]
        left, middle, right = (
            (product(colour, rows[0], x) + product(colour, rows[1], x)) + product(colour, rows[2], x) for x in columns
        )
        return (left + middle) + right

    found = np.empty((2, h, w), np.float32)
    for colour, y, x in np.ndindex(found.shape):
        r = F32(steps[3 + 3 * colour]) / F32(32)
        slope = around(1 + colour, y, x) / (around(0, y, x) + (F32(16) + r * r))
        found[colour, y, x] = min(max(slope, F32(-2)), F32(2))
    return found


def plain_guesses(luma: np.ndarray, slopes: np.ndarray, steps: np.ndarray, gates: np.ndarray) -> np.ndarray:
    """Return guesses (24, h, w) value by value; Python rounds to even."""
    found = np.empty((2 * len(luma), *luma.shape[1:]), np.int64)
    for channel, y, x in np.ndindex(found.shape):
        colour, of = divmod(channel, 12)
        factor = F32(steps[of // 4]) / F32(steps[3 + 3 * colour + of // 4]) * (F32(gates[colour]) / F32(32))
        guess = round(float(slopes[colour, y, x] * F32(luma[of, y, x]) * factor))
        found[channel, y, x] = min(max(guess, -32512), 32512)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return variants.with_arrays(tmp_path_factory.mktemp("gates") / "bundle", gates=variants.GATES)


@pytest.fixture(scope="module")
def follows(folder: Path) -> Codec:
    """The tiny bundle with gates."""
    return Codec(folder, threads=1)


def pyramid(codec: Codec) -> Pyramid:
    assert isinstance(codec.family, Pyramid)
    return codec.family


# -- slopes and guesses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (5, 7), (2, 256), (3, 257), (1, 513)])
def test_slopes_are_those_of_the_format(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(shape[1])
    for spread in (2, 30, 32767):
        details = random.integers(-spread, spread + 1, (9, *shape)).astype(np.int16)
        assert np.array_equal(guesses.slopes(details, STEPS), plain_slopes(details, STEPS))


def test_slopes_of_chroma_that_follows_luma_are_its_share_and_no_more_than_two() -> None:
    """Large details, of which the ridge is little; flat luma tells nothing."""
    luma = np.random.default_rng(3).integers(-9000, 9000, (3, 4, 6)).astype(np.int16)
    details = np.concatenate([luma, luma // 2, -3 * luma])
    same = np.full(9, 64, np.int32)
    found = guesses.slopes(details, same)
    assert found.dtype == np.float32 and np.allclose(found[0], 0.5, atol=1e-3) and (found[1] == -2).all()
    details[:3] = 0
    assert not guesses.slopes(details, same).any()


def test_slopes_hold_the_largest_values_and_steps() -> None:
    largest = np.full(9, 64830, np.int32)
    for luma, chroma in ((-32768, -32768), (-32768, 32767), (0, -32768), (1, 32767)):
        details = np.repeat(np.array([luma, chroma, chroma], np.int16), 3)[:, None, None].repeat(3, 2)
        found = guesses.slopes(details, largest)
        assert np.array_equal(found, plain_slopes(details, largest)) and np.isfinite(found).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 17), (4, 5), (2, 257)])
@pytest.mark.parametrize("gates", [(32, 32), (5, -27), (0, 1024), (-1024, 1)])
def test_guesses_are_those_of_the_format(shape: tuple[int, int], gates: tuple[int, int]) -> None:
    random = np.random.default_rng(shape[1])
    mean = random.integers(0, 256, (24, *shape), np.uint8)
    slopes = random.uniform(-2, 2, (2, *shape)).astype(np.float32)
    for spread in (3, 500, 32767):
        luma = random.integers(-spread, spread + 1, (12, *shape)).astype(np.int16)
        found = guesses.guessed(mean, luma, slopes, STEPS, np.array(gates, np.int32))
        assert found.dtype == np.int16
        assert np.array_equal(found, mean + plain_guesses(luma, slopes, STEPS, np.array(gates)))


def test_halves_of_guesses_become_even_and_the_largest_fit_16_bits() -> None:
    same, one = np.full(9, 64, np.int32), np.full((2, 1, 1), 0.5, np.float32)
    luma = np.array([-5, -3, -1, 1, 3, 5, 0, 2, 4, 7, 9, 11], np.int16)[:, None, None]
    found = guesses.guessed(np.full((24, 1, 1), 128, np.uint8), luma, one, same, np.array([32, 64], np.int32))
    assert (found[:12, 0, 0] - 128).tolist() == [-2, -2, 0, 0, 2, 2, 0, 1, 2, 4, 4, 6]
    assert (found[12:, 0, 0] - 128).tolist() == luma[:, 0, 0].tolist()
    for value, said, expected in ((32767, 255, 32767), (-32768, 0, -32512)):
        mean, luma = np.full((24, 1, 1), said, np.uint8), np.full((12, 1, 1), value, np.int16)
        assert (guesses.guessed(mean, luma, 4 * one, same, np.array([32, 1024], np.int32)) == expected).all()


# -- bundles with gates ------------------------------------------------------------------------------------------------


def test_means_of_chroma_alone_follow_luma(follows: Codec, tiny: Codec, photo: np.ndarray) -> None:
    """Values are the same up to the first chroma, that of level 5; slopes are those of the details before it."""
    family, byte = pyramid(follows), follows.bundle.level(90)
    level = family.prior.at_level(byte)
    coefficients = family.transform(photo)
    found, usual = (pyramid(codec).quantise(coefficients, byte).values for codec in (follows, tiny))
    assert np.array_equal(found[0], usual[0]) and np.array_equal(found[1][:12], usual[1][:12])
    assert not np.array_equal(found[1][12:], usual[1][12:])
    before, steps = details_before(spec.LEVELS, level, found[:2])
    assert np.array_equal(before, found[0][3:]) and np.array_equal(steps, level.step(0)[3:])
    before, steps = details_before(2, level, found[:5])
    assert np.array_equal(before, colours.unpack(found[3])) and np.array_equal(steps, level.step(3))


def test_chroma_that_follows_luma_takes_fewer_bytes(tmp_path: Path, tiny: Codec) -> None:
    """A picture of one hue: all guessed, where the networks, which nobody trained, know nothing."""
    random = np.random.default_rng(1)
    light = random.integers(20, 200, (16, 24)).repeat(8, 0).repeat(8, 1) + random.normal(0, 8, (128, 192))
    picture = (light[:, :, None] * [1.0, 0.8, 0.3]).clip(0, 255).astype(np.uint8)
    gates = np.full((5, 2), 32, np.int32)
    codec = Codec(variants.with_arrays(tmp_path / "all", gates=gates), threads=1)
    sizes = [len(each.encode(picture, 80, subsampling="4:4:4")) for each in (codec, tiny)]
    assert sizes[0] < 0.95 * sizes[1]


def test_gates_of_nothing_change_nothing(tmp_path: Path, tiny: Codec, photo: np.ndarray) -> None:
    codec = Codec(variants.with_arrays(tmp_path / "none", gates=np.zeros((5, 2), np.int32)), threads=1)
    ours, usual = (container.unpack(each.encode(photo, 60))[1] for each in (codec, tiny))
    assert ours == usual


@pytest.mark.parametrize("tile_px", [64, 1024])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_reference_decoder_and_numpy_agree_with_the_codec(
    follows: Codec, photo: np.ndarray, tile_px: int, subsampling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one tile and in several, at whose edges slopes see no further."""
    pytest.importorskip("onnx")
    monkeypatch.setattr("runtime.codec.TILE_PX", tile_px)
    for picture, quality in ((photo, 60), (photo[:65, :64, 0], 80), (photo[:1, :1], 100), (255 - photo[:70, :3], 1)):
        expect_decoders_to_agree(follows, picture, quality, subsampling)


def test_numpy_and_threads_code_alike(follows: Codec, folder: Path, photo: np.ndarray) -> None:
    two, stream = Codec(folder, threads=2), follows.encode(photo, 70)
    pixels = follows.decode(stream)
    with native.using(False):
        assert two.encode(photo, 70) == stream and np.array_equal(two.decode(stream), pixels)


def test_lost_tiles_are_guessed_with_luma_too(
    follows: Codec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.codec.TILE_PX", 64)
    stream = follows.encode(photo, 70)
    saved = salvage(follows, stream[: len(stream) * 2 // 3])
    assert saved.pixels.shape == photo.shape
    assert np.array_equal(follows.decode(stream, (50, 60, 90, 33)), follows.decode(stream)[60:93, 50:140])


@pytest.mark.parametrize(
    "gates, message",
    [
        (np.zeros((5, 3), np.int32), r"gates of shape \(5, 3\) and type int32 must be \(5, 2\) whole numbers"),
        (np.zeros(10, np.int32), r"gates of shape \(10,\)"),
        (np.int32(7), r"gates of shape \(\)"),
        (np.full((5, 2), np.nan, np.float32), "type float32 must be"),
        (np.full((5, 2), "1"), "type <U1 must be"),
        (np.full((5, 2), 1025, np.int32), "gates from 1025 to 1025, must be from -1024 to 1024"),
        (np.full((5, 2), -(2**31), np.int32), "gates from -2147483648 to"),
    ],
)
def test_gates_that_no_bundle_may_have_are_refused(gates: np.ndarray, message: str, tmp_path: Path) -> None:
    codec = Codec(variants.with_arrays(tmp_path / "bundle", gates=np.asarray(gates)), threads=1)
    with pytest.raises(BundleError, match=message):
        Prior.of(codec.bundle)
