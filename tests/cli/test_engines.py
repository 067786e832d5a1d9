"""Every engine answers every job once, whatever the order; what is told keeps the order of the jobs."""

import gc
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.cli import engines, workers
from runtime.cli.engines import elsewhere, here, local
from runtime.cli.jobs import Done, Existing, Failed, Job, Outcome, Skipped, Work
from runtime.cli.process import deliver, take
from runtime.cli.run import in_order
from runtime.console import STREAM


def copied(job: Job) -> Done:
    """Copy a file; the note tells by which process."""
    data = take(job.source)
    deliver(job.target, data, job.overwrite)
    return Done(len(data), len(data), 0.0, 0.0, (1, 1), [str(os.getpid())])


def prepare() -> Work:
    return copied


def refuse() -> Work:
    raise AssertionError("there is nothing to do")


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    """Six jobs: three to do, one that cannot begin, one whose target exists, one that fails."""
    sources = [tmp_path / f"{number}.in" for number in range(6)]
    for number, source in enumerate(sources[:5]):
        source.write_bytes(bytes(number + 1))
    made = [Job(source, source.with_suffix(".out"), Existing.SKIP) for source in sources]
    made[1] = Job(sources[1], made[1].target, Existing.SKIP, error=ValueError("no"))
    target(made[2]).write_bytes(b"as it was")
    return made


def target(job: Job) -> Path:
    """Return the file that a job makes."""
    assert isinstance(job.target, Path)
    return job.target


def check(answers: list[tuple[Job, Outcome]], jobs: list[Job]) -> None:
    outcomes = dict(answers)
    assert len(answers) == len(outcomes) == len(jobs)
    kinds = [Done, Failed, Skipped, Done, Done, Failed]
    assert [type(outcomes[job]) for job in jobs] == kinds
    assert target(jobs[2]).read_bytes() == b"as it was"
    assert [target(jobs[number]).stat().st_size for number in (0, 3, 4)] == [1, 4, 5]


def test_jobs_are_done_here_one_after_the_other(jobs: list[Job]) -> None:
    answers = []
    for number, answer in enumerate(here(prepare, jobs)):
        answers.append(answer)
        assert answer[0] is jobs[number]
        assert target(jobs[3]).exists() == (number >= 3)
    check(answers, jobs)


def test_collections_leave_out_what_was_loaded(jobs: list[Job]) -> None:
    """Else the first ones look through it, for a tenth of the time that a picture takes."""
    gc.unfreeze()
    try:
        list(here(prepare, jobs))
        assert gc.get_freeze_count() and gc.isenabled()
    finally:
        gc.unfreeze()


def test_jobs_are_done_elsewhere_in_any_order(jobs: list[Job]) -> None:
    answers = list(elsewhere(prepare, jobs, 2))
    check(answers, jobs)
    processes = {outcome.notes[0] for _, outcome in answers if isinstance(outcome, Done)}
    assert str(os.getpid()) not in processes


def test_where_no_process_can_be_started_jobs_are_done_here(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_started", lambda prepare: None)
    check(list(elsewhere(prepare, jobs, 2)), jobs)


def test_stdin_is_read_by_this_process(jobs: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from stdin")))
    stdin = Job(STREAM, tmp_path / "stdin.out", Existing.KEEP)
    answers = dict(elsewhere(prepare, [jobs[0], stdin, jobs[3]], 2))
    done = answers[stdin]
    assert isinstance(done, Done) and done.notes == [str(os.getpid())]
    assert target(stdin).read_bytes() == b"from stdin" and len(answers) == 3


@pytest.mark.parametrize("at_a_time", [1, 4])
def test_what_is_all_settled_prepares_nothing(at_a_time: int, jobs: list[Job]) -> None:
    answers = list(local(refuse, jobs[1:3], at_a_time))
    assert [type(outcome) for _, outcome in answers] == [Failed, Skipped]


def test_one_job_to_do_needs_no_process(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "elsewhere", None)
    assert len(list(local(prepare, jobs[:3], 4))) == 3


def test_what_has_not_begun_is_given_up_when_the_caller_leaves(jobs: list[Job], tmp_path: Path) -> None:
    many = [Job(jobs[0].source, tmp_path / f"{number}.many", Existing.KEEP) for number in range(500)]
    answers = elsewhere(prepare, many, 2)
    next(answers)
    answers.close()
    assert 1 <= len(list(tmp_path.glob("*.many"))) < 500


def test_answers_in_any_order_are_told_in_that_of_the_jobs_as_soon_as_they_can(jobs: list[Job]) -> None:
    taken: list[int] = []

    def answers() -> Iterator[tuple[Job, Outcome]]:
        for number in (2, 0, 1, 3):
            taken.append(number)
            yield jobs[number], Failed(str(number))

    told = in_order(jobs[:4], answers())
    for number, asked in enumerate([2, 3, 3, 4]):
        assert next(told) == (jobs[number], Failed(str(number))) and len(taken) == asked
    assert next(told, None) is None


def test_equal_jobs_are_answered_each(jobs: list[Job]) -> None:
    twice = [jobs[0], jobs[0], jobs[3]]
    told = list(in_order(twice, iter([(jobs[3], Skipped("")), (jobs[0], Failed("1")), (jobs[0], Failed("2"))])))
    assert told == [(jobs[0], Failed("1")), (jobs[0], Failed("2")), (jobs[3], Skipped(""))]


def test_what_is_prepared_is_prepared_once(jobs: list[Job]) -> None:
    calls: list[int] = []

    def counted() -> Work:
        calls.append(1)
        return copied

    assert len(list(here(counted, jobs))) == 6 and calls == [1]
