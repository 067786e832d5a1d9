"""A folder of weights: manifest.json, ONNX graphs and prior.npz; checked before anything is used."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime import spec
from runtime.entropy.tables import Tables
from runtime.errors import BundleError, InputError
from runtime.networks import Network

DEFAULT = spec.DEFAULT_BUNDLE
ARRAYS = "prior.npz"
WEIGHTS = Path(__file__).parent / "weights"
"""A folder for each shipped bundle: NAME, and NAME-N for those of earlier releases, whose files stay readable."""
_KEPT = re.compile(spec.KEPT_BUNDLE)

_USABLE: dict[str, Callable[[Any], bool]] = {
    "id": lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{16}", value) is not None,
    "name": lambda value: isinstance(value, str),
    "sha256": lambda value: isinstance(value, dict),
    "quality_levels": lambda value: (
        isinstance(value, list) and len(value) == 100 and all(isinstance(n, int) and 0 <= n < 256 for n in value)
    ),
}
"""What must hold of each entry of a manifest that decoding or encoding needs."""


def shipped_names() -> list[str]:
    """Return the names of the bundles that ship, the default one first, without those that are kept for old files."""
    return [folder.name for folder in shipped_folders() if not _KEPT.fullmatch(folder.name)]


def shipped_folders() -> list[Path]:
    """Return the folders of all bundles that ship, first the default one, last those that are kept for old files."""
    folders = sorted(path.parent for path in WEIGHTS.glob("*/manifest.json"))
    return sorted(folders, key=lambda path: (_KEPT.fullmatch(path.name) is not None, path.name != DEFAULT))


def shipped_folder(name: str) -> Path:
    """Return the folder of a bundle that ships, whatever the working folder has of that name."""
    return WEIGHTS / name


def deciding(networks: Iterable[Network]) -> list[str]:
    """Return the names of the files that decide what a stream means, in the order of the bundle's id."""
    return [*(f"{network.name}.onnx" for network in networks if network.decides), ARRAYS]


def bundle_id(folder: Path, networks: Iterable[Network]) -> bytes:
    """Return 8 bytes that name all that decides what a stream means."""
    from hashlib import sha256  # no command needs it, and it loads OpenSSL

    digest = sha256()
    for name in deciding(networks):
        digest.update(sha256((folder / name).read_bytes()).digest())
    return digest.digest()[:8]


