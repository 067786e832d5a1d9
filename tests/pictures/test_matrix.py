"""Each kind of picture file becomes the pixels that its format says, or is refused in one line; never other pixels.

The files and what they must become are in files/, one module a format. test_generators.py asks other libraries whether
the files are what we take them for.
"""

import re

import pytest

pytest.importorskip("PIL")
pytest.importorskip("imagecodecs")

from pictures.files import CASES, Case, difference  # noqa: E402

from runtime.container import ICC  # noqa: E402
from runtime.errors import InputError  # noqa: E402
from runtime.pictures.read import decode  # noqa: E402


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_samples_mean_what_the_file_says(case: Case) -> None:
    data = case.make()
    try:
        picture = decode(data, case.name)
    except InputError as refusal:
        said = str(refusal)
        assert case.reason is not None, f"a picture that must be read: {said}"
        assert case.name in said and "\n" not in said
        assert re.search(case.reason, said, re.IGNORECASE), f"the reason is not {case.reason}: {said}"
        return
    assert case.wanted, f"taken as {picture.pixels.shape} with {picture.notes}; it must be refused: {case.reason}"
    apart = [difference(picture.pixels, want) for want in case.wanted]
    shapes = [want.shape for want in case.wanted]
    assert min(apart) <= case.within, f"{picture.pixels.shape} for {shapes}, apart {apart}, notes {picture.notes}"
    if case.note:
        assert re.search(case.note, "\n".join(picture.notes), re.IGNORECASE), f"no note of {case.note}: {picture.notes}"
    if case.profile is not None:
        assert (ICC in picture.metadata) == case.profile, f"a profile: {ICC in picture.metadata}"


BROKEN = re.compile("cut-off|alone|two-bytes|empty|behind-end|no-frame|jpeg-inside|above-maxval|of-other-depth")
KNOWN = ("png", "jpg", "webp", "tif", "jp2", "avif", "heic", "gif", "bmp", "pbm", "pgm", "ppm")
WHOLE = [
    case for case in CASES if case.id.split("/")[0] in KNOWN and not BROKEN.search(case.id) and "fact" not in case.id
]


@pytest.mark.parametrize("case", [case for case in WHOLE if case.reason is not None], ids=lambda case: case.id)
def test_a_whole_file_that_is_refused_is_not_called_damaged(case: Case) -> None:
    """A user would look for another copy in vain: the refusal must name what is not read."""
    try:
        decode(case.make(), case.name)
    except InputError as refusal:
        assert not re.search("damaged|another copy|cut off", str(refusal))


PLAIN = {
    *("png/type2-8bit", "png/type0-1bit", "png/type3-4bit", "png/type6-8bit-adam7", "gif/256colours"),
    *("jpg/baseline-420", "jpg/progressive-gray", "webp/lossless-simple", "webp/lossy-alpha-simple"),
    *("tif/lzw-strips", "tif/gray-8bit-big", "tif/reduced-behind", "avif/identity-8bit", "avif/gray-full-8bit"),
    *("bmp/24bit-header40-bottom-up", "pbm/p4", "pgm/p5-maxval255", "ppm/p6-maxval255"),
}


@pytest.mark.parametrize("case", [case for case in CASES if case.id in PLAIN], ids=lambda case: case.id)
def test_of_a_plain_file_there_is_nothing_to_tell(case: Case) -> None:
    assert decode(case.make(), case.name).notes == ()


def test_the_plain_files_are_among_the_cases() -> None:
    assert {case.id for case in CASES} >= PLAIN
