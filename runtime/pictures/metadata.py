"""EXIF, ICC and XMP payloads: which of them may stand beside these pixels, and what a user wants to keep.

A payload is what all file formats share: EXIF from its TIFF header on, an ICC profile, an XMP packet in UTF-8
(FORMAT.md, section 1). How they are edited is told in `exif.py` and `xmp.py`. Metadata that cannot be made true is left
out with a note; it never keeps a picture from being read or written.
"""

import re
from collections.abc import Callable, Mapping

from runtime.container import EXIF, ICC, SECTION_NAMES, XMP
from runtime.pictures import exif

MAX_PAYLOAD_BYTES = 4 << 20
"""A longer EXIF, ICC or XMP is left out; usual ones have some KiB, profiles of printers about 1 MiB."""

_ICC_HEADER_BYTES = 128
_MISLAID = (exif.SUBJECT_AREA, exif.SUBJECT_LOCATION)
"""Tags that tell a position in the picture, in pixels."""
_SHOWING = (*_MISLAID, exif.MAKER_NOTE, exif.SUB_IFDS, exif.PHOTOSHOP)
"""And tags that may hold a preview of the whole picture."""

_EXIF, _TIFF = "http://ns.adobe.com/exif/1.0/", "http://ns.adobe.com/tiff/1.0/"
_ORIENTATION = (_TIFF, "Orientation")
_SIDES = {
    (_TIFF, "ImageWidth"): 0,
    (_TIFF, "ImageLength"): 1,
    (_EXIF, "PixelXDimension"): 0,
    (_EXIF, "PixelYDimension"): 1,
}
"""XMP's names of width and height."""
_ELSEWHERE = {
    "http://ns.adobe.com/hdr-gain-map/1.0/": "a gain map",
    "http://ns.apple.com/HDRGainMap/1.0/": "a gain map",
    "http://ns.apple.com/pixeldatainfo/1.0/": "a gain map",
    "http://ns.google.com/photos/1.0/container/": "further pictures",
    "http://ns.google.com/photos/dd/1.0/": "further pictures",
    "http://ns.xiaomi.com/photos/1.0/camera/": "further pictures",
    "http://ns.adobe.com/xmp/note/": "a longer XMP",
}
"""Begin namespaces that tell of what else was in a file."""
_VIDEO = re.compile("MotionPhoto|MicroVideo|OLivePhoto|VideoLength")
_WHOLE = (
    *(f"http://ns.google.com/photos/1.0/{name}/" for name in ("panorama", "depthmap", "image")),
    "http://www.metadataworkinggroup.com/schemas/regions/",
    "http://ns.microsoft.com/photo/1.2/",
    "http://ns.acdsee.com/regions/",
    "http://ns.apple.com/faceinfo/",
)
"""Begin namespaces of what has the whole picture for its frame: panoramas, depth maps, positions of faces."""
_POSITIONED = ("Thumbnails", "SubjectArea", "SubjectLocation", "ImageRegion")
"""And its names in namespaces that hold other things too; the last is IPTC's."""
_POSITION = re.compile("gps|latitude|longt?itude", re.IGNORECASE)


def orientation(payloads: Mapping[int, bytes]) -> int:
    """Return how pixels lie, 1 to 8, as EXIF tells, or XMP where EXIF does not; 1 where neither does."""
    number = exif.orientation(payloads.get(EXIF, b""))
    if number is None and XMP not in payloads:
        return 1
    from runtime.pictures import xmp

    text = str(number) if number is not None else xmp.value(payloads[XMP], *_ORIENTATION)
    return int(text) if re.fullmatch("[1-8]", text) else 1


def fitting(payloads: Mapping[int, bytes], gray: bool, notes: list[str], size: tuple[int, int]) -> dict[int, bytes]:
    """Return the EXIF, ICC and XMP that fit upright pixels, gray or RGB, of a width and height.

    notes tell what is lost. The orientation becomes 1, and what turning made wrong goes: thumbnails, positions of
    faces. XMP no longer speaks of gain maps and videos, which are no pixels. A profile of other colours, CMYK for one,
    would show ours wrongly.
    """
    turned = orientation(payloads) != 1
    lost: set[str] = set()

    def rule(space: str, name: str, text: str) -> str | None:
        if (space, name) == _ORIENTATION:
            return "1"
        if (space, name) in _SIDES:
            return str(size[_SIDES[space, name]])
        gone = next((what for begin, what in _ELSEWHERE.items() if space.startswith(begin)), None)
        if _VIDEO.search(name):
            gone = "a video"
        elif name == "provenance" and "jumbf" in text:
            gone = "content credentials"
        elif turned and _of_whole(space, name):
            gone = "positions in it"
        lost.update([gone] if gone and name else [])
        return "" if gone else None

    def upright(payload: bytes) -> bytes:
        payload = exif.with_numbers(payload, numbers)
        return exif.without(payload, _MISLAID, thumbnail=False) if turned else payload

    numbers = {exif.ORIENTATION: 1}
    numbers |= dict.fromkeys((exif.WIDTH, exif.PIXEL_WIDTH, exif.RELATED_WIDTH), size[0])
    numbers |= dict.fromkeys((exif.HEIGHT, exif.PIXEL_HEIGHT, exif.RELATED_HEIGHT), size[1])
    edits = {
        EXIF: upright,
        ICC: lambda payload: _profile(payload, gray),
        XMP: lambda payload: _edited_xmp(payload.rstrip(b"\0"), rule),
    }
    kept = _edited(payloads, edits, notes)
    if lost and XMP in kept:
        notes.append(f"what its XMP says of {' and '.join(sorted(lost))} is left out, since it is no longer true")
    return kept


