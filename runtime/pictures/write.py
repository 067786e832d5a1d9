"""uint8 pixels to the bytes of a picture file; `read.py` is the way back.

A PNG, whose rows may come in strips, is made by `png.py`, all others by Pillow, which is loaded for them alone.
Pillow puts EXIF, ICC and XMP into JPEG, WebP and AVIF as they are. Of a TIFF it writes the samples alone: its way
with tags would lose letters beyond ASCII and maker's notes, so `tags.py` puts them in.
"""

import importlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runtime.atomic import write_whole
from runtime.container import EXIF, ICC, SECTION_NAMES, XMP
from runtime.errors import InputError
from runtime.pictures import exif, metadata, png, tags
from runtime.pictures.suffixes import suffix_of

if TYPE_CHECKING:
    from PIL import Image

Pixels = NDArray[np.uint8]

_FORMATS = {
    ".jpg": "Jpeg",
    ".jpeg": "Jpeg",
    ".webp": "WebP",
    ".tif": "Tiff",
    ".tiff": "Tiff",
    ".avif": "Avif",
    ".ppm": "Ppm",
    ".bmp": "Bmp",
}
"""Pillow's name of the plugin that writes each."""

_PREDICTOR, _HORIZONTAL = 317, 2
_OPTIONS: dict[str, dict[str, Any]] = {
    "Jpeg": {"quality": 95, "subsampling": "4:4:4"},
    "WebP": {"lossless": True, "quality": 20},
    "Tiff": {"compression": "tiff_lzw", "tiffinfo": {_PREDICTOR: _HORIZONTAL}},
    "Avif": {"quality": 95, "speed": 9},
}
"""WebP's quality is an effort: 80 saves 3 % in three times the time. AVIF stays at 4:2:0, as 4:4:4 would take half as
much memory again."""
_NO_ALPHA = ("Jpeg", "Ppm", "Bmp")
_GRAY_AS_RGB = ("WebP", "Ppm")
_NO_METADATA = ("Ppm", "Bmp")
_EXIF_WITHOUT = {"Tiff": tags.COMPRESSED, "Avif": (exif.ORIENTATION,)}
"""Tags that a format cannot hold; with an orientation Pillow writes all of EXIF anew, to turn it into a box."""
_LONGEST_SIDE_PX = {"Jpeg": 65_500, "WebP": 16_383, "Png": 1_000_000, "Avif": 32_768}
"""What libjpeg and libwebp can write, and libpng and libavif would read."""
_EXIF_MARK = b"Exif\0\0"
_SEGMENT_BYTES = 0xFFFF - 2
"""What a JPEG segment can hold."""
_JPEG_LIMITS = {EXIF: _SEGMENT_BYTES - len(_EXIF_MARK), XMP: _SEGMENT_BYTES - len(b"http://ns.adobe.com/xap/1.0/\0")}


def write(path: str | Path, pixels: Pixels) -> None:
    """Write pixels, uint8 (H, W), (H, W, 3) or (H, W, 4), to a file in the format that its suffix names.

    Raise InputError for a suffix not in SUFFIXES or a format that cannot hold the picture, OSError.
    """
    path = Path(path)
    write_whole(path, encode(pixels, suffix_of(path)))


def encode_strips(
    strips: Iterator[Pixels],
    shape: tuple[int, ...],
    suffix: str,
    payloads: Mapping[int, bytes] | None = None,
    notes: list[str] | None = None,
    threads: int = 1,
) -> Iterator[bytes]:
    """Yield a picture file's bytes as `encode` returns them, of a picture of a shape whose rows come in strips.

    A PNG takes no more memory than a few of them; threads compress it.
    """
    if suffix != ".png":
        yield encode(_joined(strips, shape), suffix, payloads, notes)
        return
    height, width = _sides("Png", suffix, shape)
    held = metadata.fitting(payloads or {}, len(shape) == 2, [] if notes is None else notes, (width, height))
    yield from png.encode(strips, shape, held, threads)


def _joined(strips: Iterator[Pixels], shape: tuple[int, ...]) -> Pixels:
    """Return the picture of a shape whose rows come in strips."""
    first = next(strips)
    if first.shape == shape:
        return first
    pixels, row = np.empty(shape, np.uint8), 0
    for strip in chain([first], strips):
        pixels[row : row + len(strip)] = strip
        row += len(strip)
    return pixels


