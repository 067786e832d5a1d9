"""Samples that Pillow or OpenCV alone would get wrong; the rest is in test_matrix.py."""

import io
import struct
import zlib
from fractions import Fraction
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest
from pictures.files.avif import avif
from pictures.files.bmff import box
from pictures.files.case import gray, levels, rgb, rgba
from pictures.files.gif import control, frame, gif
from pictures.files.jp2 import channels, jp2
from pictures.files.png import chunk, png
from pictures.files.tiff import RGB, one
from PIL import Image

from runtime.errors import InputError
from runtime.pictures import containers, read, scaling

ROUNDED = "16-bit samples are rounded to 8 bits"


def nearest(values: np.ndarray, top: int) -> np.ndarray:
    """Return samples by exact fractions, rounded half up."""
    table = [int(Fraction(255 * value, top) + Fraction(1, 2)) for value in range(top + 1)]
    return np.array(table, np.uint8)[values]


@pytest.mark.parametrize("top", [1, 2, 15, 100, 254, 255, 256, 1000, 1023, 4095, 65534, 65535])
@pytest.mark.parametrize("kind", [2, 3, 5, 6])
def test_the_largest_value_that_a_pnm_tells_is_white(kind: int, top: int) -> None:
    """A PGM with a maxval of 1023 is nearly black if it is taken for 65535."""
    values = np.random.default_rng(top).integers(0, top + 1, (9, 7, 3))
    values.flat[:2] = 0, top
    values = values if kind in (3, 6) else values[..., 0]
    body = values.astype(">u2" if top > 255 else "u1").tobytes()
    body = b" ".join(b"%d" % value for value in values.flat) if kind <= 3 else body
    picture = read.decode(b"P%d\n# a comment\n7 9\n%d\n" % (kind, top) + body + b"\n", "p.pnm")
    exact = nearest(values, top)
    ties = 2 * 255 * values % (2 * top) == top  # Pillow's go to the even one
    assert np.array_equal(picture.pixels[~ties], exact[~ties])
    assert (exact[ties] - picture.pixels[ties] <= (kind <= 3)).all()
    assert len(picture.notes) == (top > 255)


def test_values_above_the_largest_are_white() -> None:
    assert read.decode(b"P5 3 1 100\n" + bytes([0, 100, 255]), "p.pgm").pixels.tolist() == [[0, 255, 255]]


def test_a_second_picture_in_a_pnm_is_told() -> None:
    data = b"P5 2 1 255\n" + bytes([1, 2])
    assert read.decode(data + b"\n", "p.pgm").notes == ()
    assert "only the first one" in read.decode(data + data, "p.pgm").notes[0]


def test_sixteen_bits_are_rounded_to_the_nearest_with_a_note() -> None:
    """257 * v is v exactly; half a step, 128.5 in 16-bit units, decides between v and v + 1."""
    values = np.array([[0, 128, 129, 257, 65535 - 129, 65535 - 128, 65535]])
    colours = np.dstack([values] * 3)
    for data in (png(values, 0, 16), png(colours, 2, 16), one(values, 1, 16), one(colours, RGB, 16)):
        found = read.decode(data, "x")
        assert found.pixels.reshape(7, -1)[:, 0].tolist() == [0, 0, 1, 1, 254, 255, 255]
        assert found.notes == (ROUNDED,)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("kind", "depth"), [(0, 1), (0, 8), (2, 8), (2, 16), (3, 4), (6, 8)])
