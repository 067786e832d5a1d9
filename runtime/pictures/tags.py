"""The tags of TIFF files, which are what EXIF is elsewhere: taken out of a file, and put into one that Pillow wrote.

The directories are those of `exif.py`. Pillow's way with tags would lose letters beyond ASCII and maker's notes.
"""

import struct
from array import array

from runtime.pictures import exif
from runtime.pictures.exif import Field, Tiff

_RESOLUTION, _NO_UNIT, _INCH = (exif.X_RESOLUTION, exif.Y_RESOLUTION, exif.RESOLUTION_UNIT), 1, 2
_POSITIONING = 531
COMPRESSED = (37121, 37122, exif.PIXEL_WIDTH, exif.PIXEL_HEIGHT, exif.INTEROP_IFD)
"""Tags that EXIF keeps for files that are compressed its own way, as a JPEG is and a TIFF is not."""
_STORAGE = frozenset(
    [254, 255, *range(256, 267), 273, *range(277, 281), 284, *range(288, 294), 301, 317, *range(320, 326), 330]
    + [*range(332, 348), *range(512, 533), exif.XMP, 33421, 33422, 33723, exif.PHOTOSHOP, exif.ICC]
)
"""Tags of a TIFF's first directory that tell how its samples are stored, or hold other metadata than EXIF."""

_SWAPPED_AS = {3: "H", 8: "H", 4: "I", 5: "I", 9: "I", 10: "I", 11: "I", 13: "I", 12: "Q"}


def exif_of(data: bytes, max_bytes: int, notes: list[str]) -> bytes:
    """Return the EXIF that a TIFF file's own tags amount to, bounded by max_bytes; empty when there are none.

    It has all that EXIF must have. A maker's note is left out, as its offsets would be wrong; notes tell.
    Raise ValueError for what is no TIFF.
    """
    tiff, tree = Tiff(data), bytearray()
    entries = {entry.tag: entry for entry in tiff.directory(tiff.first).entries[::-1]}
    sizes = [tiff.number(entries[tag]) if tag in entries else 0 for tag in (exif.WIDTH, exif.HEIGHT)]
    no_unit = exif.RESOLUTION_UNIT in entries and tiff.number(entries[exif.RESOLUTION_UNIT]) == _NO_UNIT
    skipped = {*_STORAGE, *exif.POINTERS, exif.ORIENTATION, *(_RESOLUTION if no_unit else ())}
    main = list(tiff.fields(tiff.first, max_bytes, skipped))
    for pointer in (tag for tag in (exif.EXIF_IFD, exif.GPS_IFD) if tag in entries):
        below = list(tiff.fields(tiff.number(entries[pointer]), max_bytes, {*exif.POINTERS, exif.MAKER_NOTE}))
        if any(e.tag == exif.MAKER_NOTE for e in tiff.directory(tiff.number(entries[pointer])).entries):
            notes.append("its maker's note is left out")
        if below:
            main.append((pointer, exif.LONG, struct.pack(f"{tiff.order}I", 8 + len(tree))))
            below += _missing(below, _exif_defaults(tiff.order, *sizes)) if pointer == exif.EXIF_IFD else []
            tree += _table(below, tiff.order, 8 + len(tree))
    if not main:
        return b""
    return _block(main, tiff.order, bytes(tree))


def exif_of_density(across: float, down: float) -> bytes:
    """Return EXIF that tells of so many dots an inch, 1 to 65,535, and nothing else."""
    sides = (exif.X_RESOLUTION, across), (exif.Y_RESOLUTION, down)
    return _block([(tag, exif.RATIONAL, struct.pack("<II", round(1000 * side), 1000)) for tag, side in sides], "<")


def _block(main: list[Field], order: str, tree: bytes = b"") -> bytes:
    """Return EXIF of a first directory, made complete, that leads to others, which stand before it."""
    main = _with_resolution(main, order)
    main += _missing(main, [(_POSITIONING, exif.SHORT, struct.pack(f"{order}H", 1))])
    at, head = 8 + len(tree), b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(f"{order}I", at) + tree + _table(main, order, at)


