"""Threads: all is done once, errors and signals end it, and nested work shares what there are."""

import threading
import time

import pytest

from runtime import threads


def test_an_error_in_a_thread_reaches_the_caller_when_all_have_ended() -> None:
    ended = []

    def work(number: int) -> int:
        if number == 2:
            raise MemoryError("no room")
        ended.append(number)
        return number

    before = threading.active_count()
    with pytest.raises(MemoryError, match="no room"):
        threads.together(work, 4)
    assert sorted(ended) == [0, 1, 3] and threading.active_count() == before


def test_a_thread_that_a_signal_overtakes_begins_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be in C++ when Python takes itself apart, which aborts the process."""
    late: list[threading.Thread] = []
    did: list[object] = []
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        late.append(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        threads.together(did.append, 3)
    start(late[0])
    late[0].join()
    assert not did


def test_there_are_as_many_threads_as_wanted_or_as_cores() -> None:
    assert threads.most_threads(7) == 7 and threads.most_threads(None) >= 1


@pytest.mark.parametrize("count", [1, 2, 5, 99])
def test_each_thing_is_done_once_and_in_order(count: int) -> None:
    things = [f"{number}" for number in range(7)]
    done: list[str] = []

    def work(thing: str) -> int:
        done.append(thing)
        time.sleep(0.001 * (7 - int(thing)))
        return int(thing)

    assert threads.each(work, things, count) == list(range(7))
    assert sorted(done) == things


def test_several_are_at_work_at_a_time() -> None:
    meeting = threading.Barrier(3, timeout=60)
    assert len(set(threads.each(lambda _: meeting.wait(), range(6), 3))) == 3


@pytest.mark.parametrize("count", [1, 3])
def test_the_first_error_is_raised_and_ends_the_rest(count: int) -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number >= 2:
            time.sleep(0.02 * (number == 2))
            raise ValueError(f"number {number}")

    with pytest.raises(ValueError, match="number 2"):
        threads.each(work, range(50), count)
    assert len(begun) <= 2 + count


def test_work_within_work_gets_its_share_of_threads() -> None:
    def shares(count: int) -> list[int]:
        return threads.each(lambda _: threads.spare(8), range(count), count)

    assert threads.spare(8) == 8
    assert shares(2) == [4, 4] and shares(3) == [2] * 3
    assert threads.each(lambda _: shares(2), range(2), 2) == [[2, 2]] * 2
    assert threads.each(lambda _: threads.spare(1), range(2), 2) == [1, 1]
    assert threads.spare(8) == 8
