"""Section 9 of FORMAT.md, RESIDUAL, pixel by pixel, from that page alone; `reference_decoder.py` has the rest."""

import bisect
import zlib
from collections.abc import Sequence
from functools import cache

import numpy as np
import reference_decoder as page

BESIDE, DIAGONAL = ((0, -1), (-1, 0), (0, 1), (1, 0)), ((-1, -1), (-1, 1), (1, -1), (1, 1))
AROUND = (*BESIDE, *DIAGONAL)
BEFORE = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))
SIZED = (*BEFORE, (-2, 1), (-1, -2))
QUARTERS = (16, 19, 23, 27)
ROWS = 256

Plane = list[list[int]]


def restore(picture: np.ndarray, data: bytes) -> np.ndarray:
    """Return the picture (H, W, channels) that the section makes of the decoded one, both uint8."""
    cursor = page.Cursor(data)
    bound, kind = cursor.number(1, "bound"), cursor.number(1, "kind")
    page.need(bound <= 127 and kind <= 1, "illegal bound or kind of residual")
    if kind == 1:
        return read_samples(data[2:], *picture.shape)
    lanes_log2, classes = cursor.number(1, "log2(lanes)"), cursor.number(1, "classes")
    page.need(lanes_log2 <= 8 and 1 <= classes <= 16, "illegal lanes or classes")
    height, _, channels = picture.shape
    parameters = [Parameters(cursor, p, classes) for p in range(channels)]
    index = [(cursor.varint("length"), cursor.number(4, "CRC-32")) for _ in range(0, height, ROWS)]
    restored = picture.copy()
    for top, (length, crc) in zip(range(0, height, ROWS), index, strict=True):
        strip = page.Cursor(cursor.take(length, "strip"))
        rows = read_strip(strip, picture[top : top + ROWS], parameters, 2 * bound + 1, 1 << lanes_log2)
        page.need(zlib.crc32(rows.tobytes()) == crc, "a strip does not match its CRC-32")
        restored[top : top + ROWS] = rows
    page.need(cursor.at == len(data), "bytes behind the residual")
    return restored


