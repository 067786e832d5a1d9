"""Two raylets on this machine, whose workers and nodes are killed: nothing is lost, and nothing is there twice.

Commands are processes of their own, so that Ray's threads and signals stay out of the tests'.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from object_store import refuse, serving

from runtime.pictures.write import write

pytest.importorskip("ray", reason="needs gargalo[fleet]")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds workers by /proc")

PROJECT = Path(__file__).parents[2]
TINY = PROJECT / "tests" / "tiny" / "bundle"
PATIENCE_S = 400
FILES = 48


@contextmanager
def two_raylets(*words: str, **variables: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Yield the address of a cluster, which begins in another folder, and the process that keeps it."""
    script = [sys.executable, str(PROJECT / "tests" / "ray_cluster.py"), *words]
    environment = os.environ | {"PYTHONPATH": f"{PROJECT}:{PROJECT / 'tests'}"} | variables
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(script, env=environment, cwd="/", text=True, **pipes) as process:
        assert process.stdin and process.stdout
        try:
            lines = iter(process.stdout.readline, "")  # Ray tells on stdout what it had to begin again
            address = next((line.strip() for line in lines if re.fullmatch(r"[\d.]+:\d+\s*", line)), "")
            assert address, "the cluster did not begin"
            yield address, process
        finally:
            process.stdin.close()
            process.wait(PATIENCE_S)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in/ of pictures, all of them different, and one that is none."""
    (tmp_path / "in").mkdir()
    random = np.random.default_rng(3)
    for number in range(FILES):
        write(tmp_path / "in" / f"{number:03}.png", random.integers(0, 256, (96, 160, 3), np.uint8))
    (tmp_path / "in" / "bad.png").write_text("none")
    return tmp_path


def start(*words: str | Path, **variables: str) -> subprocess.Popen[str]:
    """Start a command of ours."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"} | variables
    command = [sys.executable, "-m", "runtime", *map(str, words), "--bundle", os.path.relpath(TINY)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*words: str | Path, **variables: str) -> int:
    """Run a command of ours to its end, and return its status."""
    with start(*words, **variables) as process:
        process.communicate(timeout=PATIENCE_S)
        return process.returncode


def workers() -> list[int]:
    """Return the processes of workers that are at work."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if b"ray::_Actor" in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def when(ready: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something is so, while a process runs."""
    until_s = time.monotonic() + PATIENCE_S
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until_s
        time.sleep(0.05)


def rows(out: Path) -> list[dict[str, object]]:
    parts = sorted((out / ".manifest").glob("*.jsonl"))
    return [json.loads(line) for part in parts for line in part.read_text().splitlines()]


def check(out: Path, expected: Path) -> None:
    """Check that there is a whole output and one row for each picture, and a row of the bad one."""
    found = {path.name: path.read_bytes() for path in out.glob("*") if path.is_file()}
    assert found == {path.name: path.read_bytes() for path in expected.glob("*.gar")} and len(found) == FILES
    names = sorted(str(row["input"]).rpartition("/")[2] for row in rows(out))
    assert names == sorted([f"{number:03}.png" for number in range(FILES)] + ["bad.png"])
    assert [row["failure"] for row in rows(out) if row["error"]] == ["bad file"]


def test_workers_and_a_node_that_die_cost_nothing(folder: Path) -> None:
    """A worker is killed, then the second node is removed: all outputs are those of one machine, and told of once."""
    assert run("compress", folder / "in", "-r", "-o", folder / "expected") == 1
    with two_raylets() as (address, cluster):
        assert cluster.stdin and cluster.stdout
        out = folder / "out"
        process = start("compress", folder / "in", "-r", "-o", out, "--engine", "ray", "--address", address)
        when(lambda: len(list(out.glob("*.gar"))) >= 4, process)
        os.kill(workers()[0], signal.SIGKILL)
        when(lambda: len(list(out.glob("*.gar"))) >= 12, process)
        cluster.stdin.write("remove\n")
        cluster.stdin.flush()
        assert "removed\n" in iter(cluster.stdout.readline, "")
        text, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 1 and text.startswith(f"{FILES} of {FILES + 1} files, 1 failed (1 bad file)"), (
            errors
        )
        assert errors.startswith(f"gargalo: {folder / 'in' / 'bad.png'} is not a picture") and errors.count("\n") == 1
        check(out, folder / "expected")


