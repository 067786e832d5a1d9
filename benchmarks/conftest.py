"""What the benchmarks run on: one picture, one codec, and the machine's facts in every report.

    pytest benchmarks [--bench-picture FILE] [--bench-bundle DIR] [--bench-threads N]

Without a file the picture is made here, Kodak's size and with the spectrum of a photograph.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import baselines, machine
from benchmarks.baselines import Contender, Pixels
from benchmarks.rate_distortion import load

HEIGHT_PX, WIDTH_PX = 512, 768
QUALITY = 75
PASSABLE_DB = 28
"""All codecs are some decibels above this at quality 75; a broken one is far below."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gargalo")
    group.addoption("--bench-picture", type=Path, help="picture to run on instead of a made one")
    group.addoption("--bench-bundle", help="weights: a folder or a shipped name")
    group.addoption("--bench-threads", type=int, default=1, help="threads of our codec (default: 1)")


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    machine_info.update(machine.facts())


@pytest.fixture(scope="session")
def picture(pytestconfig: pytest.Config) -> Pixels:
    """Return the picture of all benchmarks, (H, W, 3) uint8 RGB."""
    path = pytestconfig.getoption("--bench-picture")
    return load(path) if path else made_picture()


def made_picture() -> Pixels:
    """Return noise whose amplitude falls with frequency as in photographs, (512, 768, 3) uint8."""
    rng = np.random.default_rng(75)
    frequency = np.hypot(np.fft.fftfreq(HEIGHT_PX)[:, None], np.fft.rfftfreq(WIDTH_PX))
    frequency[0, 0] = 1  # the mean is set below

    def plane() -> np.ndarray:  # (H, W) float64, mean 0, deviation 1
        spectrum = np.fft.rfft2(rng.normal(size=(HEIGHT_PX, WIDTH_PX))) / frequency**1.3
        field = np.fft.irfft2(spectrum, s=(HEIGHT_PX, WIDTH_PX))
        return (field - field.mean()) / field.std()

    # colours vary less than brightness and mostly with it
    luma = plane()
    channels = np.stack([50 * luma + 12 * plane() for _ in range(3)], axis=-1)
    return np.clip(128 + channels, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def codec(pytestconfig: pytest.Config) -> baselines.Codec:
    """Our codec with the weights and threads of the command line."""
    from runtime.codec import Codec

    options = pytestconfig.option
    return Codec(options.bench_bundle, threads=options.bench_threads)


@pytest.fixture(params=["gargalo", *baselines.PEERS])
def contender(request: pytest.FixtureRequest) -> Contender:
    """Ours and each peer in turn. Tests ask for it before `benchmark`, which a skipped test must not leave unused."""
    if request.param == "gargalo":
        return baselines.gargalo(request.getfixturevalue("codec"), [QUALITY])
    if reason := baselines.why_absent(request.param):
        pytest.skip(reason)
    return baselines.PEERS[request.param]()


def setting_of(contender: Contender) -> float:
    """Return the setting of a contender that stands for quality 75; JPEG 2000 takes a PSNR."""
    return 34 if contender.name == "jpeg2000" else QUALITY


@pytest.fixture(scope="session")
def picture_file(picture: Pixels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the picture as a PNG."""
    path = tmp_path_factory.mktemp("picture") / "picture.png"
    Image.fromarray(picture).save(path)
    return path
