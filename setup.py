"""Build the compiled core where there is a compiler; pyproject.toml says everything else.

GARGALO_NATIVE=0 leaves it out, which makes a wheel for all machines; GARGALO_NATIVE=1 fails where it cannot be built.
"""

import os
import sysconfig
import zlib
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCE = "runtime/_native.c"
wanted = os.environ.get("GARGALO_NATIVE", "")
if wanted not in ("", "0", "1"):
    raise SystemExit(f"GARGALO_NATIVE={wanted} must be 0 (leave the compiled core out) or 1 (build it or fail)")
abi3 = not sysconfig.get_config_var("Py_GIL_DISABLED")
core = Extension(
    "runtime._native",
    [SOURCE],
    define_macros=[
        ("SOURCE_CRC32", f"{zlib.crc32(Path(SOURCE).read_bytes())}u"),
        *([("Py_LIMITED_API", "0x030B0000")] if abi3 else []),
    ],
    extra_compile_args=["-O3", "-ffp-contract=off", "-fno-trapping-math"] if os.name == "posix" else ["/std:c11"],
    py_limited_api=abi3,
    optional=wanted != "1",
)


class BuildCore(build_ext):
    """Builds the core, and leaves none of an earlier build where that fails."""

    def build_extension(self, ext: Extension) -> None:
        """Build it."""
        Path(self.get_ext_fullpath(ext.name)).unlink(missing_ok=True)
        super().build_extension(ext)


if wanted == "0":
    setup()
else:
    setup(
        ext_modules=[core],
        cmdclass={"build_ext": BuildCore},
        options={"bdist_wheel": {"py_limited_api": "cp311"}} if abi3 else {},
    )
