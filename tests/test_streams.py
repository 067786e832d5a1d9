import numpy as np
import pytest
from gaussian_tables import draw_layer, gaussian_tables

from runtime import streams
from runtime.errors import InputError, StreamError, TruncatedError
from runtime.streams import LayerReader, encode_layers, pack_bits, unpack_bits
from runtime.tables import Tables

TABLES = gaussian_tables()
SMALL = Tables(
    np.array([[4096, 8192, 2048, 2048], [16000, 384, 0, 0]], np.uint16),
    np.array([1, 0], np.uint8),
    np.array([0, 0, 1, 0], np.uint8),
    np.array([0, 0, 0, 2], np.uint8),
)
GOLDEN = ["201e3eb7059c2b0007c0", "a040"]


def read_all(tables, data, layers):
    reader = LayerReader(tables, data)
    values = [reader.read(index) for _, index in layers]
    reader.close()
    return values


@pytest.mark.parametrize("sizes", [[], [0], [1], [0, 0, 7], [3, 500, 0, 90], [2000, 30000, 30000]])
def test_layers_come_back(sizes):
    layers = [draw_layer(TABLES, i, n, wild=n // 100) for i, n in enumerate(sizes)]
    chunks = encode_layers(TABLES, layers)
    decoded = read_all(TABLES, b"".join(chunks), layers)
    assert len(chunks) == max(len(sizes), 1)
    assert all(np.array_equal(got, values) for got, (values, _) in zip(decoded, layers, strict=True))
    assert all(got.dtype == np.int32 for got in decoded)


def test_a_prefix_of_the_chunks_gives_the_first_layers():
    layers = [draw_layer(TABLES, i, 3000) for i in range(3)]
    reader = LayerReader(TABLES, b"".join(encode_layers(TABLES, layers)[:2]))
    for values, index in layers[:2]:
        assert np.array_equal(reader.read(index), values)
    with pytest.raises(TruncatedError):
        reader.read(layers[2][1])


def test_layers_without_coded_values_take_no_bytes():
    silent = np.zeros(1000, np.int32), np.zeros(1000, np.uint8)
    assert encode_layers(TABLES, [silent, silent]) == [bytes([0x20, 0, 0, 1, 0]), b""]


def test_golden_bytes_do_not_change():
    layers = [
        (np.array([0, -1, 0, 1, 2, -7], np.int32), np.array([0, 1, 1, 1, 1, 2], np.uint8)),
        (np.array([5, -1, 40], np.int32), np.array([3, 3, 3], np.uint8)),
    ]
    assert [chunk.hex() for chunk in encode_layers(SMALL, layers)] == GOLDEN
    for got, (values, _) in zip(read_all(SMALL, bytes.fromhex("".join(GOLDEN)), layers), layers, strict=True):
        assert got.tolist() == values.tolist()


def test_raw_bits_are_packed_highest_first():
    """101 | 00000000 | 1 | nothing | 0110: 10100000 00010110."""
    fields, width = np.array([5, 0, 1, 9, 6]), np.array([3, 8, 1, 0, 4])
    assert pack_bits(fields, width) == bytes([0b10100000, 0b00010110])
    assert unpack_bits(bytes([0b10100000, 0b00010110]), width).tolist() == [5, 0, 1, 0, 6]


@pytest.mark.parametrize("lanes", [None, 64])
def test_coded_length_is_within_one_percent_of_entropy(lanes, monkeypatch):
    if lanes:
        monkeypatch.setattr(streams, "_choose_lanes", lambda stream_bytes, raw_bytes: lanes)
    layers = [draw_layer(TABLES, 1, 6000), draw_layer(TABLES, 2, 54000)]
    ideal = sum(TABLES.bits(*layer) for layer in layers) / 8
    coded = sum(map(len, encode_layers(TABLES, layers)))
    assert ideal < coded < 1.01 * ideal


@pytest.mark.parametrize("n", [0, 1, 10, 100, 1000])
def test_tiny_streams_cost_at_most_24_bytes_more_than_entropy(n):
    layers = [draw_layer(TABLES, 1, n), draw_layer(TABLES, 2, n)]
    ideal = sum(TABLES.bits(*layer) for layer in layers) / 8
    assert sum(map(len, encode_layers(TABLES, layers))) < ideal + 24


@pytest.mark.parametrize(
    "stream_bytes, raw_bytes, lanes",
    [(0, 0, 1), (857, 0, 1), (858, 0, 2), (285, 3, 1), (286, 4, 2), (30_000, 9000, 128), (1e9, 0, 4096)],
)
def test_lanes_follow_the_length_of_the_stream(stream_bytes, raw_bytes, lanes):
    """Two lanes cost 6 bytes, 0.7 % of 858, but only 2 bytes, 0.7 % of 286, with 4 raw bytes in their states."""
    assert streams._choose_lanes(stream_bytes, raw_bytes) == lanes


@pytest.mark.parametrize("n, lanes", [(150, 1), (2000, 64)])
def test_every_truncation_raises_truncated(n, lanes, monkeypatch):
    monkeypatch.setattr(streams, "_choose_lanes", lambda stream_bytes, raw_bytes: lanes)
    layers = [draw_layer(TABLES, 1, n // 4, wild=3), draw_layer(TABLES, 2, n, wild=9)]
    data = b"".join(encode_layers(TABLES, layers))
    for length in [*range(min(len(data), 300)), *range(300, len(data), 7), len(data) - 1]:
        with pytest.raises(TruncatedError):
            read_all(TABLES, data[:length], layers)


@pytest.mark.parametrize("n, lanes", [(200, 1), (1500, 32)])
def test_flipped_bits_raise_stream_error_or_decode(n, lanes, monkeypatch):
    monkeypatch.setattr(streams, "_choose_lanes", lambda stream_bytes, raw_bytes: lanes)
    layers = [draw_layer(TABLES, 1, n // 4, wild=3), draw_layer(TABLES, 2, n, wild=9)]
    data = b"".join(encode_layers(TABLES, layers))
    refused = 0
    for at in range(0, len(data), 3):
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        try:
            decoded = read_all(TABLES, bytes(damaged), layers)
        except StreamError:
            refused += 1
        else:  # raw bits have no redundancy: the checksum of the container is what guards them
            assert [len(got) for got in decoded] == [len(index) for _, index in layers]
    assert refused > len(data) // 3 * 0.6


@pytest.mark.parametrize("seed", range(200))
def test_random_bytes_raise_stream_error_or_decode(seed):
    random = np.random.default_rng(seed)
    data = bytes([seed % 14]) + random.bytes(int(random.integers(0, 400)))
    _, index = draw_layer(TABLES, seed, 300)
    try:
        reader = LayerReader(TABLES, data)
        assert reader.read(index).shape == (300,)
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
        (bytes([0x10, 0, 0, 1, 0]), "1 more layers"),
    ],
)
def test_nonsense_is_refused(data, message):
    with pytest.raises(StreamError, match=message):
        read_all(TABLES, data, [])


@pytest.mark.parametrize("stream, message", [([0x10, 1, 0, 1, 0], "do not return"), ([0, 0, 0, 1, 0], "fewer layers")])
def test_a_silent_layer_must_leave_the_states_alone(stream, message):
    with pytest.raises(StreamError, match=message):
        read_all(TABLES, bytes(stream), [(None, np.zeros(9, np.uint8))])


def test_the_states_carry_the_first_raw_bytes_of_the_last_layer(monkeypatch):
    """One value, -1, of scale index 2: no excess, and its sign, 0x80, is the low byte of the first state."""
    monkeypatch.setattr(streams, "_choose_lanes", lambda stream_bytes, raw_bytes: 2)
    layers = [(np.array([-1], np.int32), np.array([20], np.uint8))]
    (chunk,) = encode_layers(TABLES, layers)
    assert len(chunk) == 9
    assert chunk[5:] == bytes([0, 0, 1, 0])  # the second lane has no symbol and no raw bytes
    assert read_all(TABLES, chunk, layers)[0].tolist() == [-1]


def test_more_layers_than_the_head_can_count_are_refused():
    with pytest.raises(InputError, match="15"):
        encode_layers(TABLES, [draw_layer(TABLES, 1, 0)] * 16)


def test_padding_bits_must_be_zero():
    layers = [(np.array([v], np.int32), np.array([3], np.uint8)) for v in (5, 0)]
    data = encode_layers(SMALL, layers)[0]
    with pytest.raises(StreamError, match="not 0"):
        LayerReader(SMALL, data[:-1] + bytes([data[-1] | 1])).read(layers[0][1])
