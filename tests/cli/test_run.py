"""Many files through the commands: where each output goes, that one bad file stops nothing, and what is printed."""

import errno
import io
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from runtime import compress as compress_module
from runtime import native
from runtime.cli import workers
from runtime.cli.jobs import Job
from runtime.cli.process import take
from runtime.codec import Codec
from runtime.compress import main as compress
from runtime.decompress import main as decompress
from runtime.pictures import read as reading
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


def run(command: Sequence[str | Path]) -> int:
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
    assert "is a folder; give -r" in capfd.readouterr().err


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
    skipped = "gargalo: warning: skipped files that do not have a picture's suffix: 1 .txt\n"
    assert capfd.readouterr().err == f"{skipped}gargalo: {tree / 'sub' / 'deep'}: Permission denied\n"


def test_r_says_what_it_skips_but_not_its_own_streams(tree: Path, capfd: Capture) -> None:
    others = [tree / "notes.txt", tree / "sub" / "logo.SVG", tree / "sub" / "deep" / "other.svg", tree / "README"]
    for path in others:
        path.write_text("?")
    assert run([tree, tree, "-r", "--json"]) == 0
    skipped = "skipped files that do not have a picture's suffix: 2 .svg, 1 without one, 1 .txt"
    assert capfd.readouterr().err == f"gargalo: warning: {skipped}\n"
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
    assert capfd.readouterr().err.startswith(f"gargalo: {tree / 'a.gar'} is a .gar file already; ")


def test_a_pipe_that_nobody_reads_ends_it_without_a_word(tree: Path) -> None:
    words = [sys.executable, "-m", "runtime.compress", str(tree / "a.png"), "-o", "-"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 141)


