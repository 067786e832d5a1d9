"""Bytes to a Pillow picture that is not loaded yet: which format it is, and what is refused before any memory is taken.

The plugin of a format is asked by name. Image.open would try all of them, warn of large pictures by the limit of the
whole process, and lose the reason for which one is refused.
"""

from importlib import import_module
from io import BytesIO
from pathlib import PurePath

from PIL import ImageFile

from runtime.errors import InputError
from runtime.pictures import containers, tiff
from runtime.pictures.suffixes import RAW
from runtime.pictures.tiff import CAMERA_RAW

KINDS = "a PNG, JPEG, WebP, TIFF, AVIF, HEIC, GIF, JPEG 2000, PNM or BMP"
_MAGIC = (
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (8, b"WEBP", "WebP"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    *((0, magic, "TIFF") for magic in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    *((0, b"P%d" % number, "PNM") for number in range(1, 7)),
    (0, b"BM", "BMP"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    *((0, magic, CAMERA_RAW) for magic in (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"\0MRM", b"FOVb")),
    *((at, magic, CAMERA_RAW) for at, magic in ((6, b"HEAPCCDR"), (4, b"ftypcrx "), (8, b"CR\2\0"))),
)
_PLUGINS = {
    "JPEG": "runtime.pictures.jpeg:Jpeg",
    "PNG": "PIL.PngImagePlugin:PngImageFile",
    "WebP": "PIL.WebPImagePlugin:WebPImageFile",
    "GIF": "PIL.GifImagePlugin:GifImageFile",
    "TIFF": "PIL.TiffImagePlugin:TiffImageFile",
    "PNM": "PIL.PpmImagePlugin:PpmImageFile",
    "BMP": "PIL.BmpImagePlugin:BmpImageFile",
    "JPEG 2000": "PIL.Jpeg2KImagePlugin:Jpeg2KImageFile",
    "AVIF": "PIL.AvifImagePlugin:AvifImageFile",
    "HEIC": "pillow_heif.as_plugin:HeifImageFile",
}


def kind_of(data: bytes, name: str) -> str:
    """Return the word for a file's format; raise InputError for what is none of ours."""
    kind = next((kind for at, magic, kind in _MAGIC[::-1] if data.startswith(magic, at)), None)
    if data[4:8] == b"ftyp" and kind is None:
        brands = bytes(data[8:12] + data[16 : min(int.from_bytes(data[:4]), 256)])
        if any(brand in brands for brand in (b"avif", b"avis")):
            kind = "AVIF"
        elif any(brand in brands for brand in (b"hei", b"hev", b"mif1", b"msf1")):
            kind = "HEIC"
    if kind == "TIFF" and PurePath(name).suffix.lower() in RAW or kind == CAMERA_RAW:
        raise InputError(f"is {CAMERA_RAW}; develop it to a TIFF or JPEG first")
    if kind is None:
        raise InputError(f"is not a picture that we can read, or it is damaged; give {KINDS}")
    return kind


def opened(data: bytes, kind: str) -> ImageFile.ImageFile:
    """Return a picture whose header alone has been read. Raise what its plugin does for bytes that it does not like."""
    if kind == "TIFF":
        tiff.check(data)
        data = tiff.black_is_zero(data)
    module, name = _PLUGINS[kind].split(":")
    try:
        plugin: type[ImageFile.ImageFile] = getattr(import_module(module), name)
    except ImportError:
        raise InputError(f"is a {kind}; to read it: pip install 'gargalo[heif]'") from None
    return plugin(BytesIO(data))


def webp_size(data: bytes) -> tuple[int, int]:
    """Return width and height of a WebP, whose plugin takes the memory of two pictures when it opens one.

    Raise InputError where the file is cut off.
    """
    if len(data) < 30 or 8 + int.from_bytes(data[4:8], "little") > len(data):
        raise containers.cut_off(data)
    if data[12:16] == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
