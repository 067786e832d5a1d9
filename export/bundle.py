"""A bundle folder: graphs, prior.npz, manifest.json; the reader is runtime.bundle."""

import hashlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from export.prior import Arrays
from runtime import spec
from runtime.bundle import ARRAYS, bundle_id
from runtime.networks import Network


def write_graphs(folder: Path, graphs: dict[str, onnx.ModelProto]) -> None:
    """Write one NAME.onnx for each network."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, graph in graphs.items():
        (folder / f"{name}.onnx").write_bytes(graph.SerializeToString(deterministic=True))


def write_prior(folder: Path, arrays: Arrays) -> None:
    """Write prior.npz, the same bytes for the same arrays.

    What numpy.savez writes depends on Python: members need another version of zip by 3.11.7 than by 3.11.2.
    """
    with zipfile.ZipFile(folder / ARRAYS, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in sorted(arrays.items()):
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def write_manifest(
    folder: Path, name: str, family: str, networks: Sequence[Network], facts: dict[str, Any]
) -> dict[str, Any]:
    """Write manifest.json with the checksums and the id of what the folder holds, and return it.

    Of the family's networks the folder may lack optional ones.
    """
    held = [n for n in networks if not n.optional or (folder / f"{n.name}.onnx").is_file()]
    names = [*(f"{network.name}.onnx" for network in held), ARRAYS]
    manifest = {
        "format": spec.FORMAT,
        "family": family,
        "name": name,
        "id": bundle_id(folder, held).hex(),
        **facts,
        "sha256": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest
