"""Colours told by numbers become a profile that colour engines take for the same; CMYK goes through its own; HDR."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pictures.files import colour as printers
from pictures.files.avif import avif
from pictures.files.bmff import IDENTITY, nclx
from pictures.files.case import gray, levels, rgb, rgba
from pictures.files.heic import heic
from pictures.files.jpeg import jpeg, segment
from pictures.files.png import chunk, png
from pictures.files.tiff import CIELAB, SEPARATED, one
from PIL import Image, ImageCms

from runtime.compress import main as compress
from runtime.container import ICC, unpack
from runtime.decompress import main as decompress
from runtime.errors import InputError
from runtime.pictures import colour, deep, read
from runtime.pictures.colour import ColourSpace

P3, BT2020, SRGB, PQ, HLG = 12, 9, 13, 16, 18
P3_POINTS = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
BT2020_POINTS = (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
Curve = Callable[[np.ndarray], np.ndarray]
SRGB_POINTS = (0.3127, 0.3290, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060)


def matrix(points: tuple[float, ...]) -> np.ndarray:
    """Return the matrix from linear RGB to XYZ, as in SMPTE RP 177."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in np.array(points).reshape(4, 2)]).T
    return columns[:, 1:] * np.linalg.solve(columns[:, 1:], columns[:, 0])


def light_of_srgb(samples: np.ndarray) -> np.ndarray:
    return np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)


def light_of_bt709(samples: np.ndarray) -> np.ndarray:
    return np.where(samples < 0.081, samples / 4.5, ((samples + 0.099) / 1.099) ** (1 / 0.45))


