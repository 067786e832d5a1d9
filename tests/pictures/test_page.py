"""docs/formats.md, which promises what comes in and goes out: it names every suffix, and files keep to it."""

from pathlib import Path

import pytest
from pictures.files import CASES

from runtime.errors import InputError
from runtime.pictures import read
from runtime.pictures.suffixes import READABLE, SUFFIXES

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
COMES_IN, GOES_OUT = PAGE.split("## What goes out")
BY_ID = {case.id: case for case in CASES}

REFUSED = {
    "12 and 16 bits": ("jpg/12bit", "jpg/lossless-gray-16bit"),
    "signed, floating-point, 32-bit samples": ("tif/int8-gray", "tif/float-gray", "tif/gray-32bit-little"),
    "samples that are not described": ("tif/four-samples-not-told", "tif/uneven-depths"),
    "separate planes but for 8-bit RGB and CMYK": ("tif/gray-alpha-planar2-strips-lzw", "tif/rgb-planar2-16bit-little"),
    "uncompressed YCbCr with fewer colours than pixels": ("tif/ycbcr-2x2",),
    "16-bit colours in Zstandard or LZMA": ("tif/zstd-predictor-16bit-little", "tif/zstd-predictor-16bit-big"),
    "premultiplied alpha, CIELab": ("jp2/cielab",),
    "ICCLab": ("tif/icclab-8bit",),
    "big-endian BigTIFF": ("tif/bigtiff-big",),
    "signed samples, several depths": ("jp2/gray-signed-8bit",),
    "other orders of channels": ("jp2/channels-backwards", "jp2/alpha-first"),
    "premultiplied alpha": ("jp2/alpha-premultiplied",),
    "PAM, PFM": ("pam/grayscale-maxval255",),
    "other masks": ("bmp/masks-bgr565-header40",),
    "gray palettes of few bits": ("bmp/dark-palette-4bit",),
    "DNG, NEF, CR2, CR3, ARW, RAF, ORF, RW2": ("nef/mosaic-below", "cr3/canon", "raf/fuji"),
    "JPEG XL, SVG, PSD": ("png/in-fact-jxl", "svg/drawing", "psd/rgb"),
    "reduced copy or a mask": ("tif/reduced-first",),
    "cut off, wherever the format can tell": tuple(name for name in BY_ID if name.endswith("cut-off")),
    "HDR: PQ, HLG": ("png/cicp-pq", "avif/nclx-pq", "avif/nclx-hlg"),
}
TAKEN = {
    "gray, RGB, RGBA": ("png/type0-1bit", "tif/gray-12bit-little", "avif/gray-full-8bit"),
    "rounded to the nearest of 8, with a note": ("avif/identity-10bit", "ppm/p6-maxval1023"),
    "the first one is used, with a note": ("gif/animated", "webp/animated", "png/animated", "tif/two-pages"),
    "sRGB, with a note": ("tif/cielab-8bit",),
    "an ICC profile of about 500 bytes": ("avif/nclx-p3", "avif/nclx-bt2020"),
}


@pytest.mark.parametrize("suffix", READABLE)
def test_the_page_names_every_suffix(suffix: str) -> None:
    assert f"`{suffix}`" in COMES_IN
    assert suffix not in SUFFIXES or f"`{suffix}`" in GOES_OUT


def named(rows: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(promise, name) for promise, names in rows.items() for name in names]


@pytest.mark.parametrize(("promise", "name"), named(REFUSED))
def test_what_the_page_refuses_is_refused(promise: str, name: str) -> None:
    assert promise in COMES_IN
    with pytest.raises(InputError):
        read.decode(BY_ID[name].make(), BY_ID[name].name)


@pytest.mark.parametrize(("promise", "name"), named(TAKEN))
def test_what_the_page_takes_is_taken(promise: str, name: str) -> None:
    assert promise in COMES_IN
    picture = read.decode(BY_ID[name].make(), BY_ID[name].name)
    assert ("with a note" not in promise) or picture.notes


OF_THEIR_OWN = {"colours by a matrix (cICP)", "more than 179 megapixels", "a crop between pixels", "all, by that line"}
"""Refusals that need more than a generated file: they have tests elsewhere."""


def refusals() -> list[str]:
    """Return what the last column of the table of formats says is refused, apart."""
    rows = COMES_IN.split("| refused in it |")[1].split("\n\n")[0].splitlines()[2:]
    return [said for row in rows for said in row.split("|")[4].strip().split("; ") if said]


@pytest.mark.parametrize("said", refusals())
def test_every_refusal_on_the_page_has_a_file(said: str) -> None:
    assert any(said in known or known in said for known in (*REFUSED, *OF_THEIR_OWN))
