import zlib
from typing import Any

import numpy as np
import pytest

from runtime import container
from runtime.container import (
    ALPHA,
    EXIF,
    LATENTS,
    Header,
    pack,
    pack_tiles,
    unpack,
    unpack_damaged,
    unpack_damaged_tiles,
    unpack_tiles,
)
from runtime.errors import StreamError, TruncatedError

HEADER = Header(width=768, height=512, level=75, bundle_id=b"bundleid", tile_px=256, gray=False, alpha=False)
GOLDEN = "89 47 41 52  04  00  62 75 6e 64 6c 65 69 64  4b  08  80 06  80 04  01  01 03  82 3e  61 62 63  c2 41 24 35"


def with_checksum(head: bytes) -> bytes:
    return head + (zlib.crc32(head) & 0xFFFF).to_bytes(2, "little")


def with_body(body: bytes) -> bytes:
    return body + zlib.crc32(body).to_bytes(4, "little")


def by_hand(
    flags: int = 0, tile_bits: int = 8, size: Any = b"\x80\x06\x80\x04", table: Any = b"\x01\x01\x03", version: int = 4
) -> bytes:
    head = b"\x89GAR" + bytes([version, flags]) + b"bundleid" + bytes([75, tile_bits]) + size
    return with_checksum(head + table) + with_body(b"abc")


@pytest.mark.parametrize("seed", range(50))
def test_header_and_sections_come_back(seed: int) -> None:
    random = np.random.default_rng(seed)
    kinds = [LATENTS, *random.permutation([2, 3, 4, 5])[: random.integers(0, 5)].tolist()]
    sections = [(kind, random.bytes(int(2 ** random.uniform(0, 16)))) for kind in kinds]
    header = Header(
        width=int(2 ** random.uniform(0, 14)),
        height=int(2 ** random.uniform(0, 14)),
        level=int(random.integers(0, 256)),
        bundle_id=random.bytes(8),
        tile_px=int(2 ** random.integers(6, 13)),
        gray=bool(random.integers(0, 2)) and ALPHA not in kinds,
        alpha=ALPHA in kinds,
        flag=bool(random.integers(0, 2)),
    )
    assert unpack(pack(header, sections)) == (header, dict(sections))


def test_gray_and_alpha_exclude_each_other() -> None:
    header = HEADER._replace(gray=True, alpha=True)
    with pytest.raises(StreamError, match="exclude"):
        unpack(pack(header, [(LATENTS, b"x"), (ALPHA, b"y")]))


def test_largest_sides_come_back() -> None:
    header = HEADER._replace(width=1 << 20, height=1)
    assert unpack(pack(header, [(LATENTS, b"")])) == (header, {LATENTS: b""})


def test_golden_bytes_do_not_change() -> None:
    assert pack(HEADER, [(LATENTS, b"abc")]) == bytes.fromhex(GOLDEN) == by_hand()


def test_overhead_is_at_most_31_bytes() -> None:
    header = HEADER._replace(width=16383, height=16383)
    assert len(pack(header, [(LATENTS, bytes((2 << 20) - 1))])) - (2 << 20) + 1 == 31
    assert len(pack(HEADER, [(LATENTS, bytes(819))])) - 819 == 30


def test_every_truncation_raises_truncated() -> None:
    data = pack(HEADER._replace(alpha=True), [(LATENTS, bytes(200)), (ALPHA, b"ab"), (EXIF, b"")])
    for length in range(len(data)):
        with pytest.raises(TruncatedError):
            unpack(data[:length])


def test_every_flipped_bit_raises_stream_error() -> None:
    data = pack(HEADER._replace(alpha=True), [(LATENTS, bytes(range(99))), (ALPHA, b"ab")])
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StreamError):
            unpack(bytes(damaged))


@pytest.mark.parametrize("seed", range(100))
def test_random_bytes_behind_the_magic_raise_stream_error(seed: int) -> None:
    with pytest.raises(StreamError):
        unpack(b"\x89GAR\x04" + np.random.default_rng(seed).bytes(seed * 3))


