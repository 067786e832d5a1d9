"""The RESIDUAL section: every picture comes back within its bound, on numpy and on the compiled core alike."""

import hashlib

import numpy as np
import pytest

from runtime import native
from runtime.errors import StreamError, TruncatedError
from runtime.exact import section
from runtime.exact.parameters import Parameters, energy_count, weight_count
from runtime.exact.planes import Coder
from runtime.exact.section import STRIP_ROWS
from runtime.spec import MOST_ERROR

RANDOM = np.random.default_rng(11)


def picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    """Return waves, an edge and noise."""
    y, x = np.mgrid[:height, :width]
    waves = [120 + 60 * np.sin(x / (5 + c) + y / 9) + y * 0.3 for c in range(channels)]
    samples = np.stack(waves, 2) + np.where(x > width // 2, 40, 0)[:, :, None]
    return (samples + RANDOM.normal(0, 3, samples.shape)).clip(0, 255).astype(np.uint8)


def blurred(samples: np.ndarray) -> np.ndarray:
    """Return something like a decoded picture."""
    wide = np.pad(samples.astype(int), ((1, 1), (1, 1), (0, 0)), "edge")
    return ((wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]) // 4).astype(np.uint8)


def restored(data: bytes, base: np.ndarray) -> np.ndarray:
    return section.unpack(data, *base.shape).restore(base, 0)


SHAPES = [(1, 1, 3), (1, 40, 3), (40, 1, 3), (2, 2, 1), (3, 1, 1), (33, 47, 3), (50, 20, 1), (STRIP_ROWS + 9, 7, 3)]


@pytest.mark.parametrize("bound", [0, 1, 2, 5, 40, MOST_ERROR])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_sample_is_off_by_more_than_the_bound(shape: tuple[int, int, int], bound: int, core: str) -> None:
    samples = picture(*shape)
    base = blurred(samples)
    off = np.abs(restored(section.code(samples, base, bound), base).astype(int) - samples)
    assert off.max() <= bound


@pytest.mark.parametrize("bound", [0, 3])
def test_pictures_that_have_nothing_to_do_with_what_was_decoded_come_back(bound: int, core: str) -> None:
    samples, base = RANDOM.integers(0, 256, (2, 30, 41, 3), dtype=np.uint8)
    samples[:9], base[:9], samples[9:15], base[9:15] = 255, 0, 0, 255
    assert np.abs(restored(section.code(samples, base, bound), base).astype(int) - samples).max() <= bound


@pytest.mark.skipif(native.core is None, reason=native.name)
@pytest.mark.parametrize("bound", [0, 2])
def test_numpy_and_the_core_make_the_same_bytes(bound: int) -> None:
    samples = picture(STRIP_ROWS + 30, 90)
    made = []
    for compiled in (True, False):
        with native.using(compiled):
            made.append(section.code(samples, blurred(samples), bound))
    assert made[0] == made[1]


def test_streams_do_not_change(core: str) -> None:
    """Of the same parameters: those that are fitted may differ where floats are summed in another order."""
    y, x = np.mgrid[:20, :30]
    base = [((y * (3 + c) + x * 5) % 256).astype(np.uint8) for c in range(3)]
    errors = [((7 * y + 3 * x * (c + 1)) % 11 - 5).astype(np.int16) for c in range(3)]
    errors = [(plane + off).clip(0, 255) - plane for plane, off in zip(base, errors, strict=True)]
    data = coder(3, 2).encode(base, errors)
    assert hashlib.sha256(data).hexdigest() == "ef1fac3d5cdc1858c49c91e50ebb11d9208c3d84d81c4f612c628d76ad90d419"
    assert all(np.array_equal(a, b) for a, b in zip(coder(3, 2).decode(base, data), errors, strict=True))


def coder(planes: int, classes: int) -> Coder:
    def each(p: int) -> Parameters:
        weights = (np.arange(classes * weight_count(p)) * 37 % 500 - 250).reshape(classes, -1).astype(np.int32)
        energies = (np.arange(energy_count(p)) * 11 % 64).astype(np.int32)
        limits = (np.arange(1, classes) * 15).astype(np.uint8)
        return Parameters(limits, weights, energies, 30 + p, (np.arange(40) * 5 % 192).astype(np.uint8))

    return Coder([each(p) for p in range(planes)], 1, 4)


def sample() -> tuple[bytes, np.ndarray]:
    samples = picture(12, 15)
    return section.code(samples, blurred(samples), 0), blurred(samples)


def test_every_truncation_is_refused() -> None:
    data, base = sample()
    for length in range(0, len(data), 17):
        with pytest.raises(StreamError):
            restored(data[:length], base)
    with pytest.raises(TruncatedError):
        restored(data[:-1], base)
    with pytest.raises(StreamError, match="after the end"):
        restored(data + b"x", base)


def test_every_flipped_bit_is_refused_or_changes_nothing(core: str) -> None:
    data, base = sample()
    whole, silent = restored(data, base), 0
    for at in range(0, len(data), 5):
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        try:
            assert np.array_equal(restored(bytes(damaged), base), whole) or at == 0
            silent += 1
        except StreamError:
            pass
    assert silent < len(data) / 20  # parameters that no pixel meets


def test_another_decoded_picture_is_noticed() -> None:
    data, base = sample()
    base[5, 5, 1] ^= 1
    with pytest.raises(StreamError):
        restored(data, base)


@pytest.mark.parametrize(
    "at, value, message",
    [
        (0, 128, "means nothing"),
        (1, 2, "means nothing"),
        (2, 9, "lanes"),
        (3, 0, "classes"),
        (3, 17, "classes"),
    ],
)
def test_illegal_heads_are_refused(at: int, value: int, message: str) -> None:
    data, base = sample()
    with pytest.raises(StreamError, match=message):
        restored(data[:at] + bytes([value]) + data[at + 1 :], base)


@pytest.mark.parametrize("start, value", [(28 + 1, 16), (28 + 20 + 1, 255), (28 + 20 + 2, 192)])
def test_illegal_parameters_are_refused(start: int, value: int) -> None:
    """Of a gray picture with one class: 14 weights, 10 energies, the size outside, 40 numbers."""
    samples = picture(9, 9, 1)
    data = bytearray(section.code(samples, blurred(samples), 0))
    data[4 + start] = value
    with pytest.raises(StreamError, match="damaged"):
        restored(bytes(data), blurred(samples))
