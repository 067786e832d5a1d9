"""What the commands share: their options, how they read and write, their exit status.

What they say is in `console.py`, which files they take in `batch.py`.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from runtime.atomic import write_whole
from runtime.console import STREAM, complain, reason, trace
from runtime.container import MAX_PIXELS, MAX_SIDE_PX
from runtime.errors import InputError

if TYPE_CHECKING:
    from runtime.codec import Codec

_MOST_THREADS = 1024
"""Far above any machine this is for; only catches slips."""
_INTERRUPTED, _UNREAD, _KILLED = 130, 141, 128
"""The exit statuses that shells give to what Ctrl-C ended, to what wrote into a pipe that nobody reads, and, added to
its number, to what another signal ended."""


def parser(name: str, description: str, examples: str) -> argparse.ArgumentParser:
    """Return the parser of a command; examples are in the words of `python -m runtime`, or of gargalo if that runs."""
    # numpy, when it is loaded, would start threads for products of matrices, of which there are none here
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")  # what OpenCV, if it is loaded, warns of is said by us
    called = "gargalo " if os.path.basename(sys.argv[0]).startswith("gargalo") else "python -m runtime."
    return argparse.ArgumentParser(
        prog=f"{called}{name}",
        description=description,
        epilog=examples.replace("python -m runtime.", called),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_arguments(to: argparse.ArgumentParser, what: str, default_output: str) -> None:
    """Add the arguments that compress and decompress have in common."""
    add = to.add_argument
    add("input", nargs="+", metavar="IN", help=f"{what}, a folder of them, or - for stdin")
    add("-o", "--output", metavar="OUT", help=f"file, folder or - for stdout; default: {default_output}")
    existing = to.add_mutually_exclusive_group()
    existing.add_argument("-f", "--force", action="store_true", help="overwrite outputs that exist")
    existing.add_argument(
        "--skip-existing", action="store_true", help="leave out inputs whose outputs exist, as after half of a folder"
    )
    add("-r", "--recursive", action="store_true", help="take folders, with their subfolders; OUT gets the same ones")
    add("-j", "--jobs", default="1", metavar="N", help="files at a time, each in a process of its own; default 1")
    add("--threads", metavar="N", help="CPU threads a file, default: all cores, or 1 with -j")
    add("--tile", metavar="PX", help="work on squares of so many pixels, default 1024: smaller ones take less memory")
    add("--max-pixels", metavar="N", help="refuse larger pictures, default 256000000")
    add("--bundle", type=Path, metavar="DIR", help="weights, default: those that ship with gargalo")
    add("--provider", default="auto", metavar="NAME", help="auto (the CPU, default), cpu, openvino, cuda or webgpu")
    add("--json", action="store_true", help="print one JSON object a file")
    add("--quiet", action="store_true", help="print nothing but errors")


def exit_status(work: Callable[[], int | None]) -> int:
    """Run work and return its status or 0, or 1 after one line on stderr that says what went wrong.

    SIGTERM and SIGHUP end it like Ctrl-C: what is half done is taken back first.
    """
    try:
        with _endable():
            return work() or 0
    except BrokenPipeError:  # as with `| head`: nothing to complain of, and nowhere to print on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
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


class _Ended(KeyboardInterrupt):
    """A signal asked the process to end."""

    def __init__(self, number: int):
        self.number = number


@contextmanager
def _endable() -> Iterator[None]:
    """Let the signals that end a process raise _Ended meanwhile, but those that are ignored, as with nohup."""

    def end(number: int, frame: FrameType | None) -> None:
        for one in before:
            signal.signal(one, signal.SIG_IGN)  # a second one must not interrupt the clearing up
        raise _Ended(number)

    wanted = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {}
    if threading.current_thread() is threading.main_thread():  # no other may change handlers
        for number in wanted:
            if signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --- options ----------------------------------------------------------------------------------------------------------


def number(text: str, option: str, low: float, high: float) -> float:
    """Return the number in an option's text; InputError unless it is from low to high."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise InputError(f"{option} {text} is out of range; give a number from {low:g} to {high:g}")
    return value


def parse_max_pixels(args: argparse.Namespace) -> int:
    """Return the most pixels that a picture may have."""
    return MAX_PIXELS if args.max_pixels is None else int(number(args.max_pixels, "--max-pixels", 1, MAX_SIDE_PX**2))


def parse_threads(args: argparse.Namespace) -> tuple[int, int | None]:
    """Return the files at a time and the threads of each, None for the default; a fraction is rounded down."""
    jobs, threads = int(number(args.jobs, "-j", 1, _MOST_THREADS)), thread_count(args.threads)
    return jobs, 1 if threads is None and jobs > 1 else threads


def thread_count(text: str | None) -> int | None:
    """Return the number in --threads, None without one; a fraction is rounded down."""
    return None if text is None else int(number(text, "--threads", 1, _MOST_THREADS))


def open_codec(args: argparse.Namespace) -> "Codec":
    """Return the codec that the options ask for, after a line on stderr on a provider other than the CPU."""
    from runtime.codec import Codec  # loads the heavy modules

    _, threads = parse_threads(args)
    tile = {} if args.tile is None else {"tile_px": int(number(args.tile, "--tile", 1, MAX_SIDE_PX))}
    codec = Codec(args.bundle, args.provider, threads, **tile, enhance=getattr(args, "enhance", None))
    note = codec.networks.note(enhance="enhance" in args and codec.enhance)
    if note and not args.quiet:
        complain(note)
    return codec


# --- files ------------------------------------------------------------------------------------------------------------


def take(source: Path) -> bytes:
    """Return all bytes of a file, or of stdin when the source is -."""
    return sys.stdin.buffer.read() if source == STREAM else source.read_bytes()


def deliver(target: Path, data: bytes, overwrite: bool) -> None:
    """Write data to the file, or to stdout when the target is -. FileExistsError where overwrite would be needed."""
    if target == STREAM:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_whole(target, data, overwrite)
