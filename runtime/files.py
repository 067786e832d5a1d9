"""Picture files in one call: `imread` and `imwrite`, for .gar and for every format that `pictures` knows.

A Codec costs its sessions, so these share one; who wants other weights or threads makes a Codec.
"""

import math
import os
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol, overload

import numpy as np

from runtime import channels, container
from runtime.arrays import U8
from runtime.atomic import write_whole
from runtime.errors import InputError
from runtime.pictures import metadata as fits
from runtime.pictures import read, write
from runtime.pictures.suffixes import suffix_of
from runtime.quantities import number

if TYPE_CHECKING:
    from runtime.codec import Codec

Pixels = U8
SUFFIX = ".gar"
KINDS = {"exif": container.EXIF, "icc_profile": container.ICC, "xmp": container.XMP}
"""The sections of metadata by Pillow's names of them."""
EXIF_MARK = b"Exif\0\0"
"""Stands before EXIF in JPEG files, and in Pillow."""

Source = str | os.PathLike[str] | bytes | IO[bytes]


class Exif(Protocol):
    """EXIF as Pillow holds it: its Image.Exif."""

    def tobytes(self) -> bytes: ...


@overload
def imread(
    source: Source,
    bundle: str | Path | None = None,
    *,
    resize: str | None = None,
    sdr: bool = False,
    max_pixels: float = container.MAX_PIXELS,
) -> Pixels: ...


@overload
def imread(
    source: Source,
    bundle: str | Path | None = None,
    *,
    with_metadata: Literal[True],
    resize: str | None = None,
    sdr: bool = False,
    max_pixels: float = container.MAX_PIXELS,
) -> tuple[Pixels, dict[int, bytes]]: ...


def imread(
    source: Source,
    bundle: str | Path | None = None,
    *,
    with_metadata: bool = False,
    resize: str | None = None,
    sdr: bool = False,
    max_pixels: float = container.MAX_PIXELS,
) -> Pixels | tuple[Pixels, dict[int, bytes]]:
    """Return the upright picture in a file: uint8 gray (H, W), RGB (H, W, 3) or RGBA (H, W, 4).

    `source` is a path, the bytes of a file, or a binary file that is open. What is in it counts, not its name. With
    `with_metadata` also return the EXIF, ICC and XMP payloads as `imwrite` takes them, which docs/formats.md tells.
    `resize` makes the picture smaller, by the mean of areas: "640x480", "50%", or "max 1024" px of the longer side.
    `bundle` is only needed for .gar files made with weights that do not ship. `sdr` maps HDR pictures to SDR, which
    are refused without it, and pictures of more than `max_pixels` are refused.

    Raises StreamError for a damaged .gar file, InputError for another file that is no picture, BundleError, OSError. A
    .gar file that is damaged only in what bounds its errors is read, with a warning.
    """
    data, name = taken(source)
    if data.startswith(container.MAGIC):
        kept = container.unpack_unbound(data, max_pixels)[1] if with_metadata else {}
        payloads = {kind: kept[kind] for kind in KINDS.values() if kind in kept}
        pixels, damage = decode(data, bundle, max_pixels)
        for note in damage:
            warnings.warn(f"{name}: {note}", stacklevel=2)
        picture = read.Picture(pixels, (), payloads)
    else:
        picture = read.decode(data, name, number(max_pixels, "max_pixels", 1, math.inf), sdr)
    if resize is not None:
        from runtime.pictures import resize as resizing  # which loads OpenCV

        picture = resizing.resized(picture, resizing.parse(resize))
    return (picture.pixels, picture.metadata) if with_metadata else picture.pixels


