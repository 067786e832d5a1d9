"""Folders of weights: what names them, what they may lack, and what is refused."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import PYRAMIDS

from runtime.bundle import Bundle, bundle_id, deciding, shipped_names
from runtime.codec import Codec
from runtime.errors import BundleError, InputError
from runtime.families.pyramid import spec
from runtime.families.pyramid.levels import Prior

PROJECT = Path(__file__).parents[1]
STANDARD = Bundle.open().networks(spec.NETWORKS)
"""The networks of the default bundle."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The default bundle, to be spoilt."""
    return Path(shutil.copytree(Bundle.open().folder, tmp_path / "copy"))


def edited(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_folder_of_a_shipped_name_is_not_taken_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Bundle.open()
    (tmp_path / "standard").mkdir()
    (tmp_path / "standard" / "manifest.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert Bundle.open().folder == Bundle.shipped(usual.id) == usual.folder
    with pytest.raises(BundleError, match="a bundle of format None"):
        Bundle.open("standard")


@pytest.mark.parametrize("name", PYRAMIDS)
def test_a_shipped_bundle_is_what_its_manifest_says(name: str) -> None:
    bundle = Bundle.open(name)
    bundle.verify()
    assert name in shipped_names() and shipped_names()[0] == "standard"
    networks = bundle.networks(spec.NETWORKS)
    assert bundle.name == name and bundle.id == bundle_id(bundle.folder, networks)
    assert Bundle.shipped(bundle.id) == bundle.folder
    assert set(bundle.manifest["sha256"]) == {*(f"{network.name}.onnx" for network in networks), "prior.npz"}
    assert bundle.has("synthesis") == (name == "standard")


@pytest.mark.parametrize("name", PYRAMIDS)
def test_the_integers_of_a_shipped_bundle_have_the_shapes_and_bounds_of_the_format(name: str) -> None:
    prior, tables = Prior.of(Bundle.open(name)), Bundle.open(name).tables
    levels = len(prior.log2_step)
    assert 2 <= levels <= spec.LEVEL_PLANES and prior.top_level == 32 * (levels - 1)
    for rows in (prior.log2_step, prior.scale_base):
        assert rows.shape == (levels, spec.DETAILS * spec.LEVELS + spec.Z) and rows.dtype == np.int16
    assert 0 <= prior.log2_step.min() and prior.log2_step.max() < 1024
    assert prior.thresholds.shape == (127,) and (np.diff(prior.thresholds) >= 0).all()
    assert prior.top_index == len(tables.index_table) - 1


def test_the_synthesis_net_may_change_or_go(copy: Path, photo: np.ndarray) -> None:
    whole, sha256 = bundle_id(copy, STANDARD), dict(Bundle.open().manifest["sha256"])
    (copy / "synthesis.onnx").write_bytes(b"another")
    assert bundle_id(copy, STANDARD) == whole
    (copy / "synthesis.onnx").unlink()
    with pytest.raises(BundleError, match="synthesis.onnx: No such file or directory; reinstall"):
        Codec(copy)
    del sha256["synthesis.onnx"]
    edited(copy, sha256=sha256)
    bare = Codec(copy, threads=1, enhance=True)
    assert bare.bundle.id == whole and not bare.bundle.has("synthesis")
    data = bare.encode(photo)
    assert np.array_equal(bare.decode(data), Codec(threads=1).decode(data))


def test_every_file_that_decides_is_in_the_id(copy: Path) -> None:
    assert deciding(STANDARD) == [f"{network.name}.onnx" for network in STANDARD[:-1]] + ["prior.npz"]
    found = {bundle_id(copy, STANDARD)}
    for name in deciding(STANDARD):
        before = (copy / name).read_bytes()
        (copy / name).write_bytes(before + b"\0")
        found.add(bundle_id(copy, STANDARD))
        (copy / name).write_bytes(before)
    assert len(found) == 1 + len(deciding(STANDARD))


def test_a_file_that_changed_is_named(copy: Path) -> None:
    (copy / "fine_first.onnx").write_bytes((copy / "fine_first.onnx").read_bytes()[:-1])
    with pytest.raises(BundleError, match="fine_first.onnx: damaged"):
        Bundle.open(copy).verify()
    (copy / "fine_first.onnx").unlink()
    with pytest.raises(BundleError, match="fine_first.onnx"):
        Bundle.open(copy).verify()


def test_another_format_is_refused_with_both_numbers(copy: Path) -> None:
    for number in (3, 5, None):
        edited(copy, format=number)
        with pytest.raises(BundleError, match=f"format {number}, this gargalo reads format 4"):
            Codec(copy)


def test_what_is_no_bundle_is_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle there"):
        Bundle.open(tmp_path / "nothing")
    (copy / "manifest.json").write_text("{")
    with pytest.raises(BundleError, match="manifest.json cannot be read"):
        Bundle.open(copy)


def test_a_missing_network_is_named_when_it_is_needed(copy: Path, photo: np.ndarray) -> None:
    (copy / "coarse_third.onnx").unlink()
    with pytest.raises(BundleError, match="coarse_third.onnx"):
        Codec(copy, threads=1).encode(photo)


def test_a_prior_that_is_no_archive_is_named(copy: Path, photo: np.ndarray) -> None:
    (copy / "prior.npz").write_bytes(b"dear diary")
    checksums = json.loads((copy / "manifest.json").read_text())["sha256"]
    del checksums["prior.npz"]
    edited(copy, sha256=checksums, id=bundle_id(copy, STANDARD).hex())
    with pytest.raises(BundleError, match="prior.npz: cannot be read"):
        Codec(copy, threads=1).encode(photo)


@pytest.mark.parametrize("name", ["masking", "dark"])
def test_a_prior_that_lacks_something_is_named_with_it(name: str, copy: Path) -> None:
    with np.load(copy / "prior.npz") as arrays:
        np.savez(copy / "prior.npz", **{other: array for other, array in arrays.items() if other != name})
    edited(copy, sha256={})
    with pytest.raises(BundleError, match=f"has no {name}; export the bundle anew"):
        Prior.of(Bundle.open(copy))


def test_files_of_another_bundle_are_refused_before_anything_is_coded(copy: Path) -> None:
    """Else a stream would name a bundle that cannot decode it."""
    shutil.copy(Bundle.open("lite").folder / "prior.npz", copy)
    with pytest.raises(BundleError, match=r"prior.npz: damaged \(sha256 differs"):
        Codec(copy)


def test_files_and_checksums_of_another_bundle_are_refused_too(copy: Path) -> None:
    other, name = Bundle.open("lite"), "fine_first.onnx"
    shutil.copy(other.folder / name, copy)
    edited(copy, sha256=Bundle.open().manifest["sha256"] | {name: other.manifest["sha256"][name]})
    made, claimed = bundle_id(copy, STANDARD).hex(), Bundle.open().id.hex()
    with pytest.raises(BundleError, match=f"its files make bundle {made}, its manifest.json is of {claimed}"):
        Codec(copy)
    edited(copy, id=made)
    assert Codec(copy).bundle.id.hex() == made
    (copy / "start.onnx").unlink()
    edited(copy, sha256={})
    with pytest.raises(BundleError, match="start.onnx: No such file or directory; reinstall"):
        Codec(copy)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None}, {"id": 5}, {"id": "zz"}, {"name": 7}, {"sha256": "x"}, {"quality_levels": None},
        {"quality_levels": "x"}, {"quality_levels": [999] * 100}, {"quality_levels": [1] * 50},
    ],
)  # fmt: skip
def test_an_entry_of_a_manifest_that_is_of_no_use_is_named(changes: dict[str, object], copy: Path) -> None:
    edited(copy, **changes)
    with pytest.raises(BundleError, match=f"manifest.json has no usable {next(iter(changes))}; reinstall"):
        Codec(copy)


