"""Metadata out of each format, and a note for each thing that a .gar file does not hold."""

import io
import struct
import zlib

import numpy as np
import pytest
from made_payloads import THUMBNAIL, camera, packet
from pictures.files.bmff import TURNS, box
from pictures.files.bmp import V4, V5, bmp
from pictures.files.case import gray, rgb
from pictures.files.exif import exif, xmp
from pictures.files.heic import heic
from pictures.files.jp2 import jp2
from pictures.files.jpeg import jpeg, segment
from pictures.files.png import chunk, png
from pictures.files.tiff import RGB, one, page, tiff
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from runtime.container import EXIF, ICC, XMP
from runtime.pictures import read

MARK, XAP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
VIDEO = struct.pack(">I", 20) + b"ftypmp42" + bytes(500)
PICTURE = jpeg(rgb())


def notes(data: bytes, name: str = "x") -> str:
    return "\n".join(read.decode(data, name).notes)


def saved(form: str, mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb().astype(np.uint8)).convert(mode).save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [PICTURE, png(rgb(), 2, 8), png(gray(), 0, 8), one(rgb(), RGB), *map(saved, ("WEBP", "AVIF", "GIF", "BMP", "PPM"))],
)
def test_a_plain_picture_has_no_notes(data: bytes) -> None:
    assert notes(data) == ""


# --- JPEG -------------------------------------------------------------------------------------------------------------


def test_exif_in_several_segments_is_put_together() -> None:
    long = exif(6) + bytes(70_000)
    data = jpeg(rgb(), b"".join(segment(0xE1, MARK + long[at : at + 60_000]) for at in range(0, len(long), 60_000)))
    picture = read.decode(data, "p.jpg")
    assert picture.metadata[EXIF] == exif(1) + bytes(70_000)
    assert picture.pixels.shape == (38, 27, 3)


def multi_picture(kind: int) -> bytes:
    """Return the segment of a JPEG with a second picture of a kind (CIPA DC-007)."""
    entries = struct.pack(">IIIHH", 0x030000, 0, 0, 0, 0) + struct.pack(">IIIHH", kind, 900, 9000, 0, 0)
    index = b"MM\0*\0\0\0\x08" + struct.pack(">H", 3) + struct.pack(">HHI4s", 0xB000, 7, 4, b"0100")
    index += struct.pack(">HHII", 0xB001, 4, 1, 2) + struct.pack(">HHII", 0xB002, 7, 32, 50) + bytes(4)
    return segment(0xE2, b"MPF\0" + index + entries)


GAIN_MAP_XMP = segment(0xE1, XAP + packet('hdrgm:Version="1.0"'))
APPLE = segment(
    0xE1, XAP + b'<x HDRGainMap:HDRGainMapVersion="65536" xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/"/>'
)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (jpeg(rgb(), GAIN_MAP_XMP + multi_picture(0)) + jpeg(gray()), "gain map"),
        (jpeg(rgb(), segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4)) + multi_picture(0)), "gain map"),
        (jpeg(rgb(), multi_picture(0)) + jpeg(gray(), APPLE), "gain map"),
        (jpeg(rgb(), multi_picture(0x020002)) + jpeg(gray()), "only the first one"),
        (jpeg(rgb(), segment(0xE1, XAP + packet('GCamera:MicroVideo="1"'))) + VIDEO, "motion video"),
        (PICTURE + b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data" + b"MotionPhoto_Data" + VIDEO, "motion video"),
        (jpeg(rgb(), segment(0xFE, b"made by hand")), "comment"),
        (jpeg(rgb(), segment(0xED, b"Photoshop 3.0\x008BIM\4\4\0\0\0\0\0\4abcd")), "IPTC"),
        (jpeg(rgb(), segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40))), "XMP goes on"),
        (jpeg(rgb(), segment(0xE1, MARK + exif(1)), dpi=(300, 300)), "300 dpi"),
        (jpeg(rgb(), segment(0xE0, b"JFIF\0\1\1\0" + struct.pack(">HHH", 2, 1, 0)), without=0xE0), "not square, 2:1"),
        (jpeg(rgb(), segment(0xE2, b"ICC_PROFILE\0\1\2" + bytes(200))), "parts of its ICC are missing"),
    ],
)
def test_what_a_jpeg_loses_is_told_once(data: bytes, told: str) -> None:
    said = read.decode(data, "p.jpg").notes
    assert len(said) == 1 and told in said[0]


