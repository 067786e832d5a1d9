"""An alpha plane to bytes and back, without loss (FORMAT.md, ALPHA).

    00 | value                                     all pixels have one value
    01 | zlib: H filter bytes, H rows of W bytes   everything else

What a filter is `filters.py` tells. `container.py` carries the result.
"""

import numpy as np

from runtime.arrays import U8
from runtime.errors import StreamError, TruncatedError
from runtime.filters import deflated, inflated

CONSTANT, FILTERED = 0, 1

ZLIB_LEVEL = 6
"""9 takes several times as long for about a percent."""


def pack(alpha: U8) -> bytes:
    """Return the section for alpha (H, W) uint8, H and W at least 1."""
    if np.all(alpha == alpha[0, 0]):
        return bytes([CONSTANT, alpha[0, 0]])
    return bytes([FILTERED]) + deflated(alpha[:, :, None], ZLIB_LEVEL)


def unpack(data: bytes, height: int, width: int) -> U8:
    """Return alpha (height, width) uint8, the inverse of pack.

    Never inflates more than the picture needs. Raises TruncatedError where the data ends early,
    StreamError where it is damaged or of another size.
    """
    if len(data) < 2:
        raise TruncatedError(
            f"the alpha section has {len(data)} bytes, at least 2 are needed: the file is cut, get a whole copy"
        )
    if data[0] == CONSTANT:
        if len(data) > 2:
            raise StreamError(f"{len(data) - 2} bytes after the end of the alpha section: the file is damaged")
        return np.full((height, width), data[1], np.uint8)
    if data[0] != FILTERED:
        raise StreamError(f"the alpha section has mode {data[0]}, must be 0 or 1: the file is damaged")
    return inflated(data[1:], height, width, 1)[:, :, 0]
