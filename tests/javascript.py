"""Node.js and what the package in web/ needs, or why they are not there; what it makes of pictures."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import run_vectors

from runtime.codec import AUTO, Codec

WEB = Path(__file__).parents[1] / "web"
LEAST_NODE = 20
PATIENCE_S = 600


def missing() -> str | None:
    """Say why JavaScript cannot be run here; None if it can."""
    node = shutil.which("node")
    if not node:
        return "no node: install Node.js"
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    if int((re.search(r"\d+", version) or ["0"])[0]) < LEAST_NODE:
        return f"Node.js {version.strip()} is older than {LEAST_NODE}"
    if not (WEB / "node_modules" / "onnxruntime-web").exists():
        return "no onnxruntime-web: run npm install in web/"
    return None


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run node in web/; PYTHON names this interpreter there. What hangs fails, and is ended with all it started."""
    environment = os.environ | {"PYTHON": sys.executable}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        ["node", *words], cwd=WEB, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            pytest.fail(f"node {' '.join(map(str, words))} took more than {PATIENCE_S} s:\n{out}\n{err}", pytrace=False)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def pictures(photo: np.ndarray) -> dict[str, tuple[np.ndarray, float, int]]:
    """Return pictures, the quality and tile size in pixels to encode them with."""
    alpha = np.dstack([photo[:70, :90], np.indices((70, 90)).sum(0).astype(np.uint8)])
    noise = np.random.default_rng(1).integers(0, 256, (66, 130, 3), dtype=np.uint8)
    return {
        "photo": (photo, 75, 1024),
        "tiles": (photo, 60, 64),
        "best": (photo[:100, :70], 100, 1024),
        "dark": (photo // 7, 90, 1024),
        "worst": (photo[:100, :70], 1, 1024),
        "noise": (noise, 75, 1024),
        "gray": (photo[:65, :64, 0], 75, 1024),
        "alpha": (alpha, 75, 1024),
        "one pixel": (photo[:1, :1], 75, 1024),
    }


def check_same_pixels(
    bundle: Path, cases: Mapping[str, tuple[np.ndarray, float, int]], scratch: Path, subsampling: str = AUTO
) -> None:
    """Encode pictures, and check that JavaScript decodes what our codec does."""
    weights = scratch / "weights"
    shutil.copytree(bundle, weights / json.loads((bundle / "manifest.json").read_text())["id"])
    expected, words = {}, []
    for name, (picture, quality, tile_px) in cases.items():
        codec = Codec(bundle, threads=1, tile_px=tile_px)
        stream = codec.encode(picture, quality, subsampling=subsampling)
        (scratch / f"{name}.gar").write_bytes(stream)
        expected[name] = codec.decode(stream)
        words += [scratch / f"{name}.gar", scratch / f"{name}.pam"]
    done = run("scripts/decode.js", "--weights", weights, *words)
    assert done.returncode == 0, done.stderr
    for name, picture in expected.items():
        shape, samples = run_vectors.read_samples(scratch / f"{name}.pam")
        assert shape == list(picture.shape), name
        assert samples == picture.tobytes(), name
