"""The script still makes the tiny bundles that are here."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
BUNDLES = {"pyramid": HERE / "bundle", "recurrent": HERE / "recurrent"}
MOST_BYTES = 50_000


@pytest.mark.parametrize("folder", BUNDLES.values(), ids=BUNDLES)
def test_the_bundle_is_tiny_and_all_of_it_has_checksums(folder: Path) -> None:
    from runtime.bundle import Bundle

    bundle = Bundle.open(folder)
    bundle.verify()
    files = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert set(files) == {"manifest.json", *bundle.manifest["sha256"]} and sum(files.values()) < MOST_BYTES


@pytest.mark.parametrize("family", BUNDLES)
def test_the_script_makes_the_same_bundle(family: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from tiny import make

    make.MAKERS[family](tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in BUNDLES[family].iterdir()}
    for path in sorted(tmp_path.iterdir()):
        assert path.read_bytes() == (BUNDLES[family] / path.name).read_bytes(), path.name
