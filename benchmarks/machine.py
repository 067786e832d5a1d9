"""What a measurement was made on: processor, system and the versions of what takes part."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from runtime import __version__, native

PACKAGES = (
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "onnx",
    "imagecodecs",
    "pillow",
    "bjontegaard",
    "pytorch-msssim",
    "torch",
)


def facts() -> dict[str, str]:
    """Return what a reader needs to judge a timing, as ordered pairs of name and value."""
    return {
        "processor": processor(),
        "cores": str(cores()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "gargalo": __version__,
        "array functions": native.name,
        **{package: _version(package) for package in PACKAGES},
    }


def processor() -> str:
    """Return the name of the CPU as the system tells it, or of the board where it has none."""
    for path, key in ((Path("/proc/cpuinfo"), "model name"), (Path("/proc/cpuinfo"), "Model")):
        if path.exists():
            for line in path.read_text(errors="replace").splitlines():
                name, _, value = line.partition(":")
                if name.strip() == key and value.strip():
                    return value.strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
