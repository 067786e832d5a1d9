"""The walks over PNG chunks and ISO boxes, from hostile bytes too."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures.files.avif import avif
from pictures.files.bmff import BT601, box, full, nclx, turn
from pictures.files.case import gray, rgb
from pictures.files.jp2 import jp2
from pictures.files.png import chunk, png

from runtime.errors import InputError
from runtime.pictures.containers import avif_without_exif, iso_boxes, png_chunks, png_with

SRGB = 16


def test_chunks_are_found_once_and_only_whole_ones() -> None:
    told = chunk(b"cICP", bytes([12, 13, 0, 1])) + chunk(b"cICP", bytes([9, 16, 0, 1])) + chunk(b"acTL", bytes(8))
    data = png(gray(), 0, 8, told)
    chunks = png_chunks(data)
    assert chunks[b"cICP"] == bytes([12, 13, 0, 1]) and b"acTL" in chunks and b"IDAT" not in chunks
    broken = data.replace(chunk(b"acTL", bytes(8)), chunk(b"acTL", bytes(8))[:-1] + b"?")
    assert b"acTL" not in png_chunks(broken)
    assert png_with(data) == png(gray(), 0, 8)


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"IEND"])
def test_a_wrong_checksum_of_samples_is_damage(kind: bytes) -> None:
    data = bytearray(png(gray(), 0, 8))
    at = data.index(kind)
    data[at + 4 + int.from_bytes(data[at - 4 : at])] ^= 255
    with pytest.raises(InputError, match=f"checksum of a chunk {kind.decode()}"):
        png_chunks(bytes(data))


def test_properties_are_those_of_the_main_picture() -> None:
    """The alpha picture has a depth of its own, in the same table."""
    boxes = iso_boxes(avif(rgb(), nclx(12, 13, BT601), turns=(turn(1),), opacity=gray(), opacity_bits=8))
    assert struct.unpack(">HHH", boxes[b"nclx"][:6]) == (12, 13, BT601)
    assert boxes[b"irot"] == b"\1" and boxes[b"pixi"][4:] == b"\3\x08\x08\x08"


@pytest.mark.parametrize(("version", "flags", "item"), [(0, 0, ">HBB"), (0, 1, ">HBH"), (1, 0, ">IBB"), (1, 1, ">IBH")])
def test_numbers_of_properties_come_in_four_widths(version: int, flags: int, item: str) -> None:
    essential = 0x8000 if flags else 0x80
    bound = b"".join(struct.pack(item, number, 1, essential | place) for number, place in ((7, 1), (8, 2)))
    properties = box(b"ipco", box(b"irot", b"\1"), box(b"irot", b"\3"))
    ipma = full(b"ipma", version << 24 | flags, struct.pack(">I", 2) + bound)
    meta = full(b"meta", 0, full(b"pitm", 0, struct.pack(">H", 8)), box(b"iprp", properties, ipma))
    assert iso_boxes(box(b"ftyp", b"avif\0\0\0\0") + meta)[b"irot"] == b"\3"


def test_what_a_jp2_tells_of_its_colours() -> None:
    assert iso_boxes(jp2(rgb(), SRGB))[b"enum"] == struct.pack(">I", SRGB)


def test_an_avif_loses_its_exif_in_place() -> None:
    data = avif(gray(), payloads=((b"Exif", bytes(4) + b"rubbish"),))
    without = avif_without_exif(data)
    assert len(without) == len(data) and b"Exif" in data and b"Exif" not in without


WHOLE = avif(gray(), nclx(12, 13, BT601))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_edit_of_boxes_or_chunks_ends_in_anything_but_input_error(data: st.DataObject) -> None:
    walk, whole = data.draw(st.sampled_from([(iso_boxes, WHOLE), (png_chunks, png(gray(), 0, 8))]))
    changed = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4)) if changed else 0):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.sampled_from([0, 1, 2, 127, 128, 254, 255]))
    try:
        walk(bytes(changed))
    except (InputError, IndexError, KeyError):  # the latter two are told by read.decode
        pass
