"""Walks over PNG chunks and ISO boxes (AVIF, HEIC, JPEG 2000), for the few things that Pillow does not tell.

All lengths are hostile: each is compared with the bytes that are there.
"""

import zlib
from collections.abc import Collection, Iterator, Mapping

from runtime.errors import InputError

_PNG_HEAD_BYTES = 8
_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_MOST_BOXES = 4096
"""Of one level; a file has a handful."""


def cut_off(data: bytes) -> InputError:
    """Return the error of a file that ends before its format says that it does."""
    return InputError(f"is cut off after {len(data)} bytes; get a whole copy of it")


# --- PNG: u32 length | 4 letters | bytes | u32 CRC, to IEND -----------------------------------------------------------


def png_chunks(data: bytes) -> dict[bytes, bytes]:
    """Return the first chunk of each kind but IDAT.

    Raise InputError unless the file is whole and the checksums of the chunks that it cannot do without are right,
    which Pillow does not look at.
    """
    found: dict[bytes, bytes] = {}
    for kind, start, stop, right in _chunks(data):
        if kind in _PIXELS and not right:
            raise InputError(f"is damaged (the checksum of a chunk {kind.decode()} is wrong); get another copy of it")
        if kind != b"IDAT" and right and kind not in found:
            found[kind] = data[start + 8 : stop - 4]
    return found


def png_with(data: bytes, kinds: Collection[bytes] = _PIXELS) -> bytes:
    """Return a PNG with chunks of some kinds alone, by default those that make its pixels."""
    kept = (data[start:stop] for kind, start, stop, right in _chunks(data) if kind in kinds and right)
    return b"".join([data[:_PNG_HEAD_BYTES], *kept])


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int, bool]]:
    """Yield the letters of each chunk, where it starts and stops, and whether its checksum is right."""
    view, at = memoryview(data), _PNG_HEAD_BYTES
    while at + 12 <= len(data):
        kind, stop = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4])
        if stop > len(data):
            break
        yield kind, at, stop, zlib.crc32(view[at + 4 : stop - 4]) == int.from_bytes(data[stop - 4 : stop])
        if kind == b"IEND":
            return
        at = stop
    raise cut_off(data)


# --- ISO boxes: u32 length | 4 letters | bytes ------------------------------------------------------------------------


def boxes(data: bytes | memoryview) -> Iterator[tuple[bytes, memoryview]]:
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
            raise cut_off(bytes(view) if len(view) < 16 else b"")
        if stop < at + head:
            raise InputError(f"is damaged (a box of {length} bytes); get another copy of it")
        yield kind, view[at + head : stop]
        at = stop
