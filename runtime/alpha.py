"""An alpha plane to bytes and back, without loss (FORMAT.md, ALPHA).

    00 | value                                     all pixels have one value
    01 | zlib: H filter bytes, H rows of W bytes   everything else

The filter of a row says what is subtracted from each pixel, modulo 256 and with 0 outside:

    0 nothing    1 the left pixel    2 the pixel above    3 left + above - above left

As in PNG, but with filters that numpy can undo a row at a time. `container.py` carries the result.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

from runtime.errors import StreamError, TruncatedError

Plane = NDArray[np.uint8]

CONSTANT, FILTERED = 0, 1
NONE, LEFT, ABOVE, GRADIENT = range(4)
FILTERS = 4

ZLIB_LEVEL = 6
"""9 takes several times as long for about a percent."""


def pack(alpha: Plane) -> bytes:
    """Return the section for alpha (H, W) uint8, H and W at least 1."""
    if np.all(alpha == alpha[0, 0]):
        return bytes([CONSTANT, alpha[0, 0]])
    height = alpha.shape[0]
    plain = bytes(height) + alpha.tobytes()
    candidates = [zlib.compress(plain, ZLIB_LEVEL), zlib.compress(_filter(alpha), ZLIB_LEVEL)]
    return bytes([FILTERED]) + min(candidates, key=len)  # masks are often best without filters


def unpack(data: bytes, height: int, width: int) -> Plane:
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
    plain = np.frombuffer(_inflate(data[1:], height * (1 + width)), np.uint8)
    return _unfilter(plain[:height], plain[height:].reshape(height, width))


def _filter(alpha: Plane) -> bytes:
    """Return filter bytes and filtered rows, each by the filter with the smallest differences."""
    left = np.diff(alpha, axis=1, prepend=np.uint8(0))  # uint8 wraps, as it shall
    above = np.diff(alpha, axis=0, prepend=np.uint8(0))
    gradient = np.diff(above, axis=1, prepend=np.uint8(0))
    choices = (alpha, left, above, gradient)
    costs = [np.minimum(rows, 0 - rows).sum(axis=1, dtype=np.int64) for rows in choices]
    filters: Plane = np.argmin(costs, axis=0).astype(np.uint8)  # (H,)
    rows: Plane = np.select([filters[:, None] == kind for kind in range(FILTERS)], choices)
    return filters.tobytes() + rows.tobytes()


def _unfilter(filters: Plane, rows: Plane) -> Plane:
    """Return alpha (H, W) from filters (H,) and filtered rows (H, W), the inverse of _filter."""
    if filters.max() >= FILTERS:
        raise StreamError(f"alpha filter {filters.max()} is out of range, must be 0 to 3: the file is damaged")
    alpha = rows.copy()
    summed = (filters == LEFT) | (filters == GRADIENT)
    alpha[summed] = np.cumsum(alpha[summed], axis=1, dtype=np.uint8)
    for row in np.flatnonzero(filters >= ABOVE):
        if row:  # the row above the first is 0
            alpha[row] += alpha[row - 1]
    return alpha


def _inflate(data: bytes, size: int) -> bytes:
    """Return the `size` bytes that data is the zlib stream of."""
    inflater = zlib.decompressobj()
    try:
        # the spare byte lets zlib reach its checksum
        plain: bytes = inflater.decompress(data, size + 1)
    except zlib.error as error:
        raise StreamError(f"the alpha section cannot be inflated ({error}): the file is damaged") from error
    if len(plain) > size or (inflater.eof and len(plain) < size):
        raise StreamError(f"the alpha section does not hold the {size} bytes of the picture: the file is damaged")
    if not inflater.eof:
        raise TruncatedError("the alpha section ends early: the file is cut, get a whole copy")
    if inflater.unused_data:
        raise StreamError(f"{len(inflater.unused_data)} bytes after the end of the alpha section: the file is damaged")
    return plain
