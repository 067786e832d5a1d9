"""gargalo bench: what it measures, what it reckons, and what it says."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY

from runtime import bench, machine, native
from runtime.bench import RATES, SIZES, Speed, lines, main, measure, picture
from runtime.codec import Codec

Capture = pytest.CaptureFixture[str]
X86 = "processor\t: 0\nmodel name\t: Made Up 3000\nflags\t\t: fpu {}\n\nmodel name\t: other\nflags\t\t: fpu\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd {}\n\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 9\n"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sizes that take no time."""
    monkeypatch.setattr(bench, "SIZES", ((64, 48), (96, 64), (128, 96)))


def test_a_line_of_json_has_every_size_and_number_of_threads(small: None, capfd: Capture) -> None:
    assert main(["--bundles", str(TINY), "--seconds", "60", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["arrays"], told["quality"], told["cores"]) == (native.name, 75, machine.cores())
    assert told["class"] == machine.cpu_class() and told["processor"]
    speeds = [Speed(**speed) for speed in told["speeds"]]
    threads = sorted({1, machine.cores()})
    expected = [(width, height, count) for width, height in bench.SIZES for count in threads]
    assert [(speed.width, speed.height, speed.threads) for speed in speeds] == expected
    codec = Codec(TINY)
    assert all((speed.bundle, speed.id) == (codec.bundle.name, codec.bundle.id.hex()) for speed in speeds)
    assert all(speed.measured and min(speed.encode_per_s, speed.decode_per_s) > 0 for speed in speeds)


def test_people_read_a_table_and_what_keeps_up(small: None, capfd: Capture) -> None:
    assert main(["--bundles", f"{TINY},{TINY}/../{TINY.name}", "--seconds", "3600"]) == 0
    out = capfd.readouterr().out
    assert out.startswith(f"{machine.processor()}, {machine.cores()} cores, {machine.cpu_class()}; array functions: ")
    assert all(out.count(f"{width} x {height} ") == 2 for width, height in bench.SIZES)
    assert out.count(f"\n{Codec(TINY).bundle.name} ") == len(bench.SIZES), "a bundle that is named twice counts once"
    assert "~" not in out.split("\n", 2)[2] and "encoding keeps up with a camera of" in out


def test_time_that_is_up_leaves_larger_sizes_reckoned_by_their_pixels(tiny: Codec) -> None:
    started = time.perf_counter()
    first, *others = measure([tiny], started)
    assert first.measured and (first.width, first.height) == SIZES[0]
    for speed, (width, height) in zip(others, SIZES[1:], strict=True):
        ratio = width * height / (640 * 480)
        assert not speed.measured and (speed.width, speed.height) == (width, height)
        assert speed.encode_per_s == pytest.approx(first.encode_per_s / ratio)
        assert speed.decode_per_s == pytest.approx(first.decode_per_s / ratio)


def test_a_lack_of_memory_for_large_pictures_leaves_them_reckoned(
    small: None, tiny: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = tiny.encode

    def scarce(pixels: np.ndarray) -> bytes:
        if pixels.shape[1] > 64:
            raise MemoryError
        return encode(pixels)

    monkeypatch.setattr(tiny, "encode", scarce)
    assert [speed.measured for speed in measure([tiny], time.perf_counter() + 3600)] == [True, False, False]


def test_a_picture_that_nothing_codes_is_not_made(small: None, tiny: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    def scarce(width: int, height: int) -> np.ndarray:
        if width > 64:
            raise MemoryError
        return picture(width, height)

    monkeypatch.setattr(bench, "picture", scarce)
    for seconds in (0, 3600):
        speeds = measure([tiny], time.perf_counter() + seconds)
        assert [speed.measured for speed in speeds] == [True, False, False]


def test_each_bundle_is_named_at_the_highest_rate_that_it_keeps_up_with() -> None:
    speeds = [
        Speed(name, "", count, width, 480, rate * count, 3.21, width == 640)
        for width in (640, 1280)
        for name, rate in (("fast", 40.0), ("slow", 0.3), ("slower", 0.001))
        for count in (1, 2)
    ]
    told = "\n".join(lines(speeds))
    assert "\n640 x 480              1 thread         2 threads\n" in told
    assert "\nfast                    40 / 3.2          80 / 3.2\n" in told
    assert "~0.3 / 3.2" in told and "~40 / 3.2" in told
    keeping_up = "60 a second: fast; one in 2 s: slow; less: slower"
    assert told.endswith(f"\n640 x 480     {keeping_up}\n1280 x 480    {keeping_up}")
    assert list(RATES) == sorted(RATES, reverse=True)


def test_bundles_of_one_name_are_told_apart() -> None:
    speeds = [Speed("one", id, count, 64, 48, 9, 9, True) for id in ("a" * 16, "b" * 16) for count in (1, 2)]
    told = "\n".join(lines(speeds))
    assert "\none  " in told and "\none bbbbbb  " in told and "5 a second: one, one bbbbbb" in told


@pytest.mark.parametrize("bundles", ["", ",", "nano,"])
def test_a_bundle_without_a_name_is_none(bundles: str, capfd: Capture) -> None:
    assert main(["--bundles", bundles]) == 1
    assert "no name" in capfd.readouterr().err


def test_the_picture_is_as_hard_to_code_as_photographs(codec: Codec) -> None:
    pixels = picture(640, 480)
    assert pixels.shape == (480, 640, 3) and np.array_equal(pixels, picture(640, 480))
    assert 0.5 < 8 * len(codec.encode(pixels)) / (640 * 480) < 1.5, "bits a pixel at quality 75"
    large = picture(1500, 1100)
    assert large.shape == (1100, 1500, 3) and np.array_equal(large[:76, 1024:], large[1024:, :476])


@pytest.mark.parametrize(
    "words, said",
    [
        (["--bundles", "nothere"], "nothere: no bundle there"),
        (["--seconds", "0"], "--seconds 0 is out of range; give a number from 1 to 3600"),
        (["--seconds", "long"], "--seconds long is not a number"),
    ],
)
def test_what_cannot_be_is_one_line(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    monkeypatch.setattr(machine, "load", lambda: 0.0)
    assert main(words) == 1
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("gargalo: ") and said in err and err.count("\n") == 1


def test_a_busy_machine_is_told_of(small: None, monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    monkeypatch.setattr(machine, "load", lambda: 3.0)
    assert main(["--bundles", str(TINY)]) == 0
    assert "warning: the machine is busy (load 3.0)" in capfd.readouterr().err


@pytest.mark.parametrize(
    "kind, told, expected",
    [
        ("x86_64", X86.format("avx2 avx512_vnni"), "x86-64 with VNNI"),
        ("AMD64", X86.format("avx2 avx_vnni"), "x86-64 with VNNI"),
        ("x86_64", X86.format("avx2 fma"), "x86-64 with AVX2, without VNNI"),
        ("x86_64", X86.format("avx"), "x86-64 without AVX2"),
        ("aarch64", ARM.format("asimddp"), "64-bit ARM with dot products"),
        ("arm64", ARM.format("crc32"), "64-bit ARM without dot products"),
        ("riscv64", "isa\t: rv64\n", "riscv64, of which nothing is known"),
    ],
)
def test_the_class_of_a_cpu_is_read_from_what_linux_says(
    kind: str, told: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(told)
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.machine", lambda: kind)
    assert machine.cpu_class() == expected


def test_a_processor_without_a_name_is_called_by_its_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    for told, expected in ((X86, "Made Up 3000"), (ARM, "Raspberry Pi 9")):
        (tmp_path / "cpuinfo").write_text(told)
        assert machine.processor() == expected


@pytest.mark.parametrize(
    "kind, known, expected",
    [
        ("AMD64", {"AVX2": True, "AVX512VNNI": True}, "x86-64 with VNNI"),
        ("AMD64", {"AVX2": True, "AVX512VNNI": False}, "x86-64 with AVX2, without VNNI"),
        ("arm64", {"ASIMDDP": True}, "64-bit ARM with dot products"),
    ],
)
def test_without_linux_numpy_says_what_the_cpu_has(
    kind: str, known: dict[str, bool], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "nothing")
    monkeypatch.setattr("platform.machine", lambda: kind)
    monkeypatch.setattr("numpy._core._multiarray_umath.__cpu_features__", known)
    assert machine.cpu_class() == expected
    assert machine.processor()
