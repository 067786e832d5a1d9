"""A job, one file to be made from another, and its outcome: done, failed or skipped."""

import os
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from runtime.atomic import make_folder
from runtime.cli.places import Place
from runtime.cli.process import check_signals
from runtime.console import STREAM, kind, reason, shown, trace


class Existing(Enum):
    """What becomes of a target that exists."""

    KEEP = "it is kept, and the job fails"
    SKIP = "it is kept, and the job is skipped"
    OVERWRITE = "it is replaced"
    EQUAL = "it is kept, and the job fails unless it is what would be written"
    """For jobs that may be begun twice, as when a worker is lost."""


class Job(NamedTuple):
    """One file to be made from another."""

    source: Place
    target: Place
    existing: Existing
    make_folder: bool = False
    """The target's folder is to be made if it is not there."""
    error: Exception | None = None
    """Why it cannot even begin."""
    needless: str = ""
    """Why it need not begin, if so."""
    copy: Path | None = None
    """Where the source goes as it is if the target would be larger; None: nowhere."""
    keep_times: bool = False
    """What is made gets the source's times."""
    version: str = ""
    """What tells the source from a later one of its name, where a manifest is kept."""

    @property
    def overwrite(self) -> bool:
        """Whether a target that exists is replaced."""
        return self.existing is Existing.OVERWRITE

    @property
    def equal_is_done(self) -> bool:
        """Whether a target that exists is as good as written if it has the same bytes."""
        return self.existing is Existing.EQUAL


class Done(NamedTuple):
    """What a job came to that went well."""

    bytes_in: int
    bytes_out: int
    ms: float
    """The codec alone, without reading and writing files."""
    bpp: float
    """Bits of the .gar file a pixel."""
    shape: tuple[int, int]
    """Height and width of the picture."""
    notes: list[str]
    damaged: bool = False
    max_error: int | None = None
    """No sample is off by more, 0 for a lossless picture; None without such a bound."""
    details: Mapping[str, Any] = {}
    """What else --json tells of it."""


class Failed(NamedTuple):
    """What a job came to that did not."""

    reason: str
    """One line."""
    trace: str = ""
    """Where it failed, for developers."""
    kind: str = "worker lost"
    """A few words that many failures share."""


class Skipped(NamedTuple):
    """A job that need not be done, or whose target would have been larger than the source."""

    why: str
    copy: Path | None = None
    """Where the source was copied to."""


class Planned:
    """A job that would be done."""


Outcome = Done | Failed | Skipped | Planned
Work = Callable[[Job], Done | Skipped]
"""Does one job, and raises whatever its libraries raise."""


def attempt(work: Work, job: Job) -> Outcome:
    """Return what a job comes to, whatever its libraries raise."""
    check_signals()
    known = settled(job)
    if known:
        return known
    try:
        if job.make_folder and isinstance(job.target, Path):
            make_folder(job.target.parent)
        outcome = work(job)
        if job.keep_times:
            _keep_times(job.source, outcome.copy if isinstance(outcome, Skipped) else job.target)
        return outcome
    except Exception as error:
        check_signals()
        if isinstance(error, BrokenPipeError) and job.target == STREAM:
            raise  # nobody reads on: nothing is wrong with this file
        appeared = isinstance(error, FileExistsError) and settled(job)
        return appeared or failed(error)


def settled(job: Job) -> Outcome | None:
    """Return what a job comes to that cannot or need not begin, None for others."""
    if job.error:
        return failed(job.error)
    if job.needless:
        return Skipped(job.needless)
    if job.overwrite or job.equal_is_done or job.target == STREAM or not isinstance(job.target, Path):
        return None
    try:
        if job.existing is Existing.SKIP and job.copy and job.copy.is_file():
            return Skipped(f"{shown(job.copy)} exists")
        if not job.target.is_file():
            return None
        empty = job.target.stat().st_size == 0
    except OSError as error:
        return failed(error)
    if job.existing is Existing.KEEP:
        hint = "use -f to overwrite it, -o to name another, or --skip-existing"
        return Failed(f"{job.target} exists; {hint}", kind="output exists")
    if empty:
        return Failed(f"{job.target} exists, but it is empty; remove it", kind="output exists")
    return Skipped(f"{shown(job.target)} exists")


def failed(error: Exception) -> Failed:
    """Return what a job came to that raised an error."""
    return Failed(reason(error), trace(error), kind(error))


def _keep_times(source: Place, made: Place | None) -> None:
    """Give a file the times at which its source was read and written."""
    if isinstance(source, Path) and isinstance(made, Path) and STREAM not in (source, made):
        found = source.stat()
        os.utime(made, ns=(found.st_atime_ns, found.st_mtime_ns))
