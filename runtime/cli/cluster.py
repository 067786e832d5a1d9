"""A Ray cluster as an engine: workers that load a bundle once, and are given a few files ahead and no more.

Outcomes come as they are done. What a worker had that was lost is done again by others; a file that is alone with its
worker when that dies, and dies again, has failed. Only Ray's actors are used. This is the only door to ray.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from runtime import __version__, atomic
from runtime.cli.engines import Outcomes, Prepare, ready
from runtime.cli.jobs import Failed, Job, Outcome
from runtime.cli.options import Batch
from runtime.console import complain
from runtime.errors import InputError

_BATCH_S, _FIRST_FILES, _MOST_FILES = 2.0, 4, 64
"""How long a batch should take, and how many files it has before that is known and at most."""
_AHEAD = 2
"""Batches that a worker has at a time, so that it need not wait for the next."""
_DEATHS = 2
"""Of workers that had but this file."""
_LOOK_S, _PATIENCE_S = 5.0, 60.0
"""How often it is seen whether the cluster has grown, and when it is told that no worker has begun."""
_ANSWER_S = 60.0
"""For a cluster to tell its health, with the start of the process that asks."""
_STARTS = 3
"""Of a cluster of this machine: Ray gives up after 30 s, in which a busy machine does not load it."""
_STORE_BYTES = 80 << 20
"""Ray's shared memory on a cluster of this machine alone: pictures never go through it."""
_THREADS = 2
"""Files at a time of a worker whose files are in a store, so that it does not wait for that."""


@dataclass
class _Batch:
    """Jobs that go to a worker together."""

    jobs: list[Job]
    suspect: bool = False
    """A worker had it that died: it goes alone to one that has nothing else."""
    deaths: int = 0

    @property
    def load(self) -> int:
        """How much of what a worker may have ahead it takes."""
        return _AHEAD if self.suspect else 1


@dataclass(eq=False)
class _Worker:
    """An actor, and what it has to do."""

    actor: Any
    owner: str
    """Of its drafts."""
    load: int = _AHEAD
    """None more is given to it before it has begun."""


def on_cluster(
    prepare: Prepare, jobs: Iterable[Job], batch: Batch, inputs: Sequence[Path], output: Path | None
) -> Outcomes:
    """Do jobs on a Ray cluster. Raise InputError where there is none, or where it cannot see paths of this machine."""
    with _connected(batch) as ray:
        _check_paths(ray, inputs, output)
        yield from _Pool(ray, prepare, jobs, batch).outcomes()


