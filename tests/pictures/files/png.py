"""PNG: each colour type, depth, interlacing, filter, transparency, and what chunks tell (PNG, third edition)."""

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from pictures.files.case import Array, Case, alpha, gray, levels, packed, rgb, rgba, scaled, seen_gray, turned
from pictures.files.exif import exif, xmp

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""Section 8.1: first row and column, steps down and to the right."""


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def filtered(rows: list[bytes], kinds: tuple[int, ...], step: int) -> bytes:
    """Return filtered rows (section 9), the kinds in turn; step is the number of bytes of a pixel, at least 1."""
    done, above = b"", bytes(len(rows[0]))
    for number, row in enumerate(rows):
        kind = kinds[number % len(kinds)]
        left, corner = bytes(step) + row[:-step], bytes(step) + above[:-step]
        guesses: list[Callable[[int, int, int], int]] = [
            lambda a, b, c: 0,
            lambda a, b, c: a,
            lambda a, b, c: b,
            lambda a, b, c: (a + b) // 2,
            lambda a, b, c: min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2],
        ]
        guess = guesses[kind]
        around = zip(row, left, above, corner, strict=False)
        done += bytes([kind]) + bytes((x - guess(a, b, c)) & 255 for x, a, b, c in around)
        above = row
    return done


def png(
    values: Array,
    kind: int,
    depth: int,
    before: bytes = b"",
    interlaced: bool = False,
    filters: tuple[int, ...] = (0,),
    after: bytes = b"",
    parts: int = 1,
) -> bytes:
    """Return a PNG of (H, W) or (H, W, N) values; before and after are chunks around the samples."""
    samples = values.reshape(*values.shape[:2], -1)
    passes = [samples[top::down, left::right] for top, left, down, right in ADAM7] if interlaced else [samples]
    body = b""
    for one in passes:
        if one.size:
            rows = [packed(row[None], depth) for row in one]
            body += filtered(rows, filters, max(1, CHANNELS[kind] * depth // 8))
    deflated = zlib.compress(body)
    step = -(-len(deflated) // parts)
    datas = b"".join(chunk(b"IDAT", deflated[at : at + step]) for at in range(0, len(deflated), step))
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], depth, kind, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before + datas + after + chunk(b"IEND", b"")


def palette(count: int) -> Array:
    """Return (count, 3) colours, no two alike and none gray."""
    n = np.arange(count)
    return np.stack([(n * 83 + 250) % 256, (n * 37 + 11) % 256, (n * 151 + 90) % 256], -1)


def _values(kind: int, depth: int) -> tuple[Array, bytes, Array]:
    """Return what is stored, the chunks before it, and what must be seen."""
    top = (1 << depth) - 1
    if kind == 3:
        colours = palette(1 << depth)
        values = levels(gray(), top)
        return values, chunk(b"PLTE", colours.astype(np.uint8).tobytes()), colours[values]
    values = {0: gray(), 2: rgb(), 4: np.dstack([gray(), alpha()]), 6: rgba()}[kind]
    values = levels(values, top)
    if depth == 16:  # the low byte counts
        values = np.clip(values + np.arange(values[0, :, ...].size).reshape(values.shape[1:]) * 7 % 256 - 128, 0, top)
    seen = scaled(values, top)
    return values, b"", seen_gray(seen[..., 0], seen[..., 1]) if kind == 4 else seen


def _clear(kind: int, depth: int) -> tuple[Array, bytes, Array]:
    """Return the same with a tRNS chunk (section 11.3.1.1)."""
    values, before, seen = _values(kind, depth)
    if kind == 3:
        opacity = np.arange(1 << depth) * 255 // ((1 << depth) - 1)  # of 2 colours the first is wholly clear
        opacity = opacity[: max(1, len(opacity) - 1)]  # those without an entry are opaque
        told = np.append(opacity, np.full((1 << depth) - len(opacity), 255))
        return values, before + chunk(b"tRNS", opacity.astype(np.uint8).tobytes()), np.dstack([seen, told[values]])
    key = values[-1, 0]  # of 16 bits, others differ from it in the low byte alone
    if depth == 16:
        values = values.copy()
        values[8:10, 20:24] = key ^ 1
        seen = scaled(values, 65535)
    hidden = values == key if kind == 0 else (values == key).all(-1)
    opacity = np.where(hidden, 0, 255)
    seen = seen_gray(seen, opacity) if kind == 0 else np.dstack([seen, opacity])
    return values, before + chunk(b"tRNS", np.atleast_1d(key).astype(">u2").tobytes()), seen


def _animated() -> bytes:
    """Return an APNG of two frames, the first of which is what any reader shows."""
    control = struct.pack(">IIIIIHHBB", 0, 38, 27, 0, 0, 1, 1, 0, 0)
    before = chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"fcTL", control)
    second = zlib.compress(b"".join(b"\0" + bytes(38 * 3) for _ in range(27)))
    control = struct.pack(">IIIIIHHBB", 1, 38, 27, 0, 0, 1, 1, 0, 0)
    after = chunk(b"fcTL", control) + chunk(b"fdAT", struct.pack(">I", 2) + second)
    return png(rgb(), 2, 8, before, after=after)


def _default_apart() -> bytes:
    """Return an APNG whose one frame is not what readers without animation show."""
    control = struct.pack(">IIIIIHHBB", 0, 38, 27, 0, 0, 1, 1, 0, 0)
    frame = zlib.compress(b"".join(b"\0" + bytes(38 * 3) for _ in range(27)))
    after = chunk(b"fcTL", control) + chunk(b"fdAT", struct.pack(">I", 1) + frame)
    return png(rgb(), 2, 8, chunk(b"acTL", struct.pack(">II", 1, 0)), after=after)


def cases() -> Iterator[Case]:
    for kind, depths in DEPTHS.items():
        for depth in depths:
            for interlaced in (False, True):
                made = [("", _values(kind, depth))] + [("-trns", _clear(kind, depth))] * (kind in (0, 2, 3))
                for tail, (values, before, seen) in made:
                    name = f"png/type{kind}-{depth}bit{'-adam7' * interlaced}{tail}"
                    note = "8 bits" if depth == 16 else ""
                    yield Case(name, partial(png, values, kind, depth, before, interlaced), seen, note=note)
    for number, name in enumerate(("none", "sub", "up", "average", "paeth")):
        yield Case(f"png/filter-{name}", partial(png, rgba(), 6, 8, filters=(number,)), rgba())
        values, _, seen = _values(2, 16)
        yield Case(f"png/filter-{name}-16bit", partial(png, values, 2, 16, filters=(number,)), seen)
    values, before, seen = _values(3, 4)
    yield Case("png/filter-mixed-4bit", partial(png, values, 3, 4, before, filters=(4, 2, 1, 0, 3)), seen)
    yield Case("png/many-idat", partial(png, rgb(), 2, 8, parts=9), rgb())
    for height, width in ((1, 1), (1, 3), (2, 1), (4, 5), (9, 1)):  # some passes of Adam7 are empty
        small = rgb()[-height:, -width:]
        yield Case(f"png/adam7-{width}x{height}", partial(png, small, 2, 8, interlaced=True), small)

    # These change no sample.
    harmless = {
        "background": chunk(b"bKGD", struct.pack(">HHH", 255, 0, 255)),
        "srgb": chunk(b"sRGB", b"\0"),
        "srgb-gamma": chunk(b"gAMA", struct.pack(">I", 45455)),
        "significant-bits": chunk(b"sBIT", bytes([5, 6, 5, 1])),
        "density": chunk(b"pHYs", struct.pack(">IIB", 2835, 5670, 1)),
    }
    for name, chunks in harmless.items():
        yield Case(f"png/{name}", partial(png, rgba(), 6, 8, chunks), rgba())

    # Section 13.13: these give the samples another meaning, which goes on as a profile.
    p3 = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
    coloured = {
        "cicp-p3": chunk(b"cICP", bytes([12, 13, 0, 1])),
        "cicp-bt2020": chunk(b"cICP", bytes([9, 1, 0, 1])),
        "chrm-gama-p3": chunk(b"gAMA", struct.pack(">I", 45455)) + p3,
        "gamma-linear": chunk(b"gAMA", struct.pack(">I", 100000)),
    }
    for name, chunks in coloured.items():
        yield Case(f"png/{name}", partial(png, rgb(), 2, 8, chunks), rgb(), profile=True)
    for name, curve in (("pq", 16), ("hlg", 18)):
        yield Case(
            f"png/cicp-{name}", partial(png, rgb(), 2, 8, chunk(b"cICP", bytes([9, curve, 0, 1]))), reason="HDR|PQ|HLG"
        )
    yield Case("png/animated", _animated, rgb(), note="first")

    yield Case("png/animated-but-for-the-default", _default_apart, rgb(), note="first|frame|animat")

    for orientation in range(1, 9):
        seen = turned(rgb(), orientation)
        for order in "<>":
            place = partial(png, rgb(), 2, 8, chunk(b"eXIf", exif(orientation, order)))
            yield Case(f"png/exif-orientation{orientation}-{'little' if order == '<' else 'big'}", place, seen)
        text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(orientation))
        yield Case(f"png/xmp-orientation{orientation}", partial(png, gray(), 0, 8, text), turned(gray(), orientation))
    after = chunk(b"eXIf", exif(6))
    yield Case("png/exif-behind-samples", partial(png, rgb(), 2, 8, after=after), turned(rgb(), 6))
    lines = (b"Exif\0\0" + exif(6)).hex()
    text = f"\nexif\n{len(lines) // 2:8}\n{lines}\n".encode()  # ImageMagick's own way, before eXIf
    raw = chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text))
    yield Case("png/raw-profile-orientation6", partial(png, rgb(), 2, 8, raw), turned(rgb(), 6))
    both = chunk(b"eXIf", exif(8)) + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(3))
    yield Case("png/exif-before-xmp", partial(png, rgb(), 2, 8, both), turned(rgb(), 8))
    yield Case("png/exif-orientation6-rgba", partial(png, rgba(), 6, 8, after), turned(rgba(), 6))
    yield Case("png/cut-off", lambda: png(rgb(), 2, 8)[:-300], reason="cut|truncated|damaged|end|whole")
