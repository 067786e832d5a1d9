"""The scripts still make the tiny bundles that are here."""

from importlib import import_module
from pathlib import Path

import pytest

SCRIPTS = {"bundle": "make", "thumbnail": "make_thumbnail"}
MOST_BYTES = 50_000


@pytest.fixture(params=SCRIPTS)
def folder(request: pytest.FixtureRequest) -> Path:
    return Path(__file__).parent / str(request.param)


def test_the_bundle_is_tiny_and_all_of_it_has_checksums(folder: Path) -> None:
    from runtime.bundle import Bundle

    bundle = Bundle.open(folder)
    bundle.verify()
    files = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert set(files) == {"manifest.json", *bundle.manifest["sha256"]} and sum(files.values()) < MOST_BYTES


def test_the_script_makes_the_same_bundle(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    import_module(f"tiny.{SCRIPTS[folder.name]}").make(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in folder.iterdir()}
    for path in sorted(tmp_path.iterdir()):
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name
