"""Whole processes: how long a command takes from a cold start, and how much memory it has at its peak.

A child's peak memory is at least that of the process that started it. So a small one stands between: this file run as
a script, without the packages of the benchmarks. It prints what it saw as JSON.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

BARE = ("-c", "import numpy, onnxruntime")
"""What no process of ours can do without: its time is the unit of a cold start."""
PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Run:
    """What one process took."""

    wall_ms: float
    cpu_ms: float
    """User and system time of all its threads."""
    peak_bytes: int
    """Largest resident set."""


def run(arguments: Sequence[str]) -> Run:
    """Return what `python ARGUMENTS` took; raises CalledProcessError with its stderr where it fails."""
    environment = dict(os.environ, PYTHONPATH=str(PROJECT))
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody compiles at each start what is installed
    command = [sys.executable, "-I", "-S", __file__, sys.executable, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, [*arguments], done.stdout, done.stderr)
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def interleaved(
    commands: Mapping[str, Sequence[str]],
    rounds: int,
    tick: Callable[[], object] = lambda: None,
    made: Sequence[Path] = (),
) -> dict[str, Run]:
    """Return the medians of each command over so many rounds of all of them, after one that is not counted.

    What the commands make is removed before each: some file systems take long to replace a file.
    """
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, arguments in commands.items():
            for path in made:
                path.unlink(missing_ok=True)
            found = run(arguments)
            tick()
            if number:  # the first reads files that the system then keeps in memory
                runs[name].append(found)
    return {
        name: Run(
            median(each.wall_ms for each in found),
            median(each.cpu_ms for each in found),
            round(median(each.peak_bytes for each in found)),
        )
        for name, found in runs.items()
    }


def _watch(command: Sequence[str]) -> int:
    """Run a command, print what it took, return its exit status."""
    started = time.perf_counter()
    process = os.posix_spawn(command[0], list(command), os.environ)
    _, status, usage = os.wait4(process, 0)
    wall_ms = 1e3 * (time.perf_counter() - started)
    unit = 1 if sys.platform == "darwin" else 1024
    facts = {
        "wall_ms": wall_ms,
        "cpu_ms": 1e3 * (usage.ru_utime + usage.ru_stime),
        "peak_bytes": usage.ru_maxrss * unit,
    }
    print(json.dumps(facts))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(_watch(sys.argv[1:]))
