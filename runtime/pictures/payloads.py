"""Metadata out of a picture file: EXIF, ICC and XMP payloads by section kind, and notes on what is not carried."""

import re
from contextlib import suppress
from typing import Any

from PIL import ImageFile

from runtime.container import EXIF, ICC, SECTION_NAMES, XMP
from runtime.errors import InputError
from runtime.pictures import exif, tags, tiff
from runtime.pictures.colour import ColourSpace
from runtime.pictures.metadata import MAX_PAYLOAD_BYTES
from runtime.pictures.samples import PAGES, Boxes

_EXIF_MARK, _XMP_MARK = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_LONG_XMP_MARK = b"http://ns.adobe.com/xmp/extension/\0"
_ISO_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1"
_KNOWN_SEGMENTS = (
    *(_EXIF_MARK, _XMP_MARK, _LONG_XMP_MARK, b"ICC_PROFILE\0", b"MPF\0", _ISO_GAIN_MAP),
    *(b"JFIF\0", b"JFXX\0", b"Photoshop 3.0\0", b"Adobe\0", b"Adobe_CM", b"Ducky"),
)
"""How segments of a JPEG begin that are carried, told of by themselves, or no loss."""
_GAIN_MAPS = (b"hdr-gain-map", b"HDRGainMap", b"hdrgainmap", _ISO_GAIN_MAP, b"tmap")
GAIN_MAP, VIDEO = "its gain map for HDR is left out", "its motion video is left out"
_VIDEO = re.compile(rb"\0\0\0[\x08-\x7f]ftyp[ -~]{4}")
_AUXILIARY = re.compile(rb"urn:[!-~]+")
_ALPHA = (b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:avc:2015:auxid:1")
_IPTC, _TIFF_IPTC, _TIFF_PHOTOSHOP = 0x0404, 33723, 34377
_CREDENTIALS = "its content credentials (C2PA) are left out: they are those of the file as it was"
_ANIMATION = "an animation: only its first frame is used"
DAMAGE = "the file seems damaged: parts of the picture may be gray, shifted or of wrong colours"
_SCREEN_DPI = (72, 96)
"""What programs write that know no resolution."""
_UUIDS = {XMP: bytes.fromhex("be7acfcb97a942e89c71999491e3afac"), EXIF: b"JpgTiffExif->JP2"}
"""Of metadata in JPEG 2000."""
_RAW = "Raw profile type "
_DERIVED = ("date:", "exif:", "icc:", "png:", "tiff:")
"""Texts that ImageMagick makes of the file and its metadata."""


def read(image: ImageFile.ImageFile, kind: str, data: bytes, boxes: Boxes, notes: list[str]) -> dict[int, bytes]:
    """Return the payloads of a loaded picture, unchecked."""
    info = image.info
    bodies: dict[int, Any] = {EXIF: info.get("exif"), ICC: info.get("icc_profile"), XMP: info.get("xmp")}
    if kind == "PNG":
        bodies = _raw_profiles(_texts(image), notes) | {key: body for key, body in bodies.items() if body}
    elif kind == "TIFF":
        bodies[EXIF] = tags.exif_of(data, MAX_PAYLOAD_BYTES, notes)
    elif kind == "JPEG 2000":
        bodies = {ICC: boxes.get(b"prof")} | {key: boxes.get(uuid) for key, uuid in _UUIDS.items()}
    elif kind == "JPEG" and (_of(image, "icclist") or "icc_profile" in info and not bodies[ICC]):
        notes.append("parts of its ICC are missing: it is left out")
    payloads = {key: body.encode() if isinstance(body, str) else bytes(body) for key, body in bodies.items() if body}
    if EXIF in payloads:
        payloads[EXIF] = payloads[EXIF].removeprefix(_EXIF_MARK)
    if kind == "HEIC" and EXIF in payloads:  # libheif has turned the pixels, so that a thumbnail lies otherwise
        with suppress(ValueError):
            told_turn = {exif.ORIENTATION: info.get("original_orientation") or 1}
            payloads[EXIF] = exif.with_numbers(payloads[EXIF], told_turn)
    density = info.get("dpi", (0, 0))
    if 1 < min(density) <= max(density) < 1 << 16 and not {*map(round, density)} <= {*_SCREEN_DPI}:
        if EXIF not in payloads:
            payloads[EXIF] = tags.exif_of_density(*map(float, density))
        elif not exif.density(payloads[EXIF]):
            notes.append(f"its resolution of {float(density[0]):.0f} dpi is left out")
    return payloads


def _of(image: ImageFile.ImageFile, name: str) -> Any:
    """Return what the plugins of one format alone have."""
    return getattr(image, name)


def _texts(image: ImageFile.ImageFile) -> dict[str, str]:
    """Return the texts of a PNG but for its XMP."""
    return {name: text for name, text in _of(image, "text").items() if name != "XML:com.adobe.xmp"}


def _raw_profiles(texts: dict[str, str], notes: list[str]) -> dict[int, bytes]:
    """Return what ImageMagick and others write into the texts of a PNG: a line each of name and length, then hex."""
    profiles: dict[int, bytes] = {}
    for name, text in texts.items():
        if not name.startswith(_RAW):
            continue
        name = name.removeprefix(_RAW).lower()
        kind = {"exif": EXIF, "app1": EXIF, "icc": ICC, "icm": ICC, "xmp": XMP}.get(name)
        try:
            payload = bytes.fromhex("".join(text.split("\n")[3:]))
        except ValueError:
            payload = b""
        if payload.startswith(_XMP_MARK):
            kind, payload = XMP, payload.removeprefix(_XMP_MARK)
        if kind is None or not payload:
            notes.append(f"its {SECTION_NAMES[kind] if kind else name.upper()} is left out")
        else:
            profiles.setdefault(kind, payload)
    return profiles


# --- what is told of colours ------------------------------------------------------------------------------------------


def colours(image: ImageFile.ImageFile, kind: str, boxes: Boxes) -> ColourSpace:
    """Return what the file tells of its colours but for a profile; of PNG's ways cICP counts before sRGB, then gAMA."""
    if kind == "PNG" and b"cICP" in boxes:
        primaries, transfer, matrix, full = boxes[b"cICP"]
        if matrix:
            raise InputError(f"is a PNG of colours by matrix {matrix}, which is none of RGB; save it as PNG")
        return ColourSpace(primaries, transfer, narrow=not full)
    if kind == "PNG" and b"sRGB" not in boxes:
        return ColourSpace(chromaticities=image.info.get("chromaticity", ()), gamma=image.info.get("gamma", 0))
    if kind in ("AVIF", "HEIC") and (code_points := boxes.get(b"nclx", b"")):
        return ColourSpace(int.from_bytes(code_points[:2]), int.from_bytes(code_points[2:4]))
    return ColourSpace()


# --- what is not carried ----------------------------------------------------------------------------------------------


def lost(image: ImageFile.ImageFile, kind: str, data: bytes, boxes: Boxes) -> list[str]:
    """Return a note for each thing in a file, beside its samples, that a .gar file does not hold."""
    notes: list[str] = []
    if kind == "JPEG":
        notes += _lost_of_jpeg(image, data)
    elif kind == "PNG":
        names = [name for name in _texts(image) if not name.startswith((_RAW, *_DERIVED))]
        notes += [f"its texts are left out: {', '.join(names)}"] * bool(names)
        notes += [_ANIMATION] * (b"acTL" in boxes)
        notes += [_CREDENTIALS] * (b"caBX" in boxes)
    elif kind == "TIFF":
        tags = _of(image, "tag_v2")
        notes += [PAGES] * (tiff.main_pages(data) > 1)
        notes += ["its IPTC or Photoshop data are left out"] * (_TIFF_IPTC in tags or _TIFF_PHOTOSHOP in tags)
    elif kind in ("AVIF", "HEIC"):
        meta = boxes.get(b"meta", b"")
        others = {name for name in _AUXILIARY.findall(meta) if b"alpha" not in name and name not in _ALPHA}
        gain_map = any(mark in meta for mark in _GAIN_MAPS)
        notes += [GAIN_MAP] * gain_map
        notes += ["its depth or other auxiliary pictures are left out"] * any(b"gain" not in name for name in others)
        notes += [VIDEO] * (b"mpvd" in boxes)
    if kind in ("GIF", "WebP", "AVIF", "HEIC") and _animated(image):
        notes.append(PAGES if kind == "HEIC" else _ANIMATION)
    if kind == "BMP" and (note := _profile_of_bmp(data)):
        notes.append(note)
    if kind in ("JPEG", "GIF", "JPEG 2000") and image.info.get("comment"):
        notes.append("its comment is left out")
    aspect = image.info.get("aspect") or (image.info.get("jfif_unit") == 0 and image.info.get("jfif_density")) or (1, 1)
    if aspect[0] != aspect[1]:
        notes.append(f"its pixels are not square, {aspect[0]}:{aspect[1]}: that is left out")
    return notes


def _animated(image: ImageFile.ImageFile) -> bool:
    try:
        return bool(_of(image, "is_animated"))
    except Exception:  # the second frame is damaged: nobody needs it
        return True


def _lost_of_jpeg(image: ImageFile.ImageFile, data: bytes) -> list[str]:
    segments: list[tuple[str, bytes]] = _of(image, "applist")
    heads = b"".join(body for name, body in segments if name in ("APP1", "APP2"))
    notes = [DAMAGE] * _of(image, "damaged")
    if any(mark in heads for mark in _GAIN_MAPS[:-1]) or b"HDRGainMap" in data:
        notes.append(GAIN_MAP)
    elif _further_pictures(image):
        notes.append(PAGES)
    if _VIDEO.search(data) or b"MotionPhoto_Data" in data[-1 << 20 :]:
        notes.append(VIDEO)
    if any(body.startswith(_LONG_XMP_MARK) for _, body in segments):
        notes.append("its XMP goes on in further segments: those are left out")
    known = {"COM"}
    if any(name == "APP11" and b"c2pa" in body for name, body in segments):
        notes.append(_CREDENTIALS)
        known.add("APP11")
    if further := {name for name, body in segments if not body.startswith(_KNOWN_SEGMENTS)} - known:
        notes.append(f"its further data are left out: {', '.join(sorted(further))}")
    if image.info.get("photoshop", {}).get(_IPTC):
        notes.append("its IPTC is left out")
    return notes


def _further_pictures(image: ImageFile.ImageFile) -> bool:
    """Return whether a JPEG is followed by pictures that are no previews of it (MPF)."""
    try:
        entries = (_of(image, "_getmp")() or {}).get(0xB002, ())
    except (SyntaxError, ValueError, TypeError):
        return False
    return any("Thumbnail" not in entry["Attribute"]["MPType"] for entry in entries[1:])


def _profile_of_bmp(data: bytes) -> str:
    """Return a note where a BMP's header, from version 4 on, tells of colours other than sRGB."""
    head = int.from_bytes(data[14:18], "little")
    return "its colour profile is left out" if head >= 108 and data[70:74] in (b"DEBM", b"KNIL", bytes(4)) else ""
