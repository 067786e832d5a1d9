"""The library in somebody's program leaves the rest of it alone: its stderr, its children, its settings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]

# Loads what a program may import, and gives `work(number)`, which calls all of it on pictures and on what is none.
WORK = """
import io, os, sys, tempfile, warnings
from pathlib import Path
import numpy as np
from runtime import atomic, codec, files, incomplete, pillow, search
from PIL import Image

place = Path(sys.argv[1])
rows, columns = np.mgrid[0:200, 0:90]
picture = np.stack([rows, columns, rows ^ columns], 2).astype(np.uint8)
coder = codec.Codec(threads=2)

def work(number):
    data = coder.encode(picture, 40)
    coder.decode(data, (3, 5, 20, 30))
    incomplete.preview(coder, data, 1, None)
    coder.encode(np.dstack([picture, picture[..., :1]]), 20)
    files.imwrite(place / f"{number}.gar", picture)
    files.imread(place / f"{number}.gar")
    for bad in (data[:99], b"", data[:50] + b"?" + data[51:]):
        try:
            coder.decode(bad)
        except codec.StreamError:
            pass
    image = Image.fromarray(picture)
    image.save(place / f"{number}.pillow.gar", target_bpp=1)
    Image.open(place / f"{number}.pillow.gar").load()
"""

# The same with picture files, which other libraries read: some of them damaged, so that they have something to say.
PICTURES = """
for suffix in ("png", "jpg", "tif", "webp"):
    files.imwrite(place / f"whole.{suffix}", picture)
damaged = (place / "whole.jpg").read_bytes()
(place / "damaged.jpg").write_bytes(damaged[:900] + bytes(3) + damaged[900:])
large = Image.fromarray(np.tile(picture, (4, 8, 1)))
large.save(place / "large.jpg")
def work(number):
    for _ in range(3):
        files.imread(place / "large.jpg")
    for path in sorted(place.glob("whole.*")) + [place / "damaged.jpg"]:
        try:
            files.imwrite(place / f"{number}{path.suffix}", files.imread(path))
        except codec.InputError:
            pass
"""


def run(code: str, place: Path, **options: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", code, str(place)]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    return done


# --- what others write ------------------------------------------------------------------------------------------------

AT_EVERY_CALL = """
import threading
def place_of(descriptor):
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino

before = [place_of(descriptor) for descriptor in (0, 1, 2)], sys.stdin, sys.stdout, sys.stderr
calls = 0

def look(frame, event, argument):
    global calls
    calls += 1
    now = [place_of(descriptor) for descriptor in (0, 1, 2)], sys.stdin, sys.stdout, sys.stderr
    if now != before:
        sys.setprofile(None)
        raise AssertionError(f"{frame.f_code} {event}: {before} became {now}")

sys.setprofile(look)
work(0)
sys.setprofile(None)
assert calls > 1000
"""

USED = pytest.mark.parametrize("used", ["", PICTURES], ids=["codec", "pictures"])


@USED
def test_the_streams_of_the_process_are_where_they_were_at_every_call_inside(used: str, tmp_path: Path) -> None:
    run(WORK + used + AT_EVERY_CALL, tmp_path)


WHILE_OTHERS_WRITE = """
import logging, subprocess, threading, time
logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.INFO)
stop = threading.Event()

def busy(number):
    while not stop.is_set():
        work(number)

threads = [threading.Thread(target=busy, args=(number,)) for number in range(2)]
[thread.start() for thread in threads]
children = []
for number in range(300):
    logging.info("line %d", number)
    os.write(2, b"raw %d\\n" % number)
    if number % 20 == 0:
        children.append(subprocess.Popen(["sh", "-c", "echo child; echo child >&2"]))
    time.sleep(0.002)
