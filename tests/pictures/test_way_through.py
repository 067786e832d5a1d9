"""From file to .gar to file by the commands: what other programs see of the metadata at the end."""

import json
import shutil
import struct
import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from made_payloads import FACES, OWNER, SECRET, THUMBNAIL, camera, packet, profile
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import TiffImageFile

from runtime.compress import main as compress
from runtime.container import EXIF, ICC, XMP, unpack
from runtime.decompress import main as decompress
from runtime.pictures.write import encode

SOURCES, TARGETS = (".jpg", ".png", ".webp", ".avif", ".tif"), (".jpg", ".png", ".webp", ".avif", ".tif")
FORMATS = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".avif": "AVIF", ".tif": "TIFF"}


def photo(width: int = 64, height: int = 48) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([4 * x % 256, 5 * y % 256, 255 - x], 2).astype(np.uint8))


def make(path: Path, exif: bytes = b"", icc: bytes = b"", xmp: bytes = b"") -> None:
    """Write a picture with metadata as Pillow does, unchecked, and a TIFF as we do."""
    if path.suffix == ".tif":
        given = {kind: payload for kind, payload in ((EXIF, exif), (ICC, icc), (XMP, xmp)) if payload}
        path.write_bytes(encode(np.asarray(photo()), ".tif", given))
        return
    text = PngInfo()
    if xmp:
        text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    options: dict[str, object] = {"pnginfo": text} if path.suffix == ".png" else {"xmp": xmp}
    options |= {"exif": b"Exif\0\0" + exif} if exif else {}
    photo().save(path, FORMATS[path.suffix], icc_profile=icc or None, **options)


def through(source: Path, target: Path, *words: str) -> None:
    assert compress([str(source), "-f", "-o", str(source.with_suffix(".gar"))]) == 0
    assert decompress([str(source.with_suffix(".gar")), "-f", "-o", str(target), *words]) == 0


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES[:4])
def test_all_that_was_said_is_there_at_the_end(source: str, target: str, order: str, tmp_path: Path) -> None:
    make(tmp_path / f"in{source}", camera(order, 6), profile(), packet('tiff:Orientation="6"'))
    through(tmp_path / f"in{source}", tmp_path / f"out{target}")
    with Image.open(tmp_path / f"out{target}") as seen:
        exif, text = seen.getexif(), seen.tag_v2[700] if isinstance(seen, TiffImageFile) else seen.info["xmp"]
        assert seen.size == (48, 64) and exif.get(274, 1) == 1
        assert (exif[271], exif[272], exif[282]) == ("Canon", "Canon EOS 5D", 300)
        assert exif.get_ifd(34665)[33434] == 1 / 250 and exif.get_ifd(34853)[28].endswith(SECRET)
        assert exif.get_ifd(34665).get(40962, 48) == 48 and exif.get_ifd(34665).get(40963, 64) == 64
        assert seen.info["icc_profile"] == profile() and b'Orientation="1"' in text
    data = (tmp_path / f"out{target}").read_bytes()
    assert OWNER in data or source == ".avif"  # Pillow writes EXIF anew there, and the place in the note is wrong
    assert THUMBNAIL not in data


@pytest.mark.parametrize("target", TARGETS)
def test_the_tags_of_a_tiff_go_on(target: str, tmp_path: Path) -> None:
    make(tmp_path / "in.tif", camera(), profile(), packet())
    through(tmp_path / "in.tif", tmp_path / f"out{target}")
    with Image.open(tmp_path / f"out{target}") as seen:
        exif = seen.getexif()
        assert (exif[271], exif[282], exif[296]) == ("Canon", 300, 2)
        assert exif.get_ifd(34665)[34855] == 200 and exif.get_ifd(34853)[28].endswith(SECRET)
        assert seen.info["icc_profile"] == profile()


def test_the_stream_has_true_payloads_as_they_are(tmp_path: Path) -> None:
    make(tmp_path / "p.jpg", camera(), profile(), packet())
    assert compress([str(tmp_path / "p.jpg")]) == 0
    _, sections = unpack((tmp_path / "p.gar").read_bytes())
    assert (sections[EXIF], sections[ICC], sections[XMP]) == (camera(), profile(), packet())


def test_strip_keeps_the_profile_and_no_gps_all_but_the_position(tmp_path: Path) -> None:
    make(tmp_path / "p.jpg", camera(), profile(), packet('exif:GPSLatitude="53,33N"'))
    assert compress([str(tmp_path / "p.jpg"), "--strip"]) == 0
    _, sections = unpack((tmp_path / "p.gar").read_bytes())
    assert sections[ICC] == profile() and not sections.keys() & {EXIF, XMP}
    assert compress([str(tmp_path / "p.jpg"), "--no-gps", "-f"]) == 0
    data = (tmp_path / "p.gar").read_bytes()
    assert SECRET not in data and b"53,33N" not in data and OWNER in data and b"xmp:Rating" in data


@pytest.mark.parametrize("suffix", SOURCES[:4])
def test_bad_metadata_never_keeps_a_picture_from_being_compressed(
    suffix: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / f"p{suffix}", b"", b"rubbish", b"<x:xmpmeta>")
    assert compress([str(tmp_path / f"p{suffix}")]) == 0
    warnings = capfd.readouterr().err.splitlines()
    assert len(warnings) == 2 and all("left out" in line for line in warnings)
    _, sections = unpack((tmp_path / "p.gar").read_bytes())
    assert not sections.keys() & {EXIF, ICC, XMP}


