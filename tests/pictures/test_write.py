"""Pixels to picture files: other libraries see the same pixels and all of the metadata, and exiftool finds nothing."""

import json
import shutil
import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_payloads import OWNER, SECRET, THUMBNAIL, camera
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import TiffImageFile

from runtime.container import EXIF, ICC, XMP
from runtime.errors import InputError
from runtime.pictures import exif, write
from runtime.pictures.suffixes import SUFFIXES

RGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4" xmp:Label="Straße"/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>""".encode()
LOSSLESS = (".png", ".tif", ".tiff", ".bmp", ".webp", ".ppm")
METADATA = (".png", ".jpg", ".webp", ".tif", ".avif")


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8)


def payloads(order: str = "<") -> dict[int, bytes]:
    return {EXIF: camera(order), ICC: RGB_PROFILE, XMP: PACKET}


def encoded(pixels: np.ndarray, suffix: str, given: dict[int, bytes] | None = None) -> bytes:
    """Return a file about which there is nothing to tell."""
    notes: list[str] = []
    data = write.encode(pixels, suffix, given, notes)
    assert notes == []
    return data


# --- pixels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(13, 9), (13, 9, 3), (13, 9, 4), (1, 1), (1, 1, 3), (1, 300, 3), (300, 1, 4)])
@pytest.mark.parametrize("suffix", LOSSLESS)
def test_opencv_sees_the_pixels_that_were_written(suffix: str, shape: tuple[int, ...]) -> None:
    image = noise(*shape)
    if shape[2:] == (4,):
        if suffix in (".ppm", ".bmp"):
            pytest.skip("has no alpha")
        image[..., 3] |= 1  # WebP drops the colour under alpha 0, and OpenCV multiplies TIFF's
    if shape[2:] == (4,) and suffix.startswith(".tif"):
        image[..., 3] = 255
    original = image.copy()
    seen = cv2.imdecode(np.frombuffer(encoded(image, suffix), np.uint8), cv2.IMREAD_UNCHANGED)
    assert seen is not None
    assert np.array_equal(image, original)
    if image.ndim == 2 and suffix in (".webp", ".ppm"):  # these have no gray
        image = np.dstack([image] * 3)
    assert np.array_equal(
        seen, image[..., [2, 1, 0, 3][: shape[2] if len(shape) == 3 else 3]] if image.ndim == 3 else image
    )


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".avif"])
def test_quality_95_keeps_gray_gray_and_red_red(suffix: str) -> None:
    with Image.open(BytesIO(encoded(np.full((16, 16), 99, np.uint8), suffix))) as seen:
        assert np.abs(np.asarray(seen.convert("RGB")).astype(int) - 99).max() <= 1
        assert seen.mode == "L" or suffix == ".avif"  # in whose file it is gray, but Pillow reads no gray from it
    with Image.open(BytesIO(encoded(np.full((16, 16, 3), (200, 20, 40), np.uint8), suffix))) as seen:
        assert np.abs(np.asarray(seen.convert("RGB")).astype(int) - (200, 20, 40)).max() <= 4


def test_a_jpeg_keeps_the_colours_of_single_pixels() -> None:
    """With chroma of 4:2:0 these would be a dull red all over."""
    dots = np.zeros((32, 32, 3), np.uint8)
    dots[::2, ::2] = (255, 0, 0)
    with Image.open(BytesIO(encoded(dots, ".jpg"))) as seen:
        assert np.abs(np.asarray(seen).astype(int) - dots).max() < 60


def test_tifffile_sees_alpha_that_is_not_multiplied() -> None:
    tifffile = pytest.importorskip("tifffile")
    image = noise(20, 30, 4)
    with tifffile.TiffFile(BytesIO(encoded(image, ".tif", payloads()))) as file:
        assert [int(kind) for kind in file.pages[0].extrasamples] == [2] and len(file.pages) == 1
        if pytest.importorskip("imagecodecs"):
            assert np.array_equal(file.asarray(), image)


@pytest.mark.parametrize("suffix", [".jpg", ".ppm", ".bmp"])
def test_alpha_is_never_dropped_in_silence(suffix: str) -> None:
    with pytest.raises(InputError, match="alpha"):
        write.encode(noise(4, 4, 4), suffix)


