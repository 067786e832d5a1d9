"""The wheel: its version, all weights, nothing that it should not have, and no more bytes than it may have."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from runtime import __version__
from runtime.bundle import Bundle, shipped_folders

PROJECT = Path(__file__).parents[1]
MOST_BYTES = 12_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel for all machines, without the compiled core."""
    pytest.importorskip("setuptools", minversion="77")
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    for name in ("gargalo", "runtime"):
        shutil.copytree(PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.pyd"))
    build = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
    environment = os.environ | {"GARGALO_NATIVE": "0"}
    done = subprocess.run([sys.executable, "-c", build], cwd=source, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (made,) = (source / "dist").iterdir()
    return made


def test_it_has_the_version_of_the_package(wheel: Path) -> None:
    assert wheel.name == f"gargalo-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"gargalo-{__version__}.dist-info/METADATA").decode()
    assert f"\nVersion: {__version__}\n" in metadata


def test_it_is_small_with_all_bundles_in_it(wheel: Path) -> None:
    assert wheel.stat().st_size < MOST_BYTES
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for folder in shipped_folders():
        needed = {
            f"runtime/weights/{folder.name}/{name}"
            for name in ["manifest.json", *Bundle.open(folder).manifest["sha256"]]
        }
        assert needed <= names, f"the wheel lacks {sorted(needed - names)}"


def test_it_has_the_two_packages_and_no_source_of_the_core(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name and ".data/" not in name]
    assert {name.split("/")[0] for name in names} == {"gargalo", "runtime"}
    assert not [name for name in names if name.endswith((".c", ".so", ".pyc"))]