def with_metadata(data: bytes, block: bytes, icc: bytes, xmp: bytes) -> bytes:
    """Return a TIFF file, which we have just written, with EXIF (the block), a profile and an XMP packet.

    EXIF becomes the head of the file, so that all its offsets stay right. The file's directory is written anew at the
    end: what the first one of EXIF has, and the tags of the samples.
    """
    tiff, given = Tiff(data), Tiff(block or data[:4] + bytes(4))
    shift = len(block) + len(block) % 2 - 8 if block else 0
    (strips,) = (tiff.numbers(e) for e in tiff.directory(tiff.first).entries if e.tag == exif.STRIPS)
    fields = list(tiff.fields(tiff.first, len(data), {exif.STRIPS, *_RESOLUTION}))
    if tiff.order != given.order:
        fields = [_swapped(field) for field in fields]
    fields.append((exif.STRIPS, exif.LONG, struct.pack(f"{given.order}{len(strips)}I", *(at + shift for at in strips))))
    fields += [(exif.ICC, exif.UNDEFINED, icc)] * bool(icc) + [(exif.XMP, exif.BYTE, xmp)] * bool(xmp)
    fields += _with_resolution(list(given.fields(given.first, len(block), _STORAGE)) if block else [], given.order)
    head = (block or data[:8]).ljust(8 + shift, b"\0")
    at = len(data) + shift + (len(data) + shift) % 2
    pieces = (head[:4], struct.pack(f"{given.order}I", at), head[8:], memoryview(data)[8:])
    return b"".join((*pieces, bytes((len(data) + shift) % 2), _table(fields, given.order, at)))


def _with_resolution(fields: list[Field], order: str) -> list[Field]:
    """Return fields with a resolution, which TIFF and EXIF must have; it says nothing where there was none."""
    lengths = {exif.X_RESOLUTION: 8, exif.Y_RESOLUTION: 8, exif.RESOLUTION_UNIT: 2, exif.ORIENTATION: 2}
    fields = [(tag, kind, stored) for tag, kind, stored in fields if len(stored) == lengths.get(tag, len(stored))]
    if {exif.X_RESOLUTION, exif.Y_RESOLUTION} <= {tag for tag, _, _ in fields}:
        return fields + _missing(fields, [(exif.RESOLUTION_UNIT, exif.SHORT, struct.pack(f"{order}H", _INCH))])
    one, none = struct.pack(f"{order}II", 1, 1), struct.pack(f"{order}H", _NO_UNIT)
    square = [
        (exif.X_RESOLUTION, exif.RATIONAL, one),
        (exif.Y_RESOLUTION, exif.RATIONAL, one),
        (exif.RESOLUTION_UNIT, exif.SHORT, none),
    ]
    return [field for field in fields if field[0] not in _RESOLUTION] + square


def _exif_defaults(order: str, width: int, height: int) -> list[Field]:
    """Return what the Exif directory must have, saying no more than that."""
    texts = [(36864, b"0232"), (37121, b"\1\2\3\0"), (40960, b"0100")]
    sides = [(exif.PIXEL_WIDTH, width), (exif.PIXEL_HEIGHT, height)]
    colours: Field = (40961, exif.SHORT, struct.pack(f"{order}H", 0xFFFF))  # uncalibrated
    undefined = [(tag, exif.UNDEFINED, text) for tag, text in texts]
    return [colours, *undefined, *((tag, exif.LONG, struct.pack(f"{order}I", side)) for tag, side in sides)]


def _missing(fields: list[Field], defaults: list[Field]) -> list[Field]:
    """Return those defaults whose tags no field has."""
    present = {tag for tag, _, _ in fields}
    return [default for default in defaults if default[0] not in present]


def _table(fields: list[Field], order: str, at: int) -> bytes:
    """Return one directory and its values, an even number of bytes, to stand at an offset."""
    table, values = bytearray(struct.pack(f"{order}H", len(fields))), bytearray()
    values_at = at + 2 + 12 * len(fields) + 4
    for tag, kind, stored in sorted(fields):
        table += struct.pack(f"{order}HHI", tag, kind, len(stored) // exif.KIND_BYTES[kind])
        if len(stored) <= 4:
            table += stored.ljust(4, b"\0")
        else:
            table += struct.pack(f"{order}I", values_at + len(values))
            values += stored + bytes(len(stored) % 2)
    return bytes(table + bytes(4) + values)


def _swapped(field: Field) -> Field:
    """Return a field in the other byte order."""
    tag, kind, stored = field
    if kind in _SWAPPED_AS:
        numbers = array(_SWAPPED_AS[kind], stored)
        numbers.byteswap()
        stored = numbers.tobytes()
    return tag, kind, stored
