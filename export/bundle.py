"""Writes a bundle folder: graphs, prior.npz, manifest.json; the reader is runtime.bundle."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from export.prior import Arrays
from runtime.bundle import DECIDING, bundle_id
from runtime.families.pyramid import spec


def write_graphs(folder: Path, graphs: dict[str, onnx.ModelProto]) -> None:
    """One NAME.onnx for each network."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, graph in graphs.items():
        (folder / f"{name}.onnx").write_bytes(graph.SerializeToString(deterministic=True))


def write_prior(folder: Path, arrays: Arrays) -> None:
    """prior.npz, the same bytes for the same arrays."""
    np.savez_compressed(folder / "prior.npz", allow_pickle=False, **dict(sorted(arrays.items())))


def write_manifest(folder: Path, name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """manifest.json with the checksums and the id of what the folder holds."""
    names = (*DECIDING, "synthesis.onnx")
    manifest = {
        "format": spec.FORMAT,
        "name": name,
        "id": bundle_id(folder).hex(),
        **facts,
        "sha256": {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest() for n in names if (path := folder / n).is_file()
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest
