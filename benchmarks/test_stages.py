"""One benchmark group a stage of the codec, in the order of the pipeline; each asserts its result."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.baselines import Pixels
from benchmarks.conftest import PASSABLE_DB, QUALITY
from benchmarks.metrics import psnr_db
from runtime import alpha, container, pixels
from runtime.codec import Codec
from runtime.tiling import depth_to_space, pad_to, space_to_depth
from runtime.windows import Frame


@pytest.fixture(scope="module")
def stage(codec: Codec, picture: Pixels) -> SimpleNamespace:
    """What each stage hands to the next, for the benchmark picture taken for one tile."""
    data = codec.encode(picture, QUALITY)
    header, sections = container.unpack(data)
    level = codec.bundle.prior.at_level(header.level)
    latents = codec.analyse(picture)
    symbols = codec.quantise(latents, header.level)
    z_hat = level.dequantise_z(symbols.z)
    residual = symbols.residual
    rounded = codec.reconstruct(level, z_hat, residual)
    return SimpleNamespace(
        data=data,
        header=header,
        sections=sections,
        level=level,
        latents=latents,
        z=codec.hyper_analyse(latents),
        symbols=symbols,
        layers=codec.pack_symbols(symbols, header.level),
        z_hat=z_hat,
        residual=residual,
        rounded=rounded,
    )


@pytest.mark.benchmark(group="pixels")
def test_read_png(benchmark: BenchmarkFixture, picture: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    pixels.write(path, picture)
    assert np.array_equal(benchmark(pixels.read, path).pixels, picture)


@pytest.mark.benchmark(group="pixels")
def test_space_to_depth(benchmark: BenchmarkFixture, picture: Pixels) -> None:
    padded = pad_to(picture, 16)
    assert np.array_equal(depth_to_space(benchmark(space_to_depth, padded)), padded)


@pytest.mark.benchmark(group="pixels")
def test_depth_to_space(benchmark: BenchmarkFixture, picture: Pixels) -> None:
    padded = pad_to(picture, 16)
    assert np.array_equal(benchmark(depth_to_space, space_to_depth(padded)), padded)


@pytest.mark.benchmark(group="analysis")
def test_analysis(benchmark: BenchmarkFixture, codec: Codec, picture: Pixels, stage: SimpleNamespace) -> None:
    assert np.array_equal(benchmark(codec.analyse, picture), stage.latents)


@pytest.mark.benchmark(group="prior")
def test_hyper_analysis(benchmark: BenchmarkFixture, codec: Codec, stage: SimpleNamespace) -> None:
    assert np.array_equal(benchmark(codec.hyper_analyse, stage.latents), stage.z)


@pytest.mark.benchmark(group="prior")
def test_quantise(benchmark: BenchmarkFixture, codec: Codec, stage: SimpleNamespace) -> None:
    symbols = benchmark(codec.quantise, stage.latents, stage.header.level, stage.z)
    assert np.array_equal(symbols.residual, stage.residual)


@pytest.mark.benchmark(group="prior")
def test_reconstruct(benchmark: BenchmarkFixture, codec: Codec, stage: SimpleNamespace) -> None:
    rounded = benchmark(codec.reconstruct, stage.level, stage.z_hat, stage.residual)
    assert np.array_equal(rounded, stage.rounded)


@pytest.mark.benchmark(group="rans")
def test_rans_encode(benchmark: BenchmarkFixture, codec: Codec, stage: SimpleNamespace) -> None:
    assert benchmark(codec.pack_symbols, stage.symbols, stage.header.level) == stage.layers


@pytest.mark.benchmark(group="rans")
def test_rans_decode(benchmark: BenchmarkFixture, codec: Codec, stage: SimpleNamespace) -> None:
    frame = Frame.whole(*stage.latents.shape[1:])
    symbols = benchmark(codec.unpack_symbols, b"".join(stage.layers), stage.header.level, frame)
    assert np.array_equal(symbols.residual, stage.symbols.residual)


@pytest.mark.benchmark(group="synthesis")
def test_synthesis(benchmark: BenchmarkFixture, codec: Codec, picture: Pixels, stage: SimpleNamespace) -> None:
    decoded = benchmark(codec.synthesise, stage.rounded, stage.level)[: picture.shape[0], : picture.shape[1]]
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


@pytest.fixture(scope="module")
def disc(picture: Pixels) -> npt.NDArray[np.uint8]:
    """A disc with a soft edge, (H, W) uint8: the usual shape of an alpha plane."""
    height, width = picture.shape[:2]
    y, x = np.ogrid[:height, :width]
    distance_px = np.hypot(y - height / 2, x - width / 2)
    return np.clip(8 * (min(height, width) / 2 - distance_px), 0, 255).astype(np.uint8)
