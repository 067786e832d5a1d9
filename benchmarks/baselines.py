"""The codecs that we measure, ours and its classical peers, behind one interface.

Peers are encoded by Pillow in the same process as ours, each on one thread, into real file bytes.
Their settings are fixed here, so that two runs compare against the same peer curves.
"""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import AvifImagePlugin, Image, features

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


def gargalo(codec: Codec, qualities: Iterable[float]) -> Contender:
    """Return our codec as a contender, measured at the given qualities (1..100)."""
    return Contender("gargalo", "gargalo", tuple(sorted(qualities)), codec.encode, codec.decode)


def jpeg() -> Contender:
    """Return baseline JPEG, 4:2:0, with Huffman tables optimised for each picture."""

    def encode(pixels: Pixels, setting: float) -> bytes:
        return _save(pixels, "JPEG", quality=round(setting), optimize=True)

    # 5..98 spans about 24..42 dB on photographs
    settings = (5, 10, 15, 25, 35, 50, 65, 75, 85, 90, 95, 98)
    label = f"JPEG (libjpeg-turbo {features.version('libjpeg_turbo')}, optimised, 4:2:0)"
    return Contender("jpeg", label, settings, encode, _open)


def webp() -> Contender:
    """Return lossy WebP with method 4, the default effort of its tools."""

    def encode(pixels: Pixels, setting: float) -> bytes:
        return _save(pixels, "WEBP", quality=setting, method=4)

    settings = (0, 5, 15, 30, 45, 60, 75, 82, 88, 93, 97, 100)
    return Contender("webp", f"WebP (libwebp {features.version('webp')}, method 4)", settings, encode, _open)


def avif() -> Contender:
    """Return AVIF with speed 6, 4:4:4, without tiles, on one thread both ways."""

    def encode(pixels: Pixels, setting: float) -> bytes:
        return _save(
            pixels,
            "AVIF",
            quality=round(setting),
            speed=6,
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
    label = f"AVIF (libavif {features.version('avif')}, speed 6, 4:4:4)"
    return Contender("avif", label, settings, encode, decode)


PEERS: dict[str, Callable[[], Contender]] = {"jpeg": jpeg, "webp": webp, "avif": avif}
_PILLOW_FEATURE = {"jpeg": "jpg", "webp": "webp", "avif": "avif"}


def is_available(peer: str) -> bool:
    """Return whether the installed Pillow can write and read this peer's format."""
    return bool(features.check(_PILLOW_FEATURE[peer]))


def _save(pixels: Pixels, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def _open(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))
