"""Do jobs and print what they came to: a line or JSON of each in their order, a sum, a bar; and the exit status.

A file that fails is named in one line on stderr and does not stop the others.
"""

import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

from runtime.cli.engines import Prepare, local, rehearse
from runtime.cli.jobs import Done, Failed, Job, Outcome, Skipped
from runtime.cli.options import Batch
from runtime.console import complain, say, shown, size

_PROGRESS_S = 10
"""Between lines of --progress."""


def run(jobs: list[Job], prepare: Prepare, line: Callable[[Job, Done], str], batch: Batch) -> tuple[int, list[Done]]:
    """Do the work that prepare returns on each job; return the exit status, and what the good ones came to.

    Print the line, or JSON, of each in their order; with several also a sum, and a bar where stderr is a terminal.
    """
    engine = rehearse if batch.dry_run else partial(local, at_a_time=batch.at_a_time)
    several, start, outcomes = len(jobs) > 1, time.perf_counter(), list[Outcome]()
    with closing(engine(prepare, jobs)) as answers, progress(len(jobs), batch) as bar:
        for job, outcome in in_order(jobs, answers):
            outcomes.append(outcome)
            with bar.step():
                _tell(job, outcome, line, batch, several)
    good = [outcome for outcome in outcomes if isinstance(outcome, Done)]
    skipped, failed = (sum(isinstance(outcome, kind) for outcome in outcomes) for kind in (Skipped, Failed))
    if batch.dry_run and not (batch.quiet or batch.json):
        told = f", {skipped} skipped" if skipped else ""
        say(jobs[0].target, f"{len(jobs) - skipped - failed} of {len(jobs)} files would be made{told}; nothing is done")
    elif several and not (batch.quiet or batch.json):
        total = [sum(done.bytes_in for done in good), sum(done.bytes_out for done in good)]
        seconds = time.perf_counter() - start
        files = f"{len(good)} of {len(jobs)} files" + (f", {skipped} skipped" if skipped else "")
        say(jobs[0].target, f"{files}, {size(total[0])} -> {size(total[1])}, {seconds:.1f} s")
    return 1 if failed else 0, good


def in_order(jobs: Sequence[Job], answers: Iterator[tuple[Job, Outcome]]) -> Iterator[tuple[Job, Outcome]]:
    """Yield jobs and outcomes in the order of the jobs, each as soon as it and those before it are there."""
    early: dict[Job, list[Outcome]] = {}  # two jobs may be equal: a file that is given by two ways
    for job in jobs:
        while not early.get(job):
            done, outcome = next(answers)
            early.setdefault(done, []).append(outcome)
        yield job, early[job].pop(0)


def _tell(job: Job, outcome: Outcome, line: Callable[[Job, Done], str], batch: Batch, several: bool) -> None:
    """Print what a job came to; with several, errors name its file."""
    lines = not (batch.quiet or batch.json)
    if isinstance(outcome, Failed):
        named = several and str(job.source) not in outcome.reason
        complain(f"{job.source}: {outcome.reason}" if named else outcome.reason, outcome.trace)
    elif isinstance(outcome, Done):
        for note in outcome.notes if outcome.damaged or not batch.quiet else []:
            complain(f"warning: {job.source}: {note}")
        if lines:
            say(job.target, line(job, outcome))
    elif lines and isinstance(outcome, Skipped):
        say(job.target, f"{shown(job.source)} skipped: {outcome.why}")
    elif lines:
        say(job.target, f"{shown(job.source)} -> {shown(job.target)}")
    if batch.json:
        say(job.target, json.dumps(entry(job, outcome)))


def entry(job: Job, outcome: Outcome) -> dict[str, object]:
    """Return what --json tells of a job and its outcome; what one has not that failed or was skipped is null."""
    from runtime import native

    entry: dict[str, object] = {"input": str(job.source), "output": str(job.target)}
    if isinstance(outcome, Done):
        entry |= {"bytes_in": outcome.bytes_in, "bytes_out": outcome.bytes_out}
        entry |= {"height": outcome.shape[0], "width": outcome.shape[1]}
        entry |= {"bpp": round(outcome.bpp, 4), "ms": round(outcome.ms, 1), "warnings": outcome.notes}
        entry |= {"details": {name: None if value == math.inf else value for name, value in outcome.details.items()}}
        entry |= {"max_error": outcome.max_error}
    else:
        nothing = ("bytes_in", "bytes_out", "height", "width", "bpp", "ms", "details", "max_error")
        entry |= dict.fromkeys(nothing) | {"warnings": []}
    if isinstance(outcome, Skipped):
        entry |= {"output": str(outcome.copy or job.target), "warnings": [outcome.why]}
    error = outcome.reason if isinstance(outcome, Failed) else None
    return entry | {"skipped": isinstance(outcome, Skipped), "error": error, "arrays": native.name}


class Progress:
    """How far it is, with rate and time left: a bar on a terminal, elsewhere lines every so often, or nothing."""

    def __init__(self, bar: Any):
        self._bar, self._start_s, self._told_s = bar, time.perf_counter(), 0.0

    @property
    def shown(self) -> bool:
        """Whether it is told at all."""
        return self._bar is not None

    @contextmanager
    def step(self, files: int = 1) -> Iterator[None]:
        """Take a step of so many files; inside, the bar gives way to what is printed."""
        bar = self._bar
        if bar is None:
            yield
            return
        bar.clear()
        yield
        bar.n += files
        bar.refresh()
        seconds = time.perf_counter() - self._start_s
        if bar.disable and (bar.n == bar.total or seconds - self._told_s >= _PROGRESS_S):
            self._told_s = seconds
            complain(bar.format_meter(bar.n, bar.total, seconds, ncols=0, unit="file"))

    def expect(self, files: int) -> None:
        """Tell how many files there are, which was not known at the beginning."""
        if self._bar is not None:
            self._bar.total = files


@contextmanager
def progress(files: int | None, batch: Batch) -> Iterator[Progress]:
    """Yield the progress over so many files, None where that is not known yet."""
    terminal = sys.stderr is not None and sys.stderr.isatty()
    if sys.stderr is None or batch.quiet or not (batch.progress or files != 1 and terminal):
        yield Progress(None)
        return
    from tqdm import tqdm

    with tqdm(total=files, unit="file", leave=False, disable=not terminal) as bar:
        yield Progress(bar)
