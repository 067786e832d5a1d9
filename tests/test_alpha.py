import zlib
from typing import Any

import numpy as np
import pytest

from runtime import alpha, filters
from runtime.errors import StreamError, TruncatedError


def soft_disc(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height / 2, x - width / 2)
    return np.clip(255 - 6 * (distance - height / 4), 0, 255).astype(np.uint8)


def planes() -> Any:
    random = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(40), 3 * np.arange(60)).astype(np.uint8)
    yield "opaque", np.full((37, 53), 255, np.uint8)
    yield "one pixel", np.full((1, 1), 9, np.uint8)
    yield "row", random.integers(0, 256, (1, 99)).astype(np.uint8)
    yield "column", random.integers(0, 256, (99, 1)).astype(np.uint8)
    yield "noise", random.integers(0, 256, (31, 47)).astype(np.uint8)
    yield "mask", np.where(random.random((64, 64)) < 0.1, 255, 0).astype(np.uint8)
    yield "ramp", ramp
    yield "disc", soft_disc(100, 120)
    yield "every filter", np.concatenate([ramp[:, :47], ramp[:20, :47] * 7, planes_noise(random)])


def planes_noise(random: np.random.Generator) -> Any:
    return np.repeat(random.integers(0, 256, (5, 47)).astype(np.uint8), 4, axis=0)


PLANES = dict(planes())


@pytest.mark.parametrize("name", PLANES)
def test_the_plane_comes_back(name: str) -> None:
    plane = PLANES[name]
    decoded = alpha.unpack(alpha.pack(plane), *plane.shape)
    assert decoded.dtype == np.uint8 and np.array_equal(decoded, plane)


@pytest.mark.parametrize("seed", range(20))
def test_every_choice_of_filters_can_be_undone(seed: int) -> None:
    random = np.random.default_rng(seed)
    plane = random.integers(0, 256, (9, 13)).astype(np.uint8)
    kinds = random.integers(0, 4, 9).astype(np.uint8)
    left = np.pad(plane, ((0, 0), (1, 0)))[:, :-1]
    above = np.pad(plane, ((1, 0), (0, 0)))[:-1]
    above_left = np.pad(plane, ((1, 0), (1, 0)))[:-1, :-1]
    guesses = np.stack([0 * plane, left, above, left + above - above_left])
    rows = plane - guesses[kinds, np.arange(9)]
    assert np.array_equal(filters._unfilter(kinds, rows[:, :, None])[:, :, 0], plane)


def test_golden_bytes_do_not_change() -> None:
    """Filters 3, 3; rows 1 1 1 and 1 0 0: a slope, left + above - above left guesses all of it."""
    assert alpha.pack(np.full((500, 500), 255, np.uint8)) == bytes([0, 255])
    slope = bytes([1]) + zlib.compress(bytes([3, 3, 1, 1, 1, 1, 0, 0]))
    assert alpha.unpack(slope, 2, 3).tolist() == [[1, 2, 3], [2, 3, 4]]


def test_smooth_planes_are_small() -> None:
    assert len(alpha.pack(soft_disc(200, 240))) < 0.12 * 200 * 240
    assert len(alpha.pack(PLANES["ramp"])) < 60


@pytest.mark.parametrize("name", ["opaque", "disc", "noise"])
def test_every_truncation_raises_truncated(name: str) -> None:
    plane = PLANES[name]
    data = alpha.pack(plane)
    for length in range(len(data)):
        with pytest.raises(TruncatedError):
            alpha.unpack(data[:length], *plane.shape)


def test_every_flipped_bit_raises_stream_error_or_changes_nothing() -> None:
    """Only the few bits that pad the last byte in front of zlib's checksum mean nothing."""
    plane = PLANES["disc"]
    data = alpha.pack(plane)
    silent = 0
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        try:
            assert np.array_equal(alpha.unpack(bytes(damaged), *plane.shape), plane)
            silent += 1
        except StreamError:
            pass
    assert silent <= 1


@pytest.mark.parametrize(
    "data, message",
    [
        (bytes([2, 0]), "mode 2"),
        (bytes([0, 255, 0]), "1 bytes after"),
        (bytes([1]) + b"nonsense", "inflated"),
        (bytes([1]) + zlib.compress(bytes(11)), "12 bytes of the picture"),
        (bytes([1]) + zlib.compress(bytes(13)), "12 bytes of the picture"),
        (bytes([1]) + zlib.compress(bytes(12)) + b"x", "1 bytes after"),
        (bytes([1]) + zlib.compress(bytes([0, 4, 0, 0, *range(8)])), "filter 4"),
    ],
)
def test_nonsense_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(StreamError, match=message):
        alpha.unpack(data, 4, 2)


def test_a_bomb_is_not_inflated() -> None:
    bomb = bytes([1]) + zlib.compress(bytes(50_000_000))
    with pytest.raises(StreamError, match="20 bytes of the picture"):
        alpha.unpack(bomb, 4, 4)
