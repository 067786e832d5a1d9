"""Samples to bytes and back without loss, as in PNG: filtered rows, deflated (FORMAT.md, ALPHA and RESIDUAL).

The filter of a row says what is subtracted from each sample, modulo 256 and with 0 outside:

    0 nothing    1 the left pixel    2 the pixel above    3 left + above - above left

All are filters that numpy can undo a row at a time.
"""

import zlib

import numpy as np

from runtime.arrays import U8
from runtime.errors import StreamError, TruncatedError

NONE, LEFT, ABOVE, GRADIENT = range(4)
FILTERS = 4


def deflated(samples: U8, level: int) -> bytes:
    """Return the zlib stream of samples (H, W, channels), with filters or without, whichever is less."""
    plain = bytes(len(samples)) + samples.tobytes()
    return min(zlib.compress(plain, level), zlib.compress(_filter(samples), level), key=len)  # masks often need none


def inflated(data: bytes, height: int, width: int, channels: int) -> U8:
    """Return the samples (height, width, channels) of a zlib stream, the inverse of deflated.

    Never inflates more than the picture needs. Raises TruncatedError where the data ends early, StreamError where it is
    damaged or of another size.
    """
    plain = np.frombuffer(_inflate(data, height * (1 + width * channels)), np.uint8)
    return _unfilter(plain[:height], plain[height:].reshape(height, width, channels))


def _filter(samples: U8) -> bytes:
    """Return filter bytes and filtered rows, each by the filter with the smallest differences."""
    left = np.diff(samples, axis=1, prepend=np.uint8(0))  # uint8 wraps, as it shall
    above = np.diff(samples, axis=0, prepend=np.uint8(0))
    gradient = np.diff(above, axis=1, prepend=np.uint8(0))
    choices = (samples, left, above, gradient)
    costs = [np.minimum(rows, 0 - rows).sum(axis=(1, 2), dtype=np.int64) for rows in choices]
    filters: U8 = np.argmin(costs, axis=0).astype(np.uint8)  # (H,)
    rows: U8 = np.select([filters[:, None, None] == kind for kind in range(FILTERS)], choices)
    return filters.tobytes() + rows.tobytes()


def _unfilter(filters: U8, rows: U8) -> U8:
    """Return samples (H, W, channels) from filters (H,) and filtered rows, the inverse of _filter."""
    if filters.max() >= FILTERS:
        raise StreamError(f"filter {filters.max()} is out of range, must be 0 to 3: the file is damaged")
    samples = rows.copy()
    summed = (filters == LEFT) | (filters == GRADIENT)
    samples[summed] = np.cumsum(samples[summed], axis=1, dtype=np.uint8)
    for row in np.flatnonzero(filters >= ABOVE):
        if row:  # the row above the first is 0
            samples[row] += samples[row - 1]
    return samples


def _inflate(data: bytes, size: int) -> bytes:
    """Return the `size` bytes that data is the zlib stream of."""
    inflater = zlib.decompressobj()
    try:
        # the spare byte lets zlib reach its checksum
        plain: bytes = inflater.decompress(data, size + 1)
    except zlib.error as error:
        raise StreamError(f"the section cannot be inflated ({error}): the file is damaged") from error
    if len(plain) > size or (inflater.eof and len(plain) < size):
        raise StreamError(f"the section does not hold the {size} bytes of the picture: the file is damaged")
    if not inflater.eof:
        raise TruncatedError("the section ends early: the file is cut, get a whole copy")
    if inflater.unused_data:
        raise StreamError(f"{len(inflater.unused_data)} bytes after the end of the section: the file is damaged")
    return plain
