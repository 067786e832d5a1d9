"""From pixels in memory to the bytes of a file and back: ours and the peers at quality 75."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.baselines import Contender, Pixels
from benchmarks.conftest import PASSABLE_DB, setting_of
from benchmarks.metrics import psnr_db


@pytest.mark.benchmark(group="encode")
def test_encode(contender: Contender, benchmark: BenchmarkFixture, picture: Pixels) -> None:
    setting = setting_of(contender)
    data = benchmark(contender.encode, picture, setting)
    benchmark.extra_info["bpp"] = 8 * len(data) / (picture.shape[0] * picture.shape[1])
    assert data == contender.encode(picture, setting)
    assert len(data) < picture.nbytes / 4
    assert psnr_db(picture, contender.decode(data)) > PASSABLE_DB


@pytest.mark.benchmark(group="decode")
def test_decode(contender: Contender, benchmark: BenchmarkFixture, picture: Pixels) -> None:
    data = contender.encode(picture, setting_of(contender))
    decoded = benchmark(contender.decode, data)
    benchmark.extra_info["psnr_db"] = psnr_db(picture, decoded)
    assert decoded.dtype == np.uint8
    assert psnr_db(picture, decoded) > PASSABLE_DB
