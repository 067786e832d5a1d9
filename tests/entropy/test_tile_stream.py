from typing import Any

import numpy as np
import pytest
from gaussian_tables import draw_layer, gaussian_tables

from runtime.entropy import tile_stream as streams
from runtime.entropy.costs import Costs
from runtime.entropy.tables import Tables
from runtime.entropy.tile_stream import PartReader, Scales, pack_bits, unpack_bits
from runtime.errors import StreamError, TruncatedError

TABLES = gaussian_tables()
SMALL = Tables(
    np.array([[4096, 8192, 2048, 2048], [16000, 384, 0, 0]], np.uint16),
    np.array([1, 0], np.uint8),
    np.array([0, 0, 1, 0], np.uint8),
    np.array([0, 0, 0, 2], np.uint8),
)
GOLDEN = ["001e3eb7059c2b0007c0", "a040"]


def encode_parts(tables: Tables, parts: Any) -> Any:
    return streams.encode_parts(tables, [(Scales(tables, index), values) for values, index in parts])


def read(reader: Any, tables: Tables, index: Any) -> Any:
    return reader.read(Scales(tables, index))


def read_all(tables: Tables, data: bytes, parts: Any) -> Any:
    reader = PartReader(tables, data, len(parts))
    values = [read(reader, tables, index) for _, index in parts]
    reader.close()
    return values


