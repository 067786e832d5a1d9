"""The decoder in web/, by its own tests: Node.js runs them, what of them needs Chromium skips itself."""

import re
from pathlib import Path

import javascript
import numpy as np
import pytest

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
