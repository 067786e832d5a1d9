"""The script still makes the tiny bundle that is here."""

from pathlib import Path

import pytest

BUNDLE = Path(__file__).parent / "bundle"
MOST_BYTES = 50_000


def test_the_bundle_is_tiny_and_all_of_it_has_checksums() -> None:
    from runtime.bundle import Bundle

    bundle = Bundle.open(BUNDLE)
    bundle.verify()
    files = {path.name: path.stat().st_size for path in BUNDLE.iterdir()}
    assert set(files) == {"manifest.json", *bundle.manifest["sha256"]} and sum(files.values()) < MOST_BYTES


def test_the_script_makes_the_same_bundle(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from tiny import make

    make.make(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in BUNDLE.iterdir()}
    for path in sorted(tmp_path.iterdir()):
        assert path.read_bytes() == (BUNDLE / path.name).read_bytes(), path.name
