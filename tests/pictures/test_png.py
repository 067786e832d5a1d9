"""PNG by rows: Pillow and OpenCV see the pixels, however they are cut; threads change no byte."""

import zlib
from collections.abc import Mapping
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from runtime.container import EXIF, ICC, XMP
from runtime.pictures import png
from runtime.pictures.containers import all_png_chunks
from runtime.pictures.tags import exif_of_density


def encoded(
    picture: np.ndarray, heights: tuple[int, ...], threads: int = 1, payloads: Mapping[int, bytes] = {}
) -> bytes:
    strips = np.split(picture, np.cumsum(heights))
    return b"".join(png.encode(iter(strips), picture.shape, payloads, threads))


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (300, 1, 4), (5, 700), (61, 83, 3), (61, 83, 4)])
@pytest.mark.parametrize("kind", ["noise", "flat", "ramp"])
def test_other_libraries_see_the_pixels(shape: tuple[int, ...], kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png, "_PIECE_BYTES", 1000)
    picture = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    if kind == "flat":
        picture[:] = 200
    if kind == "ramp":
        picture[:] = (
            np.add.outer(np.arange(shape[0]), np.arange(shape[1]))
            .astype(np.uint8)
            .reshape(shape[:2] + (1,) * (len(shape) - 2))
        )
    data = encoded(picture, (shape[0] // 3,) if shape[0] > 2 else ())
    with Image.open(BytesIO(data)) as seen:
        assert np.array_equal(np.asarray(seen), picture)
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found is not None
    assert np.array_equal(found if found.ndim == 2 else found[:, :, [2, 1, 0, 3][: shape[2]]], picture)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 3), (2, 3, 4)])
def test_metadata_stand_where_pillow_writes_them(shape: tuple[int, ...]) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    payloads = {EXIF: exif_of_density(300, 72.5), ICC: profile, XMP: "<x:xmpmeta>\u00e9</x:xmpmeta>".encode()}
    file, texts = BytesIO(), PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", payloads[XMP].decode())
    picture = np.zeros(shape, np.uint8)
    Image.fromarray(picture).save(file, "PNG", exif=payloads[EXIF], icc_profile=profile, pnginfo=texts, dpi=(300, 72.5))
    whole, pillows = encoded(picture, (), payloads=payloads), file.getvalue()
    assert whole[: whole.index(b"IDAT") - 4] == pillows[: pillows.index(b"IDAT") - 4]
    assert whole[-12:] == pillows[-12:]


def test_threads_change_no_byte_and_all_checksums_are_right(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png, "_PIECE_BYTES", 5000)
    data = encoded(photo, (64, 50))
    assert encoded(photo, (64, 50), 3) == data
    chunks = list(all_png_chunks(data))
    assert all(right for *_, right in chunks)
    stream = b"".join(data[start + 8 : stop - 4] for kind, start, stop, _ in chunks if kind == b"IDAT")
    rows = zlib.decompress(stream)  # which looks at the checksum of all rows
    assert len(rows) == len(photo) * (1 + photo[0].size)
    assert set(rows[:: 1 + photo[0].size]) <= {1, 2, 3}


def test_photographs_are_as_small_as_pillow_makes_them(photo: np.ndarray) -> None:
    file = BytesIO()
    Image.fromarray(photo).save(file, "PNG")
    assert len(encoded(photo, (100,))) < 1.05 * len(file.getvalue())


def test_a_row_takes_the_filter_that_leaves_least() -> None:
    across, down = np.arange(0, 250, 5, dtype=np.uint8), np.zeros(50, np.uint8)
    found = png.filtered(np.stack([across, across, down]), np.stack([down, across, across]), 1)
    assert found[0].tolist() == [1, 0, *[5] * 49]
    assert found[1].tolist() == [2, *[0] * 50]
    assert found[2].tolist() == [1, *[0] * 50]
