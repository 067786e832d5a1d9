"""The Pillow plugin, tested as Pillow tests its own: opened lazily, saved with options, damage as OSError."""

import shutil
import subprocess
import sys
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_payloads import OWNER, SECRET, THUMBNAIL, camera
from PIL import Image, ImageSequence, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from runtime import container, pillow
from runtime.bundle import WEIGHTS
from runtime.codec import Codec
from runtime.compress import main as compress

ICC = (132).to_bytes(4, "big") + b"\0" * 12 + b"RGB XYZ " + b"\0" * 12 + b"acsp" + b"\0" * 92
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"


def saved(picture, **options) -> bytes:  # type: ignore[no-untyped-def]
    buffer = BytesIO()
    picture.save(buffer, "GAR", **options)
    return buffer.getvalue()


@pytest.fixture
def picture(photo: np.ndarray):  # type: ignore[no-untyped-def]
    return Image.fromarray(photo)


# --- open -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape, mode", [((40, 24), "L"), ((40, 24, 3), "RGB"), ((40, 24, 4), "RGBA")])
def test_sanity(shape: tuple[int, ...], mode: str, codec: Codec, tmp_path: Path) -> None:
    data = codec.encode(np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8))
    (tmp_path / "cam.gar").write_bytes(data)
    with Image.open(tmp_path / "cam.gar") as im:
        assert (im.format, im.mode, im.size) == ("GAR", mode, (24, 40))
        assert im.get_format_mimetype() == "image/x-gargalo"
        assert np.array_equal(np.asarray(im), codec.decode(data))
        im.load()
        assert im.getpixel((3, 2)) is not None


