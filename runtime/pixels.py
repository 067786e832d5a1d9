"""Picture files <-> uint8 pixels: the one file that knows OpenCV, the one place where BGR exists.

`codec.py` takes what `read` gives and gives what `write` takes. OpenCV is asked for the samples as
they are stored; what it leaves out or gets wrong (orientation, a gray picture's transparent value,
some TIFFs) is put right here from the file's own structure.
"""

import os
import secrets
import struct
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.container import MAX_PIXELS
from runtime.errors import InputError

# OpenCV reads its limit once, when it is loaded, and then refuses a larger picture from its header
# alone, before a small file has made it allocate gigabytes.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))

import cv2  # noqa: E402

Pixels = NDArray[np.uint8]

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".ppm", ".bmp")
_NO_ALPHA = (".jpg", ".jpeg", ".ppm")
_KINDS = "a PNG, JPEG, WebP, TIFF, PPM or BMP"

# TIFF tags, also those of EXIF, which is a small TIFF.
_PHOTOMETRIC, _ORIENTATION, _SAMPLES, _PLANAR, _EXTRA = 262, 274, 277, 284, 338
_WHITE_IS_ZERO, _SEPARATE_PLANES, _ASSOCIATED, _UNASSOCIATED = 0, 2, 1, 2


@dataclass(frozen=True)
class Picture:
    """One picture, upright, and what was lost on the way in."""

    pixels: Pixels
    """uint8 (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha."""
    notes: tuple[str, ...] = ()
    """Sentences for the user; empty when nothing was lost."""


@dataclass(frozen=True)
class _Structure:
    """What the file says outside its samples."""

    whole: bool = True
    """False when the file ends before its format says that it does."""
    exif: bytes = b""
    """The EXIF block, a small TIFF, or nothing."""
    clear_gray: int | None = None
    """The 8- or 16-bit gray value that stands for transparent (PNG tRNS)."""
    animated: bool = False


def read(path: str | Path) -> Picture:
    """Returns the picture in a file, turned upright as its EXIF orientation asks.

    Gray stays gray, gray with alpha becomes RGBA, palettes and CMYK become RGB, 16 bits become 8
    with a note. Raises InputError for anything that is not a whole picture of 8- or 16-bit
    samples, OSError for a file that cannot be opened.
    """
    path = Path(path)
    data = path.read_bytes()
    if not data:
        raise InputError(f"{path} is empty (0 bytes); give a picture file")
    structure = _structure(data)
    if not structure.whole:
        raise InputError(f"{path} is cut off after {len(data)} bytes; get a whole copy of it")
    with _caught_stderr() as chatter:
        try:
            samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error as error:
            if "validateInputImageSize" in str(error):
                raise InputError(f"{path} has more than {MAX_PIXELS} pixels; cut it into parts") from error
            samples = None
    if samples is None:
        raise InputError(f"{path} is not a picture that we can read, or it is damaged; give {_KINDS}")

    notes = [f"the file seems damaged ({line})" for line in chatter if line.startswith("Corrupt JPEG data")][:1]
    if structure.animated:
        notes.append("an animation: only its first frame is used")
    try:
        samples = _repaired(samples, data, structure, notes)
        pixels = _to_8_bits(_to_rgb(samples), notes)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    pixels = _upright(pixels, _tiff_tags(structure.exif).get(_ORIENTATION, 1))
    return Picture(np.ascontiguousarray(pixels), tuple(notes))


def write(path: str | Path, pixels: Pixels) -> None:
    """Writes pixels, as in Picture, to a file in the format that its suffix names.

    Raises InputError for a suffix not in SUFFIXES or a format that cannot hold the picture.
    """
    path = Path(path)
    write_whole(path, encode(pixels, suffix_of(path)))


def encode(pixels: Pixels, suffix: str) -> bytes:
    """Returns a picture file's bytes: JPEG at quality 95, others lossless in what is visible."""
    alpha = pixels.ndim == 3 and pixels.shape[2] == 4
    if alpha and suffix in _NO_ALPHA:
        raise InputError(f"the picture has alpha, which a {suffix} file cannot hold; use .png, .webp or .tif")
    if pixels.ndim == 3:
        pixels = _swapped(pixels)
    elif suffix == ".ppm":
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    with _caught_stderr():
        try:
            done, data = cv2.imencode(suffix, pixels)
        except cv2.error:
            done = False
    if not done:
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise InputError(f"OpenCV cannot write {size} pixels as {suffix}; use .png")
    return data.tobytes()


