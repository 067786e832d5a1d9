"""Pictures and the shipped codec that many tests share; without the bench extra no test of benchmarks is collected."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from runtime import native
from runtime.bundle import Bundle, shipped_names
from runtime.codec import Codec

TINY = Path(__file__).parent / "tiny" / "bundle"
TINY_RECURRENT = Path(__file__).parent / "tiny" / "recurrent"
"""Bundles that training does not change; tests/tiny/make.py made them."""

PYRAMIDS = [name for name in shipped_names() if Bundle.open(name).family in (None, "pyramid")]
"""The shipped bundles of the first family."""

if any(find_spec(package) is None for package in ("bjontegaard", "matplotlib", "tqdm")):
    collect_ignore_glob = ["benchmarks/test_*.py"]


@pytest.fixture(scope="session")
def codec() -> Codec:
    """The default shipped bundle on one thread."""
    return Codec(threads=1)


@pytest.fixture(scope="session")
def tiny() -> Codec:
    """The tiny bundle on one thread, for what does not depend on trained weights."""
    return Codec(TINY, threads=1)


@pytest.fixture
def small_photo() -> np.ndarray:
    """A smooth colour picture with some texture, uint8 RGB (72, 96, 3)."""
    y, x = np.mgrid[:72, :96]
    waves = [np.sin(x / (5 + c) + y / 11) + np.cos(y / (7 + c)) for c in range(3)]
    texture = np.random.default_rng(7).normal(0, 4, (72, 96, 1))
    return np.clip(128 + 50 * np.stack(waves, -1) + texture, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def progressive() -> Codec:
    """The tiny bundle of the recurrent family on one thread."""
    return Codec(TINY_RECURRENT, threads=1)


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A smooth, seeded picture with edges and texture, uint8 RGB (150, 203, 3): sides no multiple of anything."""
    random = np.random.default_rng(7)
    rows, columns = np.mgrid[0:150, 0:203]
    base = np.stack([rows * 1.2, columns * 0.9, 255 - rows - columns * 0.3], 2)
    base[40:90, 60:140] = (200, 60, 40)
    base += random.normal(0, 6, base.shape) + 20 * np.sin(columns / 4)[:, :, None]
    return base.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module", params=["numpy", "compiled"])
def core(request: pytest.FixtureRequest) -> Iterator[str]:
    """Has a module's tests run on the numpy twins, and again on the compiled core where there is one."""
    if request.param == "compiled" and native.core is None:
        pytest.skip(native.name)
    with native.using(request.param == "compiled"):
        yield request.param
