"""Messages of thumbnails: they fit, fill what they may have, and show something wherever they end."""

import numpy as np
import pytest

from runtime import gat
from runtime.arrays import U8
from runtime.codec import Codec
from runtime.entropy import ranges
from runtime.entropy.rans import COST_UNITS
from runtime.errors import StreamError
from runtime.families.recurrent import thumbnail
from runtime.families.recurrent.family import NEVER, Rate, Recurrent
from runtime.pictures.square import shrunk
from runtime.search import psnr


@pytest.fixture
def family(progressive: Codec) -> Recurrent:
    assert isinstance(progressive.family, Recurrent)
    return progressive.family


@pytest.fixture
def square(photo: U8) -> U8:
    return shrunk(photo, thumbnail.SIDE_PX)


def random_messages() -> list[bytes]:
    random = np.random.default_rng(1)
    return [random.bytes(length) for length in range(1, 300, 7)]


def test_a_message_fits_and_is_better_where_it_may_be_longer(family: Recurrent, square: U8) -> None:
    before = 0.0
    for most in (13, 29, 61, 125, 253):
        message = thumbnail.encode(family, square, most)
        assert most - 6 < len(message) <= most
        now = psnr(square, thumbnail.decode(family, message))
        assert now > before + 0.5, f"{now:.2f} dB in {most} bytes, {before:.2f} in fewer"
        before = now
    assert before > 24


def test_noise_takes_many_bytes_and_a_flat_picture_few(family: Recurrent) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (32, 32, 3), np.uint8)
    assert len(thumbnail.encode(family, noise, 600)) > 590
    for value in (0, 99, 255):
        flat = np.full((32, 32, 3), value, np.uint8)
        message = thumbnail.encode(family, flat, 600)
        assert len(message) < 60
        assert np.abs(thumbnail.decode(family, message).astype(int) - flat).max() <= 1


def test_every_cut_of_a_message_is_a_picture(family: Recurrent, square: U8) -> None:
    """It tells less, so the picture is coarser; but for a few bytes none is better than the one with 16 more."""
    message = thumbnail.encode(family, square, 200)
    found = [psnr(square, thumbnail.decode(family, message[:length])) for length in range(8, len(message) + 1, 16)]
    assert all(after > before for before, after in zip(found[:-1], found[1:], strict=True)), found


def test_a_message_that_tells_nothing_is_refused(family: Recurrent) -> None:
    for message in (b"", b"\x80"):
        with pytest.raises(StreamError, match="ends before anything"):
            thumbnail.decode(family, message)


def test_any_bytes_are_a_picture_or_a_stream_error(family: Recurrent) -> None:
    shown = 0
    for message in random_messages():
        try:
            rgb = thumbnail.decode(family, message)
        except StreamError:
            continue
        assert rgb.shape == (32, 32, 3) and rgb.dtype == np.uint8
        shown += 1
    assert shown > 20


# --- what stands in front ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("starts", [(0, 0, 0, 0), (2, 4, 5, 6), (3, 1, 0, 0), (15, 15, 15, 15), (0, 15, 13, 11)])
@pytest.mark.parametrize("rate", [Rate(1, 0), Rate(8, 5), Rate(11, 15)])
def test_the_head_comes_back(family: Recurrent, rate: Rate, starts: tuple[int, ...]) -> None:
    prior, starts = family.prior, tuple(thumbnail.rising(starts))
    data = ranges.encode(prior.tables, thumbnail.head(rate, prior.planes, starts))
    assert thumbnail.read_head(ranges.Reader(prior.tables, data), prior.planes, 4) == (rate, list(starts))
    assert len(data) <= gat.LEAST_BYTES - gat.HEADER_BYTES


def test_a_usual_head_has_less_than_two_bytes(family: Recurrent) -> None:
    codes = thumbnail.head(Rate(8, 3), family.prior.planes, (2, 4, 5, 6))
    assert family.prior.tables.cost.take(codes).sum() < 13 * COST_UNITS


def test_first_planes_rise_by_beginning_early() -> None:
    assert thumbnail.rising([2, 4, 5, 6]) == [2, 4, 5, 6]
    assert thumbnail.rising([9, 9, 9, 1]) == [7, 5, 3, 1]
    assert thumbnail.rising([NEVER] * 4) == [NEVER] * 4
