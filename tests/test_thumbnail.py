"""The command: which way an input goes, what is made of it, and one line where nothing can be."""

import io
import json
import shutil
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY_RECURRENT
from PIL import Image

from runtime import gat
from runtime.codec import Codec
from runtime.pictures.read import read
from runtime.pictures.square import shrunk
from runtime.pictures.write import write
from runtime.thumbnail import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(photo: np.ndarray, tmp_path: Path) -> Path:
    """A folder with cam.png."""
    write(tmp_path / "cam.png", photo)
    return tmp_path


def run(*words: object) -> int:
    return main([*map(str, words), "--bundle", str(TINY_RECURRENT)])


def test_a_picture_becomes_a_file_beside_it_and_one_line(folder: Path, photo: np.ndarray, capfd: Capture) -> None:
    assert run(folder / "cam.png") == 0
    data = (folder / "cam.gat").read_bytes()
    assert data == gat.encode(shrunk(photo, 32), 128, TINY_RECURRENT)
    out, err = capfd.readouterr()
    assert out.startswith(f"{folder / 'cam.png'} ") and f"-> {folder / 'cam.gat'} {len(data)} B, " in out
    assert out.count("\n") == 1 and err == ""


def test_a_dry_run_fails_where_the_run_would(folder: Path, capfd: Capture) -> None:
    assert run(folder / "cam.png") == 0
    for words, told in (
        ([folder / "cam.gat", "-o", folder / "x.foo"], "x.foo has no suffix that names a picture format"),
        ([folder / "cam.png", "-o", folder / "x.jpg"], "x.jpg would be a .gat file under the name of a .jpg file"),
    ):
        for dry in ([], ["-n"]):
            capfd.readouterr()
            assert run(*words, *dry) == 1
            assert told in (err := capfd.readouterr().err) and err.count("\n") == 1
    assert main([str(folder / "cam.png"), "-n", "-f", "--bundle", "none-such"]) == 1
    assert "none-such: no bundle there" in capfd.readouterr().err


def test_a_thumbnail_becomes_a_picture(folder: Path) -> None:
    assert run(folder / "cam.png", "-o", folder / "small.gat", "--bytes", 90) == 0
    data = (folder / "small.gat").read_bytes()
    assert 84 < len(data) <= 90
    shown = gat.decode(data, TINY_RECURRENT)
    assert run(folder / "small.gat") == 0
    assert np.array_equal(read(folder / "small.png").pixels, shown)
    assert run(folder / "small.gat", "-o", folder / "small.jpg") == 0
    assert np.abs(read(folder / "small.jpg").pixels.astype(int) - shown).mean() < 3


def test_what_is_in_a_file_counts_not_its_name(folder: Path) -> None:
    assert run(folder / "cam.png") == 0
    shutil.move(folder / "cam.gat", folder / "data.bin")
    assert run(folder / "data.bin", "-o", folder / "shown.png") == 0
    assert read(folder / "shown.png").pixels.shape == (32, 32, 3)


def test_base64_is_a_line_of_each_and_no_file(folder: Path, photo: np.ndarray, capfd: Capture) -> None:
    write(folder / "cam.bmp", photo[::-1])
    assert run(folder / "cam.png", folder / "cam.bmp", "--base64", "--bytes", 64) == 0
    out, err = capfd.readouterr()
    expected = [gat.encode(shrunk(pixels, 32), 64, TINY_RECURRENT) for pixels in (photo, photo[::-1])]
    assert [b64decode(line, validate=True) for line in out.splitlines()] == expected and err == ""
    assert sorted(path.name for path in folder.iterdir()) == ["cam.bmp", "cam.png"]
    (folder / "x.gat").write_bytes(expected[0])
    assert run(folder / "x.gat", "--base64") == 0
    assert b64decode(capfd.readouterr().out) == expected[0]


def test_stdin_to_stdout_both_ways(folder: Path) -> None:
    command = [sys.executable, "-m", "runtime", "thumbnail", "-", "--bundle", str(TINY_RECURRENT)]
    data = subprocess.run(command, input=(folder / "cam.png").read_bytes(), capture_output=True, check=True).stdout
    assert gat.is_thumbnail(data) and len(data) <= 128
    shown = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    with Image.open(io.BytesIO(shown)) as picture:
        assert picture.format == "PNG" and picture.size == (32, 32)


def test_a_gar_file_has_a_thumbnail_too(folder: Path, codec: Codec, photo: np.ndarray) -> None:
    (folder / "cam.gar").write_bytes(codec.encode(photo, 90))
    assert run(folder / "cam.gar") == 0
    shown = gat.decode((folder / "cam.gat").read_bytes(), TINY_RECURRENT)
    assert np.abs(shown.astype(int) - shrunk(photo, 32)).mean() < 20


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (1, 10_000, 3), (10_000, 1), (2, 2, 4)])
def test_the_smallest_pictures_have_right_thumbnails(shape: tuple[int, ...], tmp_path: Path) -> None:
    write(tmp_path / "x.png", np.full(shape, 200, np.uint8))
    assert run(tmp_path / "x.png", "-o", tmp_path / "x.gat") == 0
    expected = 200 if shape[2:] != (4,) else 200 * 200 // 255 + 55
    assert np.abs(gat.decode((tmp_path / "x.gat").read_bytes(), TINY_RECURRENT).astype(int) - expected).max() <= 2


