"""The codecs that we measure, ours and its classical peers, behind one interface.

Peers are encoded by Pillow, imagecodecs and ajpegli in the same process as ours, each on one thread, into real file
bytes. Their settings are fixed here, so that two runs compare against the same peer curves.
"""

import importlib.util
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import AvifImagePlugin, Image, features

from runtime import incomplete
from runtime.codec import Codec as RuntimeCodec

Pixels = npt.NDArray[np.uint8]


class Codec(Protocol):
    """The two methods of runtime.codec.Codec that a measurement needs."""

    def encode(self, pixels: Pixels, quality: float) -> bytes: ...

    def decode(self, data: bytes) -> Pixels: ...


@dataclass(frozen=True)
class Contender:
    """A codec under measurement."""

    name: str
    """Key in tables and options, such as `webp`."""
    label: str
    """Name for readers, with library version and options."""
    settings: tuple[float, ...]
    """Quality settings to measure, in ascending order, in the codec's own unit."""
    encode: Callable[[Pixels, float], bytes]
    """(H, W, 3) uint8 RGB and a setting -> the bytes of a file."""
    decode: Callable[[bytes], Pixels]
    """The bytes of a file -> (H, W, 3) uint8 RGB."""


def gargalo(codec: Codec, qualities: Iterable[float], name: str = "gargalo") -> Contender:
    """Return our codec as a contender, measured at the given qualities (1..100)."""
    return Contender(name, name, tuple(sorted(qualities)), codec.encode, codec.decode)


SHARES_PERCENT = (1.5, 2.5, 4, 7, 12, 20, 35, 60, 100)
PREFIX_QUALITY, LEAST_PREFIX_BYTES = 95, 64


def prefixes(codec: RuntimeCodec, name: str) -> Contender:
    """Return the beginnings of one file of ours, of a bundle whose files may end anywhere, as a contender.

    Its settings are shares of a file of quality 95 in percent; what is decoded is what a receiver would see by then.
    """
    files: dict[int, bytes] = {}

    def encode(pixels: Pixels, setting: float) -> bytes:
        key = hash(pixels.tobytes())
        if key not in files:
            files.clear()
            files[key] = codec.encode(pixels, PREFIX_QUALITY)
        return files[key][: max(LEAST_PREFIX_BYTES, round(len(files[key]) * setting / 100))]

    def decode(data: bytes) -> Pixels:
        return incomplete.salvage(codec, data).pixels

    return Contender(name, f"{name}: beginnings of one file", SHARES_PERCENT, encode, decode)


def jpeg() -> Contender:
    """Return baseline JPEG, 4:2:0, with Huffman tables optimised for each picture."""

    def encode(pixels: Pixels, setting: float) -> bytes:
        return _save(pixels, "JPEG", quality=round(setting), optimize=True)

    # 5..98 spans about 24..42 dB on photographs
    settings = (5, 10, 15, 25, 35, 50, 65, 75, 85, 90, 95, 98)
    label = f"JPEG (libjpeg-turbo {features.version('libjpeg_turbo')}, optimised, 4:2:0)"
    return Contender("jpeg", label, settings, encode, _open)


def jpegli() -> Contender:
    """Return JPEG as jpegli makes it, progressive, 4:4:4; decoded as any JPEG is, by Pillow."""
    import ajpegli

    def encode(pixels: Pixels, setting: float) -> bytes:
        return bytes(ajpegli.encode(pixels, quality=round(setting), subsampling="444"))

    settings = (5, 10, 15, 25, 35, 50, 65, 75, 85, 90, 95, 98)
    return Contender("jpegli", f"jpegli (ajpegli {ajpegli.__version__}, progressive, 4:4:4)", settings, encode, _open)


def webp(method: int = 4, name: str = "webp") -> Contender:
    """Return lossy WebP, by default with method 4, the effort of its tools."""

    def encode(pixels: Pixels, setting: float) -> bytes:
        return _save(pixels, "WEBP", quality=setting, method=method)

    settings = (0, 5, 15, 30, 45, 60, 75, 82, 88, 93, 97, 100)
    return Contender(name, f"WebP (libwebp {features.version('webp')}, method {method})", settings, encode, _open)


