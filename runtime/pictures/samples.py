"""A loaded Pillow picture to uint8 samples of what its file says, 0 for none and 255 for all.

Pillow makes 8 bits of colours of 16 by cutting off the lower ones, so these are asked of OpenCV, and taken if both
agree on the upper ones. Samples of other ranges (PNM, JPEG 2000, 12 bits) are scaled here.
"""

import io
import math
import re
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, ImageFile

from runtime.errors import InputError
from runtime.pictures import colour, containers, tiff

Parts = dict[bytes, bytes]
"""Chunks of a PNG or boxes of an AVIF, HEIC or JP2 by their letters, as containers.py tells."""
U8 = NDArray[np.uint8]
Samples = NDArray[Any]

PAGES = "it has further pages or pictures: only the first one is used"

_FAINT = "a TIFF with alpha: colours are rounded where it is nearly transparent"

_STRIP_PX = 1 << 20
_ROWS = 64
_GRAY_16 = ("I;16", "I;16B", "I;16L", "I;16N")

_RLE4 = 2
_SRGB, _GRAY, _SYCC, _CMYK = 16, 17, 18, 12
"""Enumerated colour spaces of JPEG 2000."""


def taken(image: ImageFile.ImageFile, kind: str, data: bytes, parts: Parts, notes: list[str]) -> Samples:
    """Load a picture and return its samples: (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16.

    Raise InputError for samples of which we cannot be sure what they mean, and what Pillow raises for damaged ones.
    """
    if kind == "PNM" and data[:2] not in (b"P1", b"P4"):
        return _pnm(image, data, notes)
    if kind == "TIFF":
        if image._im is None:  # Pillow would check the size by the limit of the whole process
            image.im = Image.new(image.mode, _tiff_size(image), None).im
    extents = image.tile[0].extents if kind == "GIF" else None
    image.load()
    if kind == "PNG":
        return _png(image, data, notes)
    if kind == "TIFF":
        return _tiff(image, data, notes)
    if kind == "JPEG 2000":
        return _jpeg_2000(image, data, parts, notes)
    if kind == "BMP":
        _check_bmp(image, data)
    if kind == "GIF":
        return _gif(image, extents, notes)
    found = _array(image, notes)
    if kind in ("AVIF", "HEIC"):
        depths = parts.get(b"pixi", bytes(5))[5:]
        notes += [_rounded((1 << max(depths)) - 1)] * (max(depths, default=8) > 8)
        if len(depths) == 1 and found.shape[2:] == (3,):  # Pillow makes RGB of gray up to version 12
            found = found[:, :, 0]
    return found


def to_8_bits(samples: Samples, notes: list[str], top: int = 65535) -> U8:
    """Return uint8 samples; of uint16 ones, 0 to top, each rounded to the nearest, with a note if they are finer."""
    if samples.dtype == np.uint8 and top >= 255:
        return samples
    if top > 255:
        notes.append(_rounded(top))
    return _scaled(samples, top, np.uint8)


def _rounded(top: int) -> str:
    return f"{top.bit_length()}-bit samples are rounded to 8 bits"


def cropped(samples: Samples, box: bytes) -> Samples:
    """Return the part of samples that AVIF's clean aperture leaves; its four fractions: width, height, from the middle.

    Raise InputError where it does not begin and end at whole pixels of the picture.
    """
    numbers = struct.unpack(">8i", box[:32])
    width, height, right, down = (Fraction(*numbers[at : at + 2]) for at in (0, 2, 4, 6))
    left, top = (samples.shape[1] - width) / 2 + right, (samples.shape[0] - height) / 2 + down
    if any(edge.denominator > 1 for edge in (left, top, width, height)) or min(left, top) < 0 or min(width, height) < 1:
        raise InputError("is an AVIF cropped between pixels, which is not read; save it as PNG")
    return samples[int(top) : int(top + height), int(left) : int(left + width)]


def widened(samples: Samples) -> Samples:
    """Return samples of 0 to all of those that stand for it by 16 to 235, or 256 times as much, of colours alone."""
    unit, found = (np.iinfo(samples.dtype).max + 1) // 256, samples.copy()
    top = 219 * unit
    colours = found if found.ndim == 2 else found[:, :, :3]
    colours[:] = _scaled(np.maximum(colours, 16 * unit) - 16 * unit, top, samples.dtype.type)
    return found