def test_a_store_that_fails_and_two_jobs_at_once_lose_nothing(folder: Path) -> None:
    """Two jobs over the same prefix while the store answers 503, hangs up, and says that credentials have expired."""
    with serving() as store:
        for path in (folder / "in").iterdir():
            store.client.put_object(Bucket="pictures", Key=f"x/{path.name}", Body=path.read_bytes())
        count = [0]

        def sometimes(handler: object) -> bool:
            count[0] += 1
            if count[0] % 11 == 0:
                return refuse(handler, 503, "SlowDown")  # type: ignore[arg-type]
            if count[0] % 17 == 0:
                return refuse(handler, 400, "ExpiredToken")  # type: ignore[arg-type]
            handler.close_connection = count[0] % 23 == 0  # type: ignore[attr-defined]
            return count[0] % 23 == 0 or count[0] % 97 == 0  # hangs up; says nothing, for as long as one listens

        store.fault = sometimes
        with two_raylets(**store.environment()) as (address, _):
            words = ("compress", "s3://pictures/x", "-r", "-o", "s3://made/y", "--engine", "ray", "-j", "1")
            jobs = [start(*words, "--address", address, **store.environment()) for _ in range(2)]
            told = [job.communicate(timeout=PATIENCE_S) for job in jobs]
        assert [job.returncode for job in jobs] == [1, 1], told
        assert all(text.startswith(f"{FILES} of {FILES + 1} files, 1 failed (1 bad file)") for text, _ in told), told
        assert run("compress", folder / "in", "-r", "-o", folder / "expected") == 1
        expected = {f"y/{path.name}": path.stat().st_size for path in (folder / "expected").glob("*.gar")}
        assert store.names() == expected and len(expected) == FILES


POISON = """
import os, signal, sys
from pathlib import Path
from runtime.cli.cluster import on_cluster
from runtime.cli.jobs import Done, Existing, Failed, Job
from runtime.cli.options import Batch

def prepare():
    def work(job):
        if job.source.name == "7":
            os.kill(os.getpid(), signal.SIGKILL)
        return Done(1, 1, 1.0, 1.0, (1, 1), [])
    return work

jobs = [Job(Path(str(number)), Path("x"), Existing.EQUAL) for number in range(30)]
batch = Batch((), engine="ray", at_a_time=2, threads=1)
for job, outcome in on_cluster(prepare, jobs, batch, [], None):
    print(job.source, type(outcome).__name__, getattr(outcome, "reason", ""))
"""


def test_a_file_that_kills_its_worker_fails_and_no_other_does(tmp_path: Path) -> None:
    words = [sys.executable, "-c", POISON]
    done = subprocess.run(words, env=os.environ | {"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line[:1].isdigit()]
    told = {int(line.split()[0]): line.split(maxsplit=2)[1:] for line in lines}
    assert len(lines) == len(told) == 30
    assert told.pop(7) == ["Failed", "2 workers died with this file, perhaps for lack of memory"]
    assert all(words == ["Done"] for words in told.values())


def test_paths_that_a_node_does_not_see_are_refused(folder: Path) -> None:
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("mount namespaces need root")
    with two_raylets(str(folder / "in")) as (address, _):
        process = start(
            "compress", folder / "in" / "000.png", "-o", folder / "out", "--engine", "ray", "--address", address
        )
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 1 and errors.count("\n") == 1
        assert errors.startswith(f"gargalo: {folder / 'in' / '000.png'} of this machine is not seen by node ")
        assert not list((folder / "out").glob("*.gar"))


def _refuse(server: socket.socket) -> None:
    """Answer all who connect as something else than a cluster, until the server is closed."""
    with suppress(OSError):
        while True:
            with server.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "127.0.0.1:http"])
def test_an_address_that_is_no_cluster_is_one_line(address: str, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_refuse, args=(server,), daemon=True).start()
        address = address.replace("http", str(server.getsockname()[1]))
        process = start("compress", folder / "in", "-r", "-o", folder / "out", "--engine", "ray", "--address", address)
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1 and errors.count("\n") == 1
    assert errors.startswith(f"gargalo: --address {address} is no Ray cluster; give HOST:PORT")


def test_a_command_that_is_ended_leaves_whole_outputs_and_no_process(folder: Path) -> None:
    out = folder / "out"
    process = start("compress", folder / "in", "-r", "-o", out, "--engine", "ray", "-j", "1")
    when(lambda: len(list(out.glob("*.gar"))) >= 2, process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + signal.SIGTERM and errors == "gargalo: SIGTERM\n"
    assert len(list(out.glob("*.gar"))) < FILES and not list(out.glob("*.part"))
    assert run("compress", folder / "in", "-r", "-o", folder / "expected") == 1
    assert run("compress", folder / "in", "-r", "-o", out, "--engine", "ray", "-j", "1") == 1
    check(out, folder / "expected")
