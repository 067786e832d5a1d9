"""The directories of a TIFF, and of EXIF, which is a small TIFF: read, edited in place, copied into another file.

    "II" or "MM" | 42 u16 | place of the first directory u32
    directory   number of entries u16 | entry: tag u16, kind u16, count u32, values or their place u32 | ... | next u32

A BigTIFF (43) has wider fields. All places and counts are hostile: each is compared with the bytes that are there.
`metadata.py` decides which of this is kept.
"""

import struct
from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

BITS, PHOTOMETRIC, ORIENTATION, SAMPLES, PLANAR, EXTRA_SAMPLES = 258, 262, 274, 277, 284, 338
XMP, ICC = 700, 34675
EXIF_IFD, GPS_IFD, _INTEROP_IFD, _SUB_IFDS = 34665, 34853, 40965, 330
_MAKER_NOTE = 37500
"""A maker's own format, with places that are wrong once it is moved."""
_DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 33432)
"""Description, make, model, software, date, artist and copyright: what IFD0 tells of a picture, not of its storage."""

_KIND_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_BIG_KIND_BYTES = _KIND_BYTES | {16: 8, 17: 8, 18: 8}
_BYTE, _UNDEFINED, _LONG = 1, 7, 4
_WHOLE_NUMBERS = (3, 4, 13, 16, 18)
_SWAPPED_AS = {3: "H", 8: "H", 4: "I", 5: "I", 9: "I", 10: "I", 11: "I", 13: "I", 12: "Q"}

_MAX_ENTRIES = 4096
"""A directory has a few dozen."""
_MAX_DIRECTORIES = 16
"""EXIF has five at most."""

Field = tuple[int, int, bytes]
"""Tag, kind and the values as they are stored."""


@dataclass(frozen=True)
class Entry:
    """One entry of a directory."""

    tag: int
    kind: int
    at: int
    """Where the entry itself begins."""
    start: int
    stop: int
    """Where its values are; start == stop when they would be outside of the data or their kind is unknown."""


@dataclass(frozen=True)
class Directory:
    at: int
    stop: int
    """Behind the link to the next directory."""
    entries: tuple[Entry, ...]
    next: int
    """Where the next directory is, 0 for none."""
    whole: bool
    """The data has all entries and the link."""