# --- regions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
def test_a_region_shows_nothing_of_the_whole_and_tells_its_own_size(
    target: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    thumbnails = "<xmp:Thumbnails><rdf:Alt><rdf:li>/9j/</rdf:li></rdf:Alt></xmp:Thumbnails>"
    make(tmp_path / "cam.jpg", camera(), profile(), packet('tiff:ImageWidth="64"', thumbnails + FACES))
    through(tmp_path / "cam.jpg", tmp_path / f"part{target}", "--region", "8,4,20,10")
    assert [" of the whole picture " in line for line in capfd.readouterr().err.splitlines()] == [True, True]
    data = (tmp_path / f"part{target}").read_bytes()
    assert THUMBNAIL not in data and OWNER not in data and b"Thumbnails>" not in data and b"mwg-rs:Region" not in data
    with Image.open(BytesIO(data)) as seen:
        assert seen.size == (20, 10) and seen.getexif()[271] == "Canon"
        assert b'tiff:ImageWidth="20"' in (seen.tag_v2[700] if isinstance(seen, TiffImageFile) else seen.info["xmp"])
        if target != ".tif":
            assert seen.getexif().get_ifd(34665)[40962] == 20 and seen.getexif().get_ifd(34665)[40963] == 10
    assert decompress([str(tmp_path / "cam.gar"), "-o", str(tmp_path / f"whole{target}")]) == 0
    assert OWNER in (tmp_path / f"whole{target}").read_bytes()


# --- gain maps and videos ---------------------------------------------------------------------------------------------


def segment(kind: int, body: bytes) -> bytes:
    return bytes([0xFF, kind]) + struct.pack(">H", len(body) + 2) + body


def jpeg(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def index(first: int, second: int, at: int) -> bytes:
    """Return a multi-picture index of two pictures: their lengths, and where the second is."""
    fields = struct.pack("<HHI4s", 0xB000, 7, 4, b"0100") + struct.pack("<HHII", 0xB001, 4, 1, 2)
    fields += struct.pack("<HHII", 0xB002, 7, 32, 50)
    entries = struct.pack("<IIIHH", 0x030000, first, 0, 0, 0) + struct.pack("<IIIHH", 0, second, at, 0, 0)
    return segment(0xE2, b"MPF\0II*\0" + struct.pack("<IH", 8, 3) + fields + bytes(4) + entries)


ITEMS = (
    "<Container:Directory><rdf:Seq><rdf:li rdf:parseType='Resource'><Container:Item Item:Semantic='Primary'/></rdf:li>"
    "<rdf:li rdf:parseType='Resource'><Container:Item Item:Semantic='{}' Item:Length='5000'/></rdf:li></rdf:Seq>"
    "</Container:Directory>"
)
ULTRA_HDR = ('hdrgm:Version="1.0"', ITEMS.format("GainMap"), "gain map")
MOTION = [
    ('GCamera:MicroVideo="1" GCamera:MicroVideoVersion="1" GCamera:MicroVideoOffset="5020"', "", "video"),
    ('GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1"', ITEMS.format("MotionPhoto"), "video"),
]


@pytest.mark.parametrize("attributes, properties, word", [ULTRA_HDR, *MOTION])
def test_what_is_left_behind_is_told_and_not_promised_on(
    attributes: str, properties: str, word: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    base, text = jpeg(photo()), segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet(attributes, properties))
    if word == "gain map":
        gain = jpeg(photo(32, 24).convert("L"))
        size = len(base) + len(text) + len(index(0, 0, 0))
        data = base[:2] + text + index(size, len(gain), size - (2 + len(text) + 8)) + base[2:] + gain
    else:
        data = base[:2] + text + base[2:] + struct.pack(">I", 20) + b"ftypmp42" + bytes(5008)
    (tmp_path / "phone.jpg").write_bytes(data)
    through(tmp_path / "phone.jpg", tmp_path / "out.jpg")
    warnings = capfd.readouterr().err
    assert word in warnings and all(line.startswith("gargalo: warning: ") for line in warnings.splitlines())
    with Image.open(tmp_path / "out.jpg") as seen:
        assert seen.format == "JPEG" and b'xmp:Rating="4"' in seen.info["xmp"]
        assert not any(
            said in seen.info["xmp"]
            for said in (
                b"hdrgm:Version",
                b"Semantic",
                b"GainMap",
                b'MicroVideo="',
                b"MicroVideoOffset",
                b"MotionPhoto",
            )
        )


# --- exiftool ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("exiftool"), reason="needs exiftool")
def test_exiftool_finds_nothing_wrong_at_the_end(tmp_path: Path) -> None:
    """After turning, in a region, from a TIFF, with one density or none."""
    (tmp_path / "out").mkdir()
    for name, orientation, words in [("whole", 1, ()), ("turned", 6, ()), ("part", 8, ("--region", "8,4,20,10"))]:
        make(tmp_path / f"{name}.jpg", camera(">", orientation), b"", packet(f'tiff:Orientation="{orientation}"'))
        for target in TARGETS:
            through(tmp_path / f"{name}.jpg", tmp_path / "out" / f"{name}{target}", *words)
    make(tmp_path / "tagged.tif", camera(), b"", packet())
    make(tmp_path / "bare.tif")
    Image.new("L", (64, 48)).save(tmp_path / "pillow.tif", dpi=(300, 300), description="Gargalo")
    photo().save(tmp_path / "dense.png", dpi=(300, 300))
    for target in TARGETS:
        through(tmp_path / "dense.png", tmp_path / "out" / f"dense{target}")
    for name in ("tagged", "bare", "pillow"):
        for target in TARGETS:
            through(tmp_path / f"{name}.tif", tmp_path / "out" / f"{name}{target}")
    command = ["exiftool", "-j", "-a", "-G4", "-validate", "-warning", "-error", str(tmp_path / "out")]
    seen = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert len(seen) == 35
    for file in seen:
        assert [value for name, value in file.items() if name != "SourceFile"] == ["OK"], file
