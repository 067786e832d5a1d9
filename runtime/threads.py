"""Threads that do parts of a picture: as many as are wanted, and fewer where the system gives no more.

Work that is done for each of several things in threads may itself have parts for threads, such as the strips of a
network: these then share what is left (`spare`).
"""

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")

_within = threading.local()
"""Of a thread that is one of several which `each` employs: how many these are."""


def most_threads(wanted: int | None) -> int:
    """Return the number of threads to use: `wanted`, or else all cores.

    Under ulimit -v it is always 1, as a new thread that gets no memory for the variables of libraries would abort the
    process.
    """
    if os.name != "nt":
        import resource

        if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
            return 1
    return wanted or cores()


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spare(count: int) -> int:
    """Return how many of so many threads this one may use: its share where others are at work beside it."""
    return max(1, count // getattr(_within, "count", 1))


def each(work: Callable[[S], T], things: Sequence[S], count: int) -> list[T]:
    """Return the results of `work` for each thing, in their order; `count` threads take one thing after the other.

    Raises what the first of them does that fails; none is begun after that.
    """
    count = min(count, len(things))
    if count < 2:
        return [work(thing) for thing in things]
    results: dict[int, T] = {}
    errors: dict[int, Exception] = {}
    numbers = iter(range(len(things)))  # each goes to one thread
    total = count * getattr(_within, "count", 1)

    def take(_: int) -> None:
        before, _within.count = getattr(_within, "count", 1), total
        try:
            for number in numbers:
                try:
                    results[number] = work(things[number])
                except Exception as error:
                    errors[number] = error
                    break
        finally:
            _within.count = before
            for _ in numbers:  # nothing is left unless something was raised
                pass

    together(take, count)
    if errors:
        raise errors[min(errors)]
    return [results[number] for number in range(len(things))]


def together(work: Callable[[int], T], count: int) -> list[T]:
    """Return the results of `work` for 0, 1, ... count - 1: the first in this thread, the others each in its own.

    Where the system gives no more threads, this one does what is left.
    """
    results: dict[int, T] = {}
    errors: list[Exception] = []
    given_up = threading.Event()

    def note(number: int) -> None:
        if given_up.is_set():
            return
        try:
            results[number] = work(number)
        except Exception as error:
            errors.append(error)

    started: list[threading.Thread] = []
    try:
        _start(note, range(1, count), started)
        for number in (0, *range(1 + len(started), count)):
            note(number)
    except BaseException:
        given_up.set()
        raise
    finally:
        for thread in started:
            if thread.is_alive():  # after a signal one may only be about to start: it sees that it is given up
                thread.join()
    if errors:
        raise errors[0]
    return [results[number] for number in range(count)]


def ahead(work: Callable[[], object]) -> None:
    """Begin work in another thread, if the system gives one, whose result will be looked for where it is needed.

    Nothing waits for it or hears of its errors: who needs the result does what is not done, and meets them again.
    """

    def attempt() -> None:
        with suppress(Exception):
            work()

    with suppress(RuntimeError):  # "can't start new thread"
        threading.Thread(target=attempt, daemon=True).start()


def _start(work: Callable[[int], None], numbers: Iterable[int], started: list[threading.Thread]) -> None:
    """Add to `started` a thread for the work on each of the numbers, as far as the system gives threads."""
    for number in numbers:
        started.append(threading.Thread(target=work, args=(number,)))
        try:
            started[-1].start()
        except RuntimeError:  # "can't start new thread"
            started.pop()
            return
