"""Threads for networks: strips give the values of the whole, and a system that gives no threads changes nothing."""

import threading

import numpy as np
import pytest
from conftest import PYRAMIDS

from runtime.codec import Codec
from runtime.families.pyramid import spec
from runtime.networks import strips


def grids(codec: Codec, name: str, rows: int, columns: int) -> list[np.ndarray]:
    """Return noise for the inputs of a network; a number of channels stands before or behind the sides."""
    random = np.random.default_rng(3)
    shapes = [given.shape[1:] for given in codec.networks.session(name).get_inputs()]
    sides = [(rows, columns, s[2]) if isinstance(s[2], int) else (s[0], rows, columns) for s in shapes]
    return [random.integers(0, 256, shape, dtype=np.uint8) for shape in sides]


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row is worth a thread."""
    monkeypatch.setattr(strips, "_LEAST_ROWS", 1)
    monkeypatch.setattr(strips, "_LEAST_POSITIONS", 1)


@pytest.mark.parametrize("bundle", PYRAMIDS)
@pytest.mark.parametrize("threads", [2, 3, 64])
def test_threads_change_no_value(bundle: str, threads: int, eager: None) -> None:
    """Strips of rows overlap by what a network sees: by half as much, and some values are wrong."""
    alone, several = Codec(bundle, threads=1), Codec(bundle, threads=threads)
    for name in (network.name for network in alone.bundle.networks(spec.NETWORKS)):
        given = grids(alone, name, 101, 9)
        expected = alone.networks.run(name, *given)
        for found, exact in zip(several.networks.run(name, *given), expected, strict=True):
            assert np.array_equal(found, exact)
        reach = several.networks._reaches[name]
        assert reach and reach <= 10
        several.networks._reaches[name] = reach // 2  # the last row may change nothing
        wrong = several.networks.run(name, *given)
        assert not all(np.array_equal(found, exact) for found, exact in zip(wrong, expected, strict=True))


@pytest.mark.parametrize("allowed", [0, 1])
def test_threads_that_the_system_refuses_are_done_without(
    allowed: int, eager: None, codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    several, given, left = Codec(threads=4), grids(codec, "fine_first", 128, 8), [allowed]
    begin = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    found = several.networks.run("fine_first", *given)
    monkeypatch.setattr(threading.Thread, "start", begin)
    for one, exact in zip(found, codec.networks.run("fine_first", *given), strict=True):
        assert np.array_equal(one, exact)


def test_a_picture_is_the_same_for_any_number_of_threads(photo: np.ndarray) -> None:
    picture = np.tile(photo, (8, 4, 1))
    alone, several = Codec(threads=1, enhance=True), Codec(threads=5, enhance=True)
    data = alone.encode(picture, 40)
    assert several.encode(picture, 40) == data
    assert np.array_equal(several.decode(data), alone.decode(data))
    assert several.networks._reaches and not alone.networks._reaches


def test_a_small_picture_is_not_worth_threads(photo: np.ndarray) -> None:
    several = Codec(threads=5, enhance=True)
    several.decode(several.encode(photo, 40))
    assert not several.networks._reaches


@pytest.mark.parametrize(
    "threads, rows, columns, count",
    [(8, 256, 256, 8), (8, 128, 128, 2), (8, 64, 64, 1), (1, 4096, 4096, 1), (8, 20, 9999, 1), (64, 256, 256, 8)],
)
def test_strips_are_neither_thin_nor_small(threads: int, rows: int, columns: int, count: int) -> None:
    assert strips.worth(threads, rows, columns) == count