def test_opening_loads_no_weights(picture, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "cam.gar").write_bytes(saved(picture))
    script = f"""
import sys
import runtime.pillow
from PIL import Image, UnidentifiedImageError
with Image.open({str(tmp_path / "cam.gar")!r}) as im:
    assert im.size == (203, 150) and im.mode == "RGB", im
    assert "onnxruntime" not in sys.modules and "cv2" not in sys.modules
    im.load()
    assert "onnxruntime" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_open_files_and_buffers_are_read_and_left_as_pillow_does(picture, codec: Codec, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    data = saved(picture, quality=30)
    with Image.open(BytesIO(data)) as im:
        assert im.copy().size == picture.size
    (tmp_path / "cam.gar").write_bytes(data)
    with (tmp_path / "cam.gar").open("rb") as file:
        with Image.open(file) as im:
            im.load()
        assert not file.closed
    im = Image.open(tmp_path / "cam.gar")
    im.load()
    assert im.fp is None or im.fp.closed or isinstance(im.fp, BytesIO)


def test_the_suffix_is_known(picture, tmp_path: Path, codec: Codec, photo: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    picture.save(tmp_path / "cam.gar")
    assert (tmp_path / "cam.gar").read_bytes() == codec.encode(photo, 75)
    assert Image.registered_extensions()[".gar"] == "GAR"


# --- save -------------------------------------------------------------------------------------------------------------


def test_the_quality_reaches_the_codec(picture, codec: Codec, photo: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    assert saved(picture, quality=20) == codec.encode(photo, 20)


def test_no_quality_is_the_default_one(picture, codec: Codec, photo: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    assert saved(picture, quality=None) == codec.encode(photo, 75)
    assert saved(picture, quality=np.float32(20)) == codec.encode(photo, 20)


@pytest.mark.parametrize(
    "given, meant",
    [("4:4:4", "4:4:4"), (0, "4:4:4"), ("4:2:0", "4:2:0"), (2, "4:2:0")]
    + [(auto, "auto") for auto in ("auto", -1, None)],
)
def test_subsampling_reaches_the_codec(given, meant: str, picture, codec: Codec, photo: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    assert saved(picture, quality=90, subsampling=given) == codec.encode(photo, 90, None, meant)


def test_targets_are_met(picture) -> None:  # type: ignore[no-untyped-def]
    assert 2700 < len(saved(picture, target_size=3000)) <= 3000
    assert 2700 < len(saved(picture, target_size="3KB")) <= 3000
    assert 8 * len(saved(picture, target_bpp=1.0)) <= 203 * 150
    with Image.open(BytesIO(saved(picture, target_psnr=30))) as im:
        error = np.square(np.asarray(im).astype(float) - np.asarray(picture)).mean()
    assert abs(10 * np.log10(255**2 / error) - 30) <= 0.1


@pytest.mark.parametrize(
    "options, told",
    [
        ({"quality": 0}, "is out of range"),
        ({"quality": float("nan")}, "is out of range"),
        ({"quality": "keep"}, "quality='keep' is not a number; give 1 to 100"),
        ({"quality": "75"}, "quality='75' is not a number"),
        ({"quality": [75], "target_size": 3000}, "is not a number"),
        ({"subsampling": "4:2:2"}, "subsampling='4:2:2' is not possible; give 4:4:4 or 0, 4:2:0 or 2, auto or -1"),
        ({"subsampling": 1}, "subsampling=1 is not possible"),
        ({"subsampling": "keep"}, "'keep' is not possible"),
        ({"subsampling": [0]}, "is not possible"),
        ({"subsampling": 0.5}, "is not possible"),
        ({"exif": "abc"}, "exif is of type str; give bytes or an Image.Exif"),
        ({"exif": {271: "Gargalo"}}, "exif is of type dict"),
        ({"icc_profile": "sRGB"}, "icc_profile is of type str; give bytes$"),
        ({"xmp": 5}, "xmp is of type int; give bytes or a str"),
        ({"target_size": 10}, "as small as 10 bytes"),
        ({"target_size": "many"}, "is not a size"),
        ({"target_size": 3000, "target_psnr": 30}, "give one of"),
        ({"quality": 80, "target_psnr": 30}, "give one of"),
        ({"quality": "high"}, "quality='high' is not a number; give 1 to 100"),
        ({"quality": "web_high"}, "is not a number"),
        ({"quality": True}, "is not a number"),
        ({"lossless": True}, "is not saved with lossless; it takes quality, target_size"),
        ({"qualty": 50, "progressive": True}, "is not saved with progressive, qualty"),
        ({"optimize": True}, "is not saved with optimize"),
        ({"dpi": (300, 300)}, "is not saved with dpi"),
        ({"Quality": 50}, "is not saved with Quality"),
        ({"bundle": "no-such-bundle"}, "no-such-bundle"),
        ({"bundle": ["lite"]}, "is no name of a bundle"),
        ({"save_all": False, "append_images": [None]}, "one picture, these are 2"),
    ],
)
def test_options_that_make_no_sense_are_a_value_error(picture, options: dict[str, object], told: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=told):
        saved(picture, **options)


@pytest.mark.parametrize(
    "mode, stored",
    [("1", "L"), ("L", "L"), ("LA", "RGBA"), ("P", "RGB"), ("PA", "RGBA"), ("RGBA", "RGBA"), ("CMYK", "RGB")]
    + [("YCbCr", "RGB"), ("HSV", "RGB"), ("RGBX", "RGB")],
)
def test_modes_of_8_bits_are_stored_as_the_nearest(mode: str, stored: str, picture) -> None:  # type: ignore[no-untyped-def]
    source = picture.resize((40, 30))
    source = source.convert("RGBA").convert(mode) if mode in ("LA", "PA") else source.convert(mode, dither=0)
    with Image.open(BytesIO(saved(source, quality=100))) as im:
        assert im.mode == stored
        difference = np.asarray(im.convert("RGB")).astype(int) - np.asarray(source.convert("RGB"))
        assert np.abs(difference).mean() < (40 if mode == "1" else 15)


def test_premultiplied_gray_is_stored_as_it_looks(picture) -> None:  # type: ignore[no-untyped-def]
    source = picture.resize((40, 30)).convert("LA")
    assert saved(source.convert("La")) == saved(source)


def test_a_palette_s_transparency_becomes_alpha(picture) -> None:  # type: ignore[no-untyped-def]
    source = picture.resize((20, 20)).convert("P")
    source.info["transparency"] = source.getpixel((0, 0))
    with Image.open(BytesIO(saved(source))) as im:
        assert im.mode == "RGBA" and np.asarray(im)[0, 0, 3] == 0


@pytest.mark.parametrize("mode", ["I", "F", "I;16"])
def test_modes_of_more_bits_are_refused(mode: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot write mode"):
        Image.new(mode, (8, 8)).save(tmp_path / "cam.gar")
    assert not (tmp_path / "cam.gar").exists()


def test_an_option_that_pillow_or_another_frame_gives_is_checked_too(picture, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    picture.encoderinfo = {"lossless": True}  # how Pillow lets a frame have options of its own
    with pytest.raises(ValueError, match="lossless"):
        picture.save(tmp_path / "cam.gar")
    assert not (tmp_path / "cam.gar").exists()


def test_other_weights_are_taken_and_given(picture, codec: Codec, photo: np.ndarray, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    data = saved(picture, quality=50, bundle="lite")
    assert data == Codec("lite", threads=1).encode(photo, 50) != codec.encode(photo, 50)
    own = tmp_path / "own"
    shutil.copytree(WEIGHTS / "lite", own)
    assert saved(picture, quality=50, bundle=own) == saved(picture, quality=50, bundle=str(own)) == data
    with Image.open(BytesIO(data)) as im:
        im.bundle = own  # type: ignore[attr-defined]
        assert np.array_equal(np.asarray(im), codec.decode(data))


def test_one_picture_is_saved_and_several_are_refused(picture, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    alone = saved(picture)
    assert saved(picture, save_all=True) == saved(picture, save_all=True, append_images=[]) == alone
    assert saved(picture, save_all=False) == saved(picture, append_images=[]) == alone
    with pytest.raises(ValueError, match="holds one picture, these are 3"):
        picture.save(tmp_path / "cam.gar", append_images=[picture, picture])
    animation = BytesIO()
    picture.save(animation, "GIF", save_all=True, append_images=[picture.rotate(90), picture.rotate(180)])
    with Image.open(animation) as frames, pytest.raises(ValueError, match="these are 3"):
        frames.save(tmp_path / "cam.gar", save_all=True)
    assert not (tmp_path / "cam.gar").exists()
    with Image.open(animation) as frames:
        assert len([saved(frame) for frame in ImageSequence.Iterator(frames)]) == 3


# --- metadata ---------------------------------------------------------------------------------------------------------


def test_metadata_comes_back(picture) -> None:  # type: ignore[no-untyped-def]
    exif = Image.Exif()
    exif[271] = "Gargalo"
    for given in (exif, exif.tobytes(), exif.tobytes()[6:]):
        with Image.open(BytesIO(saved(picture, exif=given, icc_profile=ICC, xmp=XMP.decode()))) as im:
            assert im.getexif()[271] == "Gargalo" and im.info["exif"] == exif.tobytes()
            assert (im.info["icc_profile"], im.info["xmp"]) == (ICC, XMP)


def test_the_profile_goes_on_by_itself_and_none_removes_it(picture) -> None:  # type: ignore[no-untyped-def]
    picture.info["icc_profile"] = ICC
    with Image.open(BytesIO(saved(picture))) as im:
        assert im.info["icc_profile"] == ICC
        assert "icc_profile" not in Image.open(BytesIO(saved(im, icc_profile=None))).info


def test_empty_metadata_is_none(picture) -> None:  # type: ignore[no-untyped-def]
    for empty in (None, b"", ""):
        assert saved(picture, exif=empty, icc_profile=empty, xmp=empty) == saved(picture)


def test_an_orientation_turns_the_pixels_since_a_gar_file_is_upright(picture, codec: Codec) -> None:  # type: ignore[no-untyped-def]
    exif = Image.Exif()
    exif[274] = 6
    with Image.open(BytesIO(saved(picture, exif=exif))) as im:
        assert im.size == picture.size[::-1] and im.getexif()[274] == 1
        turned = picture.transpose(Image.Transpose.ROTATE_270)
        assert np.abs(np.asarray(im).astype(int) - np.asarray(turned)).mean() < 8


def test_a_file_of_the_command_has_its_metadata(codec: Codec) -> None:
    data = codec.encode(np.zeros((8, 8, 3), np.uint8), metadata={container.ICC: ICC})
    with Image.open(BytesIO(data)) as im:
        assert im.info == {"icc_profile": ICC}


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GAR"])
def test_exif_goes_on_to_other_formats_by_the_usual_line(form: str, picture) -> None:  # type: ignore[no-untyped-def]
    """info["exif"] begins with Exif and two zeros, as that of Pillow's own plugins."""
    with Image.open(BytesIO(saved(picture, exif=camera()))) as im:
        assert (
            im.info["dpi"] == (300, 300)
            and im.info["exif"].startswith(b"Exif\0\0II*\0")
            and im.getexif().get_ifd(34853)[28].endswith(SECRET)
        )
        again = BytesIO()
        im.save(again, form, exif=im.info["exif"])
    with Image.open(again) as seen:
        assert seen.getexif()[272] == "Canon EOS 5D" and seen.getexif().get_ifd(34665)[34855] == 200