def srgb_of_light(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def seen(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """Return what littlecms shows of pixels on an sRGB screen."""
    given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    made = ImageCms.profileToProfile(
        Image.fromarray(pixels), given, ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB"
    )
    return np.asarray(made).astype(int)


def shown(points: tuple[float, ...], light: np.ndarray) -> np.ndarray:
    """Return what should be seen, by arithmetic."""
    srgb = light @ (np.linalg.inv(matrix(SRGB_POINTS)) @ matrix(points)).T
    return (255 * srgb_of_light(srgb.clip(0, 1))).round()


# --- profiles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("space", "points", "curve"),
    [
        (ColourSpace(P3, SRGB), P3_POINTS, light_of_srgb),
        (ColourSpace(chromaticities=P3_POINTS, gamma=0.45455), P3_POINTS, lambda v: v**2.2),
        (ColourSpace(gamma=1.0), SRGB_POINTS, lambda v: v),
        (ColourSpace(gamma=0.55556), SRGB_POINTS, lambda v: v**1.8),
        (ColourSpace(1, 8), SRGB_POINTS, lambda v: v),
        (ColourSpace(1, 1), SRGB_POINTS, light_of_bt709),
        (ColourSpace(BT2020, 14), BT2020_POINTS, light_of_bt709),
    ],
)
def test_a_colour_engine_sees_the_colours_that_were_told(
    space: ColourSpace, points: tuple[float, ...], curve: Curve
) -> None:
    profile = colour.profile(space, gray=False)
    assert 300 < len(profile) < 700
    pixels = np.random.default_rng(3).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    assert np.abs(seen(pixels, profile) - shown(points, curve(pixels / 255))).max() <= 2


def test_gray_has_a_profile_of_gray() -> None:
    profile = colour.profile(ColourSpace(gamma=0.55556), gray=True)
    ramp = np.arange(256, dtype=np.uint8)[None]
    assert profile[16:20] == b"GRAY" and len(profile) < 400
    assert np.abs(seen(ramp, profile)[0, :, 0] - (255 * srgb_of_light((ramp[0] / 255) ** 1.8))).max() <= 2
    assert colour.profile(ColourSpace(P3, SRGB), gray=True) == b""


@pytest.mark.parametrize(
    "space",
    [
        ColourSpace(),
        ColourSpace(1, SRGB),
        ColourSpace(2, 2),
        ColourSpace(gamma=0.45455),
        ColourSpace(chromaticities=SRGB_POINTS),
    ],
)
def test_srgb_needs_no_profile(space: ColourSpace) -> None:
    assert colour.profile(space, gray=False) == b""


@pytest.mark.parametrize(
    "space", [ColourSpace(10, SRGB), ColourSpace(1, 9), ColourSpace(250, 1), ColourSpace(chromaticities=(0.3, 0) * 4)]
)
def test_numbers_that_say_nothing_to_us_are_refused(space: ColourSpace) -> None:
    with pytest.raises(InputError, match="which we do not know|make no sense"):
        colour.profile(space, gray=False)


def png_told(*chunks: bytes, depth: int = 8, kind: int = 2) -> bytes:
    values = rgb() if kind == 2 else gray()
    return png(levels(values, 65535) if depth == 16 else values, kind, depth, b"".join(chunks))


CHRM = chunk(b"cHRM", struct.pack(">8I", *(round(100_000 * value) for value in P3_POINTS)))
GAMA = chunk(b"gAMA", struct.pack(">I", 45455))


def avif_told(primaries: int, transfer: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb().astype(np.uint8)).save(file, "AVIF", quality=95, subsampling="4:4:4")
    usual = b"nclx" + struct.pack(">HH", 1, SRGB)
    assert usual in file.getvalue()
    return file.getvalue().replace(usual, b"nclx" + struct.pack(">HH", primaries, transfer))


WIDE = {
    "PNG cICP": (png_told(chunk(b"cICP", bytes([P3, SRGB, 0, 1]))), light_of_srgb),
    "PNG cHRM and gAMA": (png_told(GAMA, CHRM), lambda v: v**2.2),
    "PNG cICP before sRGB": (png_told(chunk(b"cICP", bytes([P3, SRGB, 0, 1])), chunk(b"sRGB", b"\0")), light_of_srgb),
    "AVIF nclx": (avif_told(P3, SRGB), light_of_srgb),
}


@pytest.mark.parametrize(("data", "curve"), WIDE.values(), ids=WIDE)
def test_wide_gamut_looks_the_same_after_the_round_trip(data: bytes, curve: Curve, tmp_path: Path) -> None:
    """sRGB's green is 117 levels away from P3's."""
    (tmp_path / "p").write_bytes(data)
    assert compress([str(tmp_path / "p"), "-o", str(tmp_path / "p.gar"), "-q", "100"]) == 0
    assert decompress([str(tmp_path / "p.gar"), "-o", str(tmp_path / "back.png")]) == 0
    with Image.open(tmp_path / "back.png") as back:
        pixels = np.asarray(back)
        off = np.abs(seen(pixels, back.info["icc_profile"]) - shown(P3_POINTS, curve(pixels / 255)))
    assert off.max() <= 3
    assert np.abs(pixels.astype(int) - rgb()).mean() < 12


def test_srgb_in_a_png_counts_before_gamma_and_a_profile_before_numbers() -> None:
    assert read.decode(png_told(chunk(b"sRGB", b"\0"), GAMA, CHRM), "x").metadata == {}
    own = colour.profile(ColourSpace(BT2020, SRGB), False)
    both = png_told(chunk(b"iCCP", b"x\0\0" + zlib.compress(own)), GAMA, CHRM)
    assert read.decode(both, "x").metadata == {ICC: own}


def test_narrow_samples_of_a_png_become_wide() -> None:
    narrow = (rgb() * 219 / 255 + 16).round().astype(int)
    data = png(narrow, 2, 8, chunk(b"cICP", bytes([1, SRGB, 0, 0])))
    assert np.abs(read.decode(data, "x").pixels - rgb()).max() <= 1


def test_colours_of_a_png_by_a_matrix_are_refused() -> None:
    with pytest.raises(InputError, match="matrix 9"):
        read.decode(png(rgb(), 2, 8, chunk(b"cICP", bytes([BT2020, SRGB, 9, 1]))), "x")


# --- CMYK and CIELab --------------------------------------------------------------------------------------------------


def test_cmyk_goes_through_its_profile() -> None:
    """A printer whose cyan is a red: the usual formula would show it as cyan."""
    profile = printers.printer()
    for data in (
        one(printers.printed(), SEPARATED, more={34675: (7, profile)}),
        jpeg(printers.printed(), segment(0xE2, b"ICC_PROFILE\0\1\1" + profile), "CMYK"),
    ):
        picture = read.decode(data, "p")
        assert np.abs(picture.pixels - printers.printed_to_rgb()).max() <= 4
        assert picture.notes == ("CMYK colours become sRGB",) and ICC not in picture.metadata


def test_cmyk_without_a_profile_or_with_a_bad_one_is_approximate_and_told() -> None:
    wanted: np.ndarray = printers.inks_to_rgb(printers.inks()).astype(float)
    for more in ({}, {34675: (7, b"rubbish" * 40)}):
        picture = read.decode(one(printers.inks(), SEPARATED, more=more), "p.tif")
        assert np.abs(picture.pixels - wanted).max() <= 2
        assert len(picture.notes) == 1 and "approximate" in picture.notes[0]


def test_cielab_becomes_srgb() -> None:
    stored = (printers.lab() * (2.55, 1, 1)).round().astype(int) % 256
    picture = read.decode(one(stored, CIELAB), "p.tif")
    assert np.abs(picture.pixels - printers.lab_to_srgb(printers.lab())).max() <= 4
    assert picture.notes == ("CIELab colours become sRGB",)


# --- HDR --------------------------------------------------------------------------------------------------------------


def pq(nits: float | np.ndarray) -> Any:
    """Return samples by SMPTE ST 2084, with its own words for the constants."""
    y = (np.asarray(nits, float) / 10_000) ** (1305 / 8192)
    return ((107 / 128 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32)


def pq_png(nits: np.ndarray, kind: int = 2) -> bytes:
    return png((65535 * pq(nits)).round().astype(int), kind, 16, chunk(b"cICP", bytes([BT2020, PQ, 0, 1])))


@pytest.mark.parametrize(
    "data",
    [
        png_told(chunk(b"cICP", bytes([BT2020, PQ, 0, 1]))),
        png_told(chunk(b"cICP", bytes([BT2020, HLG, 0, 1])), depth=16),
        png_told(chunk(b"cICP", bytes([1, PQ, 0, 1])), kind=0),
        avif_told(BT2020, PQ),
        avif_told(BT2020, HLG),
    ],
)
def test_hdr_is_refused_unless_sdr_is_asked_for(data: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.x").write_bytes(data)
    assert compress([str(tmp_path / "p.x")]) == 1
    assert "is HDR (PQ or HLG)" in (err := capfd.readouterr().err) and "--sdr" in err and err.count("\n") == 1
    assert compress([str(tmp_path / "p.x"), "--sdr"]) == 0
    assert "HDR is mapped to SDR" in capfd.readouterr().err
    header, sections = unpack((tmp_path / "p.gar").read_bytes())
    assert (ICC in sections) == (not header.gray)  # told for gray is sRGB's curve


def test_what_is_darker_than_the_knee_keeps_its_light() -> None:
    """A picture whose brightest sample is diffuse white, 203 cd/m2, has the light of its SDR, 203 being white."""
    nits = np.linspace(0, 203, 256).reshape(16, 16)
    pixels = read.decode(pq_png(np.dstack([nits] * 3)), "x", sdr=True).pixels
    assert np.abs(pixels[..., 1] - 255 * srgb_of_light(nits / 203)).max() <= 1
    bright = nits.copy()
    bright[0, 0] = 1000
    pixels = read.decode(pq_png(np.dstack([bright] * 3)), "x", sdr=True).pixels
    dark = (nits < 80) & (nits > 0)
    assert np.abs(pixels[..., 1] - 255 * srgb_of_light(nits / 203))[dark].max() <= 1
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert (np.diff(pixels[1:, :, 1].astype(int).ravel()) >= 0).all()


def test_the_curve_is_that_of_bt_2390() -> None:
    """Equations 5.4.1 at 500 cd/m2 of a picture that goes to 1000: E1, the spline, and back to light."""
    most, e1 = pq(203) / pq(1000), pq(500) / pq(1000)
    knee = 1.5 * most - 0.5
    t = (e1 - knee) / (1 - knee)
    e2 = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    nits = np.array([[500.0, 1000.0]])
    found = read.decode(pq_png(np.dstack([nits] * 3)), "x", sdr=True).pixels[0, 0, 0]
    light = np.interp(e2 * pq(1000), pq(np.linspace(0, 300, 30_001)), np.linspace(0, 300, 30_001)) / 203
    assert abs(int(found) - 255 * srgb_of_light(light)) <= 1


def test_hues_stay_and_the_profile_tells_the_primaries() -> None:
    nits = np.zeros((4, 4, 3)) + (800, 400, 200)
    picture = read.decode(pq_png(nits), "x", sdr=True)
    light = light_of_srgb(picture.pixels[0, 0] / 255)
    assert np.abs(light / light[0] - (1, 0.5, 0.25)).max() < 0.02
    assert picture.metadata[ICC] == colour.profile(ColourSpace(BT2020, SRGB), gray=False)
    assert "HDR is mapped to SDR" in picture.notes


def test_hlg_is_seen_on_a_display_of_1000_nits() -> None:
    """75 % of HLG is 203 cd/m2 there (BT.2408), so that a picture of no more is white at 75 %."""
    samples = np.full((4, 4, 3), round(0.75 * 65535))
    samples[0, 0] = 65535 // 2
    data = png(samples, 2, 16, chunk(b"cICP", bytes([BT2020, HLG, 0, 1])))
    pixels = read.decode(data, "x", sdr=True).pixels
    assert pixels[3, 3].tolist() == [255, 255, 255]
    half = 1000 * (0.5**2 / 3) ** 1.2 / 203
    assert abs(int(pixels[0, 0, 0]) - 255 * srgb_of_light(np.array(half))) <= 1


@pytest.mark.parametrize("kind", ["AVIF", "HEIC"])
def test_the_light_of_10_bits_is_finer_than_that_of_8(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """20 to 24 cd/m2 are 18 steps of 10 bits, and 5 of 8."""
    if kind == "HEIC":
        pytest.importorskip("pillow_heif")
    elif not cv2.haveImageWriter("x.avif"):
        pytest.skip("this OpenCV was built without AVIF")
    nits = np.zeros((64, 128, 3)) + np.linspace(20, 24, 128)[None, :, None]
    nits[:4] = 203
    green_blue_red = (1023 * pq(nits)).round().astype(int)[:, :, [1, 2, 0]]
    made: dict[str, Any] = {"AVIF": avif, "HEIC": heic}
    data = made[kind](green_blue_red, nclx(BT2020, PQ, IDENTITY), bits=10)
    pixels = read.decode(data, "x", sdr=True).pixels
    assert np.abs(pixels[5, :, 0] - 255 * srgb_of_light(nits[5, :, 0] / 203)).max() < 1
    monkeypatch.setattr(deep, "finer", lambda found, *_: found)
    coarse = read.decode(data, "x", sdr=True).pixels
    assert len(np.unique(coarse[5])) < len(np.unique(pixels[5]))


def test_alpha_is_not_mapped() -> None:
    data = png(levels(rgba(), 65535), 6, 16, chunk(b"cICP", bytes([BT2020, PQ, 0, 1])))
    assert np.array_equal(read.decode(data, "x", sdr=True).pixels[..., 3], rgba()[..., 3])


def test_gray_hdr_becomes_gray() -> None:
    data = pq_png(np.linspace(0, 1000, 64).reshape(8, 8), 0)
    picture = read.decode(data, "x", sdr=True)
    assert picture.pixels.shape == (8, 8) and picture.pixels[0, 0] == 0 and picture.pixels[-1, -1] == 255
