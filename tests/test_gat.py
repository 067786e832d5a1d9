""".gat files: what is in their three bytes of header, and what is refused."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, TINY_RECURRENT

from runtime import gat
from runtime.arrays import U8
from runtime.bundle import Bundle, shipped_names
from runtime.errors import BundleError, InputError, StreamError, TruncatedError
from runtime.families.recurrent import thumbnail
from runtime.pictures.read import read
from runtime.pictures.square import shrunk
from runtime.search import psnr


@pytest.fixture(scope="module")
def square() -> U8:
    rows, columns = np.mgrid[0:32, 0:32]
    waves = 90 * np.sin(rows / 5)[..., None] * np.cos(columns[..., None] / np.array([4, 5, 6]))
    return (128 + waves).astype(np.uint8)


@pytest.fixture(scope="module")
def data(square: U8) -> bytes:
    return gat.encode(square, 80, TINY_RECURRENT)


@pytest.fixture
def as_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The tiny bundle under the name of the usual one."""
    folder = tmp_path / gat.MODELS[0]
    shutil.copytree(TINY_RECURRENT, folder)
    monkeypatch.setattr("runtime.bundle.WEIGHTS", tmp_path)
    gat.family_of.cache_clear()
    yield folder
    gat.family_of.cache_clear()


def with_check(model: int, message: bytes, bundle: Path = TINY_RECURRENT) -> bytes:
    crc = 0xFFFF
    for byte in Bundle.open(bundle).id + bytes([model]) + message:
        crc ^= byte << 8
        for _ in range(8):
            crc = crc << 1 ^ (0x11021 if crc & 0x8000 else 0)
    return bytes([model, crc & 0xFF, crc >> 8]) + message


def test_a_thumbnail_there_and_back(square: U8, data: bytes) -> None:
    back = gat.decode(data, TINY_RECURRENT)
    assert back.shape == (32, 32, 3) and back.dtype == np.uint8
    assert np.square(back.astype(int) - square).mean() < 255**2 / 10**2.2, "22 dB"


@pytest.mark.parametrize("most", [16, 64, 128, 256, 2048])
def test_a_file_has_no_more_bytes_than_it_may(most: int, square: U8) -> None:
    made = gat.encode(square, most, TINY_RECURRENT)
    assert len(made) <= most and (most > 256 or len(made) > most - 6)


def test_the_header_is_a_model_and_a_check(data: bytes) -> None:
    assert data[0] == 0xBF, "a bundle of one's own"
    assert data == with_check(0xBF, data[3:])
    assert gat.HEADER_BYTES == 3


def test_the_shipped_model_has_number_0_and_needs_no_bundle(as_shipped: Path, square: U8, data: bytes) -> None:
    made = gat.encode(square, 80)
    assert made[0] == 0xA0 and made[3:] == data[3:]
    assert np.array_equal(gat.decode(made), gat.decode(data, TINY_RECURRENT))
    assert np.array_equal(gat.decode(made, TINY_RECURRENT), gat.decode(made))


def test_every_damaged_bit_is_seen(data: bytes) -> None:
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StreamError):
            gat.decode(bytes(damaged), TINY_RECURRENT)


def test_every_cut_and_every_byte_more_is_seen(data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(StreamError):
            gat.decode(data[:length], TINY_RECURRENT)
    with pytest.raises(StreamError, match="check"):
        gat.decode(data + b"\0", TINY_RECURRENT)


@pytest.mark.parametrize(
    "wrong, said",
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"\x89PNG\r\n\x1a\n", "begins with 89 50 4e 47: not a gargalo thumbnail"),
        (b"\x89GAR\x03", "a .gar file: decompress it"),
        (b"dear diary", "not a gargalo thumbnail"),
        (b"\xa0\x00\x00", "of 3 bytes, a thumbnail has more than 3"),
        (b"\xa0" * 2049, "of 2049 bytes, a thumbnail has at most 2048"),
        (b"\xa7abcdefg", "thumbnail model 7, which is not here: get a newer gargalo"),
        (b"\xbfabcdefg", "weights that do not ship; give their bundle"),
    ],
)
def test_what_is_none_is_told(wrong: bytes, said: str) -> None:
    with pytest.raises(StreamError, match=said):
        gat.decode(wrong)
    assert issubclass(TruncatedError, StreamError)


