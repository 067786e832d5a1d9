"""Arguments at random of all functions that are twice there: sizes that fit, and numbers that no picture has."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.arrays import F32, I32, I64, U32
from runtime.entropy.rans import SLOTS, Slots

Generator = np.random.Generator

ODD = np.array(
    [np.nan, np.inf, -np.inf, -0.0, 0.5, -2.5, 1e30, -1e30, 3e9, 1e-40, 2.0**23, 32767.5, -32768.5], np.float32
)
ROOM = {
    "choose_corrections": {7},
    "join_level": {3},
    "join_packed": {4},
    "split_level": {4},
    "find_slopes": {4},
    "split_values": {4},
}
ROOM["read_values"] = {10}
"""The arguments whose content has no meaning afterwards."""


class _Slots(Slots):
    def __init__(self, starts: I64):
        self._starts = starts

    @property
    def starts(self) -> I64:
        return self._starts


def _tables(random: Generator, count: int) -> _Slots:
    """Return tables of 1 to 256 symbols."""
    starts = np.full((count, 257), SLOTS, np.int64)
    for row in starts:
        used = int(random.choice([1, 3, 40, 256]))
        row[:used] = np.append(0, np.sort(random.choice(np.arange(1, SLOTS), used - 1, replace=False)))
    return _Slots(starts)


def _floats(random: Generator, *shape: int) -> F32:
    found = random.normal(0, random.choice([0.3, 2, 1e4]), shape).astype(np.float32)
    some = random.random(shape) < random.choice([0, 0.2])
    found[some] = random.choice(ODD, np.count_nonzero(some))
    return found


def _whole(random: Generator, kind: type[np.integer[Any]], *shape: int, most: int = 300) -> NDArray[Any]:
    """Return whole numbers, small ones or all that there are."""
    least, largest = np.iinfo(kind).min, np.iinfo(kind).max
    if random.random() < 0.5:
        least, largest = max(least, -most), min(largest, most)
    return random.integers(least, largest, shape, kind, endpoint=True)


def _either(random: Generator, one: type[np.integer[Any]], other: type[np.integer[Any]]) -> type[np.integer[Any]]:
    return one if random.random() < 0.5 else other


def _shape(random: Generator) -> tuple[int, int]:
    """Return rows and columns: sometimes more than the core takes at a time."""
    return int(random.integers(1, 12)), int(random.choice([random.integers(1, 30), random.integers(250, 270)]))


def _states(random: Generator) -> U32:
    return random.integers(1 << 16, 1 << 32, 1 << int(random.integers(0, 6)), np.uint32)


def _words(random: Generator) -> NDArray[np.uint16]:
    return random.integers(0, 1 << 16, int(random.integers(0, 200)), np.uint16)


def _codes(random: Generator, freq: U32) -> NDArray[np.intp]:
    return random.choice(np.flatnonzero(freq), int(random.integers(0, 80)))


def _coding(random: Generator, indexes: int, tables: int) -> I32:
    """Return the rows of scale indexes, the groupings being those of one digit in a symbol of 256, or of 16."""
    rows = np.zeros((indexes, 5), np.int32)
    rows[1:, 0] = 1 + random.permutation(indexes - 1)
    rows[:, 1] = random.integers(0, tables, indexes)
    rows[:, 2] = random.integers(0, 16, indexes) * random.integers(0, 2, indexes)
    rows[:, 3] = np.sort(random.choice([0, 2, 4], indexes))
    rows[:, 4] = random.choice([0, 2, 255], indexes)
    rows[0] = 0
    return rows


def _indexes(random: Generator, indexes: int, *shape: int) -> NDArray[np.uint8]:
    found = random.integers(0, indexes, shape, np.uint8)
    return found * (random.random(shape) < random.choice([0.1, 1])).astype(np.uint8)


def push_symbols(random: Generator) -> list[Any]:
    start, freq = _tables(random, 1).intervals
    codes = _codes(random, freq)
    return [_states(random), start[codes], freq[codes], np.zeros(len(codes), np.uint16)]


def pop_symbols(random: Generator) -> list[Any]:
    tables = _tables(random, 3)
    which = random.integers(0, 3, int(random.integers(0, 80))).astype(_either(random, np.uint8, np.intp))
    looked_up = *tables.intervals, tables.entries, tables.symbols
    return [_states(random), _words(random), which, *looked_up, np.zeros(len(which), np.uint8)]


def push_passes(random: Generator) -> list[Any]:
    start, freq = _tables(random, 2).intervals
    first, second = _codes(random, freq), _codes(random, freq)
    return [_states(random), first, second, start, freq, np.zeros(len(first) + len(second), np.uint16)]


def split_values(random: Generator) -> list[Any]:
    indexes, n = int(random.integers(1, 9)), int(random.integers(0, 600))
    index = _indexes(random, indexes, n)
    values = np.rint(random.normal(0, random.choice([0.5, 100, 20000]), n)).astype(np.int32)
    values[random.random(n) < random.choice([0, 0.01])] = -(2**31)
    values *= index != 0
    m = np.count_nonzero(index)
    room = np.zeros(m + 1, np.int32), np.zeros(m // 2 + 5, np.intp), np.zeros(m, np.intp), np.zeros(4 * m + 2, np.uint8)
    return [values, index, _coding(random, indexes, 2), _whole(random, np.int64, 1024), *room, np.zeros(4, np.int64)]


def read_values(random: Generator) -> list[Any]:
    indexes, n = int(random.integers(1, 9)), int(random.integers(0, 600))
    data = random.integers(0, 256, int(random.integers(0, 3000)), np.uint8) * np.uint8(random.integers(0, 2))
    tables = _tables(random, 4)
    looked_up = *tables.intervals, tables.entries, tables.symbols
    before = data, int(random.integers(0, len(data) + 1)), _states(random), int(random.integers(0, 2))
    inputs = _indexes(random, indexes, n), _coding(random, indexes, 2), *looked_up
    return [*before, *inputs, np.zeros(n + 8, np.int32), np.zeros(n, np.int32)]


def quantise_values(random: Generator) -> list[Any]:
    indexes, n = int(random.integers(1, 40)), int(random.integers(0, 300))
    dead = np.abs(_floats(random, indexes))
    dead[0] = random.choice([dead[0], np.inf])
    inputs = _floats(random, n), _indexes(random, indexes, n), dead, _floats(random, indexes, 16)
    return [*inputs, np.zeros(n, np.int32), int(random.choice([1, 4079, (1 << 22) - 1]))]


def find_residuals(random: Generator) -> list[Any]:
    (h, w), n = _shape(random), int(random.integers(0, 5))
    coefficients = _floats(random, 4, h, w) if random.random() < 0.5 else _whole(random, np.int16, 4, h, w)
    mean = _whole(random, _either(random, np.uint8, np.int16), n, h, w)
    gain = _floats(random, h, w) if random.random() < 0.5 else _floats(random, 1, 1)
    inputs = coefficients, random.integers(0, 4, n), _floats(random, n), mean, gain
    shown = int(random.integers(0, h + 3)), int(random.integers(0, w + 3))
    return [*inputs, int(random.integers(0, 256)), *shown, np.zeros((n, h, w), np.float32)]


def find_values(random: Generator) -> list[Any]:
    (h, w), n = _shape(random), int(random.integers(0, 5))
    mean = _whole(random, _either(random, np.uint8, np.int16), n, h, w)
    gain = _whole(random, np.int32, h, w) if random.random() < 0.5 else _whole(random, np.int32, 1, 1)
    places = int(random.integers(0, 256)), random.permutation(4)[:n], np.ones((4, h, w), np.int16)
    return [mean, _whole(random, np.int32, n, h, w), gain, *places]


def scale_values(random: Generator) -> list[Any]:
    shape = 3, *_shape(random)
    return [_whole(random, np.int16, *shape), _floats(random, 3), np.zeros(shape, np.float32)]


def find_indexes(random: Generator) -> list[Any]:
    (h, w), top = _shape(random), int(random.integers(0, 256))
    less = _whole(random, np.int16, h, w) if random.random() < 0.5 else _whole(random, np.int16, 1, 1)
    return [_whole(random, np.uint8, 3, h, w), _whole(random, np.int16, 3), less, top, np.zeros((3, h, w), np.uint8)]


def see_values(random: Generator) -> list[Any]:
    (h, w), n, more = _shape(random), int(random.integers(0, 5)), int(random.integers(0, 12))
    tables = _whole(random, np.uint8, 1 << 16), _whole(random, np.uint8, 8)
    inputs = _whole(random, np.int16, 4, h, w), random.integers(0, 4, n), *tables
    return [*inputs, int(random.integers(0, 256)), np.zeros((n + more, h, w), np.uint8)]


def find_masking(random: Generator) -> list[Any]:
    h, w = _shape(random)
    thresholds, dark = np.sort(_whole(random, np.int32, 12)), np.sort(random.normal(0, 2, 4)).astype(np.float32)
    inputs = _whole(random, np.int16, 12, h, w), _whole(random, np.int32, 12), _floats(random, h, w), thresholds, dark
    limits = int(random.choice([0, 2047, 32768])), int(random.integers(0, 32)), int(random.integers(-20, 20))
    return [*inputs, *limits, np.zeros((2 * h, 2 * w), np.int16)]


def find_gains(random: Generator) -> list[Any]:
    shape, count = _shape(random), int(random.integers(1, 30))
    masking = random.integers(-5, count - 5, shape).astype(np.int16)
    return [masking, _whole(random, np.int32, count), -5, np.zeros(shape, np.int32)]


def find_slopes(random: Generator) -> list[Any]:
    h, w = _shape(random)
    inputs = (
        _whole(random, np.int16, 9, h, w),
        _floats(random, 9),
        np.abs(_floats(random, 2)) + 1,
        float(random.choice([0.5, 2])),
    )
    return [*inputs, np.zeros((3, h, w), np.float32), np.zeros((2, h, w), np.float32)]


def add_guesses(random: Generator) -> list[Any]:
    (h, w), phases = _shape(random), int(random.integers(1, 5))
    inputs = _whole(random, np.uint8, 6 * phases, h, w), _whole(random, np.int16, 3 * phases, h, w)
    floats = _floats(random, 2, h, w), _floats(random, 2, 3)
    return [*inputs, *floats, int(random.choice([100, 32512])), np.zeros((6 * phases, h, w), np.int16)]


def split_colours(random: Generator) -> list[Any]:
    (h, w), more, left = _shape(random), int(random.integers(0, 3)), int(random.integers(0, 3))
    pixels = _whole(random, np.uint8, h + more, w + left, 3)
    return [pixels, more, left, _floats(random, 3), np.zeros((3, h, w), np.float32)]


def join_colours(random: Generator) -> list[Any]:
    h, w = _shape(random)
    change = _whole(random, np.int16, 3, h, w) if random.random() < 0.5 else np.zeros((0, 0, 0), np.int16)
    signals = random.normal(0, 300, (3, h, w)).astype(np.float32)  # what nan becomes differs from machine to machine
    return [signals, np.ones(3, np.float32), change, np.zeros((h, w, 3), np.uint8)]


def pack_rounded(random: Generator) -> list[Any]:
    (h, w), (top, left), (row, column) = _shape(random), random.integers(0, 3, 2), random.integers(0, 3, 2)
    details, packed = _floats(random, 2, 2 * h + top, 2 * w + left), np.zeros((8, h + row, w + column), np.int16)
    window = int(top), int(left), 2 * h, 2 * w
    return [details, *window, int(random.choice([1, 4095, 32767])), packed, int(row), int(column)]


def split_level(random: Generator) -> list[Any]:
    (h, w), colours = _shape(random), int(random.integers(0, 3))
    bands = np.zeros((2, h, w), np.float32), np.zeros((3 * colours, h, w), np.float32)
    return [_floats(random, 2, 2 * h, 2 * w), _floats(random, 4), *bands, np.zeros((h + 1, w), np.float32)]


def join_level(random: Generator) -> list[Any]:
    (h, w), colours = _shape(random), int(random.integers(0, 3))
    room = np.zeros((16, w), np.float32), np.zeros((2, 2 * h, 2 * w), np.float32)
    return [_floats(random, 2, h, w), _floats(random, 3 * colours, h, w), _floats(random, 4), *room]


def join_packed(random: Generator) -> list[Any]:
    (h, w), colours = _shape(random), int(random.integers(0, 3))
    packed, units = _whole(random, np.int16, 12 * colours, h, w), _floats(random, 3 * colours)
    room = np.zeros((16, 2 * w), np.float32), np.zeros((2, 4 * h, 4 * w), np.float32)
    return [_floats(random, 2, 2 * h, 2 * w), packed, units, _floats(random, 4), *room]


def correct_indexes(random: Generator) -> list[Any]:
    (h, w), top = _shape(random), int(random.integers(1, 256))
    index, shifts = _whole(random, np.uint8, 6, h, w), _whole(random, np.int16, 3)
    return [index, int(random.integers(0, top + 1)), shifts, top, np.zeros((6, h, w), np.uint8)]


def choose_corrections(random: Generator) -> list[Any]:
    (h, w), indexes = _shape(random), int(random.integers(1, 20))
    shapes = (indexes, 64), (64 * indexes, 16), (64,)
    bits, shifted, errors = (np.rint(64 * random.exponential(5, shape)) / 64 for shape in shapes)
    inputs = _floats(random, 4 * h * w), _indexes(random, indexes, 4, h, w), int(random.integers(1, 5))
    return [*inputs, bits, shifted, errors, 1.5, np.zeros((2, indexes, 64), np.int64), np.zeros(2, np.int64)]


def sum_chroma(random: Generator) -> list[Any]:
    (h, w), across, side = _shape(random), int(random.integers(1, 20)), int(random.integers(1, 257))
    rows = np.sort(random.integers(0, h, int(random.integers(1, h + 1))))
    squares = np.zeros((-(-len(rows) // across), -(-w // side)), np.int64)
    return [_whole(random, np.uint8, h, w, 3), rows, across, side, squares]


def known_energy(random: Generator) -> list[Any]:
    (h, w), planes = _shape(random), int(random.integers(0, 3))
    base, sizes = random.integers(0, 256, (h + 2, w + 2), np.int16), _whole(random, np.uint16, planes, h + 2, w + 2)
    return [base, sizes, _whole(random, np.int32, 2 + 3 * planes), np.zeros((h, w), np.int32)]


def _strip(random: Generator) -> list[Any]:
    (h, w), planes = _shape(random), int(random.integers(0, 3))
    inputs = _whole(random, np.int16, h + 2, w + 3), _whole(random, np.uint16, h + 2, w + 3)
    known = _whole(random, np.int32, h, w, most=60000), random.integers(0, 256, (h + 2, w + 2), np.int16)
    weights = _whole(random, np.int32, 3, 14 + 9 * planes), _whole(random, np.int32, 8)
    contexts = random.integers(0, 3, 40, np.uint8), random.integers(0, 3, 40, np.int32) * 8
    before = _whole(random, np.int16, planes, h + 2, w + 2)
    return [*inputs, *known, before, *weights, *contexts, int(random.integers(1, 256))]


def encode_strip(random: Generator) -> list[Any]:
    strip = _strip(random)
    return [*strip, np.zeros(strip[2].size, np.int32)]


def decode_strip(random: Generator) -> list[Any]:
    tables = _tables(random, 24)
    words = random.integers(0, 1 << 16, int(random.integers(0, 2000)), np.uint16)
    return [*_strip(random), _states(random), words, *tables.intervals, tables.entries, tables.symbols]


def arguments(name: str, seed: int) -> list[Any]:
    """Return arguments of a twin."""
    make: Callable[[Generator], list[Any]] = globals()[name]
    return make(np.random.default_rng([seed, *name.encode()]))
