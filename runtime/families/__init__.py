"""The families of codecs, by the names that manifests of bundles give them. `base.py` defines what a family is."""

from importlib import import_module
from typing import TYPE_CHECKING

from runtime.errors import BundleError

if TYPE_CHECKING:
    from runtime.families.base import Family

FAMILIES = {name: f"runtime.families.{name}.family" for name in ("pyramid", "autoencoder", "recurrent")}
"""The module of each family, which calls its class FAMILY."""
FIRST = "pyramid"
"""That of bundles whose manifest names none."""


def find(name: str | None) -> "type[Family]":
    """Return a family by its name; raise BundleError where there is none of that name."""
    module = FAMILIES.get(str(name or FIRST))
    if module is None:
        raise BundleError(f"bundle of family {name}, this program knows {', '.join(FAMILIES)}: get a newer gargalo")
    family: type[Family] = import_module(module).FAMILY
    return family
