"""What the side of the squares that are transformed at a time costs in time; stream and pixels stay the same."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.baselines import Pixels
from benchmarks.conftest import QUALITY
from runtime.codec import Codec

SIDES_PX = (256, 512, 1024, 2048)


@pytest.fixture(scope="module")
def large(picture: Pixels) -> Pixels:
    """Four times the benchmark picture, mirrored at its edges."""
    wide = np.concatenate([picture, picture[:, ::-1]], axis=1)
    return np.concatenate([wide, wide[::-1]])


@pytest.fixture(scope="module")
def stream(pytestconfig: pytest.Config, large: Pixels) -> bytes:
    return _codec(pytestconfig, 1024).encode(large, QUALITY)


@pytest.mark.parametrize("tile_px", SIDES_PX)
@pytest.mark.benchmark(group="tiles, encode")
def test_encode(
    benchmark: BenchmarkFixture, pytestconfig: pytest.Config, large: Pixels, stream: bytes, tile_px: int
) -> None:
    codec = _codec(pytestconfig, tile_px)
    data = benchmark.pedantic(codec.encode, [large, QUALITY], rounds=3, warmup_rounds=1)
    assert data == stream


@pytest.mark.parametrize("tile_px", SIDES_PX)
@pytest.mark.benchmark(group="tiles, decode")
def test_decode(benchmark: BenchmarkFixture, pytestconfig: pytest.Config, stream: bytes, tile_px: int) -> None:
    codec = _codec(pytestconfig, tile_px)
    decoded = benchmark.pedantic(codec.decode, [stream], rounds=3, warmup_rounds=1)
    assert np.array_equal(decoded, _codec(pytestconfig, 1024).decode(stream))


def _codec(config: pytest.Config, tile_px: int) -> Codec:
    return Codec(config.option.bench_bundle, threads=config.option.bench_threads, tile_px=tile_px)
