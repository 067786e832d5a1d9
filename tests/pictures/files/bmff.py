"""HEIF files around a coded picture: alpha, turns, colours, EXIF and XMP (ISO/IEC 23008-12 and 14496-12)."""

import struct

IDENTITY, BT709, UNSPECIFIED, BT601, BT2020 = 0, 1, 2, 6, 9
"""Matrix coefficients (ITU-T H.273 table 4)."""

Coded = tuple[bytes, bytes]
"""A picture's bytes and the box that tells a decoder how to read them."""


def box(letters: bytes, *body: bytes) -> bytes:
    inside = b"".join(body)
    return struct.pack(">I", 8 + len(inside)) + letters + inside


def full(letters: bytes, version_flags: int, *body: bytes) -> bytes:
    return box(letters, struct.pack(">I", version_flags), *body)


def found(data: bytes, letters: bytes) -> bytes:
    """Return the body of the first box of that name."""
    at = data.index(letters)
    return data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at], "big")]


def nclx(primaries: int = 1, transfer: int = 13, matrix: int = BT601, full_range: bool = True) -> bytes:
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, matrix, full_range << 7))


def turn(quarters: int) -> bytes:
    """Return a turn by so many quarters to the left (HEIF 6.5.10)."""
    return box(b"irot", bytes([quarters]))


def mirror(axis: int) -> bytes:
    """Return a mirror: 0: top and bottom change places; 1: left and right (HEIF 6.5.12)."""
    return box(b"imir", bytes([axis]))


def crop(size: tuple[int, int], top: int, left: int, height: int, width: int) -> bytes:
    """Return a clean aperture: what is left of a picture of (height, width) (ISO/IEC 14496-12, 12.1.4)."""
    middles = (2 * left + width - size[1], 2, 2 * top + height - size[0], 2)
    return box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, *middles))


def heif(
    kind: bytes,
    picture: Coded | list[Coded],
    size: tuple[int, int],
    depths: bytes,
    told: bytes | None = None,
    turns: tuple[bytes, ...] = (),
    opacity: Coded | None = None,
    opacity_bits: int = 8,
    premultiplied: bool = False,
    payloads: tuple[tuple[bytes, bytes], ...] = (),
    columns: int = 1,
    tile: tuple[int, int] = (64, 64),
) -> bytes:
    """Return a file of a picture of (height, width), with so many bits in each channel, a colour box, turns in order.

    kind is av01 or hvc1; payloads are (Exif or mime, bytes). Alpha is a second picture, turned alike. A list holds the
    tiles of a grid, so many in a row (HEIF 6.6.2.3).
    """
    tiles = picture if isinstance(picture, list) else []
    if isinstance(picture, list):
        grid = struct.pack(">BBBBHH", 0, 0, len(tiles) // columns - 1, columns - 1, size[1], size[0])
        picture = (grid, tiles[0][1])
    told = nclx() if told is None else told
    turn_numbers = [number | 0x80 for number in range(5, 5 + len(turns))]  # what turns must be understood
    properties = [
        full(b"ispe", 0, struct.pack(">II", size[1], size[0])),
        full(b"pixi", 0, bytes([len(depths)]) + depths),
    ]
    properties += [picture[1], told, *turns]
    owners = [(1, [1, 2, *([] if tiles else [3 | 0x80]), 4, *turn_numbers])]
    if opacity is not None:
        first = len(properties) + 1
        means = full(b"auxC", 0, b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
        properties += [full(b"pixi", 0, bytes([1, opacity_bits])), opacity[1], means]
        owners.append((2, [1, first, (first + 1) | 0x80, first + 2, *turn_numbers]))
    items = [(1, b"grid" if tiles else kind, b"", picture[0])]
    items += [] if opacity is None else [(2, kind, b"", opacity[0])]
    if tiles:
        properties.append(full(b"ispe", 0, struct.pack(">II", tile[1], tile[0])))
    for number, (body, _) in enumerate(tiles, 20):
        items.append((number, kind, b"", body))
        owners.append((number, [len(properties), 2, 3 | 0x80, 4]))
    for number, (name, body) in enumerate(payloads, 10):
        items.append((number, name, b"application/rdf+xml\0" if name == b"mime" else b"", body))
    entries = b"".join(
        full(b"infe", 2 << 24 | (n >= 20), struct.pack(">HH", n, 0), name, b"\0", mime) for n, name, mime, _ in items
    )
    links = [(b"auxl", 2, [1])] * (opacity is not None) + [(b"prem", 1, [2])] * premultiplied
    links += [(b"cdsc", 10 + number, [1]) for number in range(len(payloads))]
    links += [(b"dimg", 1, list(range(20, 20 + len(tiles))))] if tiles else []
    references = b"".join(box(name, struct.pack(f">HH{len(to)}H", start, len(to), *to)) for name, start, to in links)
    owned = b"".join(struct.pack(">HB", item, len(numbers)) + bytes(numbers) for item, numbers in owners)

    def meta(place: int) -> bytes:
        places = b""
        for number, _, _, body in items:
            places += struct.pack(">HHHII", number, 0, 1, place, len(body))
            place += len(body)
        return full(
            b"meta",
            0,
            full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
            full(b"pitm", 0, struct.pack(">H", 1)),
            full(b"iloc", 0, b"\x44\0", struct.pack(">H", len(items)), places),
            full(b"iinf", 0, struct.pack(">H", len(items)), entries),
            *([full(b"iref", 0, references)] if references else []),
            box(b"iprp", box(b"ipco", *properties), full(b"ipma", 0, struct.pack(">I", len(owners)), owned)),
        )

    brand = box(b"ftyp", b"avif\0\0\0\0avifmif1miaf" if kind == b"av01" else b"heic\0\0\0\0heicmif1miaf")
    return brand + meta(len(brand) + len(meta(0)) + 8) + box(b"mdat", *(body for _, _, _, body in items))


TURNS = {1: (), 2: (mirror(1),), 3: (turn(2),), 4: (mirror(0),), 6: (turn(3),), 8: (turn(1),)}
TURNS |= {5: (turn(1), mirror(0)), 7: (turn(3), mirror(0))}
"""What stands for each orientation of EXIF; they are done in the order of the properties (HEIF 6.5.1)."""