@pytest.mark.parametrize("folder", [".", "./", "/", ".."])
def test_a_folder_without_a_name_is_refused_like_any_other(folder: str, capfd: Capture) -> None:
    for command, more in ((compress, []), (decompress, ["-o", "x"])):
        assert command([folder, *more]) == 1
        assert "is a folder" in capfd.readouterr().err


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


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("swallowed", ["as an error", "whole"])
@pytest.mark.parametrize("number, status, told", [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "SIGTERM")])
def test_a_signal_that_a_library_swallows_is_heard(
    swallowed: str, number: str, status: int, told: str, tree: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those do that are loaded at that moment, which tell it as an ImportError."""
    begun, decode = [], reading.decode

    def load(*given: Any) -> object:
        begun.append(given)
        try:
            signal.raise_signal(getattr(signal, number))
        except BaseException as error:
            if swallowed == "as an error":
                raise ImportError("initialization failed") from error
        return decode(*given)

    monkeypatch.setattr("runtime.pictures.read.decode", load)
    assert run([tree / "a.png", tree / "b.jpg"]) == status
    assert len(begun) == 1 and capfd.readouterr().err == f"gargalo: {told}\n"


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("first, status, told", [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "SIGTERM")])
def test_a_second_signal_interrupts_no_clearing_up(
    first: str, status: int, told: str, tree: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared = []

    def interrupt(*_: object) -> None:
        try:
            signal.raise_signal(getattr(signal, first))
        finally:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            cleared.append(True)

    monkeypatch.setattr("runtime.pictures.read.decode", interrupt)
    assert run([tree / "a.png", tree / "b.jpg"]) == status
    assert cleared and capfd.readouterr() == ("", f"gargalo: {told}\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_lack_of_memory_is_one_line(tree: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("runtime.pictures.read.decode", exhaust)
    assert run([tree / "a.png"]) == 1
    assert "memory" in capfd.readouterr().err


class Unpicklable(Exception):
    """Like some of C extensions': it cannot be sent to another process."""

    def __init__(self, one: str, two: str):
        super().__init__(f"{one} {two}")
        self.lock = threading.Lock()


ODD: dict[str, BaseException] = {
    "struct": struct.error("unpack requires a buffer of 4 bytes"),
    "cv2": cv2.error("OpenCV(5.0.0) bad\nargument"),
    "value": ValueError("not enough values to unpack"),
    "recursion": RecursionError("maximum recursion depth exceeded"),
    "zlib": zlib.error("Error -3 while decompressing data"),
    "index": IndexError(),
    "assert": AssertionError("ours"),
    "unpicklable": Unpicklable("one", "two"),
    "unicode": UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
}


def spoil(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make reading a file whose bytes are a name in ODD raise that error."""
    decode = reading.decode

    def odd(data: bytes, *rest: Any) -> object:
        error = ODD.get(data.decode("latin-1"))
        if error is not None:
            raise error
        return decode(data, *rest)

    monkeypatch.setattr(reading, "decode", odd)


@pytest.mark.parametrize("debug", ["", "1"])
def test_whatever_a_library_raises_is_one_line_that_names_the_file(
    debug: str, tree: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ODD:
        (tree / f"{name}.png").write_text(name)
    spoil(monkeypatch)
    monkeypatch.setenv("GARGALO_DEBUG", debug)
    assert run([tree / "a.png", *(tree / f"{name}.png" for name in ODD), tree / "b.jpg", "--json"]) == 1
    out, err = capfd.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("gargalo: ")]
    assert files(tree) == ["a.gar", "b.gar"] and len(lines) == len(ODD)
    told = [json.loads(line) for line in out.splitlines()]
    assert [Path(each["input"]).stem for each in told] == ["a", *ODD, "b"]
    for name, line, each in zip(ODD, lines, told[1:-1], strict=True):
        assert line.startswith(f"gargalo: {tree / name}.png: unexpected ") and line.endswith(each["error"])
    assert "unexpected struct.error: unpack requires" in lines[0] and "unexpected cv2.error: OpenCV" in lines[1]
    assert (err.count("Traceback") == len(ODD)) if debug else (len(err.splitlines()) == len(ODD))


def odd_work(args: Any, *rest: Any) -> object:
    """Stand for compress.prepare, in other processes: files are done as they say."""
    work = REAL_PREPARE(args, *rest)

    def attempt(job: Job) -> object:
        text = take(job.source).decode("latin-1")
        if text == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if text in ODD:
            raise ODD[text]
        return work(job)

    return attempt


REAL_PREPARE = compress_module.prepare


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_processes_that_are_killed_and_errors_of_all_kinds_cost_one_file_each(
    tree: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["kill-1", *ODD, "kill-2", "fine-1", "kill-3", "fine-2"]
    for name in names:
        text = name.split("-")[0]
        (tree / f"{name}.png").write_bytes((tree / "a.png").read_bytes() if text == "fine" else text.encode())
    monkeypatch.setattr(compress_module, "prepare", odd_work)
    assert run([*(tree / f"{name}.png" for name in names), "-j", "2", "--json"]) == 1
    out, err = capfd.readouterr()
    told = {Path(each["input"]).stem: each for each in map(json.loads, out.splitlines())}
    assert list(told) == names and files(tree) == ["fine-1.gar", "fine-2.gar"]
    assert [line.split(".png: ")[0] for line in err.splitlines()] == [
        f"gargalo: {tree / name}" for name in names if "fine" not in name
    ]
    assert all("ended by SIGKILL" in told[name]["error"] for name in ("kill-1", "kill-2", "kill-3"))
    assert all(told[name]["error"] is None and told[name]["bytes_out"] for name in ("fine-1", "fine-2"))


def test_where_no_process_can_be_started_files_are_done_one_by_one(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_started", lambda prepare: None)
    assert run([tree, "-r", "-j", "3"]) == 0
    assert files(tree) == ["a.gar", "b.gar", "sub/c.gar", "sub/deep/d.gar"]


# --- outputs that exist -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_a_half_done_folder_is_finished_with_skip_existing(jobs: str, tree: Path, capfd: Capture) -> None:
    out = tree.parent / "out"
    assert run([tree / "a.png", tree / "b.jpg", "-o", f"{out}/"]) == 0
    (out / "b.gar").write_bytes(b"as it was")
    capfd.readouterr()
    assert run([tree, "-r", "-o", out, "-j", jobs, "--skip-existing"]) == 0
    assert files(out) == ["a.gar", "b.gar", "sub/c.gar", "sub/deep/d.gar"]
    assert (out / "b.gar").read_bytes() == b"as it was"
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == f"{tree / 'a.png'} skipped: {out / 'a.gar'} exists"
    assert lines[1] == f"{tree / 'b.jpg'} skipped: {out / 'b.gar'} exists"
    assert lines[-1].startswith("2 of 4 files, 2 skipped, ")


def test_what_is_all_done_loads_nothing_and_ends_with_0(
    tree: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    gar, back = tree.parent / "gar", tree.parent / "back"
    there, again = [str(tree), "-r", "-o", str(gar)], [str(gar), "-r", "-s", "ppm", "-o", str(back)]
    assert compress(there) == decompress(again) == 0
    capfd.readouterr()
    monkeypatch.setattr(Codec, "__init__", None)
    more = ["--skip-existing", "--json", "-j", "2"]
    assert compress(there + more) == decompress(again + more) == 0
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert len(told) == 8 and all(each["skipped"] and each["error"] is each["bytes_out"] is None for each in told)


def test_skip_existing_still_ends_with_1_where_a_file_fails(tree: Path) -> None:
    assert run([tree / "a.png"]) == 0
    assert run([tree / "a.png", tree / "notes.txt", tree / "b.jpg", "--skip-existing"]) == 1
    assert files(tree) == ["a.gar", "b.gar"]


def test_an_empty_output_is_not_taken_for_a_finished_one(tree: Path, capfd: Capture) -> None:
    """As a power cut left them before files were synced."""
    (tree / "a.gar").touch()
    assert run([tree / "a.png", "--skip-existing"]) == 1
    assert capfd.readouterr().err == f"gargalo: {tree / 'a.gar'} exists, but it is empty; remove it\n"
    assert (tree / "a.gar").stat().st_size == 0


def test_skip_existing_and_f_do_not_go_together(tree: Path, capfd: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        run([tree / "a.png", "-f", "--skip-existing"])
    assert ended.value.code == 2 and "not allowed with" in capfd.readouterr().err


@pytest.mark.parametrize("flags, status", [([], 1), (["--skip-existing"], 0)])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_output_that_appears_meanwhile_is_kept(
    flags: list[str], status: int, when: str, tree: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two commands on one folder: a job of cron that still runs when the next one starts."""
    decode = reading.decode

    def late(data: bytes, name: str, *rest: Any) -> object:
        if "a.png" in name:
            (tree / ("b.gar" if when == "before" else "a.gar")).write_bytes(b"of another")
        return decode(data, name, *rest)

    monkeypatch.setattr(reading, "decode", late)
    assert run([tree / "a.png", tree / "b.jpg", *flags]) == status
    kept = "b" if when == "before" else "a"
    assert (tree / f"{kept}.gar").read_bytes() == b"of another" and files(tree) == ["a.gar", "b.gar"]
    out, err = capfd.readouterr()
    assert "1 of 2 files" in out and ("skipped" in out) == bool(flags)
    assert ("use -f to overwrite it" in err and f"{kept}.gar exists" in err) == (not flags)


def test_a_pattern_that_takes_outputs_too_can_be_run_again(tree: Path, capfd: Capture) -> None:
    assert run([tree / "a.png", tree / "b.jpg"]) == 0
    everything = [path for path in sorted(tree.iterdir()) if path.is_file() and path.suffix != ".txt"]
    assert run([*everything, "--skip-existing"]) == 0
    assert f"{tree / 'a.gar'} skipped: {tree / 'a.gar'} is a .gar file already\n" in capfd.readouterr().out
    assert run(everything) == 1


# --- what would be done, names, times, larger outputs -----------------------------------------------------------------


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_dry_run_tells_and_does_nothing(
    jobs: str, tree: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "b.gar").write_bytes(b"as it was")
    monkeypatch.setattr(Codec, "encode", None)
    out = tree.parent / "out"
    assert run([tree, "-r", "-n", "-j", jobs, "--skip-existing"]) == 0
    *lines, total = capfd.readouterr().out.splitlines()
    assert lines[0] == f"{tree / 'a.png'} -> {tree / 'a.gar'}" and "skipped" in lines[1] and len(lines) == 4
    assert total == "3 of 4 files would be made, 1 skipped; nothing is done"
    assert run([tree, "-r", "-n", "-o", out, "--json"]) == 0
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert len(told) == 4 and not any(each["skipped"] or each["error"] or each["bytes_out"] for each in told)
    assert files(tree) == ["b.gar"] and not out.exists()
    assert run([tree / "b.jpg", tree / "none.png", "-n"]) == 1
    out_lines, err = capfd.readouterr()
    assert out_lines == "0 of 2 files would be made; nothing is done\n" and err.count("\n") == 2


def test_keep_name_lets_pictures_of_one_stem_live_together(tree: Path, capfd: Capture) -> None:
    (tree / "a.jpg").write_bytes((tree / "b.jpg").read_bytes())
    assert run([tree / "a.png", tree / "a.jpg"]) == 1
    assert "give --keep-name" in capfd.readouterr().err
    assert run([tree / "a.png", tree / "a.jpg", "--keep-name"]) == 0
    assert files(tree) == ["a.gar", "a.jpg.gar", "a.png.gar"]
    assert decompress([str(tree / "a.jpg.gar"), str(tree / "a.png.gar"), "-o", f"{tree}/back/", "-s", "ppm"]) == 0
    assert files(tree / "back", ".ppm") == ["a.jpg.ppm", "a.png.ppm"]


@pytest.mark.parametrize("more", [[], ["--keep-name"]])
def test_a_name_that_was_kept_comes_back(more: list[str], tree: Path) -> None:
    shutil.copy(tree / "a.png", tree / "b.PNG")
    assert run([tree / "a.png", tree / "b.PNG", tree / "b.jpg", "--keep-name"]) == 0
    packed = [str(tree / name) for name in ("a.png.gar", "b.PNG.gar", "b.jpg.gar")]
    back = tree / "back"
    assert decompress([*packed, "-o", f"{back}/", *more]) == 0
    other = "b.jpg.gar.png" if more else "b.jpg.png"
    assert sorted(path.name for path in back.iterdir()) == sorted(["a.png", "b.PNG", other])
    assert decompress([packed[0]]) == 1, "the picture itself is there"


@pytest.mark.parametrize(
    "options, told", [(["--bundle", "none-such"], "no bundle there"), (["--provider", "x"], "is not one of")]
)
def test_a_dry_run_fails_where_the_run_would(options: list[str], told: str, tree: Path, capfd: Capture) -> None:
    assert run([tree / "a.png", tree / "b.jpg", "-n", *options]) == 1
    out, err = capfd.readouterr()
    assert out == "" and told in err and err.count("\n") == 1


@pytest.mark.parametrize("dry", [[], ["-n"]])
def test_a_wrong_suffix_is_found_before_anything_is_done(dry: list[str], tree: Path, capfd: Capture) -> None:
    assert run([tree / "a.png"]) == 0
    for words in (["-o", f"{tree}/x.foo"], ["-o", f"{tree}/x.tif", "-s", "png"]):
        capfd.readouterr()
        assert decompress([str(tree / "a.gar"), *words, *dry]) == 1
        assert ("no suffix that names" in (err := capfd.readouterr().err) or "two formats" in err) and "x." in err
    assert decompress([str(tree / "a.gar"), "-o", f"{tree}/x.jpeg", "-s", "jpg", *dry]) == 0


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_keep_times_gives_outputs_the_times_of_their_inputs(jobs: str, tree: Path) -> None:
    names = "a.png", "b.jpg"
    for number, name in enumerate(names):
        os.utime(tree / name, (10**9 + number, 10**9 + 7 + number))
    assert run([*(tree / name for name in names), "--keep-times", "-j", jobs]) == 0
    assert [(tree / name).with_suffix(".gar").stat().st_mtime for name in names] == [10**9 + 7, 10**9 + 8]
    assert decompress([str(tree / "a.gar"), "--keep-times", "-o", str(tree / "back.png")]) == 0
    assert (tree / "back.png").stat().st_mtime == 10**9 + 7


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A folder: big.bmp, which becomes smaller, and small.jpg, whose noise takes more at quality 100."""
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "big.bmp", np.full((48, 48, 3), 90, np.uint8))
    noise = np.random.default_rng(1).integers(0, 256, (48, 48, 3)).astype(np.uint8)
    Image.fromarray(noise).save(folder / "small.jpg", quality=5)
    os.utime(folder / "small.jpg", (10**9, 10**9))
    return folder


LARGER = ["--skip-larger", "-q", "100"]


def test_skip_larger_leaves_an_input_where_it_lies(two: Path, capfd: Capture) -> None:
    assert run([two / "big.bmp", two / "small.jpg", *LARGER]) == 0
    assert sorted(path.name for path in two.iterdir()) == ["big.bmp", "big.gar", "small.jpg"]
    lines = capfd.readouterr().out.splitlines()
    assert lines[1].startswith(f"{two / 'small.jpg'} skipped: it would have ") and lines[1].endswith("; kept as it is")
    assert lines[2].startswith("1 of 2 files, 1 skipped")
    assert run([two / "small.jpg", "-o", two / "x.gar", *LARGER]) == 0 and not (two / "x.gar").exists()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_skip_larger_copies_to_a_folder_and_can_be_run_again(jobs: str, two: Path, capfd: Capture) -> None:
    out = two.parent / "out"
    command: list[str | Path] = [two, "-r", "-o", out, *LARGER, "--keep-times", "--json", "-j", jobs]
    assert run(command) == 0
    big, small = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert sorted(path.name for path in out.iterdir()) == ["big.gar", "small.jpg"]
    assert (out / "small.jpg").read_bytes() == (two / "small.jpg").read_bytes()
    assert (out / "small.jpg").stat().st_mtime == 10**9
    assert not big["skipped"] and small["skipped"] and small["error"] is None
    assert small["output"] == str(out / "small.jpg") and "copied to" in small["warnings"][0]
    assert run([*command, "--skip-existing"]) == 0
    told = [json.loads(line)["warnings"] for line in capfd.readouterr().out.splitlines()]
    assert told == [[f"{out / 'big.gar'} exists"], [f"{out / 'small.jpg'} exists"]]
    assert run(command) == 1 and run([*command, "-f"]) == 0


def test_skip_larger_again_has_nothing_to_do_where_the_copy_is_there(two: Path, capfd: Capture) -> None:
    out = two.parent / "out"
    command: list[str | Path] = [two / "small.jpg", "-o", f"{out}/", *LARGER]
    assert run(command) == run(command) == 0
    assert (out / "small.jpg").read_bytes() == (two / "small.jpg").read_bytes()
    (out / "small.jpg").write_bytes(b"something else")
    capfd.readouterr()
    assert run(command) == 1
    assert "small.jpg exists, and is not what would be written; use -f" in capfd.readouterr().err
    assert (out / "small.jpg").read_bytes() == b"something else"


def test_skip_larger_into_the_folder_of_the_inputs_copies_nothing(two: Path) -> None:
    assert run([two, "-r", "-o", two, *LARGER]) == 0
    assert sorted(path.name for path in two.iterdir()) == ["big.bmp", "big.gar", "small.jpg"]


@pytest.mark.parametrize("flags", [["--strip"], ["--no-gps"], ["--resize", "50%"], ["-o", "-"]])
def test_skip_larger_with_what_an_input_as_it_is_would_not_hold_to_is_refused(
    flags: list[str], two: Path, capfd: Capture
) -> None:
    assert run([two / "small.jpg", *LARGER, *flags]) == 1
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("gargalo: --skip-larger may ") and err.count("\n") == 1


@pytest.mark.parametrize(
    "words, told",
    [
        ([""], "an input or output has no name"),
        (["a.png", "-o", ""], "an input or output has no name"),
        (["a.png", "b.jpg", "-o", "one.gar"], "one.gar would be a .gar file; several outputs need a folder"),
        (["a.png", "--max-error", "1.5"], "--max-error 1.5 is not a whole number"),
    ],
)
def test_what_no_one_means_is_refused(
    words: list[str], told: str, tree: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree)
    before = sorted(tree.rglob("*"))
    assert run(words) == 1
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("gargalo: ") and told in err and err.count("\n") == 1
    assert sorted(tree.rglob("*")) == before


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
        "details": {
            "quality": 75,
            "level": good["details"]["level"],
            "sections": {"header": length - good["details"]["sections"]["LATENTS"]}
            | {"LATENTS": good["details"]["sections"]["LATENTS"]},
        },
        "max_error": None,
        "skipped": False,
        "error": None,
        "arrays": native.name,
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
    for names, flags, shown in (
        (["a.png", "b.jpg"], ["-f"], True),
        (["a.png"], ["-f"], False),
        (["a.png", "b.jpg"], ["-f", "--quiet"], False),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", terminal := Terminal())
            assert run([*(tree / name for name in names), *flags]) == 0
        assert ("2/2" in terminal.getvalue()) == shown


def test_progress_goes_into_a_log_as_lines_with_the_time_that_is_left(
    tree: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.cli.run._PROGRESS_S", 0)
    assert run([tree, "-r", "--progress", "--json"]) == 0
    out, err = capfd.readouterr()
    lines = [line for line in err.splitlines() if "skipped files" not in line]
    assert len(out.splitlines()) == len(lines) == 4
    assert [line.split()[2] for line in lines] == ["1/4", "2/4", "3/4", "4/4"]
    assert all(re.search(r"\[\d\d:\d\d<\d\d:\d\d, ", line) for line in lines)
    assert run([tree, "-r", "--progress", "--quiet", "-f"]) == 0 and capfd.readouterr().err == ""


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
