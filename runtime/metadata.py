"""EXIF, ICC and XMP payloads: which of them may stand beside upright pixels, and what a user wants to keep.

A payload is what all file formats share: EXIF from its TIFF header on, an ICC profile, an XMP packet in UTF-8
(FORMAT.md, section 1). `structure.py` takes them out of files and puts them in. Bad metadata is left out with a note;
it never keeps a picture from being read.
"""

import re
from collections.abc import Mapping

from runtime import tiff
from runtime.container import EXIF, ICC, SECTION_NAMES, XMP
from runtime.structure import MAX_PAYLOAD_BYTES

_ICC_HEADER_BYTES = 128
_TURNED = re.compile(rb"""(tiff:Orientation\s{0,9}(?:=\s{0,9}["']|>\s{0,9}))([2-8])""")


def orientation(payloads: Mapping[int, bytes]) -> int:
    """Returns how pixels lie, 1 to 8, as EXIF tells, or XMP where EXIF does not; 1 where neither does."""
    told = tiff.numbers(payloads.get(EXIF, b"")).get(tiff.ORIENTATION)
    if told is None and (found := _TURNED.search(payloads.get(XMP, b""))):
        told = int(found[2])
    return 1 if told is None else told


def fitting(payloads: Mapping[int, bytes], gray: bool, notes: list[str]) -> dict[int, bytes]:
    """Returns the EXIF, ICC and XMP that fit upright pixels, gray or RGB; notes tell what is left out.

    The orientation becomes 1. A profile of other colours, CMYK for one, would show ours wrongly.
    """
    checks = {EXIF: tiff.upright, ICC: lambda payload: _profile(payload, gray), XMP: _packet}
    kept = {}
    for kind, check in checks.items():
        payload = payloads.get(kind, b"")
        try:
            if len(payload) > MAX_PAYLOAD_BYTES:
                raise ValueError(f"{len(payload)} bytes, {MAX_PAYLOAD_BYTES} may be")
            if payload:
                kept[kind] = check(payload)
        except ValueError as reason:
            notes.append(f"its {SECTION_NAMES[kind]} is left out ({reason})")
    return kept


def reduced(metadata: Mapping[int, bytes], strip: bool, no_gps: bool, notes: list[str]) -> dict[int, bytes]:
    """Returns what is left after --strip (only the ICC profile) and --no-gps (no GPS position)."""
    kept = {kind: payload for kind, payload in metadata.items() if kind == ICC or not strip}
    if no_gps and EXIF in kept:
        try:
            kept[EXIF] = tiff.without_gps(kept[EXIF])
        except ValueError as reason:
            notes.append(f"its EXIF is left out, since it may hold a position ({reason})")
            del kept[EXIF]
    if no_gps and b"gps" in kept.get(XMP, b"").lower():
        notes.append("its XMP is left out, since it holds a position")
        del kept[XMP]
    return kept


def _profile(profile: bytes, gray: bool) -> bytes:
    """Returns an ICC profile without what pads it; ValueError unless it is one for gray or RGB pixels."""
    length = int.from_bytes(profile[:4], "big")
    if not _ICC_HEADER_BYTES <= length <= len(profile) or profile[36:40] != b"acsp":
        raise ValueError("no profile, or a damaged one")
    wanted, colours = b"GRAY" if gray else b"RGB ", profile[16:20]
    if colours != wanted:
        name = re.sub(r"\W", "", colours.decode("ascii", "replace")) or "unknown"
        raise ValueError(f"a profile for {name} colours, the pixels are {wanted.decode().strip()}")
    return profile[:length]


def _packet(packet: bytes) -> bytes:
    """Returns an XMP packet whose orientation is 1; ValueError unless it is UTF-8 text."""
    try:
        text = packet.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ValueError("it is not UTF-8 text")
    return _TURNED.sub(rb"\g<1>1", packet)
