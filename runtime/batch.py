"""Many files through one command: which go where, N at a time, and one line for each.

A file that fails is named in one line on stderr and does not stop the others.
"""

import argparse
import glob
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FrameType

from runtime.commands import STREAM, complain, parse_threads, reason, say, size, stderr_ours
from runtime.errors import CodecError, InputError

_MOST_PROCESSES = 61
"""Windows cannot wait for more."""


@dataclass(frozen=True)
class Job:
    """One file to be made from another."""

    source: Path
    target: Path
    make_folder: bool = False
    """The target's folder is to be made if it is not there."""
    error: CodecError | OSError | None = None
    """Why it cannot even begin."""


@dataclass(frozen=True)
class Done:
    """What one job came to."""

    bytes_in: int
    bytes_out: int
    ms: float
    """The codec alone, without reading and writing files."""
    bpp: float
    """Bits of the .gar file a pixel."""
    shape: tuple[int, int]
    """Height and width of the picture."""
    notes: list[str] = field(default_factory=list)
    damaged: bool = False


Work = Callable[[Job], Done]
"""Does one job; raises CodecError, OSError or MemoryError."""


# --- which files ------------------------------------------------------------------------------------------------------

_Entry = tuple[Path, Path | None]
"""A file, and its path below the folder that was given, None if it is left out there."""


def plan(args: argparse.Namespace, suffix: str, accepted: Collection[str]) -> tuple[list[Job], list[Path]]:
    """Returns a job for each input, once the cheap checks hold: inputs there, outputs free; and the files left out.

    Outputs get the suffix; accepted are the suffixes that count in a folder, whose other files are left out. A check
    that fails is the job's error. Raises InputError where the arguments do not go together.
    """
    if args.output is None and len(args.input) == 2 and Path(args.input[1]).suffix.lower() == suffix:
        raise InputError(f"{args.input[1]} is given as a second input; for an output give -o {args.input[1]}")
    entries = dict.fromkeys(entry for text in args.input for entry in _expand(text, accepted, args.recursive))
    found = [(source, below) for source, below in entries if below is not None]
    several = len(found) > 1 or any(Path(text).is_dir() for text in args.input)
    if several and args.output == "-":
        raise InputError("-o - takes one file; give a folder to -o")
    if several and args.output is not None and Path(args.output).exists() and not Path(args.output).is_dir():
        raise InputError(f"{args.output} is a file; several outputs need a folder")
    into_folder = args.output is not None and args.output != "-"
    into_folder &= several or Path(args.output or "").is_dir() or str(args.output).endswith(("/", os.sep))
    jobs: list[Job] = []
    takers: dict[str, Path] = {}
    for source, below in found:
        if args.output is None:
            target = STREAM if source == STREAM else _renamed(source, suffix)
        else:
            target = Path(args.output) / _renamed(below, suffix) if into_folder else Path(args.output)
        try:
            if source.suffix.lower() == suffix:
                raise InputError(f"{source} is a {suffix} file already")
            if source == target == STREAM and several:
                raise InputError("several outputs cannot go to stdout; give a folder to -o")
            _check(source, target, args.force, into_folder)
            taker = takers.setdefault(os.path.abspath(target), source)
            if taker != source:
                raise InputError(f"{source}: its output {target} is also that of {taker}; name another with -o")
        except (CodecError, OSError) as error:
            jobs.append(Job(source, target, error=error))
        else:
            jobs.append(Job(source, target, into_folder))
    return jobs, [source for source, below in entries if below is None]


def _renamed(path: Path, suffix: str) -> Path:
    """Returns the path with another suffix; `.` and `/`, folders that have no name, as they are."""
    return path.with_suffix(suffix) if path.name else path


def _expand(text: str, accepted: Collection[str], recursive: bool) -> Iterator[_Entry]:
    """Yields each file that an input stands for."""
    path = Path(text)
    if text == "-":
        yield STREAM, Path("stdin")
    elif path.is_dir() and recursive:
        files = list(_files(path, accepted))
        yield from files
        if all(below is None for _, below in files):
            yield path, Path(path.name)  # refused by _check
    elif not path.exists() and glob.has_magic(text):  # a shell that does not expand it, or one that was told not to
        matches = sorted(glob.glob(text, recursive=True))
        for match in matches:
            if not os.path.isdir(match) or recursive:
                yield from _expand(glob.escape(match) if os.path.isdir(match) else match, accepted, recursive)
        if not matches:
            yield path, Path(path.name)
    else:
        yield path, Path(path.name)


def _files(folder: Path, accepted: Collection[str]) -> Iterator[_Entry]:
    """Yields the files of a folder and its subfolders in alphabetical order, but for hidden ones; then the folders that
    cannot be read, which _check refuses.
    """
    unread: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=unread.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(place, name) for name in sorted(names) if not name.startswith(".")):
            yield path, path.relative_to(folder) if path.suffix.lower() in accepted else None
    yield from ((path, path.relative_to(folder)) for path in (Path(error.filename) for error in unread))


def _check(source: Path, target: Path, force: bool, make_folder: bool) -> None:
    """Raises InputError or OSError unless source is a file and target may be written."""
    if source != STREAM:
        source.stat()  # raises FileNotFoundError
        if source.is_dir():
            os.scandir(source).close()  # raises PermissionError
            raise InputError(f"{source} is a directory; -r takes the files below it that are for us, if any")
    if target == STREAM:
        return
    if target.is_dir():
        raise InputError(f"{target} is a directory; give a file name to -o")
    if target.exists() and source != STREAM and target.samefile(source):
        raise InputError(f"{source} is input and output at once; name another output with -o")
    if not make_folder and not target.parent.is_dir():
        raise InputError(f"{target.parent} is not a folder; create it first")
    if target.is_file() and not force:
        raise InputError(f"{target} exists; use -f to overwrite it or -o to name another")


