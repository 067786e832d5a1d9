"""A command loads what it needs, when it needs it: a process of ours is mostly its imports."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def loaded_by(code: str) -> set[str]:
    """Return the modules of a fresh process after some code."""
    words = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("command", ["bench", "compress", "decompress", "thumbnail"])
def test_a_command_answers_before_it_loads_what_is_heavy(command: str) -> None:
    found = loaded_by(f"from runtime import {command}")
    assert not found & {"numpy", "cv2", "onnxruntime", "concurrent.futures", "tqdm"}


def test_coding_loads_neither_pools_nor_hashes_nor_archives_of_source() -> None:
    found = loaded_by("import runtime.cli.options, runtime.cli.run, runtime.pictures.read, runtime.codec")
    heavy = {"concurrent.futures", "multiprocessing", "secrets", "importlib.resources"}
    assert not found & {*heavy, "runtime.networks.float_twin", "runtime.cli.workers"}


def test_opencv_the_colour_engine_and_other_formats_are_loaded_when_they_are_used(tmp_path: Path) -> None:
    picture = Path(__file__).parents[1] / "docs" / "cam.jpg"
    words = [str(picture), "-o", str(tmp_path / "cam.gar"), "--quiet"]
    found = loaded_by(f"from runtime.compress import main\nassert main({words!r}) == 0")
    assert "PIL.JpegImagePlugin" in found
    assert not found & {"cv2", "PIL.ImageCms", "PIL.TiffImagePlugin", "PIL.WebPImagePlugin", "pillow_heif"}


def test_a_png_is_written_without_pillow_and_what_damaged_and_lossless_files_need(tmp_path: Path) -> None:
    stream = Path(__file__).parent / "vectors" / "metadata" / "stream.gar"
    words = [str(stream), "-o", str(tmp_path / "a.png"), "--quiet"]
    found = loaded_by(f"from runtime.decompress import main\nassert main({words!r}) == 0")
    assert "onnxruntime" in found
    assert not found & {"PIL", "cv2", "runtime.incomplete", "runtime.exact", "runtime.search"}


def test_one_thread_means_one_thread() -> None:
    """What a process spends beside its main thread: numpy's threads, for one, go on waiting when they are done."""
    code = """
import time
import numpy as np
from runtime.codec import Codec
codec, picture = Codec(threads=1), np.random.default_rng(1).integers(0, 256, (512, 512, 3), np.uint8)
started = time.process_time() - time.thread_time(), time.thread_time()
for _ in range(3):
    codec.decode(codec.encode(picture, 30, subsampling="4:4:4"))
print(time.process_time() - time.thread_time() - started[0], time.thread_time() - started[1])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    others, main = map(float, done.stdout.split())
    assert others < 0.05 * main


def test_numpy_starts_no_threads_in_commands(tmp_path: Path) -> None:
    """It must be told before it is loaded; a program that uses the library decides that for itself."""
    code = """
import os, sys
from runtime import compress
before = os.environ.get("OPENBLAS_NUM_THREADS"), "numpy" in sys.modules
compress.main([sys.argv[1]])
print(*before, os.environ["OPENBLAS_NUM_THREADS"])
"""
    environment = {name: text for name, text in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    words = [sys.executable, "-c", code, str(tmp_path / "none.jpg")]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None False 1"


@pytest.mark.skipif(sys.platform != "linux", reason="where it would be kept differs")
def test_onnx_runtime_makes_no_identity_of_the_device(tmp_path: Path) -> None:
    """Builds from 1.32 on would keep one in the home folder, and send it to their maker with what is run."""
    code = "import numpy, runtime.codec; runtime.codec.Codec().encode(numpy.zeros((64, 64), numpy.uint8))"
    given = {name: text for name, text in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")}
    subprocess.run([sys.executable, "-c", code], env=given | {"HOME": str(tmp_path)}, check=True)
    assert not list(tmp_path.iterdir())
