"""HEIC: colours, gray, alpha, turns as the file tells them; coded by x265 in pillow-heif, put into boxes here."""

import functools
import io
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from pictures.files import colour
from pictures.files.bmff import BT601, BT709, IDENTITY, TURNS, Coded, box, crop, found, heif, nclx
from pictures.files.case import Array, Case, alpha, gray, levels, rgb, scaled, smooth, turned
from pictures.files.exif import exif, xmp
from PIL import Image

SIZE = (64, 128)
"""libheif fills other sizes up and cuts them with a further property."""


def coded(planes: Array, bits: int = 8) -> Coded:
    """Return samples coded without loss; of 10 bits where bits is 10."""
    return _coded(planes.astype(np.uint16).tobytes(), planes.shape, bits)


@functools.cache
def _coded(samples: bytes, shape: tuple[int, ...], bits: int) -> Coded:
    pillow_heif = pytest.importorskip("pillow_heif")
    planes = np.frombuffer(samples, np.uint16).reshape(shape)
    if planes.ndim == 3:  # with the identity matrix G is stored as Y, B as Cb, R as Cr
        planes = planes[:, :, [2, 0, 1]]
    file = io.BytesIO()
    if bits == 8:
        picture = pillow_heif.from_pillow(Image.fromarray(planes.astype(np.uint8)))
    else:  # of which the upper bits are stored
        mode = "RGB;16" if planes.ndim == 3 else "L;16"
        picture = pillow_heif.from_bytes(mode, shape[1::-1], (planes << 16 - bits).tobytes())
    picture.save(file, quality=-1, chroma=444, matrix_coefficients=IDENTITY)
    return found(file.getvalue(), b"mdat"), box(b"hvcC", found(file.getvalue(), b"hvcC"))


def heic(
    planes: Array, told: bytes | None = None, opacity: Array | None = None, bits: int = 8, **options: Any
) -> bytes:
    """Return a file of Y, Cb, Cr or of Y; options are those of heif()."""
    depths = bytes([bits] * (planes.shape[2] if planes.ndim == 3 else 1))
    faint = None if opacity is None else coded(opacity)
    return heif(b"hvc1", coded(planes, bits), SIZE, depths, told, opacity=faint, **options)


def cases() -> Iterator[Case]:
    colours, shades, opacity = rgb(*SIZE), gray(*SIZE), alpha(*SIZE)
    stored, identity = colours[:, :, [1, 2, 0]], nclx(matrix=IDENTITY)
    seen_clear = np.dstack([colours, opacity])
    yield Case("heic/identity", partial(heic, stored, identity), colours)
    yield Case("heic/alpha", partial(heic, stored, identity, opacity), seen_clear)
    yield Case("heic/gray", partial(heic, shades), (shades, np.repeat(shades[..., None], 3, 2)))
    for name, matrix, red, blue in (("bt601", BT601, 0.299, 0.114), ("bt709", BT709, 0.2126, 0.0722)):
        picture = smooth(*SIZE)
        make = partial(heic, colour.ycbcr(picture, red, blue).round(), nclx(matrix=matrix))
        yield Case(f"heic/{name}", make, picture, 3.5)
    told: tuple[tuple[bytes, bytes], ...]
    for orientation, turns in TURNS.items():
        for name, told in (("", ()), ("-as-exif-says", ((b"Exif", bytes(4) + exif(orientation)),))):
            make = partial(heic, stored, identity, turns=turns, payloads=told)
            yield Case(f"heic/turned{orientation}{name}", make, turned(colours, orientation))
        told = ((b"Exif", bytes(4) + exif(orientation % 8 + 1)), (b"mime", xmp(3)))
        make = partial(heic, stored, identity, opacity, turns=turns, payloads=told)
        yield Case(f"heic/turned{orientation}-unlike-exif-alpha", make, turned(seen_clear, orientation))
    deep = levels(colours, 1023)
    make = partial(heic, deep[:, :, [1, 2, 0]], identity, bits=10)
    yield Case("heic/identity-10bit", make, scaled(deep, 1023), 1.01, note="8 bits")
    turns = (crop(SIZE, 3, 4, 41, 90),)
    yield Case("heic/cropped", partial(heic, stored, identity, turns=turns), colours[3:44, 4:94])
    whole = rgb(100, 250)  # as telephones store: tiles of a grid, the last ones over the edge
    padded = np.pad(whole, [(0, 28), (0, 6), (0, 0)], mode="edge")[:, :, [1, 2, 0]]
    places = [(top, left) for top in (0, 64) for left in (0, 128)]

    def grid(**options: Any) -> bytes:
        tiles = [coded(padded[top : top + 64, left : left + 128]) for top, left in places]
        return heif(b"hvc1", tiles, whole.shape[:2], b"\x08" * 3, identity, columns=2, tile=SIZE, **options)

    for orientation in (1, 6, 5):
        told = ((b"Exif", bytes(4) + exif(orientation)),)
        make = partial(grid, turns=TURNS[orientation], payloads=told)
        yield Case(f"heic/grid-turned{orientation}", make, turned(whole, orientation))
    yield Case("heic/nclx-p3", partial(heic, stored, nclx(12, 13, IDENTITY)), colours, profile=True)
    for name, transfer in (("pq", 16), ("hlg", 18)):
        yield Case(f"heic/nclx-{name}", partial(heic, stored, nclx(9, transfer, IDENTITY)), reason="HDR|PQ|HLG")
    yield Case("heic/cut-off", lambda: heic(stored, identity)[:-300], reason="cut|truncated|damaged|whole|read")
