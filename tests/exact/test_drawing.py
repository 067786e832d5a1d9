"""Samples as they are: palettes and filters come back, and what is no drawing is refused."""

import zlib

import numpy as np
import pytest

from runtime.errors import StreamError
from runtime.exact import drawing

RANDOM = np.random.default_rng(5)


def of_colours(count: int, channels: int, height: int = 9, width: int = 13) -> np.ndarray:
    palette = RANDOM.permutation(256)[:count, None] + np.arange(channels)
    return palette[np.arange(height * width).reshape(height, width) % count].astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 16, 17, 100])
def test_pictures_of_few_colours_come_back(count: int, channels: int) -> None:
    samples = of_colours(count, channels)
    assert np.array_equal(drawing.unpack(drawing.pack(samples), *samples.shape), samples)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 300, 3), (300, 1, 1), (40, 50, 3), (40, 50, 1)])
def test_pictures_of_many_colours_come_back(shape: tuple[int, int, int]) -> None:
    samples = RANDOM.integers(0, 256, shape, dtype=np.uint8)
    data = drawing.pack(samples)
    assert np.array_equal(drawing.unpack(data, *shape), samples)


def test_golden_bytes_do_not_change() -> None:
    """Two colours, rows 0 1 1 and 1 0 0 of a bit each, or 3 bytes with filter 3 for a slope."""
    drawn = bytes([2, 9, 200]) + zlib.compress(bytes([0, 0, 0b01100000, 0b10000000]))
    assert drawing.unpack(drawn, 2, 3, 1)[:, :, 0].tolist() == [[9, 200, 200], [200, 9, 9]]
    slope = bytes([0]) + zlib.compress(bytes([3, 1, 2, 3, 1, 1, 1]))
    assert drawing.unpack(slope, 1, 2, 3).tolist() == [[[1, 2, 3], [2, 3, 4]]]


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "end early"),
        (bytes([3, 1, 2]), "end early"),
        (bytes([1, 7]) + zlib.compress(bytes([0, 0, 0b01000000, 0])), "colour 1 of 1"),
        (bytes([1, 7]) + zlib.compress(bytes(3)), "4 bytes"),
        (bytes([1, 7]) + zlib.compress(bytes(4)) + b"x", "after the end"),
        (bytes([0]) + zlib.compress(bytes([4, *range(7)])), "filter 4"),
    ],
)
def test_nonsense_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(StreamError, match=message):
        drawing.unpack(data, 2, 3, 1)