def test_a_png_whose_samples_end_too_early_is_not_left_black(kind: int, depth: int, interlaced: bool) -> None:
    """Its checksums are right, and Pillow does not mind."""
    values = {0: gray(), 2: rgb(), 3: gray(), 6: rgba()}[kind]
    values = levels(values, 2**depth - 1)
    for last in (values[-1:], values[-1:] * 0):  # black at the end is nothing wrong
        made = partial(png, np.concatenate([values[:-2], last, last]), kind, depth, interlaced=interlaced)
        palette = chunk(b"PLTE", bytes(range(200, 248))) if kind == 3 else b""
        assert read.decode(made(palette), "p.png").pixels.shape[:2] == (27, 38)
    taller = bytearray(made(palette))
    taller[16:29] = struct.pack(">IIBBBBB", 38, 29, depth, kind, 0, 0, interlaced)
    taller[29:33] = struct.pack(">I", zlib.crc32(taller[12:29]))
    with pytest.raises(InputError, match="lacks parts|cut off|cannot be read"):
        read.decode(bytes(taller), "p.png")


def test_a_png_that_ends_in_black_is_not_looked_through_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "png_rows_bytes", None)
    for kind, values in ((0, gray()), (2, rgb()), (6, rgba())):
        assert not read.decode(png(np.concatenate([values, values[:2] * 0]), kind, 8), "p.png").pixels[-2:].any()


