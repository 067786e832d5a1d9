"""Build the compiled core where there is a compiler; pyproject.toml says everything else.

GARGALO_NATIVE=0 leaves it out, which makes a wheel for all machines; GARGALO_NATIVE=1 fails where it cannot be built.
"""

import os
import sysconfig
import zlib
from pathlib import Path

from setuptools import Extension, setup

SOURCE = "runtime/_native.c"
wanted = os.environ.get("GARGALO_NATIVE", "")
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
if wanted == "0":
    setup()
else:
    setup(ext_modules=[core], options={"bdist_wheel": {"py_limited_api": "cp311"}} if abi3 else {})
