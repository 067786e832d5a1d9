"""What TIFF files say of their pictures, and which are refused: camera raw, and samples that Pillow takes for others.

Pillow would read what is left of a cut directory, after a warning, and the thumbnail that is the first picture of most
camera raw.
"""

from runtime.errors import InputError
from runtime.pictures import containers
from runtime.pictures.exif import SUB_IFDS, Directory, Tiff

CAMERA_RAW = "camera raw"
Tags = dict[int, list[int]]
"""The values of those tags that are whole numbers."""

SUBFILE_TYPE, OLD_SUBFILE_TYPE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 255, 256, 257, 258, 259, 262
FILL_ORDER, ORIENTATION, SAMPLES, ROWS, PLANAR, UNIT, PREDICTOR = 266, 274, 277, 278, 284, 296, 317
COLOURS, TILE_WIDTH, TILE_HEIGHT, INKS, EXTRA, FORMAT = 320, 322, 323, 332, 338, 339
STRIPS, TILES, _OLD_JPEG = 273, 324, 6
COEFFICIENTS, SUBSAMPLING, BLACK_WHITE, DNG_VERSION = 529, 530, 532, 50706
WHITE_IS_ZERO, RGB, CMYK, YCBCR, LAB, _SENSOR, _LINEAR_RAW = 0, 2, 5, 6, 8, 32803, 34892
"""Photometric interpretations."""
ASSOCIATED, UNASSOCIATED = 1, 2
"""Kinds of alpha."""
_REDUCED, _MASK, _OLD_REDUCED = 1, 4, 2
_SINGLE = (
    *(SUBFILE_TYPE, OLD_SUBFILE_TYPE, WIDTH, HEIGHT, COMPRESSION, PHOTOMETRIC, FILL_ORDER, ORIENTATION, SAMPLES, ROWS),
    *(PLANAR, UNIT, PREDICTOR, TILE_WIDTH, TILE_HEIGHT),
)
"""Tags of one number each."""
_PLANES = ((RGB, 8), (CMYK, 8))
"""Photometric interpretation and bits of which Pillow reads separate planes rightly."""
RARE = (34925, 50000)
"""LZMA, Zstandard."""
_COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32946, *RARE)
"""And none, CCITT, LZW, JPEG, deflate, PackBits."""
_MOST_PAGES = 64


def tags(data: bytes) -> Tags:
    """Return the tags of a TIFF's first picture."""
    tiff = Tiff(data)
    return _numbers(tiff, tiff.directory(tiff.first))


def main_pages(data: bytes) -> int:
    """Return how many pictures a TIFF has that are no copies or masks of others, the first one included."""
    kinds = [page.get(SUBFILE_TYPE, [0])[0] for page in _following(Tiff(data))]
    return 1 + sum(not kind & (_REDUCED | _MASK) for kind in kinds)


def check(data: bytes) -> None:
    """Raise InputError for a cut-off TIFF, camera raw, a first picture that is but a copy or mask of another, and
    samples that Pillow takes for others, or of which the file does not say what they are.
    """
    tiff = Tiff(data)
    if tiff.big and tiff.endian == "big":
        raise InputError("is a BigTIFF in big-endian order, which is not read; save it in the other")
    first = tiff.directory(tiff.first)
    if not first.whole or any(entry.start == entry.stop and entry.kind < 14 for entry in first.entries):
        raise containers.cut_off(data)
    tags = _numbers(tiff, first)
    if any(len(tags.get(tag, [0])) > 1 for tag in _SINGLE):
        raise InputError("has a damaged directory; get another copy of it")
    below = [_numbers(tiff, tiff.directory(at)) for at in tags.get(SUB_IFDS, [])[:_MOST_PAGES]]
    kinds = [page.get(PHOTOMETRIC, [0])[0] for page in (tags, *below, *_following(tiff))]
    names = {entry.tag for entry in first.entries}
    if DNG_VERSION in names or _SENSOR in kinds or _LINEAR_RAW in kinds:
        raise InputError(f"is {CAMERA_RAW}; develop it to a TIFF or JPEG first")
    if tags.get(SUBFILE_TYPE, [0])[0] & (_REDUCED | _MASK) or tags.get(OLD_SUBFILE_TYPE, [1])[0] == _OLD_REDUCED:
        raise InputError("is a TIFF whose first picture is a reduced copy or a mask of another; save that one alone")
    _check_blocks(tags)
    _check_samples(tags, other_ycbcr=COEFFICIENTS in names or BLACK_WHITE in names)


