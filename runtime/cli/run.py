"""Many files through one command: which go where, N at a time, and one line for each.

A file that fails is named in one line on stderr and does not stop the others.
"""

import argparse
import glob
import json
import os
import sys
import time
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, partial
from pathlib import Path

from runtime.atomic import make_folder
from runtime.commands import parse_threads
from runtime.console import STREAM, complain, reason, say, shown, size, trace
from runtime.errors import InputError

_MOST_PROCESSES = 61
"""Windows cannot wait for more."""


class Existing(Enum):
    """What becomes of a target that exists."""

    KEEP = "it is kept, and the job fails"
    SKIP = "it is kept, and the job is left out"
    OVERWRITE = "it is replaced"


@dataclass(frozen=True)
class Job:
    """One file to be made from another."""

    source: Path
    target: Path
    existing: Existing
    make_folder: bool = False
    """The target's folder is to be made if it is not there."""
    error: Exception | None = None
    """Why it cannot even begin."""

    @property
    def overwrite(self) -> bool:
        """Whether a target that exists is replaced."""
        return self.existing is Existing.OVERWRITE


@dataclass(frozen=True)
class Done:
    """What a job came to that went well."""

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


@dataclass(frozen=True)
class Failed:
    """What a job came to that did not."""

    reason: str
    """One line."""
    trace: str = ""
    """Where it failed, for developers."""


@dataclass(frozen=True)
class Skipped:
    """A job that was left out, as its target exists."""


Outcome = Done | Failed | Skipped
Work = Callable[[Job], Done]
"""Does one job, and raises whatever its libraries raise."""


# --- which files ------------------------------------------------------------------------------------------------------

_Entry = tuple[Path, Path | None]
"""A file, and its path below the folder that was given, None if it is left out there."""


def plan(args: argparse.Namespace, suffix: str, accepted: Collection[str]) -> tuple[list[Job], list[Path]]:
    """Return a job for each input, once the cheap checks hold: inputs there, outputs free; and the files left out.

    Outputs get the suffix; accepted are the suffixes that count in a folder, whose other files are left out. A check
    that fails is the job's error. Raises InputError where the arguments do not go together.
    """
    if args.output is None and len(args.input) == 2 and Path(args.input[1]).suffix.lower() == suffix:
        raise InputError(f"{args.input[1]} is given as a second input; for an output give -o {args.input[1]}")
    entries = dict.fromkeys(entry for text in args.input for entry in _expand(text, accepted, args.recursive))
    found = [(source, below) for source, below in entries if below is not None]
    existing = Existing.OVERWRITE if args.force else Existing.SKIP if args.skip_existing else Existing.KEEP
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
            _check(source, target, into_folder)
            taker = takers.setdefault(os.path.abspath(target), source)
            if taker != source:
                raise InputError(f"{source}: its output {target} is also that of {taker}; name another with -o")
        except Exception as error:
            jobs.append(Job(source, target, existing, error=error))
        else:
            jobs.append(Job(source, target, existing, into_folder))
    return jobs, [source for source, below in entries if below is None]


def _renamed(path: Path, suffix: str) -> Path:
    """Return the path with another suffix; `.` and `/`, folders that have no name, as they are."""
    return path.with_suffix(suffix) if path.name else path


def _expand(text: str, accepted: Collection[str], recursive: bool) -> Iterator[_Entry]:
    """Yield each file that an input stands for."""
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
    """Yield the files of a folder and its subfolders in alphabetical order, but for hidden ones; then the folders that
    cannot be read, which _check refuses.
    """
    unread: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=unread.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(place, name) for name in sorted(names) if not name.startswith(".")):
            yield path, path.relative_to(folder) if path.suffix.lower() in accepted else None
    yield from ((path, path.relative_to(folder)) for path in (Path(error.filename) for error in unread))


def _check(source: Path, target: Path, into_folder: bool) -> None:
    """Raise InputError or OSError unless source is a file and target may be written."""
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
    if not into_folder and not target.parent.is_dir():
        raise InputError(f"{target.parent} is not a folder; create it first")


# --- doing it ---------------------------------------------------------------------------------------------------------