# --- doing it ---------------------------------------------------------------------------------------------------------


def run(
    jobs: list[Job], prepare: Callable[[], Work], line: Callable[[Job, Done], str], args: argparse.Namespace
) -> tuple[int, list[Done]]:
    """Runs the work that prepare returns on each job and returns the exit status, and what the good ones came to.

    Prints the line, or JSON, of each in their order; with several also a sum, and a bar where stderr is a terminal.
    With several at a time `prepare` runs in each of their processes too, so it must be one that can be pickled.
    """
    at_a_time, _ = parse_threads(args)
    several, start = len(jobs) > 1, time.perf_counter()
    good: list[Done] = []

    def tell(job: Job, outcome: Done | Exception) -> None:
        if isinstance(outcome, Done):
            good.append(outcome)
            for note in [] if args.quiet else outcome.notes:
                complain(f"warning: {job.source}: {note}")
            if not (args.quiet or args.json):
                say(job.target, line(job, outcome))
        else:
            message = reason(outcome)
            complain(f"{job.source}: {message}" if several and str(job.source) not in message else message)
        if args.json:
            say(job.target, _json(job, outcome))

    with _outcomes(prepare, jobs, at_a_time) as outcomes, _progress(len(jobs), args.quiet) as step:
        for job, outcome in zip(jobs, outcomes, strict=True):
            with step():
                tell(job, outcome)
    if several and not (args.quiet or args.json):
        total = [sum(done.bytes_in for done in good), sum(done.bytes_out for done in good)]
        seconds = time.perf_counter() - start
        say(jobs[0].target, f"{len(good)} of {len(jobs)} files, {size(total[0])} -> {size(total[1])}, {seconds:.1f} s")
    return 0 if len(good) == len(jobs) else 1, good


def _attempt(work: Work, job: Job) -> Done | Exception:
    try:
        if job.make_folder:
            job.target.parent.mkdir(parents=True, exist_ok=True)
        return work(job)
    except BrokenPipeError:  # nobody reads on: nothing is wrong with this file
        raise
    except (CodecError, OSError, MemoryError) as error:
        return error


@contextmanager
def _outcomes(prepare: Callable[[], Work], jobs: list[Job], at_a_time: int) -> Iterator[Iterator[Done | Exception]]:
    """Yields the outcomes in the order of the jobs; what has not begun when it ends is given up."""
    here = cache(prepare)  # not before there is something to do
    if at_a_time == 1 or len(jobs) == 1:
        yield (job.error or _attempt(here(), job) for job in jobs)
        return
    if any(job.error is None for job in jobs):
        here()  # fails in one line, where it fails
    # in one process numpy's many small calls would wait for each other
    from concurrent.futures import ProcessPoolExecutor  # 20 ms that one file does not need
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    workers = min(at_a_time, len(jobs), _MOST_PROCESSES)
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (prepare,))
    try:
        with _ctrl_c_put_off():
            given = [None if job.error or job.source == STREAM else pool.submit(_next, job) for job in jobs]
        yield (
            job.error or (_attempt(here(), job) if future is None else future.result())
            for job, future in zip(jobs, given, strict=True)
        )
    except BrokenProcessPool:
        raise InputError("one of the processes was ended from outside, perhaps for its memory; use fewer -j") from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _ctrl_c_put_off() -> Iterator[None]:
    """Lets Ctrl-C wait, and never reach processes that are started meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_work: Work
"""Of a process that does jobs for another."""


def _begin(prepare: Callable[[], Work]) -> None:
    """Makes this process ready to do jobs for another, which alone speaks and hears Ctrl-C; it ends with the other."""
    from multiprocessing import parent_process

    def end(number: int, _: FrameType | None) -> None:
        raise InputError(f"its process was ended by {signal.Signals(number).name}")

    def end_with_parent() -> None:
        parent = parent_process()
        assert parent is not None
        parent.join()
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_DFL:
            signal.signal(getattr(signal, name), end)
    threading.Thread(target=end_with_parent, daemon=True).start()
    sys.stderr = open(os.devnull, "w")
    global _work
    _work = prepare()


def _next(job: Job) -> Done | Exception:
    return _attempt(_work, job)


@contextmanager
def _progress(files: int, quiet: bool) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Yields the step by one file: inside of it the bar, if there is one to see, gives way to what is printed."""
    if files == 1 or quiet or sys.stderr is None or not sys.stderr.isatty():
        yield nullcontext
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield nullcontext
        return
    with tqdm(total=files, unit="file", leave=False) as bar:

        @contextmanager
        def step() -> Iterator[None]:
            with stderr_ours():
                bar.clear()
            yield
            bar.n += 1
            with stderr_ours():
                bar.refresh()

        yield step


def _json(job: Job, outcome: Done | Exception) -> str:
    """Returns a job and its outcome as one line of JSON; what a failed one has not is null."""
    found: dict[str, object] = {"input": str(job.source), "output": str(job.target)}
    if isinstance(outcome, Done):
        found |= {"bytes_in": outcome.bytes_in, "bytes_out": outcome.bytes_out}
        found |= {"height": outcome.shape[0], "width": outcome.shape[1]}
        found |= {"bpp": round(outcome.bpp, 4), "ms": round(outcome.ms, 1), "warnings": outcome.notes, "error": None}
    else:
        missing = ("bytes_in", "bytes_out", "height", "width", "bpp", "ms")
        found |= dict.fromkeys(missing) | {"warnings": [], "error": reason(outcome)}
    return json.dumps(found)