stop.set()
[thread.join() for thread in threads]
assert not any(child.wait() for child in children)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sh")
@USED
def test_all_that_others_write_meanwhile_arrives(used: str, tmp_path: Path) -> None:
    """Other threads that log, C code that writes to stderr itself, and children that are started meanwhile."""
    done = run(WORK + used + WHILE_OTHERS_WRITE, tmp_path)
    lines = done.stderr.splitlines()
    assert [line for line in lines if line.startswith("line")] == [f"line {number}" for number in range(300)]
    assert [line for line in lines if line.startswith("raw")] == [f"raw {number}" for number in range(300)]
    assert lines.count("child") == 15 and done.stdout == "child\n" * 15
    assert len(lines) == 615


# --- settings of the process ------------------------------------------------------------------------------------------

STATE = """
import gc, locale, random, signal, socket, threading, decimal, multiprocessing
import cv2, onnxruntime
from PIL import ImageFile

def state():
    mask = os.umask(0)
    os.umask(mask)
    found = {
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "blocked": signal.pthread_sigmask(signal.SIG_BLOCK, ()) if hasattr(signal, "pthread_sigmask") else None,
        "wakeup": signal.set_wakeup_fd(-1),
        "folder": os.getcwd(),
        "umask": mask,
        "locale": locale.setlocale(locale.LC_ALL),
        "warnings": list(warnings.filters),
        "environment": dict(os.environ),
        "numpy errors": np.geterr(),
        "numpy printing": str(np.get_printoptions()),
        "numpy random": repr(np.random.get_state()),
        "random": random.getstate(),
        "opencv": (cv2.getNumThreads(), cv2.useOptimized(), cv2.ocl.useOpenCL(), cv2.utils.logging.getLogLevel()),
        "pillow": (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS),
        "recursion": sys.getrecursionlimit(),
        "switching": sys.getswitchinterval(),
        "hooks": (sys.excepthook, threading.excepthook, sys.unraisablehook, sys.displayhook),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "tracing": (sys.gettrace(), sys.getprofile()),
        "collector": (gc.isenabled(), gc.get_threshold()),
        "start method": multiprocessing.get_start_method(allow_none=True),
        "timeout": socket.getdefaulttimeout(),
        "stack": threading.stack_size(),
        "threads": {thread.name for thread in threading.enumerate()},
        "children": multiprocessing.active_children(),
        "path": list(sys.path),
        "temporary": tempfile.tempdir,
        "descriptors": sorted(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else None,
        "inode of stderr": os.fstat(2).st_ino,
    }
    signal.set_wakeup_fd(found["wakeup"])
    return found

def compare(before, after):
    changed = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
    assert not changed, changed
"""


@pytest.mark.parametrize("used", ["", PICTURES], ids=["codec", "pictures"])
def test_calls_leave_the_settings_of_the_process_as_they_are(used: str, tmp_path: Path) -> None:
    code = f"""{WORK}{used}{STATE}
work(0)  # what libraries do once, when they are first used, is a matter of theirs
before = state()
work(1)
compare(before, state())
"""
    run(code, tmp_path)


IMPORTS = """
import runtime.codec, runtime.files, runtime.pillow, runtime.search, runtime.incomplete
runtime.codec.Codec(threads=2).encode(np.zeros((64, 64, 3), np.uint8))
"""


def test_an_import_changes_no_setting(tmp_path: Path) -> None:
    code = f"""
import os, sys, tempfile, warnings
import numpy as np
from PIL import Image
{STATE}
before = state()
{IMPORTS}
for name in ("path", "environment", "descriptors"):
    del before[name]
compare(before, state())
"""
    run(code, tmp_path)


def test_no_import_sets_a_variable_but_for_telemetry(tmp_path: Path) -> None:
    """That one is told of in the docstring of the package."""
    code = f"import os\nbefore = set(os.environ)\nimport numpy as np\n{IMPORTS}\nprint(*set(os.environ) - before)"
    ours = ("ORT_", "OPENCV_", "OPENBLAS_")  # as other tests, or who runs these, may have set them
    environment = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    assert run(code, tmp_path, env=environment).stdout.split() == ["ORT_DISABLE_TELEMETRY"]
