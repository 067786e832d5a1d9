"""GIF: palettes, transparency, interlacing, frames smaller than the screen, animations (GIF89a specification)."""

import struct
from collections.abc import Iterator
from functools import partial

import numpy as np
from pictures.files.bmp import palette
from pictures.files.case import Array, Case, gray, levels

NETSCAPE = b"\x21\xff\x0bNETSCAPE2.0\x03\1\0\0\0"


def control(clear: int | None = None, disposal: int = 0) -> bytes:
    """Return a graphic control extension (section 23)."""
    return b"\x21\xf9\x04" + struct.pack("<BHBB", disposal << 2 | (clear is not None), 5, clear or 0, 0)


def frame(values: Array, at: tuple[int, int] = (0, 0), colours: Array | None = None, interlaced: bool = False) -> bytes:
    """Return an image block at (left, top), 8 bits an index; a clear code now and then keeps codes at 9 bits."""
    height, width = values.shape
    if interlaced:  # appendix E
        values = np.concatenate([values[0::8], values[4::8], values[2::4], values[1::2]])
    bits = []
    for number, index in enumerate(values.ravel()):
        codes = [256, int(index)] if number % 200 == 0 else [int(index)]
        bits += [code >> place & 1 for code in codes for place in range(9)]
    bits += [257 >> place & 1 for place in range(9)]
    body = np.packbits(bits, bitorder="little").tobytes()
    parts = b"".join(bytes([len(body[i : i + 255])]) + body[i : i + 255] for i in range(0, len(body), 255))
    flags = 0x40 * interlaced | (0 if colours is None else 0x80 | int(np.log2(len(colours))) - 1)
    table = b"" if colours is None else colours.astype(np.uint8).tobytes()
    return b"\x2c" + struct.pack("<HHHHB", *at, width, height, flags) + table + b"\x08" + parts + b"\0"


def gif(width: int, height: int, colours: Array | None, *blocks: bytes, behind: int = 0) -> bytes:
    flags = 0x70 | (0 if colours is None else 0x80 | int(np.log2(len(colours))) - 1)
    table = b"" if colours is None else colours.astype(np.uint8).tobytes()
    return b"GIF89a" + struct.pack("<HHBBB", width, height, flags, behind, 0) + table + b"".join(blocks) + b";"


def cases() -> Iterator[Case]:
    whole = partial(gif, 38, 27)
    for bits in (1, 2, 4, 8):
        colours = palette(1 << bits)
        values = levels(gray(), (1 << bits) - 1)
        seen = colours[values]
        for interlaced in (False, True):
            tail = "-interlaced" * interlaced
            one = frame(values, interlaced=interlaced)
            yield Case(f"gif/{1 << bits}colours{tail}", partial(whole, colours, one), seen)
            local = frame(values, colours=colours, interlaced=interlaced)
            other = partial(whole, colours[::-1], local)
            yield Case(f"gif/{1 << bits}colours-local{tail}", other, seen)
            key = int(values[-1, 0])
            clear = np.dstack([seen, np.where(values == key, 0, 255)])
            yield Case(f"gif/{1 << bits}colours-clear{tail}", partial(whole, colours, control(key), one), clear)
    shades = np.repeat(np.arange(256)[:, None], 3, 1)
    yield Case("gif/gray-palette", partial(whole, shades, frame(gray())), (gray(), shades[gray()]))

    colours = palette(256)
    seen = colours[gray()]
    first, second = frame(gray()), frame(255 - gray())
    yield Case("gif/animated", partial(whole, colours, NETSCAPE, first, second), seen, note="first")
    key = int(gray()[-1, 0])
    clear = np.dstack([seen, np.where(gray() == key, 0, 255)])
    blocks = [NETSCAPE, control(key), first, control(key), second]
    yield Case("gif/animated-clear", partial(whole, colours, *blocks), clear, note="first")
    blocks = [control(key), NETSCAPE, first]  # an extension between the control and its frame
    yield Case("gif/clear-then-extension", partial(whole, colours, *blocks), clear)
    yield Case("gif/comment", partial(whole, colours, b"\x21\xfe\x05hello\0", first), seen)
    yield Case("gif/87a", lambda: b"GIF87a" + gif(38, 27, colours, first)[6:], seen)

    # A frame that leaves some of the screen free: there is the background (section 18) or nothing, as browsers do.
    around = np.zeros((40, 50, 4), np.int64)
    around[6:33, 4:42, :3], around[6:33, 4:42, 3] = seen, 255
    filled = np.broadcast_to(colours[9], (40, 50, 3)).copy()
    filled[6:33, 4:42] = seen
    make = partial(gif, 50, 40, colours, frame(gray(), (4, 6)), behind=9)
    yield Case("gif/smaller-than-screen", make, (around, filled), reason="GIF|transparen|frame")
    around = around.copy()
    around[6:33, 4:42] = clear
    make = partial(gif, 50, 40, colours, control(key), frame(gray(), (4, 6)), behind=9)
    yield Case("gif/smaller-than-screen-clear", make, around, reason="GIF|transparen|frame")
    yield Case("gif/cut-off", lambda: gif(38, 27, colours, first)[:-300], reason="cut|truncated|damaged|whole|read")
    yield Case("gif/no-frame", lambda: gif(38, 27, colours), reason="read|damaged|frame|cut")
