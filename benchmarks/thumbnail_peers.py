"""The codecs that thumbnails are measured beside, each in several ways.

At every size the best of all ways and settings counts, so a peer is at its best there. BlurHash and ThumbHash are as
their Python packages make them.
"""

import importlib.util
import io
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
from PIL import Image, features

from benchmarks import baselines
from benchmarks.baselines import Contender, Pixels

HASHES = ("blurhash", "thumbhash")
"""Those whose files have no header."""
_PACKAGES = {"blurhash": "blurhash", "thumbhash": "thash"}


def jpeg() -> list[Contender]:
    """Return JPEG with and without subsampled chroma, with standard and with optimised tables, and progressive."""
    label = f"JPEG (libjpeg-turbo {features.version('libjpeg_turbo')}, 4:2:0 and 4:4:4, all kinds of tables)"

    def way(**options: object) -> Contender:
        def encode(pixels: Pixels, setting: float) -> bytes:
            return _pillow(pixels, "JPEG", quality=round(setting), **options)

        return Contender("jpeg", label, tuple(range(1, 101)), encode, baselines.jpeg().decode)

    tables = ({"optimize": False}, {"optimize": True}, {"progressive": True})
    return [way(subsampling=chroma, **each) for chroma in ("4:2:0", "4:4:4") for each in tables]


def jpeg2000() -> list[Contender]:
    """Return JPEG 2000 codestreams, irreversible, in 2 to 4 resolutions; the setting is the size that is asked for."""
    label = f"JPEG 2000 (OpenJPEG {features.version('jpg_2000')}, 9/7, codestream)"

    def way(resolutions: int) -> Contender:
        def encode(pixels: Pixels, setting: float) -> bytes:
            layout = {"no_jp2": True, "num_resolutions": resolutions, "irreversible": True, "mct": 1}
            return _pillow(pixels, "JPEG2000", **layout, quality_mode="rates", quality_layers=[pixels.size / setting])

        return Contender("jpeg2000", label, tuple(range(150, 700, 6)), encode, baselines.jpeg().decode)

    return [way(resolutions) for resolutions in (2, 3, 4)]


def webp() -> list[Contender]:
    """Return WebP with the methods 4 and 6."""
    label = f"WebP (libwebp {features.version('webp')}, methods 4 and 6)"
    ways = [baselines.webp(method) for method in (4, 6)]
    return [Contender("webp", label, tuple(range(101)), way.encode, way.decode) for way in ways]


def avif() -> list[Contender]:
    """Return AVIF with and without subsampled chroma, tuned for the eye, SSIM and PSNR, at speed 0."""
    label = f"AVIF (libavif {features.version('avif')}, speed 0, 4:2:0 and 4:4:4, tune=iq, ssim and psnr)"
    decode = baselines.avif("iq").decode

    def way(chroma: str, tune: str) -> Contender:
        def encode(pixels: Pixels, setting: float) -> bytes:
            alone = {"codec": "aom", "speed": 0, "max_threads": 1, "autotiling": False}
            given = {"subsampling": chroma, "advanced": {"tune": tune}}
            return _pillow(pixels, "AVIF", quality=round(setting), **alone, **given)

        return Contender("avif", label, tuple(range(0, 101, 3)), encode, decode)

    return [way(chroma, tune) for chroma in ("4:2:0", "4:4:4") for tune in ("iq", "ssim", "psnr")]


def jxl() -> list[Contender]:
    """Return JPEG XL with the efforts 7 and 9; the setting is the distance from the original, negative."""
    import imagecodecs as codecs

    label = f"JPEG XL (libjxl {codecs.jpegxl_version().split()[-1]}, efforts 7 and 9)"

    def way(effort: int) -> Contender:
        def encode(pixels: Pixels, setting: float) -> bytes:
            return bytes(codecs.jpegxl_encode(pixels, distance=-setting, effort=effort, numthreads=1))

        return Contender("jxl", label, tuple(-np.geomspace(25, 0.5, 60)), encode, baselines.jxl().decode)

    return [way(effort) for effort in (7, 9)]


def blurhash() -> list[Contender]:
    """Return BlurHash with 4 x 3 to 9 x 9 components; the setting is their number, and a character is a byte."""
    import blurhash as package

    grids = {x * y: (x, y) for x, y in ((4, 3), (5, 5), (7, 6), (8, 7), (9, 9))}

    def encode(pixels: Pixels, setting: float) -> bytes:
        text: str = package.encode(pixels.tolist(), *grids[round(setting)])
        return text.encode()

    def decode(data: bytes, side_px: int = 32) -> Pixels:
        return np.array(package.decode(data.decode(), side_px, side_px), np.uint8)

    return [Contender("blurhash", f"BlurHash (blurhash {version('blurhash')})", tuple(grids), encode, decode)]


def thumbhash() -> list[Contender]:
    """Return ThumbHash, which has one size."""
    import thash

    def encode(pixels: Pixels, setting: float) -> bytes:
        return bytes(thash.encode(Image.fromarray(pixels), resize=False))

    def decode(data: bytes) -> Pixels:
        width, height, rgba = thash.thumb_hash_to_rgba(list(data))
        return np.frombuffer(bytes(rgba), np.uint8).reshape(height, width, 4)[:, :, :3]

    return [Contender("thumbhash", f"ThumbHash (thash {version('thash')})", (0,), encode, decode)]


PEERS: dict[str, Callable[[], list[Contender]]] = {
    "jpeg": jpeg,
    "jpeg2000": jpeg2000,
    "webp": webp,
    "avif": avif,
    "jxl": jxl,
    "blurhash": blurhash,
    "thumbhash": thumbhash,
}


def why_absent(peer: str) -> str | None:
    """Return in a line why a peer cannot be measured here, None if it can."""
    if peer in HASHES:
        package = _PACKAGES[peer]
        return None if importlib.util.find_spec(package) else f"no {peer}: install {package}"
    if peer == "jpeg2000":
        return None if features.check("jpg_2000") else "no jpeg2000: this Pillow was built without it"
    return baselines.why_absent("avif-iq" if peer == "avif" else peer)


def _pillow(pixels: Pixels, kind: str, **options: object) -> bytes:
    """Return a file in the format that Pillow calls `kind`."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()