@pytest.mark.parametrize("suffix, side", [(".webp", 16_384), (".jpg", 65_501), (".avif", 32_769), (".png", 1_000_001)])
def test_a_picture_too_wide_for_its_format_is_refused(suffix: str, side: int) -> None:
    with pytest.raises(InputError, match=f"{side}x1 pixels are too many for {suffix}, at most {side - 1} a side"):
        write.encode(noise(1, side), suffix)
    with pytest.raises(InputError, match=f"1x{side}"):
        write.encode(noise(side, 1), suffix)


@pytest.mark.parametrize("suffix, side", [(".webp", 16_383), (".jpg", 65_500)])
def test_the_widest_picture_is_written(suffix: str, side: int) -> None:
    with Image.open(BytesIO(encoded(noise(1, side, 3), suffix))) as seen:
        assert seen.size == (side, 1)


@pytest.mark.parametrize("name", ["p.gar", "p", "p.txt", "p.heic", "p.gif"])
def test_an_unknown_suffix_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.png"):
        write.write(tmp_path / name, noise(4, 4))
    assert list(tmp_path.iterdir()) == []


def test_a_suffix_in_capitals_is_known(tmp_path: Path) -> None:
    write.write(tmp_path / "P.JPEG", noise(8, 8))
    assert (tmp_path / "P.JPEG").read_bytes().startswith(b"\xff\xd8\xff")


def test_a_pillow_without_a_format_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(Image.SAVE, "AVIF", raising=False)
    monkeypatch.setattr(Image, "init", lambda: False)
    with pytest.raises(InputError, match="built without"):
        write.encode(noise(8, 8, 3), ".avif")


