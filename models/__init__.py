"""The network and its training, in PyTorch."""

import sys
from importlib.util import find_spec

if sys.argv[0] == "-m":  # one of its commands is about to run
    missing = [package for package in ("torch", "tqdm", "matplotlib") if find_spec(package) is None]
    if missing:
        sys.exit(f"models: {', '.join(missing)} not installed; in a clone of gargalo: pip install -e '.[models]'")
