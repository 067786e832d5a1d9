"""Picture files to uint8 pixels: `decode` is the story, one line a stage; `write.py` is its mirror.

Samples come out as the file means them, upright. What cannot be kept is told in notes, what is not understood refused.
Nothing of the process is changed meanwhile: threads may read as they like.
"""

import re
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from runtime.container import EXIF, ICC, MAX_PIXELS
from runtime.errors import InputError, out_of_memory
from runtime.pictures import colour, containers, deep, hdr, metadata, opening, payloads, samples, scaling

Pixels = NDArray[np.uint8]
Loaded = tuple[ImageFile.ImageFile, scaling.Samples]

_PNG_WITHOUT_TEXTS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"gAMA", b"cHRM", b"sRGB", b"eXIf", b"pHYs")
_UNTELLING = re.compile("by this driver|codec configuration error|decoder (error|object)|Token|literal for int")
"""In reasons of Pillow for a refusal, from which a user learns nothing."""
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")


class Picture(NamedTuple):
    """One picture, upright, and what was lost on the way in."""

    pixels: Pixels
    """uint8 (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha."""
    notes: tuple[str, ...]
    """Sentences for the user; empty when nothing was lost."""
    metadata: dict[int, bytes]
    """EXIF, ICC and XMP payloads by section kind, for Codec.encode; the orientation is already 1."""


def read(path: str | Path) -> Picture:
    """Return the picture in a file, as `decode` does. Raise OSError for a file that cannot be opened."""
    return decode(Path(path).read_bytes(), str(path))


def decode(data: bytes, name: str, max_pixels: float = MAX_PIXELS, sdr: bool = False) -> Picture:
    """Return the picture in a file's bytes, turned upright as its metadata ask; name stands for it in messages.

    Gray stays gray, gray with alpha becomes RGBA, palettes, CMYK and CIELab become RGB, finer samples are rounded to 8
    bits. With sdr PQ and HLG are mapped to SDR, as hdr.to_sdr tells; else they are refused.

    Raise InputError, which names the file, for anything that is not a whole picture that we understand, and, before its
    memory is taken, for more than max_pixels; MemoryError.
    """
    try:
        if not data:
            raise InputError("is empty (0 bytes); give a picture file")
        return _decoded(data, opening.kind_of(data, name), max_pixels, sdr)
    except MemoryError:
        raise
    except InputError as error:
        raise InputError(f"{name} {error}") from error
    except Exception as error:  # whatever a library raises for one file
        reason = " ".join(str(error).split())
        if out_of_memory(error):
            raise MemoryError(reason) from error
        if isinstance(error, Image.DecompressionBombError):
            kind = opening.kind_of(data, name)
            raise InputError(f"{name} has more pixels than Pillow takes of a {kind}; make it smaller") from error
        if "truncated" in reason.lower() or isinstance(error.__cause__ or error, EOFError | struct.error):
            raise InputError(f"{name} is cut off ({reason}); get a whole copy of it") from error
        if _UNTELLING.search(reason) or not re.search("[a-z] [a-z]", reason):
            reason = "its layout or compression is unknown"
        raise InputError(f"{name} cannot be read ({reason}); if another program can, save it as PNG there") from error


def _decoded(data: bytes, kind: str, max_pixels: float, sdr: bool) -> Picture:
    notes: list[str] = []
    boxes = _boxes(data, kind)
    image, array = _loaded(data, kind, boxes, max_pixels, notes)
    bodies = payloads.read(image, kind, data, boxes, notes)
    if image.mode in ("CMYK", "LAB"):
        bodies.pop(ICC, None)
    notes += payloads.lost(image, kind, data, boxes)
    space = payloads.colours(image, kind, boxes)
    del image  # its memory, 4 bytes a pixel

    if space.hdr:
        if not sdr:
            raise InputError("is HDR (PQ or HLG), for which 8 bits are too few; give sdr=True (--sdr) to map it to SDR")
        array = deep.finer(array, kind, data, samples.iso_depth(boxes))
    if kind == "AVIF" and b"clap" in boxes:
        array = scaling.cropped(array, boxes[b"clap"])
    if space.narrow:
        array = scaling.widened(array)
    if space.hdr:
        array, space = hdr.to_sdr(array, space), hdr.sdr(space)
        bodies.pop(ICC, None)
        notes.append("HDR is mapped to SDR")
    pixels = scaling.to_8_bits(array, notes)
    if ICC not in bodies and (profile := colour.profile(space, pixels.ndim == 2)):
        bodies[ICC] = profile
    pixels = np.ascontiguousarray(upright(pixels, _turn(kind, bodies)))
    more: list[str] = []
    kept = metadata.fitting(bodies, pixels.ndim == 2, more, (pixels.shape[1], pixels.shape[0]))
    if payloads.GAIN_MAP in notes or payloads.VIDEO in notes:  # of which XMP tells too, where it does
        more = [note for note in more if "its XMP says" not in note]
    notes += more
    return Picture(pixels, tuple(dict.fromkeys(notes)), kept)


def _boxes(data: bytes, kind: str) -> samples.Boxes:
    if kind == "PNG":
        return containers.png_chunks(data)
    if kind in ("AVIF", "HEIC") or kind == "JPEG 2000" and data[:1] == b"\0":
        return containers.iso_boxes(data)
    return {}


def _turn(kind: str, bodies: dict[int, bytes]) -> int:
    """Return the orientation of loaded pixels, which TIFF's and HEIC's libraries have turned already."""
    if kind in ("TIFF", "HEIC"):
        return 1
    return metadata.orientation({EXIF: bodies.get(EXIF, b"")} if kind == "AVIF" else bodies)  # where Pillow puts it


def _loaded(data: bytes, kind: str, boxes: samples.Boxes, max_pixels: float, notes: list[str]) -> Loaded:
    """Return a loaded picture and its samples: of an animated PNG the picture alone, of a PNG or AVIF whose metadata
    are so damaged that its plugin does not go on, the picture without them.
    """
    if kind == "PNG" and b"acTL" in boxes:
        data = containers.png_with(data, {*boxes, b"IDAT"} - {*_ANIMATION})
    try:
        return _load(data, kind, boxes, max_pixels, notes)
    except (InputError, MemoryError):
        raise
    except Exception:
        if kind not in ("PNG", "AVIF"):
            raise
    plain = containers.png_with(data, _PNG_WITHOUT_TEXTS) if kind == "PNG" else containers.avif_without_exif(data)
    loaded = _load(plain, kind, boxes, max_pixels, notes)
    notes.append("its texts, profile or EXIF are damaged or too long: they are left out")
    return loaded


def _load(data: bytes, kind: str, boxes: samples.Boxes, max_pixels: float, notes: list[str]) -> Loaded:
    width, height = opening.webp_size(data) if kind == "WebP" else (0, 0)
    try:
        _check_size(width, height, max_pixels)
        image = opening.opened(data, kind)
        width, height = image.size
        _check_size(width, height, max_pixels)
        return image, samples.taken(image, kind, data, boxes, notes)
    except (RuntimeError, ValueError, OSError):
        if kind in ("WebP", "AVIF", "HEIC"):  # whose libraries do not say when it was memory that they lacked
            np.empty((height, width, 2), np.uint32)
        raise


def _check_size(width: int, height: int, max_pixels: float) -> None:
    if width * height > max_pixels:
        raise InputError(
            f"has more than {max_pixels:.0f} pixels; cut it into parts, or raise max_pixels (--max-pixels)"
        )


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Return the pixels as they should be seen; orientation is EXIF tag 274, 1 to 8, else 1."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
