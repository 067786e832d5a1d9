"""JPEG: colour models, sampling, progressive, restarts, depths, and orientations in EXIF and XMP.

The samples are coded by libjpeg-turbo, in Pillow or imagecodecs, at a quality that leaves a level or two; what segments
tell is put in here. Sources: ITU-T T.81, T.871 (JFIF), T.872 (Adobe's segment), EXIF 2.32.
"""

import io
import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
from pictures.files import colour
from pictures.files.case import Array, Case, gray, levels, rgb, scaled, smooth, smooth_gray, turned
from pictures.files.exif import exif, xmp
from PIL import Image

CLOSE, CHROMA = 3, 5
"""Levels that quality 100 costs, and that fewer colour samples cost in a smooth picture."""


def segment(kind: int, body: bytes) -> bytes:
    return bytes([0xFF, kind]) + struct.pack(">H", len(body) + 2) + body


def exif_segment(orientation: int, order: str = "<", kind: int = 3) -> bytes:
    return segment(0xE1, b"Exif\0\0" + exif(orientation, order, kind))


def xmp_segment(orientation: int, element: bool = False) -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(orientation, element))


def jpeg(picture: Array, segments: bytes = b"", mode: str | None = None, without: int = 0, **options: Any) -> bytes:
    """Return a JPEG with segments behind its start; without is a kind of segment to leave out."""
    file = io.BytesIO()
    image = Image.fromarray(picture.astype(np.uint8), mode) if mode else Image.fromarray(picture.astype(np.uint8))
    image.save(file, "JPEG", **{"quality": 100, "subsampling": 0} | options)
    return edited(file.getvalue(), segments, without)


def edited(data: bytes, segments: bytes, without: int = 0) -> bytes:
    """Return a JPEG with more segments at its start, and without those of a kind."""
    at, kept = 2, b""
    while data[at + 1] != 0xDA:
        length = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        kept += data[at : at + length] if data[at + 1] != without else b""
        at += length
    return data[:2] + segments + kept + data[at:]


def coded(picture: Array, segments: bytes = b"", without: int = 0, **options: Any) -> bytes:
    """Return what imagecodecs makes of samples of 8 or 12 bits."""
    dtype = np.uint16 if options.get("bitspersample", 8) > 8 else np.uint8
    data = imagecodecs.jpeg8_encode(np.ascontiguousarray(picture.astype(dtype)), level=100, **options)
    return edited(bytes(data), segments, without)


def ycck(picture: Array, segments: bytes = b"") -> bytes:
    """Return Adobe's YCCK, all at full size: Y, Cb and Cr of the inks, which are 255 less the stored values, and K."""
    luma_chroma = colour.ycbcr(255 - picture[:, :, :3]).round()
    data = coded(np.dstack([luma_chroma, picture[:, :, 3:]]), colorspace="cmyk", outcolorspace="cmyk")
    mark = data.index(b"Adobe\0\x64")
    return edited(data[: mark + 11] + b"\2" + data[mark + 12 :], segments)


def profile_segment() -> bytes:
    return segment(0xE2, b"ICC_PROFILE\0\1\1" + colour.printer())


def _with_second_picture(segments: bytes = b"") -> bytes:
    """Return a JPEG followed by another, which its multi-picture segment tells of (CIPA DC-007)."""
    entries = struct.pack(">IIIHH", 0x030000, 0, 0, 0, 0) + struct.pack(">IIIHH", 0, 900, 9000, 0, 0)
    index = b"MM\0*\0\0\0\x08" + struct.pack(">H", 3) + struct.pack(">HHI4s", 0xB000, 7, 4, b"0100")
    index += struct.pack(">HHII", 0xB001, 4, 1, 2) + struct.pack(">HHII", 0xB002, 7, 32, 50) + bytes(4)
    return jpeg(smooth(), segments + segment(0xE2, b"MPF\0" + index + entries)) + jpeg(smooth_gray())


