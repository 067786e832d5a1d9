"""The generated files are what we take them for: tifffile and imagecodecs find the samples in them that we put in."""

import io
import re

import numpy as np
import pytest

pytest.importorskip("PIL")
imagecodecs = pytest.importorskip("imagecodecs")
tifffile = pytest.importorskip("tifffile")

from pictures.files import CASES, Case, difference  # noqa: E402


def first_page(data: bytes) -> np.ndarray:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        samples = file.pages[0].asarray()
        planar = file.pages[0].planarconfig == 2 and samples.ndim == 3
        samples = np.moveaxis(samples, 0, -1) if planar else samples
        white_is_zero = file.pages[0].photometric == 0
        return samples.max() ^ samples if white_is_zero else samples


READERS = {
    "png": imagecodecs.png_decode,
    "jpg": imagecodecs.jpeg_decode,
    "webp": imagecodecs.webp_decode,
    "tif": first_page,
    "jp2": imagecodecs.jpeg2k_decode,
    "avif": imagecodecs.avif_decode,
    "gif": imagecodecs.gif_decode,
    "bmp": imagecodecs.bmp_decode,
    "jxl": imagecodecs.jpegxl_decode,
    "jls": imagecodecs.jpegls_decode,
    "jxr": imagecodecs.jpegxr_decode,
    "qoi": imagecodecs.qoi_decode,
}
NOT_AS_SEEN = {
    "turns": "orientation[2-8]|turned[2-8]|exif-before-xmp|xmp-then-exif|exif-behind|as-long|raw-profile",
    "kinds": "in-fact|(avif|gif|webp)/animated|signed",
    "models": "cmyk|ycck|lab|tif/ycbcr|sycc-12|(tif|jp2)/.*palette",
    "alpha": "-associated|premultiplied|unspecified|(white-is-zero|palette)-alpha",
    "channels": "another|rgb-and-two|reduced-first|smaller-than-screen",
    "unread": "cropped|avif/grid|high-throughput|of-other-depth",
    "rare": "bmp/.*-2bit|bmp/core|bmp/rle|bmp/masks-.*header40|101010",
}
"""What a reader hands over as stored, or does not read: turns, other colour models and channels, rare BMPs."""
LEFT_OUT = re.compile("|".join(NOT_AS_SEEN.values()))


def comparable() -> list[Case]:
    return [case for case in CASES if case.id.split("/")[0] in READERS and case.wanted and not LEFT_OUT.search(case.id)]


@pytest.mark.parametrize("case", comparable(), ids=lambda case: case.id)
def test_another_library_finds_the_same_samples(case: Case) -> None:
    samples = np.asarray(READERS[case.id.split("/")[0]](case.make()))
    told = re.search(r"(\d+)bit", case.id)
    whole = 1 if samples.dtype == bool else np.iinfo(samples.dtype).max
    few = case.id.split("/")[0] not in ("png", "gif", "bmp")  # those come out as 8 or 16 bits
    seen = samples.astype(float) * 255 / ((1 << int(told[1])) - 1 if told and few else whole)
    if seen.ndim == 3 and seen.shape[2] == 2:
        seen = seen[:, :, [0, 0, 0, 1]]
    assert min(difference(seen, want) for want in case.wanted) <= case.within


def test_there_are_enough_cases_and_no_two_alike() -> None:
    ids = [case.id for case in CASES]
    assert len(ids) >= 300 and len(comparable()) >= 300
    assert len(set(ids)) == len(ids)
