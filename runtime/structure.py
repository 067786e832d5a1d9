"""What a picture file says outside its samples, and how metadata is put into one: PNG, JPEG, WebP, TIFF; GIF, AVIF.

Each format has a walker, which tells whether the file is whole, and beside it the inverse that adds EXIF, ICC and XMP.
What the payloads mean is told in `metadata.py`, the directories of a TIFF in `tiff.py`, the boxes of an AVIF in
`avif.py`.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from runtime import avif, tiff
from runtime.container import EXIF, ICC, SECTION_NAMES, XMP

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".avif", ".ppm", ".bmp")
"""Of files that are written."""
READABLE = (*SUFFIXES, ".gif", ".jp2", ".pgm", ".pbm", ".pnm")
"""Suffixes that make a file in a folder a picture; any other is tried when it is named."""

MAX_PAYLOAD_BYTES = 4 << 20
"""A longer EXIF, ICC or XMP is left out; usual ones have some KiB, profiles of printers about 1 MiB."""

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_EXIF_MARK = b"Exif\0\0"
_ICC_MARK = b"ICC_PROFILE\0"
_XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"
_LONG_XMP_MARK = b"http://ns.adobe.com/xmp/extension/\0"
_PNG_XMP_KEYWORD = b"XML:com.adobe.xmp"
_SEGMENT_BYTES = 0xFFFF - 2
"""What a JPEG segment can hold."""
_WEBP_ICC, _WEBP_ALPHA, _WEBP_EXIF, _WEBP_XMP = 0x20, 0x10, 0x08, 0x04


@dataclass
class Structure:
    """What a file says outside its samples."""

    whole: bool = True
    """False when the file ends before its format says that it does."""
    metadata: dict[int, bytes] = field(default_factory=dict)
    """Payloads by section kind (container.EXIF, ICC, XMP), unchecked."""
    clear_gray: int | None = None
    """The 8- or 16-bit gray value that stands for transparent (PNG tRNS)."""
    clear_gif: bool = False
    """A GIF's first frame has a transparent colour."""
    animated: bool = False
    orientation: int | None = None
    """How the samples lie, 1 to 8 as in EXIF; None where the metadata tells it."""
    depth: int | None = None
    """Bits of samples that OpenCV leaves in the lower part of 16 bits (AVIF)."""
    notes: list[str] = field(default_factory=list)
    """Sentences for the user on metadata that could not be taken out."""


def examine(data: bytes) -> Structure:
    """Returns what a file of one of our formats says outside its samples; the default for other files."""
    if data.startswith(_PNG_MAGIC):
        return _png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _gif(data)
    if avif.is_avif(data):
        return _avif(data)
    if data.startswith((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")):
        return Structure(notes=["metadata and colour profiles of JPEG 2000 are not read"])
    return _tiff(data)  # OpenCV refuses these and the other formats when they are cut


def embed(data: bytes, suffix: str, metadata: Mapping[int, bytes], notes: list[str]) -> bytes:
    """Returns a picture file, which we have just written, with metadata; notes tell what the format cannot hold."""
    embedders: dict[str, Callable[[bytes, dict[int, bytes]], bytes]] = {
        ".png": _png_with,
        ".jpg": _jpeg_with,
        ".jpeg": _jpeg_with,
        ".webp": _webp_with,
        ".tif": _tiff_with,
        ".tiff": _tiff_with,
    }
    limits = {}
    if suffix in (".jpg", ".jpeg"):
        limits = {EXIF: _SEGMENT_BYTES - len(_EXIF_MARK), XMP: _SEGMENT_BYTES - len(_XMP_MARK)}
    fitting = {}
    for kind, payload in metadata.items():
        if suffix not in embedders:
            notes.append(f"{suffix} files hold no {SECTION_NAMES[kind]}: it is left out")
        elif len(payload) > limits.get(kind, MAX_PAYLOAD_BYTES):
            notes.append(f"{len(payload)} bytes of {SECTION_NAMES[kind]} do not fit into a {suffix}: left out")
        else:
            fitting[kind] = payload
    return embedders[suffix](data, fitting) if fitting else data


# --- PNG: u32 length | 4 letters | bytes | u32 CRC, to IEND -----------------------------------------------------------


def _png(data: bytes) -> Structure:
    found, depth, colour_type, at = Structure(whole=False), 8, -1, len(_PNG_MAGIC)
    seen: set[bytes] = set()
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body_at, at = at + 8, at + 12 + length
        if kind == b"IEND" or at > len(data):
            found.whole = at <= len(data)
            return found
        if kind not in (b"IHDR", b"tRNS", b"eXIf", b"iCCP", b"iTXt", b"acTL") or kind in seen:
            continue
        if kind == b"iTXt" and not data.startswith(_PNG_XMP_KEYWORD + b"\0", body_at):
            continue
        seen.add(kind)
        if length > MAX_PAYLOAD_BYTES:
            found.notes.append(f"a chunk {kind.decode()} of {length} bytes is left out")
            continue
        body = data[body_at : body_at + length]
        if kind == b"IHDR" and length >= 10:
            depth, colour_type = body[8], body[9]
        elif kind == b"tRNS" and colour_type == 0 and length == 2:
            scale = 255 // (2**depth - 1) if depth in (1, 2, 4) else 1
            found.clear_gray = int.from_bytes(body, "big") * scale
        elif kind == b"acTL":
            found.animated = True
        elif kind == b"eXIf":
            found.metadata[EXIF] = body.removeprefix(_EXIF_MARK)
        elif kind == b"iCCP":
            _keep_inflated(found, ICC, body.partition(b"\0")[2][1:])
        elif kind == b"iTXt":
            deflated, rest = body[len(_PNG_XMP_KEYWORD) + 1 :][:1], body[len(_PNG_XMP_KEYWORD) + 3 :]
            packet = rest.partition(b"\0")[2].partition(b"\0")[2]  # behind the language and the translated keyword
            if deflated == b"\1":
                _keep_inflated(found, XMP, packet)
            else:
                found.metadata[XMP] = packet
    return found


def _keep_inflated(found: Structure, kind: int, deflated: bytes) -> None:
    """Adds a payload of at most MAX_PAYLOAD_BYTES, or a note why not."""
    inflater = zlib.decompressobj()
    try:
        payload = inflater.decompress(deflated, MAX_PAYLOAD_BYTES)
    except zlib.error:
        payload = b""
    if payload and inflater.eof:
        found.metadata[kind] = payload
    else:
        found.notes.append(f"its {SECTION_NAMES[kind]} is damaged or too long: it is left out")


def _png_with(data: bytes, metadata: dict[int, bytes]) -> bytes:
    """Puts the chunks behind IHDR: a profile must come before the samples."""
    chunks = []
    if ICC in metadata:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata[ICC], 9)))
    if EXIF in metadata:
        chunks.append((b"eXIf", metadata[EXIF]))
    if XMP in metadata:
        chunks.append((b"iTXt", _PNG_XMP_KEYWORD + bytes(5) + metadata[XMP]))
    packed = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    at = len(_PNG_MAGIC) + 12 + 13  # IHDR holds 13 bytes
    return b"".join([data[:at], *packed, data[at:]])