@pytest.mark.parametrize(
    "data, message",
    [
        (b"\xff\xd8\xff\xe0 a JPEG", "not a .gar file"),
        (b"\xa0\x01\x02 a thumbnail", "if it is a .gat file, gargalo thumbnail reads it"),
        (by_hand(version=3), "version 3, older than 4, .* made by gargalo 0.1 .*: decode it with that"),
        (by_hand(version=5), "version 5, newer than 4, which this gargalo reads: get a newer gargalo"),
        (by_hand(flags=8), "flags 0x08"),
        (by_hand(flags=7), "exclude"),
        (by_hand(tile_bits=5), "2\\*\\*5"),
        (by_hand(tile_bits=13), "2\\*\\*13"),
        (by_hand(size=b"\x00\x01"), "0x1 pixels"),
        (by_hand(size=b"\x81\x80\x40\x01"), "1048577x1 pixels"),
        (by_hand(size=b"\x80\x80\x40" * 2), "limit is 256000000"),
        (by_hand(size=b"\x81\x00\x01"), "shortest form"),
        (by_hand(size=b"\xff\xff\xff\xff\xff\x01\x01"), "more than 5 bytes"),
        (by_hand(table=b"\x00"), "no LATENTS"),
        (by_hand(table=b"\x01\x03\x03"), "no LATENTS"),
        (by_hand(table=b"\x02\x01\x03\x01\x00"), "2 LATENTS"),
        (by_hand(table=b"\x02\x01\x03\x7f\x00"), "kind 127"),
        (by_hand(table=b"\x02\x01\x03\x02\x00"), "alpha flag"),
        (by_hand(flags=2), "alpha flag"),
        (by_hand() + b"x", "1 bytes after the end"),
        (by_hand(table=b"\x01\x01\xff\xff\xff\xff\x7f"), "ends early"),
    ],
)
def test_what_we_cannot_read_is_refused_by_name(data: bytes, message: str) -> None:
    with pytest.raises(StreamError, match=message):
        unpack(data)


def test_unknown_ancillary_sections_are_skipped() -> None:
    data = pack(HEADER, [(200, b"later"), (LATENTS, b"abc"), (200, b"again")])
    assert unpack(data) == (HEADER, {LATENTS: b"abc"})


def test_max_pixels_is_the_callers_choice() -> None:
    data = pack(HEADER, [(LATENTS, b"abc")])
    assert unpack(data, max_pixels=768 * 512)[0] == HEADER
    with pytest.raises(StreamError, match="max_pixels"):
        unpack(data, max_pixels=768 * 512 - 1)


@pytest.mark.parametrize("tiles, layers", [(2, 1), (3, 3), (7, 2)])
def test_tiles_come_back(tiles: Any, layers: Any) -> None:
    random = np.random.default_rng(tiles)
    chunks = [[random.bytes(int(random.integers(0, 300))) for _ in range(layers)] for _ in range(tiles)]
    assert unpack_tiles(pack_tiles(chunks), tiles, layers) == chunks


def test_one_tile_has_no_index() -> None:
    assert pack_tiles([[b"ab", b"", b"c"]]) == b"abc"
    assert unpack_tiles(b"abc", 1, 3) == [[b"abc"]]


def test_golden_tiles_do_not_change() -> None:
    """Length and CRC-32 of "a", "bc", "" and "d", the CRC-32 of that, then the chunks."""
    golden = "01 43beb7e8  02 382ba9c2  00 00000000  01 cc4add98  33ed9c3b  61 6263 64"
    assert pack_tiles([[b"a", b""], [b"bc", b"d"]]) == bytes.fromhex(golden)


def test_every_truncation_of_tiles_raises_truncated() -> None:
    data = pack_tiles([[b"abc", b"defg"], [b"", b"hi"], [bytes(200), b"x"]])
    for length in range(len(data)):
        with pytest.raises(TruncatedError):
            unpack_tiles(data[:length], 3, 2)


