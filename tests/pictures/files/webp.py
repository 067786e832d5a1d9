"""WebP: lossy and lossless, alpha, animation, orientations (WebP Container Specification, RFC 9649)."""

import struct
from collections.abc import Iterator
from functools import partial

import imagecodecs
import numpy as np
from pictures.files.case import Array, Case, alpha, gray, rgb, rgba, smooth, turned
from pictures.files.exif import exif, xmp

LOSSY = 10
"""Levels that lossy coding at quality 100 costs: its colours are 4:2:0 and of 16 to 235 steps."""


def chunk(letters: bytes, body: bytes) -> bytes:
    return letters + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + sum(map(len, chunks))) + b"WEBP" + b"".join(chunks)


def simple(picture: Array, lossless: bool = True) -> bytes:
    picture = np.repeat(picture[:, :, None], 3, 2) if picture.ndim == 2 else picture
    return bytes(imagecodecs.webp_encode(np.ascontiguousarray(picture.astype(np.uint8)), level=100, lossless=lossless))


def samples(data: bytes) -> bytes:
    """Return the chunks of the picture itself: VP8, VP8L, ALPH."""
    at = 30 if data[12:16] == b"VP8X" else 12
    return data[at : 8 + int.from_bytes(data[4:8], "little")]


def extended(picture: Array, after: bytes = b"", lossless: bool = True, flags: int = 0) -> bytes:
    """Return a file with VP8X and chunks after the picture; flags are 8 for EXIF, 4 for XMP."""
    height, width = picture.shape[:2]
    flags |= 0x10 * (picture.ndim == 3 and picture.shape[2] == 4)
    head = bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return riff(chunk(b"VP8X", head), samples(simple(picture, lossless)), after)


def animated(picture: Array, at: tuple[int, int] = (0, 0), canvas: tuple[int, int] | None = None) -> bytes:
    """Return two frames, the first at (left, top) on a canvas of (width, height)."""
    height, width = picture.shape[:2]
    wide, high = canvas or (width, height)
    size = (wide - 1).to_bytes(3, "little") + (high - 1).to_bytes(3, "little")
    frames = b""
    for one in (picture, picture[::-1]):
        body = b"".join(v.to_bytes(3, "little") for v in (at[0] // 2, at[1] // 2, width - 1, height - 1, 100))
        frames += chunk(b"ANMF", body + b"\2" + samples(simple(one)))
    return riff(chunk(b"VP8X", b"\x12\0\0\0" + size), chunk(b"ANIM", bytes(6)), frames)


def cases() -> Iterator[Case]:
    gray_as_rgb = np.repeat(gray()[:, :, None], 3, 2)
    for name, make in (("simple", simple), ("extended", extended)):
        yield Case(f"webp/lossless-{name}", partial(make, rgb()), rgb())
        yield Case(f"webp/lossless-alpha-{name}", partial(make, rgba()), rgba())
        yield Case(f"webp/lossless-gray-{name}", partial(make, gray()), gray_as_rgb)
        yield Case(f"webp/lossy-{name}", partial(make, smooth(), lossless=False), smooth(), LOSSY)
        faint = np.dstack([smooth(), np.maximum(alpha(45, 61), 1)])
        yield Case(f"webp/lossy-alpha-{name}", partial(make, faint, lossless=False), faint, LOSSY)
    for height, width in ((1, 1), (1, 5), (7, 2)):
        small = rgb()[:height, :width]
        yield Case(f"webp/lossless-{width}x{height}", partial(simple, small), small)
    yield Case("webp/animated", partial(animated, rgba()), rgba(), note="first")
    around = np.zeros((40, 50, 4), np.int64)
    around[6:33, 4:42] = rgba()
    make = partial(animated, rgba(), (4, 6), (50, 40))
    yield Case("webp/animated-smaller-than-canvas", make, around, note="first")
    for orientation in range(1, 9):
        seen = turned(rgb(), orientation)
        for order, start in (("<", b""), (">", b""), ("<", b"Exif\0\0")):  # the last is wrong, and usual
            name = f"webp/exif-orientation{orientation}-{'marked' if start else 'little' if order == '<' else 'big'}"
            after = chunk(b"EXIF", start + exif(orientation, order))
            yield Case(name, partial(extended, rgb(), after, flags=8), seen)
        after = chunk(b"XMP ", xmp(orientation))
        make = partial(extended, rgba(), after, flags=4)
        yield Case(f"webp/xmp-orientation{orientation}-alpha", make, turned(rgba(), orientation))
    after = chunk(b"EXIF", exif(8)) + chunk(b"XMP ", xmp(3))
    yield Case("webp/exif-before-xmp", partial(extended, rgb(), after, flags=12), turned(rgb(), 8))
    yield Case("webp/cut-off", lambda: simple(rgb())[:-100], reason="cut|truncated|damaged|whole")
