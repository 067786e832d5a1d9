"""Suffixes of picture files. What counts is what is in a file; its suffix decides in folders, and for outputs."""

from pathlib import Path

from runtime.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".avif", ".ppm", ".bmp")
"""Of files that are written."""
_LONGER = {".jpeg": ".jpg", ".tiff": ".tif"}
HEIF = (".heic", ".heif", ".hif")
READABLE = (*SUFFIXES, ".gif", ".jp2", ".j2k", ".pgm", ".pbm", ".pnm", *HEIF)
"""Suffixes that make a file in a folder a picture; any other is tried when it is named."""
RAW = frozenset(
    """.3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .gpr .iiq .k25 .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw
    .rw2 .rwl .sr2 .srf .srw .x3f""".split()
)
"""Camera raw: many are TIFF files whose first picture is a thumbnail."""


def same_format(one: str, other: str) -> bool:
    """Return whether two suffixes name one format: .JPG and .jpeg do."""
    one, other = one.lower(), other.lower()
    return _LONGER.get(one, one) == _LONGER.get(other, other)


def suffix_of(path: Path) -> str:
    """Return the suffix of a file to be written, in small letters, or raise InputError."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path} has no suffix that names a picture format; use {', '.join(SUFFIXES)}")
    return suffix