def suffix_of(path: Path) -> str:
    """Returns the suffix of a file to be written, in small letters, or raises InputError."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path} has no suffix that names a picture format; use {', '.join(SUFFIXES)}")
    return suffix


def write_whole(path: Path, data: bytes) -> None:
    """Writes all of data to path or leaves path as it was: a draft beside it is renamed last."""
    if path.exists() and not path.is_file():  # a device such as /dev/null must stay one
        path.write_bytes(data)
        return
    draft = path.with_name(f".gargalo-{secrets.token_hex(4)}.part")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        draft.unlink(missing_ok=True)


# --- samples --------------------------------------------------------------------------------------


def _repaired(samples: NDArray[Any], data: bytes, structure: _Structure, notes: list[str]) -> NDArray[Any]:
    """Returns OpenCV's samples with what it left out put back; refuses what it reads wrongly."""
    if structure.clear_gray is not None and samples.ndim == 2:
        alpha = np.where(samples == structure.clear_gray, 0, np.iinfo(samples.dtype).max)
        return np.dstack([samples, samples, samples, alpha.astype(samples.dtype)])
    tags = _tiff_tags(data)
    if not tags:
        return samples
    wide = samples.dtype == np.uint16
    photometric, extra = tags.get(_PHOTOMETRIC), tags.get(_EXTRA)
    if tags.get(_SAMPLES) == 2:
        raise InputError("a TIFF of gray with alpha would lose its alpha; save it as PNG")
    if wide and tags.get(_PLANAR) == _SEPARATE_PLANES:
        raise InputError("a 16-bit TIFF with separate colour planes would be read wrongly; save it as PNG")
    if wide and samples.ndim == 2 and photometric == _WHITE_IS_ZERO:
        return np.iinfo(samples.dtype).max - samples
    if samples.ndim == 3 and samples.shape[2] == 4:
        if photometric != 2:  # CMYK and its like: OpenCV makes RGB of it and adds an alpha that the file has not
            return samples[:, :, :3]
        # libtiff multiplies 8-bit colours by an unassociated alpha and leaves 16-bit ones alone.
        if extra == _ASSOCIATED or (extra == _UNASSOCIATED and not wide):
            return _unmultiplied(samples, notes)
    return samples


def _unmultiplied(samples: NDArray[Any], notes: list[str]) -> NDArray[Any]:
    """Returns straight-alpha samples from those whose colours were multiplied by alpha."""
    top = float(np.iinfo(samples.dtype).max)
    alpha = samples[:, :, 3:].astype(np.float32)
    if alpha.min() < top:
        notes.append("a TIFF with alpha: colours are rounded where it is nearly transparent")
    colours = samples[:, :, :3].astype(np.float32) * (top / np.maximum(alpha, 1))
    return np.dstack([np.minimum(colours + 0.5, top).astype(samples.dtype), samples[:, :, 3]])