@pytest.mark.parametrize("kind", [0x010001, 0x010002])
def test_a_preview_of_the_picture_itself_is_no_loss(kind: int) -> None:
    assert notes(jpeg(rgb(), multi_picture(kind)) + jpeg(gray())) == ""


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "TIFF"])
def test_a_resolution_becomes_exif_unless_it_is_that_of_a_screen(form: str) -> None:
    for dpi in (72, 96):
        picture = read.decode(saved(form, dpi=(dpi, dpi)), "x")
        assert picture.notes == () and (form == "TIFF" or EXIF not in picture.metadata)
    picture = read.decode(saved(form, dpi=(300, 150)), "x")
    seen = Image.Exif()
    seen.load(picture.metadata[EXIF])
    assert picture.notes == () and seen[296] == 2
    assert float(seen[282]) == pytest.approx(300, 1e-3) and float(seen[283]) == pytest.approx(150, 1e-3)


def test_damaged_metadata_of_a_jpeg_is_left_out_with_a_note_and_no_warning() -> None:
    """Pillow looks into EXIF for a resolution, and warns where it is damaged."""
    for payload in (b"rubbish", b"II*\0\xff\xff\xff\xff", exif(1)[:-8]):
        assert "EXIF is left out" in notes(jpeg(rgb(), segment(0xE1, MARK + payload)))


# --- PNG --------------------------------------------------------------------------------------------------------------


def raw_profile(name: bytes, payload: bytes, deflated: bool) -> bytes:
    """Return a text chunk as ImageMagick, exiv2 and digiKam write it."""
    digits = payload.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72)).encode()
    text = b"\n%s\n%8d\n%s\n" % (name, len(payload), lines)
    key = b"Raw profile type " + name + b"\0"
    return chunk(b"zTXt", key + b"\0" + zlib.compress(text)) if deflated else chunk(b"tEXt", key + text)


@pytest.mark.parametrize("deflated", [False, True])
@pytest.mark.parametrize(
    ("name", "payload", "kind"),
    [
        (b"exif", MARK + exif(6), EXIF),
        (b"APP1", MARK + exif(6), EXIF),
        (b"APP1", XAP + xmp(6), XMP),
        (b"xmp", xmp(6), XMP),
    ],
)
def test_raw_profiles_in_texts_are_metadata(name: bytes, payload: bytes, kind: int, deflated: bool) -> None:
    picture = read.decode(png(rgb(), 2, 8, raw_profile(name, payload, deflated)), "p.png")
    assert picture.notes == () and picture.metadata == {kind: {EXIF: exif(1), XMP: xmp(1)}[kind]}
    assert np.array_equal(picture.pixels, np.rot90(rgb(), -1))


def test_a_colour_profile_in_a_text_is_one() -> None:
    profile = (132).to_bytes(4, "big") + bytes(12) + b"RGB XYZ " + bytes(12) + b"acsp" + bytes(92)
    picture = read.decode(png(rgb(), 2, 8, raw_profile(b"icc", profile, True)), "p.png")
    assert picture.metadata == {ICC: profile}


@pytest.mark.parametrize("name", [b"iptc", b"8bim", b"exif"])
def test_other_raw_profiles_and_damaged_ones_are_told(name: bytes) -> None:
    text = chunk(b"tEXt", b"Raw profile type " + name + b"\0\n" + name + b"\n 4\nxyz!\n")
    assert notes(png(rgb(), 2, 8, text)).upper() == f"ITS {name.decode().upper()} IS LEFT OUT"


def test_the_chunk_of_exif_counts_before_a_text() -> None:
    both = raw_profile(b"exif", exif(6), True) + chunk(b"eXIf", exif(3))
    assert np.array_equal(read.decode(png(rgb(), 2, 8, both), "p.png").pixels, rgb()[::-1, ::-1])


def test_texts_of_a_png_are_told() -> None:
    text = PngInfo()
    text.add_text("Title", "a title")
    text.add_itxt("Comment", "a comment")
    text.add_text("date:create", "ImageMagick's")
    assert notes(saved("PNG", pnginfo=text)) == "its texts are left out: Title, Comment"


@pytest.mark.parametrize("name", [b"transparency", b"interlace", b"gamma", b"dpi", b"icc_profile", b"exif", b"xmp"])
def test_a_text_is_not_taken_for_what_a_chunk_says(name: bytes) -> None:
    """Pillow keeps both under the same name: an interlace that there is not would shuffle the rows."""
    text = chunk(b"tEXt", name + b"\0some text")
    for data in (png(rgb(), 2, 8, text), png(gray(), 0, 8, after=text)):
        picture = read.decode(data, "p.png")
        assert np.array_equal(picture.pixels, rgb() if data[25] else gray()) and picture.metadata == {}
        assert len(picture.notes) == 1 and "texts" in picture.notes[0]