def test_colours_of_16_bits_are_refused_where_two_libraries_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither says when it takes planes, byte order or orientation for others: what they agree on is what counts."""
    data = png(levels(rgb(), 65535), 2, 16)
    decoded: Any = cv2.imdecode
    monkeypatch.setattr(cv2, "imdecode", lambda *given: decoded(*given)[:, ::-1])
    with pytest.raises(InputError, match="more than 8 bits in a layout that is not read"):
        read.decode(data, "x")


def test_opencv_is_loaded_for_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", None)
    for data in (png(rgb(), 2, 8), png(levels(gray(), 65535), 0, 16), one(rgb(), RGB)):
        read.decode(data, "x")


def test_a_palette_of_8_bits_in_a_tiff_is_not_black() -> None:
    """Some writers forget that its values are of 16 bits: none of theirs is above 255."""
    colours = [*range(256), *range(255, -1, -1), *[7] * 256]
    for scale in (1, 257):
        data = one(gray(), 3, more={320: (3, [scale * value for value in colours])})
        seen = read.decode(data, "p.tif").pixels
        assert np.array_equal(seen, np.dstack([gray(), 255 - gray(), np.full_like(gray(), 7)]))


def test_what_a_first_frame_does_not_cover_is_transparent() -> None:
    """Pillow fills it with the first colour of the table."""
    colours = np.array([[9, 9, 9], [250, 0, 0]])
    data = gif(5, 4, colours, frame(np.ones((2, 3), int), (1, 1)))
    seen = read.decode(data, "p.gif").pixels
    assert seen[..., 3].sum() == 6 * 255 and (seen[1:3, 1:4] == (250, 0, 0, 255)).all()
    whole = gif(3, 2, colours, control(0), frame(np.ones((2, 3), int)))
    assert read.decode(whole, "p.gif").pixels.shape == (2, 3, 4)


@pytest.mark.parametrize(
    ("fractions", "error"),
    [((20, 1, 10, 1, 1, 2, 0, 1), True), ((99, 1, 10, 1, 0, 1, 0, 1), True), ((20, 1, 11, 1, 0, 1, 0, 1), False)],
)
def test_a_crop_between_pixels_or_beyond_the_picture_is_refused(fractions: tuple[int, ...], error: bool) -> None:
    data = avif(gray(), turns=(box(b"clap", struct.pack(">8i", *fractions)),))
    if error:
        with pytest.raises(InputError, match="cropped"):
            read.decode(data, "p.avif")
    else:
        assert np.array_equal(read.decode(data, "p.avif").pixels, gray()[8:19, 9:29])


@pytest.mark.parametrize("levels_kept", ["full", "limited"])
def test_gray_avif_of_limited_range_is_black_and_white(levels_kept: str) -> None:
    """16 to 235 taken as they are would make black and white gray."""
    ramp = np.tile(np.linspace(0, 255, 128).round().astype(np.uint8), (64, 1))
    file = io.BytesIO()
    Image.fromarray(ramp).save(file, "AVIF", quality=100, subsampling="4:0:0", range=levels_kept)
    assert np.abs(read.decode(file.getvalue(), "p.avif").pixels.astype(int) - ramp).max() <= 1


@pytest.mark.parametrize("bits", [1, 4, 7, 10, 12, 16])
def test_the_depth_that_jpeg_2000_tells_counts(bits: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    top = 2**bits - 1
    for values in (levels(gray(), top), levels(rgb(), top)):
        dtype = np.uint16 if bits > 8 else np.uint8
        data = imagecodecs.jpeg2k_encode(values.astype(dtype), level=0, codecformat="jp2", bitspersample=bits)
        picture = read.decode(data, "p.jp2")
        assert np.array_equal(picture.pixels, nearest(values, top))
        assert any("rounded" in note for note in picture.notes) == (bits > 8)


def test_a_fourth_component_of_jpeg_2000_is_not_taken_for_alpha_unless_it_says_so() -> None:
    with pytest.raises(InputError, match="has 4 channels and does not say that the last one is alpha"):
        read.decode(jp2(rgba(), 16), "p.jp2")
    told = channels((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 1, 0))
    assert np.array_equal(read.decode(jp2(rgba(), 16, 8, told), "p.jp2").pixels, rgba())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("tile", [None, (32, 32)])
def test_a_tiled_tiff_is_turned_as_a_whole(tile: tuple[int, int] | None, orientation: int) -> None:
    """Each tile was mirrored in its own place."""
    turned = {
        1: rgb(),
        2: rgb()[:, ::-1],
        3: rgb()[::-1, ::-1],
        4: rgb()[::-1],
        5: rgb().swapaxes(0, 1),
        6: np.rot90(rgb(), -1),
        7: rgb()[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(rgb(), 1),
    }
    data = one(rgb(), RGB, tile=tile, orientation=orientation)
    assert np.array_equal(read.decode(data, "p.tif").pixels, turned[orientation])


@pytest.mark.parametrize(
    ("dtype", "form", "said"),
    [
        ("int8", 2, "signed samples of 8 bits"),
        ("int16", 2, "signed samples of 16"),
        ("int32", 2, "signed samples of 32"),
        ("uint32", 1, "samples of 32 bits"),
        ("float32", 3, "floating-point samples of 32"),
        ("float64", 3, "floating-point samples of 64"),
        ("complex64", 6, "odd samples of 64"),
    ],
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_odd_samples_of_a_tiff_are_refused_in_one_line(dtype: str, form: int, said: str, channels: int) -> None:
    """cv2.error and ValueError ended the whole batch."""
    picture = rgba()[..., :channels] // 2
    bits = np.dtype(dtype).itemsize * 8
    tags = {258: (3, [bits] * channels), 339: (3, [form] * channels)} | ({338: (3, [2])} if channels == 4 else {})
    data = one(picture.astype(np.uint8), 1 if channels == 1 else RGB, more=tags)
    with pytest.raises(InputError, match=f"p.tif has {said}"):
        read.decode(data, "p.tif")


def test_a_fourth_sample_that_is_not_described_is_not_taken_for_alpha() -> None:
    with pytest.raises(InputError, match="has 4 samples a pixel and does not say what they are"):
        read.decode(one(rgba(), RGB), "p.tif")
    picture = read.decode(one(rgba(), RGB, extra=(0,)), "p.tif")
    assert np.array_equal(picture.pixels, rgb()) and picture.notes == ("an extra channel is left out",)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_narrow_samples_become_wide_ones(dtype: type) -> None:
    unit = (np.iinfo(dtype).max + 1) // 256
    narrow = np.array([[[0, 16, 126, 235], [255, 200, 16, 0]]], dtype) * dtype(unit)
    wide = scaling.widened(narrow) // dtype(unit)
    assert wide[0, 0].tolist() == [0, 0, 128, 235 * 1] and wide[0, 1, 0] == 255
    assert np.array_equal(scaling.widened(narrow[..., 0])[0, 0], 0)
