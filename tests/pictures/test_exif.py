"""EXIF edited in place, and hostile directories."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_payloads import OWNER, SECRET, THUMBNAIL, camera, directory, listed, value
from PIL import Image

from runtime.pictures import exif


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_number_changes_and_nothing_else_does(order: str) -> None:
    numbers = {exif.ORIENTATION: 1, exif.PIXEL_WIDTH: 48, exif.PIXEL_HEIGHT: 64}
    assert exif.with_numbers(camera(order, 6), numbers) == camera(order, 1, 48, 64)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_number_too_large_for_its_kind_gets_another(order: str) -> None:
    edited = exif.with_numbers(camera(order), {exif.PIXEL_WIDTH: 70_000})
    assert value(edited, exif.PIXEL_WIDTH) == [70_000] and len(edited) == len(camera(order))
    seen = Image.Exif()
    seen.load(edited)
    assert seen.get_ifd(exif.EXIF_IFD)[exif.PIXEL_WIDTH] == 70_000


@pytest.mark.parametrize("kind, stored", [(1, b"\6"), (4, b"\6\0\0\0"), (3, b"\6\0\3\0")])
def test_an_orientation_of_an_odd_kind_becomes_one_short(kind: int, stored: bytes) -> None:
    block = b"II*\0\x08\0\0\0" + directory([(274, kind, stored)], "<", 8)
    assert exif.with_numbers(block, {exif.ORIENTATION: 1})[10:22] == struct.pack("<HHIHxx", 274, 3, 1, 1)


@pytest.mark.parametrize("order", ["<", ">"])
def test_without_its_thumbnail_exif_is_as_if_there_had_never_been_one(order: str) -> None:
    assert exif.without(camera(order), (), thumbnail=False) == camera(order, thumbnail=False)


def test_a_thumbnail_of_strips_in_the_middle_is_zeroed() -> None:
    """As TIFF stores it (tags 273 and 279), and before the exposure that has to stay."""
    first = [(271, 2, b"Gargalo\0"), (34665, 4, b"\0\0\0\0")]
    at = 8 + len(directory(first, "<", 8))
    second = directory([(273, 4, struct.pack("<I", 0)), (279, 4, struct.pack("<I", len(THUMBNAIL)))], "<", at)
    second = second.replace(struct.pack("<HHII", 273, 4, 1, 0), struct.pack("<HHII", 273, 4, 1, at + len(second)))
    below_at = at + len(second) + len(THUMBNAIL)
    first[1] = (34665, 4, struct.pack("<I", below_at))
    below = directory([(33434, 5, struct.pack("<II", 1, 250))], "<", below_at)
    block = b"II*\0\x08\0\0\0" + directory(first, "<", 8, at) + second + THUMBNAIL + below
    edited = exif.without(block, (), thumbnail=False)
    assert len(edited) == len(block) and b"thumbnail" in block and b"thumbnail" not in edited
    assert not any(edited[at:below_at]) and edited[below_at:] == below


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_dropped_directory_is_zeroed_and_nothing_else_moves(order: str) -> None:
    block = camera(order)
    edited = exif.without(block, (exif.GPS_IFD,))
    assert len(edited) == len(block) and SECRET in block and SECRET not in edited
    assert OWNER in edited and edited.index(OWNER) == block.index(OWNER)
    assert exif.GPS_IFD in listed(block) and listed(edited) == [tag for tag in listed(block) if tag != exif.GPS_IFD]
    (at,) = value(block, exif.EXIF_IFD)
    assert listed(edited, at) == listed(block, at)
    assert exif.without(edited, (exif.GPS_IFD,)) == edited


def test_a_dropped_value_is_zeroed() -> None:
    edited = exif.without(camera(), (exif.MAKER_NOTE,))
    assert OWNER not in edited and value(edited, exif.MAKER_NOTE) == [] and SECRET in edited


def test_when_nothing_is_left_there_is_no_exif() -> None:
    alone = b"II*\0\x08\0\0\0" + directory([(exif.ORIENTATION, 3, b"\1\0")], "<", 8)
    assert exif.without(alone, (exif.ORIENTATION,)) == b""
    pointer = [(exif.GPS_IFD, 4, struct.pack("<I", 26))]
    alone = b"II*\0\x08\0\0\0" + directory(pointer, "<", 8) + directory([(1, 2, b"N\0")], "<", 26)
    assert exif.without(alone, (exif.GPS_IFD,)) == b""


@pytest.mark.parametrize("place", [8, 9, 20, -1, None, 2**32 - 1])
def test_a_directory_that_cannot_be_dropped_for_certain_is_an_error(place: int | None) -> None:
    """Its pointer leads into the first directory, or out of the data."""
    block = camera()
    at = block.index(struct.pack("<HHI", exif.GPS_IFD, 4, 1)) + 8
    place = len(block) if place is None else place % len(block) if place < 0 else place
    with pytest.raises(ValueError):
        exif.without(block[:at] + struct.pack("<I", place) + block[at + 4 :], (exif.GPS_IFD,))


@pytest.mark.parametrize("block", [b"", b"MM", b"II*\0\xff\xff\xff\xff", b"II+\0" + bytes(60), b"rubbish" * 9])
def test_what_is_no_exif_is_an_error(block: bytes) -> None:
    with pytest.raises(ValueError):
        exif.with_numbers(block, {exif.ORIENTATION: 1})
    assert exif.orientation(block) is None and exif.density(block) is None


@pytest.mark.parametrize("unit, told", [(2, (300, 150)), (3, (762, 381)), (1, None), (None, (300, 150))])
def test_the_density_is_in_dots_an_inch(unit: int | None, told: tuple[float, float] | None) -> None:
    fields = [(282, 5, struct.pack("<II", 300, 1)), (283, 5, struct.pack("<II", 300, 2))]
    fields += [(296, 3, struct.pack("<H", unit))] if unit else []
    assert exif.density(b"II*\0\x08\0\0\0" + directory(fields, "<", 8)) == told


@pytest.mark.parametrize("above, below", [(300, 0), (0, 1), (2**32 - 1, 1)])
def test_a_density_without_sense_is_none(above: int, below: int) -> None:
    fields = [(tag, 5, struct.pack("<II", above, below)) for tag in (282, 283)]
    assert exif.density(b"II*\0\x08\0\0\0" + directory(fields, "<", 8)) is None


# --- hostile ----------------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_crashes_an_edit_or_leaves_what_it_should_take(data: st.DataObject) -> None:
    block = bytearray(camera(data.draw(st.sampled_from("<>"))))
    for _ in range(data.draw(st.integers(1, 4))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(block[: data.draw(st.integers(0, len(block)))])
    try:
        edited = exif.without(
            exif.with_numbers(cut, {exif.ORIENTATION: 1}), (exif.GPS_IFD, exif.MAKER_NOTE), thumbnail=False
        )
    except ValueError:
        return
    found = exif.Tiff(edited).walk()
    assert all(e.tag not in (exif.GPS_IFD, exif.MAKER_NOTE) for d in found for e in d.entries)
    assert found[0].next == 0 and len(edited) <= len(cut)


def test_exif_that_says_nothing_is_none() -> None:
    """As Image.getexif() gives it for a picture without."""
    assert exif.with_numbers(b"II*\0\x08\0\0\0\0\0\0\0\0\0", {}) == b""