def packet(orientation: int) -> str:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{orientation}"/>'
        "</rdf:RDF></x:xmpmeta>"
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_turned_as_the_command_turns_them(orientation: int, picture, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """By EXIF, and by XMP where EXIF is silent."""
    stored = picture.crop((0, 0, 64, 48))
    stored.save(tmp_path / "exif.png", exif=camera(orientation=orientation))
    silent = Image.Exif()
    silent[271] = "Gargalo"
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", packet(orientation))
    stored.save(tmp_path / "xmp.png", pnginfo=text, exif=silent)
    cases: dict[str, dict[str, Any]] = {
        "exif": {"exif": camera(orientation=orientation)},
        "xmp": {"exif": silent, "xmp": packet(orientation)},
    }
    for name, options in cases.items():
        assert compress([str(tmp_path / f"{name}.png")]) == 0
        assert saved(stored, **options) == (tmp_path / f"{name}.gar").read_bytes()
        with Image.open(tmp_path / f"{name}.gar") as im:
            assert im.size == ((64, 48) if orientation < 5 else (48, 64))
            assert (
                im.getexif().get(274, 1) == 1 and 'Orientation="1"' in im.info.get("xmp", b'Orientation="1"').decode()
            )
            if name == "exif":
                sizes = im.getexif().get_ifd(34665)
                assert (sizes[40962], sizes[40963]) == im.size and OWNER in im.info["exif"]
                assert (THUMBNAIL in im.info["exif"]) == (orientation == 1)


def test_what_is_lost_is_a_warning(picture) -> None:  # type: ignore[no-untyped-def]
    with pytest.warns(UserWarning, match="ICC is left out .*CMYK"):
        plain = saved(picture, icc_profile=ICC.replace(b"RGB ", b"CMYK"))
    assert plain == saved(picture)
    with pytest.warns(UserWarning, match="XMP is left out"):
        assert saved(picture, xmp=b"rubbish") == plain


# --- damage -----------------------------------------------------------------------------------------------------------


def test_foreign_bytes_are_not_ours() -> None:
    with pytest.raises(SyntaxError):
        pillow.GarImageFile(BytesIO(b"\x89PNG\r\n\x1a\n"))
    with pytest.raises(UnidentifiedImageError):
        Image.open(BytesIO(b"\x89GARgantua"[1:]))


@pytest.mark.parametrize("kept", [4, 20, 60, -1])
def test_a_cut_file_is_an_os_error(kept: int, picture) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(OSError, match="ends early"):
        Image.open(BytesIO(saved(picture)[:kept]))


def test_a_damaged_bound_is_a_warning(picture) -> None:  # type: ignore[no-untyped-def]
    whole = saved(picture, quality=50, max_error=0)
    for data in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:-40]):
        with Image.open(BytesIO(data)) as im, pytest.warns(UserWarning, match="what bounds its errors is lost"):
            assert np.array_equal(np.asarray(im), np.asarray(Image.open(BytesIO(saved(picture, quality=50)))))


def test_other_weights_are_an_os_error_on_load(picture) -> None:  # type: ignore[no-untyped-def]
    header, sections = container.unpack(saved(picture))
    other = header._replace(bundle_id=b"unknown!")
    with Image.open(BytesIO(container.pack(other, list(sections.items())))) as im:
        assert im.size == picture.size
        with pytest.raises(OSError, match="needs bundle"):
            im.load()


def test_a_bomb_is_refused_by_its_size(picture, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(BytesIO(saved(picture)))


def test_no_file_is_left_open(picture, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    picture.save(tmp_path / "cam.gar")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        Image.open(tmp_path / "cam.gar").load()


def test_there_is_no_warning_of_an_empty_exif() -> None:
    """A warning would be an error here."""
    picture = Image.new("RGB", (8, 8))
    file = BytesIO()
    picture.save(file, "GAR", exif=picture.getexif())
    assert "exif" not in Image.open(file).info