def read_samples(data: bytes, height: int, width: int, channels: int) -> np.ndarray:
    """Return the samples as they are."""
    page.need(len(data) > 0, "no samples")
    colours = data[0]
    palette = np.frombuffer(data[1 : 1 + colours * channels], np.uint8).reshape(colours, channels)
    if not colours:
        return page.read_filtered(data[1:], height, width, channels)
    bits = next(bits for bits in (1, 2, 4, 8) if colours <= 2**bits)
    rows = page.read_filtered(data[1 + colours * channels :], height, -(-width * bits // 8), 1)
    at = bits * np.arange(width)
    numbers = rows[:, at // 8, 0] >> 8 - bits - at % 8 & 2**bits - 1
    page.need(numbers.max() < colours, "illegal colour")
    return palette[numbers]


class Parameters:
    """Of plane p."""

    def __init__(self, cursor: "page.Cursor", p: int, classes: int) -> None:
        def read(count: int, size: int = 2, signed: bool = False) -> list[int]:
            return [int.from_bytes(cursor.take(size, "parameter"), "little", signed=signed) for _ in range(count)]

        self.limits = read(classes - 1, 1)
        self.weights = [read(14 + 9 * p, signed=True) for _ in range(classes)]
        self.energies = read(10 + 3 * p)
        (self.outside,) = read(1)
        self.numbers = read(40, 1)
        legal = self.limits == sorted(self.limits) and max(self.energies) < 2**12 and self.outside <= 2040
        page.need(legal and max(self.numbers) < 192, "illegal parameter")


def read_strip(
    cursor: "page.Cursor", base: np.ndarray, parameters: Sequence[Parameters], step: int, lanes: int
) -> np.ndarray:
    """Return the samples (h, w, channels) of a strip."""
    states = [cursor.number(4, "state") for _ in range(lanes)]
    order = [0] if len(parameters) == 1 else [1, 0, 2]
    errors: list[Plane] = []
    sizes: list[Plane] = []
    samples = np.empty_like(base)
    for p, channel in zip(parameters, order, strict=True):
        plane = base[:, :, channel].astype(int).tolist()
        read_plane(cursor, states, plane, p, step, errors, sizes)
        samples[:, :, channel] = np.array(plane) + errors[-1]
    page.need(cursor.at == len(cursor.data) and states == [2**16] * lanes, "a strip does not end where it should")
    return samples


def edge(plane: Plane, y: int, x: int) -> int:
    """Return what a plane has there, its edges repeated."""
    return plane[min(max(y, 0), len(plane) - 1)][min(max(x, 0), len(plane[0]) - 1)]


def inside(plane: Plane, y: int, x: int, outside: int) -> int:
    """Return what a plane has there, and outside of it this."""
    return plane[y][x] if 0 <= y < len(plane) and 0 <= x < len(plane[0]) else outside


def read_plane(
    cursor: "page.Cursor",
    states: list[int],
    base: Plane,
    p: Parameters,
    step: int,
    errors: list[Plane],
    sizes: list[Plane],
) -> None:
    """Append the errors and the sizes of the next plane."""
    h, w, before, before_sizes = len(base), len(base[0]), [*errors], [*sizes]
    error: Plane = [[0] * w for _ in range(h)]
    size: Plane = [[0] * w for _ in range(h)]
    errors.append(error)
    sizes.append(size)
    for j, (y, x) in enumerate(sorted(np.ndindex(h, w), key=lambda at: (at[1] + 2 * at[0], at[0]))):
        b = base[y][x]
        differences = [edge(base, y + dy, x + dx) - b for dy, dx in AROUND]
        around = [inside(size, y + dy, x + dx, p.outside) for dy, dx in SIZED] + [sum(map(abs, differences)), 16]
        for plane in before_sizes:
            around.append(plane[y][x])
            around += [sum(edge(plane, y + dy, x + dx) for dy, dx in ring) for ring in (BESIDE, DIAGONAL)]
        energy = sum(weight * each for weight, each in zip(p.energies, around, strict=True))
        context = sum(QUARTERS[i % 4] << i // 4 + 3 <= energy for i in range(39))
        known = [inside(error, y + dy, x + dx, 0) for dy, dx in BEFORE] + differences
        known += [edge(plane, y + dy, x + dx) for plane in before for dy, dx in ((0, 0), *AROUND)]
        weights = p.weights[sum(limit <= context for limit in p.limits)]
        total = sum(weight * each for weight, each in zip(weights, known, strict=True))
        mu = min(max(total + 256 >> 9, -8 * b), 8 * (255 - b))
        m = (2 * mu + step) // (2 * step)
        q = m + 4 >> 3
        f = m - 8 * q + 4
        k = pop(cursor, states, j % len(states), table(p.numbers[context], f))
        least = -((b + step // 2) // step)
        times = least + (q + k - 128 - least) % 256
        error[y][x] = min(max(b + step * times, 0), 255) - b
        size[y][x] = abs(8 * error[y][x] - mu)


def pop(cursor: "page.Cursor", states: list[int], lane: int, starts: list[int]) -> int:
    """Return the next code."""
    x = states[lane]
    page.need(x >= 2**16, "illegal state")
    slot = x % 2**14
    code = bisect.bisect_right(starts, slot) - 1
    x = (starts[code + 1] - starts[code]) * (x >> 14) + slot - starts[code]
    states[lane] = (x << 16) + cursor.number(2, "word") if x < 2**16 else x
    return code


@cache
def table(number: int, f: int) -> list[int]:
    """Return the slots of a table at a fraction."""
    power, c = (2, 3, 5, 8)[number // 48], QUARTERS[number % 4] << number % 48 // 4

    def g(i: int) -> int:
        u = (c**2 << 20) // (c**2 + (16 * (2 * i + 1)) ** 2)
        found = u
        for _ in range(power - 1):
            found = found * u >> 20
        return found

    middles = [8 * (k - 128) - (f - 4) for k in range(256)]
    return page.slots([sum(g(i) for i in range(a - 4, a + 4)) for a in middles])
