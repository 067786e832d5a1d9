"""One benchmark group a stage of the codec, in the order of the pipeline; each asserts its result."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.baselines import Pixels
from benchmarks.conftest import PASSABLE_DB, QUALITY
from benchmarks.metrics import psnr_db
from runtime import alpha, container
from runtime.codec import Codec, pack_tile, read_tile, tiles_of
from runtime.families.pyramid import spec
from runtime.families.pyramid.family import Latents, Pyramid, coded
from runtime.families.pyramid.transform import FINE_LEVELS, joined, low_band, whole_of
from runtime.latents import colours
from runtime.pictures.read import read
from runtime.pictures.write import write

COARSE_GRIDS = 1 + spec.LEVELS - FINE_LEVELS
"""So many of a tile's values, z first, make the low band that the finer ones are joined to."""


@pytest.fixture(scope="module")
def stage(codec: Codec, picture: Pixels) -> SimpleNamespace:
    """Return what each stage hands to the next, for the benchmark picture taken for one tile."""
    data = codec.encode(picture, QUALITY)
    header, sections = container.unpack(data)
    family = codec.family
    assert isinstance(family, Pyramid)
    level = family.level(header)
    coefficients = family.transform(picture, header.subsampled)
    latents = family.quantise(coefficients, header.level)
    return SimpleNamespace(
        family=family,
        data=data,
        header=header,
        sections=sections,
        level=level,
        coefficients=coefficients,
        latents=latents,
        layers=pack_tile(codec, header, coded(latents)),
        low=low_band(level, latents.values[:COARSE_GRIDS]),
        planes=family.reconstruct(latents, header.level, whole_of(picture)[2:]).transpose(2, 0, 1),
    )


@pytest.mark.benchmark(group="pixels")
def test_read_png(benchmark: BenchmarkFixture, picture: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    write(path, picture)
    assert np.array_equal(benchmark(read, path).pixels, picture)


@pytest.mark.benchmark(group="pixels")
def test_pack_for_the_net(benchmark: BenchmarkFixture, stage: SimpleNamespace) -> None:
    """What Codec(enhance=True) alone does."""
    packed = benchmark(colours.pack, stage.planes, spec.SYNTHESIS_PX)
    assert np.array_equal(colours.unpack(packed, spec.SYNTHESIS_PX), stage.planes)


@pytest.mark.benchmark(group="pixels")
def test_unpack_from_the_net(benchmark: BenchmarkFixture, stage: SimpleNamespace) -> None:
    """What Codec(enhance=True) alone does."""
    packed = colours.pack(stage.planes, spec.SYNTHESIS_PX)
    assert np.array_equal(benchmark(colours.unpack, packed, spec.SYNTHESIS_PX), stage.planes)


@pytest.mark.benchmark(group="transform")
def test_transform(benchmark: BenchmarkFixture, picture: Pixels, stage: SimpleNamespace) -> None:
    found = benchmark(stage.family.transform, picture, stage.header.subsampled)
    assert same([found.z, *found.packed], [stage.coefficients.z, *stage.coefficients.packed])


@pytest.mark.benchmark(group="quantise")
def test_quantise(benchmark: BenchmarkFixture, stage: SimpleNamespace) -> None:
    """Networks and quantiser, part by part."""
    assert alike(benchmark(stage.family.quantise, stage.coefficients, stage.header.level), stage.latents)


@pytest.mark.benchmark(group="pack")
def test_pack(benchmark: BenchmarkFixture, codec: Codec, stage: SimpleNamespace) -> None:
    """rANS alone."""
    assert benchmark(pack_tile, codec, stage.header, coded(stage.latents)) == stage.layers


@pytest.mark.benchmark(group="unpack")
def test_unpack(benchmark: BenchmarkFixture, codec: Codec, stage: SimpleNamespace) -> None:
    """rANS and networks, part by part."""
    (tile,) = tiles_of(codec, stage.header)
    latents = benchmark(read_tile, codec, stage.header, tile, b"".join(stage.layers))
    assert alike(latents, stage.latents)


@pytest.mark.benchmark(group="synthesise")
def test_low_band(benchmark: BenchmarkFixture, stage: SimpleNamespace) -> None:
    """The coarser wavelet levels, which are joined for a row of windows at once."""
    assert np.array_equal(benchmark(low_band, stage.level, stage.latents.values[:COARSE_GRIDS]), stage.low)


@pytest.mark.benchmark(group="synthesise")
def test_synthesise(benchmark: BenchmarkFixture, picture: Pixels, stage: SimpleNamespace) -> None:
    """The finer wavelet levels and colours; the synthesis net is not run."""
    values = stage.latents.values[COARSE_GRIDS:]

    def synthesised() -> Pixels:
        pixels: Pixels = stage.family.synthesise(stage.level, joined(stage.level, stage.low, values, FINE_LEVELS))
        return pixels

    decoded = benchmark(synthesised)[: picture.shape[0], : picture.shape[1]]
    assert np.array_equal(decoded, stage.family.reconstruct(stage.latents, stage.header.level, picture.shape[:2]))
    assert psnr_db(picture, decoded) > PASSABLE_DB


@pytest.mark.benchmark(group="alpha")
def test_alpha_pack(benchmark: BenchmarkFixture, disc: npt.NDArray[np.uint8]) -> None:
    data = benchmark(alpha.pack, disc)
    assert np.array_equal(alpha.unpack(data, *disc.shape), disc)


@pytest.mark.benchmark(group="alpha")
def test_alpha_unpack(benchmark: BenchmarkFixture, disc: npt.NDArray[np.uint8]) -> None:
    data = alpha.pack(disc)
    assert np.array_equal(benchmark(alpha.unpack, data, *disc.shape), disc)


@pytest.mark.benchmark(group="container")
def test_container_pack(benchmark: BenchmarkFixture, stage: SimpleNamespace) -> None:
    assert benchmark(container.pack, stage.header, list(stage.sections.items())) == stage.data


@pytest.mark.benchmark(group="container")
def test_container_unpack(benchmark: BenchmarkFixture, stage: SimpleNamespace) -> None:
    assert benchmark(container.unpack, stage.data) == (stage.header, stage.sections)


def same(found: Sequence[npt.NDArray[Any]], expected: Sequence[npt.NDArray[Any]]) -> bool:
    """Return whether arrays are equal one by one."""
    return all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def alike(found: Latents, expected: Latents) -> bool:
    """Return whether symbols, their scale indexes and the values they stand for are equal."""
    parts = ([array for part in each.parts for array in (part.index, part.coded)] for each in (found, expected))
    return same(*parts) and same(found.values, expected.values)


@pytest.fixture(scope="module")
def disc(picture: Pixels) -> npt.NDArray[np.uint8]:
    """Return a disc with a soft edge, (H, W) uint8: the usual shape of an alpha plane."""
    height, width = picture.shape[:2]
    y, x = np.ogrid[:height, :width]
    distance_px = np.hypot(y - height / 2, x - width / 2)
    return np.clip(8 * (min(height, width) / 2 - distance_px), 0, 255).astype(np.uint8)
