"""Picture files <-> uint8 pixels: the one file that knows OpenCV, the one place where BGR exists.

`codec.py` takes what `read` gives and gives what `write` takes. OpenCV is asked for the samples as
they are stored; what it leaves out or gets wrong (orientation, a gray picture's transparent value,
some TIFFs) is put right here from the file's own structure.
"""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime import metadata, tiff
from runtime.atomic import write_whole
from runtime.container import EXIF, ICC, MAX_PIXELS, MAX_SIDE_PX, SECTION_NAMES, XMP
from runtime.errors import InputError
from runtime.structure import SUFFIXES, Structure, embed, examine

# OpenCV reads its limit once, when it is loaded, and then refuses a larger picture from its header
# alone, before a small file has made it allocate gigabytes.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))

import cv2  # noqa: E402

Pixels = NDArray[np.uint8]

stderr_lock = threading.Lock()
"""Held while stderr is taken from the libraries; who prints there beside a thread that reads pictures, takes it."""

_NO_ALPHA = (".jpg", ".jpeg", ".ppm")
_GRAY = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".avif", ".bmp")
_LONGEST_SIDE_PX = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383, ".png": 1_000_000}
_KINDS = "a PNG, JPEG, WebP, TIFF, AVIF, GIF, PPM or BMP"

_OPTIONS = {".avif": [cv2.IMWRITE_AVIF_QUALITY, 95]}

_ROWS = 64

_WHITE_IS_ZERO, _SEPARATE_PLANES, _ASSOCIATED, _UNASSOCIATED = 0, 2, 1, 2


@dataclass(frozen=True)
class Picture:
    """One picture, upright, and what was lost on the way in."""

    pixels: Pixels
    """uint8 (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha."""
    notes: tuple[str, ...] = ()
    """Sentences for the user; empty when nothing was lost."""
    metadata: dict[int, bytes] = field(default_factory=dict)
    """EXIF, ICC and XMP payloads by section kind, for Codec.encode; the orientation is already 1."""


def read(path: str | Path) -> Picture:
    """Returns the picture in a file, turned upright as its EXIF orientation asks.

    Gray stays gray, gray with alpha becomes RGBA, palettes and CMYK become RGB, 16 bits become 8
    with a note. Raises InputError for anything that is not a whole picture of 8- or 16-bit
    samples, OSError for a file that cannot be opened.
    """
    return decode(Path(path).read_bytes(), str(path))


