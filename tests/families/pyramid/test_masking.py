"""Steps in the dark: luma's low bands of a tile, and what a bundle whose steps follow them makes of pictures."""

import sys
from pathlib import Path

import numpy as np
import pytest
import variants
from streams import expect_decoders_to_agree

from runtime.codec import Codec
from runtime.families.pyramid.family import Pyramid
from runtime.families.pyramid.transform import luma_bands
from runtime.incomplete import salvage
from runtime.latents import wavelet
from runtime.latents.colours import unpack
from runtime.latents.values import dequantise

TESTS = Path(__file__).parents[2]
sys.path.append(str(TESTS))
LOW_GAIN = (1 - 217 / 2048 * 3616 / 2048) ** -2
"""What the wavelet makes of a constant, each level."""


def with_dark(folder: Path, dark: np.ndarray) -> Codec:
    """Return the codec of the tiny bundle with other thresholds of luma, written to a folder."""
    return Codec(variants.with_arrays(folder, dark=dark.astype(np.int32)), threads=1)


@pytest.fixture(scope="module")
def eye(tmp_path_factory: pytest.TempPathFactory) -> Codec:
    """The tiny bundle with thresholds of luma from 16 to 128."""
    px = np.array([16, 32, 64, 128])
    gains = LOW_GAIN ** np.arange(3, 7)
    return with_dark(tmp_path_factory.mktemp("eye") / "bundle", gains[:, None] * 3**0.5 * (px - 128))


@pytest.fixture(scope="module")
def same_everywhere(tmp_path_factory: pytest.TempPathFactory) -> Codec:
    """The tiny bundle with thresholds below all luma: steps do not follow luma."""
    return with_dark(tmp_path_factory.mktemp("same") / "bundle", np.full((4, 4), -(2**23)))


@pytest.fixture(scope="module")
def night() -> np.ndarray:
    """Dark at the left, bright at the right, the same texture in all of it: uint8 RGB (130, 190, 3)."""
    random = np.random.default_rng(1)
    lit = np.linspace(0, 225, 190)[None, :, None] + 4 * np.sin(np.arange(130) / 3)[:, None, None]
    return (lit + random.normal(0, 5, (130, 190, 3))).clip(0, 255).astype(np.uint8)


def pyramid(codec: Codec) -> Pyramid:
    assert isinstance(codec.family, Pyramid)
    return codec.family


def test_luma_bands_are_those_that_the_wavelet_joins(eye: Codec, night: np.ndarray) -> None:
    """All colours joined by the wavelet, of which luma is the first, to the bit."""
    family, byte = pyramid(eye), eye.bundle.level(80)
    level = family.prior.at_level(byte)
    latents = family.quantise(family.transform(night), byte)
    z = dequantise(latents.values[0], level.step(0))
    lows = [z[:3], wavelet.join(z[:3], z[3:])]
    for number, grid in zip((5, 4), latents.values[1:], strict=False):
        lows.append(wavelet.join(lows[-1], dequantise(unpack(grid), level.step(number))))
    found = [*luma_bands(level, latents.values)]
    assert [band.shape for band in found] == [(3 * n, 3 * n) for n in (1, 2, 4, 8)]
    for band, low in zip(found, lows, strict=True):
        assert np.array_equal(band, low[0])


def test_luma_bands_need_no_grid_before_it_is_decoded(eye: Codec, night: np.ndarray) -> None:
    family, byte = pyramid(eye), eye.bundle.level(80)
    latents = family.quantise(family.transform(night), byte)
    bands = luma_bands(family.prior.at_level(byte), grids := [latents.values[0]])
    next(bands), next(bands)
    with pytest.raises(IndexError):
        next(bands)
    assert len(grids) == 1


@pytest.mark.parametrize("tile_px", [64, 1024])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_reference_decoder_and_numpy_agree_with_the_codec(
    eye: Codec, night: np.ndarray, tile_px: int, subsampling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one tile and in six, at whose edges luma's low bands end."""
    pytest.importorskip("onnx")
    monkeypatch.setattr("runtime.codec.TILE_PX", tile_px)
    for picture in (night, night[:, :, 0], night[::-1, ::-1][:65, :1]):
        expect_decoders_to_agree(eye, picture, 70, subsampling)


def test_steps_follow_luma(eye: Codec, same_everywhere: Codec, night: np.ndarray) -> None:
    """Errors of the darkest sixth shrink, those of the brightest fifth stay about as they are."""
    errors = []
    for codec in (eye, same_everywhere):
        decoded = codec.decode(codec.encode(night, 90))
        square = (decoded.astype(float) - night) ** 2
        errors.append([square[:, 8:40].mean(), square[:, 152:].mean()])
    (dark, bright), (plain_dark, plain_bright) = errors
    assert dark < 0.8 * plain_dark and 0.97 < bright / plain_bright < 1.03


def test_regions_windows_and_previews_see_what_the_whole_picture_does(
    eye: Codec, night: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.codec.TILE_PX", 64)
    stream = eye.encode(night, 70)
    whole = eye.decode(stream)
    assert np.array_equal(eye.decode(stream, (50, 60, 90, 33)), whole[60:93, 50:140])
    assert np.array_equal(Codec(eye.bundle.folder, threads=1, tile_px=64).decode(stream), whole)
    saved = salvage(eye, stream[: len(stream) - 5])
    assert saved.pixels.shape == whole.shape
    assert np.array_equal(saved.pixels[:1, :1], whole[:1, :1])
