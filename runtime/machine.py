"""The machine at hand: its processor, and whether that multiplies 8-bit numbers fast, as the networks want it."""

import os
import platform
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from runtime.threads import cores as cores

CPUINFO = Path("/proc/cpuinfo")
"""Where Linux tells of the processor."""


def processor() -> str:
    """Return the name of the CPU as the system tells it, or of the board where it has none."""
    told = _cpuinfo()
    named = told.get("model name") or told.get("Model") or (_sysctl("machdep.cpu.brand_string") if _MAC else "")
    return named or platform.processor() or platform.machine()


def load() -> float:
    """Return the machine's load over the last minute, 0 where it is not told."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def cpu_class() -> str:
    """Return in words which instructions for products of 8-bit numbers the CPU has, by which speeds differ most."""
    machine, words = platform.machine().lower(), _features()
    if machine in ("x86_64", "amd64"):
        if words & {"avx512_vnni", "avx512vnni", "avx_vnni"}:
            return "x86-64 with VNNI"
        return "x86-64 with AVX2, without VNNI" if "avx2" in words else "x86-64 without AVX2"
    if machine in ("aarch64", "arm64"):
        return f"64-bit ARM {'with' if 'asimddp' in words else 'without'} dot products"
    return f"{platform.machine()}, of which nothing is known"


_MAC = sys.platform == "darwin"


def _features() -> set[str]:
    """Return the names of the CPU's instruction sets, in small letters, as Linux or else numpy has them."""
    told = _cpuinfo()
    if words := told.get("flags") or told.get("Features"):
        return set(words.lower().split())
    known = import_module("numpy._core._multiarray_umath").__cpu_features__  # it knows no VNNI without AVX-512
    return {name.lower() for name, there in known.items() if there}


def _cpuinfo() -> dict[str, str]:
    """Return what Linux tells of the first CPU, by name; nothing elsewhere."""
    try:
        lines = CPUINFO.read_text(errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":")[::2] for line in reversed(lines))
    return {name.strip(): value.strip() for name, value in pairs}


def _sysctl(name: str) -> str:
    """Return what macOS tells by a name, "" where it does not."""
    try:
        return subprocess.run(["sysctl", "-n", name], capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""
