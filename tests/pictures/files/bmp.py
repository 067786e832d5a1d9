"""BMP: depths, palettes, bit masks, alpha, run lengths, each header, rows from the bottom or from the top.

Source: "Bitmap Storage" and BITMAPINFOHEADER, BITMAPV4HEADER, BITMAPV5HEADER of the Windows GDI reference.
"""

import struct
from collections.abc import Iterator
from functools import partial

import numpy as np
from pictures.files.case import Array, Case, alpha, gray, levels, packed, rgb, rgba, scaled

RGB, RLE8, RLE4, BITFIELDS, JPEG, PNG, ALPHABITFIELDS = range(7)
CORE, INFO, V2, V3, OS2, V4, V5 = 12, 40, 52, 56, 64, 108, 124
"""Bytes of each header."""


def rows(values: Array, bits: int, top_down: bool) -> bytes:
    """Return rows of (H, W) values, each padded to 4 bytes, the last one first unless top_down."""
    ordered = values if top_down else values[::-1]
    if bits < 16:
        lines = [packed(row[None], bits) for row in ordered]
    else:
        lines = [b"".join(int(v).to_bytes(bits // 8, "little") for v in row) for row in ordered]
    return b"".join(line + bytes(-len(line) % 4) for line in lines)


def bmp(
    values: Array,
    bits: int,
    compression: int = RGB,
    head: int = INFO,
    colours: Array | None = None,
    masks: tuple[int, ...] = (),
    top_down: bool = False,
    body: bytes | None = None,
    used: int = 0,
    gap: int = 0,
) -> bytes:
    """Return a BMP of (H, W) values of so many bits: indexes, or colours put together."""
    body = rows(values, bits, top_down) if body is None else body
    height, width = values.shape
    if head == CORE:
        header = struct.pack("<IHHHH", head, width, height, 1, bits)
    else:
        signed = -height if top_down else height
        sizes = (len(body), 2835, 2835, used, 0)
        header = struct.pack("<IiiHHIIiiII", head, width, signed, 1, bits, compression, *sizes)
        fields = b"".join(mask.to_bytes(4, "little") for mask in masks)
        if head in (V4, V5):  # a mask of alpha, then "sRGB"
            header += fields.ljust(16, b"\0") + b"BGRs" + bytes(48)
            header += struct.pack("<IIII", 4, 0, 0, 0) if head == V5 else b""
        else:
            header += fields  # part of a V2 or V3 header, behind an INFO one
        header = header.ljust(head, b"\0")
    table = b""
    if colours is not None:
        entry = 3 if head == CORE else 4
        table = b"".join(bytes(int(c) for c in colour[::-1]).ljust(entry, b"\0") for colour in colours)
    at = 14 + len(header) + len(table) + gap
    return struct.pack("<2sIHHI", b"BM", at + len(body), 0, 0, at) + header + table + bytes(gap) + body


def masked(picture: Array, masks: tuple[int, ...], spare: int = 0) -> tuple[Array, Array]:
    """Return channels of 0 to 255 put together as the masks tell, and what must be seen."""
    together = np.full(picture.shape[:2], spare, np.int64)
    seen = []
    for channel, mask in zip(np.moveaxis(picture, -1, 0), masks, strict=True):
        shift = (mask & -mask).bit_length() - 1
        values = levels(channel, mask >> shift)
        together = together & ~mask | values << shift
        seen.append(scaled(values, mask >> shift))
    return together, np.stack(seen, -1)


def palette(count: int) -> Array:
    n = np.arange(count)
    return np.stack([(n * 83 + 250) % 256, (n * 37 + 11) % 256, (n * 151 + 90) % 256], -1)


def _runs(values: Array, nibbles: bool) -> bytes:
    """Return rows as runs and as absolute stretches in turn, each row with its end, the last row first."""
    body = b""
    for row in values[::-1]:
        at = 0
        while at < len(row):
            run = 1
            while at + run < len(row) and row[at + run] == row[at] and run < 255:
                run += 1
            rest = row[at : at + 5]
            if run < 3 and len(rest) >= 3:  # absolute, padded to 2 bytes
                plain = packed(rest[None], 4 if nibbles else 8)
                body += bytes([0, len(rest)]) + plain + bytes(len(plain) % 2)
                at += len(rest)
            else:
                body += bytes([run, row[at] * 17 if nibbles else row[at]])
                at += run
        body += b"\0\0"
    return body + b"\0\1"


def cases() -> Iterator[Case]:
    for bits in (1, 2, 4, 8):
        values = levels(gray(), (1 << bits) - 1)
        colours = palette(1 << bits)
        reason = "" if bits == 2 else None  # Windows CE alone
        for top_down in (False, True):
            tail = "top-down" if top_down else "bottom-up"
            make = partial(bmp, values, bits, colours=colours, top_down=top_down)
            yield Case(f"bmp/palette-{bits}bit-{tail}", make, colours[values], reason=reason)
        shades = np.repeat(scaled(np.arange(1 << bits), (1 << bits) - 1).round()[:, None], 3, 1)
        seen = shades[values]
        yield Case(
            f"bmp/gray-palette-{bits}bit",
            partial(bmp, values, bits, colours=shades),
            (seen[..., 0], seen),
            reason=reason,
        )
    values = levels(gray(), 1)
    white_first = np.array([[255, 255, 255], [0, 0, 0]])
    seen = white_first[values]
    yield Case("bmp/white-first-1bit", partial(bmp, values, 1, colours=white_first), (seen[..., 0], seen))
    few = levels(gray(), 99)
    yield Case("bmp/palette-of-100", partial(bmp, few, 8, colours=palette(100), used=100), palette(100)[few])
    ramp = np.stack([np.arange(16)] * 3, 1)
    dark = gray() % 16
    yield Case("bmp/dark-palette-4bit", partial(bmp, dark, 4, colours=ramp), ramp[dark], reason="read")
    yield Case("bmp/gap-before-samples", partial(bmp, few, 8, colours=palette(256), gap=12), palette(256)[few])
    for bits in (1, 4, 8):
        values = levels(gray(), (1 << bits) - 1)
        make = partial(bmp, values, bits, head=CORE, colours=palette(1 << bits))
        yield Case(f"bmp/core-{bits}bit", make, palette(1 << bits)[values])

    bgr = (0xFF0000, 0xFF00, 0xFF)
    true = masked(rgb(), bgr)[0]
    yield Case("bmp/core-24bit", partial(bmp, true, 24, head=CORE), rgb())
    for head in (INFO, OS2, V4, V5):
        for top_down in (False, True):
            if head != OS2 or not top_down:
                name = f"bmp/24bit-header{head}-{'top-down' if top_down else 'bottom-up'}"
                yield Case(name, partial(bmp, true, 24, head=head, top_down=top_down), rgb())
    for spare, name in ((0, "zero"), (0xFF000000, "full"), (0x55000000, "other")):
        # BI_RGB of 32 bits: "the high byte in each DWORD is not used"
        yield Case(f"bmp/32bit-unused-{name}", partial(bmp, true | spare, 32), rgb())
        yield Case(f"bmp/32bit-unused-{name}-top-down", partial(bmp, true | spare, 32, top_down=True), rgb())

    # Fewer than 8 bits: by 255/31 or by doubling of bits, which differ by a level.
    fields: dict[str, tuple[int, tuple[int, ...], int]] = {
        "555": (16, (0x7C00, 0x3E0, 0x1F), 0),
        "555-high-bit": (16, (0x7C00, 0x3E0, 0x1F), 0x8000),
        "565": (16, (0xF800, 0x7E0, 0x1F), 0),
        "bgr565": (16, (0x1F, 0x7E0, 0xF800), 0),
        "444": (16, (0xF00, 0xF0, 0xF), 0),
        "bgrx": (32, bgr, 0x77000000),
        "xbgr": (32, (0xFF000000, 0xFF0000, 0xFF00), 0x77),
        "rgbx": (32, (0xFF, 0xFF00, 0xFF0000), 0x77000000),
        "xrgb": (32, (0xFF00, 0xFF0000, 0xFF000000), 0x77),
        "gbr": (32, (0xFF, 0xFF0000, 0xFF00), 0),
        "101010": (32, (0x3FF00000, 0xFFC00, 0x3FF), 0),
        "888-apart": (32, (0xFF000000, 0xFF000, 0xFF), 0),
    }
    usual = ("555", "565", "bgrx")
    for name, (bits, masks, spare) in fields.items():
        values, seen = masked(rgb(), masks, spare)
        reason = None if name in usual else "BMP|mask|layout|read"
        for head in (INFO, V3, V4, V5):
            make = partial(bmp, values, bits, BITFIELDS, head, masks=masks)
            yield Case(f"bmp/masks-{name}-header{head}", make, seen, 1, reason)
    values, seen = masked(rgb(), (0x7C00, 0x3E0, 0x1F))
    yield Case("bmp/16bit-no-masks", partial(bmp, values, 16), seen, 1)
    yield Case("bmp/16bit-no-masks-high-bit", partial(bmp, values | 0x8000, 16), seen, 1)

    clear: dict[str, tuple[int, tuple[int, ...]]] = {
        "bgra": (32, (*bgr, 0xFF000000)),
        "rgba": (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
        "abgr": (32, (0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
        "argb": (32, (0xFF00, 0xFF0000, 0xFF000000, 0xFF)),
        "1555": (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
        "4444": (16, (0xF00, 0xF0, 0xF, 0xF000)),
        "2-101010": (32, (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000)),
    }
    for name, (bits, masks) in clear.items():
        values, seen = masked(np.dstack([rgb(), alpha()]), masks)
        reason = None if name == "bgra" else "BMP|mask|layout|read"
        for head in (V3, V4, V5):
            make = partial(bmp, values, bits, BITFIELDS, head, masks=masks)
            yield Case(f"bmp/alpha-{name}-header{head}", make, seen, 1, reason)
    values, seen = masked(rgba(), clear["bgra"][1])
    make = partial(bmp, values, 32, BITFIELDS, V5, masks=clear["bgra"][1], top_down=True)
    yield Case("bmp/alpha-bgra-top-down", make, seen)

    for bits, compression in ((8, RLE8), (4, RLE4)):
        values = levels(gray(), (1 << bits) - 1)
        values[9:12, 3:30] = 5
        colours = palette(1 << bits)
        make = partial(bmp, values, bits, compression, colours=colours, body=_runs(values, bits == 4))
        yield Case(f"bmp/rle{bits}", make, colours[values])
        # A delta (2, 3) from the end of a row's runs; what it passes over is colour 0 or clear, as readers please.
        sparse = np.zeros((6, 8), np.int64)
        sparse[-1, :4], sparse[-4, 6:] = 3, 5  # from the bottom: row 0, row 3
        body = bytes([4, 0x33 if bits == 4 else 3, 0, 2, 2, 3, 2, 0x55 if bits == 4 else 5, 0, 1])
        opacity = np.where(sparse > 0, 255, 0)
        wants = (colours[sparse], np.dstack([colours[sparse], opacity]))
        make = partial(bmp, sparse, bits, compression, colours=colours, body=body)
        yield Case(f"bmp/rle{bits}-delta", make, wants, reason="BMP|read|transparen")
    yield Case("bmp/jpeg-inside", partial(bmp, true, 0, JPEG, body=b"\xff\xd8\xff\xd9"), reason="BMP|read|damaged")
    yield Case("bmp/cut-off", lambda: bmp(true, 24)[:-700], reason="cut|truncated|damaged|whole|read")
