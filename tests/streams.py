"""What tests of streams share, whatever family these are of."""

from functools import partial

import numpy as np

from runtime import container, incomplete, native
from runtime.codec import Codec
from runtime.container import LATENTS
from runtime.errors import CodecError


def error(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean squared difference of two pictures."""
    return float(np.mean((a.astype(float) - b) ** 2))


def flipped(data: bytes, at: int, mask: int = 0x40) -> bytes:
    """Return the bytes with some bits of one changed."""
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def chunk_at(data: bytes, tile: int, layer: int, layers: int = 3, tiles: int = 6) -> int:
    """Return where a chunk of a stream of several tiles begins, found by its bytes."""
    chunk = container.unpack_tiles(container.unpack(data)[1][LATENTS], tiles, layers)[tile][layer]
    assert data.count(chunk) == 1
    return data.index(chunk)


def expect_decoders_to_agree(codec: Codec, picture: np.ndarray, quality: float, subsampling: str) -> None:
    """Let the plain decoder and the numpy twins show of a picture's stream what the codec does, and encode alike."""
    import reference_decoder

    stream = codec.encode(picture, quality, subsampling=subsampling)
    decoded = codec.decode(stream)
    assert np.array_equal(reference_decoder.decode(stream, weights=codec.bundle.folder.parent), decoded)
    with native.using(False):
        assert np.array_equal(codec.decode(stream), decoded)
        assert codec.encode(picture, quality, subsampling=subsampling) == stream


def expect_pictures_or_codec_errors(codec: Codec, stream: bytes, count: int) -> None:
    """Let nothing but a CodecError be raised where so many damaged copies of a stream are salvaged and previewed."""
    random = np.random.default_rng(3)
    for number in range(count):
        data = bytearray(stream)
        for at in random.integers(0, len(data), int(random.integers(1, 4))):
            data[at] = random.integers(0, 256)
        del data[int(random.integers(len(data) // 2, 2 * len(data))) :]
        for decode in (incomplete.salvage, partial(incomplete.preview, layers=1 + number % 4)):
            try:
                decode(codec, bytes(data))
            except CodecError:
                pass
