"""Times within this process: medians of interleaved runs, so that whatever slows the machine down slows all alike."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from statistics import median
from typing import Any, TypeVar

Call = Callable[[], object]
Name = TypeVar("Name")


def interleaved_ms(
    calls: Mapping[Name, Call],
    rounds: int,
    tick: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Name, float]:
    """Return the median time of each call over so many rounds of all of them, after one that is not timed."""
    for call in calls.values():
        call()
    times_ms: dict[Name, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            started = clock()
            call()
            times_ms[name].append(1e3 * (clock() - started))
            tick()
    return {name: median(times) for name, times in times_ms.items()}


class GraphClock:
    """Adds up the time that a codec spends in its networks."""

    def __init__(self) -> None:
        self.graphs_ms = 0.0

    @contextmanager
    def watching(self, codec: Any) -> Iterator["GraphClock"]:
        """Time every run of a network of this codec inside of the block."""
        run = codec.networks.run

        def timed(*args: Any) -> Any:
            started = time.perf_counter()
            try:
                return run(*args)
            finally:
                self.graphs_ms += 1e3 * (time.perf_counter() - started)

        codec.networks.run = timed
        try:
            yield self
        finally:
            del codec.networks.run


def share_outside_graphs(codec: Any, call: Call, rounds: int) -> float:
    """Return the median share of a call's time that passes outside the networks."""
    shares = []
    call()
    for _ in range(rounds):
        with GraphClock().watching(codec) as clock:
            started = time.perf_counter()
            call()
            total_ms = 1e3 * (time.perf_counter() - started)
        shares.append(1 - clock.graphs_ms / total_ms)
    return median(shares)


def per_second(prepare: Callable[[], Call], count: int, jobs: int) -> float:
    """Return how many calls a second `jobs` processes make, over so many calls from when all processes are ready.

    `prepare` runs in each of them and returns its call; it must be one that can be pickled.
    """
    spawning = get_context("spawn")
    with ProcessPoolExecutor(jobs, spawning, _begin, (prepare, spawning.Barrier(jobs))) as pool:
        list(pool.map(_make, range(jobs)))  # starts them
        started = time.perf_counter()
        list(pool.map(_make, range(count)))
        return count / (time.perf_counter() - started)


_call: Call
"""What this process calls for another."""


def _begin(prepare: Callable[[], Call], ready: Barrier) -> None:
    global _call
    _call = prepare()
    _call()
    ready.wait()


def _make(_: int) -> None:
    _call()