def test_of_an_animated_png_the_picture_is_read_whatever_its_frames_are() -> None:
    """Pillow refuses the whole file where the numbers of its frames are not in order, or warns."""
    frames = chunk(b"acTL", bytes(8)) + chunk(b"fcTL", bytes(3))
    picture = read.decode(png(rgb(), 2, 8, frames), "p.png")
    assert np.array_equal(picture.pixels, rgb())
    assert picture.notes == ("an animation: only its first frame is used",)


@pytest.mark.parametrize(
    "bad",
    [
        chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(64 << 20), 9)),
        chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(64 << 20), 9)),
        chunk(b"zTXt", b"x\0\7rubbish"),
        chunk(b"tEXt", b"a\0b")[:-1] + b"?",
    ],
)
def test_a_bad_text_or_profile_never_keeps_a_png_from_being_read(bad: bytes) -> None:
    for data in (png(rgb(), 2, 8, before=bad), png(rgb(), 2, 8, after=bad)):
        picture = read.decode(data, "p.png")
        assert np.array_equal(picture.pixels, rgb()) and picture.metadata == {}


# --- other formats ----------------------------------------------------------------------------------------------------


def test_what_a_tiff_tells_is_exif() -> None:
    data = one(rgb(), RGB, more={271: (2, b"Gargalo\0"), 700: (1, list(xmp(1)))})
    picture = read.decode(data, "p.tif")
    assert Image.open(io.BytesIO(data)).getexif()[271] == "Gargalo"
    assert b"Gargalo" in picture.metadata[EXIF] and picture.metadata[XMP] == xmp(1)


def test_pages_iptc_and_photoshop_data_of_a_tiff_are_told() -> None:
    assert "only the first one" in notes(tiff(page(rgb(), RGB), page(gray(), 1)))
    assert notes(tiff(page(rgb(), RGB), page(gray(), 1) | {254: (4, [1])})) == ""
    assert "IPTC" in notes(one(rgb(), RGB, more={33723: (7, b"\x1c\2\5\0\1x")}))


@pytest.mark.parametrize("form", ["GIF", "WEBP", "AVIF", "PNG"])
def test_of_an_animation_the_first_frame_is_taken_with_a_note(form: str) -> None:
    frames = [Image.fromarray(np.roll(rgb(), 9 * n, 1).astype(np.uint8)) for n in range(3)]
    file = io.BytesIO()
    options = {"lossless": True} if form == "WEBP" else {}
    frames[0].save(file, form, save_all=True, append_images=frames[1:], **options)
    picture = read.decode(file.getvalue(), "x")
    assert picture.notes == ("an animation: only its first frame is used",)
    if form in ("WEBP", "PNG"):
        assert np.array_equal(picture.pixels[..., :3], rgb())


def test_comments_of_gif_and_jpeg_2000_are_told() -> None:
    assert notes(saved("GIF", comment=b"by hand")) == "its comment is left out"
    assert "comment" in notes(saved("JPEG2000", comment="by hand"))


@pytest.mark.parametrize(
    ("head", "space", "told"), [(V4, bytes(4), True), (V5, b"DEBM", True), (V5, b"BGRs", False), (V4, b" niW", False)]
)
def test_colours_that_a_bmp_tells_are_told(head: int, space: bytes, told: bool) -> None:
    data = bytearray(bmp(rgb() @ (1 << 16, 1 << 8, 1), 24, 0, head))
    data[70:74] = space
    assert ("its colour profile is left out" in notes(bytes(data))) == told


def test_metadata_and_profile_of_jpeg_2000_are_kept() -> None:
    profile = (132).to_bytes(4, "big") + bytes(12) + b"RGB XYZ " + bytes(12) + b"acsp" + bytes(92)
    data = saved("JPEG2000")
    at = data.index(b"colr") - 4
    length = int.from_bytes(data[at : at + 4])
    head = data.index(b"jp2h") - 4
    restricted = box(b"colr", b"\2\0\0" + profile)
    longer = int.from_bytes(data[head : head + 4]) + len(restricted) - length
    data = data[:head] + longer.to_bytes(4, "big") + data[head + 4 : at] + restricted + data[at + length :]
    uuids = box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac"), xmp(1))
    uuids += box(b"uuid", b"JpgTiffExif->JP2", exif(1))
    end = data.index(b"jp2c") - 4
    picture = read.decode(data[:end] + uuids + data[end:], "p.jp2")
    assert picture.metadata == {ICC: profile, XMP: xmp(1), EXIF: exif(1)}
    assert read.decode(jp2(rgb(), 16), "p.jp2").metadata == {}