def test_other_weights_are_told(square: U8, as_shipped: Path) -> None:
    foreign = with_check(0xA0, gat.encode(square)[3:], TINY)
    with pytest.raises(StreamError, match="made with other weights"):
        gat.decode(foreign)


def test_a_message_that_tells_nothing_is_refused_in_spite_of_its_check() -> None:
    with pytest.raises(StreamError, match="ends before anything"):
        gat.decode(with_check(0xBF, b"\x80"), TINY_RECURRENT)


def test_a_folder_of_a_shipped_name_is_not_taken_unasked(
    as_shipped: Path, square: U8, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = gat.encode(square)
    own = tmp_path / "here" / gat.MODELS[0]
    shutil.copytree(TINY, own)
    monkeypatch.chdir(own.parent)
    gat.family_of.cache_clear()
    assert gat.encode(square) == shipped
    assert gat.decode(shipped).shape == (32, 32, 3)
    shutil.copytree(TINY_RECURRENT, own, dirs_exist_ok=True)
    assert gat.encode(square, bundle=gat.MODELS[0])[0] == gat.OWN_MODEL, "asked for by its name"


@pytest.mark.parametrize("most", [0, 15, 2049, -1, float("nan"), "many"])
def test_bytes_out_of_range_are_an_input_error(most: int, square: U8) -> None:
    with pytest.raises(InputError, match="bytes .*; give a number from 16 to 2048"):
        gat.encode(square, most, TINY_RECURRENT)


@pytest.mark.parametrize(
    "wrong", [np.zeros((32, 32), np.uint8), np.zeros((32, 32, 3)), np.zeros((16, 16, 3), np.uint8)]
)
def test_what_is_no_thumbnail_is_an_input_error(wrong: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"must be uint8 \(32, 32, 3\)"):
        gat.encode(wrong, 128, TINY_RECURRENT)


def test_a_bundle_of_another_family_is_a_bundle_error(square: U8) -> None:
    with pytest.raises(BundleError, match="this bundle is not for thumbnails"):
        gat.encode(square, 128, TINY)
    with pytest.raises(BundleError, match="no bundle there"):
        gat.encode(square, 128, "nothere")


def test_photographs_are_better_than_their_mean_colour(photo: U8) -> None:
    square = shrunk(photo, thumbnail.SIDE_PX)
    for most in (64, 128):
        error = np.square(gat.decode(gat.encode(square, most, TINY_RECURRENT), TINY_RECURRENT).astype(int) - square)
        assert error.mean() < 0.2 * square.reshape(-1, 3).var(0).mean()


def test_the_page_has_the_numbers_of_the_code() -> None:
    page = (Path(__file__).parents[1] / "docs" / "format" / "thumbnail.md").read_text()
    for odds in (thumbnail.PLANES, *thumbnail.STARTS):
        assert f"| {', '.join(map(str, odds))} |" in page
    assert f"`{gat.FIRST_MODEL:x}` + number of the bundle: 0 is *{gat.MODELS[0]}*, id `" in page
    assert f". `{gat.OWN_MODEL:x}`: one that does not ship" in page
    assert f"{gat.LEAST_BYTES} to {gat.MOST_BYTES} bytes when it is made" in page
    assert f"more than {gat.MOST_BYTES} or fewer than {gat.HEADER_BYTES + 1}" in page
    assert f"less {thumbnail.FALL}, but at least 0" in page


@pytest.mark.skipif(gat.MODELS[0] not in shipped_names(), reason="no bundle of thumbnails ships yet")
def test_the_shipped_weights_show_a_photograph() -> None:
    square = shrunk(read(Path(__file__).parents[1] / "docs" / "cam.jpg").pixels, gat.SIDE_PX)
    for most, least_db in ((64, 20.5), (128, 24), (256, 28.3)):
        data = gat.encode(square, most)
        assert len(data) <= most and psnr(square, gat.decode(data)) > least_db