def test_a_manifest_must_be_an_object(copy: Path) -> None:
    (copy / "manifest.json").write_text("[1]")
    with pytest.raises(BundleError, match="not a JSON object"):
        Codec(copy)


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_prior_that_is_damaged_is_named(damage: str, copy: Path) -> None:
    """In a process of its own, as numpy leaves such a file open."""
    data = (copy / "prior.npz").read_bytes()
    spoilt = data[: len(data) // 2] if damage == "cut" else data[:300] + bytes(200) + data[500:]
    (copy / "prior.npz").write_bytes(spoilt)
    code = (
        "import sys; from runtime.bundle import Bundle; from runtime.errors import BundleError\n"
        "from runtime.families.pyramid.levels import Prior\n"
        "try: Bundle.open(sys.argv[1]).tables; Prior.of(Bundle.open(sys.argv[1]))\n"
        "except BundleError as error: print(error)"
    )
    words = [sys.executable, "-W", "ignore", "-c", code, str(copy)]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr.splitlines()[-1]
    assert "prior.npz" in done.stdout and done.stdout.count("\n") == 1


def test_qualities_lead_to_ever_higher_levels() -> None:
    bundle = Bundle.open()
    levels = [bundle.level(quality) for quality in np.arange(1, 100.5, 0.5)]
    assert levels == sorted(levels) and levels[0] >= 0 and levels[-1] <= Prior.of(bundle).top_level
    for quality in (0, 0.9, 100.1):
        with pytest.raises(InputError, match=r"is out of range"):
            bundle.level(quality)
