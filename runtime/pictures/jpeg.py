"""Pillow's JPEG plugin, which here tells of damaged samples: libjpeg warns of them, and Pillow keeps that to itself.

The coded samples of a sequential JPEG must end with its last row. That is seen from outside: the plugin, which asks for
more until it has that row, is given them but for their last bytes, then those, then a few bytes behind them. Damage in
the middle nearly always shifts that end; restarts would hide it, but for those that are missing. A progressive JPEG
must have the scans with the last bits of each component.
"""

import re
from collections.abc import Iterator

from PIL.JpegImagePlugin import JpegImageFile

_SOI_BYTES = 2
_SEQUENTIAL, _PROGRESSIVE, _SOS = (b"\xc0", b"\xc1"), b"\xc2", b"\xda"
_MARKER = re.compile(rb"\xff[^\0\xff\xd0-\xd7]")
"""Behind coded samples; restarts, D0 to D7, and FF itself, as FF 00, are in them."""
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_BLOCK_BYTES = 1 << 20
"""What is decoded at a time, between which other threads that run Python take their turns."""
_WITHHELD_BYTES = 2
"""More than an encoder may leave unused at the end."""
_BEHIND = b"\xff\0" * 8
"""Ones, which are no code: enough for what libjpeg reads ahead, too few for a block of samples."""


class Jpeg(JpegImageFile):
    """A JPEG whose pixels are decoded as Pillow does."""

    _end = 0
    """Where the only scan of a sequential JPEG ends, 0 for others."""
    _given = 0
    """How often more was asked for near that end."""
    _lacking = False
    """Of scans or restarts."""

    @property
    def damaged(self) -> bool:
        """Whether, now that it is loaded, coded samples were missing or left over."""
        return self._lacking or self._end > 0 and not 1 <= self._given <= 2

    def _read_dpi_from_exif(self) -> None:
        """Leave EXIF alone: Pillow looks there for a resolution, and warns where it is damaged."""

    def load_prepare(self) -> None:
        super().load_prepare()
        self.decodermaxblock = _BLOCK_BYTES
        assert self.fp is not None
        self.fp.seek(0)
        data = self.fp.read()
        scans = list(_scans(data))
        frame = scans[0][0] if scans else b""
        if frame[:1] == _PROGRESSIVE:
            self._lacking = _lacks_scans(frame, [header for _, header, _, _ in scans])
        elif frame[:1] in _SEQUENTIAL and len(scans) == 1:
            _, _, start, self._end = scans[0]
            restarts = _RESTART.findall(data, start, self._end)
            self._lacking = any(restart[0] & 7 != number & 7 for number, restart in enumerate(restarts))

    def load_read(self, read_bytes: int) -> bytes:
        assert self.fp is not None
        left = self._end - self.fp.tell()
        if left > _WITHHELD_BYTES:
            return self.fp.read(min(read_bytes, left - _WITHHELD_BYTES))
        self._given += self._end > 0
        if self._given == 1:
            return self.fp.read(left)
        return _BEHIND if self._given == 2 else super().load_read(read_bytes)


def _scans(data: bytes) -> Iterator[tuple[bytes, bytes, int, int]]:
    """Yield of each scan the frame's marker and header, its own header, and where its coded samples begin and end.

    What is behind the end of the picture is another one's.
    """
    at, frame = _SOI_BYTES, b""
    while data[at : at + 1] == b"\xff":
        kind, length = data[at + 1 : at + 2], int.from_bytes(data[at + 2 : at + 4])
        if kind == b"\xff":
            at += 1
            continue
        body, at = data[at + 4 : at + 2 + length], at + 2 + max(length, 2)
        if kind in (*_SEQUENTIAL, _PROGRESSIVE):
            frame = kind + body
        elif kind == _SOS:
            if (marker := _MARKER.search(data, at)) is None:
                return
            yield frame, body, at, len(data[at : marker.start()].rstrip(b"\xff")) + at
            at = marker.start()
            if marker[0].endswith(b"\xd9"):
                return


def _lacks_scans(frame: bytes, scans: list[bytes]) -> bool:
    """Return whether no scan has the last bits of the lowest, or of the highest coefficient of a component."""
    components = {frame[at] for at in range(7, len(frame), 3)}
    lowest, highest = set[int](), set[int]()
    for scan in scans:
        count = scan[0]
        of = {scan[at] for at in range(1, 1 + 2 * count, 2)}
        first, last, bits = scan[1 + 2 * count : 4 + 2 * count]
        if bits & 15 == 0:
            lowest |= of if first == 0 else set()
            highest |= of if last == 63 else set()
    return not components <= lowest & highest
