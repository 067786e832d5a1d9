"""Bytes to a Pillow picture that is not loaded yet: which format it is, and what is refused before any memory is taken.

The plugin of a format is asked by name. Image.open would try all of them, warn of large pictures by the limit of the
whole process, and lose the reason for which one is refused.
"""

from functools import cache
from importlib import import_module
from io import BytesIO
from pathlib import PurePath

from PIL import ImageFile

from runtime.errors import InputError
from runtime.pictures import containers
from runtime.pictures.exif import SUB_IFDS, Directory, Tiff
from runtime.pictures.suffixes import RAW

KINDS = "a PNG, JPEG, WebP, TIFF, AVIF, HEIC, GIF, JPEG 2000, PNM or BMP"
_CAMERA_RAW = "camera raw"
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
    *(
        (0, magic, _CAMERA_RAW)
        for magic in (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"\0MRM", b"FOVb")
    ),
    *((at, magic, _CAMERA_RAW) for at, magic in ((6, b"HEAPCCDR"), (4, b"ftypcrx "), (8, b"CR\2\0"))),
)
_PLUGINS = {
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

_SUBFILE_TYPE, _OLD_SUBFILE_TYPE, _BITS, _PHOTOMETRIC, _DNG_VERSION = 254, 255, 258, 262, 50706
_SINGLE = (_SUBFILE_TYPE, _OLD_SUBFILE_TYPE, 256, 257, 259, _PHOTOMETRIC, 266, 274, 277, 278, 284, 296, 317, 322, 323)
"""Tags of one number each."""
_REDUCED, _MASK, _OLD_REDUCED = 1, 4, 2
_SENSOR = (32803, 34892)
"""Photometric interpretations of raw samples: behind a colour filter, and linear."""


def kind_of(data: bytes, name: str) -> str:
    """Return the word for a file's format; raise InputError for what is none of ours."""
    found = next((kind for at, magic, kind in _MAGIC[::-1] if data.startswith(magic, at)), None)
    if data[4:8] == b"ftyp" and found is None:
        brands = bytes(data[8:12] + data[16 : min(int.from_bytes(data[:4]), 256)])
        if any(brand in brands for brand in (b"avif", b"avis")):
            found = "AVIF"
        elif any(brand in brands for brand in (b"hei", b"hev", b"mif1", b"msf1")):
            found = "HEIC"
    if found == "TIFF" and PurePath(name).suffix.lower() in RAW or found == _CAMERA_RAW:
        raise InputError(f"is {_CAMERA_RAW}; develop it to a TIFF or JPEG first")
    if found is None:
        raise InputError(f"is not a picture that we can read, or it is damaged; give {KINDS}")
    return found


def opened(data: bytes, kind: str) -> ImageFile.ImageFile:
    """Return a picture whose header alone has been read. Raise what its plugin does for bytes that it does not like."""
    if kind == "TIFF":
        _check_tiff(data)
        data = _black_is_zero(data)
    if kind == "WebP" and 8 + int.from_bytes(data[4:8], "little") > len(data):
        raise containers.cut_off(data)
    if kind == "JPEG":
        return _jpeg()(BytesIO(data))
    module, name = _PLUGINS[kind].split(":")
    try:
        plugin: type[ImageFile.ImageFile] = getattr(import_module(module), name)
    except ImportError:
        raise InputError(f"is a {kind}; to read it: pip install 'gargalo[heif]'") from None
    return plugin(BytesIO(data))


@cache
def _jpeg() -> type[ImageFile.ImageFile]:
    """Return Pillow's plugin without its look into EXIF for a resolution, which warns where EXIF is damaged."""
    from PIL.JpegImagePlugin import JpegImageFile

    class Jpeg(JpegImageFile):
        def _read_dpi_from_exif(self) -> None:
            pass

    return Jpeg


# --- TIFF -------------------------------------------------------------------------------------------------------------


def _check_tiff(data: bytes) -> None:
    """Raise InputError for a cut-off TIFF, camera raw, and a first picture that is but a copy or mask of another.

    Pillow would take what is left of the directory, after a warning, and the thumbnail in the first one.
    """
    tiff = Tiff(data)
    first = tiff.directory(tiff.first)
    if not first.whole or any(entry.start == entry.stop and entry.kind < 14 for entry in first.entries):
        raise containers.cut_off(data)
    told = numbers(tiff, first)
    if any(len(told.get(tag, [0])) > 1 for tag in _SINGLE):
        raise InputError("has a damaged directory; get another copy of it")
    below = [numbers(tiff, tiff.directory(at)) for at in told.get(SUB_IFDS, [])[:16]]
    pages = [numbers(tiff, page) for page in following(tiff)]
    dng = any(entry.tag == _DNG_VERSION for entry in first.entries)
    if dng or any(page.get(_PHOTOMETRIC, [0])[0] in _SENSOR for page in (told, *below, *pages)):
        raise InputError(f"is {_CAMERA_RAW}; develop it to a TIFF or JPEG first")
    if told.get(_SUBFILE_TYPE, [0])[0] & (_REDUCED | _MASK) or told.get(_OLD_SUBFILE_TYPE, [1])[0] == _OLD_REDUCED:
        raise InputError("is a TIFF whose first picture is a reduced copy or a mask of another; save that one alone")


def _black_is_zero(data: bytes) -> bytes:
    """Return a TIFF of which Pillow does not take 16-bit gray for white where it is 0, or refuse it, by byte order."""
    tiff = Tiff(data)
    entries = {entry.tag: entry for entry in tiff.directory(tiff.first).entries}
    told = {tag: tiff.numbers(entries[tag]) for tag in (_BITS, _PHOTOMETRIC) if tag in entries}
    if told != {_BITS: [16], _PHOTOMETRIC: [0]}:
        return data
    edited = bytearray(data)
    edited[entries[_PHOTOMETRIC].start : entries[_PHOTOMETRIC].stop] = (1).to_bytes(2, tiff.endian)
    return bytes(edited)


def numbers(tiff: Tiff, directory: Directory) -> dict[int, list[int]]:
    """Return tag -> values of the tags of whole numbers."""
    return {entry.tag: found for entry in directory.entries[::-1] if (found := tiff.numbers(entry))}


def following(tiff: Tiff) -> list[Directory]:
    """Return the directories of the pages behind the first one, 64 at most."""
    found: list[Directory] = []
    at = tiff.directory(tiff.first).next
    while at and at != tiff.first and at not in (page.at for page in found) and len(found) < 64:
        found.append(tiff.directory(at))
        at = found[-1].next
    return found


def main_pages(data: bytes) -> int:
    """Return how many pictures a TIFF has that are no copies or masks of others, the first one included."""
    tiff = Tiff(data)
    others = [numbers(tiff, page).get(_SUBFILE_TYPE, [0])[0] for page in following(tiff)]
    return 1 + sum(not kind & (_REDUCED | _MASK) for kind in others)