@pytest.mark.parametrize(
    ("inside", "told"),
    [
        (box(b"infe", b"\2\0\0\0\0\x09\0\0tmap\0"), "gain map"),
        (box(b"auxC", bytes(4), b"urn:com:apple:photo:2020:aux:hdrgainmap\0"), "gain map"),
        (box(b"auxC", bytes(4), b"urn:mpeg:hevc:2015:auxid:2\0"), "auxiliary"),
        (box(b"auxC", bytes(4), b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"), ""),
    ],
)
def test_what_lies_beside_the_picture_of_an_avif_is_told(inside: bytes, told: str) -> None:
    """The boxes stand at the end of meta, where no decoder looks for them but where we do."""
    data = saved("AVIF")
    start = data.index(b"meta") - 4
    length = int.from_bytes(data[start : start + 4])
    stop = start + length
    moved = len(inside)
    place = data.index(b"iloc")
    body = bytearray(data[start:stop])
    at = place - start + 4
    assert body[at] == 0 and body[at + 4] == 0x44  # version 0, four bytes for places and lengths
    for item in range(int.from_bytes(body[at + 6 : at + 8])):
        where = at + 8 + 14 * item + 6
        body[where : where + 4] = (int.from_bytes(body[where : where + 4]) + moved).to_bytes(4, "big")
    meta = (length + moved).to_bytes(4, "big") + bytes(body[4:]) + inside
    assert told in notes(data[:start] + meta + data[stop:]) and (told or notes(data[:start] + meta + data[stop:]) == "")


def test_a_motion_video_in_a_heic_is_told() -> None:
    assert "motion video" in notes(saved("AVIF") + box(b"mpvd", VIDEO))


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_thumbnail_of_a_turned_heic_goes(orientation: int) -> None:
    pytest.importorskip("pillow_heif")
    told = ((b"Exif", bytes(4) + camera("<", orientation)),)
    data = heic(gray(64, 128), turns=TURNS[orientation], payloads=told)
    picture = read.decode(data, "p.heic")
    assert picture.pixels.shape[:2] == ((64, 128) if orientation == 1 else (128, 64))
    assert (THUMBNAIL in picture.metadata[EXIF]) == (orientation == 1)


def test_avif_with_damaged_exif_is_read_without() -> None:
    """Pillow would refuse it."""
    file = io.BytesIO()
    made = Image.Exif()
    made[271] = "Gargalo"
    Image.fromarray(rgb().astype(np.uint8)).save(file, "AVIF", exif=made)
    data = file.getvalue()
    at = data.index(b"MM\0*")
    picture = read.decode(data[:at] + b"rubbish!" + data[at + 8 :], "p.avif")
    assert picture.metadata == {} and "left out" in picture.notes[0]
    assert b"Gargalo" in read.decode(data, "p.avif").metadata[EXIF]


@pytest.mark.parametrize(
    "data",
    [
        jpeg(rgb(), segment(0xEB, b"JP\0\1\0\0\0\1\0\0\0\x20jumb\0\0\0\x18jumdc2pa" + bytes(20))),
        png(rgb(), 2, 8, chunk(b"caBX", b"\0\0\0\x20jumb\0\0\0\x18jumdc2pa" + bytes(20))),
    ],
    ids=["JPEG", "PNG"],
)
def test_content_credentials_are_told(data: bytes) -> None:
    assert notes(data).startswith("its content credentials") and "\n" not in notes(data)


@pytest.mark.parametrize(
    ("number", "body"),
    [(0xE0, b"II\x1a\0\0\0HEAPJPGM"), (0xE1, b"FLIR\0\1\0\0"), (0xE2, b"FPXR\0"), (0xEC, b"OLYMPUS OPTICAL CO.")],
    ids=["CIFF", "thermal", "Flashpix", "PictureInfo"],
)
def test_segments_that_we_do_not_know_are_told(number: int, body: bytes) -> None:
    said = notes(jpeg(rgb(), segment(number, body + bytes(40)) + segment(0xEC, b"Ducky\0\1\0\4\0\0\0\x50")))
    assert said == f"its further data are left out: APP{number - 0xE0}"