def _check_blocks(tags: Tags) -> None:
    """Raise InputError where there are too few strips or tiles for the size; Pillow would leave the rest black."""
    width, height = (tags.get(tag, [0])[0] for tag in (WIDTH, HEIGHT))
    wide, high = (tags.get(tag, [0])[0] for tag in (TILE_WIDTH, TILE_HEIGHT))
    if TILES not in tags:
        wide, high = width, min(tags.get(ROWS, [height])[0], height)
    if not all((width, height, wide, high)):
        raise InputError("has a damaged directory; get another copy of it")
    planes = tags.get(SAMPLES, [1])[0] if tags.get(PLANAR) == [2] else 1
    blocks = planes * -(-width // wide) * -(-height // high)
    if len(tags.get(TILES, tags.get(STRIPS, []))) < blocks and tags.get(COMPRESSION) != [_OLD_JPEG]:
        raise InputError("lacks parts of its picture; get another copy of it")


def _check_samples(tags: Tags, other_ycbcr: bool) -> None:
    bits, forms, extra = tags.get(BITS, [1]), tags.get(FORMAT, [1]), tags.get(EXTRA, [])
    photometric, samples = tags.get(PHOTOMETRIC, [-1])[0], tags.get(SAMPLES, [1])[0]
    if set(forms) != {1}:
        words = {2: "signed", 3: "floating-point"}
        form = next(words.get(form, "odd") for form in forms if form != 1)
        raise InputError(f"has {form} samples of {bits[0]} bits; convert it to unsigned ones of 8 or 16")
    if max(bits) > 16 or len(set(bits)) > 1:
        raise InputError(f"has samples of {', '.join(map(str, sorted(set(bits))))} bits; convert it to 8 or 16")
    if photometric > LAB:
        raise InputError(f"has colours of photometric interpretation {photometric}, which are not read; save it as PNG")
    own = {RGB: 3, CMYK: 4, YCBCR: 3, LAB: 3}.get(photometric, 1)
    if own < samples != own + len(extra) or set(extra) - {0, ASSOCIATED, UNASSOCIATED}:
        raise InputError(f"has {samples} samples a pixel and does not say what they are; save it with fewer")
    planes = tags.get(PLANAR, [1])[0] != 1 and samples > 1
    if planes and ((photometric, bits[0]) not in _PLANES or extra not in ([], [UNASSOCIATED])):
        raise InputError("has separate planes of samples other than 8-bit RGB or CMYK; save it with samples together")
    if (compression := tags.get(COMPRESSION, [1])[0]) not in _COMPRESSIONS:
        raise InputError(f"is compressed in a way that is not read ({compression}); save it with LZW")
    if photometric == CMYK and tags.get(INKS, [1])[0] != 1:
        raise InputError("has inks other than cyan, magenta, yellow and black; convert it to RGB")
    if photometric == YCBCR and samples > 1 and tags.get(COMPRESSION, [1])[0] == 1:  # Pillow takes it for JFIF's
        if tags.get(SUBSAMPLING) != [1, 1] or other_ycbcr:
            raise InputError("has YCbCr samples that are not read; convert it to RGB")


def black_is_zero(data: bytes) -> bytes:
    """Return a TIFF whose 16-bit gray, if 0 is white in it, is said to be the other way round; others as they are.

    Of such Pillow takes the tag for nothing in one byte order, and refuses it in the other.
    """
    tiff = Tiff(data)
    entries = {entry.tag: entry for entry in tiff.directory(tiff.first).entries}
    tags = {tag: tiff.numbers(entries[tag]) for tag in (BITS, PHOTOMETRIC) if tag in entries}
    if tags != {BITS: [16], PHOTOMETRIC: [WHITE_IS_ZERO]}:
        return data
    edited = bytearray(data)
    edited[entries[PHOTOMETRIC].start : entries[PHOTOMETRIC].stop] = (1).to_bytes(2, tiff.endian)
    return bytes(edited)


def _numbers(tiff: Tiff, directory: Directory) -> Tags:
    return {entry.tag: numbers for entry in directory.entries[::-1] if (numbers := tiff.numbers(entry))}


def _following(tiff: Tiff) -> list[Tags]:
    """Return the tags of the pages behind the first one, as far as they lead on."""
    offsets, pages = [tiff.first], []
    at = tiff.directory(tiff.first).next
    while at and at not in offsets and len(offsets) < _MOST_PAGES:
        offsets.append(at)
        directory = tiff.directory(at)
        pages.append(_numbers(tiff, directory))
        at = directory.next
    return pages
