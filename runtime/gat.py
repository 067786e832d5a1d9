"""Thumbnails of 32 x 32 pixels to the bytes of .gat files and back (docs/format/thumbnail.md).

    model u8 | check u16 | message of the recurrent family

The model byte is a mark, too: no text and no picture begins with one. The check is of the bundle's id and of all other
bytes: so a file is refused that is cut, damaged, foreign, or made with other weights.
"""

from binascii import crc_hqx
from functools import cache
from pathlib import Path

import numpy as np

from runtime.arrays import U8
from runtime.bundle import shipped_folder
from runtime.codec import Codec
from runtime.container import MAGIC, THUMBNAIL_MARKS
from runtime.errors import BundleError, InputError, StreamError, TruncatedError
from runtime.families.recurrent import thumbnail
from runtime.families.recurrent.family import Recurrent
from runtime.quantities import whole
from runtime.spec import THUMBNAIL_BUNDLES, THUMBNAIL_BYTES, THUMBNAIL_SUFFIX

SUFFIX = THUMBNAIL_SUFFIX
SIDE_PX = thumbnail.SIDE_PX
LEAST_BYTES, USUAL_BYTES, MOST_BYTES = THUMBNAIL_BYTES
"""Of a whole file."""
HEADER_BYTES, CHECK_BYTES, CHECK_START = 3, 2, 0xFFFF

MODELS = THUMBNAIL_BUNDLES
"""The folders of shipped bundles by their numbers, which stay theirs: the last is the usual one."""
FIRST_MODEL, OWN_MODEL = THUMBNAIL_MARKS[0], THUMBNAIL_MARKS[-1]
"""Model bytes: of number 0, and of all bundles that do not ship."""


def encode(pixels: U8, most_bytes: int = USUAL_BYTES, bundle: str | Path | None = None) -> bytes:
    """Return the file of at most so many bytes that shows a thumbnail, RGB uint8 (32, 32, 3), best.

    `bundle` is a folder or a shipped name of other weights than the usual ones. Raise InputError, BundleError.
    """
    most_bytes = whole(most_bytes, "bytes", LEAST_BYTES, MOST_BYTES)
    if pixels.shape != (SIDE_PX, SIDE_PX, 3) or pixels.dtype != np.uint8:
        raise InputError(f"a thumbnail of {pixels.dtype} {pixels.shape} must be uint8 ({SIDE_PX}, {SIDE_PX}, 3)")
    family = family_of(bundle or shipped_folder(MODELS[-1]))
    name, shipped = family.bundle.folder.name, family.bundle.ships
    model = bytes([FIRST_MODEL + MODELS.index(name) if shipped and name in MODELS else OWN_MODEL])
    message = thumbnail.encode(family, pixels, most_bytes - HEADER_BYTES)
    return model + _check(family, model, message) + message


def decode(data: bytes, bundle: str | Path | None = None) -> U8:
    """Return the thumbnail in a file's bytes, RGB uint8 (32, 32, 3).

    `bundle` is only needed for files made with weights that do not ship. Raise StreamError, BundleError, InputError.
    """
    return thumbnail.decode(*opened(data, bundle))


def opened(data: bytes, bundle: str | Path | None = None) -> tuple[Recurrent, bytes]:
    """Return the codec's family for a file's bytes, and the message in them; raise as `decode` does."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InputError(f"decode takes the bytes of a .gat file, not {type(data).__name__}; read the file first")
    data = bytes(data)
    if not is_thumbnail(data):
        what = "a .gar file: decompress it" if data.startswith(MAGIC) else "not a gargalo thumbnail"
        raise StreamError(f"begins with {data[:4].hex(' ')}: {what}" if data else "is empty (0 bytes)")
    if len(data) <= HEADER_BYTES:
        raise TruncatedError(f"of {len(data)} bytes, a thumbnail has more than {HEADER_BYTES}; get a whole copy")
    if len(data) > MOST_BYTES:
        raise StreamError(f"of {len(data)} bytes, a thumbnail has at most {MOST_BYTES}")
    model, check, message = data[:1], data[1:HEADER_BYTES], data[HEADER_BYTES:]
    family = family_of(bundle or _shipped(data[0]))
    if check != _check(family, model, message):
        raise StreamError("does not match its check: it is cut or damaged, or was made with other weights")
    return family, message


def is_thumbnail(data: bytes) -> bool:
    """Return whether a file's bytes begin like those of a thumbnail, as no text and no picture does."""
    return bool(data) and data[0] in THUMBNAIL_MARKS


def _shipped(model: int) -> Path:
    """Return the folder of the shipped bundle of a model byte; raise StreamError where there is none."""
    if model == OWN_MODEL:
        raise StreamError("made with weights that do not ship; give their bundle")
    if model - FIRST_MODEL >= len(MODELS):
        raise StreamError(f"made with thumbnail model {model - FIRST_MODEL}, which is not here: get a newer gargalo")
    return shipped_folder(MODELS[model - FIRST_MODEL])


def _check(family: Recurrent, model: bytes, message: bytes) -> bytes:
    """Return the CRC-16 (CCITT) of the bundle's id, the model byte and the message."""
    return crc_hqx(family.bundle.id + model + message, CHECK_START).to_bytes(CHECK_BYTES, "little")


@cache
def family_of(bundle: str | Path) -> Recurrent:
    """Return the codec's family for a bundle of thumbnails; raise BundleError for any other."""
    family = Codec(bundle, threads=1).family
    if not isinstance(family, Recurrent) or SIDE_PX % family.traits.stride_px:
        raise BundleError(f"{bundle}: this bundle is not for thumbnails; give one like {MODELS[-1]}")
    return family
