"""JPEG 2000: depths, signs, gray, sYCC, palettes, alpha, channels in another order (ITU-T T.800 annexes A and I).

imagecodecs makes the codestream, lossless and without a colour transform; the boxes around it are made here.
"""

import struct
from collections.abc import Iterator
from functools import partial

import imagecodecs
import numpy as np
from pictures.files import colour
from pictures.files.bmp import palette
from pictures.files.case import Array, Case, alpha, gray, levels, made, rgb, rgba, scaled, seen_gray

SRGB, GRAY, SYCC, CMYK, LAB = 16, 17, 18, 12, 14
"""Enumerated colour spaces (T.800 I.5.3.3, the last two T.801 annex M)."""


def box(letters: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + letters + body


def codestream(values: Array, bits: int = 8, signed: bool = False, transform: bool = False) -> bytes:
    """Return a lossless J2K; signed ones are values less 2**(bits - 1), which is how all are coded within."""
    dtype = np.uint8 if bits <= 8 else np.uint16
    data = bytearray(
        imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(values.astype(dtype)),
            level=0,
            codecformat="j2k",
            bitspersample=bits,
            reversible=True,
            mct=transform,
        )
    )
    if signed:  # SIZ, A.5.1: a byte a component behind 40 others, its high bit the sign
        for component in range(values.shape[2] if values.ndim == 3 else 1):
            data[42 + 3 * component] |= 0x80
    return bytes(data)


def jp2(values: Array, space: int, bits: int = 8, boxes: bytes = b"", signed: bool = False, **options: bool) -> bytes:
    """Return a JP2 in an enumerated colour space; boxes come last in the header."""
    components = values.shape[2] if values.ndim == 3 else 1
    head = struct.pack(">IIHBBBB", *values.shape[:2], components, bits - 1 | signed << 7, 7, 0, 0)
    header = box(b"ihdr", head) + box(b"colr", b"\1\0\0" + struct.pack(">I", space)) + boxes
    start = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + box(b"jp2h", header)
    return start + box(b"jp2c", codestream(values, bits, signed, **options))


def channels(*told: tuple[int, int, int]) -> bytes:
    """Return a cdef box of (channel, kind, belongs to) (I.5.3.6); kind 0 is colour, 1 alpha, 2 premultiplied alpha."""
    return box(b"cdef", struct.pack(">H", len(told)) + b"".join(struct.pack(">HHH", *one) for one in told))


def mapped(colours: Array) -> bytes:
    """Return the boxes of a palette of 8-bit colours (I.5.3.4 and I.5.3.5)."""
    count, columns = colours.shape
    entries = struct.pack(">HB", count, columns) + b"\7" * columns + colours.astype(np.uint8).tobytes()
    return box(b"pclr", entries) + box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, n) for n in range(columns)))


