"""Networks of its own for wavelet level 2, which a bundle may have: what runs, what names them, what is refused."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import middle
import numpy as np
import pytest
import reference_decoder

from runtime import container
from runtime.bundle import Bundle
from runtime.codec import Codec
from runtime.errors import BundleError
from runtime.families.pyramid import spec
from runtime.networks import strips


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return middle.copies(tmp_path_factory.mktemp("copies") / "bundle")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx")
    return middle.others(tmp_path_factory.mktemp("others") / "bundle")


def test_copies_of_the_coarse_networks_code_as_these_do(copied: Path, tiny: Codec, small_photo: np.ndarray) -> None:
    own = Codec(copied, threads=1)
    data, expected = own.encode(small_photo, 60), tiny.encode(small_photo, 60)
    assert own.bundle.id == data[6:14] != tiny.bundle.id
    assert container.unpack(data)[1] == container.unpack(expected)[1]
    assert np.array_equal(own.decode(data), tiny.decode(expected))


def test_level_2_has_networks_of_its_own_and_no_other_level_has_these(
    copied: Path, small_photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec, ran = Codec(copied, threads=1), []
    run = codec.networks.run

    def watched(name: str, *inputs: Any) -> Any:
        ran.append(name)
        return run(name, *inputs)

    data = codec.encode(small_photo, 60, subsampling="4:4:4")
    monkeypatch.setattr(codec.networks, "run", watched)
    codec.decode(data)
    levels = ["coarse", "coarse", "coarse", "middle", "fine"]
    expected = [f"{where}_{part}" for where in levels for part in spec.PARTS]
    assert ran == ["start", *expected[1:]]


def test_other_networks_code_otherwise_and_all_decode_it_alike(
    core: str, other: Path, tiny: Codec, small_photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strips, "_LEAST_ROWS", 1)
    monkeypatch.setattr(strips, "_LEAST_POSITIONS", 1)
    one, two = Codec(other, threads=1), Codec(other, threads=2)
    for subsampling in ("4:2:0", "4:4:4"):
        data = one.encode(small_photo, 60, subsampling=subsampling)
        usual = tiny.encode(small_photo, 60, subsampling=subsampling)
        assert container.unpack(data)[1] != container.unpack(usual)[1]
        pixels = one.decode(data)
        assert two.encode(small_photo, 60, subsampling=subsampling) == data
        assert np.array_equal(two.decode(data), pixels)
        assert np.array_equal(reference_decoder.decode(data, other.parent), pixels)
    assert "middle_second" in two.networks._reaches


def test_the_id_is_that_of_the_files_in_the_order_of_the_format(other: Path) -> None:
    parts = [f"{where}_{part}" for where in ("coarse", "middle", "fine") for part in ("first", "second", "third")]
    files = [*(f"{name}.onnx" for name in ("start", *parts)), "prior.npz"]
    hashes = b"".join(hashlib.sha256((other / name).read_bytes()).digest() for name in files)
    assert Bundle.open(other).id == Codec(other).bundle.id == hashlib.sha256(hashes).digest()[:8]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("first", range(3))
def test_a_bundle_with_but_some_of_the_three_is_refused(
    first: int, count: int, copied: Path, small_photo: np.ndarray, tmp_path: Path
) -> None:
    names = [middle.NAMES[(first + i) % 3] for i in range(count)]
    folder = middle.named(Path(shutil.copytree(copied, tmp_path / "some")), names)
    missing = ", ".join(name for name in middle.NAMES if name not in names)
    with pytest.raises(BundleError, match=rf"some: its manifest.json names no {missing}, and others of that set; re"):
        Codec(folder)
    codec = Codec(copied, threads=1)
    header, sections = container.unpack(codec.encode(small_photo, 10))
    data = container.pack(header._replace(bundle_id=Bundle.open(folder).id), list(sections.items()))
    with pytest.raises(ValueError, match=f"a bundle with {count} of 3 middle networks"):
        reference_decoder.decode(data, tmp_path)


def test_files_that_the_manifest_does_not_name_are_not_the_bundle_s(copied: Path, tiny: Codec, tmp_path: Path) -> None:
    folder = middle.named(Path(shutil.copytree(copied, tmp_path / "bare")), [])
    assert Codec(folder).bundle.id == tiny.bundle.id and not Codec(folder).bundle.has("middle_first")


def test_a_file_that_the_manifest_names_is_missed_by_name(copied: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(copied, tmp_path / "lacking"))
    (folder / "middle_second.onnx").unlink()
    with pytest.raises(BundleError, match="middle_second.onnx: No such file or directory; reinstall the bundle$"):
        Codec(folder)