def test_a_turned_picture_is_shown_upright(tmp_path: Path, photo: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(photo)).save(tmp_path / "turned.png", exif=exif)
    write(tmp_path / "upright.png", photo)
    assert run(tmp_path / "turned.png", tmp_path / "upright.png") == 0
    assert (tmp_path / "turned.gat").read_bytes() == (tmp_path / "upright.gat").read_bytes()


def test_folders_go_with_r(folder: Path, photo: np.ndarray) -> None:
    (folder / "in" / "sub").mkdir(parents=True)
    write(folder / "in" / "a.png", photo)
    write(folder / "in" / "sub" / "b.png", photo)
    assert run(folder / "in", "-r", "-o", folder / "out", "--quiet") == 0
    assert (folder / "out" / "a.gat").read_bytes() == (folder / "out" / "sub" / "b.gat").read_bytes()


def test_a_folder_of_thumbnails_alone_becomes_pictures(folder: Path) -> None:
    (folder / "in" / "sub").mkdir(parents=True)
    for name in ("a.gat", "sub/b.gat"):
        assert run(folder / "cam.png", "-o", folder / "in" / name) == 0
    assert run(folder / "in", "-r", "-o", folder / "out", "--quiet") == 0
    assert read(folder / "out" / "a.png").pixels.shape == read(folder / "out" / "sub" / "b.png").pixels.shape


def test_thumbnails_beside_pictures_are_skipped_and_told(folder: Path, capfd: Capture) -> None:
    for words in ([], ["-f"]):
        assert run(folder, "-r", *words) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["cam.gat", "cam.png"]
    told = "gargalo: warning: skipped .gat files beside pictures: 1; name them to get their pictures\n"
    assert capfd.readouterr().err == told, "by the second call alone"


def test_bytes_are_for_making_thumbnails(folder: Path, capfd: Capture) -> None:
    assert run(folder / "cam.png") == 0
    assert run(folder / "cam.gat", "-o", folder / "small.png", "--bytes", 100) == 1
    error = capfd.readouterr().err
    assert error == f"gargalo: --bytes is for making thumbnails, and {folder / 'cam.gat'} is one; leave it out\n"
    assert not (folder / "small.png").exists()


def test_json_is_an_object_a_file(folder: Path, capfd: Capture) -> None:
    assert run(folder / "cam.png", "--json") == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["bytes_out"], told["height"], told["width"]) == ((folder / "cam.gat").stat().st_size, 32, 32)


def test_what_exists_is_kept_without_f(folder: Path, capfd: Capture) -> None:
    (folder / "cam.gat").write_text("mine")
    assert run(folder / "cam.png") == 1
    assert (folder / "cam.gat").read_text() == "mine" and "exists; use -f" in capfd.readouterr().err
    assert run(folder / "cam.png", "-f") == 0
    assert gat.is_thumbnail((folder / "cam.gat").read_bytes())


@pytest.mark.parametrize(
    "name, data, words, said",
    [
        ("x.gat", b"", [], "x.gat: is empty (0 bytes)"),
        ("x.gat", b"\x89PNG", [], "x.gat: begins with 89 50 4e 47: not a gargalo thumbnail"),
        ("x.gat", b"\xbf??????????", [], "x.gat: does not match its check"),
        ("x.gat", b"\xbf", [], "x.gat: of 1 bytes, a thumbnail has more than 3"),
        ("x.png", b"\x89PNG\r\n\x1a\n", [], "x.png is cut off"),
        ("x.png", b"", [], "x.png is empty"),
        ("x.gar", b"\x89GAR\x04", [], "x.gar: ends early"),
        ("x.txt", b"dear diary", [], "x.txt is not a picture that we can read"),
        ("cam.png", None, ["--bytes", "15"], "--bytes 15 is out of range; give a number from 16 to 2048"),
        ("cam.png", None, ["--bytes", "many"], "--bytes many is not a number"),
        ("cam.png", None, ["-o", "y.png"], "y.png would be a .gat file under the name of a .png file; give -o y.gat"),
        ("cam.png", None, ["--base64", "-o", "y.gat"], "--base64 prints and makes no file; leave out -o y.gat"),
        ("cam.png", None, ["--base64", "--json"], "leave out --json, or --base64"),
        ("nothere.png", None, [], "nothere.png: No such file or directory"),
    ],
)
def test_what_cannot_be_is_one_line(
    name: str,
    data: bytes | None,
    words: list[str],
    said: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: Capture,
) -> None:
    monkeypatch.chdir(folder)
    if data is not None:
        Path(name).write_bytes(data)
    before = sorted(folder.iterdir())
    assert run(name, *words) == 1
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("gargalo: ") and err.count("\n") == 1 and said in err
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("names", [["cam.png", "x.gat"], ["x.gat", "cam.png"]])
def test_both_ways_at_once_are_refused(names: list[str], folder: Path, capfd: Capture) -> None:
    (folder / "x.gat").write_bytes(b"any")
    assert run(*(folder / name for name in names), "-o", folder / "out") == 1
    assert "give .gat files to a call of their own" in capfd.readouterr().err and not (folder / "out").exists()


def test_files_made_with_weights_that_do_not_ship_say_so(folder: Path, capfd: Capture) -> None:
    assert run(folder / "cam.png") == 0
    assert main([str(folder / "cam.gat"), "-f"]) == 1
    assert capfd.readouterr().err.endswith("cam.gat: made with weights that do not ship; give their bundle\n")
