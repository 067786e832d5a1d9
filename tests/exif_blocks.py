"""EXIF as cameras write it, made byte by byte: a Canon with a maker's note, a position and a thumbnail."""

import struct

SECRET = b"53.5503N"
OWNER = b"Anna Gargalo\0"
THUMBNAIL = b"\xff\xd8\xff\xdb" + b"thumbnail" * 20 + b"\xff\xd9"
_KIND_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 10: 8}

Field = tuple[int, int, bytes]


def directory(fields: list[Field], order: str, at: int, following: int = 0) -> bytes:
    """Return a directory to stand at a place, followed by those of its values that do not fit into it."""
    values_at = at + 2 + 12 * len(fields) + 4
    table, values = struct.pack(f"{order}H", len(fields)), b""
    for tag, kind, stored in sorted(fields):
        table += struct.pack(f"{order}HHI", tag, kind, len(stored) // _KIND_BYTES[kind])
        if len(stored) > 4:
            table += struct.pack(f"{order}I", values_at + len(values))
            values += stored + bytes(len(stored) % 2)
        else:
            table += stored.ljust(4, b"\0")
    return table + struct.pack(f"{order}I", following) + values


def camera(order: str = "<", orientation: int = 1, width: int = 64, height: int = 48, thumbnail: bool = True) -> bytes:
    """Return EXIF in the order of a camera: first directory, exposure, note, position, thumbnail.

    The note's value has its place in the whole of EXIF, as Canon does it: it is lost when anything moves.
    """

    def short(*values: int) -> bytes:
        return struct.pack(f"{order}{len(values)}H", *values)

    def long(*values: int) -> bytes:
        return struct.pack(f"{order}{len(values)}I", *values)

    resolution: list[Field] = [(282, 5, long(300, 1)), (283, 5, long(300, 1)), (296, 3, short(2))]

    def main(exif_at: int, gps_at: int, second_at: int) -> bytes:
        fields: list[Field] = [
            *resolution,
            (270, 2, "Straße in Gårdsjö\0".encode()),
            (271, 2, b"Canon\0"),
            (272, 2, b"Canon EOS 5D\0"),
            (274, 3, short(orientation)),
            (531, 3, short(1)),
            (0x9C9B, 1, "Title é".encode("utf-16le") + b"\0\0"),
            (34665, 4, long(exif_at)),
            (34853, 4, long(gps_at)),
        ]
        return directory(fields, order, 8, second_at)

    def exposure(at: int, note: bytes) -> bytes:
        fields: list[Field] = [
            (33434, 5, long(1, 250)),
            (34855, 3, short(200)),
            (36864, 7, b"0232"),
            (37121, 7, b"\1\2\3\0"),
            (37396, 3, short(30, 20, 8, 6)),
            (37500, 7, note),
            (40960, 7, b"0100"),
            (40961, 3, short(1)),
            (40962, 3, short(width)),
            (40963, 3, short(height)),
        ]
        return directory(fields, order, at)

    position: list[Field] = [
        (0, 1, b"\2\3\0\0"),
        (1, 2, b"N\0"),
        (2, 5, long(53, 1, 33, 1, 1, 1)),
        (27, 7, b"ASCII\0\0\0GPS"),
        (28, 7, b"ASCII\0\0\0" + SECRET),
    ]
    exif_at = 8 + len(main(0, 0, 0))
    blank = directory([(9, 2, OWNER)], order, 0)
    note_at = exif_at + exposure(exif_at, blank).index(blank)
    told = exposure(exif_at, directory([(9, 2, OWNER)], order, note_at))
    gps_at = exif_at + len(told)
    gps = directory(position, order, gps_at)
    second_at = gps_at + len(gps) if thumbnail else 0

    def second(place: int) -> bytes:
        fields: list[Field] = [*resolution, (259, 3, short(6)), (513, 4, long(place)), (514, 4, long(len(THUMBNAIL)))]
        return directory(fields, order, second_at)

    tail = second(second_at + len(second(0))) + THUMBNAIL if thumbnail else b""
    head = (b"II*\0" if order == "<" else b"MM\0*") + long(8)
    return head + main(exif_at, gps_at, second_at) + told + gps + tail
