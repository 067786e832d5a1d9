"""Measurements of the runtime: speed of each stage, rate-distortion beside JPEG, WebP and AVIF."""

import sys
from importlib.util import find_spec

if sys.argv[0] == "-m":  # one of its commands is about to run
    missing = [package for package in ("tqdm", "matplotlib", "bjontegaard") if find_spec(package) is None]
    if missing:
        sys.exit(f"benchmarks: {', '.join(missing)} not installed; in a clone of gargalo: pip install -e '.[bench]'")