def test_opencv_is_not_loaded_to_write_a_picture() -> None:
    script = f"""
import sys, numpy
from runtime.pictures import write
for suffix in {SUFFIXES}:
    write.encode(numpy.zeros((8, 8, 3), numpy.uint8), suffix)
assert "cv2" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


# --- metadata ---------------------------------------------------------------------------------------------------------


def found(data: bytes) -> dict[int, bytes]:
    """Return the payloads that Pillow finds in a file; of a TIFF its profile and packet alone."""
    with Image.open(BytesIO(data)) as seen:
        info = dict(seen.info)
        if isinstance(seen, TiffImageFile):
            return {ICC: info["icc_profile"], XMP: seen.tag_v2[exif.XMP]}
    names = {EXIF: "exif", ICC: "icc_profile", XMP: "xmp"}
    return {kind: info[name].removeprefix(b"Exif\0\0") for kind, name in names.items() if name in info}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("shape", [(48, 64, 3), (48, 64, 4)])
@pytest.mark.parametrize("suffix", METADATA)
def test_what_is_put_into_a_file_is_found_in_it(suffix: str, shape: tuple[int, ...], order: str) -> None:
    if suffix == ".jpg" and shape[2] == 4:
        pytest.skip("JPEG has no alpha")
    given = payloads(order)
    seen = found(encoded(noise(*shape), suffix, given))
    if suffix == ".tif":
        del given[EXIF]
    elif suffix == ".avif":  # how its pixels lie is told by boxes
        given[EXIF] = exif.without(given[EXIF], (exif.ORIENTATION,))
    assert seen == given


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_has_exif_in_its_own_tags(order: str) -> None:
    data = encoded(noise(48, 64, 3), ".tif", payloads(order))
    assert data[:2] == camera(order)[:2] and THUMBNAIL not in data
    with Image.open(BytesIO(data)) as seen:
        assert isinstance(seen, TiffImageFile)
        tags = seen.tag_v2
        assert (tags[271], tags[274], tags[282], tags[283], tags[296]) == ("Canon", 1, 300, 300, 2)
        assert (
            tags[270].encode("latin-1").decode() == "Straße in Gårdsjö" and tags[0x9C9B].decode("utf-16le")[-2] == "é"
        )
        assert float(seen.getexif().get_ifd(exif.EXIF_IFD)[33434]) == 1 / 250
        assert SECRET in seen.getexif().get_ifd(exif.GPS_IFD)[28]
        assert OWNER in seen.getexif().get_ifd(exif.EXIF_IFD)[exif.MAKER_NOTE] and data.index(OWNER) < 600
        assert seen.n_frames == 1


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
def test_the_density_of_exif_is_that_of_the_file(suffix: str) -> None:
    with Image.open(BytesIO(write.encode(noise(48, 64, 3), suffix, {EXIF: camera()}))) as seen:
        assert [round(float(side)) for side in seen.info["dpi"]] == [300, 300]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".ppm", ".bmp"])
def test_what_does_not_fit_into_the_format_is_told(suffix: str) -> None:
    notes: list[str] = []
    long = {EXIF: camera() + bytes(70_000), XMP: PACKET + b" " * 70_000}
    data = write.encode(noise(48, 64, 3), suffix, long, notes)
    assert len(notes) == 2 and "EXIF" in notes[0] and "XMP" in notes[1] and all("left out" in note for note in notes)
    assert SECRET not in data and b"xmpmeta" not in data
    for other in (".png", ".webp", ".tif", ".avif"):
        encoded(noise(48, 64, 3), other, long)


def test_a_long_profile_takes_several_segments() -> None:
    long = RGB_PROFILE[:4] + RGB_PROFILE[4:] + bytes(150_000 - len(RGB_PROFILE))
    long = struct.pack(">I", len(long)) + long[4:]
    assert found(encoded(noise(48, 64, 3), ".jpg", {ICC: long}))[ICC] == long


def test_a_gray_profile_goes_into_gray_files_only() -> None:
    gray = (200).to_bytes(4, "big") + bytes(12) + b"GRAYXYZ " + bytes(12) + b"acsp" + bytes(160)
    assert found(encoded(noise(8, 8), ".png", {ICC: gray})) == {ICC: gray}
    notes: list[str] = []
    assert found(write.encode(noise(8, 8), ".webp", {ICC: gray}, notes)) == {} and "ICC" in notes[0]


@pytest.mark.parametrize("suffix", METADATA)
def test_exif_of_an_orientation_alone_is_written_or_needless(suffix: str) -> None:
    alone = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\1\0\0\0" + bytes(4)
    with Image.open(BytesIO(encoded(noise(8, 8, 3), suffix, {EXIF: alone}))) as seen:
        assert seen.getexif().get(exif.ORIENTATION, 1) == 1 and ("exif" in seen.info) == (
            suffix not in (".avif", ".tif")
        )


def test_damaged_exif_never_keeps_a_picture_from_being_written() -> None:
    """Its second directory is cut off: the formats that must take something out of it cannot, the others copy it."""
    cut = camera()[: camera().index(THUMBNAIL) - 20]
    for suffix in METADATA:
        notes: list[str] = []
        data = write.encode(noise(48, 64, 3), suffix, {EXIF: cut}, notes)
        assert (len(notes), SECRET in data) == ((1, False) if suffix in (".tif", ".avif") else (0, True))


# --- exiftool ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("exiftool"), reason="needs exiftool")
def test_exiftool_finds_nothing_wrong_and_all_that_was_said(tmp_path: Path) -> None:
    for suffix in METADATA:
        for shape in [(48, 64, 3), (48, 64), (48, 64, 4)][: 2 if suffix == ".jpg" else 3]:
            for name, given in {"bare": {}, "little": payloads("<"), "big": payloads(">")}.items():
                if len(shape) == 2:
                    given.pop(ICC, None)
                (tmp_path / f"{name}-{len(shape)}{shape[-1]}{suffix}").write_bytes(
                    encoded(noise(*shape), suffix, given)
                )
    words = ["exiftool", "-j", "-a", "-G4", "-validate", "-warning", "-error", "-Canon:OwnerName", "-ImageDescription"]
    words += ["-XMP-xmp:Rating", "-XPTitle", "-GPSAreaInformation", "-XResolution", "-ThumbnailImage", str(tmp_path)]
    seen = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert len(seen) == 42
    for file in ({name.split(":")[-1]: value for name, value in file.items()} for file in seen):
        path = Path(file.pop("SourceFile"))
        assert file.pop("Validate") == "OK", (path, file)
        if path.name.startswith("bare"):
            assert set(file) <= {"XResolution"}
            continue
        assert file["OwnerName"] == "Anna Gargalo" and file["ImageDescription"] == "Straße in Gårdsjö"
        assert (file["Rating"], file["XPTitle"], file["XResolution"]) == (4, "Title é", 300)
        assert file["GPSAreaInformation"] == SECRET.decode()
        assert ("ThumbnailImage" in file) == (path.suffix != ".tif")


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory that is taken")
def test_real_memory_that_runs_out_while_an_avif_is_made_is_told_as_memory() -> None:
    code = """
import resource
import numpy as np
from runtime.pictures.write import encode
import PIL.AvifImagePlugin
picture = np.zeros((3000, 4000, 3), np.uint8)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (60 << 20),) * 2)
try:
    encode(picture, ".avif")
except MemoryError:
    print("memory")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "memory\n", done.stderr
