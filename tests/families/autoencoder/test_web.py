"""docs/format/autoencoder.md in JavaScript gives the pixels of our codec: of a bundle of its own, since none ships."""

import json
import shutil
from pathlib import Path

import javascript
import numpy as np
import pytest
import run_vectors

from runtime.codec import Codec

pytestmark = pytest.mark.skipif(bool(javascript.missing()), reason=str(javascript.missing()))


@pytest.fixture(scope="module")
def weights(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has the bundle under its id."""
    path = tmp_path_factory.mktemp("web")
    shutil.copytree(folder, path / json.loads((folder / "manifest.json").read_text())["id"])
    return path


def pictures(photo: np.ndarray) -> dict[str, tuple[np.ndarray, float, int]]:
    """Return pictures, the quality and tile size in pixels that they are encoded with."""
    alpha = np.dstack([photo[:70, :90], np.indices((70, 90)).sum(0).astype(np.uint8)])
    noise = np.random.default_rng(1).integers(0, 256, (66, 130, 3), dtype=np.uint8)
    return {
        "photo": (photo, 75, 1024),
        "tiles": (photo, 60, 64),
        "best": (photo[:100, :70], 100, 1024),
        "worst": (photo[:100, :70], 1, 1024),
        "noise": (noise, 75, 1024),
        "gray": (photo[:65, :64, 0], 75, 1024),
        "alpha": (alpha, 75, 1024),
        "one pixel": (photo[:1, :1], 75, 1024),
    }


def test_javascript_gives_the_pixels_of_the_codec(
    folder: Path, weights: Path, photo: np.ndarray, tmp_path: Path
) -> None:
    expected, words = {}, []
    for name, (picture, quality, tile_px) in pictures(photo).items():
        codec = Codec(folder, threads=1, tile_px=tile_px)
        stream = codec.encode(picture, quality)
        (tmp_path / f"{name}.gar").write_bytes(stream)
        expected[name] = codec.decode(stream)
        words += [tmp_path / f"{name}.gar", tmp_path / f"{name}.pam"]
    done = javascript.run("scripts/decode.js", "--weights", weights, *words)
    assert done.returncode == 0, done.stderr
    for name, picture in expected.items():
        shape, samples = run_vectors.read_samples(tmp_path / f"{name}.pam")
        assert shape == list(picture.shape), name
        assert samples == picture.tobytes(), name
