"""Formats that are only read, and the page that promises what comes in and goes out."""

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime import pixels
from runtime.container import XMP
from runtime.errors import InputError
from runtime.structure import READABLE, SUFFIXES, examine

PAGE = (Path(__file__).parents[1] / "docs" / "formats.md").read_text()
CLEAR, NETSCAPE = b"\x21\xf9\x04\x01\0\0\0\0", b"\x21\xff\x0bNETSCAPE2.0\x03\1\0\0\0"


def frame(indexes: list[int]) -> bytes:
    """One row of a GIF, each colour 0 .. 3 behind a clear code, so that codes stay 3 bits wide."""
    codes = [code for index in indexes for code in (4, index)] + [5]
    bits = sum(code << 3 * place for place, code in enumerate(codes))
    body = bits.to_bytes(-(-3 * len(codes) // 8), "little")
    return b"\x2c" + b"\0" * 4 + bytes([len(indexes), 0, 1, 0, 0, 2, len(body)]) + body + b"\0"


def gif(*blocks: bytes) -> bytes:
    """A GIF of 4 x 1 with the colours black, red, green and white."""
    colours = bytes([0, 0, 0, 255, 0, 0, 0, 255, 0, 255, 255, 255])
    return b"GIF89a" + bytes([4, 0, 1, 0, 0x81, 0, 0]) + colours + b"".join(blocks) + b";"


needs_gif = pytest.mark.skipif(
    cv2.imdecode(np.frombuffer(gif(frame([0, 1, 2, 3])), np.uint8), -1) is None, reason="this OpenCV reads no GIF"
)


@needs_gif
def test_a_gif_is_read() -> None:
    picture = pixels.decode(gif(frame([1, 2, 3, 0])), "p.gif")
    assert picture.pixels.tolist() == [[[255, 0, 0], [0, 255, 0], [255, 255, 255], [0, 0, 0]]]
    assert picture.notes == ()


@needs_gif
def test_of_an_animated_gif_the_first_frame_is_taken_with_a_note() -> None:
    picture = pixels.decode(gif(NETSCAPE, frame([1, 1, 1, 1]), frame([2, 2, 2, 2])), "p.gif")
    assert picture.pixels[0, 0].tolist() == [255, 0, 0]
    assert "an animation: only its first frame is used" in picture.notes


@needs_gif
def test_a_clear_colour_becomes_alpha_or_is_refused() -> None:
    picture = pixels.decode(gif(CLEAR, frame([0, 1, 1, 1])), "p.gif")
    assert picture.pixels[0, :, 3].tolist() == [0, 255, 255, 255]
    try:
        picture = pixels.decode(gif(CLEAR, NETSCAPE, frame([0, 1, 1, 1])), "p.gif")
    except InputError as error:  # OpenCV 5.0 forgets the clear colour at the next extension
        assert "transparency" in str(error)
    else:
        assert picture.pixels[0, :, 3].tolist() == [0, 255, 255, 255]


def test_every_cut_gif_is_walked_to_its_end() -> None:
    whole = gif(CLEAR, NETSCAPE, frame([1, 2, 3, 0]), frame([1, 2, 3, 0]))
    assert examine(whole).animated and examine(whole).clear_gif
    for length in range(6, len(whole)):
        examine(whole[:length])


def test_metadata_that_is_not_read_is_told_of() -> None:
    ok, data = cv2.imencode(".jp2", np.full((32, 32, 3), 90, np.uint8))
    if not ok:
        pytest.skip("this OpenCV was built without JPEG 2000")
    assert any("not read" in note for note in pixels.decode(data.tobytes(), "p.jp2").notes)


@pytest.mark.parametrize("bits", [2, 4])
def test_a_tiff_of_odd_depth_is_refused_by_its_depth(bits: int) -> None:
    data = bytearray(cv2.imencode(".tif", np.zeros((8, 8), np.uint8), [cv2.IMWRITE_TIFF_COMPRESSION, 1])[1].tobytes())
    at = data.index(b"\x02\x01\x03\x00\x01\x00\x00\x00\x08\x00")  # BitsPerSample, u16, one value: 8
    data[at + 8] = bits
    with pytest.raises(InputError, match=f"{bits} bits a sample"):
        pixels.decode(bytes(data), "p.tif")


@pytest.mark.parametrize("told", ['tiff:Orientation="6"', "<tiff:Orientation>6</tiff:Orientation>"])
def test_the_orientation_of_xmp_counts_where_exif_has_none(told: str) -> None:
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[0, 0] = 255  # seen at the upper right when the picture is turned to the right
    packet = f"<x:xmpmeta><rdf:Description {told}/></x:xmpmeta>".encode()
    data = cv2.imencode(".png", picture)[1].tobytes()
    at = 8 + 12 + 13
    body = b"iTXtXML:com.adobe.xmp" + bytes(5) + packet
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    turned = pixels.decode(data[:at] + chunk + data[at:], "p.png")
    assert turned.pixels.shape == (6, 4, 3) and turned.pixels[0, 3].tolist() == [255, 255, 255]
    assert b"6" not in turned.metadata[XMP]


# --- docs/formats.md --------------------------------------------------------------------------------------------------


def test_the_page_names_every_suffix() -> None:
    for suffix in READABLE:
        assert f"`{suffix}`" in PAGE, f"docs/formats.md does not speak of {suffix}"
    written = PAGE.split("## What goes out")[1]
    for suffix in SUFFIXES:
        assert f"`{suffix}`" in written
