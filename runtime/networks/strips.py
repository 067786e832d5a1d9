"""Threads for a network: its grids are cut into strips of rows, which overlap by what it sees beyond them.

They are ours and not ONNX Runtime's, which has a pool for each session: making one never returns where a limit of the
system lets it have some threads but not all. The pool that its sessions can share belongs to the whole process, and
the threads of that spin while they wait.
"""

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
T = TypeVar("T")

_LEAST_ROWS, _LEAST_POSITIONS = 32, 1 << 13
"""Of a strip: then it takes several times as long as starting a thread, and overlaps by little."""


def most_threads(wanted: int | None) -> int:
    """Return the number of threads to use: `wanted`, or else all cores.

    Under ulimit -v it is always 1, as a new thread that gets no memory for the variables of libraries would abort the
    process.
    """
    if os.name != "nt":
        import resource

        if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
            return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return wanted or cores or 1


def worth(threads: int, rows: int, columns: int) -> int:
    """Return the best number of strips for a grid, at most `threads`."""
    return max(1, min(threads, rows // _LEAST_ROWS, rows * columns // _LEAST_POSITIONS))


def run(
    network: Callable[[Sequence[Array]], list[Array]],
    grids: Sequence[Array],
    axes: Sequence[int],
    axes_out: Sequence[int],
    reach: int,
    count: int,
) -> list[Array]:
    """Return the network's outputs for grids of as many rows each, computed in `count` strips.

    `axes` are the grids' axes of rows, `axes_out` the outputs', which may have several rows for each of a grid's.
    Outputs depend on nothing further than `reach` rows away.
    """
    rows = grids[0].shape[axes[0]]
    edges = [rows * strip // count for strip in range(count + 1)]

    def work(strip: int) -> list[Array]:
        first, last = max(0, edges[strip] - reach), min(rows, edges[strip + 1] + reach)
        outputs = network([grid[_rows(axis, first, last)] for grid, axis in zip(grids, axes, strict=True)])
        kept = []
        for output, axis in zip(outputs, axes_out, strict=True):
            scale = output.shape[axis] // (last - first)
            kept.append(output[_rows(axis, scale * (edges[strip] - first), scale * (edges[strip + 1] - first))])
        return kept

    strips = together(work, count)
    return [np.concatenate(pieces, axis) for pieces, axis in zip(zip(*strips, strict=True), axes_out, strict=True)]


def _rows(axis: int, start: int, end: int) -> tuple[slice, ...]:
    return (*[slice(None)] * axis, slice(start, end))


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


def _start(work: Callable[[int], None], numbers: Iterable[int], started: list[threading.Thread]) -> None:
    """Add to `started` a thread for the work on each of the numbers, as far as the system gives threads."""
    for number in numbers:
        started.append(threading.Thread(target=work, args=(number,)))
        try:
            started[-1].start()
        except RuntimeError:  # "can't start new thread"
            started.pop()
            return