def decode(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Picture:
    """Returns the picture in a file's bytes, as `read` does; name stands for it in messages.

    Raises InputError also for more than max_pixels; OpenCV checks the header alone if it was loaded with this limit.
    """
    if not data:
        raise InputError(f"{name} is empty (0 bytes); give a picture file")
    structure = examine(data)
    if not structure.whole:
        raise InputError(f"{name} is cut off after {len(data)} bytes; get a whole copy of it")
    with _caught_stderr() as chatter:
        try:
            samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error as error:
            if "validateInputImageSize" in str(error):
                raise _too_large(name, max_pixels) from error
            samples = None
    if samples is None:
        if (bits := tiff.numbers(data).get(tiff.BITS, 8)) not in (1, 8, 16):
            raise InputError(f"{name} is a TIFF of {bits} bits a sample, which OpenCV does not read; save it with 8")
        raise InputError(f"{name} is not a picture that we can read, or it is damaged; give {_KINDS}")

    if samples.shape[0] * samples.shape[1] > max_pixels:
        raise _too_large(name, max_pixels)
    notes = [f"the file seems damaged ({line})" for line in chatter if line.startswith("Corrupt JPEG data")][:1]
    if structure.animated:
        notes.append("an animation: only its first frame is used")
    try:
        samples = _repaired(samples, data, structure, notes)
        pixels = _to_8_bits(_to_rgb(samples), notes)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    pixels = upright(pixels, structure.orientation or metadata.orientation(structure.metadata))
    notes += structure.notes
    kept = metadata.fitting(structure.metadata, pixels.ndim == 2, notes)
    return Picture(np.ascontiguousarray(pixels), tuple(notes), kept)


def _too_large(name: str, max_pixels: int) -> InputError:
    return InputError(f"{name} has more than {max_pixels} pixels; cut it into parts, or allow it with --max-pixels")


def write(path: str | Path, pixels: Pixels) -> None:
    """Writes pixels, as in Picture, to a file in the format that its suffix names.

    Raises InputError for a suffix not in SUFFIXES or a format that cannot hold the picture.
    """
    path = Path(path)
    write_whole(path, encode(pixels, suffix_of(path)))


def encode(
    pixels: Pixels,
    suffix: str,
    payloads: Mapping[int, bytes] | None = None,
    notes: list[str] | None = None,
    spoil: bool = False,
) -> bytes:
    """Returns a picture file's bytes: JPEG and AVIF at quality 95, others lossless in what is visible.

    payloads are EXIF, ICC and XMP by section kind; what the file cannot hold of them is left out and told in notes.
    With spoil the pixels may be changed, which saves a copy.
    """
    notes = [] if notes is None else notes
    alpha = pixels.ndim == 3 and pixels.shape[2] == 4
    if alpha and suffix in _NO_ALPHA:
        raise InputError(f"the picture has alpha, which a {suffix} file cannot hold; use .png, .webp or .tif")
    if pixels.ndim == 3:
        pixels = pixels if spoil else pixels.copy()
        _swap(pixels)
    elif suffix == ".ppm":
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    gray = pixels.ndim == 2 and suffix in _GRAY
    fitting = metadata.fitting(payloads or {}, gray, notes)
    done = max(pixels.shape[:2]) <= _LONGEST_SIDE_PX.get(suffix, MAX_SIDE_PX)
    if done:
        try:
            done, data = _encoded(pixels, suffix, fitting, notes)
        except cv2.error:
            done = False
    if not done:
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise InputError(f"OpenCV cannot write {size} pixels as {suffix}; use .png")
    return data.tobytes() if suffix == ".avif" else embed(data.tobytes(), suffix, fitting, notes)


def _encoded(
    pixels: Pixels, suffix: str, fitting: dict[int, bytes], notes: list[str]
) -> tuple[bool, NDArray[np.uint8]]:
    """Returns whether OpenCV could write its channels, and the file; in an AVIF the metadata too, from 4.13 on."""
    options = _OPTIONS.get(suffix, [])
    if suffix != ".avif" or not fitting:
        return cv2.imencode(suffix, pixels, options)
    if not hasattr(cv2, "imencodeWithMetadata"):
        notes.append(f"this OpenCV puts no {', '.join(SECTION_NAMES[kind] for kind in fitting)} into .avif: left out")
        return cv2.imencode(suffix, pixels, options)
    kinds = {EXIF: 0, XMP: 1, ICC: 2}  # cv2.IMAGE_METADATA_*
    payloads = [np.frombuffer(payload, np.uint8) for payload in fitting.values()]
    return cv2.imencodeWithMetadata(suffix, pixels, [kinds[kind] for kind in fitting], payloads, options)


def suffix_of(path: Path) -> str:
    """Returns the suffix of a file to be written, in small letters, or raises InputError."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path} has no suffix that names a picture format; use {', '.join(SUFFIXES)}")
    return suffix


# --- samples --------------------------------------------------------------------------------------


def _repaired(samples: NDArray[Any], data: bytes, structure: Structure, notes: list[str]) -> NDArray[Any]:
    """Returns OpenCV's samples with what it left out put back; refuses what it reads wrongly."""
    if structure.clear_gray is not None and samples.ndim == 2:
        alpha = np.where(samples == structure.clear_gray, 0, np.iinfo(samples.dtype).max)
        return np.dstack([samples, samples, samples, alpha.astype(samples.dtype)])
    if structure.clear_gif and samples.ndim == 3 and samples.shape[2] == 3:
        raise InputError("a GIF whose transparency OpenCV does not see; save it as PNG")
    if structure.depth is not None and samples.dtype == np.uint16:
        if not 9 <= structure.depth <= 16:
            raise InputError(f"an AVIF of {structure.depth} bits in samples of 16; save it as PNG")
        return _stretched(samples, structure.depth)
    tags = tiff.numbers(data)
    if not tags:
        return samples
    wide = samples.dtype == np.uint16
    photometric, extra = tags.get(tiff.PHOTOMETRIC), tags.get(tiff.EXTRA_SAMPLES)
    if tags.get(tiff.SAMPLES) == 2:
        raise InputError("a TIFF of gray with alpha would lose its alpha; save it as PNG")
    if wide and tags.get(tiff.PLANAR) == _SEPARATE_PLANES:
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


def _stretched(samples: NDArray[Any], depth: int) -> NDArray[Any]:
    """Returns 16-bit samples, 0 to 65535, from those of so many bits."""
    top = (1 << depth) - 1
    return ((np.minimum(samples, top).astype(np.uint32) * 65535 + top // 2) // top).astype(np.uint16)


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
    if samples.ndim == 3:
        _swap(samples)
    return samples


def _swap(samples: NDArray[Any]) -> None:
    """Exchanges channels 0 and 2: RGB <-> BGR, RGBA <-> BGRA. A few rows at a time, so that there is no second copy."""
    code = cv2.COLOR_RGB2BGR if samples.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    for top in range(0, len(samples), _ROWS):
        rows = samples[top : top + _ROWS]
        rows[:] = cv2.cvtColor(rows, code)


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Returns the pixels as they should be seen; orientation is EXIF tag 274, 1..8, else 1."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


@contextmanager
def _caught_stderr() -> Iterator[list[str]]:
    """Yields a list that afterwards holds the lines that C libraries wrote to stderr meanwhile.

    libpng, libjpeg and libtiff write to file descriptor 2, out of Python's reach; it belongs to the
    whole process, so only one thread at a time may take it away.
    """
    lines: list[str] = []
    with stderr_lock, tempfile.TemporaryFile() as caught:
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
