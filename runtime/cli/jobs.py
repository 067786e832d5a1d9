"""A job, one file to be made from another, and its outcome: done, failed or skipped."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from runtime.atomic import make_folder
from runtime.cli.process import check_signals
from runtime.console import STREAM, reason, trace


class Existing(Enum):
    """What becomes of a target that exists."""

    KEEP = "it is kept, and the job fails"
    SKIP = "it is kept, and the job is skipped"
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
    max_error: int | None = None
    """No sample is off by more, 0 for a lossless picture; None without such a bound."""


@dataclass(frozen=True)
class Failed:
    """What a job came to that did not."""

    reason: str
    """One line."""
    trace: str = ""
    """Where it failed, for developers."""


@dataclass(frozen=True)
class Skipped:
    """A job that was not begun, as its target exists."""


Outcome = Done | Failed | Skipped
Work = Callable[[Job], Done]
"""Does one job, and raises whatever its libraries raise."""


def attempt(work: Work, job: Job) -> Outcome:
    """Return what a job comes to, whatever its libraries raise."""
    check_signals()
    known = settled(job)
    if known:
        return known
    try:
        if job.make_folder:
            make_folder(job.target.parent)
        return work(job)
    except Exception as error:
        check_signals()
        if isinstance(error, BrokenPipeError) and job.target == STREAM:
            raise  # nobody reads on: nothing is wrong with this file
        appeared = isinstance(error, FileExistsError) and settled(job)
        return appeared or Failed(reason(error), trace(error))


def settled(job: Job) -> Outcome | None:
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