def resized(payloads: Mapping[int, bytes], gray: bool, notes: list[str], size: tuple[int, int]) -> dict[int, bytes]:
    """Return the EXIF, ICC and XMP that fit a picture whose size has become another, as `fitting` does."""
    edits = {
        EXIF: lambda payload: exif.without(payload, _MISLAID),
        ICC: lambda payload: payload,
        XMP: lambda payload: payload,
    }
    return _edited(fitting(payloads, gray, notes, size), edits, notes)


def of_region(payloads: Mapping[int, bytes], notes: list[str]) -> dict[int, bytes]:
    """Return fitting payloads for a region of their picture: without what shows the whole, or tells positions in it."""

    def rule(space: str, name: str, _: str) -> str | None:
        return "" if _of_whole(space, name) else None

    edits = {
        EXIF: lambda payload: exif.without(payload, _SHOWING, thumbnail=False),
        ICC: lambda payload: payload,
        XMP: lambda payload: _edited_xmp(payload, rule),
    }
    kept = _edited(payloads, edits, notes)
    changed = [SECTION_NAMES[kind] for kind in kept if kept[kind] != payloads[kind]]
    notes += [f"what its {name} shows or says of the whole picture is left out of the region" for name in changed]
    return kept


def reduced(payloads: Mapping[int, bytes], strip: bool, no_gps: bool, notes: list[str]) -> dict[int, bytes]:
    """Return what is left after --strip (only the ICC profile) and --no-gps (no GPS position)."""
    kept = {kind: payload for kind, payload in payloads.items() if kind == ICC or not strip}
    edits = {
        EXIF: lambda payload: exif.without(payload, (exif.GPS_IFD,)),
        ICC: lambda payload: payload,
        XMP: _without_position,
    }
    return _edited(kept, edits, notes) if no_gps else kept


def _edited(
    payloads: Mapping[int, bytes], edits: Mapping[int, Callable[[bytes], bytes]], notes: list[str]
) -> dict[int, bytes]:
    """Return the payloads, each edited; those for which that raises ValueError are left out with a note."""
    kept = {}
    for kind, edit in edits.items():
        payload = payloads.get(kind, b"")
        try:
            if len(payload) > MAX_PAYLOAD_BYTES:
                raise ValueError(f"it has {len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are kept")
            if payload and (edited := edit(payload)):
                kept[kind] = edited
        except ValueError as reason:
            notes.append(f"its {SECTION_NAMES[kind]} is left out ({reason})")
    return kept


def _edited_xmp(packet: bytes, rule: Callable[[str, str, str], str | None]) -> bytes:
    from runtime.pictures import xmp  # which loads a parser that few pictures need

    return xmp.edit(packet, rule)


def _of_whole(space: str, name: str) -> bool:
    """Return whether an XMP property shows or measures the whole picture, or tells a position in it."""
    return space.startswith(_WHOLE) or name in _POSITIONED


def _without_position(packet: bytes) -> bytes:
    """Return an XMP packet that tells no position; ValueError where a word of it is left."""
    cut = _edited_xmp(packet, lambda space, name, _: "" if _POSITION.search(name) or "wgs84_pos" in space else None)
    if b"gps" in cut.lower():
        raise ValueError("it may hold a position")
    return cut


def _profile(profile: bytes, gray: bool) -> bytes:
    """Return an ICC profile without what pads it; ValueError unless it is one for gray or RGB pixels."""
    length = int.from_bytes(profile[:4], "big")
    if not _ICC_HEADER_BYTES <= length <= len(profile) or profile[36:40] != b"acsp":
        raise ValueError("it is no profile, or a damaged one")
    wanted, colours = b"GRAY" if gray else b"RGB ", profile[16:20]
    if colours != wanted:
        name = re.sub(r"\W", "", colours.decode("ascii", "replace")) or "unknown"
        raise ValueError(f"it is for {name} colours, the pixels are {wanted.decode().strip()}")
    return profile[:length]
