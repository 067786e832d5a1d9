"""The pictures of docs/autoencoder.md show what encoder, bottleneck and decoder really make."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.codec import Codec
from runtime.families.autoencoder.family import Autoencoder
from runtime.families.autoencoder.spec import RATE_PLANES
from runtime.latents.spec import GRID_ZERO

pytest.importorskip("matplotlib")
pytest.importorskip("bjontegaard")

from benchmarks import walk  # noqa: E402


def test_latents_are_those_that_are_coded(tiny: Codec, photo: np.ndarray) -> None:
    """The decoder makes of them what it makes of the stream."""
    family, level = tiny.family, tiny.bundle.level(60)
    assert isinstance(family, Autoencoder)
    rate = np.full((1, RATE_PLANES, 1, 1), GRID_ZERO, np.uint8)
    planes = family.prior.at_level(level).planes
    rate[0, : len(planes), 0, 0] = planes
    latents = walk.behind_the_bottleneck(family, photo, level)
    pixels = family.decoded(latents[None], rate)[0, :, :150, :203].transpose(1, 2, 0)
    assert np.array_equal(pixels, tiny.decode(tiny.encode(photo, 60)))
    before = walk.before_the_bottleneck(family, photo)
    assert before.shape == latents.shape and 0.1 < np.abs(before - latents).mean() < np.abs(before).mean()


def test_the_command_makes_both_pictures(folder: Path, photo: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    assert walk.main([str(tmp_path / "photo.png"), "--bundle", str(folder), "-o", str(tmp_path / "out")]) == 0
    for name in ("latents", "decoded"):
        with Image.open(tmp_path / "out" / f"{name}.webp") as sheet:
            assert min(sheet.size) > 100


def test_other_bundles_are_refused(photo: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    assert walk.main([str(tmp_path / "photo.png"), "--bundle", "lite", "-o", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("walk: bundle lite has no encoder and decoder")
