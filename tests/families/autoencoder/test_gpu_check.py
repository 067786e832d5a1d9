"""scripts/gpu-check on the CPU, and on each other provider that is there: encoder.onnx and decoder.onnx really run.

scripts/ci-providers brings OpenVINO, and WebGPU over a software Vulkan, and runs these tests with them.
"""

import os
import re
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from runtime.codec import Codec

SCRIPT = Path(__file__).parents[3] / "scripts" / "gpu-check"
SMALL = ("--count", "2", "--size", "136", "72", "--batches", "2")
ABSENT = r"install it with|finds no device|no such device|Failed to get a WebGPU adapter"
INTEL = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "OPENBLAS_CORETYPE": "Haswell",
}
"""What numpy needs under qemu-x86_64: see scripts/exactness."""


def check(provider: str, folder: Path, *words: str, qemu: bool = False) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--provider", provider, "--bundle", str(folder), *words]
    extra = {"OMP_NUM_THREADS": "1", "ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER": "1"}
    if qemu:
        command, extra = ["qemu-x86_64", "-cpu", "Haswell", *command], extra | INTEL
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | extra)


@pytest.mark.parametrize("provider", ["cpu", "openvino", "webgpu", "cuda"])
def test_pixels_are_within_a_level_of_the_cpu_s(provider: str, folder: Path) -> None:
    """OpenVINO's plugin wants a CPU by Intel, which qemu knows how to be."""
    done = check(provider, folder, *SMALL)
    if provider == "openvino" and "finds no device" in done.stderr and shutil.which("qemu-x86_64"):
        done = check(provider, folder, *SMALL, qemu=True)
    absent = re.search(rf"gpu-check: .*({ABSENT}).*", done.stderr)
    if absent and provider != "cpu":
        pytest.skip(absent[0])
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "2 pictures of 136x72 px, bundle tiny" in lines[1] and lines[4] == "ok"
    word, batch, *rates = lines[-1].split()
    assert (word, batch, len(rates)) == ("batch", "2", 4) and min(map(float, rates)) > 0


def test_pictures_of_a_folder_are_cut_to_one_size(folder: Path, tmp_path: Path, photo: np.ndarray) -> None:
    from PIL import Image

    for name, (height, width) in {"a.png": (70, 90), "b.jpg": (60, 100)}.items():
        Image.fromarray(photo[:height, :width]).save(tmp_path / name)
    (tmp_path / "c.txt").write_text("no picture")
    done = check("cpu", folder, "--images", str(tmp_path), "--batches", "1")
    assert done.returncode == 0 and "2 pictures of 90x60 px" in done.stdout


def test_what_cannot_be_checked_ends_with_a_line(folder: Path, tmp_path: Path) -> None:
    refused = {
        "no encoder.onnx and decoder.onnx": check("cpu", Path("lite")),
        "no picture is there": check("cpu", folder, "--images", str(tmp_path)),
        "less than --size 4000 72": check("cpu", folder, "--size", "4000", "72"),
    }
    for reason, done in refused.items():
        assert done.returncode == 1 and reason in done.stderr and done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def script() -> ModuleType:
    loader = SourceFileLoader("gpu_check", str(SCRIPT))
    spec = spec_from_loader("gpu_check", loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_a_provider_that_is_off_by_two_levels_fails(
    script: ModuleType, tiny: Codec, folder: Path, photo: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    class Wrong(Codec):
        def decode_batch(self, *args: object) -> np.ndarray:
            return super().decode_batch(*args) ^ 2  # type: ignore[arg-type]

    pictures = [np.ascontiguousarray(photo[:64, :64])]
    assert script.agrees(tiny, tiny, pictures, 75) and "by 0 of 255" in capsys.readouterr().out
    assert not script.agrees(Wrong(folder, threads=1), tiny, pictures, 75)
    assert "by 2 of 255 levels" in (told := capsys.readouterr().out) and "FAIL" in told
