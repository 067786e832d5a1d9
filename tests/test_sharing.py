"""One Codec shared by threads and many processes side by side give the same bytes and pixels as one alone."""

import hashlib
import multiprocessing
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soak

from runtime.codec import Codec

PROJECT = Path(__file__).parents[1]
THREADS, PROCESSES = 8, 2

# Prints the hash of a picture's stream and of its decoded pixels, ten times over.
AGAIN = """
import sys, hashlib, numpy as np
from runtime.codec import Codec
codec, picture = Codec(threads=1), np.load(sys.argv[1])
for _ in range(10):
    stream = codec.encode(picture, 60)
    print(hashlib.sha256(stream + codec.decode(stream).tobytes()).hexdigest())
"""


def test_eight_threads_share_a_codec(photo: np.ndarray) -> None:
    """Its sessions are made by whichever thread comes first, so it is a fresh one."""
    alone, shared = Codec(threads=1), Codec(threads=1)
    pictures = [np.ascontiguousarray(photo[: 20 + 9 * n, : 200 - 11 * n]) for n in range(12)]
    levels = [5 + 8 * n for n in range(12)]
    streams = [alone.encode(picture, level) for picture, level in zip(pictures, levels, strict=True)]
    decoded = [alone.decode(stream) for stream in streams]
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(2):
            assert list(pool.map(shared.encode, pictures, levels)) == streams
            for found, expected in zip(pool.map(shared.decode, streams), decoded, strict=True):
                assert np.array_equal(found, expected)


def _encode_as(stream: bytes, codec: Codec, picture: np.ndarray) -> None:
    assert codec.encode(picture, 60) == stream


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="the system has no fork")
def test_a_process_forked_while_a_thread_is_at_work_does_not_hang(photo: np.ndarray) -> None:
    """It inherits all locks as they are, and nobody there who gives them back."""
    codec = Codec(threads=1)
    child = multiprocessing.get_context("fork").Process(
        target=_encode_as, args=(codec.encode(photo, 60), codec, photo), daemon=True
    )
    with codec.networks._making:
        child.start()
    child.join(300)
    child.kill()
    assert child.exitcode == 0


def test_two_processes_at_once_give_what_one_gives(codec: Codec, photo: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "photo.npy", photo)
    words = [sys.executable, "-c", AGAIN, str(tmp_path / "photo.npy")]
    running = [subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    stream = codec.encode(photo, 60)
    expected = hashlib.sha256(stream + codec.decode(stream).tobytes()).hexdigest()
    for process in running:
        assert process.communicate(timeout=300)[0].split() == [expected] * 10
        assert process.returncode == 0


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
def test_the_soak_passes_in_small(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "SIZES", soak.SIZES[:6])
    monkeypatch.setattr(soak, "GROWTH", 1.3)  # so early, memory still settles
    monkeypatch.setattr(sys, "argv", ["soak.py", "--count", "60"])
    assert soak.main() == 0
    assert "0 more descriptors, 0 of other bytes" in capsys.readouterr().out
