"""A writer of TIFF 6.0: any depth, planes, strips or tiles, compressions, tags and pages; tiff_cases.py uses it.

Compressed bytes come from imagecodecs, zlib, lzma and, G3 and G4, Pillow; directories and samples are laid out here.
"""

import io
import lzma
import struct
import zlib
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from pictures.files import colour
from pictures.files.case import (
    Array,
    packed,
)
from PIL import Image

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, SEPARATED, YCBCR, CIELAB, ICCLAB = 0, 1, 2, 3, 4, 5, 6, 8, 9
CFA, LINEAR_RAW = 32803, 34892
NONE, LZW, OLD_JPEG, JPEG, ADOBE_DEFLATE, PACKBITS, DEFLATE = 1, 5, 6, 7, 8, 32773, 32946
LZMA, ZSTD, WEBP, JPEG2000, LERC = 34925, 50000, 50001, 34712, 34887
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
ASSOCIATED, UNASSOCIATED = 1, 2
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 1, 2, 3, 4, 5, 7

Page = dict[int, Any]
"""Tags as (kind, values); at BLOCKS the strips or tiles, at BELOW further pages under tag 330."""
BLOCKS, BELOW = -1, -2


def tiff(*pages: Page, order: str = "<", big: bool = False) -> bytes:
    """Return a file of pages, the first one first; order is < or >, big makes a BigTIFF."""
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42))
    out += struct.pack(order + "HHQ", 8, 0, 0) if big else struct.pack(order + "I", 0)
    at, form = len(out) - (8 if big else 4), order + ("Q" if big else "I")
    for page in pages:
        place, following = _directory(out, page, order, big)
        struct.pack_into(form, out, at, place)
        at = following
    return bytes(out)


def _directory(out: bytearray, page: Page, order: str, big: bool) -> tuple[int, int]:
    """Append a page; return where its directory is and where that tells of the next one."""
    tags = {tag: value for tag, value in page.items() if tag >= 0}
    places = []
    for block in page[BLOCKS]:
        places.append(len(out))
        out += block + bytes(len(block) % 2)
    tiled = 322 in tags
    tags[324 if tiled else 273] = (LONG, places)
    tags[325 if tiled else 279] = (LONG, [len(block) for block in page[BLOCKS]])
    if page.get(BELOW):
        tags[330] = (LONG, [_directory(out, below, order, big)[0] for below in page[BELOW]])
    inline, width = (8, "Q") if big else (4, "I")
    table = struct.pack(order + ("Q" if big else "H"), len(tags))
    for tag, (kind, values) in sorted(tags.items()):
        if isinstance(values, bytes):
            stored, count = values, len(values)
        else:
            letter = {BYTE: "B", SHORT: "H", LONG: "I", RATIONAL: "I"}[kind]
            flat = [number for value in values for number in value] if kind == RATIONAL else values
            stored, count = struct.pack(order + letter * len(flat), *flat), len(values)
        if len(stored) > inline:
            place = len(out)
            out += stored + bytes(len(stored) % 2)
            stored = struct.pack(order + width, place)
        table += struct.pack(order + "HH" + width, tag, kind, count) + stored.ljust(inline, b"\0")
    place = len(out)
    out += table + bytes(inline)
    return place, len(out) - inline


Compress = Callable[[Array, bytes], bytes]
"""Makes a block's bytes of its samples or of the same as bytes that are not compressed."""
BLOCKWISE: dict[int, Compress] = {
    NONE: lambda samples, plain: plain,
    LZW: lambda samples, plain: bytes(imagecodecs.lzw_encode(plain)),
    ADOBE_DEFLATE: lambda samples, plain: zlib.compress(plain),
    DEFLATE: lambda samples, plain: zlib.compress(plain),
    ZSTD: lambda samples, plain: bytes(imagecodecs.zstd_encode(plain)),
    LZMA: lambda samples, plain: lzma.compress(plain),
    JPEG: lambda samples, plain: bytes(
        imagecodecs.jpeg8_encode(samples.astype(np.uint8), level=100, subsampling=(1, 1))
    ),
    WEBP: lambda samples, plain: bytes(imagecodecs.webp_encode(samples.astype(np.uint8), lossless=True)),
    JPEG2000: lambda samples, plain: bytes(imagecodecs.jpeg2k_encode(samples.astype(np.uint8), level=0, mct=False)),
    LERC: lambda samples, plain: bytes(imagecodecs.lerc_encode(samples.astype(np.uint8))),
}


def _stored(samples: Array, bits: int, order: str, form: int, predictor: int) -> bytes:
    """Return samples as they are before compression."""
    if predictor == 2:  # section 14: each sample less the one to its left
        samples = samples.copy()
        samples[:, 1:] -= samples[:, :-1].copy()
        samples &= (1 << bits) - 1
    if form == FLOAT:
        return samples.astype(f"{order}f{bits // 8}").tobytes()
    if bits in (16, 32, 64):
        return samples.astype(f"{order}{'iu'[form == UNSIGNED]}{bits // 8}").tobytes()
    return packed(samples & ((1 << bits) - 1), bits)


