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

import numpy as np

from runtime.arrays import U8, contiguous
from runtime.container import Reader, varint
from runtime.errors import ResidualError, StreamError
from runtime.exact import drawing, parameters
from runtime.exact.fit import fit
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
        order, restored = _ORDER[base.shape[2]], np.empty(base.shape, np.uint8)
        for at in range(0, len(base), STRIP_ROWS):
            crc, data = self.strips[(top + at) // STRIP_ROWS]
            planes = [base[at : at + STRIP_ROWS, :, channel] for channel in order]
            made = restored[at : at + STRIP_ROWS]
            for channel, plane, errors in zip(order, planes, self.coder.decode(planes, data), strict=True):
                made[:, :, channel] = plane + errors
            if zlib.crc32(made) != crc:
                raise ResidualError("the residual does not fit the decoded picture: the file is damaged")
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


def draw(samples: U8, bound: int) -> bytes:
    """Return the section that holds samples (H, W, channels)."""
    return bytes([bound, DRAWN]) + drawing.pack(samples)


def code(samples: U8, base: U8, bound: int) -> bytes:
    """Return the section that makes of a decoded picture the samples (H, W, channels), but for the bound."""
    step, order, (height, width, channels) = 2 * bound + 1, _ORDER[samples.shape[2]], samples.shape
    steps = (samples.astype(np.int16) - base + bound) // step
    kept = (base + step * steps).clip(0, 255)
    errors = (kept - base).astype(np.int16)
    planes, wanted = ([contiguous(array[:, :, channel]) for channel in order] for array in (base, errors))
    suited = fit(planes, wanted, step)
    lanes_log2 = min(_LANES_LOG2, (min(height, STRIP_ROWS) * width * channels // _LANE_SAMPLES).bit_length())
    coder = Coder(suited, step, 1 << lanes_log2)
    index, strips = [], []
    for top in range(0, height, STRIP_ROWS):
        rows = slice(top, top + STRIP_ROWS)
        strips.append(coder.encode([plane[rows] for plane in planes], [plane[rows] for plane in wanted]))
        crc = zlib.crc32(kept[rows].astype(np.uint8).tobytes())
        index.append(varint(len(strips[-1])) + struct.pack("<I", crc))
    head = bytes([bound, CODED, lanes_log2, len(suited[0].weights)])
    return b"".join([head, *map(parameters.pack, suited), *index, *strips])


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