# --- JPEG: 0xFF kind | u16 length | bytes, to a scan; the end marker must follow --------------------------------------


def _jpeg(data: bytes) -> Structure:
    found, at = Structure(whole=False), 2
    profile: dict[int, bytes] = {}
    parts = 0
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if kind in (0x00, 0xFF):  # not a marker: stray bytes or fill bytes between segments
            at += 1
            continue
        if kind == 0xDA:  # start of scan
            found.whole = data.find(b"\xff\xd9", at) >= 0
            break
        body = data[at + 4 : at + 2 + length] if kind in (0xE1, 0xE2) else b""
        if kind == 0xE1 and body.startswith(_EXIF_MARK):
            found.metadata.setdefault(EXIF, body[len(_EXIF_MARK) :])
        elif kind == 0xE1 and body.startswith(_XMP_MARK):
            found.metadata.setdefault(XMP, body[len(_XMP_MARK) :])
        elif kind == 0xE1 and body.startswith(_LONG_XMP_MARK):
            note = "its XMP goes on in further segments: those are left out"
            found.notes += [note] * (note not in found.notes)
        elif kind == 0xE2 and body.startswith(_ICC_MARK) and len(body) >= len(_ICC_MARK) + 2:
            parts = body[len(_ICC_MARK) + 1]
            profile.setdefault(body[len(_ICC_MARK)], body[len(_ICC_MARK) + 2 :])
        at += 2 + length
    if profile and sorted(profile) == list(range(1, parts + 1)):
        found.metadata[ICC] = b"".join(profile[part] for part in sorted(profile))
    elif profile:
        found.notes.append("parts of its ICC are missing: it is left out")
    return found


def _jpeg_with(data: bytes, metadata: dict[int, bytes]) -> bytes:
    """Puts the segments behind the JFIF one, in the usual order: EXIF, XMP, ICC."""
    segments = []
    if EXIF in metadata:
        segments.append((0xE1, _EXIF_MARK + metadata[EXIF]))
    if XMP in metadata:
        segments.append((0xE1, _XMP_MARK + metadata[XMP]))
    step = _SEGMENT_BYTES - len(_ICC_MARK) - 2
    profile = metadata.get(ICC, b"")
    parts = [profile[at : at + step] for at in range(0, len(profile), step)]
    for number, part in enumerate(parts, 1):
        segments.append((0xE2, _ICC_MARK + bytes([number, len(parts)]) + part))
    packed = [bytes([0xFF, kind]) + struct.pack(">H", len(body) + 2) + body for kind, body in segments]
    at = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    return b"".join([data[:at], *packed, data[at:]])


