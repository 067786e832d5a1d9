"""Turn a trained checkpoint into a bundle of quantised ONNX graphs."""

import sys
from importlib.util import find_spec

if sys.argv[0] == "-m":  # one of its commands is about to run
    missing = [package for package in ("torch", "tqdm", "onnx") if find_spec(package) is None]
    if missing:
        sys.exit(f"export: {', '.join(missing)} not installed; in a clone of gargalo: pip install -e '.[export]'")

import runtime  # noqa: F401  first, since it switches off the telemetry of onnxruntime
