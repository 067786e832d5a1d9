"""Tasks in several processes: every one is answered, whatever becomes of the processes."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from runtime.cli import workers
from runtime.cli.workers import results

posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def square(number: int) -> int:
    return number * number


def squares() -> Callable[[int], int]:
    return square


def all_of(prepare: Callable[[], Callable[[int], object]], count: int, processes: int) -> dict[int, object]:
    """Return the answers by task; a process that died is a sentence."""
    found = list(results(prepare, range(count), processes, str))
    assert len(found) == len(dict(found))
    return dict(found)


@pytest.mark.parametrize("processes", [1, 3])
def test_each_task_is_done_once(processes: int) -> None:
    assert all_of(squares, 20, processes) == {number: number * number for number in range(20)}


def test_no_tasks_are_no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_started", None)
    assert all_of(squares, 0, 4) == {}


def killer(how: str, at: int, number: int) -> int:
    if number == at:
        if how == "exit":
            os._exit(9)
        os.kill(os.getpid(), getattr(signal, how))
        time.sleep(60)
    return number


def killers(how: str, at: int) -> Callable[[int], int]:
    return partial(killer, how, at)


@posix
@pytest.mark.parametrize(
    "how, at, processes, told",
    [
        ("SIGKILL", 0, 1, "its process was ended by SIGKILL"),
        ("SIGKILL", 5, 2, "its process was ended by SIGKILL"),
        ("SIGTERM", 3, 2, "its process was ended by SIGTERM"),
        ("SIGSEGV", 3, 1, "its process was ended by SIGSEGV"),
        ("exit", 3, 2, "its process ended with status 9"),
    ],
)
def test_a_process_that_dies_costs_its_task_alone(how: str, at: int, processes: int, told: str) -> None:
    found = all_of(partial(killers, how, at), 6, processes)
    lost = str(found.pop(at))
    assert lost.startswith(told) and "fewer -j" in lost
    assert found == {number: number for number in range(6) if number != at}


_MASKS = """
import signal, sys
from runtime.cli.workers import results

def blocked(number):
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])

def prepare():
    return blocked

if __name__ == "__main__":
    print([found for _, found in results(prepare, range(4), 2, str)])
"""


@posix
def test_ctrl_c_never_reaches_a_process_not_even_the_first(tmp_path: Path) -> None:
    """Nor while it starts, when Python would print a traceback."""
    script = tmp_path / "masks.py"
    script.write_text(_MASKS)
    environment = os.environ | {"PYTHONPATH": str(Path(workers.__file__).parents[1])}
    printed = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=120)
    assert printed.stdout == f"{[True] * 4}\n", printed.stderr


def twice_asked(folder: Path, number: int) -> int:
    """Ask to end once more while it clears up."""
    (folder / "draft").touch()
    try:
        signal.raise_signal(signal.SIGHUP)
    finally:
        signal.raise_signal(signal.SIGTERM)
        (folder / "draft").unlink()
    return number


def asking_twice(folder: Path) -> Callable[[int], int]:
    return partial(twice_asked, folder)


@posix
def test_a_second_signal_interrupts_no_clearing_up(tmp_path: Path) -> None:
    """As when the terminal asks the whole group, and then the parent each of its own."""
    assert "SIGHUP" in str(all_of(partial(asking_twice, tmp_path), 1, 1)[0]) and not list(tmp_path.iterdir())


def swallow(number: int) -> int:
    """Turn the signal into an error, like a library that is being loaded when it comes."""
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    except BaseException:
        return -1
    return number


def swallowing() -> Callable[[int], int]:
    return swallow


@posix
def test_a_signal_that_a_library_swallows_ends_the_process() -> None:
    assert all("SIGTERM" in str(end) for end in all_of(swallowing, 2, 1).values())


def always_die(number: int) -> None:
    os._exit(9)


def dying() -> Callable[[int], None]:
    return always_die


def test_processes_that_always_die_come_to_an_end() -> None:
    found = all_of(dying, 5, 2)
    assert sorted(found) == [0, 1, 2, 3, 4] and all("status 9" in str(end) for end in found.values())


def unready() -> Callable[[int], int]:
    raise MemoryError


def test_what_cannot_be_made_ready_leaves_the_tasks_to_the_caller() -> None:
    assert all_of(unready, 5, 2) == {}


def test_a_system_that_gives_no_processes_leaves_the_tasks_to_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("runtime.cli.workers.SpawnProcess.start", refuse)
    assert all_of(squares, 5, 2) == {}


def test_fewer_processes_than_wanted_do_all_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    begin, left = workers._started, [1]

    def scarce(prepare: Callable[[], Callable[[int], int]]) -> object:
        left[0] -= 1
        return begin(prepare) if left[0] >= 0 else None

    monkeypatch.setattr(workers, "_started", scarce)
    assert all_of(squares, 5, 4) == {number: number * number for number in range(5)}


def marked(folder: Path, number: int) -> int:
    """Leave a file that other tasks can see."""
    (folder / str(number)).touch()
    time.sleep(0.05)
    return number


def marking(folder: Path) -> Callable[[int], int]:
    return partial(marked, folder)


def test_what_has_not_begun_is_given_up_when_the_caller_leaves(tmp_path: Path) -> None:
    found = results(partial(marking, tmp_path), range(500), 2, str)
    next(found)
    found.close()
    begun = len(list(tmp_path.iterdir()))
    time.sleep(0.3)
    assert len(list(tmp_path.iterdir())) == begun < 500


def slow(folder: Path, number: int) -> int:
    """Take long; a file that stays shows that there was no time to take back what was begun."""
    try:
        (folder / str(number)).touch()
        time.sleep(300 if number else 0)
    finally:
        (folder / str(number)).unlink(missing_ok=True)
    return number


def slow_ones(folder: Path) -> Callable[[int], int]:
    return partial(slow, folder)


@posix
def test_tasks_at_hand_are_taken_back_when_the_caller_leaves(tmp_path: Path) -> None:
    found = results(partial(slow_ones, tmp_path), range(3), 2, str)
    assert next(found) == (0, 0)
    while not list(tmp_path.iterdir()):
        time.sleep(0.01)
    start = time.monotonic()
    found.close()
    assert time.monotonic() - start < 60 and not list(tmp_path.iterdir())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's /proc")
def test_nothing_is_left_of_processes_that_are_done() -> None:
    all_of(squares, 2, 2)  # starts what Python keeps for good
    before = len(os.listdir("/proc/self/fd"))
    all_of(partial(killers, "SIGKILL", 3), 6, 2)
    assert len(os.listdir("/proc/self/fd")) == before
    assert not multiprocessing.active_children()
