"""What a measurement was made on: processor, system and the versions of what takes part."""

import platform
from importlib.metadata import PackageNotFoundError, version

from runtime import __version__, native
from runtime.machine import cores as cores
from runtime.machine import cpu_class, processor

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
        "class": cpu_class(),
        "cores": str(cores()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "gargalo": __version__,
        "array functions": native.name,
        **{package: _version(package) for package in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
