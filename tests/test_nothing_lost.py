"""What goes wrong while an output is written leaves the old file whole and nothing beside it.

The processes, the disks and the signals are real.
"""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runtime.pictures.write import write

PROJECT = Path(__file__).parents[1]
OLD = b"what was here before"
SHOTS = int(os.environ.get("GARGALO_SHOTS", "5"))
"""Signals at random moments for each kind; more of them take longer."""
PATIENCE_S = 300

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a picture to compress and an output that exists."""
    noise = np.random.default_rng(5).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    write(tmp_path / "cam.png", noise)
    (tmp_path / "cam.gar").write_bytes(OLD)
    return tmp_path


LISTEN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""
"""Background jobs, of which these tests may be one, may be started deaf to Ctrl-C and to hanging up."""


def start(folder: Path, script: str, *words: str, **options: object) -> subprocess.Popen[str]:
    """Start a script in this folder."""
    return subprocess.Popen(
        [sys.executable, "-c", LISTEN + script, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


COMMAND = "import sys; from runtime.compress import main; sys.exit(main(sys.argv[1:]))"


def compress(folder: Path, *words: str, **options: object) -> subprocess.Popen[str]:
    """Start the command that compresses the folder's picture."""
    return start(folder, COMMAND, "cam.png", "-f", "--threads", "1", *words, **options)


def deliver(folder: Path, target: Path | str, code: str = "", **options: object) -> subprocess.Popen[str]:
    """Start what all commands do in the end: 100,000 bytes go to a file. The process runs `code` before."""
    script = f"""
import sys
from pathlib import Path
from runtime.cli.process import deliver, exit_status
{code}
sys.exit(exit_status(lambda: deliver(Path(sys.argv[1]), bytes(100_000), True)))
"""
    return start(folder, script, str(target), **options)


def status_of(process: subprocess.Popen[str]) -> int:
    process.communicate(timeout=PATIENCE_S)
    return process.returncode


