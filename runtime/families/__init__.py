"""The families of codecs, by the names that manifests of bundles give them. `base.py` defines what a family is."""

from importlib import import_module
from typing import TYPE_CHECKING

from runtime.errors import BundleError

if TYPE_CHECKING:
    from runtime.bundle import Bundle
    from runtime.families.base import Family

FAMILIES = {name: f"runtime.families.{name}.family" for name in ("pyramid", "autoencoder", "recurrent")}
"""The module of each family, which calls its class FAMILY."""
FIRST = "pyramid"
"""That of bundles whose manifest names none."""


def name_of(bundle: "Bundle") -> str:
    """Return the name of a bundle's family; raise BundleError where there is none of the name in its manifest."""
    name = str(bundle.family or FIRST)
    if name not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise BundleError(
            f"{bundle.folder}: a bundle of family {name}, this gargalo knows {known}: get a newer gargalo"
        )
    return name


def find(bundle: "Bundle") -> "type[Family]":
    """Return the family of a bundle; raise BundleError as `name_of` does."""
    family: type[Family] = import_module(FAMILIES[name_of(bundle)]).FAMILY
    return family