# --- WebP: RIFF chunks, 4 letters | u32 LE length | bytes, padded to even ---------------------------------------------


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yields the letters, start and length of each chunk that begins in the data."""
    end, at = 8 + int.from_bytes(data[4:8], "little"), 12
    while at + 8 <= min(end, len(data)):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, at + 8, length
        at += 8 + length + length % 2


def _webp(data: bytes) -> Structure:
    found = Structure(whole=8 + int.from_bytes(data[4:8], "little") <= len(data))
    kinds = {b"EXIF": EXIF, b"ICCP": ICC, b"XMP ": XMP}
    for letters, at, length in _riff_chunks(data):
        found.animated = found.animated or letters == b"ANIM"
        kind = kinds.get(letters)
        if kind is not None and kind not in found.metadata:
            if length <= MAX_PAYLOAD_BYTES:
                found.metadata[kind] = data[at : at + length].removeprefix(_EXIF_MARK)
            else:
                found.notes.append(f"its {SECTION_NAMES[kind]} is too long: it is left out")
    return found


def _webp_with(data: bytes, metadata: dict[int, bytes]) -> bytes:
    """Makes an extended WebP: its first chunk, VP8X, tells the size and what follows."""
    chunks = [(letters, data[at : at + length]) for letters, at, length in _riff_chunks(data)]
    letters, body = chunks[0]
    if letters == b"VP8X":
        flags, size = body[0], body[4:10]
        chunks = chunks[1:]
    else:  # VP8L: a mark, then 14 bits of width - 1, 14 of height - 1 and one that tells of alpha
        bits = int.from_bytes(body[1:5], "little")
        flags = _WEBP_ALPHA * (bits >> 28 & 1)
        size = (bits & 0x3FFF).to_bytes(3, "little") + (bits >> 14 & 0x3FFF).to_bytes(3, "little")
    flags |= _WEBP_ICC * (ICC in metadata) | _WEBP_EXIF * (EXIF in metadata) | _WEBP_XMP * (XMP in metadata)
    extended = [(b"VP8X", bytes([flags, 0, 0, 0]) + size)]
    before = [(b"ICCP", metadata[ICC])] if ICC in metadata else []
    after = [(word, metadata[kind]) for word, kind in ((b"EXIF", EXIF), (b"XMP ", XMP)) if kind in metadata]
    packed = [
        letters + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
        for letters, body in extended + before + chunks + after
    ]
    riff = b"WEBP" + b"".join(packed)
    return b"RIFF" + struct.pack("<I", len(riff)) + riff


# --- GIF and AVIF, which are only read here ---------------------------------------------------------------------------


def _gif(data: bytes) -> Structure:
    """Counts frames. A block: 0x21 kind | parts, or 0x2c 9 bytes | colours | 1 byte | parts; a part: length | bytes."""
    found, frames, at = Structure(), 0, 13
    at += 3 << (data[10] & 7) + 1 if len(data) > 10 and data[10] & 0x80 else 0
    while at + 10 < len(data) and data[at] in (0x21, 0x2C):
        if data[at] == 0x21:
            found.clear_gif |= data[at + 1] == 0xF9 and frames == 0 and bool(data[at + 3] & 1)
            at += 2
        else:
            frames += 1
            at += 11 + (3 << (data[at + 9] & 7) + 1 if data[at + 9] & 0x80 else 0)
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    found.animated = frames > 1
    return found


def _avif(data: bytes) -> Structure:
    try:
        told = avif.examine(data, MAX_PAYLOAD_BYTES)
    except ValueError as reason:
        return Structure(orientation=1, notes=[f"its metadata cannot be read ({reason})"])
    payloads = {EXIF: told.exif, ICC: told.icc, XMP: told.xmp}
    found = Structure(whole=told.whole, animated=told.animated, orientation=told.orientation, depth=told.depth)
    found.metadata = {kind: payload for kind, payload in payloads.items() if payload}
    return found


# --- TIFF -------------------------------------------------------------------------------------------------------------


def _tiff(data: bytes) -> Structure:
    """Takes only the metadata; OpenCV turns TIFFs upright itself."""
    found = Structure(orientation=1 if data[:2] in (b"II", b"MM") else None)
    try:
        payloads = {
            EXIF: tiff.exif_of(data, MAX_PAYLOAD_BYTES),
            ICC: tiff.payload(data, tiff.ICC, MAX_PAYLOAD_BYTES),
            XMP: tiff.payload(data, tiff.XMP, MAX_PAYLOAD_BYTES),
        }
    except ValueError:  # no TIFF
        return found
    found.metadata = {kind: payload for kind, payload in payloads.items() if payload}
    return found


def _tiff_with(data: bytes, metadata: dict[int, bytes]) -> bytes:
    return tiff.embed(data, metadata.get(EXIF, b""), metadata.get(ICC, b""), metadata.get(XMP, b""))