def encode(
    pixels: Pixels, suffix: str, payloads: Mapping[int, bytes] | None = None, notes: list[str] | None = None
) -> bytes:
    """Return a picture file's bytes: JPEG and AVIF at quality 95, others lossless in what is visible.

    payloads are EXIF, ICC and XMP by section kind; what the file cannot hold of them is left out and told in notes.
    Raise InputError where the format cannot hold the picture.
    """
    if suffix == ".png":
        return b"".join(encode_strips(iter([pixels]), pixels.shape, suffix, payloads, notes))
    notes = [] if notes is None else notes
    form = _FORMATS[suffix]
    if form in _NO_ALPHA and pixels.shape[2:] == (4,):
        if pixels[:, :, 3].min() < 255:
            raise InputError(f"the picture has alpha, which a {suffix} file cannot hold; use .png, .webp or .tif")
        pixels = np.ascontiguousarray(pixels[:, :, :3])
    height, width = _sides(form, suffix, pixels.shape)
    from PIL import Image

    image = Image.fromarray(pixels)
    del pixels  # which may be the last reference, beside 4 bytes a pixel
    if image.mode == "L" and form in _GRAY_AS_RGB:
        image = image.convert("RGB")
    fitting = metadata.fitting(payloads or {}, image.mode == "L", notes, (width, height))
    held, density = _held(fitting, form, suffix, notes), exif.density(fitting.get(EXIF, b""))
    options = _OPTIONS.get(form, {}) | ({"dpi": density} if density else {}) | _as_options(held, form)
    data = _saved(image, form, suffix, options)
    del image
    if form == "Tiff":
        return tags.with_metadata(data, held.get(EXIF, b""), held.get(ICC, b""), held.get(XMP, b""))
    return data


def _sides(form: str, suffix: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return height and width; raise InputError where a format cannot have them."""
    height, width = shape[:2]
    longest = _LONGEST_SIDE_PX.get(form)
    if longest and max(width, height) > longest:
        raise InputError(f"{width}x{height} pixels are too many for {suffix}, at most {longest} a side; use .tif")
    return height, width


class _File(BytesIO):
    """A file in memory, for whose name Pillow loads one plugin: for a format it would load all usual ones."""

    def __init__(self, form: str):
        super().__init__()
        self.name = f"picture.{form.lower()}"


def _saved(image: "Image.Image", form: str, suffix: str, options: dict[str, Any]) -> bytes:
    """Return the bytes that Pillow's plugin makes of a picture; raise InputError where it makes none."""
    from PIL import Image

    file, (width, height) = _File(form), image.size
    importlib.import_module(f"PIL.{form}ImagePlugin")
    if form.upper() not in Image.SAVE:
        raise InputError(f"this Pillow was built without {form}; use .png, or install a Pillow that has it")
    try:
        image.save(file, **options)
    except (OSError, ValueError, RuntimeError, SystemError) as error:
        if form in ("Avif", "WebP"):  # whose libraries do not say when it was memory that they lacked
            np.empty((height, width, 4), np.uint32)
        raise InputError(f"Pillow cannot write {width}x{height} pixels as {suffix} ({error}); use .png") from error
    return file.getvalue()


def _held(payloads: Mapping[int, bytes], form: str, suffix: str, notes: list[str]) -> dict[int, bytes]:
    """Return the payloads that a file of this format can hold, made ready for it."""
    held = {}
    for kind, payload in payloads.items():
        name, limit = SECTION_NAMES[kind], _JPEG_LIMITS.get(kind) if form == "Jpeg" else None
        if form in _NO_METADATA:
            notes.append(f"{suffix} files hold no {name}: it is left out")
        elif limit and len(payload) > limit:
            notes.append(f"{len(payload)} bytes of {name} do not fit into a {suffix} file: it is left out")
        else:
            held[kind] = payload
    if EXIF in held and form in _EXIF_WITHOUT:
        try:
            held[EXIF] = exif.without(held[EXIF], _EXIF_WITHOUT[form], thumbnail=form != "Tiff")
        except ValueError as reason:
            notes.append(f"its EXIF is left out ({reason})")
            del held[EXIF]
    return held


def _as_options(payloads: Mapping[int, bytes], form: str) -> dict[str, Any]:
    """Return payloads as Pillow's options of save."""
    options: dict[str, Any] = {}
    if form == "Tiff":
        return options
    if payloads.get(EXIF):
        options["exif"] = _EXIF_MARK + payloads[EXIF]
    if ICC in payloads:
        options["icc_profile"] = payloads[ICC]
    if XMP in payloads:
        options["xmp"] = payloads[XMP]
    return options
