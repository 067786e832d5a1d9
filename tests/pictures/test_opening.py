"""Which files are taken for what, and which never: camera raw, copies of another picture, HEIC without its library."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from pictures.files.case import rgb
from pictures.files.tiff import BLOCKS, RGB, one, page, tiff

from runtime.compress import main as compress
from runtime.errors import InputError
from runtime.pictures import read
from runtime.pictures.suffixes import RAW, READABLE

SENSOR, LINEAR = 32803, 34892
THUMBNAIL = page(rgb(), RGB)


def with_raw_below(photometric: int, more: dict[int, tuple[int, list[int]]]) -> bytes:
    """Return a TIFF whose first directory is a picture, and which has another in a directory of its own (SubIFDs)."""
    data = bytearray(tiff(THUMBNAIL | {330: (4, [0])} | more))
    at = data.index(struct.pack("<HHI", 330, 4, 1)) + 8
    sensor = [(256, 4, 1024), (257, 4, 768), (258, 3, 16), (259, 3, 1), (262, 3, photometric), (277, 3, 1)]
    data[at : at + 4] = struct.pack("<I", len(data))
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in sensor)
    return bytes(data) + struct.pack("<H", len(sensor)) + entries + bytes(4)


@pytest.mark.parametrize(
    "data",
    [
        with_raw_below(SENSOR, {254: (4, [1])}),
        with_raw_below(SENSOR, {}),
        with_raw_below(LINEAR, {}),
        tiff(THUMBNAIL | {50706: (1, [1, 4, 0, 0])}),
        tiff(THUMBNAIL, page(rgb()[..., 0], SENSOR, 16)),
        one(rgb()[..., 0], SENSOR, 16),
        b"II*\0\x10\0\0\0CR\2\0" + bytes(99),
        b"FUJIFILMCCD-RAW 0201" + bytes(99),
        b"IIRO\x08\0\0\0" + bytes(99),
        b"IIU\0\x18\0\0\0" + bytes(99),
        b"\0MRM" + bytes(99),
        b"FOVb" + bytes(99),
        b"\0\0\0\x18ftypcrx " + bytes(99),
        b"II\x1a\0\0\0HEAPCCDR" + bytes(99),
    ],
)
def test_camera_raw_is_refused_by_name_whatever_its_first_directory_shows(data: bytes) -> None:
    with pytest.raises(InputError, match="x is camera raw; develop it"):
        read.decode(data, "x")


@pytest.mark.parametrize("suffix", sorted(RAW))
def test_a_tiff_under_the_name_of_camera_raw_is_not_taken_for_its_picture(suffix: str) -> None:
    with pytest.raises(InputError, match="camera raw"):
        read.decode(tiff(THUMBNAIL), f"DSC{suffix.upper()}")
    assert np.array_equal(read.decode(tiff(THUMBNAIL), "p.tif").pixels, rgb())


@pytest.mark.parametrize("tags", [{254: (4, [1])}, {254: (4, [4])}, {255: (3, [2])}])
def test_a_first_page_that_is_a_copy_or_mask_of_another_is_refused(tags: dict[int, tuple[int, list[int]]]) -> None:
    with pytest.raises(InputError, match="first picture is a reduced copy or a mask"):
        read.decode(tiff(THUMBNAIL | tags, page(rgb(100, 90), RGB)), "p.tif")


def test_smaller_copies_below_the_picture_do_not_matter() -> None:
    picture = read.decode(with_raw_below(RGB, {}), "p.tif")
    assert np.array_equal(picture.pixels, rgb()) and picture.notes == ()


@pytest.mark.parametrize("tag", [256, 257, 259, 262, 277, 284])
def test_a_tag_of_one_number_with_several_is_damage(tag: int) -> None:
    """Pillow would warn, and take the first."""
    with pytest.raises(InputError, match="damaged directory"):
        read.decode(tiff(THUMBNAIL | {tag: (4, [27, 1, 1])}), "p.tif")


@pytest.mark.parametrize("compression", [1, 5])
@pytest.mark.parametrize("tags", [{257: (4, [54])}, {257: (4, [54]), 278: (4, [9])}, {284: (3, [2])}])
def test_strips_that_are_missing_are_not_left_black(tags: dict[int, tuple[int, list[int]]], compression: int) -> None:
    """Pillow minds only where they are compressed."""
    whole = page(rgb(), RGB, compression=compression, rows=9)
    assert np.array_equal(read.decode(tiff(whole), "p.tif").pixels, rgb())
    with pytest.raises(InputError, match="lacks parts of its picture"):
        read.decode(tiff(whole | tags), "p.tif")


def test_tiles_that_are_missing_are_not_left_black() -> None:
    tiles = page(rgb(), RGB, tile=(16, 16))
    with pytest.raises(InputError, match="lacks parts of its picture"):
        read.decode(tiff(tiles | {BLOCKS: tiles[BLOCKS][:-1]}), "p.tif")


def test_a_directory_that_leads_out_of_the_file_is_not_followed() -> None:
    data = tiff(THUMBNAIL)
    for place in (len(data), len(data) - 3, 2**32 - 1):
        with pytest.raises(InputError, match="cut off"):
            read.decode(data[:4] + struct.pack("<I", place) + data[8:], "p.tif")


def test_pages_in_a_circle_are_read_once() -> None:
    data = bytearray(tiff(THUMBNAIL))
    first = int.from_bytes(data[4:8], "little")
    link = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
    data[link : link + 4] = data[4:8]
    assert read.decode(bytes(data), "p.tif").notes == ()


# --- HEIC -------------------------------------------------------------------------------------------------------------

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0\0\0\x08mdat"


@pytest.mark.parametrize("brands", [b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1heic", b"hevc\0\0\0\0mif1hevc"])
def test_heic_without_its_library_is_refused_with_the_line_that_installs_it(
    brands: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(sys.modules, "pillow_heif.as_plugin", raising=False)
    with pytest.raises(InputError, match=r"p.heic is a HEIC; to read it: pip install 'gargalo\[heif\]'"):
        read.decode(b"\0\0\0\x18ftyp" + brands + b"\0\0\0\x08mdat", "p.heic")


def test_a_folder_with_heic_is_not_done_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(sys.modules, "pillow_heif.as_plugin", raising=False)
    (tmp_path / "IMG_1.HEIC").write_bytes(HEIC)
    assert compress([str(tmp_path), "-r", "-q", "50"]) == 1
    assert "IMG_1.HEIC is a HEIC; to read it: pip install 'gargalo[heif]'" in capfd.readouterr().err
    assert ".heic" in READABLE


def test_an_avif_under_the_brand_of_any_picture_is_no_heic() -> None:
    with pytest.raises(InputError, match="^(?!.*HEIC)"):
        read.decode(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf" + b"\0\0\0\x08mdat", "p.avif")
