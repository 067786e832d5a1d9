"""Arithmetic of samples: other ranges to 0 to 255, and crops of a picture."""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.errors import InputError

U8 = NDArray[np.uint8]
Samples = NDArray[Any]
"""(H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA."""

_ROWS = 64


def to_8_bits(samples: Samples, notes: list[str], top: int = 65535) -> U8:
    """Return uint8 samples; of uint16 ones, 0 to top, each rounded to the nearest, with a note if they are finer."""
    if samples.dtype == np.uint8 and top >= 255:
        return samples
    if top > 255:
        notes.append(rounded_note(top))
    return scaled(samples, top, np.uint8)


def rounded_note(top: int) -> str:
    return f"{top.bit_length()}-bit samples are rounded to 8 bits"


def cropped(samples: Samples, box: bytes) -> Samples:
    """Return the part of samples that AVIF's clean aperture leaves; its four fractions: width, height, from the middle.

    Raise InputError where it does not begin and end at whole pixels of the picture.
    """
    from fractions import Fraction

    numbers = struct.unpack(">8i", box[:32])
    width, height, right, down = (Fraction(*numbers[at : at + 2]) for at in (0, 2, 4, 6))
    left, top = (samples.shape[1] - width) / 2 + right, (samples.shape[0] - height) / 2 + down
    if any(edge.denominator > 1 for edge in (left, top, width, height)) or min(left, top) < 0 or min(width, height) < 1:
        raise InputError("is an AVIF cropped between pixels, which is not read; save it as PNG")
    return samples[int(top) : int(top + height), int(left) : int(left + width)]


def widened(samples: Samples) -> Samples:
    """Return samples of 0 to all of those that stand for it by 16 to 235, or 256 times as much, of colours alone."""
    unit, wide = (np.iinfo(samples.dtype).max + 1) // 256, samples.copy()
    top = 219 * unit
    colours = wide if wide.ndim == 2 else wide[:, :, :3]
    colours[:] = scaled(np.maximum(colours, 16 * unit) - 16 * unit, top, samples.dtype.type)
    return wide


def scaled(samples: Samples, top: int, dtype: type) -> Samples:
    """Return samples 0 to top as 0 to 255 or 65535, rounded to the nearest; some rows at a time, for the memory."""
    most = np.iinfo(dtype).max
    table: Samples = ((np.arange(top + 1, dtype=np.uint64) * most + top // 2) // top).astype(dtype)
    rescaled: Samples = np.empty(samples.shape, dtype)
    for start in range(0, len(samples), _ROWS):
        rescaled[start : start + _ROWS] = np.take(table, samples[start : start + _ROWS], mode="clip")
    return rescaled