def cases() -> Iterator[Case]:
    whole = ((0, 0, 1), (1, 0, 2), (2, 0, 3))
    with_alpha = channels(*whole, (3, 1, 0))
    gray_alpha = np.dstack([gray(), alpha()])
    gray_clear = channels((0, 0, 1), (1, 1, 0))
    for bits in (1, 2, 4, 8, 10, 12, 16):
        top, note = (1 << bits) - 1, "8 bits" if bits > 8 else ""
        within = 1 if bits > 8 else 0.51  # the low bits may be cut off
        stored, seen = levels(gray(), top), scaled(levels(gray(), top), top)
        reason = None if bits >= 8 else "bits|read"
        yield Case(f"jp2/gray-{bits}bit", partial(jp2, stored, GRAY, bits), seen, within, reason, note)
        stored, seen = levels(rgb(), top), scaled(levels(rgb(), top), top)
        for transform in (False, True):
            name = f"jp2/rgb-{bits}bit{'-transform' * transform}"
            make = partial(jp2, stored, SRGB, bits, transform=transform)
            yield Case(name, make, seen, within, reason, note)
        if bits >= 8:
            stored, seen = levels(rgba(), top), scaled(levels(rgba(), top), top)
            yield Case(f"jp2/rgba-{bits}bit", partial(jp2, stored, SRGB, bits, with_alpha), seen, within, None, note)
            stored, seen = levels(gray_alpha, top), scaled(levels(gray_alpha, top), top)
            seen = seen_gray(seen[..., 0], seen[..., 1])
            make = partial(jp2, stored, GRAY, bits, gray_clear)
            yield Case(f"jp2/gray-alpha-{bits}bit", make, seen, within, "alpha|channels|read", note)
            stored = levels(gray(), top)
            yield Case(f"jp2/codestream-gray-{bits}bit", partial(codestream, stored, bits), scaled(stored, top), within)
            stored = levels(rgb(), top)
            make = partial(codestream, stored, bits, transform=True)
            yield Case(f"jp2/codestream-rgb-{bits}bit", make, scaled(stored, top), within)
            # sRGB and gray have no samples below 0 (I.5.3.3); a reader may take the least for black.
            make = partial(jp2, levels(gray(), top), GRAY, bits, signed=True)
            yield Case(f"jp2/gray-signed-{bits}bit", make, scaled(levels(gray(), top), top), within, "sign|read")
            make = partial(jp2, stored, SRGB, bits, signed=True)
            yield Case(f"jp2/rgb-signed-{bits}bit", make, scaled(stored, top), within, "sign|read")

    samples = colour.ycbcr(rgb()).round()
    seen = colour.from_ycbcr(samples)
    yield Case("jp2/sycc", partial(jp2, samples, SYCC), seen, 1.5)
    yield Case("jp2/sycc-alpha", partial(jp2, np.dstack([samples, alpha()]), SYCC, 8, with_alpha),
               np.dstack([seen, alpha()]), 1.5, "sYCC|alpha|read")  # fmt: skip
    deep = (colour.ycbcr(rgb()) * 16).round()
    make = partial(jp2, deep, SYCC, 12)
    yield Case("jp2/sycc-12bit", make, colour.from_ycbcr(deep / 16), 3, "sYCC|12|bits|read")
    colours = palette(256)
    yield Case("jp2/palette", partial(jp2, gray(), SRGB, 8, mapped(colours)), colours[gray()], reason="palette|read")
    stored = levels(gray(), 15)
    make = partial(jp2, stored, SRGB, 4, mapped(palette(16)))
    yield Case("jp2/palette-4bit", make, palette(16)[stored], reason="palette|bits|read")
    backwards = channels((0, 0, 3), (1, 0, 2), (2, 0, 1))
    make = partial(jp2, rgb()[:, :, ::-1], SRGB, 8, backwards)
    yield Case("jp2/channels-backwards", make, rgb(), reason="channel|order|read")
    first = channels((0, 1, 0), (1, 0, 1), (2, 0, 2), (3, 0, 3))
    make = partial(jp2, np.roll(rgba(), 1, 2), SRGB, 8, first)
    yield Case("jp2/alpha-first", make, rgba(), reason="channel|order|alpha|read")
    associated = channels(*whole, (3, 2, 0))
    faint = np.maximum(alpha(), 40)
    make = partial(jp2, np.dstack([rgb() * faint[..., None] / 255, faint]).round(), SRGB, 8, associated)
    yield Case("jp2/alpha-premultiplied", make, np.dstack([rgb(), faint]), 3.5, "alpha|premultiplied|read")
    inks = colour.inks()
    yield Case("jp2/cmyk", partial(jp2, inks, CMYK), colour.inks_to_rgb(inks), 2, "CMYK|colour|read")
    lab = colour.lab()
    stored = np.stack([lab[..., 0] * 2.55, lab[..., 1] * 255 / 170 + 128, lab[..., 2] * 255 / 200 + 96], -1).round()
    yield Case("jp2/cielab", partial(jp2, stored, LAB), colour.lab_to_srgb(lab), 4, "Lab|colour|read")
    fast = partial(made, imagecodecs.htj2k_encode, rgb().astype(np.uint8))
    yield Case("jp2/high-throughput", fast, rgb(), reason="JPEG 2000|read")
    yield Case("jp2/cut-off", lambda: jp2(rgb(), SRGB)[:-900], reason="cut|truncated|damaged|whole|read")