@pytest.mark.parametrize("sizes", [[], [0], [1], [0, 0, 7], [3, 500, 0, 90], [2000, 30000, 30000], [9] * 16])
def test_parts_come_back(sizes: Any) -> None:
    parts = [draw_layer(TABLES, i, n, wild=n // 100) for i, n in enumerate(sizes)]
    chunks = encode_parts(TABLES, parts)
    decoded = read_all(TABLES, b"".join(chunks), parts)
    assert len(chunks) == max(len(sizes), 1)
    assert all(np.array_equal(got, values) for got, (values, _) in zip(decoded, parts, strict=True))
    assert all(got.dtype == np.int32 for got in decoded)


def test_a_prefix_of_the_chunks_gives_the_first_parts() -> None:
    parts = [draw_layer(TABLES, i, 3000) for i in range(3)]
    reader = PartReader(TABLES, b"".join(encode_parts(TABLES, parts)[:2]), 3)
    for values, index in parts[:2]:
        assert np.array_equal(read(reader, TABLES, index), values)
    with pytest.raises(TruncatedError):
        read(reader, TABLES, parts[2][1])


def test_parts_from_the_end_on_are_zeros_and_take_no_bytes() -> None:
    parts = [draw_layer(TABLES, i, 3000) for i in range(4)]
    chunks = encode_parts(TABLES, parts)
    for data in (b"".join(chunks[:2]), b"".join(chunks)):
        reader = PartReader(TABLES, data, 4, end=2)
        more, values = [], []
        for _, index in parts:
            more.append(reader.more)
            values.append(read(reader, TABLES, index))
        reader.close()
        assert more == [True, True, False, False] and not reader.more
        assert all(np.array_equal(got, given) for got, (given, _) in zip(values[:2], parts, strict=False))
        assert not values[2].any() and not values[3].any() and values[3].shape == (3000,)


@pytest.mark.parametrize("flags, side", [(0, b""), (1, b"x"), (6, b""), (15, bytes(range(200)))])
def test_flags_and_side_bytes_come_back_before_the_parts(flags: int, side: bytes) -> None:
    values, index = draw_layer(TABLES, 5, 900)
    scales = Scales(TABLES, index)
    data = b"".join(streams.encode_parts(TABLES, [(scales, values)], flags, side))
    assert len(data) == len(encode_parts(TABLES, [(values, index)])[0]) + len(side)
    reader = PartReader(TABLES, data, 1, known_flags=15)
    assert reader.flags == flags
    assert reader.side(len(side) // 2) + reader.side(len(side) - len(side) // 2) == side
    assert np.array_equal(reader.read(scales), values)
    reader.close()
    with pytest.raises(TruncatedError, match="side bytes"):
        PartReader(TABLES, data, 1, known_flags=15).side(len(data))
    if flags:
        with pytest.raises(StreamError, match=f"flags {flags:#x}"):
            PartReader(TABLES, data, 1, known_flags=15 ^ flags)


def test_parts_without_coded_values_take_no_bytes() -> None:
    silent = np.zeros(1000, np.int32), np.zeros(1000, np.uint8)
    assert encode_parts(TABLES, [silent, silent]) == [bytes([0, 0, 0, 1, 0]), b""]


def test_golden_bytes_do_not_change() -> None:
    parts = [
        (np.array([0, -1, 0, 1, 2, -7], np.int32), np.array([0, 1, 1, 1, 1, 2], np.uint8)),
        (np.array([5, -1, 40], np.int32), np.array([3, 3, 3], np.uint8)),
    ]
    assert [chunk.hex() for chunk in encode_parts(SMALL, parts)] == GOLDEN
    for got, (values, _) in zip(read_all(SMALL, bytes.fromhex("".join(GOLDEN)), parts), parts, strict=True):
        assert got.tolist() == values.tolist()


def test_raw_bits_are_packed_highest_first() -> None:
    """101 | 00000000 | 1 | nothing | 0110: 10100000 00010110."""
    fields, width = np.array([5, 0, 1, 9, 6]), np.array([3, 8, 1, 0, 4])
    assert pack_bits(fields, width) == bytes([0b10100000, 0b00010110])
    fields, behind = unpack_bits(bytes([0b10100000, 0b00010110]), width)
    assert fields.tolist() == [5, 0, 1, 0, 6] and not behind
    assert unpack_bits(bytes([0b10100000, 0b00010111]), np.array([3, 8, 1, 0, 3]))[1]


@pytest.mark.parametrize("lanes", [None, 64])
def test_coded_length_is_within_one_percent_of_entropy(lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if lanes:
        monkeypatch.setattr(streams, "_choose_lanes", lambda stream_bytes, raw_bytes: lanes)
    parts = [draw_layer(TABLES, 1, 6000), draw_layer(TABLES, 2, 54000)]
    ideal = sum(Costs(TABLES).bits(*part) for part in parts) / 8
    coded = sum(map(len, encode_parts(TABLES, parts)))
    assert ideal < coded < 1.01 * ideal


@pytest.mark.parametrize("n", [0, 1, 10, 100, 1000])
def test_tiny_streams_cost_at_most_24_bytes_more_than_entropy(n: int) -> None:
    parts = [draw_layer(TABLES, 1, n), draw_layer(TABLES, 2, n)]
    ideal = sum(Costs(TABLES).bits(*part) for part in parts) / 8
    assert sum(map(len, encode_parts(TABLES, parts))) < ideal + 24


@pytest.mark.parametrize(
    "stream_bytes, raw_bytes, lanes",
    [(0, 0, 1), (3999, 0, 1), (4001, 0, 2), (1333, 3, 1), (1334, 4, 2), (90_000, 9000, 128), (1e9, 0, 4096)],
)
def test_lanes_follow_the_length_of_the_stream(stream_bytes: int, raw_bytes: int, lanes: int) -> None:
    """Two lanes cost 6 bytes, 0.15 % of 4000, but only 2 bytes, 0.15 % of 1334, with 4 raw bytes in their states."""
    assert streams._choose_lanes(stream_bytes, raw_bytes) == lanes


@pytest.mark.parametrize("n, lanes", [(150, 1), (2000, 64)])
def test_every_truncation_raises_truncated(n: int, lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_choose_lanes", lambda stream_bytes, raw_bytes: lanes)
    parts = [draw_layer(TABLES, 1, n // 4, wild=3), draw_layer(TABLES, 2, n, wild=9)]
    data = b"".join(encode_parts(TABLES, parts))
    for length in [*range(min(len(data), 300)), *range(300, len(data), 7), len(data) - 1]:
        with pytest.raises(TruncatedError):
            read_all(TABLES, data[:length], parts)


@pytest.mark.parametrize("n, lanes", [(200, 1), (1500, 32)])
def test_flipped_bits_raise_stream_error_or_decode(n: int, lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_choose_lanes", lambda stream_bytes, raw_bytes: lanes)
    parts = [draw_layer(TABLES, 1, n // 4, wild=3), draw_layer(TABLES, 2, n, wild=9)]
    data = b"".join(encode_parts(TABLES, parts))
    refused = 0
    for at in range(0, len(data), 3):
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        try:
            decoded = read_all(TABLES, bytes(damaged), parts)
        except StreamError:
            refused += 1
        else:  # raw bits have no redundancy: the checksum of the container is what guards them
            assert [len(got) for got in decoded] == [len(index) for _, index in parts]
    assert refused > len(data) // 3 * 0.6


@pytest.mark.parametrize("seed", range(200))
def test_random_bytes_raise_stream_error_or_decode(seed: int) -> None:
    random = np.random.default_rng(seed)
    data = bytes([seed % 14]) + random.bytes(int(random.integers(0, 400)))
    _, index = draw_layer(TABLES, seed, 300)
    try:
        reader = PartReader(TABLES, data, 1)
        assert read(reader, TABLES, index).shape == (300,)
        reader.close()
    except StreamError:
        pass


@pytest.mark.parametrize(
    "data, message",
    [
        (bytes([13]) + bytes(99), "lanes"),
        (bytes(5), "below 65536"),
        (bytes([0, 0, 0, 1, 0, 9]), "left over"),
        (bytes([0, 1, 0, 1, 0]), "do not return"),
        (bytes([0, 0, 0, 2, 0]), "do not return"),
        (bytes([0x10, 0, 0, 1, 0]), "flags 0x1"),
    ],
)
def test_nonsense_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(StreamError, match=message):
        read_all(TABLES, data, [])


def test_a_silent_part_must_leave_the_states_alone() -> None:
    silent = [(None, np.zeros(9, np.uint8))]
    assert not read_all(TABLES, bytes([0, 0, 0, 1, 0]), silent)[0].any()
    with pytest.raises(StreamError, match="do not return"):
        read_all(TABLES, bytes([0, 1, 0, 1, 0]), silent)


def test_the_states_carry_the_first_raw_bytes_of_the_last_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """One value, -1, of scale index 2: no excess, and its sign, 0x80, is the low byte of the first state."""
    monkeypatch.setattr(streams, "_choose_lanes", lambda stream_bytes, raw_bytes: 2)
    parts = [(np.array([-1], np.int32), np.array([20], np.uint8))]
    (chunk,) = encode_parts(TABLES, parts)
    assert len(chunk) == 9
    assert chunk[5:] == bytes([0, 0, 1, 0])  # the second lane has no symbol and no raw bytes
    assert read_all(TABLES, chunk, parts)[0].tolist() == [-1]


def test_a_reader_that_counts_other_parts_than_there_are_notices() -> None:
    """The raw bytes in the states come with the last part, so the number of parts decides where they are read."""
    parts = [draw_layer(TABLES, seed, 400) for seed in range(3)]
    data = b"".join(encode_parts(TABLES, parts))
    for count in (2, 4):
        reader = PartReader(TABLES, data, count)
        with pytest.raises(StreamError):
            for _, index in [*parts, parts[0]][:count]:
                read(reader, TABLES, index)
            reader.close()


def test_padding_bits_must_be_zero() -> None:
    parts = [(np.array([v], np.int32), np.array([3], np.uint8)) for v in (5, 0)]
    data = encode_parts(SMALL, parts)[0]
    with pytest.raises(StreamError, match="not 0"):
        read(PartReader(SMALL, data[:-1] + bytes([data[-1] | 1]), 2), SMALL, parts[0][1])
