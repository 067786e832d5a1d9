"""The RESIDUAL section: what makes a decoded picture exact, or as nearly so as its bound says (FORMAT.md).

    bound u8 | 0 | log2 of lanes u8 | classes u8 | parameters of each plane |
               for each strip: length varint, CRC-32 of its samples | all strips
    bound u8 | 1 | the samples themselves (`drawing.py`)

Strips are 256 rows of the picture, the last may be less; each is coded by itself. The planes are green, red and blue,
or gray. Alpha is exact without this.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.arrays import I16, U8, contiguous
from runtime.container import Reader, varint
from runtime.errors import ResidualError, StreamError
from runtime.exact import drawing, parameters
from runtime.exact.fit import fit, windows
from runtime.exact.planes import Coder
from runtime.spec import MOST_ERROR

CODED, DRAWN = 0, 1
STRIP_ROWS = 256
MOST_LANES_LOG2 = 8

_LANES_LOG2 = 6
_LANE_SAMPLES = 1 << 12
"""A lane for so many samples of a strip, which pay for its state."""
_ORDER = {1: [0], 3: [1, 0, 2]}
"""The channels of planes, in their order."""


@dataclass(frozen=True)
class Coded:
    """A section that says what must be added to the decoded picture."""

    bound: int
    """No sample is off by more; 0: the picture is exact."""
    coder: Coder
    strips: Sequence[tuple[int, bytes]]
    """The CRC-32 of the samples and the bytes of each strip."""

    def restore(self, base: U8, top: int) -> U8:
        """Return rows (h, W, channels) of the picture, of the decoded ones; the first is `top`, that of a strip.

        Raises StreamError for damage, and ResidualError where the result does not match its checksum.
        """
        restored = np.empty(base.shape, np.uint8)
        for at in range(0, len(base), STRIP_ROWS):
            crc, data = self.strips[(top + at) // STRIP_ROWS]
            decoded = _planes(base[at : at + STRIP_ROWS])
            made = _joined(decoded, self.coder.decode(decoded, data))
            if zlib.crc32(made.tobytes()) != crc:
                raise ResidualError("the residual does not fit the decoded picture: the file is damaged")
            restored[at : at + STRIP_ROWS] = made
        return restored


@dataclass(frozen=True)
class Drawn:
    """A section that holds the samples themselves."""

    bound: int
    """No sample is off by more."""
    samples: U8
    """(H, W, channels)"""

    def restore(self, base: U8, top: int) -> U8:
        """Return rows (h, W, channels) of the picture, as many as the decoded ones; the first is `top`."""
        return self.samples[top : top + len(base)]


def bound_of(data: bytes) -> int:
    """Return the bound that a section promises; raise StreamError."""
    if len(data) < 2 or data[0] > MOST_ERROR or data[1] not in (CODED, DRAWN):
        raise StreamError(
            f"the RESIDUAL section begins with {data[:2].hex(' ')}, which means nothing: get a newer gargalo"
        )
    return data[0]


def is_drawn(data: bytes) -> bool:
    """Return whether a section holds the samples themselves, so that no other is needed for the colours."""
    return data[1:2] == bytes([DRAWN])


def draw(samples: U8, bound: int) -> bytes:
    """Return the section that holds samples (H, W, channels)."""
    return bytes([bound, DRAWN]) + drawing.pack(samples)


def code(samples: U8, base: U8, bound: int) -> bytes:
    """Return the section that makes of a decoded picture the samples (H, W, channels), but for the bound."""
    step, (height, width, channels) = 2 * bound + 1, samples.shape

    def planes(at: tuple[slice, slice]) -> tuple[list[U8], list[I16]]:
        """Return what was decoded of a part, and the errors that it is to have, plane by plane."""
        decoded = base[at].astype(np.int16)
        times = (samples[at] - decoded + bound) // step
        errors = (decoded + step * times).clip(0, 255) - decoded
        return _planes(base[at]), _planes(errors)

    suited = fit([planes(at) for at in windows((height, width))], height * width, step)
    lanes_log2 = min(_LANES_LOG2, (min(height, STRIP_ROWS) * width * channels // _LANE_SAMPLES).bit_length())
    coder = Coder(suited, step, 1 << lanes_log2)
    index, strips = [], []
    for top in range(0, height, STRIP_ROWS):
        rows = slice(top, top + STRIP_ROWS), slice(None)
        decoded, errors = planes(rows)
        strips.append(coder.encode(decoded, errors))
        crc = zlib.crc32(_joined(decoded, errors).tobytes())
        index.append(varint(len(strips[-1])) + struct.pack("<I", crc))
    head = bytes([bound, CODED, lanes_log2, len(suited[0].weights)])
    return b"".join([head, *map(parameters.pack, suited), *index, *strips])


def _planes(array: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the planes (h, w) of an array (h, w, channels), in their order."""
    return [contiguous(array[:, :, channel]) for channel in _ORDER[array.shape[2]]]


def _joined(decoded: Sequence[U8], errors: Sequence[I16]) -> U8:
    """Return the samples (h, w, channels) of decoded planes and their errors."""
    joined = np.empty((*decoded[0].shape, len(decoded)), np.uint8)
    for channel, plane, error in zip(_ORDER[len(decoded)], decoded, errors, strict=True):
        joined[:, :, channel] = plane + error
    return joined


def unpack(data: bytes, height: int, width: int, channels: int) -> Coded | Drawn:
    """Return the opened section of a picture; raise StreamError."""
    bound = bound_of(data)
    if data[1] == DRAWN:
        return Drawn(bound, drawing.unpack(data[2:], height, width, channels))
    reader = Reader(data)
    reader.take(2)
    lanes_log2, classes = reader.byte(), reader.byte()
    if lanes_log2 > MOST_LANES_LOG2 or not 1 <= classes <= parameters.MOST_CLASSES:
        raise StreamError(f"a residual of 2**{lanes_log2} lanes and {classes} classes: the file is damaged")
    suited = [parameters.unpack(reader.take(parameters.size(p, classes)), p, classes) for p in range(channels)]
    index = [(reader.varint(), reader.u32()) for _ in range(0, height, STRIP_ROWS)]
    strips = [(crc, reader.take(length)) for length, crc in index]
    reader.end()
    return Coded(bound, Coder(suited, 2 * bound + 1, 1 << lanes_log2), strips)
