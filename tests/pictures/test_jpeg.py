"""Damaged samples of a JPEG, of which Pillow does not tell: whole files are not accused, cut ones are."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from runtime.pictures.payloads import DAMAGE
from runtime.pictures.read import decode

SIZE = 119, 201
KINDS: dict[str, dict[str, Any]] = {
    "420": {},
    "444": {"subsampling": "4:4:4"},
    "optimised": {"optimize": True, "quality": 30},
    "restarts": {"restart_marker_rows": 1},
    "progressive": {"progressive": True},
}
MODES = "L", "RGB", "CMYK"


def jpeg(kind: str, mode: str = "RGB", flat: bool = False) -> bytes:
    """Return a JPEG of noise, or of one colour, whose blocks have a few bits each."""
    noise = np.random.default_rng(5).integers(0, 256, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
    file = BytesIO()
    (Image.new("RGB", SIZE, "teal") if flat else Image.fromarray(noise)).convert(mode).save(file, "JPEG", **KINDS[kind])
    return file.getvalue()


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_are_not_called_damaged(kind: str, mode: str, flat: bool) -> None:
    data = jpeg(kind, mode, flat)
    for end in (b"\xff\xd9", b"\xff" * 20 + b"\xff\xd9", b"\xff\xd9" + data, b"\xff\xd9" + bytes(300)):
        picture = decode(data[:-2] + end, "p.jpg")
        assert DAMAGE not in picture.notes
        if mode != "CMYK":
            assert np.array_equal(picture.pixels, np.asarray(Image.open(BytesIO(data))))


@pytest.mark.parametrize("part", [0.3, 0.45, 0.6])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_file_that_was_given_an_end_is_told(kind: str, mode: str, part: float) -> None:
    data = jpeg(kind, mode)
    assert DAMAGE in decode(data[: int(part * len(data))] + b"\xff\xd9", "p.jpg").notes


@pytest.mark.parametrize("kind", ["420", "444", "optimised"])
@pytest.mark.parametrize("at", [0.4, 0.6, 0.8])
def test_a_block_lost_from_the_middle_is_told(kind: str, at: float) -> None:
    data = jpeg(kind)
    start = int(at * len(data))
    assert DAMAGE in decode(data[:start] + data[start + 512 :], "p.jpg").notes


def test_a_restart_lost_from_the_middle_is_told() -> None:
    data = jpeg("restarts")
    start, stop = data.index(b"\xff\xd2"), data.index(b"\xff\xd3")
    assert DAMAGE in decode(data[:start] + data[stop:], "p.jpg").notes


def test_samples_that_are_left_over_are_told() -> None:
    """One column of blocks fewer in the header, so that the last row is there long before the samples end."""
    data = bytearray(jpeg("444"))
    at = data.index(b"\xff\xc0") + 7
    data[at : at + 2] = (SIZE[0] - 8).to_bytes(2)
    assert DAMAGE in decode(bytes(data), "p.jpg").notes