@dataclass(frozen=True)
class Bundle:
    """The arrays and the description of one set of weights."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path | None = None) -> "Bundle":
        """Open the bundle in a folder, or a shipped one by name. The default is the shipped one standard, whatever
        folders are at hand.

        Raises BundleError where it is missing, of another format, or its manifest is damaged; of a folder of one's own
        also where a file differs from its checksum.
        """
        given = str(folder or DEFAULT)
        path = Path(given)
        if not folder or not (path / "manifest.json").is_file():
            path = WEIGHTS / given
        try:
            manifest = json.loads((path / "manifest.json").read_text())
        except FileNotFoundError:
            raise BundleError(
                f"{given}: no bundle there (no manifest.json); give a folder that has one, or a name that ships: "
                f"{', '.join(shipped_names())}"
            ) from None
        except (OSError, ValueError) as error:
            raise BundleError(f"{given}: manifest.json cannot be read ({error}); reinstall the bundle") from error
        if not isinstance(manifest, dict):
            raise BundleError(f"{given}: manifest.json is not a JSON object; reinstall the bundle")
        if manifest.get("format") != spec.FORMAT:
            raise BundleError(
                f"{given}: a bundle of format {manifest.get('format')}, this gargalo reads format {spec.FORMAT}; "
                "export it anew, or get the gargalo that made it"
            )
        for key, usable in _USABLE.items():
            if not usable(manifest.get(key)):
                raise BundleError(f"{given}: manifest.json has no usable {key}; reinstall the bundle or export it anew")
        bundle = cls(path, manifest)
        if not bundle.ships:
            bundle.verify()
        return bundle

    @staticmethod
    def shipped(bundle_id: bytes) -> Path | None:
        """Return the folder of the shipped bundle with an id, kept ones among them, or None."""
        return next((folder for folder in shipped_folders() if Bundle.open(folder).id == bundle_id), None)

    def verify(self) -> None:
        """Compare every file with its checksum; raise BundleError naming the first that differs."""
        from hashlib import sha256

        for name, expected in self.manifest["sha256"].items():
            try:
                checksum = sha256((self.folder / name).read_bytes()).hexdigest()
            except OSError as error:
                raise BundleError(f"{self.folder / name}: {error.strerror}; reinstall the bundle") from error
            if checksum != expected:
                raise BundleError(
                    f"{self.folder / name}: damaged (sha256 differs from the manifest); reinstall the bundle"
                )

    def check_id(self, networks: Iterable[Network]) -> None:
        """Raise BundleError where the files of a bundle that does not ship make another one than the manifest says.

        Else streams would name a bundle that cannot decode them.
        """
        if self.ships:
            return
        try:
            made = bundle_id(self.folder, networks)
        except OSError as error:
            raise BundleError(f"{error.filename}: {error.strerror}; reinstall the bundle") from error
        if made != self.id:
            raise BundleError(
                f"{self.folder}: its files make bundle {made.hex()}, its manifest.json is of {self.id.hex()}; "
                "reinstall the bundle or export it anew"
            )

    @property
    def id(self) -> bytes:
        return bytes.fromhex(self.manifest["id"])

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def ships(self) -> bool:
        """Whether it is one of those that ship."""
        return self.folder.parent == WEIGHTS

    @property
    def release(self) -> str | None:
        """The release of gargalo that first had it, None where there is none yet."""
        return self.manifest.get("release")

    @property
    def size_bytes(self) -> int:
        """Of all its files."""
        return sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())

    @property
    def family(self) -> str | None:
        """The name of its family, None where it is so old that there was but one."""
        return self.manifest.get("family")

    @cached_property
    def _arrays(self) -> dict[str, NDArray[Any]]:
        from zipfile import BadZipFile
        from zlib import error as zlib_error

        path = self.folder / ARRAYS
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return dict(arrays)
        except (OSError, ValueError, BadZipFile, zlib_error) as error:
            raise BundleError(f"{path}: cannot be read ({error}); reinstall the bundle") from error

    def arrays(self, *names: str) -> dict[str, NDArray[Any]]:
        """Return arrays of prior.npz by their names; raises BundleError for those that it lacks."""
        if missing := set(names) - self._arrays.keys():
            raise BundleError(f"{self.folder / ARRAYS}: has no {', '.join(sorted(missing))}; export the bundle anew")
        return {name: self._arrays[name] for name in names}

    @cached_property
    def tables(self) -> Tables:
        """The entropy coder's tables."""
        return Tables(**self.arrays(*(field.name for field in fields(Tables))))

    def has(self, network: str) -> bool:
        """Return whether a network is among its files, as its manifest tells."""
        return f"{network}.onnx" in self.manifest["sha256"]

    def networks(self, known: Sequence[Network]) -> list[Network]:
        """Return those networks of a family that it has; raise BundleError where it has but some of an optional set."""
        found = [network for network in known if not network.optional or self.has(network.name)]
        sets = {network.optional for network in found if network.optional}
        if missing := [network.name for network in known if network.optional in sets and network not in found]:
            raise BundleError(
                f"{self.folder}: its manifest.json names no {', '.join(missing)}, and others of that set; "
                "reinstall the bundle or export it anew"
            )
        return found

    def level(self, quality: float) -> int:
        """Return the level byte for a quality 1 .. 100; raises InputError outside."""
        scale = self.manifest["quality_levels"]
        if not isinstance(quality, Real) or isinstance(quality, bool):
            raise InputError(f"quality {quality!r} is not a number; give one from 1 to {len(scale)}")
        if not 1 <= quality <= len(scale):
            raise InputError(f"quality {quality:g} is out of range; give a number from 1 to {len(scale)}")
        return round(float(np.interp(quality, np.arange(1, len(scale) + 1), scale)))

    def quality(self, level: int) -> float:
        """Return the quality whose level it is, 0 where it is below the level of quality 1."""
        scale = self.manifest["quality_levels"]
        return float(np.interp(level, scale, np.arange(1, len(scale) + 1), left=0))
