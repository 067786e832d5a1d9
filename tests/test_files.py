"""imread and imwrite: .gar through the shared codec, the rest as pixels.py does it."""

from pathlib import Path

import numpy as np
import pytest

from runtime import files
from runtime.codec import Codec
from runtime.errors import InputError, StreamError
from runtime.pictures.read import read


def test_a_gar_file_is_what_the_codec_makes(photo: np.ndarray, codec: Codec, tmp_path: Path) -> None:
    files.imwrite(tmp_path / "cam.GAR", photo, quality=40)
    assert (tmp_path / "cam.GAR").read_bytes() == codec.encode(photo, 40)
    assert np.array_equal(files.imread(str(tmp_path / "cam.GAR")), codec.decode(codec.encode(photo, 40)))


def test_other_suffixes_are_other_formats(photo: np.ndarray, tmp_path: Path) -> None:
    files.imwrite(tmp_path / "cam.png", photo)
    assert np.array_equal(files.imread(tmp_path / "cam.png"), photo)
    assert np.array_equal(read(tmp_path / "cam.png").pixels, photo)
    with pytest.raises(InputError, match="suffix"):
        files.imwrite(tmp_path / "cam.xyz", photo)


def test_what_is_in_a_file_counts_and_not_its_name(photo: np.ndarray, tmp_path: Path) -> None:
    for name in ("cam.gar", "cam.png"):
        files.imwrite(tmp_path / name, photo)
        wanted = files.imread(tmp_path / name)
        assert np.array_equal(files.imread((tmp_path / name).rename(tmp_path / "cam.bin")), wanted)
    files.imwrite(tmp_path / "cam.png", photo)
    assert np.array_equal(files.imread((tmp_path / "cam.png").rename(tmp_path / "cam.gar")), photo)


def test_a_damaged_gar_file_is_a_stream_error(tmp_path: Path) -> None:
    (tmp_path / "cam.gar").write_bytes(b"\x89GAR")
    with pytest.raises(StreamError):
        files.imread(tmp_path / "cam.gar")


def test_one_codec_is_made_for_each_bundle(photo: np.ndarray) -> None:
    default = files.shared_codec()
    assert files.shared_codec() is default
    assert default.bundle.id == Codec().bundle.id
    lite = Codec("lite", threads=1)
    data = lite.encode(photo, 50)
    for _ in range(2):
        assert np.array_equal(files.decode(data), lite.decode(data))
    assert [other.bundle.id for other in default._others.values()] == [lite.bundle.id]
