"""scripts/without-vnni: what a library whose cpuid is hidden believes of the CPU."""

import platform
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PROGRAM = """
#include <cpuid.h>
#include <stdio.h>
int main(void)
{
    unsigned a, b, c, d, e, f, g, h;
    __cpuid_count(0, 0, a, b, c, d);
    __cpuid_count(7, 0, e, f, g, h);
    printf("%x %u %u %u\\n", b, f >> 5 & 1, f >> 16 & 1, g >> 11 & 1);
    return 0;
}
"""

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64")
    or not all(map(shutil.which, ("cc", "objdump", "readelf"))),
    reason="for x86-64 under Linux, with a C compiler and binutils",
)


def test_vendor_and_avx2_stay_avx512_and_vnni_go(tmp_path: Path) -> None:
    loader = SourceFileLoader("without_vnni", str(PROJECT / "scripts" / "without-vnni"))
    spec = spec_from_loader("without_vnni", loader)
    assert spec is not None
    script = module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        loader.exec_module(script)
    finally:
        sys.dont_write_bytecode = before
    (tmp_path / "ask.c").write_text(PROGRAM)
    program, preload = tmp_path / "ask", tmp_path / "hide-vnni.so"
    subprocess.run(["cc", "-O1", "-o", program, tmp_path / "ask.c"], check=True)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", preload, PROJECT / "scripts" / "hide-vnni.c"], check=True)

    def answers() -> list[str]:
        return subprocess.run(
            [program], env={"LD_PRELOAD": preload}, capture_output=True, text=True, check=True
        ).stdout.split()

    vendor, avx2, *_ = answers()
    script.hide_in(program)
    assert answers() == [vendor, avx2, "0", "0"]
