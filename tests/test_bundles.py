"""The bundles command: all weights by id, those kept for old files among them, and what is no bundle refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY

from runtime.bundle import Bundle, shipped_folders, shipped_names
from runtime.bundles import main
from runtime.codec import Codec

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def with_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped bundle lite under its name, and the tiny one of release 0.2.0 as what was lite before."""
    shutil.copytree(Bundle.open("lite").folder, tmp_path / "lite")
    kept = Path(shutil.copytree(TINY, tmp_path / "lite-1"))
    manifest = json.loads((kept / "manifest.json").read_text())
    (kept / "manifest.json").write_text(json.dumps(manifest | {"name": "lite", "release": "0.2.0"}))
    monkeypatch.setattr("runtime.bundle.WEIGHTS", tmp_path)
    return tmp_path


def test_all_that_ship_have_a_line(capfd: Capture) -> None:
    assert main([]) == 0
    head, *lines = capfd.readouterr().out.splitlines()
    assert head.split() == ["id", "name", "family", "release", "size", "folder"]
    assert [line.split()[0] for line in lines] == [Bundle.open(folder).id.hex() for folder in shipped_folders()]
    assert lines[0].split()[1:3] == ["standard", "pyramid"]


def test_json_is_an_object_a_line(with_kept: Path, capfd: Capture) -> None:
    assert main(["--json"]) == 0
    lite, kept = map(json.loads, capfd.readouterr().out.splitlines())
    assert lite == {
        "id": Bundle.open("lite").id.hex(),
        "name": "lite",
        "family": "pyramid",
        "release": Bundle.open("lite").release,
        "bytes": sum(path.stat().st_size for path in (with_kept / "lite").iterdir()),
        "folder": "lite",
    }
    assert (kept["name"], kept["release"], kept["folder"]) == ("lite", "0.2.0", "lite-1")


def test_a_file_of_a_kept_bundle_decodes_without_a_flag(with_kept: Path, tiny: Codec, photo: np.ndarray) -> None:
    data = tiny.encode(photo)
    assert np.array_equal(Codec("lite", threads=1).decode(data), tiny.decode(data))


def test_a_kept_bundle_is_none_of_those_to_choose_from(with_kept: Path) -> None:
    assert shipped_names() == ["lite"]
    assert [folder.name for folder in shipped_folders()] == ["lite", "lite-1"]


def test_a_folder_of_one_s_own_is_shown(capfd: Capture) -> None:
    assert main([str(TINY)]) == 0
    (line,) = capfd.readouterr().out.splitlines()[1:]
    assert line.split()[:2] == [Bundle.open(TINY).id.hex(), "tiny"] and line.endswith(str(TINY))


@pytest.mark.parametrize("what", ["nothing there", "no JSON", "another family"])
def test_what_is_no_bundle_is_one_line(what: str, tmp_path: Path, capfd: Capture) -> None:
    folder = tmp_path / "mine"
    if what != "nothing there":
        shutil.copytree(TINY, folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        text = json.dumps(manifest | {"family": "fractal"}) if what == "another family" else "{"
        (folder / "manifest.json").write_text(text)
    assert main([str(folder)]) == 1
    out, err = capfd.readouterr()
    told = {
        "nothing there": "no bundle there",
        "no JSON": "cannot be read",
        "another family": "a bundle of family fractal, this gargalo knows pyramid, autoencoder, recurrent: get a newer",
    }
    assert out == "" and err.count("\n") == 1 and str(folder) in err and told[what] in err
