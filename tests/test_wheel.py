"""The wheel: its version, all weights, nothing that it should not have, and no more bytes than it may have."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from runtime import __version__
from runtime.bundle import Bundle, shipped_folders

PROJECT = Path(__file__).parents[1]
MOST_BYTES = 12_000_000


def copy_source(folder: Path) -> Path:
    """Return the folder, with all that a wheel is built from in it."""
    pytest.importorskip("setuptools", minversion="77")
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, folder)
    for name in ("gargalo", "runtime"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.pyd"))
    return folder


def build(source: Path, what: str, **environment: str) -> Path:
    """Return the wheel or sdist that is built of a folder."""
    words = f"from setuptools.build_meta import build_{what}; build_{what}('dist')"
    done = subprocess.run(
        [sys.executable, "-c", words], cwd=source, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (made,) = (source / "dist").iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel for all machines, without the compiled core."""
    return build(copy_source(tmp_path_factory.mktemp("source")), "wheel", GARGALO_NATIVE="0")


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


@pytest.mark.skipif(os.name == "nt", reason="CC names no compiler there")
def test_without_a_compiler_it_has_no_core_of_an_earlier_build(tmp_path: Path) -> None:
    core = Path(f"lib.{sysconfig.get_platform()}-{sys.implementation.cache_tag}", "runtime", "_native.abi3.so")
    (copy_source(tmp_path) / "build" / core).parent.mkdir(parents=True)
    (tmp_path / "build" / core).write_bytes(b"of other source")
    with zipfile.ZipFile(build(tmp_path, "wheel", GARGALO_NATIVE="", CC="false")) as archive:
        assert "runtime/native.py" in archive.namelist()
        assert not [name for name in archive.namelist() if name.endswith(".so")]


def test_an_sdist_has_the_source_of_the_core_whatever_the_variable(tmp_path: Path) -> None:
    with tarfile.open(build(copy_source(tmp_path), "sdist", GARGALO_NATIVE="0")) as archive:
        assert f"gargalo-{__version__}/runtime/_native.c" in archive.getnames()


def test_a_variable_that_says_nothing_builds_nothing() -> None:
    words = [sys.executable, "setup.py", "--version"]
    done = subprocess.run(
        words, cwd=PROJECT, env=os.environ | {"GARGALO_NATIVE": "yes"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and done.stderr.startswith("GARGALO_NATIVE=yes must be")