def cases() -> Iterator[Case]:
    seen = smooth()
    yield Case("jpg/gray", partial(jpeg, smooth_gray()), smooth_gray(), CLOSE)
    ways: dict[str, dict[str, Any]] = {
        "baseline": {},
        "progressive": {"progressive": True},
        "optimized": {"optimize": True},
        "restart": {"restart_marker_blocks": 3},
    }
    for name, options in ways.items():
        for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
            make = partial(jpeg, seen, subsampling=subsampling, **options)
            yield Case(f"jpg/{name}-{subsampling.replace(':', '')}", make, seen, CHROMA)
        yield Case(f"jpg/{name}-gray", partial(jpeg, smooth_gray(), **options), smooth_gray(), CLOSE)
    for across, down in ((1, 2), (4, 1)):
        make = partial(coded, seen, colorspace="rgb", outcolorspace="ycbcr", subsampling=(across, down))
        yield Case(f"jpg/sampling-{across}x{down}", make, seen, 3 + 2 * across * down // 2)
    for height, width in ((1, 1), (1, 9), (17, 1), (8, 16), (33, 31)):
        small = np.full((height, width, 3), (180, 90, 30))
        yield Case(f"jpg/{width}x{height}-420", partial(jpeg, small, subsampling=2), small, CLOSE)

    # T.872 6.5.3: the transform byte of Adobe's segment; without one, libjpeg and all readers go by R, G, B as names.
    yield Case("jpg/rgb-adobe", partial(coded, rgb(), colorspace="rgb", outcolorspace="rgb"), rgb(), CLOSE)
    make = partial(coded, rgb(), without=0xEE, colorspace="rgb", outcolorspace="rgb")
    yield Case("jpg/rgb-by-names", make, rgb(), CLOSE)
    yield Case("jpg/ycbcr-no-jfif", partial(jpeg, seen, without=0xE0), seen, CLOSE)
    adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0\1")
    yield Case("jpg/ycbcr-adobe", partial(jpeg, seen, adobe, without=0xE0), seen, CLOSE)

    # Adobe's CMYK is stored with 255 for no ink.
    inks = colour.inks()
    plain: dict[str, Any] = {"colorspace": "cmyk", "outcolorspace": "cmyk", "subsampling": (1, 1)}
    ways_of_inks: dict[str, Callable[..., bytes]] = {"cmyk": partial(coded, **plain), "ycck": ycck}
    for model, encode in ways_of_inks.items():
        yield Case(f"jpg/{model}-adobe", partial(encode, 255 - inks), colour.inks_to_rgb(inks), CHROMA)
        stored = partial(encode, 255 - inks, exif_segment(6))
        yield Case(f"jpg/{model}-adobe-orientation6", stored, turned(colour.inks_to_rgb(inks), 6), CHROMA)
        stored = partial(encode, 255 - colour.printed(), profile_segment())
        yield Case(f"jpg/{model}-adobe-profile", stored, colour.printed_to_rgb(), CHROMA, profile=False)
    colours = inks[:, :32]
    make = partial(coded, 255 - colours, **plain | {"outcolorspace": "ycck"})
    yield Case("jpg/ycck-adobe-420", make, colour.inks_to_rgb(colours), CHROMA)
    # Nobody says which way round these are.
    make = partial(coded, inks, without=0xEE, colorspace="cmyk", outcolorspace="cmyk")
    either = (colour.inks_to_rgb(inks), colour.inks_to_rgb(255 - inks))
    yield Case("jpg/cmyk-no-adobe", make, either, CLOSE, reason="CMYK")

    deep = levels(seen, 4095)
    unread = "12|bits|read|lossless|JPEG"
    make = partial(coded, deep, bitspersample=12, colorspace="rgb", outcolorspace="ycbcr")
    yield Case("jpg/12bit", make, scaled(deep, 4095), CHROMA, reason=unread)
    make = partial(coded, deep[:, :, 0], bitspersample=12)
    yield Case("jpg/12bit-gray", make, scaled(deep[:, :, 0], 4095), CLOSE, reason=unread)
    yield Case("jpg/lossless", partial(coded, rgb(), lossless=True), rgb(), reason=unread)
    yield Case("jpg/lossless-gray", partial(coded, gray(), lossless=True), gray(), reason=unread)
    make = partial(coded, levels(gray(), 65535), lossless=True, bitspersample=16)
    yield Case("jpg/lossless-gray-16bit", make, gray(), reason=unread)

    for orientation in range(1, 9):
        for order in "<>":
            name = f"jpg/exif-orientation{orientation}-{'little' if order == '<' else 'big'}"
            make = partial(jpeg, seen, exif_segment(orientation, order), subsampling=2)
            yield Case(name, make, turned(seen, orientation), CHROMA)
        make = partial(jpeg, smooth_gray(), exif_segment(orientation), progressive=True)
        yield Case(f"jpg/gray-orientation{orientation}", make, turned(smooth_gray(), orientation), CLOSE)
        for element in (False, True):
            name = f"jpg/xmp-orientation{orientation}-{'element' if element else 'attribute'}"
            yield Case(name, partial(jpeg, seen, xmp_segment(orientation, element)), turned(seen, orientation), CLOSE)
    make = partial(jpeg, seen, exif_segment(6) + xmp_segment(3))  # EXIF counts where both tell (Metadata Working Group)
    yield Case("jpg/exif-before-xmp", make, turned(seen, 6), CLOSE)
    yield Case("jpg/xmp-then-exif", partial(jpeg, seen, xmp_segment(3) + exif_segment(6)), turned(seen, 6), CLOSE)
    yield Case("jpg/exif-1-xmp-3", partial(jpeg, seen, exif_segment(1) + xmp_segment(3)), seen, CLOSE)
    for order in "<>":
        name = f"jpg/orientation-as-long-{'little' if order == '<' else 'big'}"
        yield Case(name, partial(jpeg, seen, exif_segment(8, order, 4)), turned(seen, 8), CLOSE)
    for orientation in (0, 9, 255):  # no such orientation: as it lies
        yield Case(f"jpg/orientation-{orientation}", partial(jpeg, seen, exif_segment(orientation)), seen, CLOSE)
    yield Case("jpg/second-picture", _with_second_picture, seen, CLOSE, note="picture|image|gain map|MPF")
    make = partial(_with_second_picture, exif_segment(6))
    yield Case("jpg/second-picture-orientation6", make, turned(seen, 6), CLOSE, note="picture|image|gain map|MPF")
    yield Case("jpg/cut-off", lambda: jpeg(seen)[:-900], reason="cut|truncated|damaged|whole")
