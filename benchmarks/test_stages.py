"""One benchmark group a stage of the codec, in the order of the pipeline; each asserts its result.

The coder's work is set by its symbols: SYMBOLS values drawn from their own tables, about what a
Kodak picture at a middle quality leaves to be coded.
"""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.baselines import Pixels
from runtime import alpha, container, pixels
from runtime.container import Header
from runtime.streams import Layer, LayerReader, encode_layers
from runtime.tables import Tables

SYMBOLS = 60_000
SLOTS = 1 << 14
LAYERS = 3  # hyper-latents and the two halves of the latents


@pytest.mark.benchmark(group="pixels")
def test_read_png(benchmark: BenchmarkFixture, picture: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    pixels.write(path, picture)
    assert np.array_equal(benchmark(pixels.read, path).pixels, picture)


@pytest.mark.benchmark(group="pixels")
def test_write_png(benchmark: BenchmarkFixture, picture: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    benchmark(pixels.write, path, picture)
    assert np.array_equal(pixels.read(path).pixels, picture)


@pytest.mark.benchmark(group="rans")
def test_rans_encode(benchmark: BenchmarkFixture, tables: Tables, layers: list[Layer]) -> None:
    chunks = benchmark(encode_layers, tables, layers)
    ideal_bytes = sum(tables.bits(values, index) for values, index in layers) / 8
    assert ideal_bytes <= len(b"".join(chunks)) <= 1.01 * ideal_bytes


@pytest.mark.benchmark(group="rans")
def test_rans_decode(benchmark: BenchmarkFixture, tables: Tables, layers: list[Layer]) -> None:
    data = b"".join(encode_layers(tables, layers))

    def decode() -> list[npt.NDArray[np.int32]]:
        reader = LayerReader(tables, data)
        values = [reader.read(index) for _, index in layers]
        reader.close()
        return values

    for decoded, (values, _) in zip(benchmark(decode), layers, strict=True):
        assert np.array_equal(decoded, values)


@pytest.mark.benchmark(group="alpha")
def test_alpha_pack(benchmark: BenchmarkFixture, disc: npt.NDArray[np.uint8]) -> None:
    data = benchmark(alpha.pack, disc)
    assert np.array_equal(alpha.unpack(data, *disc.shape), disc)


@pytest.mark.benchmark(group="alpha")
def test_alpha_unpack(benchmark: BenchmarkFixture, disc: npt.NDArray[np.uint8]) -> None:
    data = alpha.pack(disc)
    assert np.array_equal(benchmark(alpha.unpack, data, *disc.shape), disc)


@pytest.mark.benchmark(group="container")
def test_container_pack(benchmark: BenchmarkFixture, header: Header, sections: list[tuple[int, bytes]]) -> None:
    data = benchmark(container.pack, header, sections)
    assert container.unpack(data) == (header, dict(sections))


@pytest.mark.benchmark(group="container")
def test_container_unpack(benchmark: BenchmarkFixture, header: Header, sections: list[tuple[int, bytes]]) -> None:
    data = container.pack(header, sections)
    assert benchmark(container.unpack, data) == (header, dict(sections))


@pytest.fixture(scope="module")
def tables() -> Tables:
    """Laplacian tables of 32 widths, a scale index each behind index 0."""
    widths = 0.2 * 1.18 ** np.arange(32)  # mean absolute values, 0.2 .. 34
    radii = np.ceil(4 * widths).astype(int)
    frequencies = np.zeros((len(widths), 2 * radii.max() + 2), np.uint16)
    for row, width, radius in zip(frequencies, widths, radii, strict=True):
        row[: 2 * radius + 2] = laplacian(width, radius)
    index_table = np.array([0, *range(len(widths))], np.uint8)
    return Tables(frequencies, radii.astype(np.uint16), index_table, np.zeros_like(index_table))


def laplacian(width: float, radius: int) -> npt.NDArray[np.int64]:
    """Return frequencies of -radius .. radius and the escape, each at least 1, 2**14 in all."""
    inside = np.exp(-np.abs(np.arange(-radius, radius + 1)) / width)
    share = np.append(inside / inside.sum(), 0) * (1 - math.exp(-radius / width))
    frequencies = 1 + np.floor(share * (SLOTS - len(share))).astype(np.int64)
    frequencies[radius] += SLOTS - frequencies.sum()
    return frequencies


@pytest.fixture(scope="module")
def layers(tables: Tables) -> list[Layer]:
    """Values and scale indexes of the layers of one tile, SYMBOLS coded values in all."""
    rng = np.random.default_rng(16)
    drawn = []
    for _ in range(LAYERS):
        index = rng.integers(1, len(tables.index_table), SYMBOLS // LAYERS).astype(np.uint8)
        values = np.empty(len(index), np.int32)
        for table, radius in enumerate(tables.radius.astype(int)):
            mine = np.flatnonzero(tables.index_table[index] == table)
            share = tables.frequencies[table, : 2 * radius + 2] / SLOTS
            # the escape's symbol stands for the first value beyond the radius
            values[mine] = rng.choice(len(share), len(mine), p=share) - radius
        drawn.append((values, index))
    return drawn


@pytest.fixture(scope="module")
def disc(picture: Pixels) -> npt.NDArray[np.uint8]:
    """A disc with a soft edge, (H, W) uint8: the usual shape of an alpha plane."""
    height, width = picture.shape[:2]
    y, x = np.ogrid[:height, :width]
    distance_px = np.hypot(y - height / 2, x - width / 2)
    return np.clip(8 * (min(height, width) / 2 - distance_px), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def header(picture: Pixels) -> Header:
    height, width = picture.shape[:2]
    return Header(
        width=width,
        height=height,
        level=75,
        bundle_id=bytes(range(8)),
        tile_px=1024,
        gray=False,
        alpha=False,
    )


@pytest.fixture(scope="module")
def sections() -> list[tuple[int, bytes]]:
    """Latents of 60 KB, the size of a Kodak picture at quality 75, and a small EXIF section."""
    return [(1, np.random.default_rng(1).bytes(60_000)), (3, b"Exif" * 30)]