def avif(tune: str, speed: int = 6, name: str | None = None) -> Contender:
    """Return AVIF by libaom, 4:4:4, without tiles, on one thread both ways; speed 6 is that of its tools.

    What it is tuned for decides who wins by which measure: iq, what Pillow 13 writes unless told otherwise, follows the
    eye; ssim, what it wrote before, and psnr follow these.
    """

    def encode(pixels: Pixels, setting: float) -> bytes:
        return _save(
            pixels,
            "AVIF",
            quality=round(setting),
            speed=speed,
            codec="aom",
            advanced={"tune": tune},
            subsampling="4:4:4",
            max_threads=1,
            autotiling=False,
        )

    def decode(data: bytes) -> Pixels:
        # Pillow has no argument for the decoder's threads, only this module variable
        before = AvifImagePlugin.DEFAULT_MAX_THREADS
        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
        try:
            return _open(data)
        finally:
            AvifImagePlugin.DEFAULT_MAX_THREADS = before

    settings = (10, 20, 30, 40, 50, 60, 70, 80, 88, 94)
    libraries = f"libavif {features.version('avif')}, libaom {AvifImagePlugin.get_codec_version('aom')}"
    label = f"AVIF ({libraries}, tune={tune}, speed {speed}, 4:4:4)"
    return Contender(name or f"avif-{tune}", label, settings, encode, decode)


def jxl(effort: int = 7, name: str = "jxl") -> Contender:
    """Return lossy JPEG XL on one thread, by default with effort 7, that of its tools."""
    codecs = _imagecodecs()

    def encode(pixels: Pixels, setting: float) -> bytes:
        return bytes(codecs.jpegxl_encode(pixels, level=setting, effort=effort, numthreads=1))

    def decode(data: bytes) -> Pixels:
        return codecs.jpegxl_decode(data, numthreads=1)

    settings = (5, 10, 20, 30, 45, 60, 75, 85, 92, 96)
    label = f"JPEG XL (libjxl {codecs.jpegxl_version().split()[-1]}, effort {effort})"
    return Contender(name, label, settings, encode, decode)


def jpeg2000() -> Contender:
    """Return JPEG 2000, irreversible, one layer, on one thread; its setting is the PSNR in dB that it aims at."""
    codecs = _imagecodecs()

    def encode(pixels: Pixels, setting: float) -> bytes:
        return bytes(codecs.jpeg2k_encode(pixels, level=setting, reversible=False, numthreads=1))

    def decode(data: bytes) -> Pixels:
        return codecs.jpeg2k_decode(data, numthreads=1)

    settings = (24, 26, 28, 30, 32, 34, 36, 38, 40, 42)
    label = f"JPEG 2000 ({codecs.jpeg2k_version()}, 9/7)"
    return Contender("jpeg2000", label, settings, encode, decode)


PEERS: dict[str, Callable[[], Contender]] = {
    "jpeg": jpeg,
    "jpegli": jpegli,
    "webp": webp,
    "webp-m6": partial(webp, 6, "webp-m6"),
    "avif-iq": partial(avif, "iq"),
    "avif-ssim": partial(avif, "ssim"),
    "avif-psnr": partial(avif, "psnr"),
    "avif-fast": partial(avif, "iq", 9, "avif-fast"),
    "jxl": jxl,
    "jxl-fast": partial(jxl, 3, "jxl-fast"),
    "jpeg2000": jpeg2000,
}
_PILLOW_FEATURE = {"jpeg": "jpg", "webp": "webp", "avif": "avif"}
_IMAGECODECS_CODEC = {"jxl": "JPEGXL", "jpeg2000": "JPEG2K"}


def is_available(peer: str) -> bool:
    """Return whether the library is there that writes and reads this peer's format."""
    return why_absent(peer) is None


def why_absent(peer: str) -> str | None:
    """Return in a line why a peer cannot be measured here, None if it can."""
    kind = peer.split("-")[0]
    library = "Pillow" if kind in _PILLOW_FEATURE else "ajpegli" if kind == "jpegli" else "imagecodecs"
    if library != "Pillow" and importlib.util.find_spec(library) is None:
        return f"no {peer}: install {library}"
    if kind in _PILLOW_FEATURE:
        there = features.check(_PILLOW_FEATURE[kind])
    else:
        there = kind == "jpegli" or getattr(_imagecodecs(), _IMAGECODECS_CODEC[kind]).available
    if not there:
        return f"no {peer}: this {library} was built without it"
    if kind == "avif" and AvifImagePlugin.get_codec_version("aom") is None:
        return f"no {peer}: this Pillow was built without libaom"
    return None


def _imagecodecs() -> Any:
    import imagecodecs

    return imagecodecs


def _save(pixels: Pixels, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def _open(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))
