"""Thumbnails of 32 x 32 pixels in about a hundred bytes: for a database row, a page that loads, a thin link.

    import gargalo

    data = gargalo.thumbnail.encode("cam.jpg")  # at most 128 bytes
    pixels = gargalo.thumbnail.decode(data)  # uint8 (32, 32, 3)

docs/format/thumbnail.md tells what the bytes mean.
"""

from pathlib import Path

import numpy as np

from runtime import gat
from runtime.files import Pixels, Source, pixels_of, taken
from runtime.pictures.square import shrunk

__all__ = ["decode", "encode"]


def encode(picture: Source | Pixels, bytes: int = gat.USUAL_BYTES, bundle: str | Path | None = None) -> bytes:
    """Return the .gat file of a picture's centre square, of at most so many bytes, 16 to 2048.

    `picture` is uint8 gray (H, W), RGB (H, W, 3) or RGBA (H, W, 4), which is shown on white; or the path, the bytes or
    the open file of any picture that `imread` reads. Raise InputError, BundleError, OSError.
    """
    pixels = picture if isinstance(picture, np.ndarray) else pixels_of(*taken(picture))
    return gat.encode(shrunk(pixels, gat.SIDE_PX), bytes, bundle)


def decode(data: bytes, bundle: str | Path | None = None) -> Pixels:
    """Return the thumbnail in the bytes of a .gat file, uint8 (32, 32, 3).

    `bundle` is only needed for files made with weights that do not ship. Raise StreamError, BundleError, InputError.
    """
    return gat.decode(data, bundle)
