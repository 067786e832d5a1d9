"""What a release has given out stays: every bundle of every release is at hand, and its files show the same pixels.

`scripts/release` adds to tests/released/list.json: for each release the bundles that are new in it, by id, each with
the hashes of one file and of its pixels. Nothing is ever changed or taken out there.
"""

import hashlib
import importlib.util
import json
import re
import shutil
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import TINY, TINY_RECURRENT

from runtime import __version__, families, gat
from runtime.bundle import Bundle, bundle_id, shipped_folders
from runtime.codec import Codec
from runtime.errors import CodecError

PROJECT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent / "released"
RELEASES: dict[str, dict[str, Any]] = json.loads((FOLDER / "list.json").read_text())
BUNDLES = {number: facts for bundles in RELEASES.values() for number, facts in bundles.items()}


def check(number: str, facts: dict[str, Any], folder: Path = FOLDER) -> None:
    """Fail unless a released bundle is as it was, and decodes its file to the same pixels, found by its id alone."""
    where = Bundle.shipped(bytes.fromhex(number))
    assert where is not None, (
        f"{facts['name']} {number} is released and must stay readable: git mv its folder in runtime/weights to "
        f"{facts['name']}-N, with the next free N, before another takes its place"
    )
    bundle = Bundle.open(where)
    bundle.verify()
    assert bundle_id(where, bundle.networks(families.find(bundle).traits.networks)).hex() == number
    data = (folder / facts["file"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == facts["sha256"]
    pixels = gat.decode(data) if gat.is_thumbnail(data) else Codec(threads=1).decode(data)
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == facts["pixels_sha256"]


@pytest.mark.parametrize("number", BUNDLES)
def test_a_released_bundle_is_at_hand_and_shows_what_it_showed(number: str) -> None:
    check(number, BUNDLES[number])


def test_bundles_say_the_release_that_has_them_and_a_release_has_all() -> None:
    told = {bundle.id.hex(): bundle.release for bundle in map(Bundle.open, shipped_folders()) if bundle.release}
    assert told == {number: release for release, bundles in RELEASES.items() for number in bundles}
    if ".dev" not in __version__:
        lacking = [folder.name for folder in shipped_folders() if Bundle.open(folder).release is None]
        assert not lacking, f"in no release: {lacking}; scripts/release {__version__} adds them"


def test_every_dated_release_since_the_first_list_is_in_it() -> None:
    dated = re.findall(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert set(dated) - {"0.1.0"} == set(RELEASES), "scripts/release writes both"


# --- scripts/release --------------------------------------------------------------------------------------------------


@pytest.fixture
def release() -> ModuleType:
    """The script as a module."""
    pytest.importorskip("onnx")
    loader = SourceFileLoader("release_script", str(PROJECT / "scripts" / "release"))
    spec = importlib.util.spec_from_loader("release_script", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.dont_write_bytecode, list(sys.path)
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    sys.dont_write_bytecode, sys.path[:] = before
    return module


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project: two tiny bundles, a version, a changelog."""
    weights = tmp_path / "runtime" / "weights"
    shutil.copytree(TINY, weights / "standard")
    shutil.copytree(TINY_RECURRENT, weights / "thumbnail")
    (tmp_path / "tests" / "released").mkdir(parents=True)
    (tmp_path / "tests" / "released" / "list.json").write_text("{}")
    (tmp_path / "runtime" / "__init__.py").write_text('import os\n\n__version__ = "0.7.0.dev0"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 0.7.0 (unreleased)\n\n- New.\n")
    monkeypatch.setattr("runtime.bundle.WEIGHTS", weights)
    monkeypatch.setattr("reference_decoder.WEIGHTS", weights)
    gat.family_of.cache_clear()
    return tmp_path


def test_a_release_adds_what_is_new_and_no_more(place: Path, release: ModuleType) -> None:
    assert release.main(["0.7.0", "--date", "2027-01-02"], place) == 0
    listed = json.loads((place / "tests" / "released" / "list.json").read_text())
    made = {Bundle.open(TINY).id.hex(), Bundle.open(TINY_RECURRENT).id.hex()}
    assert set(listed["0.7.0"]) == made and '__version__ = "0.7.0"\n' in (place / "runtime/__init__.py").read_text()
    assert "## 0.7.0 (2027-01-02)\n" in (place / "CHANGELOG.md").read_text()
    for number, facts in listed["0.7.0"].items():
        check(number, facts, place / "tests" / "released")
    assert {Bundle.open(folder).release for folder in shipped_folders()} == {"0.7.0"}
    with pytest.raises(SystemExit, match=r"CHANGELOG.md begins with 0.7.0 \(2027-01-02\)"):
        release.main(["0.7.0"], place)
    (place / "CHANGELOG.md").write_text("## 0.8.0 (unreleased)\n")
    (place / "runtime" / "__init__.py").write_text('__version__ = "0.8.0.dev0"\n')
    assert release.main(["0.8.0"], place) == 0
    assert json.loads((place / "tests" / "released" / "list.json").read_text()) == listed | {"0.8.0": {}}


@pytest.mark.parametrize("what", ["bundle", "weights", "file"])
def test_what_changes_a_released_bundle_or_its_file_fails(what: str, place: Path, release: ModuleType) -> None:
    assert release.main(["0.7.0"], place) == 0
    (number, facts), *_ = json.loads((place / "tests" / "released" / "list.json").read_text())["0.7.0"].items()
    folder = Bundle.shipped(bytes.fromhex(number))
    assert folder is not None
    if what == "bundle":
        shutil.rmtree(folder)
    else:
        path = folder / "prior.npz" if what == "weights" else place / "tests" / "released" / facts["file"]
        path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises((AssertionError, CodecError), match="must stay readable|prior.npz: damaged|sha256|assert"):
        check(number, facts, place / "tests" / "released")


@pytest.mark.parametrize("words, told", [(["0.9.0"], "is of 0.7.0"), (["0.7.0", "--date", "soon"], "soon")])
def test_a_release_of_another_version_or_day_is_refused(
    words: list[str], told: str, place: Path, release: ModuleType
) -> None:
    with pytest.raises(SystemExit, match=told):
        release.main(words, place)
    assert (place / "tests" / "released" / "list.json").read_text() == "{}"
