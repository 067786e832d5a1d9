"""Many files through the commands: where each output goes, that one bad file stops nothing, and what is printed."""

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime import batch
from runtime.codec import Codec
from runtime.compress import main as compress
from runtime.decompress import main as decompress
from runtime.pictures.read import read
from runtime.pictures.write import write

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder: a.png, b.jpg, notes.txt, .hidden.png, sub/c.PNG, sub/deep/d.webp."""
    folder = tmp_path / "in"
    (folder / "sub" / "deep").mkdir(parents=True)
    for name in ("a.png", "b.jpg", ".hidden.png", "sub/c.PNG", "sub/deep/d.webp"):
        write(folder / name, np.full((8, 8, 3), len(name), np.uint8))
    (folder / "notes.txt").write_text("dear diary")
    return folder


def files(folder: Path, suffix: str = ".gar") -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(f"*{suffix}"))


def run(command: list[str | Path]) -> int:
    return compress([str(word) for word in command])


# --- which files, and where to ----------------------------------------------------------------------------------------


def test_several_files_are_written_beside_themselves(tree: Path, capfd: Capture) -> None:
    assert run([tree / "a.png", tree / "b.jpg"]) == 0
    assert files(tree) == ["a.gar", "b.gar"]
    *lines, total = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [str(tree / "a.png"), str(tree / "b.jpg")]
    assert total.startswith("2 of 2 files, ") and total.endswith(" s")


def test_a_folder_without_r_is_refused(tree: Path, capfd: Capture) -> None:
    assert run([tree]) == 1
    assert files(tree) == []
    assert "is a directory; -r" in capfd.readouterr().err


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_r_mirrors_the_tree_in_the_output(jobs: str, tree: Path, codec: Codec) -> None:
    out = tree.parent / "new" / "out"
    assert run([tree, "-r", "-o", out, "-j", jobs]) == 0
    assert files(out) == ["a.gar", "b.gar", "sub/c.gar", "sub/deep/d.gar"]
    assert files(tree) == []
    assert (out / "sub" / "c.gar").read_bytes() == codec.encode(read(tree / "sub" / "c.PNG").pixels)


def test_r_without_output_writes_beside_each(tree: Path) -> None:
    assert run([tree, "-r"]) == 0
    assert files(tree) == ["a.gar", "b.gar", "sub/c.gar", "sub/deep/d.gar"]


def test_a_folder_that_cannot_be_read_is_told_of(tree: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refused(path: str | Path) -> object:
        if Path(path).name == "deep":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    assert run([tree, "-r"]) == 1
    assert files(tree) == ["a.gar", "b.gar", "sub/c.gar"]
    left_out = "gargalo: warning: left out with -r: 1 .txt\n"
    assert capfd.readouterr().err == f"{left_out}gargalo: {tree / 'sub' / 'deep'}: Permission denied\n"


def test_r_says_what_it_leaves_out_but_not_its_own_streams(tree: Path, capfd: Capture) -> None:
    others = [tree / "notes.txt", tree / "sub" / "logo.SVG", tree / "sub" / "deep" / "other.svg", tree / "README"]
    for path in others:
        path.write_text("?")
    assert run([tree, tree, "-r", "--json"]) == 0
    assert capfd.readouterr().err == "gargalo: warning: left out with -r: 2 .svg, 1 without a suffix, 1 .txt\n"
    assert run([tree, "-r", "-f", "--quiet"]) == 0
    for path in others:
        path.unlink()
    assert run([tree, "-r", "-f"]) == 0
    assert capfd.readouterr().err == ""


def test_an_output_without_o_is_seen_before_anything_is_done(tree: Path, capfd: Capture) -> None:
    assert run([tree / "a.png", tree / "out.gar"]) == 1
    assert files(tree) == []
    assert f"for an output give -o {tree / 'out.gar'}" in capfd.readouterr().err


def test_a_stream_is_not_compressed_again(tree: Path, capfd: Capture) -> None:
    assert run([tree / "a.png"]) == 0
    capfd.readouterr()
    assert run([tree / "a.gar", "-o", tree / "b.gar"]) == 1
    assert capfd.readouterr().err == f"gargalo: {tree / 'a.gar'} is a .gar file already\n"


def test_a_pipe_that_nobody_reads_ends_it_without_a_word(tree: Path) -> None:
    words = [sys.executable, "-m", "runtime.compress", str(tree / "a.png"), "-o", "-"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 141)


@pytest.mark.parametrize("folder", [".", "./", "", "/", ".."])
def test_a_folder_without_a_name_is_refused_like_any_other(folder: str, capfd: Capture) -> None:
    for command, more in ((compress, []), (decompress, ["-o", "x"])):
        assert command([folder, *more]) == 1
        assert "is a directory" in capfd.readouterr().err


def test_one_file_goes_into_a_folder_that_exists_or_ends_with_a_slash(tree: Path) -> None:
    assert run([tree / "a.png", "-o", tree / "sub"]) == 0
    assert run([tree / "a.png", "-o", f"{tree}/fresh/"]) == 0
    assert files(tree) == ["fresh/a.gar", "sub/a.gar"]


def test_globs_that_no_shell_expanded_are_expanded(tree: Path, capfd: Capture) -> None:
    assert run([tree / "*.[pj][np]g"]) == 0
    assert files(tree) == ["a.gar", "b.gar"]
    capfd.readouterr()
    assert run([tree / "*.bmp"]) == 1
    assert "*.bmp: No such file" in capfd.readouterr().err


def test_a_name_with_brackets_is_a_name_when_it_is_there(tree: Path) -> None:
    (tree / "a.png").rename(tree / "[a].png")
    assert run([tree / "[a].png"]) == 0
    assert files(tree) == ["[a].gar"]


def test_a_file_given_twice_is_taken_once(tree: Path, capfd: Capture) -> None:
    assert run([tree / "a.png", tree / "a.png"]) == 0
    assert len(capfd.readouterr().out.splitlines()) == 1


def test_stdin_is_read_and_stdout_written(
    tree: Path, codec: Codec, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    picture = (tree / "a.png").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(picture)))
    assert run(["-"]) == 0
    stream = capfdbinary.readouterr().out
    assert stream == codec.encode(read(tree / "a.png").pixels)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stream)))
    assert decompress(["-", "-o", str(tree / "back.png")]) == 0
    assert np.array_equal(read(tree / "back.png").pixels, codec.decode(stream))


def test_an_empty_stdin_is_one_line(monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    assert run(["-"]) == 1
    assert capfd.readouterr().err == "gargalo: stdin is empty (0 bytes); give a picture file\n"


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_stdin_among_files_goes_into_the_folder(jobs: str, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((tree / "a.png").read_bytes())))
    assert run(["-", tree / "b.jpg", "-o", tree / "out", "-j", jobs]) == 0
    assert files(tree / "out") == ["b.gar", "stdin.gar"]


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_bad_files_are_named_and_do_not_stop_the_rest(jobs: str, tree: Path, capfd: Capture) -> None:
    (tree / "cut.png").write_bytes((tree / "a.png").read_bytes()[:-9])
    names = ["missing.png", "a.png", "notes.txt", "cut.png", "b.jpg"]
    assert run([*(tree / name for name in names), "-j", jobs]) == 1
    out, err = capfd.readouterr()
    assert files(tree) == ["a.gar", "b.gar"]
    assert [line.startswith("gargalo: ") for line in err.splitlines()] == [True] * 3
    for name, line in zip(["missing.png", "notes.txt", "cut.png"], err.splitlines(), strict=True):
        assert name in line
    assert out.splitlines()[-1].startswith("2 of 5 files, ")


def test_two_pictures_never_share_an_output(tree: Path, capfd: Capture) -> None:
    write(tree / "a.bmp", np.zeros((8, 8, 3), np.uint8))
    assert run([tree / "a.bmp", tree / "a.png", tree / "b.jpg", "-f"]) == 1
    err = capfd.readouterr().err
    assert err.count("\n") == 1 and "a.bmp" in err and "a.png" in err
    assert files(tree) == ["a.gar", "b.gar"]


def test_existing_outputs_are_kept_without_f(tree: Path, capfd: Capture) -> None:
    (tree / "a.gar").write_bytes(b"old")
    assert run([tree / "a.png", tree / "b.jpg"]) == 1
    assert (tree / "a.gar").read_bytes() == b"old" and files(tree) == ["a.gar", "b.gar"]
    assert "use -f" in capfd.readouterr().err


@pytest.mark.parametrize("output", ["-", "file"])
def test_several_outputs_need_a_folder(output: str, tree: Path, capfd: Capture) -> None:
    (tree / "file").write_bytes(b"old")
    assert run([tree, "-o", output if output == "-" else tree / output]) == 1
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1 and "folder" in err
    assert files(tree) == [] and (tree / "file").read_bytes() == b"old"


@pytest.mark.parametrize("jobs", ["0", "-1", "x", "1e9"])
def test_a_senseless_number_of_jobs_is_refused(jobs: str, tree: Path, capfd: Capture) -> None:
    assert run([tree, f"-j{jobs}"]) == 1
    assert "-j" in capfd.readouterr().err and files(tree) == []


def test_ctrl_c_is_one_line(tree: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("runtime.pictures.read.decode", interrupt)
    assert run([tree / "a.png", tree / "b.jpg"]) == 130
    assert capfd.readouterr() == ("", "gargalo: interrupted\n")


def test_a_lack_of_memory_is_one_line(tree: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("runtime.pictures.read.decode", exhaust)
    assert run([tree / "a.png"]) == 1
    assert "memory" in capfd.readouterr().err


def end_process(_: object) -> None:
    os._exit(9)


def test_a_process_that_is_ended_is_one_line(tree: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_next", end_process)
    assert run([tree / "a.png", tree / "b.jpg", "-j", "2"]) == 1
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1 and "use fewer -j" in err and files(tree) == []


def test_a_bundle_that_is_not_there_is_one_line_whatever_the_jobs(tree: Path, capfd: Capture) -> None:
    assert run([tree / "a.png", tree / "b.jpg", "-j", "2", "--bundle", tree / "none"]) == 1
    assert capfd.readouterr().err.count("\n") == 1


# --- what is printed --------------------------------------------------------------------------------------------------


def test_json_is_one_object_a_line(tree: Path, capfd: Capture) -> None:
    assert run([tree / "a.png", tree / "missing.png", "--json"]) == 1
    out, err = capfd.readouterr()
    good, bad = [json.loads(line) for line in out.splitlines()]
    length = (tree / "a.gar").stat().st_size
    assert good["ms"] > 0 and good | {"ms": 0} == {
        "input": str(tree / "a.png"),
        "output": str(tree / "a.gar"),
        "bytes_in": (tree / "a.png").stat().st_size,
        "bytes_out": length,
        "height": 8,
        "width": 8,
        "warnings": [],
        "bpp": round(8 * length / 64, 4),
        "ms": 0,
        "error": None,
    }
    assert good.keys() == bad.keys() and "No such file" in bad["error"] and bad["bytes_out"] is None
    assert "missing.png" in err and err.count("\n") == 1
    assert decompress([str(tree / "a.gar"), "--json", "-s", "jpg", "-o", str(tree / "x.jpg")]) == 0
    back = json.loads(capfd.readouterr().out)
    assert back["bytes_in"] == length and back["bpp"] == good["bpp"]


def test_quiet_prints_only_errors(tree: Path, capfd: Capture) -> None:
    assert run([tree / "a.png", tree / "b.jpg", tree / "notes.txt", "--quiet"]) == 1
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1 and "notes.txt" in err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_shown_only_on_a_terminal_with_several_files(
    tree: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tqdm")
    for names, flags, shown in (
        (["a.png", "b.jpg"], ["-f"], True),
        (["a.png"], ["-f"], False),
        (["a.png", "b.jpg"], ["-f", "--quiet"], False),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", terminal := Terminal())
            assert run([*(tree / name for name in names), *flags]) == 0
        assert ("2/2" in terminal.getvalue()) == shown


def test_without_tqdm_there_is_no_bar(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert run([tree / "a.png", tree / "b.jpg"]) == 0
    assert terminal.getvalue() == "" and files(tree) == ["a.gar", "b.gar"]


def test_many_jobs_keep_stderr_and_the_order_of_the_lines(tmp_path: Path, capfd: Capture) -> None:
    names = [f"{i:02}.jpg" for i in range(24)]
    for name in names:
        write(tmp_path / name, np.full((8, 8, 3), 9, np.uint8))
    (tmp_path / "05.jpg").write_bytes(b"text")
    Image.new("I;16", (8, 8)).save(tmp_path / "07.jpg", "PNG")
    assert run([tmp_path, "-r", "-j", "8"]) == 1
    out, err = capfd.readouterr()
    assert [Path(line.split()[0]).name for line in out.splitlines()[:-1]] == [n for n in names if n != "05.jpg"]
    bad, warning = err.splitlines()
    assert "05.jpg" in bad and "07.jpg" in warning and "16-bit" in warning


# --- back -------------------------------------------------------------------------------------------------------------


def test_decompress_mirrors_a_tree_in_the_format_asked_for(tree: Path) -> None:
    assert run([tree, "-r", "-o", tree.parent / "gar"]) == 0
    assert decompress([str(tree.parent / "gar"), "-r", "-s", "jpg", "-o", str(tree.parent / "out"), "-j", "2"]) == 0
    assert files(tree.parent / "out", ".jpg") == ["a.jpg", "b.jpg", "sub/c.jpg", "sub/deep/d.jpg"]
    assert read(tree.parent / "out" / "sub" / "c.jpg").pixels.shape == (8, 8, 3)