def _scaled(samples: Samples, top: int, dtype: type) -> Samples:
    """Return samples 0 to top as 0 to 255 or 65535, rounded to the nearest; some rows at a time, for the memory."""
    most = np.iinfo(dtype).max
    table: Samples = ((np.arange(top + 1, dtype=np.uint64) * most + top // 2) // top).astype(dtype)
    found: Samples = np.empty(samples.shape, dtype)
    for start in range(0, len(samples), _ROWS):
        found[start : start + _ROWS] = np.take(table, samples[start : start + _ROWS], mode="clip")
    return found


def _array(image: Image.Image, notes: list[str]) -> Samples:
    """Return the samples of a picture of any mode, its colours as RGB; a strip at a time, since numpy's own way would
    hold the picture three times.
    """
    convert: Callable[[Image.Image], Image.Image]
    if image.mode in ("CMYK", "LAB"):
        convert = colour.to_srgb(image, image.info.get("icc_profile"), notes)
    elif image.mode in ("1", "L", "RGB", "RGBA", *_GRAY_16) and not image.has_transparency_data:
        mode = "L" if image.mode == "1" else image.mode
        convert = lambda part: part.convert(mode) if part.mode != mode else part  # noqa: E731
    elif image.mode in ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr"):
        mode = "RGBA" if image.has_transparency_data else "RGB"
        convert = lambda part: (part.convert("LA") if part.mode == "La" else part).convert(mode)  # noqa: E731
    else:
        raise InputError(f"has samples of Pillow's mode {image.mode}; convert it to 8 or 16 bits a sample")
    width, height = image.size
    rows = max(1, _STRIP_PX // width)
    found = np.empty(0)
    for top in range(0, height, rows):
        part = np.asarray(convert(image.crop((0, top, width, min(top + rows, height)))))
        if top == 0:
            found = np.empty((height, *part.shape[1:]), part.dtype.newbyteorder("="))
        found[top : top + rows] = part
    return found


def _deep(image: Image.Image, data: bytes) -> Samples:
    """Return OpenCV's samples of more than 8 bits, as RGB or RGBA."""
    import cv2  # only here: other pictures do without

    channels = {"RGB": 3, "RGBA": 4}.get(image.mode)
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if channels else None
    if found is None or found.dtype != np.uint16 or found.shape != (image.height, image.width, channels):
        raise InputError("has colours of more than 8 bits in a layout that is not read; convert it to 8 bits")
    return found[:, :, [2, 1, 0, 3][: found.shape[2]]]


def _agreed(deep: Samples, image: Image.Image, channels: slice = slice(None)) -> Samples:
    """Return samples of 16 bits; InputError unless Pillow has the same upper 8."""
    if not np.array_equal((deep >> 8).astype(np.uint8)[..., channels], _array(image, [])[..., channels]):
        raise InputError("has colours of more than 8 bits in a layout that is not read; convert it to 8 bits")
    return deep


# --- AVIF and HEIC ----------------------------------------------------------------------------------------------------


def finer(found: Samples, kind: str, data: bytes, parts: Parts) -> Samples:
    """Return samples of 16 bits of an AVIF or HEIC of more than 8, for whose light 8 would be coarse.

    They come from OpenCV or libheif, if it is there and agrees with the samples of 8 bits; else those are returned.
    """
    depth = max(parts.get(b"pixi", bytes(5))[5:], default=8)
    if found.dtype != np.uint8 or depth <= 8:
        return found
    if kind == "AVIF":
        import cv2

        deep: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        deep = None if deep is None or deep.ndim != 3 else deep[:, :, [2, 1, 0, 3][: deep.shape[2]]]
        top = (1 << depth) - 1
    else:
        from pillow_heif import open_heif

        heif = open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
        deep, top = np.asarray(heif), (1 << 16) - 1
    if deep is None or deep.shape != found.shape or deep.dtype != np.uint16:
        return found
    deep = _scaled(deep, top, np.uint16)
    near = np.abs((deep >> 8).astype(np.int16) - found).max() <= 2
    return deep if near else found


# --- GIF and BMP ------------------------------------------------------------------------------------------------------


def _gif(image: Image.Image, extents: tuple[int, int, int, int] | None, notes: list[str]) -> Samples:
    """Return the first frame, transparent where it leaves parts of the screen empty; Pillow has colour 0 there."""
    found = _array(image, notes)
    if extents in (None, (0, 0, *image.size)) or found.shape[2:] == (4,):
        return found
    left, top, right, bottom = extents
    alpha = np.zeros((image.height, image.width), np.uint8)
    alpha[top:bottom, left:right] = 255
    return np.dstack([found] * (3 if found.ndim == 2 else 1) + [alpha])


def _check_bmp(image: Image.Image, data: bytes) -> None:
    """Raise InputError for palettes that Pillow takes for the samples' own meaning, and alpha that it does not see."""
    head = int.from_bytes(data[14:18], "little")
    bits = int.from_bytes(data[28:30] if head >= 40 else data[24:26], "little")
    if bits != {"1": 1, "L": 8}.get(image.mode, bits) or bits == 16 and head >= 56 and any(data[66:70]):
        raise InputError(f"is a BMP of {bits} bits in a layout that is not read; save it as PNG")
    if image.info["compression"] == _RLE4 and int(PIL.__version__.split(".")[0]) < 13:
        raise InputError(f"is a BMP that Pillow {PIL.__version__} reads wrongly; save it as PNG, or install Pillow 13")


# --- PNG --------------------------------------------------------------------------------------------------------------


def _png(image: Image.Image, data: bytes, notes: list[str]) -> Samples:
    depth, palette = data[24], data[25] == 3
    clear = None if palette else image.info.pop("transparency", None)
    deep = depth == 16 and image.mode in ("RGB", "RGBA")
    found = _agreed(_deep(image, containers.png_with(data)), image) if deep else _array(image, notes)
    if clear is None:
        return found
    if depth in (2, 4):
        clear *= 255 // (2**depth - 1)
    alpha = np.where((found == clear).reshape(*found.shape[:2], -1).all(axis=2), 0, np.iinfo(found.dtype).max)
    colours = (found, found, found) if found.ndim == 2 else (found,)
    return np.dstack([*colours, alpha.astype(found.dtype)])


# --- TIFF -------------------------------------------------------------------------------------------------------------


def _tiff(image: Image.Image, data: bytes, notes: list[str]) -> Samples:
    told = tiff.tags(data)
    bits, extra = told.get(tiff.BITS, [1])[0], told.get(tiff.EXTRA, [])
    if extra and extra not in ([tiff.ASSOCIATED], [tiff.UNASSOCIATED]):
        notes.append("an extra channel is left out")
    if image.mode == "P" and max(told.get(tiff.COLOURS, [0])) < 256:  # some writers forget that they are of 16 bits
        image.putpalette(np.array(told[tiff.COLOURS], np.uint8).reshape(3, -1).T.tobytes(), "RGB")
    if image.mode in _GRAY_16:
        found = _array(image, notes)
        found = to_8_bits(found, notes, 4095) if bits == 12 else found
        inverted = told.get(tiff.PHOTOMETRIC) == [tiff.WHITE_IS_ZERO]
        return np.iinfo(found.dtype).max - found if inverted else found
    if bits == 16 and image.mode in ("RGB", "RGBA") and 0 not in extra:
        if told.get(tiff.COMPRESSION, [1])[0] in tiff.RARE:
            raise InputError("has 16-bit colours in a compression that OpenCV may not have; save it with LZW")
        deep = _deep(image, data)
        if extra == [tiff.ASSOCIATED]:
            return _unmultiplied(_agreed(deep, image, slice(3, 4)), notes)
        return _agreed(deep, image)
    if bits == 16:
        notes.append("of samples of 16 bits the upper 8 are used")
    found = _array(image, notes)
    if extra[:1] == [tiff.ASSOCIATED] and found[..., 3].min() < 255:
        notes.append(_FAINT)
    return found


def _unmultiplied(samples: Samples, notes: list[str]) -> Samples:
    """Return straight-alpha samples of 16 bits from those whose colours were multiplied by alpha."""
    alpha = samples[:, :, 3:].astype(np.float32)
    notes += [_FAINT] * bool(alpha.min() < 65535)
    colours = samples[:, :, :3].astype(np.float32) * (65535 / np.maximum(alpha, 1))
    return np.dstack([np.minimum(colours + 0.5, 65535).astype(np.uint16), samples[:, :, 3]])


def _tiff_size(image: Any) -> tuple[int, int]:
    """Return width and height as they are stored, before Pillow turns the picture upright."""
    return image.tag_v2[tiff.WIDTH], image.tag_v2[tiff.HEIGHT]


# --- JPEG 2000 --------------------------------------------------------------------------------------------------------


def _jpeg_2000(image: Image.Image, data: bytes, parts: Parts, notes: list[str]) -> Samples:
    depths = jpeg_2000_depths(data)
    depth, colours = depths[0], int.from_bytes(parts.get(b"enum", bytes([_SRGB]))[:4])
    told = [struct.unpack_from(">HHH", parts[b"cdef"], at) for at in range(2, len(parts.get(b"cdef", b"")) - 5, 6)]
    if any((place, belongs) not in ((place, place + 1), (place, 0)) or kind > 1 for place, kind, belongs in told):
        raise InputError("has channels in another order, or colours that are multiplied by alpha; convert it")
    if set(depths) != {depth} or not 1 <= depth <= 16:
        raise InputError("has signed samples, or such of several depths; convert it to 8 or 16 bits")
    if colours not in (_SRGB, _GRAY, _SYCC, _CMYK) or colours in (_SYCC, _CMYK) and depth != 8:
        raise InputError(f"has {depth}-bit samples of colours {colours} of JPEG 2000, which are not read; convert it")
    top = (1 << depth) - 1
    if depth > 8 and image.mode not in _GRAY_16:
        found = to_8_bits(_deep(image, data), notes, top)
        apart = (found - _array(image, [])).astype(np.uint8)  # Pillow's largest ones overflow to 0
        if np.minimum(apart, 256 - apart.astype(np.int16)).max() > 1:
            raise InputError("has colours of more than 8 bits in a layout that is not read; convert it to 8 bits")
        return found
    found = _array(image, notes)
    if depth == 8:
        return found
    if image.mode in ("P", "PA"):
        raise InputError(f"has a palette of {depth} bits in JPEG 2000, which is not read; convert it")
    return to_8_bits(found >> (8 * found.itemsize - depth), notes, top)  # Pillow shifts them up


def jpeg_2000_depths(data: bytes) -> list[int]:
    """Return the bits of each component, negative for signed ones, from the SIZ segment of the codestream."""
    at = data.index(b"\xff\x4f\xff\x51") + 4
    count = int.from_bytes(data[at + 36 : at + 38])
    told = data[at + 38 : at + 38 + 3 * count : 3]
    return [-1 if byte & 0x80 else byte + 1 for byte in told]


# --- PNM --------------------------------------------------------------------------------------------------------------


def _pnm(image: ImageFile.ImageFile, data: bytes, notes: list[str]) -> Samples:
    """Return samples of whichever range the header tells; Pillow would scale binary ones in Python, one by one."""
    _, _, start, args = image.tile[0]
    top = args[1] if isinstance(args, tuple) else 65535 if args == "I;16B" else 255
    if data[:2] in (b"P2", b"P3"):
        image.load()
        if image.mode != "I":
            notes += [_rounded(top)] * (top > 255)
            return np.array(image)
        found = (np.asarray(image).astype(np.int64) * top + 32767) // 65535  # Pillow's scaling undone
        return to_8_bits(found, notes, top)
    shape = (image.height, image.width, 3)[: 3 if data[:2] == b"P6" else 2]
    dtype = np.dtype(">u2" if top > 255 else np.uint8)
    stop = start + math.prod(shape) * dtype.itemsize
    if stop > len(data):
        raise containers.cut_off(data)
    if re.match(rb"\s*P[1-6]\s", data[stop : stop + 8]):
        notes.append(PAGES)
    found = np.frombuffer(data, dtype, math.prod(shape), start).reshape(shape)
    return found.copy() if top == 255 else to_8_bits(found, notes, top)
