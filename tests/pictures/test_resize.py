"""Smaller pictures: sizes as users write them, means of areas, metadata that stay true."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime import container
from runtime.compress import main
from runtime.errors import InputError
from runtime.files import imread
from runtime.pictures.exif import PIXEL_WIDTH
from runtime.pictures.read import Picture
from runtime.pictures.resize import parse, resized, shrunk

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    "text, width, height, expected",
    [
        ("640x480", 1000, 600, (640, 480)),
        ("640 X 480", 640, 480, (640, 480)),
        ("50%", 101, 61, (50, 30)),
        ("12.5 %", 80, 8, (10, 1)),
        ("100%", 80, 8, (80, 8)),
        ("1%", 10, 10, (1, 1)),
        ("max 1024", 4000, 3000, (1024, 768)),
        ("max1024", 3000, 4000, (768, 1024)),
        ("Max 1024", 1024, 9, (1024, 9)),
        ("max 10", 10_000, 2, (10, 1)),
    ],
)
def test_sizes_are_understood(text: str, width: int, height: int, expected: tuple[int, int]) -> None:
    assert parse(text).of(width, height) == expected


@pytest.mark.parametrize(
    "text, told",
    [
        *((text, "leaves nothing of a picture") for text in ("0x5", "5x0", "0%", "max 0", "0.0%")),
        *(
            (text, "is not a size")
            for text in ("", "5", "5x", "x5", "-1x5", "5x5x5", "max", "max -1", "1e2%", "max 5%")
        ),
        ("100.5%", "would make pictures larger"),
    ],
)
def test_what_is_no_size_is_refused_with_what_is(text: str, told: str) -> None:
    what = "give WxH such as 640x480, N% up to 100%, or max N"
    with pytest.raises(InputError, match=f"^resize {text} {told}.*{what}"):
        parse(text)
    with pytest.raises(InputError, match=f"^--resize {text} {told}.*{what}"):
        parse(text, "--resize")


def test_what_is_no_text_is_refused_by_the_name_of_the_argument(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="^resize 50 is not a size"):
        imread(tmp_path / "a.png", resize=50)  # type: ignore[call-overload]


def test_a_picture_never_becomes_larger() -> None:
    with pytest.raises(InputError, match="it has 30x20 px, a resize to 31x20 would make it larger; give max N"):
        parse("31x20").of(30, 20)


@pytest.mark.parametrize("shape", [(6, 9), (6, 9, 3), (6, 9, 4)])
def test_a_pixel_is_the_mean_of_its_area(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    if len(shape) == 3:
        pixels[:, :, 3:] = 200
    means = pixels.reshape(2, 3, 3, 3, *shape[2:]).astype(float).mean((1, 3))
    assert np.abs(shrunk(pixels, 3, 2) - means).max() <= 0.5 + 1e-5


def test_an_area_may_end_within_a_pixel() -> None:
    """Of five columns two: the middle one belongs to both."""
    row = np.array([[0, 100, 200, 50, 250]], np.uint8)
    assert shrunk(row, 2, 1).tolist() == [[(0 + 100 + 200 / 2) / 2.5, (200 / 2 + 50 + 250) / 2.5]]


def test_clear_pixels_do_not_colour_the_others() -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0] = 200, 100, 50, 255
    pixels[1] = 0, 255, 255, 0
    assert shrunk(pixels, 1, 1).tolist() == [[[200, 100, 50, 128]]]
    assert shrunk(pixels[1:], 1, 1).tolist() == [[[0, 0, 0, 0]]]


def test_metadata_tell_the_new_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(34665).update({PIXEL_WIDTH: 40, 40963: 20, 37396: (9, 9)})
    Image.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=exif)
    pixels, kept = imread(tmp_path / "a.jpg", with_metadata=True, resize="50%")
    found = Image.Exif()
    found.load(kept[container.EXIF])
    assert pixels.shape == (10, 20, 3)
    assert dict(found.get_ifd(34665)) == {PIXEL_WIDTH: 20, 40963: 10}


def test_a_picture_that_has_the_size_is_left_as_it_is() -> None:
    picture = Picture(np.zeros((4, 5), np.uint8), (), {})
    assert resized(picture, parse("max 5")) is picture


def test_the_command_resizes(tmp_path: Path, capfd: Capture) -> None:
    Image.linear_gradient("L").save(tmp_path / "a.png")
    assert main([str(tmp_path / "a.png"), "--resize", "max 64", "-q", "90"]) == 0
    assert imread(tmp_path / "a.gar").shape == (64, 64)
    assert imread(tmp_path / "a.gar", resize="16x32").shape == (32, 16)
    capfd.readouterr()
    for text, told in (("0x5", "--resize 0x5"), ("500x500", "a resize to 500x500")):
        assert main([str(tmp_path / "a.png"), "--resize", text, "-f"]) == 1
        out, err = capfd.readouterr()
        assert out == "" and err.count("\n") == 1 and told in err
