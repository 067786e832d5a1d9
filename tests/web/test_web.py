"""The decoder in web/, by its own tests: Node.js runs them, what of them needs Chromium skips itself."""

import re
from pathlib import Path

import javascript
import middle
import numpy as np
import pytest
import variants

from runtime import container
from runtime.bundle import Bundle
from runtime.codec import Codec

pytestmark = pytest.mark.skipif(bool(javascript.missing()), reason=str(javascript.missing()))
TESTS = sorted(path.name for path in (javascript.WEB / "test").glob("*.test.js"))


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    for script in ("weights.js", "build.js"):
        if script == "build.js" and not (javascript.WEB / "node_modules" / "esbuild").exists():
            continue  # browser tests then skip themselves
        done = javascript.run(f"scripts/{script}")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", TESTS)
def test_node_passes(name: str) -> None:
    done = javascript.run("--test", "--test-reporter=tap", f"test/{name}")
    failed = re.findall(r"^ *not ok \d+ - (.*)", done.stdout, re.MULTILINE)
    assert done.returncode == 0, f"{failed} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    skipped = re.findall(r"# SKIP (.*)", done.stdout)
    if "# pass 0" in done.stdout:
        pytest.skip(skipped[0])


@pytest.mark.parametrize("name", ["bundle", "recurrent"])
def test_bundles_that_do_not_ship_give_the_pixels_of_the_codec(name: str, photo: np.ndarray, tmp_path: Path) -> None:
    javascript.check_same_pixels(Path(__file__).parents[1] / "tiny" / name, javascript.pictures(photo), tmp_path)


def test_networks_of_level_2_give_the_pixels_of_the_codec(photo: np.ndarray, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    cases = {name: case for name, case in javascript.pictures(photo).items() if name in ("photo", "tiles", "best")}
    javascript.check_same_pixels(middle.others(tmp_path / "bundle"), cases, tmp_path)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_chroma_that_follows_luma_has_the_pixels_of_the_codec(
    subsampling: str, photo: np.ndarray, tmp_path: Path
) -> None:
    bundle = variants.with_arrays(tmp_path / "bundle", gates=variants.GATES)
    javascript.check_same_pixels(bundle, javascript.pictures(photo), tmp_path, subsampling)


@pytest.mark.parametrize(
    "gates", [np.zeros((1, 1), np.int32), np.full((5, 2), np.nan, np.float32), np.full((5, 2), -(2**31), np.int32)]
)
def test_gates_that_no_bundle_may_have_do_no_harm(gates: np.ndarray, photo: np.ndarray, tmp_path: Path) -> None:
    """Our codec refuses them; here a picture comes out, or one line says why not."""
    folder = variants.with_arrays(tmp_path / "bundle", gates=gates)
    number, found = Bundle.open(folder).id, tmp_path / "found.pam"
    header, sections = container.unpack(Codec(variants.TINY, threads=1).encode(photo[:70, :90], 50))
    (tmp_path / "gates.gar").write_bytes(container.pack(header._replace(bundle_id=number), list(sections.items())))
    folder.rename(tmp_path / number.hex())
    done = javascript.run("scripts/decode.js", "--weights", tmp_path, tmp_path / "gates.gar", found)
    assert done.returncode == done.stderr.count("\n") == (not found.exists())


def test_some_of_the_networks_of_level_2_are_refused(photo: np.ndarray, tmp_path: Path) -> None:
    folder = middle.named(middle.copies(tmp_path / "bundle"), middle.NAMES[:2])
    header, sections = container.unpack(Codec(middle.TINY, threads=1).encode(photo[:64, :64], 50))
    number = Bundle.open(folder).id
    stream = container.pack(header._replace(bundle_id=number), list(sections.items()))
    (tmp_path / "some.gar").write_bytes(stream)
    folder.rename(tmp_path / number.hex())
    done = javascript.run("scripts/decode.js", "--weights", tmp_path, tmp_path / "some.gar", tmp_path / "some.pam")
    assert done.returncode == 1 and not (tmp_path / "some.pam").exists()
    assert done.stderr.endswith(f"the weights {number.hex()} have 2 of 3 middle networks; export them anew\n")
