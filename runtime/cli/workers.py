"""Tasks in several processes, where one that dies costs the task that it had, and no other.

A process that dies takes the whole of Python's own pool with it. Here each has a pipe of its own and shares nothing, so
that its end is seen, and a new one takes its place.
"""

import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

_PATIENCE_S = 10
"""For a process that has closed its pipe to end."""


@dataclass
class _Worker:
    """A process, our end of its pipe, and the number of the task that it is at."""

    process: SpawnProcess
    pipe: Connection
    task: int | None = None
    ready: bool = False

    def give(self, tasks: Sequence[Any], todo: deque[int]) -> None:
        """Send it the next of the tasks, if there is one to do."""
        if todo:
            with suppress(OSError):  # it has died since, which is heard next
                self.pipe.send(tasks[todo[0]])
                self.task = todo.popleft()

    def end(self) -> str:
        """Wait for its end and return a sentence on it."""
        self.pipe.close()
        self.process.join(_PATIENCE_S)
        self.process.kill()
        self.process.join()
        status = self.process.exitcode or 0
        names = {-number: number.name for number in signal.Signals}
        how = f"was ended by {names.get(status, f'signal {-status}')}" if status < 0 else f"ended with status {status}"
        return f"its process {how}, perhaps for lack of memory; use fewer -j"


def results(
    prepare: Callable[[], Callable[[Task], Result]],
    tasks: Sequence[Task],
    processes: int,
    lost: Callable[[str], Result],
) -> Generator[tuple[int, Result], None, None]:
    """Yield the number and the result of each task as they come; `lost` makes that of a task whose process died from a
    sentence on its end.

    `prepare` runs once in each process and returns what does a task; it, tasks and results must be picklable. Where no
    process can be started and prepared, or none is left, the tasks that remain are not yielded.
    """
    todo = deque(range(len(tasks)))
    workers: dict[Any, _Worker] = {}

    try:
        while len(workers) < min(processes, len(tasks)) and _begin(workers, prepare):
            pass
        while workers and (todo or any(worker.task is not None for worker in workers.values())):
            for pipe in wait(list(workers)):
                worker = workers[pipe]
                done, worker.task = worker.task, None
                try:
                    result = worker.pipe.recv()
                except (EOFError, OSError):
                    del workers[pipe]
                    result = lost(worker.end())
                    if todo and worker.ready:
                        _begin(workers, prepare)
                else:
                    worker.ready = True
                    worker.give(tasks, todo)
                if done is not None:
                    yield done, result
    finally:
        _end(workers.values())


def _end(workers: Collection[_Worker]) -> None:
    """End processes together; those at work take back what is half done."""
    for worker in workers:
        if worker.task is not None and os.name != "nt":  # where it could take back nothing
            worker.process.terminate()
        worker.pipe.close()
    for worker in workers:
        worker.end()


def _begin(workers: dict[Any, _Worker], prepare: Callable[[], Callable[[Task], Result]]) -> bool:
    """Add a new process to the others, and return whether the system gave one."""
    worker = _started(prepare)
    if worker is not None:
        workers[worker.pipe] = worker
    return worker is not None


def _started(prepare: Callable[[], Callable[[Task], Result]]) -> _Worker | None:
    """Return a new process, None where the system gives none."""
    context = get_context("spawn")  # numpy's and OpenCV's threads do not outlive a fork
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, prepare), daemon=True)
    try:
        with _ctrl_c_put_off():
            process.start()
    except (OSError, MemoryError):
        ours.close()
        return None
    finally:
        theirs.close()  # so that its end closes the pipe
    return _Worker(process, ours)


@contextmanager
def _ctrl_c_put_off() -> Iterator[None]:
    """Let Ctrl-C wait, and never reach processes that are started meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # else the first start does that, and lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# --- in the process ---------------------------------------------------------------------------------------------------


class _Ended(BaseException):
    """A signal asked this process to end: what is half done is taken back first."""

    def __init__(self, number: int):
        self.number = number


def _serve(pipe: Connection, prepare: Callable[[], Callable[[Task], Result]]) -> None:
    """Do one task after the other for the process that started this one, which alone speaks and hears Ctrl-C."""
    asked: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        for one in heard:
            signal.signal(one, signal.SIG_IGN)  # a second one must not interrupt the clearing up
        asked.append(number)
        raise _Ended(number)

    sys.stderr = open(os.devnull, "w")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    possible = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    heard = [number for number in possible if signal.getsignal(number) == signal.SIG_DFL]
    for number in heard:
        signal.signal(number, end)
    with suppress(RuntimeError):  # without a thread it ends too, after its task
        threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        work = prepare()
        pipe.send("ready")
        while True:
            result = work(pipe.recv())
            if asked:  # which a library has turned into an error of its own
                raise _Ended(asked[0])
            pipe.send(result)
    except (EOFError, OSError):  # the other has closed its end
        pass
    except _Ended as ended:
        signal.signal(ended.number, signal.SIG_DFL)
        os.kill(os.getpid(), ended.number)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)  # what is half done is taken back
    time.sleep(_PATIENCE_S)
    os._exit(1)
