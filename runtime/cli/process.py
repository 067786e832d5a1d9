"""A command as a process: its signals, its exit status, its stdin and stdout."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from runtime.atomic import write_whole
from runtime.cli.places import Place
from runtime.console import STREAM, complain, naming, reason, trace
from runtime.errors import InputError

DAMAGED = 3
"""The exit status when there is a picture in spite of damage."""
_INTERRUPTED, _UNREAD, _KILLED = 130, 141, 128
"""The exit statuses that shells give to what Ctrl-C ended, to what wrote into a pipe that nobody reads, and, added to
its number, to what another signal ended."""


def exit_status(work: Callable[[], int | None]) -> int:
    """Run work and return its status or 0, or 1 after one line on stderr that says what went wrong.

    SIGTERM and SIGHUP end it like Ctrl-C: what is half done is taken back first, whatever comes meanwhile.
    """
    _take_closed_streams()
    try:
        with _endable():
            return work() or 0
    except BrokenPipeError:  # as with `| head`: nothing to complain of, and nowhere to print on
        return _UNREAD
    except _Ended as end:
        complain(signal.Signals(end.number).name)
        return _KILLED + end.number
    except KeyboardInterrupt:
        complain("interrupted")
        return _INTERRUPTED
    except Exception as error:
        complain(reason(error), trace(error))
        return 1
    finally:
        _let_go_of_streams()


def _take_closed_streams() -> None:
    """Give stdin, stdout and stderr that are closed to the null device: else the next file that is opened gets the
    number, and what a library prints.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _let_go_of_streams() -> None:
    """Give the null device what stdout and stderr hold but do not take: Python would complain of it at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _Ended(KeyboardInterrupt):
    """A signal asked the process to end."""

    def __init__(self, number: int):
        self.number = number


_asked: list[int] = []
"""The signal that asked to end, kept until that is done."""


def check_signals() -> None:
    """Raise once more what a signal has raised, which libraries that are being loaded turn into errors of their own."""
    if _asked:
        raise KeyboardInterrupt if _asked[0] == signal.SIGINT else _Ended(_asked[0])


@contextmanager
def _endable() -> Iterator[None]:
    """Let the signals that end a process raise _Ended meanwhile, but those that are ignored, as with nohup."""

    def end(number: int, frame: FrameType | None) -> None:
        for one in before:
            signal.signal(one, signal.SIG_IGN)  # a second one must not interrupt the clearing up
        _asked.append(number)
        check_signals()

    wanted = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {}
    if threading.current_thread() is threading.main_thread():  # no other may change handlers
        for number in wanted:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                before[number] = signal.signal(number, end)
    try:
        yield
    except (Exception, KeyboardInterrupt):  # Ray makes a Ctrl-C of every signal
        check_signals()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _asked.clear()


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM or SIGINT sets so that the work at hand is still finished; a second ends it."""
    stop = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()
        restore()

    def restore() -> None:
        for which, handler in before.items():
            signal.signal(which, handler)

    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield stop
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        restore()


# --- stdin and stdout -------------------------------------------------------------------------------------------------


def take(source: Place) -> bytes:
    """Return all bytes of a file, or of stdin when the source is -."""
    if not isinstance(source, Path):
        from runtime.cli import stores

        return stores.read(source)
    if source != STREAM:
        return source.read_bytes()
    if sys.stdin is None:
        raise InputError("stdin is closed; give a file")
    return sys.stdin.buffer.read()


def deliver(target: Place, data: bytes | Iterable[bytes], overwrite: bool, equal_is_done: bool = False) -> int:
    """Write data, which may come in parts, to the file, or to stdout when the target is -, and return its length.

    Raise FileExistsError where overwrite would be needed, unless the file that exists has the same bytes and that is as
    good.
    """
    if not equal_is_done:
        return _write(target, data, overwrite)
    whole = data if isinstance(data, bytes) else b"".join(data)
    try:
        return _write(target, whole, overwrite)
    except FileExistsError as error:
        if take(target) != whole:
            hint = "use -f to overwrite it, -o to name another place, or --skip-existing"
            raise FileExistsError(f"{target} exists, and is not what would be written; {hint}") from error
    return len(whole)


def _write(target: Place, data: bytes | Iterable[bytes], overwrite: bool) -> int:
    """Write data to the file, or to stdout when the target is -, and return its length."""
    if isinstance(target, Path) and target != STREAM:
        return write_whole(target, data, overwrite)
    if target == STREAM and sys.stdout is not None and sys.stdout.isatty():
        raise InputError("stdout is a terminal, which cannot show a file's bytes; give a file to -o, or pipe them on")
    data = data if isinstance(data, bytes) else b"".join(data)  # nothing is written where a part fails
    if not isinstance(target, Path):
        from runtime.cli import stores

        stores.write(target, data, overwrite)
        return len(data)
    if sys.stdout is None:
        raise InputError("stdout is closed; give a file to -o")
    with naming("stdout"):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    return len(data)
