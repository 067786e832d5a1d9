"""Pictures and the shipped codec that many tests share."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runtime import native
from runtime.codec import Codec

TINY = Path(__file__).parent / "tiny" / "bundle"
"""A bundle that training does not change; tests/tiny/make.py made it."""


@pytest.fixture(scope="session")
def codec() -> Codec:
    """The default shipped bundle on one thread."""
    return Codec(threads=1)


@pytest.fixture(scope="session")
def tiny() -> Codec:
    """The tiny bundle on one thread, for what does not depend on trained weights."""
    return Codec(TINY, threads=1)


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
    with pytest.MonkeyPatch.context() as patch:
        for name, numpy_twin in native.TWINS.items():
            chosen = numpy_twin if request.param == "numpy" else getattr(native.core, name)
            patch.setattr(sys.modules[numpy_twin.__module__], name, chosen)
        yield request.param
