"""EXIF, which is a small TIFF: its directories, and how they are edited in place.

    "II" or "MM" | 42 u16 | offset of the first directory u32
    directory   number of entries u16 | entry: tag u16, kind u16, count u32, values or their offset u32 | ... | next u32

Values are neither decoded nor moved: maker's notes hold offsets of their own, and Pillow's `Image.Exif`, which writes
all anew, makes question marks of letters beyond ASCII. Offsets and counts are hostile: each is compared with the bytes
that are there. `metadata.py` decides what is kept; `tags.py` has the EXIF of TIFF files.
"""

import struct
from collections.abc import Collection, Iterator, Mapping
from typing import Literal, NamedTuple

WIDTH, HEIGHT, ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 256, 257, 274, 282, 283, 296
SUB_IFDS, XMP, PHOTOSHOP, ICC, EXIF_IFD, GPS_IFD = 330, 700, 34377, 34675, 34665, 34853
SUBJECT_AREA, MAKER_NOTE, PIXEL_WIDTH, PIXEL_HEIGHT, SUBJECT_LOCATION = 37396, 37500, 40962, 40963, 41492
INTEROP_IFD, RELATED_WIDTH, RELATED_HEIGHT = 40965, 4097, 4098
STRIPS, _STRIP_BYTES, _THUMBNAIL, _THUMBNAIL_BYTES = 273, 279, 513, 514
POINTERS = (EXIF_IFD, GPS_IFD, INTEROP_IFD, SUB_IFDS)
KIND_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_BIG_KIND_BYTES = KIND_BYTES | {16: 8, 17: 8, 18: 8}
BYTE, SHORT, LONG, RATIONAL, UNDEFINED = 1, 3, 4, 5, 7
_WHOLE_NUMBERS = (3, 4, 13, 16, 18)

_MAX_ENTRIES = 4096
"""A directory has a few dozen."""
_MAX_DIRECTORIES = 16
"""EXIF has five at most."""

_MAX_DENSITY = 65_535
"""Dots an inch that JFIF can tell."""

Field = tuple[int, int, bytes]
"""Tag, kind and the values as they are stored."""


class Entry(NamedTuple):
    """One entry of a directory."""

    tag: int
    kind: int
    at: int
    """Where the entry itself begins."""
    start: int
    stop: int
    """Where its values are; start == stop when they would be outside of the data or their kind is unknown."""


class Directory(NamedTuple):
    """A table of entries."""

    at: int
    stop: int
    """Behind the link to the next directory."""
    entries: tuple[Entry, ...]
    next: int
    """Where the next directory is, 0 for none."""
    whole: bool
    """The data has all entries and the link."""


