"""AVIF: depths, sampling, matrices and ranges, alpha, turns and mirrors, colour told by nclx.

libavif (in imagecodecs) codes samples without loss; the boxes around them are made here, so that the same samples can
be said to be of any matrix, range or turn. Sources: AVIF 1.1, ISO/IEC 23008-12 (HEIF), 23000-22 (MIAF), ITU-T H.273.
"""

import functools
import io
from collections.abc import Iterator
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
from pictures.files import colour
from pictures.files.bmff import (
    BT601,
    BT709,
    BT2020,
    IDENTITY,
    TURNS,
    UNSPECIFIED,
    Coded,
    box,
    crop,
    found,
    heif,
    nclx,
    turn,
)
from pictures.files.case import Array, Case, alpha, gray, levels, made, rgb, rgba, scaled, smooth, turned
from pictures.files.exif import exif, xmp
from PIL import Image, ImageCms

PARTS = {BT709: (0.2126, 0.0722), BT601: (0.299, 0.114), BT2020: (0.2627, 0.0593)}
"""Of red and blue in Y."""


def coded(planes: Array, bits: int = 8) -> Coded:
    """Return the AV1 bytes and the av1C box of (H, W) or (H, W, 3) samples Y, Cb, Cr, coded without loss."""
    return _coded(planes.astype(np.uint16).tobytes(), planes.shape, bits)


@functools.cache
def _coded(samples: bytes, shape: tuple[int, ...], bits: int) -> Coded:
    planes = np.frombuffer(samples, np.uint16).reshape(shape)
    if planes.ndim == 3:  # with the identity matrix G is stored as Y, B as Cb, R as Cr
        planes = np.ascontiguousarray(planes[:, :, [2, 0, 1]])
    planes = planes.astype(np.uint8) if bits == 8 else planes
    options = {"matrix": IDENTITY} if planes.ndim == 3 else {"pixelformat": "yuv400"}
    data = bytes(imagecodecs.avif_encode(planes, level=100, speed=8, bitspersample=bits, numthreads=1, **options))
    return found(data, b"mdat"), box(b"av1C", found(data, b"av1C"))


def avif(
    planes: Array, told: bytes | None = None, bits: int = 8, opacity: Array | None = None, **options: Any
) -> bytes:
    """Return a file of Y, Cb, Cr or of Y; options are those of heif()."""
    opacity_bits = options.setdefault("opacity_bits", bits)
    depths = bytes([bits] * (planes.shape[2] if planes.ndim == 3 else 1))
    faint = None if opacity is None else coded(opacity, opacity_bits)
    return heif(b"av01", coded(planes, bits), planes.shape[:2], depths, told, opacity=faint, **options)


def limited(samples: Array, bits: int, chroma: bool) -> Array:
    """Return full-range samples of 0 to 255 as limited-range integers (H.273 8.3): 16 to 235, chroma 16 to 240."""
    step = 1 << (bits - 8)
    if not chroma:
        return (samples * 219 / 255 * step + 16 * step).round()
    luma = samples[..., :1] * 219 / 255 * step + 16 * step
    return np.concatenate([luma, (samples[..., 1:] - 128) * 224 / 255 * step + 128 * step], -1).round()


def _green_blue_red(picture: Array) -> Array:
    return picture[:, :, [1, 2, 0]]