class Tiff:
    """Reads the directories of TIFF bytes; ValueError when they do not begin like a TIFF."""

    def __init__(self, data: bytes):
        magic = {b"II*\0": 42, b"MM\0*": 42, b"II+\0": 43, b"MM\0+": 43}.get(data[:4])
        if magic is None or len(data) < (8 if magic == 42 else 16):
            raise ValueError("no TIFF")
        self.data, self.big = data, magic == 43
        self.order = "<" if data[:2] == b"II" else ">"
        self.endian: Literal["little", "big"] = "little" if self.order == "<" else "big"
        self.first = int.from_bytes(data[8:16] if self.big else data[4:8], self.endian)

    def directory(self, at: int) -> Directory:
        """Returns the directory at a place: those of its entries that the data has."""
        data, end = self.data, len(self.data)
        count_bytes, place_bytes, layout = (8, 8, "HHQ8s") if self.big else (2, 4, "HHI4s")
        layout, entry_bytes = self.order + layout, 4 + 2 * place_bytes
        table = at + count_bytes
        if table > end:
            return Directory(at, end, (), 0, False)
        count = int.from_bytes(data[at:table], self.endian)
        link = table + count * entry_bytes
        whole = count <= _MAX_ENTRIES and link + place_bytes <= end
        entries = []
        for place in range(
            table, table + min(count, _MAX_ENTRIES, (end - table) // entry_bytes) * entry_bytes, entry_bytes
        ):
            tag, kind, values, inline = struct.unpack_from(layout, data, place)
            length = values * _BIG_KIND_BYTES.get(kind, 0)
            start = place + entry_bytes - place_bytes if length <= place_bytes else int.from_bytes(inline, self.endian)
            if start + length > end:
                start = length = 0
            entries.append(Entry(tag, kind, place, start, start + length))
        following = int.from_bytes(data[link : link + place_bytes], self.endian) if whole else 0
        return Directory(at, min(link + place_bytes, end), tuple(entries), following, whole)

    def walk(self) -> list[Directory]:
        """Returns the first directory and those it leads to, each once; none when there are senselessly many."""
        found: dict[int, Directory] = {}
        todo = [self.first]
        while todo:
            at = todo.pop()
            if at == 0 or at in found:
                continue
            if len(found) == _MAX_DIRECTORIES:
                return []
            found[at] = self.directory(at)
            todo += [
                self.number(entry) for entry in found[at].entries if entry.tag in (EXIF_IFD, GPS_IFD, _INTEROP_IFD)
            ]
            todo.append(found[at].next)
        return list(found.values())

    def number(self, entry: Entry) -> int:
        """Returns the first value of an entry of whole numbers, 0 for other kinds and where there is none."""
        if entry.kind not in _WHOLE_NUMBERS:
            return 0
        width = _BIG_KIND_BYTES[entry.kind]
        return int.from_bytes(self.data[entry.start : min(entry.start + width, entry.stop)], self.endian)

    def fields(self, at: int, max_bytes: int, only: Collection[int] | None = None) -> Iterator[Field]:
        """Yields the readable entries of a directory, up to a total of max_bytes of values."""
        for entry in self.directory(at).entries:
            length = entry.stop - entry.start
            if 0 < length <= max_bytes and entry.kind in _KIND_BYTES and (only is None or entry.tag in only):
                max_bytes -= length
                yield entry.tag, entry.kind, self.data[entry.start : entry.stop]


def numbers(data: bytes) -> dict[int, int]:
    """Returns tag -> first value of the whole-number tags in the first directory; {} when data is no TIFF."""
    try:
        tiff = Tiff(data)
    except ValueError:
        return {}
    return {
        e.tag: tiff.number(e)
        for e in tiff.directory(tiff.first).entries
        if e.kind in _WHOLE_NUMBERS and e.start < e.stop
    }


# --- EXIF -------------------------------------------------------------------------------------------------------------


def upright(exif: bytes) -> bytes:
    """Returns EXIF whose orientation is 1, of the same length; where it was another, without the thumbnail.

    The thumbnail is turned like the old pixels, so it goes. Raises ValueError for what is no EXIF.
    """
    tiff = Tiff(exif)
    main = tiff.directory(tiff.first)
    if tiff.big or not main.whole or not main.entries:
        raise ValueError("no directory")
    known = [e for e in main.entries if e.tag == ORIENTATION and e.kind in _WHOLE_NUMBERS and e.start < e.stop]
    turned = [e for e in known if tiff.number(e) != 1]
    if not turned:
        return exif
    edited = bytearray(exif)
    for entry in turned:
        width = _BIG_KIND_BYTES[entry.kind]
        edited[entry.start : entry.start + width] = (1).to_bytes(width, tiff.endian)
    if main.next:
        edited[main.stop - 4 : main.stop] = bytes(4)
        rest = Tiff(bytes(edited)).walk()
        if rest:  # the thumbnail is usually last
            del edited[max(max([d.stop, *(e.stop for e in d.entries)]) for d in rest) :]
    return bytes(edited)


def without_gps(exif: bytes) -> bytes:
    """Returns EXIF of the same length with its GPS directory zeroed and no pointer to one.

    Nothing else moves, so a maker's note stays right. Raises ValueError where we cannot be sure that it is gone.
    """
    tiff = Tiff(exif)
    directories = tiff.walk()
    pointers = [e for d in directories for e in d.entries if e.tag == GPS_IFD]
    positions = {tiff.number(pointer) for pointer in pointers} - {0}
    if tiff.big or not directories or not all(d.whole for d in directories) or tiff.first in positions:
        raise ValueError("damaged directories")
    edited = bytearray(exif)
    for directory in directories:
        if directory.at in positions:
            for entry in directory.entries:
                edited[entry.start : entry.stop] = bytes(entry.stop - entry.start)
            edited[directory.at : directory.stop] = bytes(directory.stop - directory.at)
    for directory in directories:
        if directory.at in positions:
            continue
        if edited[directory.at : directory.stop] != exif[directory.at : directory.stop]:
            raise ValueError("the GPS directory overlaps another")
        kept = [exif[e.at : e.at + 12] for e in directory.entries if e.tag != GPS_IFD]
        table = struct.pack(f"{tiff.order}H", len(kept)) + b"".join(kept) + exif[directory.stop - 4 : directory.stop]
        edited[directory.at : directory.stop] = table.ljust(directory.stop - directory.at, b"\0")
    return bytes(edited)


# --- files ------------------------------------------------------------------------------------------------------------


def payload(data: bytes, tag: int, max_bytes: int) -> bytes:
    """Returns the values of a tag in a TIFF file's first directory; empty when absent or longer than max_bytes."""
    tiff = Tiff(data)
    return next((values for _, _, values in tiff.fields(tiff.first, max_bytes, (tag,))), b"")


def exif_of(data: bytes, max_bytes: int) -> bytes:
    """Returns the EXIF that a TIFF file's own tags amount to, bounded by max_bytes; empty when there are none."""
    tiff = Tiff(data)
    main, below = _described(tiff, max_bytes)
    if not main and not below:
        return b""
    head = b"II*\0" if tiff.order == "<" else b"MM\0*"
    tree, at = _tree(main, below, tiff.order, 8)
    return head + struct.pack(f"{tiff.order}I", at) + tree


def embed(data: bytes, exif: bytes, icc: bytes, xmp: bytes) -> bytes:
    """Returns a TIFF file, which we have just written, with more tags: its directory is written anew at the end."""
    tiff = Tiff(data)
    main = list(tiff.fields(tiff.first, len(data)))
    below: dict[int, list[Field]] = {}
    if exif:
        source = Tiff(exif)
        told, below = _described(source, len(exif))
        if source.order != tiff.order:
            told = [_swapped(field) for field in told]
            below = {tag: [_swapped(field) for field in fields] for tag, fields in below.items()}
        names = {tag for tag, _, _ in told}
        main = [field for field in main if field[0] not in names] + told
    main += [(ICC, _UNDEFINED, icc)] * bool(icc) + [(XMP, _BYTE, xmp)] * bool(xmp)
    data += bytes(len(data) % 2)
    tree, at = _tree(main, below, tiff.order, len(data))
    return data[:4] + struct.pack(f"{tiff.order}I", at) + data[8:] + tree


def _described(tiff: Tiff, max_bytes: int) -> tuple[list[Field], dict[int, list[Field]]]:
    """Returns what a first directory tells of its picture, and the EXIF and GPS directories by their pointers' tags."""
    main = list(tiff.fields(tiff.first, max_bytes, _DESCRIPTIVE))
    below: dict[int, list[Field]] = {}
    for entry in tiff.directory(tiff.first).entries:
        if entry.tag in (EXIF_IFD, GPS_IFD) and entry.tag not in below:
            places = (EXIF_IFD, GPS_IFD, _INTEROP_IFD, _SUB_IFDS, _MAKER_NOTE)
            fields = [f for f in tiff.fields(tiff.number(entry), max_bytes, None) if f[0] not in places]
            if fields:
                below[entry.tag] = fields
    return main, below


def _tree(main: list[Field], below: dict[int, list[Field]], order: str, at: int) -> tuple[bytes, int]:
    """Returns the bytes of a directory and those below it, to stand at a place, and the place of the first."""
    tree = bytearray()
    for pointer, fields in below.items():
        main = [*main, (pointer, _LONG, struct.pack(f"{order}I", at + len(tree)))]
        tree += _table(fields, order, at + len(tree))
    return bytes(tree) + _table(main, order, at + len(tree)), at + len(tree)


def _table(fields: list[Field], order: str, at: int) -> bytes:
    """Returns one directory and its values, an even number of bytes, to stand at a place."""
    table, values = bytearray(struct.pack(f"{order}H", len(fields))), bytearray()
    values_at = at + 2 + 12 * len(fields) + 4
    for tag, kind, stored in sorted(fields):
        table += struct.pack(f"{order}HHI", tag, kind, len(stored) // _KIND_BYTES[kind])
        if len(stored) <= 4:
            table += stored.ljust(4, b"\0")
        else:
            table += struct.pack(f"{order}I", values_at + len(values))
            values += stored + bytes(len(stored) % 2)
    return bytes(table + bytes(4) + values)


def _swapped(field: Field) -> Field:
    """Returns a field in the other byte order."""
    tag, kind, stored = field
    if kind in _SWAPPED_AS:
        numbers = array(_SWAPPED_AS[kind], stored)
        numbers.byteswap()
        stored = numbers.tobytes()
    return tag, kind, stored
