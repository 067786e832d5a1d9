"""A loaded Pillow picture to uint8 samples of what its file says, 0 for none and 255 for all.

What Pillow makes of them is taken as it is, put right, or refused, format by format. `deep.py` gets those of 16 bits.
"""

import math
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL
from PIL import Image, ImageFile

from runtime.errors import InputError
from runtime.pictures import colour, containers, deep, scaling, tiff
from runtime.pictures.scaling import Samples

Boxes = dict[bytes, bytes]
"""Boxes of an AVIF, HEIC or JP2, or chunks of a PNG, by their letters, as containers.py tells."""

PAGES = "it has further pages or pictures: only the first one is used"

_FAINT = "a TIFF with alpha: colours are rounded where it is nearly transparent"

_STRIP_PX = 1 << 18
_GRAY_16 = ("I;16", "I;16B", "I;16L", "I;16N")

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of the passes of an interlaced PNG: the first column and row, and the steps to the next ones."""
_UNLIKELY = 1
"""A colour that pictures seldom end in, unlike black."""
_FACTS = {"aspect", "chromaticity", "dpi", "exif", "gamma", "icc_profile", "interlace", "srgb", "transparency", "xmp"}
"""Where Pillow keeps what the chunks of a PNG say, and the texts of that name too."""
_RLE4 = 2
_SRGB, _GRAY, _SYCC, _CMYK = 16, 17, 18, 12
"""Enumerated colour spaces of JPEG 2000."""


def taken(image: ImageFile.ImageFile, kind: str, data: bytes, boxes: Boxes, notes: list[str]) -> Samples:
    """Load a picture and return its samples: (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16.

    Raise InputError for samples of which we cannot be sure what they mean, and what Pillow raises for damaged ones.
    """
    if kind == "PNM" and data[:2] not in (b"P1", b"P4"):
        return _pnm(image, data, notes)
    if kind == "TIFF":  # else Pillow would check the size by the limit of the whole process
        image.im = Image.new(image.mode, _tiff_size(image), None).im
    if kind in ("JPEG", "PNG"):
        return _jpeg(image, notes) if kind == "JPEG" else _png(image, data, notes)
    extents = image.tile[0].extents if kind == "GIF" else None
    image.load()
    if kind == "TIFF":
        return _tiff(image, data, notes)
    if kind == "JPEG 2000":
        return _jpeg_2000(image, data, boxes, notes)
    if kind == "BMP":
        _check_bmp(image, data)
    if kind == "GIF":
        return _gif(image, extents, notes)
    samples = _array(image, notes)
    if kind in ("AVIF", "HEIC"):
        depth = iso_depth(boxes)
        notes += [scaling.rounded_note((1 << depth) - 1)] * (depth > 8)
        if len(boxes.get(b"pixi", b"")) == 6 and samples.shape[2:] == (3,):  # Pillow makes RGB of gray up to version 12
            samples = samples[:, :, 0]
    return samples


def iso_depth(boxes: Boxes) -> int:
    """Return the bits of a sample of an AVIF or HEIC."""
    return max(boxes.get(b"pixi", bytes(5))[5:], default=8)


def _array(image: Image.Image, notes: list[str]) -> Samples:
    """Return the samples of a picture of any mode, its colours as RGB; a strip at a time, since numpy's own way would
    hold the picture three times.
    """
    convert: Callable[[Image.Image], Image.Image]
    if image.mode in ("CMYK", "LAB"):
        convert = colour.to_srgb(image, image.info.get("icc_profile"), notes)
    elif image.mode in ("1", "L", "RGB", "RGBA", *_GRAY_16) and not image.has_transparency_data:
        mode = "L" if image.mode == "1" else image.mode
        convert = lambda strip: strip.convert(mode) if strip.mode != mode else strip  # noqa: E731
    elif image.mode in ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr"):
        mode = "RGBA" if image.has_transparency_data else "RGB"
        convert = lambda strip: (strip.convert("LA") if strip.mode == "La" else strip).convert(mode)  # noqa: E731
    else:
        raise InputError(f"has samples of Pillow's mode {image.mode}; convert it to 8 or 16 bits a sample")
    width, height = image.size
    rows = max(1, _STRIP_PX // width)
    samples = np.empty(0)
    for top in range(0, height, rows):
        strip = np.asarray(convert(image.crop((0, top, width, min(top + rows, height)))))
        if top == 0:
            samples = np.empty((height, *strip.shape[1:]), strip.dtype.newbyteorder("="))
        samples[top : top + rows] = strip
    return samples


# --- JPEG -------------------------------------------------------------------------------------------------------------


def _jpeg(image: ImageFile.ImageFile, notes: list[str]) -> Samples:
    """Load a gray or RGB picture and return its samples, for which Pillow gets our memory: both would be too much.

    Of RGB it wants four bytes a pixel, of which three are drawn together afterwards.
    """
    if image.mode not in ("L", "RGB") or not image.tile:  # without a tile it is cut off, and says so
        image.load()
        return _array(image, notes)
    (width, height), mode = image.size, "L" if image.mode == "L" else "RGBX"
    room = np.empty(height * width * len(mode), np.uint8)
    image.im = Image.frombuffer(mode, image.size, room, "raw", mode, 0, 1).im
    image.load()
    image.im = Image.new(image.mode, (1, 1)).im
    if mode == "L":
        return room.reshape(height, width)
    for start in range(0, height * width, _STRIP_PX):
        strip = room[4 * start : 4 * (start + _STRIP_PX)].reshape(-1, 4).copy()
        drawn = room[3 * start : 3 * (start + len(strip))].reshape(-1, 3)
        for channel in range(3):  # a third of the time that all three at once take
            drawn[:, channel] = strip[:, channel]
    room.resize(height * width * 3, refcheck=False)
    return room.reshape(height, width, 3)


# --- GIF and BMP ------------------------------------------------------------------------------------------------------


def _gif(image: Image.Image, extents: tuple[int, int, int, int] | None, notes: list[str]) -> Samples:
    """Return the first frame, transparent where it leaves parts of the screen empty; Pillow has colour 0 there."""
    samples = _array(image, notes)
    if extents in (None, (0, 0, *image.size)) or samples.shape[2:] == (4,):
        return samples
    left, top, right, bottom = extents
    alpha = np.zeros((image.height, image.width), np.uint8)
    alpha[top:bottom, left:right] = 255
    return np.dstack([samples] * (3 if samples.ndim == 2 else 1) + [alpha])


def _check_bmp(image: Image.Image, data: bytes) -> None:
    """Raise InputError for palettes that Pillow takes for the samples' own meaning, and alpha that it does not see."""
    head = int.from_bytes(data[14:18], "little")
    bits = int.from_bytes(data[28:30] if head >= 40 else data[24:26], "little")
    if bits != {"1": 1, "L": 8}.get(image.mode, bits) or bits == 16 and head >= 56 and any(data[66:70]):
        raise InputError(f"is a BMP of {bits} bits in a layout that is not read; save it as PNG")
    if image.info["compression"] == _RLE4 and int(PIL.__version__.split(".")[0]) < 13:
        raise InputError(f"is a BMP that Pillow {PIL.__version__} reads wrongly; save it as PNG, or install Pillow 13")


# --- PNG --------------------------------------------------------------------------------------------------------------


def _png(image: Any, data: bytes, notes: list[str]) -> Samples:
    image.im = Image.new(image.mode, image.size, _UNLIKELY).im
    image.load()
    if texts := _FACTS & image.text.keys():
        raise ValueError(f"a text is named {min(texts)}")
    depth, palette = data[24], data[25] == 3
    _check_rows(image, data)
    clear = None if palette else image.info.pop("transparency", None)
    samples = _array(image, notes)
    if depth == 16 and image.mode in ("RGB", "RGBA"):
        samples = deep.colours(containers.png_with(data), samples)
    if clear is None:
        return samples
    if depth in (2, 4):
        clear *= 255 // (2**depth - 1)
    alpha = np.where((samples == clear).reshape(*samples.shape[:2], -1).all(axis=2), 0, np.iinfo(samples.dtype).max)
    colours = (samples, samples, samples) if samples.ndim == 2 else (samples,)
    return np.dstack([*colours, alpha.astype(samples.dtype)])


def _check_rows(image: Image.Image, data: bytes) -> None:
    """Raise InputError for samples that end too early, which Pillow leaves as they were.

    They are counted where a last row, of the last two if it is interlaced, is all _UNLIKELY.
    """
    width, height = image.size
    last = np.asarray(image.crop((0, max(0, height - 2), width, height)))
    touched = last != np.asarray(Image.new(image.mode, (1, 1), _UNLIKELY))
    if touched.reshape(len(last), -1).any(axis=1).all():
        return
    bits = data[24] * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[data[25]]
    passes = _ADAM7 if data[28] else ((0, 0, 1, 1),)
    sides = [(-(-(width - left) // right), -(-(height - top) // down)) for left, top, right, down in passes]
    wanted = sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sides if columns)  # 1 tells the filter
    if containers.png_rows_bytes(data) < wanted:
        raise InputError("lacks parts of its picture; get another copy of it")


# --- TIFF -------------------------------------------------------------------------------------------------------------


def _tiff(image: Image.Image, data: bytes, notes: list[str]) -> Samples:
    tags = tiff.tags(data)
    bits, extra = tags.get(tiff.BITS, [1])[0], tags.get(tiff.EXTRA, [])
    if extra and extra not in ([tiff.ASSOCIATED], [tiff.UNASSOCIATED]):
        notes.append("an extra channel is left out")
    if image.mode == "P" and max(tags.get(tiff.COLOURS, [0])) < 256:  # some writers forget that they are of 16 bits
        image.putpalette(np.array(tags[tiff.COLOURS], np.uint8).reshape(3, -1).T.tobytes(), "RGB")
    if image.mode in _GRAY_16:
        samples = _array(image, notes)
        samples = scaling.to_8_bits(samples, notes, 4095) if bits == 12 else samples
        inverted = tags.get(tiff.PHOTOMETRIC) == [tiff.WHITE_IS_ZERO]
        return np.iinfo(samples.dtype).max - samples if inverted else samples
    if bits == 16 and image.mode in ("RGB", "RGBA") and 0 not in extra:
        if tags.get(tiff.COMPRESSION, [1])[0] in tiff.RARE:
            raise InputError("has 16-bit colours in a compression that OpenCV may not have; save it with LZW")
        if extra == [tiff.ASSOCIATED]:
            return _unmultiplied(deep.colours(data, _array(image, []), slice(3, 4)), notes)
        return deep.colours(data, _array(image, []))
    if bits == 16:
        notes.append("of 16-bit samples only the upper 8 bits are used")
    samples = _array(image, notes)
    if extra[:1] == [tiff.ASSOCIATED] and samples[..., 3].min() < 255:
        notes.append(_FAINT)
    return samples


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


def _jpeg_2000(image: Image.Image, data: bytes, boxes: Boxes, notes: list[str]) -> Samples:
    depths = _jpeg_2000_depths(data)
    depth, colours = depths[0], int.from_bytes(boxes.get(b"enum", bytes([_SRGB]))[:4])
    starts = range(2, len(boxes.get(b"cdef", b"")) - 5, 6)
    definitions = [struct.unpack_from(">HHH", boxes[b"cdef"], start) for start in starts]
    if any(belongs not in (channel + 1, 0) or kind > 1 for channel, kind, belongs in definitions):
        raise InputError("has channels in another order, or colours that are multiplied by alpha; save it as PNG")
    if image.mode in ("LA", "RGBA") and not any(kind == 1 for _, kind, _ in definitions):
        raise InputError(f"has {len(depths)} channels and does not say that the last one is alpha; save it as PNG")
    if set(depths) != {depth} or not 1 <= depth <= 16:
        raise InputError("has signed samples, or such of several depths; convert it to 8 or 16 bits")
    if colours not in (_SRGB, _GRAY, _SYCC, _CMYK) or colours in (_SYCC, _CMYK) and depth != 8:
        raise InputError(
            f"has {depth}-bit samples of colours {colours} of JPEG 2000, which are not read; save it as PNG"
        )
    top = (1 << depth) - 1
    if depth > 8 and image.mode not in _GRAY_16:
        coarse = _array(image, [])
        samples = scaling.to_8_bits(deep.decoded(data, coarse.shape), notes, top)
        apart = (samples - coarse).astype(np.uint8)  # Pillow's largest ones overflow to 0
        if np.minimum(apart, 256 - apart.astype(np.int16)).max() > 1:
            raise deep.unread()
        return samples
    samples = _array(image, notes)
    if depth == 8:
        return samples
    if image.mode in ("P", "PA"):
        raise InputError(f"has a palette of {depth} bits in JPEG 2000, which is not read; save it as PNG")
    return scaling.to_8_bits(samples >> (8 * samples.itemsize - depth), notes, top)  # Pillow shifts them up


def _jpeg_2000_depths(data: bytes) -> list[int]:
    """Return the bits of each component, -1 for signed ones, from the SIZ segment of the codestream."""
    at = data.index(b"\xff\x4f\xff\x51") + 4
    count = int.from_bytes(data[at + 36 : at + 38])
    sizes = data[at + 38 : at + 38 + 3 * count : 3]
    return [-1 if byte & 0x80 else byte + 1 for byte in sizes]


# --- PNM --------------------------------------------------------------------------------------------------------------


def _pnm(image: ImageFile.ImageFile, data: bytes, notes: list[str]) -> Samples:
    """Return samples of whichever range the header tells; Pillow would scale binary ones in Python, one by one."""
    _, _, start, args = image.tile[0]
    top = args[1] if isinstance(args, tuple) else 65535 if args == "I;16B" else 255
    if data[:2] in (b"P2", b"P3"):
        image.load()
        if image.mode != "I":
            notes += [scaling.rounded_note(top)] * (top > 255)
            return np.array(image)
        samples = (np.asarray(image).astype(np.int64) * top + 32767) // 65535  # Pillow's scaling undone
        return scaling.to_8_bits(samples, notes, top)
    shape = (image.height, image.width, 3)[: 3 if data[:2] == b"P6" else 2]
    dtype = np.dtype(">u2" if top > 255 else np.uint8)
    stop = start + math.prod(shape) * dtype.itemsize
    if stop > len(data):
        raise containers.cut_off(data)
    if re.match(rb"\s*P[1-6]\s", data[stop : stop + 8]):
        notes.append(PAGES)
    samples = np.frombuffer(data, dtype, math.prod(shape), start).reshape(shape)
    return samples.copy() if top == 255 else scaling.to_8_bits(samples, notes, top)
