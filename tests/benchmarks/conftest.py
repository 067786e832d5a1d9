"""A small picture for the tests of benchmarks/; without the bench extra none is collected."""

from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
import pytest

if any(find_spec(package) is None for package in ("PIL", "bjontegaard", "matplotlib", "tqdm")):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def photo() -> npt.NDArray[np.uint8]:
    """A smooth colour picture with some texture, (72, 96, 3) uint8."""
    y, x = np.mgrid[:72, :96]
    waves = [np.sin(x / (5 + c) + y / 11) + np.cos(y / (7 + c)) for c in range(3)]
    texture = np.random.default_rng(7).normal(0, 4, (72, 96, 1))
    return np.clip(128 + 50 * np.stack(waves, -1) + texture, 0, 255).astype(np.uint8)
