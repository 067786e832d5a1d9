"""Rows of pixels to the bytes of a PNG as they come; Pillow wants all of them at once, in four bytes a pixel, and takes
15 ms to load.

A row has the filter of PNG that leaves the smallest differences, as libpng chooses it, and zlib looks for runs alone:
that makes PNGs of photographs smaller than its level 6 does, in a fraction of the time. Pieces of rows are compressed
without knowledge of each other, so threads can do that; joined they are one stream of zlib.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from runtime.arrays import U8
from runtime.container import EXIF, ICC, XMP
from runtime.pictures import exif
from runtime.pictures.containers import PNG_HEAD
from runtime.threads import each

_COLOUR_TYPES = {(): 0, (3,): 2, (4,): 6}
"""Of gray, RGB and RGBA."""
_INCH_M = 0.0254

_PIECE_BYTES = 1 << 20
_LEVEL, _RAW_WINDOW_BITS, _MEMORY_LEVEL = 1, -15, 9
_HEAD, _END = b"\x78\x01", b"\x03\0"
"""Of a stream of zlib, and of its blocks: an empty one that is the last."""
_ADLER = 65521
_SUB, _UP, _AVERAGE = 1, 2, 3


def encode(
    strips: Iterable[U8], shape: tuple[int, ...], payloads: Mapping[int, bytes], threads: int = 1
) -> Iterator[bytes]:
    """Yield the bytes of a PNG of a shape (H, W), (H, W, 3) or (H, W, 4), whose rows come as strips.

    payloads are EXIF, ICC and XMP by section kind, which stand before the rows.
    """
    height, width, *channels = shape
    yield PNG_HEAD + _chunk(b"IHDR", struct.pack(">II5B", width, height, 8, _COLOUR_TYPES[tuple(channels)], 0, 0, 0))
    if payloads.get(ICC):
        yield _chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(payloads[ICC]))
    if XMP in payloads:
        yield _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + payloads[XMP])
    if density := exif.density(payloads.get(EXIF, b"")):
        yield _chunk(b"pHYs", struct.pack(">IIB", *(int(dots / _INCH_M + 0.5) for dots in density), 1))
    if payloads.get(EXIF):
        yield _chunk(b"eXIf", payloads[EXIF])
    yield from _compressed(strips, threads)
    yield _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def _compressed(strips: Iterable[U8], threads: int) -> Iterator[bytes]:
    """Yield chunks that hold the stream of zlib of all rows."""
    check, above = zlib.adler32(b""), None
    yield _chunk(b"IDAT", _HEAD)
    for strip in strips:
        above = np.zeros_like(strip[:1]) if above is None else above
        step = max(1, _PIECE_BYTES // strip[0].size)
        starts = range(0, len(strip), step)
        pieces = [(strip[start : start + step], strip[start - 1 : start] if start else above) for start in starts]
        for length, own_check, chunk in each(_piece, pieces, threads):
            check = _joined(check, own_check, length)
            yield chunk
        above = strip[-1:].copy()
    yield _chunk(b"IDAT", _END + check.to_bytes(4))


def _piece(rows: tuple[U8, U8]) -> tuple[int, int, bytes]:
    """Return the length and the Adler-32 of filtered rows, and a chunk of these, of rows and the one above them."""
    flat, first_above = (some.reshape(len(some), -1) for some in rows)
    plain = filtered(flat, np.concatenate([first_above, flat[:-1]]), rows[0][0, 0].size)
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW_WINDOW_BITS, _MEMORY_LEVEL, zlib.Z_RLE)
    data = deflater.compress(plain.data) + deflater.flush(zlib.Z_SYNC_FLUSH)
    return plain.size, zlib.adler32(plain.data), _chunk(b"IDAT", data)


def filtered(rows: U8, above: U8, channels: int) -> U8:
    """Return rows (h, 1 + n) with their filters before them, of rows (h, n) and those above each; `channels` is bytes
    a pixel.
    """
    left = np.zeros_like(rows)
    left[:, channels:] = rows[:, :-channels]
    average = left & above
    average += (left ^ above) >> 1
    choices = {_SUB: rows - left, _UP: rows - above, _AVERAGE: rows - average}
    costs = [np.minimum(choice, 0 - choice).sum(axis=1, dtype=np.int64) for choice in choices.values()]
    found = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    found[:, 0] = np.array(list(choices), np.uint8)[np.argmin(costs, axis=0)]
    for kind, choice in choices.items():
        chosen = found[:, 0] == kind
        found[chosen, 1:] = choice[chosen]
    return found


def _joined(first: int, second: int, length: int) -> int:
    """Return the Adler-32 of bytes and such a length of further ones, each of which have theirs."""
    low, high = first & 0xFFFF, first >> 16
    low_2, high_2 = second & 0xFFFF, second >> 16
    return (high + high_2 + length * (low - 1)) % _ADLER << 16 | (low + low_2 - 1) % _ADLER
