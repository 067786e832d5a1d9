"""A Pillow plugin: after `import runtime.pillow`, Image.open and save know .gar files as format GAR.

    Image.open("cam.gar")                    size, mode and metadata from the file's head; no weights yet
    picture.save("cam.gar", quality=50)      or target_size="40KB", target_bpp=0.3, target_psnr=35,
                                             target_ssimulacra2=70; max_error=0, which is lossless;
                                             subsampling="4:4:4" or 0, "4:2:0" or 2, "auto" or -1 (the default);
                                             exif, icc_profile and xmp as for other formats; bundle, other weights

What cannot be kept is a warning, any other option a ValueError. GarImageFile.bundle holds the weights with which files
are opened that no shipped ones made. Python's mimetypes know the types of .gar and .gat from then on, too.
"""

import mimetypes
import warnings
from numbers import Real
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, ImageFile

from runtime import container, spec
from runtime.errors import BundleError, CodecError, InputError, StreamError
from runtime.files import EXIF_MARK, KINDS, decode, fitted, payloads, shared_codec
from runtime.pictures import exif

_TARGETS = ("target_size", "target_bpp", "target_psnr", "target_ssimulacra2")
_OPTIONS = ("quality", *_TARGETS, "max_error", "subsampling", *KINDS, "bundle")
_SUBSAMPLING: dict[str | int | None, str] = {name: name for name in spec.SUBSAMPLING}
_SUBSAMPLING |= {None: "auto", -1: "auto", 0: "4:4:4", 2: "4:2:0"}
"""Our name for each, and for Pillow's numbers for JPEG, of which 1, 4:2:2, is not among ours."""
_GRAY = ("1", "L")
_CLEAR = ("RGBA", "LA", "La", "PA", "RGBa")
_COLOUR = ("RGB", "RGBX", "P", "CMYK", "YCbCr", "HSV")


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(container.MAGIC)


class GarImageFile(ImageFile.ImageFile):
    """A .gar file whose pixels are decoded when they are first asked for. Damage raises OSError, as in Pillow, but is a
    warning where it is only in what bounds the errors.
    """

    format = "GAR"
    format_description = "gargalo learned image"
    bundle: str | Path | None = None
    """The weights for a file that needs others than the shipped ones."""

    def _open(self) -> None:
        assert self.fp is not None
        if not _accept(self.fp.read(len(container.MAGIC))):
            raise SyntaxError("not a gargalo file")
        self._stream = container.MAGIC + self.fp.read()
        try:
            header, sections, _ = container.unpack_unbound(self._stream)
        except StreamError as error:
            raise OSError(str(error)) from error
        self._size = header.width, header.height
        self._mode = "L" if header.gray else "RGBA" if header.alpha else "RGB"
        self.info.update({key: sections[kind] for key, kind in KINDS.items() if kind in sections})
        if "exif" in self.info:
            if density := exif.density(self.info["exif"]):
                self.info["dpi"] = density
            self.info["exif"] = EXIF_MARK + self.info["exif"]
        self.tile = [ImageFile._Tile("raw", (0, 0, *self._size), 0, self._mode)]

    def load(self) -> Any:
        if self.tile and self._stream:
            try:
                pixels, damage = decode(self._stream, self.bundle)
            except CodecError as error:
                raise OSError(str(error)) from error
            for note in damage:
                warnings.warn(note, stacklevel=2)
            decoded = Image.fromarray(pixels)
            if self.fp and self._exclusive_fp:
                self.fp.close()
            self.im, self.readonly = decoded.im, decoded.readonly
            self.fp, self.tile, self._stream = None, [], b""
        return super().load()


def _save(im: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
    """Write a picture: L, RGB and RGBA as they are, other modes of 8 bits as the nearest of these.

    Raise ValueError for options that we do not have, make no sense or cannot be met, OSError for a mode of more than 8
    bits.
    """
    given = im.encoderinfo
    _check_frames(1 + len(given.get("append_images") or ()))
    if unknown := given.keys() - {*_OPTIONS, "append_images"}:
        raise ValueError(f"a .gar file is not saved with {', '.join(sorted(unknown))}; it takes {', '.join(_OPTIONS)}")
    quality, subsampling = _quality(given.get("quality")), _subsampling(given.get("subsampling"))
    bundle = given.get("bundle")
    if not isinstance(bundle, str | Path | None):
        raise ValueError(f"bundle={bundle!r} is no name of a bundle and no folder")
    aims = {key: given[key] for key in (*_TARGETS, "max_error") if key in given}
    notes: list[str] = []
    pixels, kept = fitted(_pixels(im), _payloads(given, im.info), notes)
    for note in notes:
        warnings.warn(note, stacklevel=3)
    try:
        data = shared_codec(bundle).encode(pixels, quality, kept, subsampling, **aims)
    except (InputError, BundleError) as error:
        raise ValueError(str(error)) from error
    except CodecError as error:
        raise OSError(str(error)) from error
    fp.write(data)


def _save_all(im: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
    """Write the only picture there is; ValueError where there are several."""
    _check_frames(sum(getattr(each, "n_frames", 1) for each in (im, *im.encoderinfo.get("append_images", ()))))
    _save(im, fp, filename)


def _check_frames(count: int) -> None:
    if count > 1:
        raise ValueError(f"a .gar file holds one picture, these are {count}; save each to a file of its own")


def _quality(given: object) -> float | None:
    """Return a quality, None for the default one; ValueError for what is no number."""
    if given is None:
        return None
    if not isinstance(given, Real) or isinstance(given, bool):
        raise ValueError(f"quality={given!r} is not a number; give 1 to 100")
    return float(given)


def _subsampling(given: object) -> str:
    """Return codec's name of a subsampling; ValueError for one that it has not."""
    if not isinstance(given, str | int | None) or given not in _SUBSAMPLING:
        raise ValueError(f"subsampling={given!r} is not possible; give 4:4:4 or 0, 4:2:0 or 2, auto or -1")
    return _SUBSAMPLING[given]


def _pixels(im: Image.Image) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a picture as Codec.encode takes it: uint8 (H, W), (H, W, 3) or (H, W, 4)."""
    if im.mode == "La":  # Pillow turns it into nothing else
        im = im.convert("LA")
    if im.mode in _GRAY and not im.has_transparency_data:
        return np.asarray(im.convert("L"))
    if im.mode in (*_GRAY, *_CLEAR, *_COLOUR):
        return np.asarray(im.convert("RGBA" if im.has_transparency_data else "RGB"))
    raise OSError(f"cannot write mode {im.mode} as GAR; convert it to L, RGB or RGBA")


def _payloads(given: dict[str, Any], info: dict[str | tuple[int, int], Any]) -> dict[int, bytes]:
    """Return the metadata to be written: EXIF and XMP where save was given them, the profile also from the picture.

    What is empty is left out. Raise ValueError for what is of a wrong type.
    """
    try:
        return payloads(given.get("exif"), given.get("icc_profile", info.get("icc_profile")), given.get("xmp"))
    except InputError as error:
        raise ValueError(str(error)) from error


Image.register_open(GarImageFile.format, GarImageFile, _accept)
Image.register_save(GarImageFile.format, _save)
Image.register_save_all(GarImageFile.format, _save_all)
Image.register_extension(GarImageFile.format, ".gar")
Image.register_mime(GarImageFile.format, spec.MIME_TYPES[".gar"])
for _suffix, _type in spec.MIME_TYPES.items():
    mimetypes.add_type(_type, _suffix)