def page(
    values: Array,
    photometric: int,
    bits: int = 8,
    order: str = "<",
    form: int = UNSIGNED,
    compression: int = NONE,
    predictor: int = 1,
    planar: int = 1,
    tile: tuple[int, int] | None = None,
    rows: int = 8,
    extra: tuple[int, ...] = (),
    orientation: int | None = None,
    more: Page | None = None,
) -> Page:
    """Return a page of (H, W) or (H, W, N) values in strips of so many rows, or in tiles of (height, width)."""
    height, width = values.shape[:2]
    count = values.shape[2] if values.ndim == 3 else 1
    planes = [values] if planar == 1 else [values[:, :, n] for n in range(count)]
    blocks = []
    for plane in planes:
        if tile is not None:
            high, wide = tile
            around = [(0, -height % high), (0, -width % wide)] + [(0, 0)] * (plane.ndim - 2)
            padded = np.pad(plane, around, mode="edge")
            parts = [
                padded[top : top + high, left : left + wide]
                for top in range(0, height, high)
                for left in range(0, width, wide)
            ]
        else:
            parts = [plane[top : top + rows] for top in range(0, height, rows)]
        for part in parts:
            plain = _stored(part, bits, order, form, predictor)
            if compression == PACKBITS:  # section 9: each row by itself
                step = len(plain) // len(part)
                lines = [plain[at : at + step] for at in range(0, len(plain), step)]
                blocks.append(b"".join(bytes(imagecodecs.packbits_encode(line)) for line in lines))
            else:
                blocks.append(BLOCKWISE[compression](np.ascontiguousarray(part), plain))
    tags: Page = {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [bits] * count),
        259: (SHORT, [compression]),
        262: (SHORT, [photometric]),
        277: (SHORT, [count]),
        282: (RATIONAL, [(72, 1)]),
        283: (RATIONAL, [(72, 1)]),
        284: (SHORT, [planar]),
        BLOCKS: blocks,
    }
    tags |= {322: (SHORT, [tile[1]]), 323: (SHORT, [tile[0]])} if tile else {278: (LONG, [rows])}
    tags |= {338: (SHORT, list(extra))} if extra else {}
    tags |= {339: (SHORT, [form] * count)} if form != UNSIGNED else {}
    tags |= {317: (SHORT, [predictor])} if predictor != 1 else {}
    tags |= {274: (SHORT, [orientation])} if orientation is not None else {}
    return tags | (more or {})


def one(values: Array, photometric: int, bits: int = 8, order: str = "<", big: bool = False, **options: Any) -> bytes:
    """Return a file of one page."""
    return tiff(page(values, photometric, bits, order, **options), order=order, big=big)


def color_map(colours: Array) -> Page:
    """Return all reds, then greens, then blues, of 16 bits (section 5)."""
    return {320: (SHORT, [int(value) * 257 for value in colours.T.ravel()])}


def fax(bits: Array, compression: str) -> bytes:
    """Return 0 for black as a G3 or G4 file; Pillow's libtiff compresses."""
    file = io.BytesIO()
    Image.fromarray((bits * 255).astype(np.uint8)).convert("1").save(file, "TIFF", compression=compression)
    return file.getvalue()


def saved(picture: Array, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(file, "TIFF", **options)
    return file.getvalue()


def subsampled(picture: Array, across: int, down: int) -> Page:
    """Return a page of YCbCr in data units (section 21): across x down luma samples, then Cb and Cr."""
    samples = colour.ycbcr(picture)
    height, width = (-(-picture.shape[0] // down) * down, -(-picture.shape[1] // across) * across)
    around = [(0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0)]
    padded = np.pad(samples, around, mode="edge")
    units = padded.reshape(height // down, down, width // across, across, 3).swapaxes(1, 2)
    luma = units[..., 0].reshape(height // down, width // across, -1)
    chroma = units[..., 1:].mean((2, 3))
    tags = page(picture, YCBCR, rows=picture.shape[0])
    tags[BLOCKS] = [np.concatenate([luma, chroma], -1).round().astype(np.uint8).tobytes()]
    reference = [(0, 1), (255, 1), (128, 1), (255, 1), (128, 1), (255, 1)]
    return tags | {530: (SHORT, [across, down]), 532: (RATIONAL, reference), 531: (SHORT, [1])}


def with_bits_reversed(data_page: Page) -> Page:
    """Return a page whose bytes hold the first sample in their low bit (FillOrder 2)."""
    table = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
    return data_page | {BLOCKS: [block.translate(table) for block in data_page[BLOCKS]], 266: (SHORT, [2])}
