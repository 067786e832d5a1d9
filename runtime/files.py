"""Picture files in one call: `imread` and `imwrite`, for .gar and for every format that `pictures` knows.

A Codec costs its sessions, so these share one; who wants other weights or threads makes a Codec.
"""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.atomic import write_whole
from runtime.codec import Codec
from runtime.container import MAGIC
from runtime.pictures import read, write

Pixels = NDArray[np.uint8]
SUFFIX = ".gar"


def imread(path: str | Path) -> Pixels:
    """Returns the upright picture in a file of any name: uint8 gray (H, W), RGB (H, W, 3) or RGBA (H, W, 4).

    Raises StreamError for a damaged .gar file, InputError for another file that is no picture, OSError.
    """
    data = Path(path).read_bytes()
    return decode(data) if data.startswith(MAGIC) else read.decode(data, str(path)).pixels


def imwrite(path: str | Path, picture: Pixels, quality: float = 75) -> None:
    """Writes what imread returns; quality, 1 to 100, is that of a .gar file. Raises InputError and OSError."""
    path = Path(path)
    if path.suffix.lower() == SUFFIX:
        write_whole(path, shared_codec().encode(picture, quality))
    else:
        write.write(path, picture)


def decode(data: bytes, bundle: str | Path | None = None) -> Pixels:
    """Return the picture of a .gar stream, made with this bundle or any that ships. Raise StreamError, BundleError."""
    return shared_codec(bundle).decode(data)


def shared_codec(bundle: str | Path | None = None) -> Codec:
    """Return the process's Codec for a bundle, which encodes with that and decodes streams of all that ship, too."""
    return _opened(bundle)


@cache
def _opened(bundle: str | Path | None) -> Codec:
    return Codec(bundle)