def line_of(process: subprocess.Popen[str], status: int) -> str:
    """Return the one line on stderr of a process that must end with this status."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == status, err
    assert out == "" and err.startswith("gargalo: ") and err.count("\n") == 1
    return err


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# A process that says "half" and waits when half of the draft is written, or "done" when it is but for the renaming.
HALF = """
import pathlib, time
real = pathlib.Path.open
class Slow:
    def __init__(self, file): self.file = file
    def __getattr__(self, name): return getattr(self.file, name)
    def __enter__(self): return self
    def __exit__(self, *error): self.file.close()
    def write(self, data):
        self.file.write(data[:len(data) // 2]); self.file.flush()
        print("half", flush=True); time.sleep(600)
def slow(path, mode="r", *rest, **others):
    file = real(path, mode, *rest, **others)
    return Slow(file) if path.suffix == ".part" else file
pathlib.Path.open = slow
"""
DONE = """
import pathlib, time
def replace(path, target): print("done", flush=True); time.sleep(600)
pathlib.Path.replace = replace
"""


@pytest.mark.parametrize("code, word", [(HALF, "half"), (DONE, "done")], ids=["half written", "not yet renamed"])
@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_in_mid_write_keeps_the_old_file(
    folder: Path, code: str, word: str, number: signal.Signals, status: int
) -> None:
    process = deliver(folder, "cam.gar", code)
    assert process.stdout and process.stdout.readline() == f"{word}\n"
    drafts = [name for name in names(folder) if name.endswith(".part")]
    assert len(drafts) == 1
    process.send_signal(number)
    line_of(process, status)
    assert names(folder) == ["cam.gar", "cam.png"] and (folder / "cam.gar").read_bytes() == OLD


def test_two_signals_at_once_leave_no_litter_either(folder: Path) -> None:
    """timeout(1) and some supervisors send a signal to the process and to its group."""
    process = deliver(folder, "cam.gar", HALF)
    assert process.stdout and process.stdout.readline() == "half\n"
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode in (129, 143, -signal.SIGTERM, -signal.SIGHUP) and out == ""
    assert names(folder) == ["cam.gar", "cam.png"] and (folder / "cam.gar").read_bytes() == OLD


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_moment_leaves_the_old_file_or_the_new_one(folder: Path, number: signal.Signals) -> None:
    begun = time.monotonic()
    assert status_of(compress(folder)) == 0
    whole_s, new = time.monotonic() - begun, (folder / "cam.gar").read_bytes()
    moments = random.Random(number)
    for _ in range(SHOTS):
        (folder / "cam.gar").write_bytes(OLD)
        process = compress(folder)
        time.sleep(moments.uniform(0.3, 1.1) * whole_s)
        process.send_signal(number)
        status = status_of(process)
        assert (folder / "cam.gar").read_bytes() in ([new] if status == 0 else [OLD, new])  # new: just before the end
        assert names(folder) == ["cam.gar", "cam.png"]


LOADING = """
import time
from runtime.networks import sessions
def load(*_): print("loading", flush=True); time.sleep(600)
sessions.Networks._load = load
"""
UNPACKING = """
import time
from runtime import container
def unpack(*_): print("loading", flush=True); time.sleep(600)
container.unpack_damaged = unpack
"""


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize(
    "code, command",
    [
        (LOADING, "compress cam.png whole.png -o out/"),
        (LOADING, "decompress whole.gar cam.gar -o out/"),
        (LOADING, "compress - cam.png whole.png -o out/ -j 2"),
        (UNPACKING, "info whole.gar cam.gar"),
    ],
)
def test_a_signal_is_heard_while_networks_load_and_ends_all(
    folder: Path, code: str, command: str, number: signal.Signals, status: int
) -> None:
    shutil.copy(folder / "cam.png", folder / "whole.png")
    assert status_of(start(folder, COMMAND, "whole.png", "--threads", "1")) == 0
    name, *words = command.split()
    script = f"{code}import sys; from runtime.{name} import main; sys.exit(main(sys.argv[1:]))"
    with (folder / "cam.png").open("rb") as given:
        process = start(folder, script, *words, stdin=given)
    assert process.stdout and process.stdout.readline() == "loading\n"
    process.send_signal(number)
    line_of(process, status)


@pytest.fixture
def at_work(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The command, with two of many pictures at a time, in a group of its own, when the first is done."""
    (folder / "in").mkdir()
    for number in range(60):
        shutil.copy(folder / "cam.png", folder / "in" / f"{number}.png")
    process = start(folder, COMMAND, "in", "-r", "-o", "out", "-j", "2", "--quiet", start_new_session=True)
    while not list(folder.glob("out/*.gar")) and process.poll() is None:
        time.sleep(0.01)
    yield process
    process.communicate(timeout=PATIENCE_S)
    begun = time.monotonic()
    while time.monotonic() < begun + PATIENCE_S:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    pytest.fail("processes are left behind")


def test_ctrl_c_ends_all_processes_in_one_line(folder: Path, at_work: subprocess.Popen[str]) -> None:
    os.killpg(at_work.pid, signal.SIGINT)
    line_of(at_work, 130)
    assert 0 < len(names(folder / "out")) < 60 and not list(folder.glob("out/*.part"))


def test_a_group_that_is_told_to_end_leaves_no_litter(folder: Path, at_work: subprocess.Popen[str]) -> None:
    os.killpg(at_work.pid, signal.SIGTERM)
    status_of(at_work)
    assert at_work.returncode == 143 and not list(folder.glob("out/*.part"))


def test_processes_end_with_the_one_that_started_them(at_work: subprocess.Popen[str]) -> None:
    at_work.kill()


def test_a_signal_that_is_ignored_stays_so(folder: Path) -> None:
    """As under nohup."""
    process = deliver(folder, "cam.gar", "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)" + DONE)
    assert process.stdout and process.stdout.readline() == "done\n"
    process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    line_of(process, 143)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("this user may not mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_keeps_the_old_file(folder: Path, tiny_disk: Path) -> None:
    (tiny_disk / "cam.gar").write_bytes(OLD)
    told = line_of(deliver(folder, tiny_disk / "cam.gar"), 1)
    assert "No space left" in told and "cam.gar" in told and ".part" not in told
    assert names(tiny_disk) == ["cam.gar"] and (tiny_disk / "cam.gar").read_bytes() == OLD


def test_a_read_only_disk_keeps_the_old_file(folder: Path, tiny_disk: Path) -> None:
    (tiny_disk / "cam.gar").write_bytes(OLD)
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    told = line_of(compress(folder, "-o", str(tiny_disk / "cam.gar")), 1)
    assert "Read-only" in told and "cam.gar" in told and ".part" not in told
    assert names(tiny_disk) == ["cam.gar"] and (tiny_disk / "cam.gar").read_bytes() == OLD


def test_a_limit_on_file_size_keeps_the_old_file(folder: Path) -> None:
    """What a full disk does, for users who may not mount one."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))  # noqa: E731
    told = line_of(deliver(folder, "cam.gar", preexec_fn=limit), 1)
    assert "too large" in told and "cam.gar" in told and ".part" not in told
    assert names(folder) == ["cam.gar", "cam.png"] and (folder / "cam.gar").read_bytes() == OLD


def test_a_folder_that_may_not_be_written_keeps_the_old_file(folder: Path) -> None:
    locked = folder / "locked"
    locked.mkdir()
    (locked / "cam.gar").write_bytes(OLD)
    locked.chmod(0o500)
    if os.access(locked, os.W_OK):
        pytest.skip("this user may write everywhere")
    told = line_of(deliver(folder, "locked/cam.gar"), 1)
    locked.chmod(0o700)
    assert "Permission denied" in told and "cam.gar" in told
    assert names(locked) == ["cam.gar"] and (locked / "cam.gar").read_bytes() == OLD


def test_stdout_on_a_full_device_is_one_line(folder: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    script = """
import sys
from pathlib import Path
from runtime.cli.process import deliver, exit_status
sys.exit(exit_status(lambda: deliver(Path("-"), bytes(100), False)))
"""
    with open("/dev/full", "wb") as full:
        words = [sys.executable, "-c", script]
        done = subprocess.run(words, cwd=PROJECT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("gargalo: ") and "No space left" in done.stderr and done.stderr.count("\n") == 1
