"""The face of the package: few names, nothing heavy before they are used, the same things as in runtime."""

import ast
import io
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY_RECURRENT

import gargalo
import runtime

PROJECT = Path(__file__).parents[1]


def test_it_names_what_users_need_and_no_more() -> None:
    assert dir(gargalo) == sorted(gargalo.__all__)
    assert set(gargalo.__all__) == {
        *("Codec", "imread", "imwrite", "thumbnail", "__version__"),
        *("CodecError", "InputError", "StreamError", "BundleError"),
    }


def test_each_name_is_that_of_runtime() -> None:
    homes = {"Codec": "codec", "imread": "files", "imwrite": "files"}
    for name in set(gargalo.__all__) - {"__version__", "thumbnail"}:
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
    assert (
        {"encode", "decode"} <= public <= {"encode", "decode", "encode_batch", "decode_batch", "decode_strips", "exact"}
    )


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
    assert done.stdout.startswith(f"gargalo {gargalo.__version__}, array functions: ")


# --- gargalo.thumbnail ------------------------------------------------------------------------------------------------


def test_thumbnails_are_a_module_of_two_functions() -> None:
    assert gargalo.thumbnail is import_module("gargalo.thumbnail")
    assert gargalo.thumbnail.__all__ == ["decode", "encode"]


def test_a_thumbnail_of_pixels_of_a_path_of_bytes_and_of_a_file(photo: np.ndarray, tmp_path: Path) -> None:
    gargalo.imwrite(path := tmp_path / "cam.png", photo)
    expected = gargalo.thumbnail.encode(photo, bundle=TINY_RECURRENT)
    assert 120 < len(expected) <= 128
    with path.open("rb") as file:
        for source in (path, str(path), path.read_bytes(), file):
            assert gargalo.thumbnail.encode(source, bundle=TINY_RECURRENT) == expected
    pixels = gargalo.thumbnail.decode(expected, TINY_RECURRENT)
    assert pixels.shape == (32, 32, 3) and pixels.dtype == np.uint8
    assert len(gargalo.thumbnail.encode(path, bytes=40, bundle=TINY_RECURRENT)) <= 40


def test_what_has_no_thumbnail_is_an_input_error() -> None:
    for wrong in (b"dear diary", np.zeros((4, 4)), io.StringIO("text"), 7):
        with pytest.raises(gargalo.InputError):
            gargalo.thumbnail.encode(wrong, bundle=TINY_RECURRENT)  # type: ignore[arg-type]
    with pytest.raises(gargalo.StreamError):
        gargalo.thumbnail.decode(b"dear diary")