def _to_8_bits(samples: NDArray[Any], notes: list[str]) -> Pixels:
    """Returns uint8 samples; 16-bit ones are rounded to the nearest, 65535 to 255."""
    if samples.dtype == np.uint8:
        return samples
    if samples.dtype == np.uint16:
        notes.append("16-bit samples are rounded to 8 bits")
        return ((samples.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    raise InputError(f"samples are {samples.dtype}; convert the picture to 8 or 16 bits a sample")


def _to_rgb(samples: NDArray[Any]) -> NDArray[Any]:
    """Returns (H, W), (H, W, 3) RGB or (H, W, 4) RGBA from OpenCV's gray, BGR or BGRA."""
    if samples.ndim == 3 and samples.shape[2] not in (3, 4):
        raise InputError(f"the picture has {samples.shape[2]} channels; we need gray, RGB or RGBA")
    return samples if samples.ndim == 2 else _swapped(samples)


def _swapped(samples: NDArray[Any]) -> NDArray[Any]:
    """Returns the samples with channels 0 and 2 exchanged: RGB <-> BGR, RGBA <-> BGRA."""
    code = cv2.COLOR_RGB2BGR if samples.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    return cv2.cvtColor(samples, code)


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Returns the pixels as they should be seen; orientation is EXIF tag 274, 1..8, else 1."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


# --- structure ------------------------------------------------------------------------------------


def _structure(data: bytes) -> _Structure:
    """Returns what a PNG, JPEG or WebP says outside its samples; the default for other files."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    return _Structure()  # OpenCV refuses the other formats when they are cut, and turns TIFFs upright itself


def _png(data: bytes) -> _Structure:
    """Walks the chunks: u32 length | 4 letters | bytes | u32 CRC, to IEND."""
    found, depth, colour_type, at = _Structure(), 8, -1, 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body, at = data[at + 8 : at + 8 + length], at + 12 + length
        if kind == b"IEND" or at > len(data):
            return replace(found, whole=at <= len(data))
        if kind == b"IHDR" and length >= 10:
            depth, colour_type = body[8], body[9]
        elif kind == b"tRNS" and colour_type == 0 and length == 2:
            scale = 255 // (2**depth - 1) if depth in (1, 2, 4) else 1
            found = replace(found, clear_gray=int.from_bytes(body, "big") * scale)
        elif kind == b"eXIf":
            found = replace(found, exif=body)
        elif kind == b"acTL":
            found = replace(found, animated=True)
    return replace(found, whole=False)


def _jpeg(data: bytes) -> _Structure:
    """Walks the markers, 0xFF kind | u16 length | bytes, to a scan; the end marker must follow."""
    exif, at = b"", 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if kind in (0x00, 0xFF):  # not a marker: stray bytes or fill bytes between segments
            at += 1
            continue
        if kind == 0xDA:  # start of scan
            return _Structure(whole=data.find(b"\xff\xd9", at) >= 0, exif=exif)
        if kind == 0xE1 and not exif and data[at + 4 : at + 10] == b"Exif\0\0":
            exif = data[at + 10 : at + 2 + length]
        at += 2 + length
    return _Structure(whole=False)


def _webp(data: bytes) -> _Structure:
    """Walks the RIFF chunks: 4 letters | u32 LE length | bytes, padded to even."""
    end, exif, animated, at = 8 + int.from_bytes(data[4:8], "little"), b"", False, 12
    while at + 8 <= min(end, len(data)):
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            exif = data[at + 8 : at + 8 + length].removeprefix(b"Exif\0\0")
        animated = animated or kind == b"ANIM"
        at += 8 + length + length % 2
    return _Structure(whole=end <= len(data), exif=exif, animated=animated)


def _tiff_tags(data: bytes) -> dict[int, int]:
    """Returns tag -> first value of the short and long tags in a TIFF's first directory, or {}.

    Values that do not fit into the directory are left out. Reads BigTIFF too.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    magic = {b"*\0": 42, b"\0*": 42, b"+\0": 43, b"\0+": 43}.get(data[2:4])
    if order is None or magic is None:
        return {}
    start_at, start, number, entry = (4, "I", "H", "HHI4s") if magic == 42 else (8, "Q", "Q", "HHQ8s")
    start, number, entry = order + start, order + number, order + entry
    tags: dict[int, int] = {}
    try:
        (at,) = struct.unpack_from(start, data, start_at)
        (entries,) = struct.unpack_from(number, data, at)
        at += struct.calcsize(number)
        for _ in range(min(entries, 4096)):  # a directory holds a few dozen tags
            tag, kind, count, value = struct.unpack_from(entry, data, at)
            width = {3: 2, 4: 4}.get(kind, len(value) + 1)
            if 0 < count * width <= len(value):
                tags[tag] = int.from_bytes(value[:width], "little" if order == "<" else "big")
            at += struct.calcsize(entry)
    except (struct.error, OverflowError):  # a damaged directory: keep what was readable
        pass
    return tags


@contextmanager
def _caught_stderr() -> Iterator[list[str]]:
    """Yields a list that afterwards holds the lines that C libraries wrote to stderr meanwhile.

    libpng, libjpeg and libtiff write to file descriptor 2, out of Python's reach; it belongs to the
    whole process, so other threads' lines land here too.
    """
    lines: list[str] = []
    with tempfile.TemporaryFile() as caught:
        try:
            sys.stderr.flush()
            real = os.dup(2)
        except (OSError, ValueError, AttributeError):  # no stderr, nothing to keep clean
            yield lines
            return
        os.dup2(caught.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(real, 2)
            os.close(real)
            caught.seek(0)
            lines += caught.read().decode(errors="replace").splitlines()