def test_every_flipped_bit_of_tiles_raises_stream_error() -> None:
    data = pack_tiles([[b"abc", b"defg"], [b"", b"hi"], [bytes(200), b"x"]])
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StreamError):
            unpack_tiles(bytes(damaged), 3, 2)


def test_more_tiles_than_bytes_are_refused_at_once() -> None:
    with pytest.raises(TruncatedError):
        unpack_tiles(bytes(100), 1 << 40, 3)


def test_bytes_behind_the_tiles_are_refused() -> None:
    with pytest.raises(StreamError, match="after the end"):
        unpack_tiles(pack_tiles([[b"a"], [b"b"]]) + b"c", 2, 1)


def test_every_section_kind_has_a_name() -> None:
    assert container.SECTION_NAMES == {1: "LATENTS", 2: "ALPHA", 3: "EXIF", 4: "ICC", 5: "XMP", 128: "RESIDUAL"}


def test_what_is_whole_of_a_damaged_file_is_as_unpack_gives_it() -> None:
    sections = [(LATENTS, b"latents"), (EXIF, b"exif"), (200, b"later")]
    data = pack(HEADER, sections)
    assert unpack_damaged(data) == (HEADER, {LATENTS: b"latents", EXIF: b"exif"}, {})


def test_every_cut_of_a_damaged_file_leaves_the_beginnings_of_its_sections() -> None:
    sections = [(LATENTS, b"latents"), (EXIF, b"exif")]
    data = pack(HEADER, sections)
    start = data.index(b"latents")
    for length in range(start, len(data)):
        header, found, faults = unpack_damaged(data[:length])
        assert header == HEADER
        assert found[LATENTS] == b"latents"[: max(0, length - start)]
        assert found[EXIF] == b"exif"[: max(0, length - start - 11)]
        assert all(isinstance(error, TruncatedError) for error in faults.values()) and EXIF in faults
        assert (LATENTS in faults) == (length < start + 11)
    for length in range(start):
        with pytest.raises(TruncatedError):
            unpack_damaged(data[:length])


def test_damaged_sections_are_named_and_the_others_kept() -> None:
    data = bytearray(pack(HEADER, [(LATENTS, b"latents"), (EXIF, b"exif")]))
    data[data.index(b"latents")] ^= 1
    _, found, faults = unpack_damaged(bytes(data) + b"tail")
    assert found[EXIF] == b"exif" and set(faults) == {LATENTS, container.FILE}
    assert not isinstance(faults[LATENTS], TruncatedError)


def test_a_damaged_header_cannot_be_saved() -> None:
    data = bytearray(pack(HEADER, [(LATENTS, b"latents")]))
    data[8] ^= 1
    with pytest.raises(StreamError, match="header"):
        unpack_damaged(bytes(data))
    with pytest.raises(StreamError, match="limit"):
        unpack_damaged(pack(HEADER, [(LATENTS, b"latents")]), max_pixels=10)


def test_chunks_are_found_by_their_own_checksums() -> None:
    chunks = [[b"abc", b"defg"], [b"", b"hi"], [bytes(200), b"x"]]
    data = pack_tiles(chunks)
    assert unpack_damaged_tiles(data, 3, 2) == chunks
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 0x10
        for tile, found in zip(chunks, unpack_damaged_tiles(bytes(damaged), 3, 2), strict=True):
            for was, chunk in zip(tile, found, strict=True):
                assert isinstance(chunk, StreamError) or chunk == was
        for tile, found in zip(chunks, unpack_damaged_tiles(data[:at], 3, 2), strict=True):
            for was, chunk in zip(tile, found, strict=True):
                assert isinstance(chunk, TruncatedError) or chunk == was


def test_more_damaged_tiles_than_bytes_are_all_missing() -> None:
    found = unpack_damaged_tiles(bytes(100), 1000, 3)
    assert len(found) == 1000 and all(isinstance(chunk, TruncatedError) for tile in found for chunk in tile)