class _Pool:
    """Workers, and the batches that are flying to them and back."""

    def __init__(self, ray: Any, prepare: Prepare, jobs: Iterable[Job], batch: Batch):
        self._ray, self._left = ray, iter(jobs)
        self._cpus = batch.threads or 1
        self._most, self._asked = batch.at_a_time, batch.workers_asked
        remote: Any = ray.remote(num_cpus=self._cpus, max_restarts=0, scheduling_strategy="SPREAD")
        self._start: Callable[[str], Any] = partial(remote(_Actor).remote, prepare, __version__)
        self._workers: set[_Worker] = set()
        self._flying: dict[Any, tuple[_Worker, _Batch]] = {}
        self._again: deque[_Batch] = deque()
        self._files = _FIRST_FILES
        self._looked_s = self._told_s = time.monotonic()
        self._failed_starts = 0
        self._drafts: set[tuple[Path, str]] = set()

    def outcomes(self) -> Outcomes:
        """Yield what jobs come to; remove what workers that were lost have left in folders."""
        try:
            yield from self._outcomes()
        finally:
            for worker, batch in self._flying.values():
                self._note_drafts(worker, batch)
            for folder, owner in self._drafts:
                atomic.remove_drafts(folder, owner)

    def _note_drafts(self, worker: _Worker, batch: _Batch) -> None:
        """Add where a worker may have left drafts."""
        self._drafts |= {(job.target.parent, worker.owner) for job in batch.jobs if isinstance(job.target, Path)}

    def _outcomes(self) -> Outcomes:
        self._grow()
        while True:
            if time.monotonic() - self._looked_s > _LOOK_S or not self._workers:
                self._grow()
            self._fill()
            if not self._again and not any(batch.jobs for _, batch in self._flying.values()) and self._is_over():
                return
            refs = list(self._flying)
            some, _ = self._ray.wait(refs, num_returns=1, timeout=_LOOK_S)
            more, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0) if some else ([], [])
            for ref in {*some, *more}:
                yield from self._landed(ref)

    def _is_over(self) -> bool:
        """Return whether there is no job left, and keep the one that was looked at."""
        job = next(self._left, None)
        if job is not None:
            self._again.append(_Batch([job]))
        return job is None

    def _grow(self) -> None:
        """Start workers as the cluster has room for, or as were asked for, which is what makes a cluster grow."""
        now_s = self._looked_s = time.monotonic()
        room = int(self._ray.cluster_resources().get("CPU", 0) // self._cpus)
        wanted = self._most if self._asked else max(1, min(self._most, room))
        while len(self._workers) < wanted:
            owner = f"{os.urandom(4).hex()}-"
            worker = _Worker(self._start(owner), owner)
            self._workers.add(worker)
            self._send(worker, _Batch([]))  # comes back once it has begun
        if all(worker.load >= _AHEAD for worker in self._workers) and not any(b.jobs for _, b in self._flying.values()):
            if now_s - self._told_s > _PATIENCE_S:
                self._told_s = now_s
                complain(f"no worker has begun yet: the cluster has {room} times {self._cpus} CPUs; waiting")
        else:
            self._told_s = now_s

    def _fill(self) -> None:
        """Give workers the next batches, first to those that have nothing."""
        for load in range(_AHEAD):
            for worker in [worker for worker in self._workers if worker.load == load]:
                suspect = self._again[0] if self._again else None
                if suspect and load and suspect.suspect:
                    continue  # which waits for one that has nothing
                batch = self._again.popleft() if suspect else _Batch(list(islice(self._left, self._files)))
                if not batch.jobs:
                    return
                self._send(worker, batch)

    def _send(self, worker: _Worker, batch: _Batch) -> None:
        self._flying[worker.actor.do.remote(batch.jobs)] = worker, batch
        worker.load += batch.load if batch.jobs else 0

    def _landed(self, ref: Any) -> Iterator[tuple[Job, Outcome]]:
        """Yield what the jobs of a batch came to, or keep them for other workers."""
        errors = self._ray.exceptions
        worker, batch = self._flying.pop(ref)
        try:
            outcomes, seconds = self._ray.get(ref)
        except errors.RayTaskError as error:  # what begins a worker has failed
            raise _cause(error) from None
        except errors.RayError as error:  # of the worker, its node, or what it sent
            yield from self._lost(worker, batch, error)
            return
        if not batch.jobs:
            worker.load, self._failed_starts = 0, 0
            return
        worker.load -= batch.load
        self._files = max(1, min(_MOST_FILES, round(_BATCH_S * len(outcomes) / max(seconds, 1e-3)), 2 * self._files))
        yield from zip(batch.jobs, outcomes, strict=True)

    def _lost(self, worker: _Worker, batch: _Batch, error: Exception) -> Iterator[tuple[Job, Outcome]]:
        """Keep a batch of a worker that is lost for others, each file on its own; yield a file that was alone twice."""
        self._workers.discard(worker)
        self._note_drafts(worker, batch)
        with suppress(Exception):  # one that cannot be reached must not go on
            self._ray.kill(worker.actor)
        if not batch.jobs:
            self._failed_starts += 1
            if self._failed_starts > _DEATHS:
                raise InputError(f"workers do not begin; is gargalo {__version__} on all nodes? {_last_line(error)}")
        deaths = batch.deaths + batch.suspect
        if deaths >= _DEATHS:
            yield batch.jobs[0], Failed(f"{deaths} workers died with this file, perhaps for lack of memory")
        else:
            self._again.extend(_Batch([job], suspect=True, deaths=deaths) for job in batch.jobs)


class _Actor:
    """A worker, in its own process."""

    def __init__(self, prepare: Prepare, version: str, owner: str):
        self._prepare, self._version = prepare, version
        atomic.owner = owner
        self._attempt: Callable[[Job], Outcome] | None = None

    def do(self, jobs: list[Job]) -> tuple[list[Outcome], float]:
        """Return what jobs come to, and in how many seconds; of none it only makes ready."""
        if self._attempt is None:
            if __version__ != self._version:
                raise InputError(f"a worker has gargalo {__version__}, this is {self._version}; install the same")
            self._attempt = ready(self._prepare)
        start_s = time.perf_counter()
        if all(isinstance(job.source, Path) and isinstance(job.target, Path) for job in jobs):
            outcomes = [self._attempt(job) for job in jobs]
        else:
            with ThreadPoolExecutor(_THREADS) as pool:
                outcomes = list(pool.map(self._attempt, jobs))
        return outcomes, time.perf_counter() - start_s


# --- the cluster ------------------------------------------------------------------------------------------------------


@contextmanager
def _connected(batch: Batch) -> Iterator[Any]:
    """Yield ray, connected to a cluster that runs or to one of this machine that ends with it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it would report to its maker
    os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = ".?"  # all that Ray would tell on stdout of workers and nodes
    try:
        import ray
    except ImportError as error:
        raise InputError("--engine ray needs Ray; pip install 'gargalo[fleet]'") from error
    address = batch.address or os.environ.get("RAY_ADDRESS")
    if address:
        _check_cluster(address)
        options: dict[str, Any] = {"address": address}
    else:
        cpus = batch.at_a_time * (batch.threads or 1) if batch.workers_asked else None
        options = {
            "address": "local",
            "num_cpus": cpus,
            "object_store_memory": _STORE_BYTES,
            "include_dashboard": False,
        }
    handler = signal.getsignal(signal.SIGTERM)
    for again in reversed(range(1 if address else _STARTS)):
        try:
            ray.init(log_to_driver=False, logging_level="critical", **options)
            break
        except Exception as error:  # Ray has no kind of its own for it
            ray.shutdown()
            if not again:
                raise InputError(f"Ray did not begin at {address or 'this machine'}: {_last_line(error)}") from error
    try:
        with suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGTERM, handler)  # which Ray has replaced
        yield ray
    finally:
        ray.shutdown()


def _check_cluster(address: str) -> None:
    """Raise InputError where nothing answers as a Ray cluster does: Ray itself would try for minutes, in many lines."""
    needed = f"--address {address} is no Ray cluster; give HOST:PORT of its head, such as 10.0.0.1:6379"
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError) as error:
        raise InputError(f"{needed} ({error})") from error
    words = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        status = subprocess.run(words, capture_output=True, timeout=_ANSWER_S).returncode
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{needed} (what is there said nothing for {_ANSWER_S:.0f} s)") from error
    if status:
        raise InputError(f"{needed} (something else answers there)")


def _check_paths(ray: Any, inputs: Sequence[Path], output: Path | None) -> None:
    """Raise InputError unless all nodes see the paths of this machine: what one writes must be where all write."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = ray.get_runtime_context().get_node_id()
    others = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] != here]
    if not others or not (inputs or output):
        return
    marker = output / f".gargalo-{os.urandom(4).hex()}.part" if output else None
    if marker:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    try:
        look = ray.remote(num_cpus=0)(_unseen)
        paths = [*inputs, *([marker] if marker else [])]
        for node in others:
            only = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            unseen = ray.get(look.options(scheduling_strategy=only).remote(paths))
            if unseen:
                path = output if unseen[0] == marker else unseen[0]
                raise InputError(
                    f"{path} of this machine is not seen by node {node['NodeManagerAddress']}; "
                    "give a folder that all nodes share, or an address such as s3://bucket/folder"
                )
    finally:
        if marker:
            marker.unlink(missing_ok=True)


def _unseen(paths: Sequence[Path]) -> list[Path]:
    """Return the paths that are not there."""
    return [path for path in paths if not path.exists()]


def _cause(error: Any) -> Exception:
    """Return the error that was raised in a worker."""
    cause = error.cause
    return cause if isinstance(cause, Exception) else InputError(_last_line(error))


def _last_line(error: Exception) -> str:
    """Return the last line of an error, where Ray says what is wrong."""
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
