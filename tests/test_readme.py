"""The README's code blocks run as they stand, and its figures are those of the shipped bundle."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from runtime.pictures.read import read

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text()

NOT_RUN = {
    r"(sudo )?(pip|apt|apt-get) install ": "changes the machine",
    r"git clone ": "needs a network",
    r"pytest": "is what runs this",
    r"scripts/": "has a test of its own, or takes minutes",
    r"python -m (models|export)": "takes hours; tests/models and tests/export run them small",
    r"python -m benchmarks\.": "wants pictures that are not here; tests/benchmarks runs them small",
    r"gargalo (view|desktop) ": "opens a browser, or changes the home; tests/viewer and tests/test_desktop.py run them",
    r"gargalo bench": "takes half a minute; tests/test_bench.py runs it small",
    r".* --bundle mine/": "wants weights that the lines before would train",
    r"(python -m runtime\.|gargalo )capture --source (\d|\S+://)": "wants a camera; tests/test_capture.py has one",
}
"""Commands that the README may show without their being run here, and why."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands(block: str) -> list[str]:
    """Return the commands of a shell block, one a line or joined by &&, without comments."""
    lines = [re.split(r"(?:^|\s)#\s", line)[0] for line in block.replace("\\\n", " ").splitlines()]
    return [part.strip() for line in lines for part in line.split("&&") if part.strip()]


def is_run(command: str) -> bool:
    return not any(re.match(pattern, command) for pattern in NOT_RUN)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a clone has of what the README names: docs/cam.jpg."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "docs").mkdir()
    shutil.copy(PROJECT / "docs" / "cam.jpg", folder / "docs" / "cam.jpg")
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """python and gargalo are this interpreter and this checkout, installed or not."""
    programs = tmp_path_factory.mktemp("bin")
    for name, words in (("python", ""), ("gargalo", "-m runtime")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (programs / name).chmod(0o755)
    return os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(PROJECT)}


def run(command: str, place: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=place, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout + done.stderr


def test_the_first_screen_has_both_commands() -> None:
    first = "\n".join(README.splitlines()[:40])
    assert "pip install . && python -m runtime.compress docs/cam.jpg" in first
    assert 'pip install -e ".[dev]" && pytest' in first


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    kinds = set(re.findall(r"^```(\w*)\n(?:.*?)^```", README, re.DOTALL | re.MULTILINE))
    assert kinds <= {"sh", "console", "python", ""}, "unlabelled blocks are diagrams; others are run below"


def test_the_shell_blocks_run_in_order(place: Path, environment: dict[str, str]) -> None:
    """In a console block `$ ` begins a command and the rest is what it prints, of which figures may differ."""
    ran = 0
    for language, block in re.findall(r"^```(sh|console)\n(.*?)^```", README, re.DOTALL | re.MULTILINE):
        session = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
        for text, expected in session if language == "console" else [(block, "")]:
            printed = [run(command, place, environment) for command in commands(text) if is_run(command)]
            assert without_figures(expected) in without_figures("".join(printed)), text
            ran += len(printed)
    assert ran >= 4 and (place / "docs" / "cam.gar").is_file()


def without_figures(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"\d[\d,.]*", "0", text)).strip()


def test_the_compress_line_prints_what_the_readme_shows(place: Path, environment: dict[str, str]) -> None:
    """With its figures, but for the time, which is the machine's."""
    shown = re.findall(r"^\$ (gargalo compress .*)\n(.*) ms$", README, re.MULTILINE)
    assert shown
    for command, expected in shown:
        without_ms, _, _ = run(command, place, environment).rpartition(", ")
        assert without_ms == expected.rpartition(", ")[0], f"README.md shows other figures for {command}"


def test_the_python_blocks_run_in_order(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pasted into one session, with nothing but what the clone has."""
    monkeypatch.chdir(place)
    names: dict[str, np.ndarray] = {}
    for block in blocks("python"):
        exec(block, names)
    assert names["pixels"].shape == read(place / "docs" / "cam.jpg").pixels.shape
    assert (place / "smaller.gar").stat().st_size <= 10_000 < (place / "small.gar").stat().st_size <= 20_000


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", README):
        assert (PROJECT / target).exists(), f"README.md points to {target}, which is not there"


@pytest.mark.parametrize("document", ["README.md", "docs/training.md"])
def test_the_figures_are_of_the_shipped_bundle(document: str) -> None:
    """Each document that reports results names the bundle they were measured on."""
    manifest = json.loads((PROJECT / "runtime/weights/standard/manifest.json").read_text())
    assert manifest["id"] in (PROJECT / document).read_text()
