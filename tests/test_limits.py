"""Little memory, few threads, no temporary folder: a command ends, and with what it says one can go on."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from runtime.codec import Codec
from runtime.console import reason
from runtime.pictures.write import write

PROJECT = Path(__file__).parents[1]
PATIENCE_S = 300
"""Only what hangs takes so long."""
USER = 54321
"""A number that no user has, so that its processes are ours alone."""
USERS = itertools.count(USER)


def as_user() -> list[str]:
    """Return the words that make a user of a command, one whom no process of an earlier command is left of."""
    capabilities = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return ["setpriv", f"--reuid={next(USERS)}", "--clear-groups", *capabilities]


COMMAND = """
import sys
from importlib import import_module
sys.exit(import_module("runtime." + sys.argv[1]).main(sys.argv[2:]))
"""


@pytest.fixture
def folder(tmp_path: Path, photo: np.ndarray, codec: Codec) -> Path:
    """A folder `in` of pictures that are large enough for several threads, and `gar` of their streams."""
    (tmp_path / "in").mkdir()
    (tmp_path / "gar").mkdir()
    for name in "abc":
        picture = np.tile(photo, (6, 3, 1))
        write(tmp_path / "in" / f"{name}.jpg", picture)
        (tmp_path / "gar" / f"{name}.gar").write_bytes(codec.encode(picture, 30))
    return tmp_path


def run(words: list[str], folder: Path, before: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        **options,  # type: ignore[call-overload]
    )


# --- threads ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tasks", [1, 2, 3, 4, 6, 9])
@pytest.mark.parametrize(
    "command",
    [
        "compress in -r -o out --threads 4",
        "decompress gar -r -o out --threads 4",
        "compress in -r -o out -j 3 --threads 4",
        "compress in/a.jpg -o a.gar --target-size 8KB --threads 64",
    ],
)
def test_a_command_ends_under_any_limit_of_threads_and_processes(command: str, tasks: int, folder: Path) -> None:
    """As with ulimit -u, docker --pids-limit or TasksMax=: done, with fewer of them."""
    resource = pytest.importorskip("resource")
    if os.getuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("only root can become a user that has no other processes")
    folder.chmod(0o777)
    limit = lambda: resource.setrlimit(resource.RLIMIT_NPROC, (tasks, tasks))  # noqa: E731
    done = run(["-c", COMMAND, *command.split(), "--json"], folder, as_user(), preexec_fn=limit)
    assert (done.returncode, done.stderr) == (0, "")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) in (1, 3) and all(each["error"] is None for each in told)


def test_the_limit_of_threads_is_one(tmp_path: Path) -> None:
    """That of the test above."""
    resource = pytest.importorskip("resource")
    if os.getuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("only root can become a user that has no other processes")
    code = """
import threading
stop = threading.Event()
threads = [threading.Thread(target=stop.wait) for _ in range(9)]
try:
    for number, thread in enumerate(threads):
        thread.start()
except RuntimeError as error:
    print(number, error)
finally:
    stop.set()
"""
    limit = lambda: resource.setrlimit(resource.RLIMIT_NPROC, (4, 4))  # noqa: E731
    assert run(["-c", code], tmp_path, as_user(), preexec_fn=limit).stdout == "3 can't start new thread\n"


# --- memory -----------------------------------------------------------------------------------------------------------

LITTLE = """
import resource, sys
import onnxruntime, runtime.pictures.metadata, runtime.pictures.read, runtime.pictures.write
from runtime import codec, compress, decompress
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = used + (int(sys.argv[1]) << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.exit({"compress": compress, "decompress": decompress}[sys.argv[2]].main(sys.argv[3:]))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("threads", ["1", "4"])
@pytest.mark.parametrize("command", ["compress in", "decompress gar"])
def test_files_that_memory_is_too_small_for_are_told_so_and_the_others_are_done(
    command: str, threads: str, folder: Path
) -> None:
    failed = 0
    for mib in range(1, 90, 11):
        shutil.rmtree(folder / "out", ignore_errors=True)
        done = run(["-c", LITTLE, str(mib), *command.split(), "-r", "-o", "out", "--threads", threads], folder, [])
        made = len(list(folder.glob("out/*")))
        lines = done.stderr.splitlines()
        failed += len(lines)
        assert all(line.endswith(reason(MemoryError())) for line in lines), done.stderr
        assert done.returncode == (1 if lines else 0)
        assert made + len(lines) == 3 or (len(lines) == 1 and made == 0)  # as the codec itself does not fit
    assert failed


# --- temporary files --------------------------------------------------------------------------------------------------

NO_TEMPORARY = """
import tempfile
def nowhere(*_, **__): raise FileNotFoundError("no usable temporary directory")
tempfile._get_default_tempdir = tempfile.gettempdir = nowhere
"""


@pytest.mark.parametrize("command", ["compress in", "decompress gar"])
def test_no_temporary_folder_is_needed(command: str, folder: Path) -> None:
    done = run(["-c", NO_TEMPORARY + COMMAND, *command.split(), "-r", "-o", "out"], folder, [])
    assert (done.returncode, done.stderr) == (0, "")
