"""Samples to bytes and back as they are, as PNG does it: for drawings and screenshots (FORMAT.md, RESIDUAL).

    colours u8 | colours x channels bytes | zlib: h filter bytes, h rows

Up to 255 colours a row has their numbers, packed to 1, 2, 4 or 8 bits; with 0 it has the samples. Filters are those of
`filters.py`, over bytes and, of samples, over the pixel to the left.
"""

import numpy as np

from runtime.arrays import U8
from runtime.errors import StreamError, TruncatedError
from runtime.filters import deflated, inflated

MOST_COLOURS = 255
ZLIB_LEVEL = 9
_BYTE = 8


def pack(samples: U8) -> bytes:
    """Return the bytes of samples (H, W, channels)."""
    channels = samples.shape[2]
    plain = bytes([0]) + deflated(samples, ZLIB_LEVEL)
    keys = samples.astype(np.uint32) @ np.array([1 << 8 * c for c in range(channels)], np.uint32)
    colours, numbers = np.unique(keys, return_inverse=True)
    if len(colours) > MOST_COLOURS:
        return plain
    palette = colours[:, None] >> 8 * np.arange(channels, dtype=np.uint32) & 255
    bits = _bits(len(colours))
    packed = _packed(numbers.reshape(samples.shape[:2]).astype(np.uint8), bits)
    drawn = bytes([len(colours)]) + palette.astype(np.uint8).tobytes() + deflated(packed[:, :, None], ZLIB_LEVEL)
    return min(plain, drawn, key=len)


def unpack(data: bytes, height: int, width: int, channels: int) -> U8:
    """Return the samples (height, width, channels); raise TruncatedError, StreamError."""
    if not data or len(data) < 1 + data[0] * channels:
        raise TruncatedError("the colours of a residual end early: the file is damaged")
    if not data[0]:
        return inflated(data[1:], height, width, channels)
    end = 1 + data[0] * channels
    palette = np.frombuffer(data[1:end], np.uint8).reshape(-1, channels)
    bits = _bits(data[0])
    packed = inflated(data[end:], height, -(-width * bits // _BYTE), 1)
    numbers = _unpacked(packed[:, :, 0], bits, width)
    if numbers.max() >= len(palette):
        raise StreamError(f"a residual has colour {numbers.max()} of {len(palette)}: the file is damaged")
    return palette[numbers]


def _bits(colours: int) -> int:
    """Return the bits of a number, for so many colours."""
    return next(bits for bits in (1, 2, 4, 8) if colours <= 1 << bits)


def _packed(numbers: U8, bits: int) -> U8:
    """Return the bytes (h, b) of numbers (h, w), the first in the highest bits; what is left over is 0."""
    each = np.unpackbits(numbers[:, :, None], axis=2)[:, :, _BYTE - bits :]
    return np.packbits(each.reshape(len(numbers), -1), axis=1)


def _unpacked(packed: U8, bits: int, width: int) -> U8:
    """Return the numbers (h, width) in bytes (h, b), the inverse of _packed."""
    each = np.unpackbits(packed, axis=1)[:, : width * bits].reshape(len(packed), width, bits)
    return np.packbits(each, axis=2)[:, :, 0] >> np.uint8(_BYTE - bits)
