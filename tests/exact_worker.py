"""Decodes streams and encodes pictures in one process, a JSON line for each; scripts/exactness runs it on other CPUs.

    python tests/exact_worker.py vectors/gray/stream.gar lite/picture.npy --out made/

A .gar file is decoded, an .npy file of pixels encoded to OUT, with the bundle that its folder is named after, and
decoded. Needs what the runtime needs.
"""

import argparse
import hashlib
import json
import platform
import sys
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from runtime import native  # noqa: E402
from runtime.codec import Codec  # noqa: E402


class Session:
    """A session that can leave out graph optimisation and keep what goes in and out of its graph."""

    def __init__(self, real: Any, path: Path, calls: list[dict[str, Any]], dump: Path | None):
        self.real, self.path, self.calls, self.dump = real, path, calls, dump

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def run(self, names: Any, feeds: dict[str, np.ndarray], *rest: Any) -> list[np.ndarray]:
        outputs = self.real.run(names, feeds, *rest)
        if self.dump:
            told = {output.name: array for output, array in zip(self.real.get_outputs(), outputs, strict=True)}
            graph = f"{self.path.parent.name}/{self.path.name}"
            self.calls.append({"graph": graph, "in": self.keep(feeds), "out": self.keep(told)})
        return outputs

    def keep(self, arrays: dict[str, np.ndarray]) -> list[dict[str, Any]]:
        """Return what a program without numpy needs to read the arrays, each of which becomes a file."""
        assert self.dump
        told = []
        for name, array in arrays.items():
            data = np.ascontiguousarray(array).tobytes()
            file = hashlib.sha256(data).hexdigest()[:16]
            (self.dump / file).write_bytes(data)
            told.append({"name": name, "type": str(array.dtype), "shape": array.shape, "file": file})
        return told


def watch(unoptimised: bool, calls: list[dict[str, Any]], dump: Path | None) -> None:
    """Make every session of ONNX Runtime one of ours."""
    real = onnxruntime.InferenceSession

    def session(path: str, sess_options: Any = None, *rest: Any, **others: Any) -> Session:
        options = sess_options or onnxruntime.SessionOptions()
        if unoptimised:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return Session(real(path, options, *rest, **others), Path(path).with_suffix(""), calls, dump)

    onnxruntime.InferenceSession = session


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--unoptimised", action="store_true", help="ONNX Runtime runs the graphs as they are")
    parser.add_argument("--dump", type=Path, help="folder for inputs and outputs of the graphs")
    options = parser.parse_args()
    calls: list[dict[str, Any]] = []
    watch(options.unoptimised, calls, options.dump)
    versions = {"python": platform.python_version(), "numpy": np.__version__, "onnxruntime": onnxruntime.__version__}
    print(json.dumps({"machine": platform.machine(), **versions, "arrays": native.name}), flush=True)
    codec = cache(partial(Codec, threads=options.threads))
    for path in options.files:
        calls.clear()
        if path.suffix == ".npy":
            stream = codec(path.parent.name).encode(np.load(path))
            path = options.out / f"{path.stem}.gar"
            path.write_bytes(stream)
        pixels = codec(None).decode(path.read_bytes())
        told = {"file": str(path), "pixels_sha256": hashlib.sha256(pixels.tobytes()).hexdigest()}
        print(json.dumps(told | ({"calls": calls} if options.dump else {})), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
