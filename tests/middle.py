"""The tiny bundle with networks of its own for level 2, made from its networks of the coarser levels."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runtime.bundle import Bundle, bundle_id
from runtime.families.pyramid import spec

TINY = Path(__file__).parent / "tiny" / "bundle"
NAMES = [f"middle_{part}" for part in spec.PARTS]


def copies(folder: Path) -> Path:
    """Write the bundle whose networks of level 2 are copies of the coarser levels'."""
    shutil.copytree(TINY, folder)
    for name in NAMES:
        shutil.copy(folder / f"{name.replace('middle', 'coarse')}.onnx", folder / f"{name}.onnx")
    return named(folder, NAMES)


def others(folder: Path) -> Path:
    """Write the bundle whose networks of level 2 say much more than the coarser levels'. Needs the package onnx."""
    import onnx

    copies(folder)
    for path in (folder / f"{name}.onnx" for name in NAMES):
        graph: Any = onnx.load(path)
        for constant in graph.graph.initializer:
            if re.fullmatch(r"head\.\d\.scale", constant.name):
                scale = 4 * onnx.numpy_helper.to_array(constant)
                constant.CopyFrom(onnx.numpy_helper.from_array(scale, constant.name))
        path.write_bytes(graph.SerializeToString(deterministic=True))
    return named(folder, NAMES)


def named(folder: Path, middle: Iterable[str]) -> Path:
    """Write a manifest that names the tiny bundle's files and some of these networks, with the id that they make."""
    manifest = json.loads((TINY / "manifest.json").read_text())
    files = [*manifest["sha256"], *(f"{name}.onnx" for name in middle)]
    manifest["sha256"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files}
    has = [network for network in spec.NETWORKS if Bundle(folder, manifest).has(network.name)]
    (folder / "manifest.json").write_text(json.dumps(manifest | {"id": bundle_id(folder, has).hex()}))
    return folder
