"""Whole processes, from the start of python to its end: cold starts beside the bare imports, and peak memory."""

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import processes
from benchmarks.measures import enlarge
from runtime import container
from runtime.pictures.read import read

ROUNDS = 5
MEGAPIXELS = 6
MOST_BYTES_A_PIXEL = 150
"""What a picture of some megapixels may cost at most, all of the process included; far above what is usual."""


@pytest.mark.benchmark(group="cold start")
def test_bare_imports(benchmark: BenchmarkFixture) -> None:
    found = benchmark.pedantic(processes.run, [processes.BARE], rounds=ROUNDS, warmup_rounds=1)
    assert found.wall_ms > 0 and found.peak_bytes > 1 << 20


@pytest.mark.benchmark(group="cold start")
def test_help(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(processes.run, [["-m", "runtime.compress", "--help"]], rounds=ROUNDS, warmup_rounds=1)


@pytest.mark.benchmark(group="cold start")
def test_compress(benchmark: BenchmarkFixture, picture_file: Path, tmp_path: Path) -> None:
    stream = tmp_path / "out.gar"
    benchmark.pedantic(
        processes.run,
        [["-m", "runtime.compress", str(picture_file), "-o", str(stream), "--threads", "1"]],
        setup=lambda: stream.unlink(missing_ok=True),
        rounds=ROUNDS,
        warmup_rounds=1,
    )
    header, _ = container.unpack(stream.read_bytes())
    assert (header.height, header.width) == read(picture_file).pixels.shape[:2]


@pytest.mark.benchmark(group="cold start")
def test_decompress(benchmark: BenchmarkFixture, picture_file: Path, tmp_path: Path) -> None:
    stream, decoded = tmp_path / "in.gar", tmp_path / "out.png"
    processes.run(["-m", "runtime.compress", str(picture_file), "-o", str(stream)])
    benchmark.pedantic(
        processes.run,
        [["-m", "runtime.decompress", str(stream), "-o", str(decoded), "--threads", "1"]],
        setup=lambda: decoded.unlink(missing_ok=True),
        rounds=ROUNDS,
        warmup_rounds=1,
    )
    assert read(decoded).pixels.shape == read(picture_file).pixels.shape


@pytest.mark.benchmark(group="memory")
def test_memory(benchmark: BenchmarkFixture, picture_file: Path, tmp_path: Path) -> None:
    large, stream, decoded = tmp_path / "large.jpg", tmp_path / "large.gar", tmp_path / "large.png"
    enlarge(picture_file, MEGAPIXELS, large)
    compress = ["-m", "runtime.compress", str(large), "-o", str(stream), "-f", "--threads", "1"]
    decompress = ["-m", "runtime.decompress", str(stream), "-o", str(decoded), "-f", "--threads", "1"]
    there = benchmark.pedantic(processes.run, [compress], rounds=1)
    back = processes.run(decompress)
    benchmark.extra_info["compress_mb"], benchmark.extra_info["decompress_mb"] = (
        there.peak_bytes / 1e6,
        back.peak_bytes / 1e6,
    )
    assert max(there.peak_bytes, back.peak_bytes) < MOST_BYTES_A_PIXEL * MEGAPIXELS * 1e6
