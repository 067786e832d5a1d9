"""What users are told of errors: memory as memory, threads as threads, all in one line."""

import errno
import os

import cv2
import numpy as np
import pytest

from runtime.console import complain, reason, trace
from runtime.errors import BundleError, InputError, StreamError

MEMORY = "not enough memory; use fewer -j, a smaller --tile or smaller pictures"
THREADS = "no more threads can be started; use --threads 1 and fewer -j, or raise the limit (ulimit -u, pids.max)"


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """The error as it is when it was raised while another was dealt with."""
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