class Tiff:
    """The directories of TIFF bytes, BigTIFF too; ValueError when they do not begin like a TIFF."""

    def __init__(self, data: bytes):
        magic = {b"II*\0": 42, b"MM\0*": 42, b"II+\0": 43, b"MM\0+": 43}.get(data[:4])
        if magic is None or len(data) < (8 if magic == 42 else 16):
            raise ValueError("it does not begin as EXIF does")
        self.data, self.big = data, magic == 43
        self.order = "<" if data[:2] == b"II" else ">"
        self.endian: Literal["little", "big"] = "little" if self.order == "<" else "big"
        self.first = int.from_bytes(data[8:16] if self.big else data[4:8], self.endian)

    def directory(self, at: int) -> Directory:
        """Return the directory at an offset: those of its entries that the data has."""
        data, end = self.data, len(self.data)
        count_bytes, offset_bytes, layout = (8, 8, "HHQ8s") if self.big else (2, 4, "HHI4s")
        layout, entry_bytes = self.order + layout, 4 + 2 * offset_bytes
        table = at + count_bytes
        if table > end:
            return Directory(at, end, (), 0, False)
        count = int.from_bytes(data[at:table], self.endian)
        link = table + count * entry_bytes
        whole = count <= _MAX_ENTRIES and link + offset_bytes <= end
        entries = []
        for number in range(min(count, _MAX_ENTRIES, (end - table) // entry_bytes)):
            offset = table + number * entry_bytes
            tag, kind, values, inline = struct.unpack_from(layout, data, offset)
            length = values * _BIG_KIND_BYTES.get(kind, 0)
            inlined = length <= offset_bytes
            start = offset + entry_bytes - offset_bytes if inlined else int.from_bytes(inline, self.endian)
            if start + length > end:
                start = length = 0
            entries.append(Entry(tag, kind, offset, start, start + length))
        following = int.from_bytes(data[link : link + offset_bytes], self.endian) if whole else 0
        return Directory(at, min(link + offset_bytes, end), tuple(entries), following, whole)

    def walk(self, skipped: Collection[int] = (), chain: bool = True) -> list[Directory]:
        """Return the first directory and those that it leads to by tags that are not skipped, and by chain to the next.

        Raise ValueError where there are senselessly many.
        """
        directories: dict[int, Directory] = {}
        todo = [self.first]
        while todo:
            at = todo.pop()
            if at == 0 or at in directories:
                continue
            if len(directories) == _MAX_DIRECTORIES:
                raise ValueError("its directories are damaged")
            directories[at] = self.directory(at)
            pointers = [e for e in directories[at].entries if e.tag in POINTERS and e.tag not in skipped]
            todo += [offset for entry in pointers for offset in self.numbers(entry)]
            if chain:
                todo.append(directories[at].next)
        return list(directories.values())

    def number(self, entry: Entry) -> int:
        """Return the first value of an entry of whole numbers, 0 for other kinds and where there is none."""
        return next(iter(self.numbers(entry)), 0)

    def numbers(self, entry: Entry) -> list[int]:
        """Return the values of an entry of whole numbers, none for other kinds."""
        if entry.kind not in _WHOLE_NUMBERS:
            return []
        width = _BIG_KIND_BYTES[entry.kind]
        starts = range(entry.start, entry.stop, width)
        return [int.from_bytes(self.data[start : start + width], self.endian) for start in starts]

    def ratio(self, entry: Entry) -> float:
        """Return the value of an entry of one rational number, 0 for others."""
        if entry.kind != RATIONAL or entry.stop - entry.start != 8:
            return 0
        above, below = struct.unpack_from(f"{self.order}II", self.data, entry.start)
        return above / below if below else 0

    def fields(self, at: int, max_bytes: int, skipped: Collection[int]) -> Iterator[Field]:
        """Yield the readable entries of a directory, up to a total of max_bytes of values."""
        seen = set(skipped)
        for entry in self.directory(at).entries:
            length = entry.stop - entry.start
            if 0 < length <= max_bytes and entry.kind in KIND_BYTES and entry.tag not in seen:
                seen.add(entry.tag)
                max_bytes -= length
                yield entry.tag, entry.kind, self.data[entry.start : entry.stop]


def orientation(exif: bytes) -> int | None:
    """Return what the first directory tells of the orientation, None where it tells none or is not there."""
    try:
        tiff = Tiff(exif)
    except ValueError:
        return None
    numbers = (tiff.number(e) for e in tiff.directory(tiff.first).entries if e.tag == ORIENTATION and e.start < e.stop)
    return next(numbers, None)


def density(exif: bytes) -> tuple[float, float] | None:
    """Return the resolution across and down in dots an inch; None where the first directory tells none."""
    try:
        tiff = Tiff(exif)
    except ValueError:
        return None
    entries = {e.tag: e for e in tiff.directory(tiff.first).entries}
    unit = tiff.number(entries[RESOLUTION_UNIT]) if RESOLUTION_UNIT in entries else 2
    across, down = (
        {2: 1, 3: 2.54}.get(unit, 0) * tiff.ratio(entries[tag]) if tag in entries else 0
        for tag in (X_RESOLUTION, Y_RESOLUTION)
    )
    return (across, down) if all(1 <= each <= _MAX_DENSITY for each in (across, down)) else None


def with_numbers(exif: bytes, numbers: Mapping[int, int]) -> bytes:
    """Return EXIF in which those of the tags that it has are these numbers; empty where it has none at all.

    Raise ValueError for what is no EXIF.
    """
    tiff, edited = Tiff(exif), bytearray(exif)
    directories = tiff.walk((SUB_IFDS,), chain=False)
    if tiff.big or not directories or not directories[0].entries and not directories[0].whole:
        raise ValueError("it has no directory")
    if not directories[0].entries and not directories[0].next:
        return b""
    for entry in (e for d in directories for e in d.entries if e.tag in numbers):
        number = numbers[entry.tag]
        if tiff.numbers(entry) != [number]:
            short = number < 1 << 16 and entry.kind == SHORT or entry.tag == ORIENTATION
            layout, kind = ("HHIHxx", SHORT) if short else ("HHII", LONG)
            struct.pack_into(tiff.order + layout, edited, entry.at, entry.tag, kind, 1, number)
    return bytes(edited)


def without(exif: bytes, dropped: Collection[int], thumbnail: bool = True) -> bytes:
    """Return EXIF without the dropped tags, and with its thumbnail or without; empty where nothing is left.

    What goes is zeroed, a directory with all that is in it, and cut off where it was last; the rest stays where it is.
    Raise ValueError for what is no EXIF, and where we cannot be sure that all of it is gone.
    """
    tiff, edited = Tiff(exif), bytearray(exif)
    directories, kept = tiff.walk(), tiff.walk(dropped, thumbnail)
    gone = [d for d in directories if d not in kept]
    going = [e for d in kept for e in d.entries if e.tag in dropped]
    led_to = {at for e in going if e.tag in POINTERS for at in tiff.numbers(e)}
    if tiff.big or not kept or not all(d.whole for d in directories) or any(d.at in led_to for d in kept):
        raise ValueError("its directories are damaged")
    if not going and not gone:
        return exif
    if all(e in going for e in kept[0].entries):
        return b""
    for start, stop in [(e.start, e.stop) for e in going] + [extent for d in gone for extent in _extent(tiff, d)]:
        edited[start:stop] = bytes(stop - start)
    for directory in kept:
        if any(edited[e.at : e.at + 8] != exif[e.at : e.at + 8] for e in directory.entries):
            raise ValueError("its directories overlap")
        rows = [exif[e.at : e.at + 12] for e in directory.entries if e not in going]
        link = exif[directory.stop - 4 : directory.stop] if thumbnail else bytes(4)
        table = struct.pack(f"{tiff.order}H", len(rows)) + b"".join(rows) + link
        edited[directory.at : directory.stop] = table.ljust(directory.stop - directory.at, b"\0")
    return bytes(edited[: max(stop for d in kept for _, stop in _extent(tiff, d))])


def _extent(tiff: Tiff, directory: Directory) -> Iterator[tuple[int, int]]:
    """Yield start and end of a directory, of its values and of the thumbnail that it leads to."""
    yield directory.at, directory.stop
    yield from ((e.start, e.stop) for e in directory.entries)
    numbers = {e.tag: tiff.numbers(e) for e in directory.entries}
    for offsets, lengths in ((_THUMBNAIL, _THUMBNAIL_BYTES), (STRIPS, _STRIP_BYTES)):
        for at, length in zip(numbers.get(offsets, []), numbers.get(lengths, []), strict=False):
            yield min(at, len(tiff.data)), min(at + length, len(tiff.data))
