"""A folder of weights: manifest.json, ONNX graphs and prior.npz; checked before anything is used."""

import json
from dataclasses import dataclass, fields
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from runtime.entropy.tables import Tables
from runtime.errors import BundleError, InputError
from runtime.families.pyramid import spec
from runtime.families.pyramid.values import Prior

DEFAULT = "standard"
DECIDING = (*(f"{name}.onnx" for name in spec.NETWORKS if name != "synthesis"), "prior.npz")
"""The files of a bundle that decide what a stream means."""
WEIGHTS = Path(__file__).parent / "weights"
"""A folder for each shipped bundle."""


def shipped_names() -> list[str]:
    """The names of the bundles that ship, the default one first."""
    names = sorted(path.parent.name for path in WEIGHTS.glob("*/manifest.json"))
    return sorted(names, key=lambda name: name != DEFAULT)


def bundle_id(folder: Path) -> bytes:
    """8 bytes that name all that decides what a stream means."""
    from hashlib import sha256  # no command needs it, and it loads OpenSSL

    digest = sha256()
    for name in DECIDING:
        digest.update(sha256((folder / name).read_bytes()).digest())
    return digest.digest()[:8]


@dataclass(frozen=True)
class Bundle:
    """The integers and the description of one set of weights."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path | None = None) -> "Bundle":
        """The bundle in a folder, or a shipped one by name (default: standard).

        Raises BundleError where it is missing, of another format, or a file differs from its checksum.
        """
        given = str(folder or DEFAULT)
        path = Path(given)
        if not (path / "manifest.json").is_file():
            path = WEIGHTS / given
        try:
            manifest = json.loads((path / "manifest.json").read_text())
        except FileNotFoundError:
            raise BundleError(
                f"{given}: no bundle there (no manifest.json); give a bundle folder or a shipped name"
            ) from None
        except (OSError, ValueError) as error:
            raise BundleError(f"{given}: manifest.json cannot be read ({error}); reinstall the bundle") from error
        if manifest.get("format") != spec.FORMAT:
            raise BundleError(
                f"{given}: bundle of format {manifest.get('format')}, this program reads format {spec.FORMAT}"
            )
        return cls(path, manifest)

    @staticmethod
    def shipped(bundle_id: bytes) -> Path | None:
        """The folder of the shipped bundle with an id, or None."""
        return next((WEIGHTS / name for name in shipped_names() if Bundle.open(name).id == bundle_id), None)

    def verify(self) -> None:
        """Compares every file with its checksum; raises BundleError naming the first that differs."""
        from hashlib import sha256

        for name, expected in self.manifest["sha256"].items():
            try:
                found = sha256((self.folder / name).read_bytes()).hexdigest()
            except OSError as error:
                raise BundleError(f"{self.folder / name}: {error.strerror}; reinstall the bundle") from error
            if found != expected:
                raise BundleError(
                    f"{self.folder / name}: damaged (sha256 differs from the manifest); reinstall the bundle"
                )

    @property
    def id(self) -> bytes:
        return bytes.fromhex(self.manifest["id"])

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @cached_property
    def _arrays(self) -> dict[str, Any]:
        from zipfile import BadZipFile
        from zlib import error as zlib_error

        path = self.folder / "prior.npz"
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                found = dict(arrays)
        except (OSError, ValueError, BadZipFile, zlib_error) as error:
            raise BundleError(f"{path}: cannot be read ({error}); reinstall the bundle") from error
        missing = {f.name for kind in (Tables, Prior) for f in fields(kind) if f.init} - {"top_index", *found}
        if missing:
            raise BundleError(f"{path}: has no {', '.join(sorted(missing))}; export the bundle anew")
        return found

    @cached_property
    def tables(self) -> Tables:
        """The entropy coder's tables."""
        return Tables(**{f.name: self._arrays[f.name] for f in fields(Tables) if f.init})

    @cached_property
    def prior(self) -> Prior:
        """The integers that turn symbols into coefficients, and what networks say into scale indexes."""
        names = [f.name for f in fields(Prior) if f.name != "top_index"]
        return Prior(**{n: self._arrays[n] for n in names}, top_index=len(self._arrays["index_table"]) - 1)

    @cached_property
    def has_synthesis(self) -> bool:
        """Whether decoded pictures are corrected by a net."""
        return (self.folder / "synthesis.onnx").is_file()

    def level(self, quality: float) -> int:
        """The level byte for a quality 1 .. 100; raises InputError outside."""
        scale = self.manifest["quality_levels"]
        if not isinstance(quality, Real):
            raise InputError(f"quality {quality!r} is no number; give one from 1 to {len(scale)}")
        if not 1 <= quality <= len(scale):
            raise InputError(f"quality {quality:g} is outside 1..{len(scale)}")
        return round(float(np.interp(quality, np.arange(1, len(scale) + 1), scale)))
