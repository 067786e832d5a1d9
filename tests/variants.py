"""The tiny bundle with other arrays in its prior.npz."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.bundle import ARRAYS, Bundle, bundle_id
from runtime.families.pyramid import spec

TINY = Path(__file__).parent / "tiny" / "bundle"
GATES = np.array([[8, 40], [-7, 32], [32, 0], [1, -1024], [1024, 20]], np.int32)
"""Of wavelet levels 1 to 5: usual ones, and the least and the largest."""


def with_arrays(folder: Path, **arrays: NDArray[Any]) -> Path:
    """Write the bundle with these arrays, and the id that they make, to a folder."""
    shutil.copytree(TINY, folder)
    with np.load(folder / ARRAYS) as file:
        np.savez(folder / ARRAYS, **(dict(file) | arrays))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["id"] = bundle_id(folder, Bundle(folder, manifest).networks(spec.NETWORKS)).hex()
    manifest["sha256"][ARRAYS] = hashlib.sha256((folder / ARRAYS).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
