"""What the commands say: lines on stdout and stderr, and what went wrong in the words of a user."""

import atexit
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from runtime.errors import CodecError, mentions, out_of_memory

STREAM = Path("-")
"""stdin as an input, stdout as an output."""
_NO_THREADS = ("can't start new thread", "pthread_create failed")
"""How Python and ONNX Runtime say that there are too many threads."""


def complain(message: str, details: str = "") -> None:
    """Print one line on stderr, after details where there are any; nothing where stderr is closed or full."""
    if sys.stderr is not None:  # print would take stdout, where the data may be
        with suppress(OSError):
            print(f"{details}gargalo: {shown(' '.join(message.split()))}", file=sys.stderr)


def say(target: object, line: str) -> None:
    """Print a line of results at once, on stderr when stdout carries the data. Raise OSError that names stdout."""
    name, stream = ("stderr", sys.stderr) if target == STREAM else ("stdout", sys.stdout)
    if stream is not None:
        with naming(name):
            print(line, file=stream, flush=True)


@contextmanager
def naming(stream: str) -> Iterator[None]:
    """Let an OSError from within name a stream such as stdout, as those of files do."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, stream) from error


def reason(error: BaseException) -> str:
    """Return what went wrong, in one line."""
    if out_of_memory(error):
        return "not enough memory; use fewer -j, a smaller --tile or smaller pictures"
    if mentions(error, _NO_THREADS):
        return "no more threads can be started; use --threads 1 and fewer -j, or raise the limit (ulimit -u, pids.max)"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    text = " ".join(str(error).split())
    if isinstance(error, CodecError | OSError):
        return text
    package, name = type(error).__module__.split(".")[0], type(error).__qualname__
    name = name if package == "builtins" else f"{package}.{name}"
    return f"unexpected {name}: {text or 'no details'} (GARGALO_DEBUG=1 tells where)"


def kind(error: BaseException) -> str:
    """Return in a few words what kind of failure an error is, for a sum of many."""
    if out_of_memory(error):
        return "memory"
    if isinstance(error, FileExistsError):
        return "output exists"
    if isinstance(error, CodecError):
        return "bad file"
    return "storage" if isinstance(error, OSError) else "unexpected"


def trace(error: BaseException) -> str:
    """Return where it went wrong, for developers: Python's traceback if GARGALO_DEBUG is set, else nothing."""
    if not os.environ.get("GARGALO_DEBUG"):
        return ""
    from traceback import format_exception

    return "".join(format_exception(error))


def shown(name: object) -> str:
    """Return a file name as one line of text that any terminal encoding of ours can print, without commands to it."""
    return re.sub(r"[\0-\x1f\x7f-\x9f]", "?", str(name).encode(errors="replace").decode())


def size(length_bytes: int) -> str:
    """Return a length for people: 819 B, 3.1 KiB, 412 KiB, 12.3 MiB, 45.6 GiB."""
    if length_bytes < 1 << 10:
        return f"{length_bytes} B"
    if length_bytes < 10 << 20:
        return f"{length_bytes / 2**10:.{0 if length_bytes >= 10 << 10 else 1}f} KiB"
    if length_bytes < 10 << 30:
        return f"{length_bytes / 2**20:.1f} MiB"
    return f"{length_bytes / 2**30:.1f} GiB"


def leave(status: int) -> NoReturn:
    """End the process with a status, once what others want done at the end is done and streams are written.

    Python and ONNX Runtime would take apart all that they have loaded, which takes as long as coding a picture does.
    """
    if sys.gettrace() or sys.getprofile():  # who looks on wants to see the end
        sys.exit(status)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            if stream is not None:
                stream.flush()
    os._exit(status)
