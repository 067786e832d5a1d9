"""What users are told of errors: memory as memory, threads as threads, all in one line."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.codec import Codec
from runtime.console import complain, reason, shown, trace
from runtime.errors import BundleError, InputError, StreamError

MEMORY = "not enough memory; use fewer -j, a smaller --tile or smaller pictures"
THREADS = "no more threads can be started; use --threads 1 and fewer -j, or raise the limit (ulimit -u, pids.max)"


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """Return the error as it is when it was raised while another was dealt with."""
    error.__context__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        np._core._exceptions._ArrayMemoryError((1 << 60,), np.dtype("u1")),  # type: ignore[attr-defined]
        OSError(errno.ENOMEM, "Cannot allocate memory", "cam.jpg"),
        cv2.error("OpenCV(5.0.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 5111808 bytes"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Exception during initialization: bad allocation"),
        RuntimeError("bfc_arena.cc:376 Failed to allocate memory for requested buffer of size 5898240"),
        ImportError("libx.so: failed to map segment from shared object"),
        OSError("out of memory when reading image file"),
        raised(BundleError("start.onnx: does not load; reinstall the bundle"), RuntimeError("std::bad_alloc")),
        raised(InputError("cam.jpg: damaged"), raised(ValueError("?"), MemoryError())),
    ],
)
def test_memory_that_ran_out_is_told_as_memory(error: BaseException) -> None:
    assert reason(error) == MEMORY


def test_onnx_runtime_s_own_words_for_a_lack_of_memory_are_known() -> None:
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail

    text = (
        "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running QLinearConv node. Status Message: "
    )
    assert reason(Fail(f"{text}bfc_arena.cc:359 Failed to allocate memory for requested buffer of size 99")) == MEMORY


@pytest.mark.parametrize("text", ["can't start new thread", "env.cc:173 pthread_create failed, error code: 11"])
def test_threads_that_cannot_be_started_are_told_as_threads(text: str) -> None:
    assert reason(RuntimeError(text)) == THREADS
    assert reason(raised(BundleError("start.onnx: does not load"), RuntimeError(text))) == THREADS


@pytest.mark.parametrize(
    "error, told",
    [
        (InputError("out of memory.png is cut off"), "out of memory.png is cut off"),
        (FileNotFoundError(errno.ENOENT, "No such file", "bad_alloc.png"), "bad_alloc.png: No such file"),
        (StreamError("two\n lines"), "two lines"),
        (OSError("image file is truncated"), "image file is truncated"),
        (ValueError("too many values"), "unexpected ValueError: too many values (GARGALO_DEBUG=1 tells where)"),
        (KeyError("x"), "unexpected KeyError: 'x' (GARGALO_DEBUG=1 tells where)"),
        (IndexError(), "unexpected IndexError: no details (GARGALO_DEBUG=1 tells where)"),
        (np.linalg.LinAlgError("odd"), "unexpected numpy.LinAlgError: odd (GARGALO_DEBUG=1 tells where)"),
    ],
)
def test_other_errors_are_told_as_they_are(error: BaseException, told: str) -> None:
    assert reason(error) == told


def test_where_it_went_wrong_is_told_to_developers_alone(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        os.fspath(3)  # type: ignore[call-overload]
    except TypeError as error:
        monkeypatch.delenv("GARGALO_DEBUG", raising=False)
        assert trace(error) == ""
        monkeypatch.setenv("GARGALO_DEBUG", "1")
        complain(reason(error), trace(error))
    *details, last = capfd.readouterr().err.splitlines()
    assert details[0].startswith("Traceback") and "test_console.py" in "".join(details)
    assert last.startswith("gargalo: unexpected TypeError: ")


def test_a_name_is_one_line_and_no_command_to_the_terminal() -> None:
    assert shown("new\nline \x1b[31m \x9b2J ä 日本　語 \udcff.png") == "new?line ?[31m ?2J ä 日本　語 ?.png"


# --- streams that are closed or full ----------------------------------------------------------------------------------


def shell(command: str, *arguments: Path | str) -> subprocess.CompletedProcess[bytes]:
    """Return what sh makes of a command, in which $1, $2, ... are the arguments; stdout is buffered as usual."""
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    given = ["sh", "-c", f"exec {sys.executable} -m runtime {command}", "sh", *map(str, arguments)]
    return subprocess.run(given, capture_output=True, env=environment, timeout=120)


@pytest.fixture
def stream(tmp_path: Path, codec: Codec) -> Path:
    path = tmp_path / "cam.gar"
    path.write_bytes(codec.encode(np.full((40, 50, 3), 99, np.uint8)))
    return path


@pytest.mark.skipif(os.name == "nt", reason="needs sh")
def test_a_closed_stderr_puts_no_word_into_the_data(stream: Path) -> None:
    ended = shell('decompress "$1" -o - 2>&-', stream)
    assert ended.returncode == 0
    assert ended.stdout == shell('decompress "$1" -o -', stream).stdout


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="a name that Linux and macOS have")
def test_no_line_follows_the_data_whatever_stdout_is_called(stream: Path) -> None:
    ended = shell('decompress "$1" -o /dev/stdout', stream)
    assert ended.stdout == shell('decompress "$1" -o -', stream).stdout and b"cam.gar" in ended.stderr


@pytest.mark.skipif(os.name == "nt", reason="needs sh")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_closed_streams_end_no_batch(jobs: str, stream: Path) -> None:
    other = stream.with_name("other.gar")
    other.write_bytes(stream.read_bytes())
    ended = shell(f'decompress "$1" none.gar "$2" -j {jobs} <&- >&- 2>&-', stream, other)
    assert ended.returncode == 1
    assert stream.with_suffix(".png").is_file() and other.with_suffix(".png").is_file()


@pytest.mark.skipif(os.name == "nt", reason="needs sh")
@pytest.mark.parametrize(
    "command, told",
    [
        ('decompress "$1" -o - >&-', "stdout is closed; give a file to -o"),
        ("decompress - -o never.png <&-", "stdin is closed; give a file"),
    ],
)
def test_data_over_a_closed_stream_is_one_line(command: str, told: str, stream: Path) -> None:
    ended = shell(command, stream)
    assert (ended.returncode, ended.stderr.decode()) == (1, f"gargalo: {told}\n")


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_no_data_goes_to_a_terminal(stream: Path) -> None:
    reader, terminal = os.openpty()
    command = [sys.executable, "-m", "runtime", "decompress", str(stream), "-o", "-"]
    ended = subprocess.run(command, stdout=terminal, stderr=subprocess.PIPE, timeout=120)
    os.close(terminal)
    os.close(reader)
    assert ended.returncode == 1
    assert ended.stderr.decode().startswith("gargalo: stdout is a terminal, ") and ended.stderr.count(b"\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize(
    "command",
    ['decompress "$1" -o -', 'decompress "$1" -f', 'decompress "$1" -f --json', 'info "$1"', "help info", "info -h"],
)
def test_a_full_stdout_is_one_line_that_names_it(command: str, stream: Path) -> None:
    ended = shell(f"{command} >/dev/full", stream)
    assert (ended.returncode, ended.stderr.decode()) == (1, "gargalo: stdout: No space left on device\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_stderr_ends_no_batch(stream: Path) -> None:
    ended = shell('decompress none.gar "$1" 2>/dev/full', stream)
    assert ended.returncode == 1
    assert b"1 of 2 files" in ended.stdout and stream.with_suffix(".png").is_file()


def test_each_line_is_printed_when_its_file_is_done(stream: Path) -> None:
    """Not when there are many, as Python does where stdout is a pipe."""
    started = subprocess.Popen(
        [sys.executable, "-m", "runtime", "decompress", stream, "-", "-o", stream.with_name("made"), "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"},
    )
    assert started.stdout is not None
    assert json.loads(started.stdout.readline())["input"] == str(stream)  # while stdin is still awaited
    started.communicate(stream.read_bytes())
    assert started.returncode == 0
