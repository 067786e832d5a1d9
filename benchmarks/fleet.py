"""Where a fleet's one driver becomes the bottleneck, simulated: python -m benchmarks.fleet.

The driver lists, makes jobs, sends batches and writes the manifest, one thing after the other; workers have two batches
ahead. What the driver does for a file is measured here with the functions that it runs; what a picture takes comes from
the manifest of a real run, or from --seconds. Stragglers are files that take so many times as long.
"""

import argparse
import heapq
import json
import pickle
import tempfile
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from runtime.cli import fleet, manifest
from runtime.cli.jobs import Done, Existing, Job
from runtime.cli.options import Batch
from runtime.cli.places import place
from runtime.cli.run import entry

_PAGE_FILES, _PART_ROWS, _AHEAD, _BATCH_S, _MOST_FILES = 1000, 1000, 2, 2.0, 64
"""As in runtime/cli: stores, manifest, cluster."""
_MEASURED = 20_000


@dataclass(frozen=True)
class Costs:
    """What the driver takes, in seconds."""

    job: float
    """To make and pickle a job of a file that is listed."""
    row: float
    """To take an outcome and write its row."""
    batch: float
    """Ray's share, to send a batch and to get it back."""
    page: float
    """The store's answer with a page of the listing."""
    part: float
    """The store's answer to a part of the manifest."""


@dataclass(frozen=True)
class Outcome:
    """What a simulated run came to."""

    wall_s: float
    efficiency: float
    """Work over the time of all workers."""
    driver: float
    """Share of the time in which the driver was busy."""
    tail_s: float
    """From the first worker that has nothing left to the end."""


def measured(batch_s: float, page_s: float, part_s: float) -> Costs:
    """Return the driver's costs on this machine; those of Ray and of the store are given."""
    output = place("s3://bucket/out")
    batch = Batch(("s3://bucket/in",), "s3://bucket/out", recursive=True)
    entries = [(place(f"s3://bucket/in/{n % 100:02}/{n:09}.jpg"), f"{n:032x}") for n in range(_MEASURED)]
    with tempfile.TemporaryDirectory() as folder:
        listed = fleet._listed
        fleet._listed = lambda folder, links: iter(entries)
        try:
            start = time.process_time()
            sources = [place("s3://bucket/in")]
            made = fleet._jobs(batch, sources, Path(folder), ".gar", (".jpg",), "0" * 32, fleet._Sums())
            jobs = list(islice(made, _MEASURED))
            for first in range(0, _MEASURED, 16):
                pickle.dumps(jobs[first : first + 16])
            job_s = (time.process_time() - start) / _MEASURED
        finally:
            fleet._listed = listed
        done = Done(500_000, 50_000, 80.0, 1.0, (512, 768), [])
        rows, start = manifest.Manifest(Path(folder)), time.process_time()
        for number in range(_MEASURED):
            job = Job(entries[number][0], output / f"{number}.gar", Existing.EQUAL, version="0" * 32)
            rows.add(entry(job, pickle.loads(pickle.dumps(done))))
        row_s = (time.process_time() - start) / _MEASURED
    return Costs(job_s, row_s, batch_s, page_s, part_s)


def simulated(files: int, workers: int, seconds: np.ndarray, costs: Costs, seed: int = 1) -> Outcome:
    """Return how long workers take for so many files, each of which takes one of these seconds."""
    random = np.random.default_rng(seed)
    size = max(1, min(_MOST_FILES, round(_BATCH_S / float(np.mean(seconds)))))
    drawn = np.random.default_rng(seed + 1).choice(np.asarray(seconds), files)
    sums = np.add.reduceat(drawn, np.arange(0, files, size))
    sent = answered = listed = rows = 0
    now = busy = 0.0
    free = np.zeros(workers)
    flying: list[tuple[float, int]] = []

    def send(worker: int) -> None:
        nonlocal sent, now, busy, listed
        cost = costs.batch / 2 + size * costs.job
        if sent * size >= listed:
            cost, listed = cost + costs.page, listed + _PAGE_FILES
        now, busy = now + cost, busy + cost
        free[worker] = max(free[worker], now) + sums[sent]
        heapq.heappush(flying, (float(free[worker]), worker))
        sent += 1

    for _ in range(_AHEAD):
        for worker in random.permutation(workers):
            if sent < len(sums):
                send(int(worker))
    first_idle = float("inf")
    while flying:
        finished, worker = heapq.heappop(flying)
        cost = costs.batch / 2 + size * costs.row
        rows += size
        if rows >= _PART_ROWS:
            cost, rows = cost + costs.part, 0
        now, busy, answered = max(now, finished) + cost, busy + cost, answered + 1
        if sent < len(sums):
            send(worker)
        elif finished >= free[worker]:
            first_idle = min(first_idle, finished)
    return Outcome(now, float(sums.sum()) / (workers * now), busy / now, max(0.0, now - first_idle))


def _seconds(args: argparse.Namespace) -> np.ndarray:
    """Return what pictures take: of a manifest, or all the same, with stragglers."""
    if args.manifest:
        rows = [json.loads(line) for path in args.manifest for line in path.read_text().splitlines()]
        times = np.array([row["ms"] for row in rows if row["ms"] is not None]) / 1e3
    else:
        times = np.full(10_000, args.seconds)
    random = np.random.default_rng(0)
    drawn = random.choice(times, 100_000)
    drawn[random.random(drawn.size) < args.stragglers] *= args.slower
    return drawn


def main() -> None:
    """Print the driver's costs, and a table of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--files", type=int, default=1_000_000)
    add("--workers", default="10,100,300,1000,3000")
    add("--seconds", type=float, default=0.08, help="of a picture, where there is no manifest")
    add("--manifest", type=Path, nargs="*", help="parts of a real run's manifest")
    add("--stragglers", type=float, default=0.001, help="share of the files")
    add("--slower", type=float, default=20.0, help="how many times as long they take")
    add("--batch-ms", type=float, default=1.0, help="Ray's share of a batch; the driver's CPU time")
    add("--page-ms", type=float, default=150.0, help="a page of 1,000 entries of the listing")
    add("--part-ms", type=float, default=60.0, help="a part of 1,000 rows of the manifest")
    args = parser.parse_args()
    costs = measured(args.batch_ms / 1e3, args.page_ms / 1e3, args.part_ms / 1e3)
    seconds = _seconds(args)
    print(f"driver: {1e6 * costs.job:.0f} us a job, {1e6 * costs.row:.0f} us a row (measured here)")
    print(f"pictures: {1e3 * seconds.mean():.0f} ms, {args.files} files\n")
    print("| workers | hours | pictures/s | efficiency | driver busy | tail s |\n|---:|---:|---:|---:|---:|---:|")
    for workers in map(int, args.workers.split(",")):
        found = simulated(args.files, workers, seconds, costs)
        print(
            f"| {workers} | {found.wall_s / 3600:.2f} | {args.files / found.wall_s:.0f} | {found.efficiency:.3f} "
            f"| {found.driver:.3f} | {found.tail_s:.1f} |"
        )


if __name__ == "__main__":
    main()
