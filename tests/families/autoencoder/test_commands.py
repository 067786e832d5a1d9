"""The commands and the Pillow plugin with a bundle of an autoencoder."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import runtime.pillow  # noqa: F401
from runtime import incomplete, info
from runtime.codec import Codec
from runtime.compress import main as compress
from runtime.decompress import main as decompress


@pytest.fixture
def place(photo: np.ndarray, folder: Path, tmp_path: Path) -> Path:
    """A folder with photo.png, and what compress makes of it: photo.gar."""
    Image.fromarray(photo).save(tmp_path / "photo.png")
    assert compress([str(tmp_path / "photo.png"), "-q", "70", "--bundle", str(folder)]) == 0
    return tmp_path


def decoded(place: Path, folder: Path, *words: str) -> np.ndarray:
    out = place / "out.png"
    assert decompress([str(place / "photo.gar"), "-o", str(out), "-f", "--bundle", str(folder), *words]) in (0, 3)
    with Image.open(out) as image:
        return np.asarray(image)


def test_what_is_compressed_is_decompressed_whole_or_in_part(
    place: Path, folder: Path, tiny: Codec, photo: np.ndarray
) -> None:
    data = (place / "photo.gar").read_bytes()
    assert data == tiny.encode(photo, 70)
    whole = decoded(place, folder)
    assert np.array_equal(whole, tiny.decode(data)) and np.abs(whole.astype(int) - photo).mean() < 10
    assert np.array_equal(decoded(place, folder, "--region", "20,30,70,50"), whole[30:80, 20:90])
    assert np.array_equal(decoded(place, folder, "--layer", "1"), incomplete.preview(tiny, data, 2))
    assert tiny.bundle.id.hex() in info.facts(place / "photo.gar")["bundle_id"]


def test_a_cut_file_is_salvaged(place: Path, folder: Path, photo: np.ndarray) -> None:
    path = place / "photo.gar"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert decompress([str(path), "-o", str(place / "cut.png"), "--bundle", str(folder)]) == 1
    assert decoded(place, folder, "--salvage").shape == photo.shape


def test_a_size_can_be_asked_for(place: Path, folder: Path) -> None:
    whole = (place / "photo.gar").stat().st_size
    words = [str(place / "photo.png"), "-f", "--bundle", str(folder), "--target-size", str(whole // 2)]
    assert compress(words) == 0
    assert 0.8 * whole // 2 < (place / "photo.gar").stat().st_size <= whole // 2


def test_pillow_saves_and_opens_with_the_bundle(folder: Path, tiny: Codec, photo: np.ndarray) -> None:
    buffer = BytesIO()
    Image.fromarray(photo).save(buffer, "GAR", quality=60, bundle=folder)
    assert buffer.getvalue() == tiny.encode(photo, 60)
    with Image.open(buffer) as image:
        image.bundle = folder  # type: ignore[attr-defined]
        assert np.array_equal(np.asarray(image), tiny.decode(buffer.getvalue()))
