"""docs/examples: encoder.onnx and decoder.onnx with nothing but ONNX Runtime, in Python and in JavaScript."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


@pytest.mark.parametrize("name, language", [("latents.py", "python"), ("latents.mjs", "js")])
def test_the_page_shows_the_files_that_are_run_here(name: str, language: str) -> None:
    page = (EXAMPLES.parent / "autoencoder.md").read_text()
    assert f"```{language}\n{(EXAMPLES / name).read_text()}```" in page


@pytest.fixture(scope="module")
def picture(photo: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 203 x 150 pixels: sides that are no multiples of 8."""
    path = tmp_path_factory.mktemp("examples") / "photo.ppm"
    Image.fromarray(photo).save(path)
    return path


@pytest.fixture(scope="module")
def by_python(folder: Path, picture: Path) -> tuple[np.ndarray, str]:
    """What latents.py decodes, and what it says; runtime is not on its path."""
    return run([sys.executable, "-I", str(EXAMPLES / "latents.py")], folder, picture, "python")


def run(words: list[str], folder: Path, picture: Path, name: str) -> tuple[np.ndarray, str]:
    out = picture.with_name(f"{name}.ppm")
    done = subprocess.run([*words, str(folder), str(picture), str(out)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with Image.open(out) as image:
        return np.asarray(image), done.stdout


def test_the_python_example_shows_the_picture(by_python: tuple[np.ndarray, str], photo: np.ndarray) -> None:
    pixels, said = by_python
    assert pixels.shape == photo.shape
    assert 0 < np.mean((pixels.astype(float) - photo) ** 2) < 60
    share = re.fullmatch(r"([\d.]+)% of 94848 latents are not 0\n", said)  # 192 * 19 * 26
    assert share and 2 < float(share[1]) < 50


def test_the_javascript_example_shows_the_same(
    folder: Path, picture: Path, by_python: tuple[np.ndarray, str], tmp_path: Path
) -> None:
    if not shutil.which("node"):
        pytest.skip("no node: install Node.js")
    paths = [Path(path) for path in os.environ.get("NODE_PATH", "").split(os.pathsep)]
    modules = next((path for path in paths if (path / "onnxruntime-web").is_dir()), None)
    if modules is None:
        pytest.skip("no onnxruntime-web: npm install it and name its node_modules in NODE_PATH")
    shutil.copy(EXAMPLES / "latents.mjs", tmp_path)
    (tmp_path / "node_modules").symlink_to(modules.resolve())  # import looks beside the file
    pixels, said = run(["node", str(tmp_path / "latents.mjs")], folder, picture, "javascript")
    assert np.array_equal(pixels, by_python[0]) and said == by_python[1]
