"""Colours of more than 8 bits, of which Pillow keeps the upper 8: the one door of OpenCV for picture files.

What another library says of them is taken only where it agrees with Pillow: neither tells when it takes planes, byte
order, orientation or range for others.
"""

import io
from typing import Any

import numpy as np

from runtime.errors import InputError
from runtime.pictures.scaling import Samples, scaled


def colours(data: bytes, coarse: Samples, compared: slice = slice(None)) -> Samples:
    """Return samples of 16 bits, RGB or RGBA, of which Pillow has the upper 8; InputError where it has others.

    compared are the channels that count.
    """
    fine = decoded(data, coarse.shape)
    if not np.array_equal((fine >> 8).astype(np.uint8)[..., compared], coarse[..., compared]):
        raise unread()
    return fine


def decoded(data: bytes, shape: tuple[int, ...]) -> Samples:
    """Return OpenCV's samples of more than 8 bits, RGB or RGBA; InputError unless they have this shape."""
    fine = _opencv(data) if len(shape) == 3 else None
    if fine is None or fine.shape != shape:
        raise unread()
    return fine


def finer(coarse: Samples, kind: str, data: bytes, depth: int) -> Samples:
    """Return samples of 16 bits of an AVIF or HEIC of more than 8, for whose light 8 would be coarse.

    They come from OpenCV or libheif, if it is there and agrees with the samples of 8 bits; else those are returned.
    """
    if coarse.dtype != np.uint8 or depth <= 8:
        return coarse
    if kind == "AVIF":
        fine, top = _opencv(data), (1 << depth) - 1
    else:
        from pillow_heif import open_heif

        heif = open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
        fine, top = np.asarray(heif), 65535
    if fine is None or fine.shape != coarse.shape or fine.dtype != np.uint16:
        return coarse
    fine = scaled(fine, top, np.uint16)
    return fine if np.abs((fine >> 8).astype(np.int16) - coarse).max() <= 2 else coarse


def unread() -> InputError:
    return InputError("has colours of more than 8 bits in a layout that is not read; convert it to 8 bits")


def _opencv(data: bytes) -> Any:
    """Return samples of 16 bits, RGB or RGBA; None for others."""
    import cv2  # only here: other pictures do without

    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint16 or image.ndim != 3 or image.shape[2] not in (3, 4):
        return None
    return image[:, :, [2, 1, 0, 3][: image.shape[2]]]
