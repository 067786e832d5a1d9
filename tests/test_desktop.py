"""File managers know our files: types by name and by magic, thumbnails, and all of it can be taken out again."""

import configparser
import mimetypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from runtime import desktop, spec
from runtime.container import MAGIC
from runtime.desktop import main

PROJECT = Path(__file__).parents[1]
VECTORS = PROJECT / "tests" / "vectors"
pytestmark = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="desktops of Linux and BSD")


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if not shutil.which(program)]
    return pytest.mark.skipif(bool(missing), reason=f"no {', '.join(missing)}")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of nobody, and a command gargalo in a folder with a difficult name."""
    programs = tmp_path / 'pro "gr$ams 100%'
    programs.mkdir()
    (programs / "gargalo").write_text(f'#!/bin/sh\nPYTHONPATH="{PROJECT}" exec "{sys.executable}" -m runtime "$@"\n')
    (programs / "gargalo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    return tmp_path / "home" / ".local" / "share"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture whose name says nothing of its type."""
    return Path(shutil.copy(VECTORS / "odd-sides" / "stream.gar", tmp_path / "a picture"))


def entry(path: Path, section: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return parser[section]


def test_what_is_installed_is_where_the_specifications_look_and_remove_takes_it_out(home: Path) -> None:
    assert main(["install"]) == 0
    names = ["mime/packages/gargalo.xml", "thumbnailers/gargalo.thumbnailer", "applications/gargalo.desktop"]
    assert all((home / name).is_file() for name in names) and (home / "gargalo" / "magic").is_file()
    other = home / "thumbnailers" / "other.thumbnailer"
    other.write_text("[Thumbnailer Entry]\n")
    assert main(["install"]) == 0  # again, as after an update
    assert main(["remove"]) == 0
    assert not any((home / name).exists() for name in [*names, "gargalo"]) and other.is_file()
    assert main(["remove"]) == 0  # where nothing is


def test_what_others_have_put_beside_stays(home: Path) -> None:
    assert main(["install"]) == 0
    (home / "gargalo" / "mine").write_text("mine")
    assert main(["remove"]) == 0
    assert [path.name for path in (home / "gargalo").iterdir()] == ["mine"]
    assert not (home / "mime" / "image" / "x-gargalo.xml").exists()


def test_a_data_home_of_the_user_s_own_is_taken_if_it_is_absolute(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given, expected in ((str(tmp_path / "data"), tmp_path / "data"), ("data", home)):
        monkeypatch.setenv("XDG_DATA_HOME", given)
        assert main(["install"]) == 0
        assert (expected / "thumbnailers" / "gargalo.thumbnailer").is_file()


def test_without_the_command_nothing_is_installed(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["install"]) == 1
    assert "no command gargalo" in capfd.readouterr().err and not home.exists()


def test_a_thumbnailer_is_called_as_file_managers_do(home: Path, picture: Path, tmp_path: Path) -> None:
    """They split Exec as a shell does, and put names in the places of %i, %o, %u and %s."""
    assert main(["install"]) == 0
    given = entry(home / "thumbnailers" / "gargalo.thumbnailer", "Thumbnailer Entry")
    assert given["MimeType"] == "".join(f"{kind};" for kind in spec.MIME_TYPES.values())
    assert os.access(given["TryExec"], os.X_OK)
    for source, expected in ((picture, (22, 32)), (VECTORS / "thumbnails" / "photo.gat", (32, 32))):
        target = tmp_path / "thumbnail.tmp"
        target.touch()
        places = {"%i": str(source), "%o": str(target), "%s": "32", "%%": "%"}
        line = given["Exec"].replace("\\\\", "\\")  # as GKeyFile does
        split = subprocess.run(["sh", "-c", f"printf '%s\\n' {line}"], capture_output=True, text=True, check=True)
        words = split.stdout.splitlines()
        words = [places.get(word, word.replace("%%", "%")) for word in words]
        with target.open("rb") as before:  # as tumbler has it, which then reads that
            done = subprocess.run(words, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, cwd="/")
            assert done.returncode == 0, done.stderr
            with Image.open(before) as image:
                assert (image.format, image.size) == ("PNG", expected)


@pytest.mark.parametrize(
    "words", [["install", "cam.gar"], ["thumbnail"], ["thumbnail", "cam.gar"], ["remove", "a", "b"]]
)
def test_words_that_make_no_sense_end_with_2(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2 and "thumbnail takes IN and OUT" in capfd.readouterr().err


def test_a_damaged_file_has_no_thumbnail_but_a_reason(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["thumbnail", str(VECTORS / "refused" / "cut.gar"), str(tmp_path / "out.png"), "64"]) == 1
    told = capfd.readouterr().err
    assert "cut.gar: ends early" in told and told.count("\n") == 1 and not (tmp_path / "out.png").exists()


@needs("update-mime-database", "gio")
def test_types_are_known_by_name_and_by_magic(home: Path, picture: Path, tmp_path: Path) -> None:
    assert main(["install"]) == 0
    thumbnail = shutil.copy(VECTORS / "thumbnails" / "photo.gat", tmp_path / "photo.gat")
    for path, kind in ((picture, "image/x-gargalo"), (thumbnail, "image/x-gargalo-thumbnail")):
        words = ["gio", "info", "-a", "standard::content-type", str(path)]
        told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert told.split()[-1] == kind


@needs("update-mime-database", "gio", "xdg-mime")
def test_xdg_mime_knows_a_picture(home: Path, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "GNOME")  # without a desktop it asks other programs
    assert main(["install"]) == 0
    told = subprocess.run(["xdg-mime", "query", "filetype", str(picture)], capture_output=True, text=True, check=True)
    assert told.stdout == "image/x-gargalo\n"


@needs("file")
def test_file_knows_a_picture(home: Path, picture: Path) -> None:
    assert main(["install"]) == 0
    magic = str(home / "gargalo" / "magic")
    for option, expected in (
        ("-b", f"gargalo picture, version {spec.FORMAT}"),
        ("-bi", "image/x-gargalo; charset=binary"),
    ):
        words = ["file", option, "-m", magic, str(picture)]
        assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip() == expected


@needs("desktop-file-validate")
def test_the_viewer_s_entry_is_valid(home: Path) -> None:
    assert main(["install"]) == 0
    path = home / "applications" / "gargalo.desktop"
    done = subprocess.run(["desktop-file-validate", str(path)], capture_output=True, text=True)
    assert done.stdout + done.stderr == ""


def test_magic_and_types_are_those_of_the_format() -> None:
    share = Path(desktop.__file__).with_name("share")
    xml = (share / "mime" / "packages" / "gargalo.xml").read_text()
    assert MAGIC == b"\x89GAR" and r'offset="0" value="\x89GAR"' in xml
    assert r"\x89GAR" in (share / "gargalo" / "magic").read_text()
    for suffix, kind in spec.MIME_TYPES.items():
        assert f'<mime-type type="{kind}">' in xml and f'<glob pattern="*{suffix}"/>' in xml


def test_python_s_mimetypes_know_them_after_an_import_of_the_plugin() -> None:
    import runtime.pillow  # noqa: F401

    assert mimetypes.guess_type("cam.gar") == ("image/x-gargalo", None)
    assert mimetypes.guess_extension("image/x-gargalo-thumbnail") == ".gat"
