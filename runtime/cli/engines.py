"""Engines do jobs and yield each with its outcome, in any order: in this process, or in several others.

An engine is a function of `prepare`, which returns what does one job, and the jobs. What has not begun when its
generator is closed is given up.
"""

import gc
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from functools import cache, partial

from runtime.cli.jobs import Failed, Job, Outcome, Planned, Work, attempt, settled
from runtime.console import STREAM

Prepare = Callable[[], Work]
"""Returns what does one job. It runs once in each process, so it must be one that can be pickled."""
Outcomes = Generator[tuple[Job, Outcome], None, None]
Engine = Callable[[Prepare, Sequence[Job]], Outcomes]

_MOST_PROCESSES = 61
"""Windows cannot wait for more."""


def local(prepare: Prepare, jobs: Sequence[Job], at_a_time: int = 1) -> Outcomes:
    """Do jobs on this machine, several at a time each in a process of its own."""
    processes = min(at_a_time, len(_for_others(jobs)), _MOST_PROCESSES)
    return here(prepare, jobs) if processes < 2 else elsewhere(prepare, jobs, processes)


def rehearse(prepare: Prepare, jobs: Iterable[Job]) -> Outcomes:
    """Do nothing, and tell of each job whether it would be done; fail where none could be, as for lack of weights."""
    begun = cache(prepare)
    for job in jobs:
        outcome = settled(job)
        if outcome is None:
            begun()
        yield job, outcome or Planned()


def here(prepare: Prepare, jobs: Sequence[Job]) -> Outcomes:
    """Do one job after the other in this process."""
    begun = cache(partial(ready, prepare))  # not before there is something to do
    for job in jobs:
        yield job, settled(job) or begun()(job)


def elsewhere(prepare: Prepare, jobs: Sequence[Job], processes: int) -> Outcomes:
    """Do jobs in other processes: in one, numpy's many small calls would wait for each other.

    Stdin is read here, and here is done what no process could be started for.
    """
    from runtime.cli.workers import results  # 30 ms that one file does not need

    work = ready(prepare)  # fails in one line, where it fails
    sent = _for_others(jobs)
    for number, job in enumerate(jobs):
        if number not in sent:
            yield job, work(job)
    left = dict(enumerate(sent.values()))
    with closing(results(partial(ready, prepare), list(left.values()), processes, Failed)) as outcomes:
        for number, outcome in outcomes:
            yield left.pop(number), outcome
    for job in left.values():
        yield job, work(job)


def _for_others(jobs: Sequence[Job]) -> dict[int, Job]:
    """Return the jobs that another process can do, by number."""
    return {number: job for number, job in enumerate(jobs) if job.source != STREAM and settled(job) is None}


def ready(prepare: Prepare) -> Callable[[Job], Outcome]:
    """Return what attempts a job."""
    gc.disable()  # all that is loaded meanwhile stays
    try:
        return partial(attempt, prepare())
    finally:
        gc.freeze()  # else the next collections would look through it
        gc.enable()
