"""The boxes of an AVIF file: how its picture is stored, and its metadata; OpenCV hands over the samples alone.

    box   length u32 | four letters | bytes     in meta: which items there are (iinf), where (iloc), and the properties
                                                (ipco) of each (ipma): depth, turn, mirror, colour profile

All lengths and places are hostile: each is compared with the bytes that are there. `structure.py` asks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

_MOST_ENTRIES = 4096
"""Of items, extents and properties; a file has a handful."""
_XMP_TYPE = b"application/rdf+xml"
_ORIENTATIONS: dict[tuple[int, int | None], int] = {(0, None): 1, (2, None): 3, (3, None): 6, (1, None): 8}
_ORIENTATIONS |= {(0, 1): 2, (2, 0): 2, (0, 0): 4, (2, 1): 4, (1, 0): 5, (3, 1): 5, (3, 0): 7, (1, 1): 7}
"""EXIF's number for a turn by so many quarters to the left, then a mirror axis (0: top and bottom change)."""


@dataclass
class Avif:
    """What the boxes say of the file's main picture."""

    whole: bool = True
    """False where the last box ends behind the file."""
    animated: bool = False
    depth: int = 8
    """Bits a sample."""
    orientation: int = 1
    """As in EXIF, whose own word does not count here."""
    exif: bytes = b""
    icc: bytes = b""
    xmp: bytes = b""


def examine(data: bytes, max_bytes: int) -> Avif:
    """Returns what the boxes say, payloads of at most max_bytes; raises ValueError where they make no sense."""
    found = Avif()
    for kind, start, stop in _boxes(data, 0, len(data)):
        found.whole = found.whole and stop <= len(data)
        if kind == b"ftyp":
            found.animated = data[start : start + 4] == b"avis"
        elif kind == b"meta":
            _Meta(data, start + 4, min(stop, len(data))).tell(found, max_bytes)
    return found


def is_avif(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis", b"mif1", b"msf1")


class _Meta:
    """The meta box: its item tables, read once."""

    def __init__(self, data: bytes, start: int, stop: int):
        self.data = data
        self.parts: dict[bytes, tuple[int, int]] = {}
        self.properties: list[tuple[bytes, int, int]] = []
        self.owned: dict[int, list[int]] = {}
        """Numbers of the properties of each item, counted from 1."""
        for kind, at, end in _boxes(data, start, stop):
            self.parts.setdefault(kind, (at, min(end, stop)))
        for kind, at, end in _boxes(data, *self.parts.get(b"iprp", (0, 0))):
            if kind == b"ipco":
                self.properties = list(_boxes(data, at, min(end, stop)))
            elif kind == b"ipma":
                self._associations(_Reader(data, at, min(end, stop)))

    def tell(self, found: Avif, max_bytes: int) -> None:
        reader = self._reader(b"pitm")
        main = reader.number(4 if reader.number(4) >> 24 else 2)
        quarters, axis = 0, None
        for number in self.owned.get(main, []):
            kind, at, end = self.properties[number - 1] if 1 <= number <= len(self.properties) else (b"", 0, 0)
            reader = _Reader(self.data, at, end)
            if kind == b"pixi":
                reader.number(5)
                found.depth = reader.number(1)
            elif kind == b"irot":
                quarters = reader.number(1) & 3
            elif kind == b"imir":
                axis = reader.number(1) & 1
            elif kind == b"colr" and self.data[at : at + 4] in (b"prof", b"rICC") and end - at <= max_bytes:
                found.icc = self.data[at + 4 : end]
        found.orientation = _ORIENTATIONS[quarters, axis]
        items = self._items()
        for item, parts in self._places().items():
            kind = items.get(item, b"")
            if kind in (b"Exif", _XMP_TYPE) and sum(length for _, length in parts) <= max_bytes:
                payload = b"".join(self.data[at : at + length] for at, length in parts)
                if kind == b"Exif":  # the place of the TIFF header comes first
                    found.exif = payload[4 + int.from_bytes(payload[:4], "big") :]
                else:
                    found.xmp = payload

    def _reader(self, kind: bytes) -> "_Reader":
        return _Reader(self.data, *self.parts.get(kind, (0, 0)))

    def _associations(self, reader: "_Reader") -> None:
        head = reader.number(4)
        for _ in range(min(reader.number(4), _MOST_ENTRIES)):
            item = reader.number(2 if head >> 24 == 0 else 4)
            width = 2 if head & 1 else 1
            numbers = [reader.number(width) & (0x7FFF if width == 2 else 0x7F) for _ in range(reader.number(1))]
            self.owned.setdefault(item, numbers)

    def _items(self) -> dict[int, bytes]:
        """Returns Exif, or the type of a mime item, by item number."""
        found = {}
        start, stop = self.parts.get(b"iinf", (0, 0))
        skipped = 6 if self.data[start : start + 1] == b"\0" else 8
        for kind, at, end in _boxes(self.data, start + skipped, stop):
            version = self.data[at : at + 1]
            if kind == b"infe" and version in (b"\2", b"\3"):
                reader = _Reader(self.data, at + 4, end)
                number = reader.number(2 if version == b"\2" else 4)
                reader.number(2)
                letters = reader.number(4).to_bytes(4, "big")
                mime = self.data[reader.at : min(end, reader.at + 256)].split(b"\0")[1:2]
                found[number] = mime[0] if letters == b"mime" and mime else letters
        return found

    def _places(self) -> dict[int, list[tuple[int, int]]]:
        """Returns start and length of the parts of each item that is in the file itself or in idat."""
        found: dict[int, list[tuple[int, int]]] = {}
        reader = self._reader(b"iloc")
        version = reader.number(4) >> 24
        offset, length, base, index = (reader.half() for _ in range(4))
        left = _MOST_ENTRIES  # parts may take no bytes at all
        for _ in range(min(reader.number(2 if version < 2 else 4), _MOST_ENTRIES)):
            item = reader.number(2 if version < 2 else 4)
            method = reader.number(2) & 15 if version else 0
            reader.number(2)
            start = reader.number(base) + (self.parts.get(b"idat", (0, 0))[0] if method == 1 else 0)
            parts = []
            count = reader.number(2)
            left -= count
            if left < 0:
                raise ValueError(f"items in more than {_MOST_ENTRIES} parts")
            for _ in range(count):
                reader.number(index if version else 0)
                at = start + reader.number(offset)
                parts.append((at, reader.number(length)))
            if method < 2:
                found[item] = parts
        return found


class _Reader:
    """Takes big-endian numbers from a range of data; ValueError where it ends."""

    def __init__(self, data: bytes, at: int, stop: int):
        self.data, self.at, self.stop = data, at, min(stop, len(data))
        self.low: int | None = None

    def number(self, width: int) -> int:
        self.at += width
        if self.at > self.stop:
            raise ValueError("a box ends too early")
        return int.from_bytes(self.data[self.at - width : self.at], "big")

    def half(self) -> int:
        """Four bits, the high ones of a byte first."""
        if self.low is not None:
            low, self.low = self.low, None
            return low
        high, self.low = divmod(self.number(1), 16)
        return high


def _boxes(data: bytes, at: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Yields letters, start and end of the content of each box that begins in a range; the last may end behind it."""
    for _ in range(_MOST_ENTRIES):
        if at + 8 > stop:
            return
        length, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        end = at + length if length else stop
        if end < at + head:
            raise ValueError(f"a box of {length} bytes")
        yield kind, at + head, end
        at = end