def imwrite(
    path: str | os.PathLike[str],
    picture: Pixels,
    quality: float | None = None,
    *,
    metadata: Mapping[int, bytes] | None = None,
    exif: bytes | Exif | None = None,
    icc_profile: bytes | None = None,
    xmp: bytes | str | None = None,
    bundle: str | Path | None = None,
    **options: Any,
) -> None:
    """Write a picture, uint8 gray (H, W), RGB (H, W, 3) or RGBA (H, W, 4), in the format that the suffix names.

    `metadata` holds payloads as `imread` returns them; `exif`, `icc_profile` and `xmp` are as for Pillow's `save` and
    take their place. The picture is turned as an orientation in them asks. What cannot be kept is a warning.

    For .gar files alone: `bundle` names other weights than the standard ones; `quality` and the options, among them
    `target_size`, `target_bpp`, `target_psnr`, `target_ssimulacra2`, `max_error` and `subsampling`, are those of
    `Codec.encode`.

    Raises InputError, BundleError and OSError; a file that exists then stays as it was.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"imwrite takes a path, not {type(path).__name__}; Codec.encode returns bytes")
    path = Path(path)
    given_options = {"quality": quality, "bundle": bundle, **options}
    given = {**container.checked_metadata(metadata or {}), **payloads(exif, icc_profile, xmp)}
    notes: list[str] = []
    if path.suffix.lower() == SUFFIX:
        pixels, kept = fitted(picture, given, notes)
        data = shared_codec(bundle).encode(pixels, quality, kept, **options)
    elif unknown := [name for name, value in given_options.items() if value is not None]:
        raise InputError(f"{path}: {', '.join(unknown)} can only be given for .gar files")
    else:
        pixels, kept = fitted(picture, given, notes)
        data = write.encode(pixels, suffix_of(path), kept, notes)
    for note in notes:
        warnings.warn(f"{path}: {note}", stacklevel=2)
    write_whole(path, data)


def decode(
    data: bytes, bundle: str | Path | None = None, max_pixels: float = container.MAX_PIXELS
) -> tuple[Pixels, list[str]]:
    """Return the picture of a .gar stream, made with this bundle or any that ships, and what was lost of it as
    `incomplete.shown` does. Raise StreamError, BundleError.
    """
    from runtime.incomplete import shown  # loads the weights' engine

    return shown(shared_codec(bundle), data, max_pixels=max_pixels)


def shared_codec(bundle: str | Path | None = None) -> "Codec":
    """Return the process's Codec for a bundle, which encodes with that and decodes streams of all that ship, too."""
    return _opened(None if bundle is None else str(bundle))


@cache
def _opened(bundle: str | None) -> "Codec":
    from runtime.codec import Codec  # loads the weights' engine

    return Codec(bundle)


def payloads(exif: Any = None, icc_profile: Any = None, xmp: Any = None) -> dict[int, bytes]:
    """Return the metadata that Pillow's options hold, by section kind; empty ones are left out.

    Raises InputError for what is of a wrong type.
    """
    by_name = {
        "exif": exif.tobytes() if hasattr(exif, "tobytes") else exif,
        "icc_profile": icc_profile,
        "xmp": xmp.encode() if isinstance(xmp, str) else xmp,
    }
    for name, payload in by_name.items():
        if payload and not isinstance(payload, bytes):
            also = {"exif": " or an Image.Exif", "xmp": " or a str"}.get(name, "")
            raise InputError(f"{name} is of type {type(payload).__name__}; give bytes{also}")
    kept = {KINDS[name]: payload for name, payload in by_name.items() if payload}
    if container.EXIF in kept:
        kept[container.EXIF] = kept[container.EXIF].removeprefix(EXIF_MARK)
    return {kind: payload for kind, payload in kept.items() if payload}


def fitted(pixels: Pixels, given: Mapping[int, bytes], notes: list[str]) -> tuple[Pixels, dict[int, bytes]]:
    """Return pixels, upright as metadata ask, and what of these fits them; notes tell what is lost."""
    channels.split(pixels)  # InputError for what is no picture
    if not given:
        return pixels, {}
    pixels = np.ascontiguousarray(read.upright(pixels, fits.orientation(given)))
    others = {kind: payload for kind, payload in given.items() if kind not in KINDS.values()}
    return pixels, fits.fitting(given, pixels.ndim == 2, notes, pixels.shape[1::-1]) | others


def pixels_of(data: bytes, name: str, max_pixels: int = container.MAX_PIXELS) -> Pixels:
    """Return the picture in the bytes of a .gar or another picture file, HDR mapped to SDR.

    `name` stands for the file in messages. Raise StreamError, InputError, BundleError.
    """
    if data.startswith(container.MAGIC):
        return decode(data, max_pixels=max_pixels)[0]
    return read.decode(data, name, max_pixels, sdr=True).pixels


def taken(source: Source) -> tuple[bytes, str]:
    """Return the bytes of a source and what to call it in messages; raise InputError, OSError."""
    if isinstance(source, str | os.PathLike):
        if not os.fspath(source):  # which Path takes for this folder
            raise InputError("the path is empty; give that of a file")
        return Path(source).read_bytes(), str(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source), "the picture"
    if not hasattr(source, "read"):
        raise InputError(f"give a path, bytes or a binary file, not {type(source).__name__}")
    data = source.read()
    if not isinstance(data, bytes):
        raise InputError("the picture's file is open as text; open it with mode 'rb'")
    return data, str(getattr(source, "name", "the picture"))