def cases() -> Iterator[Case]:
    identity = nclx(matrix=IDENTITY)
    stored: Array
    seen: Array
    for bits in (8, 10, 12):
        top, note, within = (1 << bits) - 1, "8 bits" if bits > 8 else "", 0.51 if bits == 8 else 1.01
        stored, seen = levels(rgb(), top), scaled(levels(rgb(), top), top)
        make = partial(avif, _green_blue_red(stored), identity, bits)
        yield Case(f"avif/identity-{bits}bit", make, seen, within, note=note)
        opacity = levels(alpha(), top)
        make = partial(avif, _green_blue_red(stored), identity, bits, opacity=opacity)
        yield Case(f"avif/identity-alpha-{bits}bit", make, np.dstack([seen, scaled(opacity, top)]), within, note=note)
        stored, seen = levels(gray(), top), scaled(levels(gray(), top), top)
        yield Case(f"avif/gray-full-{bits}bit", partial(avif, stored, bits=bits), seen, within, note=note)
        stored = limited(gray(), bits, False)
        make = partial(avif, stored, nclx(full_range=False), bits)
        yield Case(f"avif/gray-limited-{bits}bit", make, gray(), 1.5, note=note)
        make = partial(avif, stored, nclx(full_range=False), bits, opacity=levels(alpha(), top))
        # Alpha is of full range whatever the colours are (AVIF, section 4).
        seen = np.dstack([gray(), gray(), gray(), alpha()])
        yield Case(f"avif/gray-limited-alpha-{bits}bit", make, seen, 1.5, note=note)
        for matrix, (red, blue) in PARTS.items():
            samples = colour.ycbcr(smooth(), red, blue)
            for full_range in (True, False):
                stored = (samples * top / 255).round() if full_range else limited(samples, bits, True)
                name = f"avif/matrix{matrix}-{'full' if full_range else 'limited'}-{bits}bit"
                make = partial(avif, stored, nclx(matrix=matrix, full_range=full_range), bits)
                # libyuv multiplies in 8 bits, so that blue gets 2 Cb instead of 2.11 or 2.14: up to 12 of smooth().
                yield Case(name, make, smooth(), 3.5 if full_range else 4.5 if matrix == BT601 else 12.5, note=note)
    samples = colour.ycbcr(rgb()).round()
    make = partial(avif, samples, nclx(2, 2, UNSPECIFIED))  # MIAF's default: BT.601 of full range
    yield Case("avif/matrix-unspecified", make, rgb(), 3.5)
    opaque = partial(avif, samples, opacity=np.full(alpha().shape, 255))
    yield Case("avif/alpha-opaque", opaque, (rgb(), np.dstack([rgb(), opaque.keywords["opacity"]])), 3.5)
    faint = np.maximum(alpha(), 40)
    premultiplied = (rgb() * faint[..., None] / 255).round()
    make = partial(avif, _green_blue_red(premultiplied), identity, opacity=faint, premultiplied=True)
    yield Case("avif/alpha-premultiplied", make, np.dstack([rgb(), faint]), 4.5)
    make = partial(avif, _green_blue_red(levels(rgb(), 1023)), identity, 10, opacity=alpha(), opacity_bits=8)
    yield Case("avif/alpha-of-other-depth", make, rgba(), 1.01, reason="alpha|depth|bits|read")
    for name, pixelformat in (("444", "yuv444"), ("422", "yuv422"), ("420", "yuv420")):
        encode = partial(made, imagecodecs.avif_encode, level=97, speed=10, pixelformat=pixelformat)
        make = partial(encode, smooth().astype(np.uint8))
        yield Case(f"avif/libavif-{name}", make, smooth(), 7)
        deep = levels(smooth(), 1023).astype(np.uint16)
        yield Case(f"avif/libavif-{name}-10bit", partial(encode, deep, bitspersample=10), smooth(), 7)

    # Turns are told by properties alone (MIAF 7.3.6.7); what EXIF and XMP say of them does not count.
    for orientation, boxes in TURNS.items():
        make = partial(avif, samples, turns=boxes)
        yield Case(f"avif/turned{orientation}", make, turned(rgb(), orientation), 3.5)
        told = ((b"Exif", bytes(4) + exif(orientation)), (b"mime", xmp(orientation)))
        make = partial(avif, gray(), turns=boxes, payloads=told, opacity=alpha())
        seen = turned(np.dstack([gray(), gray(), gray(), alpha()]), orientation)
        yield Case(f"avif/turned{orientation}-as-exif-says-alpha", make, seen)
        other = ((b"Exif", bytes(4) + exif(orientation % 8 + 1)),)
        make = partial(avif, gray(), turns=boxes, payloads=other)
        yield Case(f"avif/turned{orientation}-unlike-exif", make, turned(gray(), orientation))
    yield Case("avif/xmp-orientation-only", partial(avif, gray(), payloads=((b"mime", xmp(6)),)), gray())

    profile = box(b"colr", b"prof", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    make = partial(avif, colour.ycbcr(smooth(), *PARTS[BT709]).round(), profile, turns=(nclx(matrix=BT709),))
    yield Case("avif/profile-and-nclx", make, smooth(), 3.5, profile=True)
    for name, primaries, transfer in (("p3", 12, 13), ("bt2020", 9, 1)):
        make = partial(avif, samples, nclx(primaries, transfer))
        yield Case(f"avif/nclx-{name}", make, rgb(), 3.5, profile=True)
    for name, transfer in (("pq", 16), ("hlg", 18)):
        make = partial(avif, levels(_green_blue_red(rgb()), 1023), nclx(9, transfer, IDENTITY), 10)
        yield Case(f"avif/nclx-{name}", make, reason="HDR|PQ|HLG")
    # libavif leaves cropping to its caller; MIAF 7.3.6.7 wants it, before turns.
    part, middle = crop((27, 38), 3, 4, 21, 20), gray()[3:24, 4:24]
    for name, boxes, seen in (("cropped", (part,), middle), ("cropped-and-turned", (part, turn(3)), turned(middle, 6))):
        yield Case(f"avif/{name}", partial(avif, gray(), turns=boxes), seen, reason="aperture|crop|clap")
    for height, width in ((128, 192), (100, 130)):  # the last tiles may reach over the edge
        whole = colour.ycbcr(rgb(height, width)).round()
        padded = np.pad(whole, [(0, 128 - height), (0, 192 - width), (0, 0)], mode="edge")
        tiles = [coded(padded[top : top + 64, left : left + 64]) for top in (0, 64) for left in (0, 64, 128)]
        for orientation in (1, 6):
            make = partial(heif, b"av01", tiles, (height, width), b"\x08" * 3, turns=TURNS[orientation], columns=3)
            name = f"avif/grid-{width}x{height}-turned{orientation}"
            yield Case(name, make, turned(rgb(height, width), orientation), 3.5)
    film = io.BytesIO()
    frames = [Image.fromarray(one.astype(np.uint8)) for one in (smooth(), smooth()[::-1])]
    frames[0].save(film, "AVIF", save_all=True, append_images=frames[1:], quality=97, subsampling="4:4:4")
    yield Case("avif/animated", film.getvalue, smooth(), 7, note="first")
    yield Case("avif/cut-off", lambda: avif(samples)[:-300], reason="cut|truncated|damaged|whole|read")
