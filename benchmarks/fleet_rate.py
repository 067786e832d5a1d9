"""Pictures a second and memory of a fleet on one machine, beside those of -j: python -m benchmarks.fleet_rate.

Each way is a command of its own, from its start to its end, in turns. On a machine that does other things CPU time a
picture, of all processes that take part, says more than wall time. Linux alone, as it reads /proc.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

_PERIOD_S = 0.5
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
PROJECT = Path(__file__).parents[1]


@dataclass
class Run:
    """What a command and the processes below it took."""

    wall_s: float = 0.0
    cpu: dict[int, float] = field(default_factory=dict)
    """Seconds by process."""
    driver_mib: float = 0.0
    """Largest proportional set of the command's own process."""
    worker_mib: float = 0.0
    """The largest of any other process that works: of Ray, or of -j."""
    total_mib: float = 0.0
    """The largest sum."""


def run(words: list[str]) -> Run:
    """Return what a command took; raise RuntimeError where it fails."""
    found, start_s = Run(), time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as errors, subprocess.Popen(words, env=environment, stderr=errors) as process:
        while process.poll() is None:
            _look(process.pid, found)
            time.sleep(_PERIOD_S)
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"{' '.join(words)}: {errors.read().decode()}")
    found.wall_s = time.perf_counter() - start_s
    return found


def _look(driver: int, found: Run) -> None:
    """Add what the processes below a driver have taken until now."""
    parents: dict[int, tuple[int, float]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            numbers = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.name)] = int(numbers[1]), (int(numbers[11]) + int(numbers[12])) / _TICKS
    family = {driver}
    while more := {number for number, (parent, _) in parents.items() if parent in family} - family:
        family |= more
    sizes = {number: _mib(number) for number in family}
    found.cpu |= {number: parents[number][1] for number in family if number in parents}
    found.driver_mib = max(found.driver_mib, sizes[driver])
    workers = [size for number, size in sizes.items() if number != driver and _works(number)]
    found.worker_mib = max([found.worker_mib, *workers])
    found.total_mib = max(found.total_mib, sum(sizes.values()))


def _works(number: int) -> bool:
    """Return whether a process codes pictures: Ray's workers bear the name of their class."""
    try:
        words = Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return False
    return b"ray::_Actor" in words or b"spawn_main" in words


def _mib(number: int) -> float:
    """Return the memory of a process, of what is shared its share."""
    try:
        lines = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def main() -> None:
    """Print a table and, with --out, write the numbers of all rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True, help="a folder of pictures, taken again and again")
    parser.add_argument("--files", type=int, default=2000, metavar="N")
    parser.add_argument("--rounds", type=int, default=1, metavar="N")
    parser.add_argument("--ways", default="-j 1,ray 1,-j 2,ray 2")
    parser.add_argument("--out", type=Path, metavar="JSON")
    args = parser.parse_args()
    sources = sorted(path for path in args.images.iterdir() if path.suffix.lower() in (".png", ".jpg", ".ppm"))
    runs: dict[str, list[Run]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "in")
        folder.mkdir()
        for number in range(args.files):
            source = sources[number % len(sources)]
            (folder / f"{number:06}{source.suffix}").symlink_to(source.absolute())
        for _ in range(args.rounds):
            for way in args.ways.split(","):
                out = Path(place, "out")
                shutil.rmtree(out, ignore_errors=True)
                engine = ["--engine", "ray"] if way.startswith("ray") else []
                words = [sys.executable, "-m", "runtime", "compress", str(folder), "-r", "-o", str(out), *engine]
                found = run([*words, "-j", way.split()[1], "--quiet"])
                assert len(list(out.glob("*.gar"))) == args.files
                runs.setdefault(way, []).append(found)
                print(_row(way, [found], args.files), flush=True)
    print("| | files/s | CPU ms a file | driver MiB | largest worker MiB | all MiB |\n|---|---:|---:|---:|---:|---:|")
    for way, each in runs.items():
        print(_row(way, each, args.files))
    if args.out:
        rows = {way: [asdict(one) | {"cpu": sum(one.cpu.values())} for one in each] for way, each in runs.items()}
        args.out.write_text(json.dumps({"files": args.files, "runs": rows}, indent=1) + "\n")


def _row(way: str, runs: list[Run], files: int) -> str:
    """Return a row of the table: medians of all rounds."""
    rate = files / median(one.wall_s for one in runs)
    cpu_ms = 1e3 * median(sum(one.cpu.values()) for one in runs) / files
    sizes = [median(getattr(one, name) for one in runs) for name in ("driver_mib", "worker_mib", "total_mib")]
    return f"| {way} | {rate:.2f} | {cpu_ms:.1f} | " + " | ".join(f"{size:.0f}" for size in sizes) + " |"


if __name__ == "__main__":
    main()
