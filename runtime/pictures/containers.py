"""Walks over PNG chunks and ISO boxes (AVIF, HEIC, JPEG 2000), for the few things that Pillow does not tell.

All lengths are hostile: each is compared with the bytes that are there.
"""

import re
import zlib
from collections.abc import Collection, Iterator

from runtime.errors import InputError

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_PART_BYTES = 1 << 20
_MOST_BOXES = 4096
"""Of one level; a file has a handful."""


def cut_off(data: bytes | memoryview) -> InputError:
    """Return the error of a file that ends before its format says that it does."""
    return InputError(f"is cut off after {len(data)} bytes; get a whole copy of it")


# --- PNG: u32 length | 4 letters | bytes | u32 CRC, to IEND -----------------------------------------------------------


def png_chunks(data: bytes) -> dict[bytes, bytes]:
    """Return the first chunk of each kind but IDAT.

    Raise InputError unless the file is whole and the checksums of the chunks that it cannot do without are right,
    which Pillow does not look at.
    """
    chunks: dict[bytes, bytes] = {}
    for kind, start, stop, right in all_png_chunks(data):
        if kind in _PIXELS and not right:
            raise InputError(f"is damaged (the checksum of a chunk {kind.decode()} is wrong); get another copy of it")
        if kind != b"IDAT" and right and kind not in chunks:
            chunks[kind] = data[start + 8 : stop - 4]
    return chunks


def png_with(data: bytes, kinds: Collection[bytes] = _PIXELS) -> bytes:
    """Return a PNG with chunks of some kinds alone, by default those that make its pixels."""
    kept = (data[start:stop] for kind, start, stop, right in all_png_chunks(data) if kind in kinds and right)
    return b"".join([PNG_HEAD, *kept])


def png_rows_bytes(data: bytes) -> int:
    """Return how many bytes its compressed samples come to."""
    inflater, total = zlib.decompressobj(), 0
    for kind, start, stop, _ in all_png_chunks(data):
        given = data[start + 8 : stop - 4] if kind == b"IDAT" else b""
        while given and not inflater.eof:
            total += len(inflater.decompress(given, _PART_BYTES))
            given = inflater.unconsumed_tail
    return total


def all_png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int, bool]]:
    """Yield the letters of each chunk, where it starts and stops, and whether its checksum is right."""
    view, at = memoryview(data), len(PNG_HEAD)
    while at + 12 <= len(data):
        kind, stop = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4])
        if stop > len(data):
            break
        yield kind, at, stop, zlib.crc32(view[at + 4 : stop - 4]) == int.from_bytes(data[stop - 4 : stop])
        if kind == b"IEND":
            return
        at = stop
    raise cut_off(data)


def avif_without_exif(data: bytes) -> bytes:
    """Return an AVIF of the same length in whose table of items (infe) there is no EXIF any more."""
    return re.sub(rb"(infe[\2\3]\0\0.{5,7})Exif", rb"\1none", data, flags=re.DOTALL)


# --- ISO boxes: u32 length | 4 letters | bytes ------------------------------------------------------------------------


def iso_boxes(data: bytes) -> dict[bytes, bytes]:
    """Return by their letters the properties of an AVIF's or HEIC's main picture, or the boxes of a JP2's header.

    Of colours: nclx, prof and enum, without their heads. Further: meta, with all in it; mpvd where there is a video;
    metadata of JP2 by the 16 bytes of their UUID. Raise InputError where the file is cut off.
    """
    boxes: dict[bytes, bytes] = {}
    for kind, body in _boxes(data):
        if kind == b"meta":
            boxes[kind] = bytes(body)
            _add(boxes, _properties(body[4:]))
        elif kind == b"jp2h":
            _add(boxes, list(_boxes(body)))
        elif kind == b"uuid":
            boxes[bytes(body[:16])] = bytes(body[16:])
        elif kind == b"mpvd":
            boxes[kind] = b""
    return boxes


def _add(boxes: dict[bytes, bytes], properties: list[tuple[bytes, memoryview]]) -> None:
    for kind, view in properties:
        body = bytes(view)
        if kind == b"colr" and body[:1] <= b"\3":  # of JP2: method, precedence, approximation
            kind, body = b"enum" if body[:1] == b"\1" else b"prof", body[3:]
        elif kind == b"colr":
            kind, body = body[:4].replace(b"rICC", b"prof"), body[4:]
        boxes.setdefault(kind, body)


def _properties(meta: memoryview) -> list[tuple[bytes, memoryview]]:
    """Return the properties of the main item, pitm, in ipco, to whose numbers, from 1 on, it is bound in ipma."""
    inside = dict(_boxes(meta))
    main = int.from_bytes(inside[b"pitm"][4:8] if inside[b"pitm"][0] else inside[b"pitm"][4:6])
    below = dict(_boxes(inside[b"iprp"]))
    properties, bound, at = list(_boxes(below[b"ipco"])), below[b"ipma"], 8
    item_bytes, number_bytes = (4 if bound[0] else 2), (2 if bound[3] & 1 else 1)
    while at < len(bound):
        item, count = int.from_bytes(bound[at : at + item_bytes]), bound[at + item_bytes]
        at += item_bytes + 1
        starts = range(at, at + number_bytes * count, number_bytes)
        if item == main:
            mask = (1 << 8 * number_bytes - 1) - 1  # the highest bit tells that it is essential
            numbers = [int.from_bytes(bound[start : start + number_bytes]) & mask for start in starts]
            return [properties[number - 1] for number in numbers if 0 < number <= len(properties)]
        at += number_bytes * count
    return []


def _boxes(data: bytes | memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the letters and the content of each box; raise InputError where one is cut off or makes no sense."""
    view, at = memoryview(data), 0
    for _ in range(_MOST_BOXES):
        if at + 8 > len(view):
            return
        length, kind, head = int.from_bytes(view[at : at + 4]), bytes(view[at + 4 : at + 8]), 8
        if length == 1:
            length, head = int.from_bytes(view[at + 8 : at + 16]), 16
        stop = at + length if length else len(view)
        if stop > len(view):
            raise cut_off(view)
        if stop < at + head:
            raise InputError(f"is damaged (a box of {length} bytes); get another copy of it")
        yield kind, view[at + head : stop]
        at = stop
