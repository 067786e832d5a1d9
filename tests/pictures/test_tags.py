"""The tags of TIFF files: EXIF put into a file and taken out again, in either byte order."""

import struct
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_payloads import OWNER, SECRET, THUMBNAIL, camera, directory, listed, value
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from runtime.pictures import exif, tags
from runtime.pictures.metadata import MAX_PAYLOAD_BYTES


def plain() -> bytes:
    """Return a TIFF file with two strips and nothing said."""
    file = BytesIO()
    Image.new("RGB", (64, 48), (1, 2, 3)).save(file, "TIFF", compression="tiff_lzw", strip_size=64 * 3 * 24)
    return file.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_comes_back_from_a_file_that_it_was_put_into(order: str) -> None:
    given = exif.without(camera(order), tags.COMPRESSED, thumbnail=False)
    file = tags.with_metadata(plain(), given, b"profile", b"packet")
    with Image.open(BytesIO(file)) as seen:
        assert isinstance(seen, TiffImageFile)
        assert seen.convert("RGB").getpixel((63, 47)) == (1, 2, 3)
        assert seen.tag_v2[exif.ICC] == b"profile" and seen.tag_v2[exif.XMP] == b"packet"
        assert seen.info["dpi"] == (300, 300)
    notes: list[str] = []
    back = tags.exif_of(file, MAX_PAYLOAD_BYTES, notes)
    assert notes == ["its maker's note is left out"]
    assert set(listed(back)) == set(listed(camera(order))) - {exif.ORIENTATION}
    assert "Gårdsjö".encode() in back and SECRET in back and "é".encode("utf-16le") in back
    (at,), (before,) = value(back, exif.EXIF_IFD), value(camera(order), exif.EXIF_IFD)
    assert set(listed(back, at)) == set(listed(camera(order), before)) - {exif.MAKER_NOTE}
    assert (value(back, exif.PIXEL_WIDTH), value(back, exif.PIXEL_HEIGHT)) == ([64], [48])
    assert THUMBNAIL not in file


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_maker_s_note_keeps_its_place_in_a_file(order: str) -> None:
    file = tags.with_metadata(plain(), camera(order), b"", b"")
    assert file.index(OWNER) == camera(order).index(OWNER)


def test_a_file_without_exif_tells_of_no_resolution() -> None:
    file = tags.with_metadata(plain(), b"", b"", b"")
    assert value(file, exif.RESOLUTION_UNIT) == [1] and value(file, exif.EXIF_IFD) == []
    assert tags.exif_of(file, MAX_PAYLOAD_BYTES, []) == b""


def test_tags_that_all_claim_the_same_large_value_stay_small() -> None:
    """4000 tags of 1 MB each at the same place would make 4 GB of EXIF."""
    claims = b"".join(struct.pack("<HHII", 40000 + i, 7, 1_000_000, 8) for i in range(4000))
    first = directory([(34665, 4, struct.pack("<I", 26))], "<", 8)
    data = b"II*\0\x08\0\0\0" + first + struct.pack("<H", 4000) + claims + bytes(4 + 1_000_000)
    assert len(tags.exif_of(data, 2_500_000, [])) < 2_600_000


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_of_a_file_has_what_exif_must_have(order: str) -> None:
    """Of a file that tells of an artist and an exposure alone."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    first = [(256, 3, struct.pack(f"{order}H", 64)), (257, 3, struct.pack(f"{order}H", 48)), (315, 2, b"Anna\0")]
    at = 8 + len(directory([*first, (34665, 4, bytes(4))], order, 8))
    first.append((34665, 4, struct.pack(f"{order}I", at)))
    exposure = directory([(33434, 5, struct.pack(f"{order}II", 1, 250))], order, at)
    back = tags.exif_of(head + struct.pack(f"{order}I", 8) + directory(first, order, 8) + exposure, 1000, [])
    assert listed(back) == [282, 283, 296, 315, 531, 34665] and value(back, exif.RESOLUTION_UNIT) == [1]
    assert listed(back, *value(back, exif.EXIF_IFD)) == [33434, 36864, 37121, 40960, 40961, 40962, 40963]
    assert (value(back, exif.PIXEL_WIDTH), value(back, exif.PIXEL_HEIGHT)) == ([64], [48])


def test_exif_of_a_density_says_nothing_else() -> None:
    block = tags.exif_of_density(299.9994, 150)
    assert exif.density(block) == (299.999, 150) and listed(block) == [282, 283, 296, 531]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_damage_crashes_the_way_in_or_out(data: st.DataObject) -> None:
    block = bytearray(camera(data.draw(st.sampled_from("<>"))))
    for _ in range(data.draw(st.integers(1, 4))):
        block[data.draw(st.integers(4, len(block) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(block[: data.draw(st.integers(8, len(block)))])
    file = tags.with_metadata(plain(), cut, b"", b"")
    with Image.open(BytesIO(file)) as seen:
        assert seen.size == (64, 48)
    tags.exif_of(cut, MAX_PAYLOAD_BYTES, [])


def test_chromaticities_stay() -> None:
    """They are tags of EXIF too, and all that a TIFF without a profile says of its colours."""
    file = BytesIO()
    told = {318: (0.3127, 0.329), 319: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)}
    Image.new("RGB", (64, 48)).save(file, "TIFF", tiffinfo=told)
    block = tags.exif_of(file.getvalue(), MAX_PAYLOAD_BYTES, [])
    with Image.open(BytesIO(tags.with_metadata(plain(), block, b"", b""))) as seen:
        for tag, numbers in told.items():
            found = seen.tag_v2[tag]  # type: ignore[attr-defined]
            assert [float(each) for each in found] == pytest.approx(numbers)
