"""The README's code blocks run as they stand, and its figures are those of the shipped bundle."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    """Every `python -m runtime...` of the README's shell blocks, without comments."""
    lines = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [
        part.strip() for line in lines for part in line.split("&&") if part.strip().startswith("python -m runtime.")
    ]


def test_the_first_screen_has_both_commands() -> None:
    first = "\n".join(README.splitlines()[:40])
    assert "pip install . && python -m runtime.compress docs/cam.jpg" in first
    assert 'pip install -e ".[dev]" && pytest' in first


def test_the_readme_s_commands_run_in_order(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for copy in ("cam.jpg", "docs/cam.jpg"):
        shutil.copy(PROJECT / "docs" / "cam.jpg", tmp_path / copy)
    ran = [c for c in commands() if "--bundle" not in c]
    assert len(ran) >= 4
    for command in ran:
        words = [sys.executable, *command.split()[1:]]
        done = subprocess.run(words, cwd=tmp_path, env={"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stderr}"
    assert (tmp_path / "docs" / "cam.gar").is_file() and (tmp_path / "small.png").is_file()


def test_the_readme_s_python_runs(photo: np.ndarray) -> None:
    for block in blocks("python"):
        names = {"pixels": photo}
        exec(block, names)
        assert names["pixels"].shape == photo.shape


@pytest.mark.parametrize("document", ["README.md", "docs/training.md"])
def test_the_figures_are_of_the_shipped_bundle(document: str) -> None:
    """Each document that reports results names the bundle they were measured on."""
    manifest = json.loads((PROJECT / "runtime/weights/standard/manifest.json").read_text())
    assert manifest["id"] in (PROJECT / document).read_text()