def run(
    jobs: list[Job], prepare: Callable[[], Work], line: Callable[[Job, Done], str], args: argparse.Namespace
) -> tuple[int, list[Done]]:
    """Run the work that prepare returns on each job and return the exit status, and what the good ones came to.

    Prints the line, or JSON, of each in their order; with several also a sum, and a bar where stderr is a terminal.
    With several at a time `prepare` runs in each of their processes too, so it must be one that can be pickled.
    """
    at_a_time, _ = parse_threads(args)
    several, start = len(jobs) > 1, time.perf_counter()
    good: list[Done] = []
    skipped = 0

    def tell(job: Job, outcome: Outcome) -> None:
        nonlocal skipped
        if isinstance(outcome, Failed):
            message = outcome.reason
            named = several and str(job.source) not in message
            complain(f"{job.source}: {message}" if named else message, outcome.trace)
        elif isinstance(outcome, Skipped):
            skipped += 1
            if not (args.quiet or args.json):
                say(job.target, f"{shown(job.source)} skipped: {shown(job.target)} exists")
        else:
            good.append(outcome)
            for note in [] if args.quiet else outcome.notes:
                complain(f"warning: {job.source}: {note}")
            if not (args.quiet or args.json):
                say(job.target, line(job, outcome))
        if args.json:
            say(job.target, _json(job, outcome))

    with closing(_outcomes(prepare, jobs, at_a_time)) as outcomes, _progress(len(jobs), args.quiet) as step:
        for job, outcome in zip(jobs, outcomes, strict=True):
            with step():
                tell(job, outcome)
    if several and not (args.quiet or args.json):
        total = [sum(done.bytes_in for done in good), sum(done.bytes_out for done in good)]
        seconds = time.perf_counter() - start
        files = f"{len(good)} of {len(jobs)} files" + (f", {skipped} skipped" if skipped else "")
        say(jobs[0].target, f"{files}, {size(total[0])} -> {size(total[1])}, {seconds:.1f} s")
    return 0 if len(good) + skipped == len(jobs) else 1, good


def _outcomes(prepare: Callable[[], Work], jobs: list[Job], at_a_time: int) -> Generator[Outcome, None, None]:
    """Yield the outcomes in the order of the jobs; what has not begun when this is closed is given up."""
    here = cache(partial(_ready, prepare))  # not before there is something to do
    sent = [number for number, job in enumerate(jobs) if job.source != STREAM and _settled(job) is None]
    processes = min(at_a_time, len(sent), _MOST_PROCESSES)
    if processes < 2:
        yield from (_settled(job) or here()(job) for job in jobs)
        return
    here()  # fails in one line, where it fails
    # in one process numpy's many small calls would wait for each other
    from runtime.workers import results  # 30 ms that one file does not need

    elsewhere, known = set(sent), dict[int, Outcome]()
    with closing(results(partial(_ready, prepare), [jobs[number] for number in sent], processes, Failed)) as found:
        for number, job in enumerate(jobs):
            while number in elsewhere and number not in known and (more := next(found, None)):
                known[sent[more[0]]] = more[1]
            outcome = known.pop(number) if number in known else _settled(job)
            yield outcome or here()(job)


def _ready(prepare: Callable[[], Work]) -> Callable[[Job], Outcome]:
    """Return what attempts a job."""
    return partial(_attempt, prepare())


def _attempt(work: Work, job: Job) -> Outcome:
    """Return what a job comes to, whatever its libraries raise."""
    settled = _settled(job)
    if settled:
        return settled
    try:
        if job.make_folder:
            make_folder(job.target.parent)
        return work(job)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and job.target == STREAM:
            raise  # nobody reads on: nothing is wrong with this file
        appeared = isinstance(error, FileExistsError) and _settled(job)
        return appeared or Failed(reason(error), trace(error))


def _settled(job: Job) -> Outcome | None:
    """Return what a job comes to that cannot or need not begin, None for others."""
    if job.error:
        return Failed(reason(job.error), trace(job.error))
    if job.overwrite or job.target == STREAM:
        return None
    try:
        if not job.target.is_file():
            return None
        empty = job.target.stat().st_size == 0
    except OSError as error:
        return Failed(reason(error), trace(error))
    if job.existing is Existing.KEEP:
        return Failed(f"{job.target} exists; use -f to overwrite it, -o to name another, or --skip-existing")
    return Failed(f"{job.target} exists, but it is empty; remove it") if empty else Skipped()


@contextmanager
def _progress(files: int, quiet: bool) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Yield the step by one file: inside of it the bar, if there is one to see, gives way to what is printed."""
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
            bar.clear()
            yield
            bar.n += 1
            bar.refresh()

        yield step


def _json(job: Job, outcome: Outcome) -> str:
    """Return a job and its outcome as one line of JSON; what one has not that failed or was skipped is null."""
    found: dict[str, object] = {"input": str(job.source), "output": str(job.target)}
    if isinstance(outcome, Done):
        found |= {"bytes_in": outcome.bytes_in, "bytes_out": outcome.bytes_out}
        found |= {"height": outcome.shape[0], "width": outcome.shape[1]}
        found |= {"bpp": round(outcome.bpp, 4), "ms": round(outcome.ms, 1), "warnings": outcome.notes}
    else:
        found |= dict.fromkeys(("bytes_in", "bytes_out", "height", "width", "bpp", "ms")) | {"warnings": []}
    error = outcome.reason if isinstance(outcome, Failed) else None
    return json.dumps(found | {"skipped": isinstance(outcome, Skipped), "error": error})
