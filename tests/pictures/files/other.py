"""Files of other formats: refused, or right where a reader knows them after all; and what is no picture."""

import struct
import zlib
from collections.abc import Iterator
from functools import partial

import imagecodecs
import numpy as np
from pictures.files.case import Array, Case, gray, levels, made, rgb, rgba
from pictures.files.png import png


def box(letters: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + letters + body


def tga(picture: Array, top_down: bool) -> bytes:
    """Return a Truevision TGA of 24 or 32 bits; bit 5 of its last byte tells where the first row is."""
    height, width, count = picture.shape
    head = struct.pack(
        "<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, width, height, 8 * count, top_down << 5 | 8 * (count == 4)
    )
    order = [2, 1, 0, 3][:count]
    rows = picture if top_down else picture[::-1]
    return head + rows[:, :, order].astype(np.uint8).tobytes()


def psd(picture: Array) -> bytes:
    height, width = picture.shape[:2]
    head = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, height, width, 8, 3)
    return head + bytes(12) + b"\0\0" + np.moveaxis(picture, -1, 0).astype(np.uint8).tobytes()


def ico(picture: Array) -> bytes:
    data = png(picture, 6, 8)
    return struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 38, 27, 0, 0, 1, 32, len(data), 22) + data


def sgi(picture: Array) -> bytes:
    head = struct.pack(">HBBHHHH", 474, 0, 1, 3, picture.shape[1], picture.shape[0], 3).ljust(512, b"\0")
    return head + np.moveaxis(picture[::-1], -1, 0).astype(np.uint8).tobytes()


def cases() -> Iterator[Case]:
    colours = rgb().astype(np.uint8)
    for name, container in (("codestream", False), ("container", True)):
        make = partial(made, imagecodecs.jpegxl_encode, colours, lossless=True, usecontainer=container)
        yield Case(f"jxl/{name}", make, rgb(), reason="XL|read")
    yield Case("jls/rgb", partial(made, imagecodecs.jpegls_encode, colours), rgb(), reason="JPEG|read")
    yield Case("jxr/rgb", partial(made, imagecodecs.jpegxr_encode, colours, level=1.0), rgb(), reason="read|XR|TIFF")
    yield Case("qoi/rgba", partial(made, imagecodecs.qoi_encode, rgba().astype(np.uint8)), rgba(), reason="read")
    light = (rgb() / 255).astype(np.float32)
    yield Case("hdr/rgb", partial(made, imagecodecs.rgbe_encode, light, header=True), reason="read|HDR|float")
    for top_down in (False, True):
        end = "top-down" if top_down else "bottom-up"
        yield Case(f"tga/rgb-{end}", partial(tga, rgb(), top_down), rgb(), reason="read")
        yield Case(f"tga/rgba-{end}", partial(tga, rgba(), top_down), rgba(), reason="read")
    yield Case("psd/rgb", partial(psd, rgb()), rgb(), reason="read")
    yield Case("ico/png-inside", partial(ico, rgba()), rgba(), reason="read")
    yield Case("sgi/rgb", partial(sgi, rgb()), rgb(), reason="read")
    xbm = b"#define p_width 8\n#define p_height 2\nstatic char p_bits[] = {0x01, 0xff};\n"
    seen = 255 * levels(255 - np.array([[255, 0, 0, 0, 0, 0, 0, 0], [255] * 8]), 1)
    yield Case("xbm/bits", lambda: xbm, seen, reason="read")

    # None of these is a picture of samples; nothing that they name may be run or fetched.
    no_picture = {
        "eps/drawing": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n0 0 8 8 rectfill\n%%EOF\n",
        "pdf/page": b"%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n",
        "svg/drawing": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="8" height="8"/></svg>',
        "html/page": b"<!doctype html><title>404</title><p>not found",
        "txt/letter": "Dear picture, \N{WAVING HAND SIGN}".encode(),
        "wmf/drawing": b"\xd7\xcd\xc6\x9a" + bytes(40),
        "zip/archive": b"PK\3\4" + bytes(60),
        "gz/file": b"\x1f\x8b\x08" + zlib.compress(bytes(90)),
        "mp4/film": box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41") + box(b"moov", bytes(20)) + box(b"mdat", bytes(90)),
        "cr3/canon": box(b"ftyp", b"crx \0\0\0\1crx isom") + box(b"moov", bytes(20)) + box(b"mdat", bytes(90)),
        "raf/fuji": b"FUJIFILMCCD-RAW 0201FF159502".ljust(400, b"\0"),
        "x3f/sigma": b"FOVb" + bytes(200),
        "mrw/minolta": b"\0MRM" + bytes(200),
        "bin/zeros": bytes(5000),
        "bin/one-byte": b"\xff",
        "jpg/two-bytes": b"\xff\xd8",
        "png/mark-alone": b"\x89PNG\r\n\x1a\n",
        "webp/head-alone": b"RIFF\4\0\0\0WEBP",
        "tif/head-alone": b"II*\0\x08\0\0\0",
        "bmp/head-alone": b"BM",
        "ppm/head-alone": b"P6\n3 3\n255\n",
        "avif/head-alone": box(b"ftyp", b"avif\0\0\0\0avifmif1miaf"),
        "jp2/head-alone": b"\0\0\0\x0cjP  \r\n\x87\n",
    }
    for name, data in no_picture.items():
        yield Case(name, partial(bytes, data), reason="read|cut|damaged|raw|picture|video|empty")
    yield Case("png/empty", bytes, reason="empty|0 bytes")
    # The name counts for nothing.
    yield Case("jpg/in-fact-png", partial(png, gray(), 0, 8), gray())
    make = partial(made, imagecodecs.jpegxl_encode, colours, lossless=True)
    yield Case("png/in-fact-jxl", make, rgb(), reason="XL|read")
