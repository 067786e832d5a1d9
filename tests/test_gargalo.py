"""The face of the package: few names, nothing heavy before they are used, the same things as in runtime."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import gargalo
import runtime

PROJECT = Path(__file__).parents[1]


def test_it_names_what_users_need_and_no_more() -> None:
    assert dir(gargalo) == sorted(gargalo.__all__)
    assert set(gargalo.__all__) == {
        *("Codec", "imread", "imwrite", "__version__"),
        *("CodecError", "InputError", "StreamError", "BundleError"),
    }


def test_each_name_is_that_of_runtime() -> None:
    homes = {"Codec": "codec", "imread": "files", "imwrite": "files"}
    for name in set(gargalo.__all__) - {"__version__"}:
        assert getattr(gargalo, name) is getattr(import_module(f"runtime.{homes.get(name, 'errors')}"), name)
    with pytest.raises(AttributeError, match="module 'gargalo' has no attribute 'decode'"):
        _ = gargalo.decode  # type: ignore[attr-defined]


def test_nothing_is_loaded_before_it_is_used() -> None:
    code = "import gargalo, sys; print(*sys.modules); gargalo.Codec; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    before, after = (set(line.split()) for line in done.stdout.splitlines())
    assert not before & {"numpy", "PIL", "cv2", "onnxruntime", "runtime.errors"}
    assert {"numpy", "runtime.codec"} <= after


def test_help_shows_of_a_codec_what_users_call() -> None:
    public = {name for name in vars(gargalo.Codec) if not name.startswith("_")}
    assert {"encode", "decode"} <= public <= {"encode", "decode", "encode_batch", "decode_batch"}


def test_type_checkers_see_the_names_and_the_wheel_has_them() -> None:
    """A single file would be untyped to them where it is installed (PEP 561), so it is a package with py.typed."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "gargalo" in settings["packages"]["find"]["include"]
    assert settings["package-data"]["gargalo"] == ["py.typed"] and (PROJECT / "gargalo" / "py.typed").is_file()
    tree = ast.parse((PROJECT / "gargalo" / "__init__.py").read_text())
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert set(gargalo.__all__) <= set(imported)


def test_one_version_is_told_everywhere() -> None:
    """The wheel takes it from runtime; the changelog's newest entry is of the release that it leads to."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "runtime.__version__"}
    assert project["project"]["dynamic"] == ["version"]
    found = re.search(r"^## (\S+) \((.*)\)$", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert found is not None
    release, _, dev = runtime.__version__.partition(".dev")
    assert found[1] == release
    assert (found[2] == "unreleased") == bool(dev), "a released version has a date"
    assert gargalo.__version__ == runtime.__version__


def test_python_m_gargalo_is_the_command() -> None:
    words = [sys.executable, "-m", "gargalo", "--version"]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == f"gargalo {gargalo.__version__}\n"
