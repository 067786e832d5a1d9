"""A slow, plain decoder written from FORMAT.md alone: numpy, the standard library, and onnx to open the graphs.

The numbers at its functions are sections of that page. All arithmetic is in int64 and in float64 on whole numbers, but
for the float32 operations of sections 6 and 7. Any defect of the bytes raises ValueError.
"""

import bisect
import hashlib
import itertools
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import reference_residual

WEIGHTS = Path(__file__).parents[1] / "runtime" / "weights"
MIDDLE = ["middle_first", "middle_second", "middle_third"]  # of which a bundle has all or none
NETWORKS = f"start coarse_first coarse_second coarse_third {' '.join(MIDDLE)} fine_first fine_second fine_third".split()
PRIOR = "prior.npz"
RESIDUAL = 128
CHANNELS = ([0, 3, 4, 7, 8, 11], [1, 2, 5, 6, 9, 10], [*range(12, 36)])  # packed, of a level's three parts
BANDS = (12, *(3, 3, 6) * 5)  # of each part
GROUPINGS = ((8, 2), (5, 3), (4, 4), (3, 6), (2, 16))


def need(condition: object, reason: str) -> None:
    if not condition:
        raise ValueError(reason)


class TruncatedError(ValueError):
    """More bytes are needed than there are."""


class Cursor:
    """Bytes read from front to back; `log` keeps (offset, bytes, field) of all that is taken."""

    def __init__(self, data: bytes, log: list[Any] | None = None, base: int = 0) -> None:
        self.data, self.log, self.base, self.at = data, [] if log is None else log, base, 0

    def take(self, count: int, field: str) -> bytes:
        if self.at + count > len(self.data):
            raise TruncatedError(f"truncated in {field}")
        self.log.append((self.base + self.at, self.data[self.at : self.at + count], field))
        self.at += count
        return self.log[-1][1]

    def number(self, count: int, field: str) -> int:
        return int.from_bytes(self.take(count, field), "little")

    def varint(self, field: str) -> int:
        length = next((n for n, byte in enumerate(self.data[self.at : self.at + 5], 1) if byte < 128), 5)
        piece = self.take(length, field)
        need(piece[-1] < 128 and (length == 1 or piece[-1]), f"{field} is not a varint in its shortest form")
        return sum((byte & 127) << 7 * n for n, byte in enumerate(piece))


def read_file(cursor: Cursor) -> tuple[dict[str, int], bytes, dict[int, tuple[int, bytes]]]:
    """1. The header's numbers, the bundle id and {kind: (offset, bytes)} of the sections."""
    need(cursor.take(4, "magic") == b"\x89GAR", "not a .gar file")
    version = cursor.number(1, "version")
    need(version == 4, f"version {version} of the format is {'older' if version < 4 else 'newer'} than 4")
    head, bundle_id = {"flags": cursor.number(1, "flags")}, cursor.take(8, "bundle id")
    head |= {"level": cursor.number(1, "level"), "tile": cursor.number(1, "tile")}
    head |= {"width": cursor.varint("width"), "height": cursor.varint("height")}
    table = [(cursor.number(1, "kind"), cursor.varint("length")) for _ in range(cursor.number(1, "sections"))]
    need(zlib.crc32(cursor.data[: cursor.at]) & 0xFFFF == cursor.number(2, "check"), "damaged header")
    need(head["flags"] in (0, 1, 2, 4, 5, 6) and 6 <= head["tile"] <= 12, "illegal flags or tile")
    need(0 < head["width"] <= 2**20 and 0 < head["height"] <= 2**20, "illegal size")
    need(head["width"] * head["height"] <= 256_000_000, "more pixels than this decoder takes")
    kinds = [kind for kind, _ in table if kind <= RESIDUAL]
    unknown = set(kinds) - {1, 2, 3, 4, 5, RESIDUAL}
    need(not unknown, f"unknown critical sections {sorted(unknown)}")
    need(len(set(kinds)) == len(kinds), "two sections of one kind")
    need(1 in kinds and (2 in kinds) == (head["flags"] & 2 > 0), "sections do not fit the flags")
    need(len(cursor.data) == cursor.at + sum(length + 4 for _, length in table), "wrong file length")
    sections = {}
    for kind, length in table:
        sections[kind] = (cursor.at, cursor.take(length, f"section {kind}"))
        need(cursor.number(4, "CRC-32") == zlib.crc32(sections[kind][1]), f"damaged section {kind}")
    return head, bundle_id, sections


def read_tiles(cursor: Cursor, tiles: int, layers: int = 3) -> list[Cursor]:
    """3. One cursor for the stream of each tile."""
    if tiles == 1:
        return [cursor]
    index = [(cursor.varint("chunk length"), cursor.number(4, "chunk CRC-32")) for _ in range(layers * tiles)]
    need(zlib.crc32(cursor.data[: cursor.at]) == cursor.number(4, "index CRC-32"), "damaged index of chunks")
    chunks = [cursor.take(length, "chunk") for length, _ in index]
    need([zlib.crc32(chunk) for chunk in chunks] == [crc for _, crc in index], "damaged chunk")
    need(cursor.at == len(cursor.data), "bytes left over")
    return [Cursor(b"".join(chunks[tile::tiles])) for tile in range(tiles)]


def slots(p: list[int]) -> list[int]:
    """4. start(0), ..., start(A) of the A symbols with these P."""
    sums = [0, *itertools.accumulate(p)]
    return [s + c * (2**14 - len(p)) // sums[-1] for s, c in enumerate(sums)]


class Table:
    """4. What a row of frequencies means: its grouping, and the slots of its group symbols and its excesses."""

    def __init__(self, f: list[int], radius: int) -> None:
        weight = [f[radius], *(f[radius - q] + f[radius + q] for q in range(1, radius + 1)), f[2 * radius + 1]]
        self.place = next((n for n, (_, b) in enumerate(GROUPINGS[:-1]) if sum(weight[b - 1 :]) <= 1024), 4)
        self.g, self.b = GROUPINGS[self.place]
        self.escape = max(radius + 2 - self.b, 0)
        digits = [*weight, *[0] * self.b][: self.b - 1] + [sum(weight[self.b - 1 :])]
        p = [2**40]
        for _ in range(self.g):
            p = [(before * digit) >> 14 for before in p for digit in digits]
        self.groups = slots(p)
        self.excesses = slots(weight[min(self.b - 1, radius + 1) :])


class TileStream:
    """4. The coder of one tile; read_part is called for each part."""

    def __init__(
        self, cursor: Cursor, tables: list[Table], shifts: list[int], parts: int, bands: tuple[int, ...] = BANDS
    ) -> None:
        flags, lanes = divmod(cursor.number(1, "log2(lanes)"), 16)
        need(lanes <= 12 and flags < 4, "too many lanes, or unknown corrections")
        self.bands, self.least, self.moves = bands, [0] * len(bands), [[0] * count for count in bands]
        if flags & 1:
            for place in self.places(cursor, parts):
                self.least[place] = cursor.number(1, "least index")
                need(0 < self.least[place] < len(tables), "illegal least index")
        if flags & 2:
            corrected = self.places(cursor, parts)
            count = sum(bands[place] for place in corrected)
            nibbles = [half for byte in cursor.take((count + 1) // 2, "shifts") for half in divmod(byte, 16)]
            need(not any(nibbles[count:]), "padding of the shifts is not zero")
            for place in corrected:
                self.moves[place], nibbles = [n - 8 for n in nibbles[: bands[place]]], nibbles[bands[place] :]
        self.cursor, self.tables, self.shifts, self.spare, self.part = cursor, tables, shifts, b"", 0
        self.last_part = parts - 1
        self.states = [cursor.number(4, "state") for _ in range(2**lanes)]
        need(min(self.states) >= 2**16, "illegal state")

    def places(self, cursor: Cursor, parts: int) -> list[int]:
        """The parts that a mask names."""
        mask = cursor.number(-(-len(self.bands) // 8), "mask of corrected parts")
        need(0 < mask < 2**parts, "illegal mask")
        return [place for place in range(parts) if mask >> place & 1]

    def correct(self, index: np.ndarray) -> np.ndarray:
        """5. The scale indexes of the next part, (channels, rows, columns), with its corrections."""
        index = np.maximum(index, self.least[self.part])
        shift = np.repeat(self.moves[self.part], len(index) // self.bands[self.part])[:, None, None]
        return np.where(index > 0, np.clip(index + shift, 1, len(self.tables) - 1), 0)

    def run(self, starts: list[list[int]], field: str) -> list[int]:
        """The symbols of one run, given the slots of each."""
        symbols, lanes = [], len(self.states)
        for j, start in enumerate(starts):
            x = self.states[j % lanes]
            s = bisect.bisect_right(start, x % 2**14) - 1
            x = (start[s + 1] - start[s]) * (x >> 14) + x % 2**14 - start[s]
            self.states[j % lanes] = x if x >= 2**16 else (x << 16) + self.cursor.number(2, field)
            symbols.append(s)
        return symbols

    def bits(self, widths: list[int], field: str) -> list[int]:
        """Numbers of these many bits each, highest bit first, padded to a byte."""
        count = -(-sum(widths) // 8)
        piece, self.spare = self.spare[:count], self.spare[count:]
        piece += self.cursor.take(count - len(piece), field)
        whole = int.from_bytes(piece, "big")
        ends = [8 * count - end for end in itertools.accumulate(widths)]
        need(whole % 2 ** (ends[-1] if ends else 0) == 0, "padding is not zero")
        return [whole >> end & ((1 << width) - 1) for end, width in zip(ends, widths, strict=True)]

    def read_part(self, index: np.ndarray) -> np.ndarray:
        """The symbols of the next part, given their scale indexes."""
        part, flat = f"part {self.part}", index.ravel()
        order = sorted(np.flatnonzero(flat), key=lambda n: (self.tables[flat[n]].place, flat[n]))
        own = [self.tables[flat[n]] for n in order]
        groups, q = [], []
        for place, (g, _) in enumerate(GROUPINGS):
            members = [n for n, table in enumerate(own) if table.place == place]
            groups += [members[n : n + g] for n in range(0, len(members), g)]
        codes = self.run([own[group[0]].groups for group in groups], f"{part}: word of the groups")
        for group, code in zip(groups, codes, strict=True):
            table = own[group[0]]
            q += [code // table.b**place % table.b for place in reversed(range(table.g))][: len(group)]
        high = [n for n, table in enumerate(own) if q[n] == table.b - 1]
        codes = self.run([own[n].excesses for n in high], f"{part}: word of the excesses")
        escaped = {n for n, code in zip(high, codes, strict=True) if code == own[n].escape}
        for n, code in zip(high, codes, strict=True):
            q[n] += code  # if it is ESCAPE, q is now the least that may be escaped
        if self.part == self.last_part:
            need(all(state >> 16 == 1 for state in self.states), "illegal final state")
            self.spare = b"".join((state % 2**16).to_bytes(2, "little") for state in self.states)
        widths = [(16 * (n in escaped), self.shifts[flat[m]]) for n, m in enumerate(order)]
        fields = self.bits([*itertools.chain(*widths)], f"{part}: fields")
        need(all(fields[2 * n] >= q[n] for n in escaped), "an escape for a magnitude that the table has")
        q = [fields[2 * n] if n in escaped else least for n, least in enumerate(q)]
        size = [(q[n] << widths[n][1]) + fields[2 * n + 1] for n in range(len(q))]
        signs = iter(self.bits([1 for value in size if value], f"{part}: signs"))
        symbols = np.zeros(len(flat), np.int64)
        symbols[order] = [-value if value and next(signs) else value for value in size]
        done = f"{len(q)} of {len(flat)} values coded, {len(escaped)} escaped: {symbols[:12].tolist()}"
        self.cursor.take(0, f"{part}: {done}")
        if self.part == self.last_part:
            need(not any(self.spare) and self.cursor.at == len(self.cursor.data), "bytes left over")
        self.part += 1
        return symbols.reshape(index.shape)


def interpolate(rows: np.ndarray, level: int) -> np.ndarray:
    """5. The row of an (L, 57) array at this level, with two axes for the grid."""
    a, f = divmod(level, 32)
    return ((rows[a] * (32 - f) + rows[min(a + 1, len(rows) - 1)] * f + 16) // 32)[:, None, None]


def steps(log2: np.ndarray) -> np.ndarray:
    """5. Whole steps from their interpolated logarithms."""
    e = [round(2 ** (i / 64) * 2**14) for i in range(64)]
    whole = [max(1, ((e[v % 64] << max(v // 64, 0)) + 2**13) >> 14) for v in log2.ravel().tolist()]
    return np.array(whole).reshape(log2.shape)


def with_level(grid: np.ndarray, channels: int, level: int, anchors: int) -> np.ndarray:
    """6. A network's input of so many channels: this grid, 8 planes that tell the level, and planes of 128."""
    a, f = divmod(level, 32)
    planes = np.full((channels - len(grid), *grid.shape[1:]), 128)
    planes[a] += 32 - f
    planes[min(a + 1, anchors - 1)] += f
    return np.concatenate([grid, planes])


def convolve(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """7. A same-size convolution of (C, H, W), padded with 0; float64 is exact here."""
    (channels, height, width), side = x.shape, weight.shape[-1]
    x = np.pad(x, ((0, 0), *[(side // 2, side // 2)] * 2))
    y = np.tile(bias[:, None].astype(np.float64), height * width)
    for i, j in np.ndindex(side, side):
        y += weight[:, :, i, j].astype(np.float64) @ x[:, i : i + height, j : j + width].reshape(channels, -1)
    return y.reshape(-1, height, width)


def qlinear_conv(
    x: Any, x_scale: Any, x_zero: Any, weight: Any, w_scale: Any, w_zero: Any, y_scale: Any, y_zero: Any, bias: Any
) -> np.ndarray:
    """7. QLinearConv; its scales are float32."""
    need(not w_zero.any(), "the zero point of a weight is not 0")
    acc = convolve(x - float(x_zero), weight, bias).astype(np.float32)
    m = (x_scale * w_scale / y_scale)[:, None, None]  # so each step rounds to float32
    return np.clip(np.rint(acc * m) + y_zero, 0, 255)


def depth_to_space(x: np.ndarray, side: int = 2) -> np.ndarray:
    """How details are packed (2.) and, by 4, the pixels of synthesis (7.), undone."""
    c, (height, width) = len(x) // side**2, x.shape[1:]
    return x.reshape(c, side, side, height, width).transpose(0, 3, 1, 4, 2).reshape(c, side * height, side * width)


def space_to_depth(x: np.ndarray, side: int) -> np.ndarray:
    """The reverse."""
    c, height, width = len(x), x.shape[1] // side, x.shape[2] // side
    return x.reshape(c, height, side, width, side).transpose(0, 2, 4, 1, 3).reshape(-1, height, width)


def qlinear_conv_last(x: Any, *parameters: Any) -> np.ndarray:
    """7. The same with channels last."""
    return qlinear_conv(x[0].transpose(2, 0, 1), *parameters).transpose(1, 2, 0)[None]


def reshape(x: Any, shape: Any) -> np.ndarray:
    """7. Reshape; 0 keeps a side, -1 takes what is left."""
    return x.reshape([side or x.shape[axis] for axis, side in enumerate(shape.tolist())])


OPERATORS: dict[str, Callable[..., Any]] = {  # arguments in the order of the node's inputs, then attributes
    "QLinearConv": lambda *inputs, channels_last=0, **_: (
        qlinear_conv_last(*inputs) if channels_last else qlinear_conv(inputs[0][0], *inputs[1:])[None]
    ),
    "QLinearAdd": lambda a, _, __, b, *___: np.clip(a + b - 128, 0, 255),
    "Transpose": lambda x, perm: x.transpose(perm),
    "Reshape": reshape,
}


def execute(path: Path, *inputs: np.ndarray, operators: dict[str, Callable[..., Any]] = OPERATORS) -> list[np.ndarray]:
    """7. The outputs of a graph, node by node; grids are (channels, rows, columns), a state has channels last."""
    import onnx  # here, so that all the rest can be imported without it

    graph = onnx.load(path).graph
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    values |= {entry.name: array[None] for entry, array in zip(graph.input, inputs, strict=True)}
    for node in graph.node:
        need(node.op_type in operators, f"operator {node.op_type} is not on the page")
        attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        values[node.output[0]] = operators[node.op_type](*(values[name] for name in node.input), **attributes)
    return [values[entry.name][0].astype(np.int64) for entry in graph.output]


WORTH = np.array([round(2 ** (e / 8) * 128) for e in range(-10, 7)])
"""6. What a symbol is worth."""


def read_tile(
    stream: TileStream,
    bundle: Path,
    prior: dict[str, np.ndarray],
    level: int,
    grid: tuple[int, int],
    symbols: list[np.ndarray],
) -> Iterator[tuple[int, np.ndarray]]:
    """6. Values of a tile whose z is of this size: (6, z), then (l, details of level l) for l = 5, ..., 1."""
    base, step = interpolate(prior["scale_base"], level), steps(interpolate(prior["log2_step"], level))
    e = np.zeros(grid, np.int64)

    def part(columns: np.ndarray, said: np.ndarray, more: np.ndarray | int = 0) -> tuple[np.ndarray, np.ndarray]:
        """The next part as networks see it, and its values, with more added to its means."""
        mean, scale = np.split(said, 2)
        index = np.clip((base[columns] + 32 * (scale - 128 - e)) >> 6, 0, len(stream.tables) - 1)
        symbols.append(stream.read_part(stream.correct(index)))
        v = ((WORTH[e + 10] * np.clip(symbols[-1], -(2**15), 2**15) + 8) >> 4) + mean - 128 + more
        v = np.clip(v, -(2**15), 2**15 - 1)
        seen = 128 + np.sign(v) * np.searchsorted(prior["thresholds"], abs(v), side="right")
        seen = with_level(seen, 16 if len(seen) == 6 else 32, level, len(prior["log2_step"]))
        return seen, v

    seen, z = part(np.arange(45, 57), np.full((24, *grid), 128))
    yield 6, z
    state: list[np.ndarray] = []
    packed: list[np.ndarray] = []
    above = dequantise(z[3:], step[48:])  # details of level l + 1
    own = sum(f"{name}.onnx" in files_of(bundle) for name in MIDDLE)
    need(own in (0, 3), f"a bundle with {own} of 3 middle networks")
    low, luma = np.split(dequantise(z[[0, 3, 4, 5]], step[[45, 48, 49, 50]]), [1])  # low[6] and its details
    for l in (5, 4, 3, 2, 1):
        if packed:
            large = sum(np.minimum(abs(v), 2047) * step[9 * l + p // 4] for p, v in enumerate(packed[:12]))
            e = np.searchsorted(prior["masking"][l - 1], large >> 5, side="right") - 6
            e += np.searchsorted(prior["dark"][l - 1], low[0], side="right") - 4
            e = e.repeat(2, 0).repeat(2, 1)
            low = join(low, luma)
            luma = dequantise(depth_to_space(np.stack(packed[:12])), step[9 * l : 9 * l + 3])
        packed = [np.zeros(())] * 36
        for order, channels in zip(("first", "second", "third"), CHANNELS, strict=True):
            if stream.part > stream.last_part:  # 4:2:0
                packed[12:] = [np.zeros_like(packed[0])] * 24
                break
            where = "fine" if l == 1 else "middle" if l == 2 and own else "coarse"
            name = f"{where}_{order}" if state else "start"
            *state, said = execute(bundle / f"{name}.onnx", *state, seen)
            more: np.ndarray | int = 0
            if order == "third" and "gates" in prior:
                before = step[48:57] if l == 5 else step[9 * l : 9 * l + 9]
                more = guesses(above, before, np.stack(packed[:12]), step[9 * l - 9 : 9 * l], prior["gates"][l - 1])
            seen, values = part(9 * (l - 1) + np.array(channels) // 4, said, more)
            for channel, plane in zip(channels, values, strict=True):
                packed[channel] = plane
        yield l, (details := depth_to_space(np.stack(packed)))
        above = dequantise(details, step[9 * l - 9 : 9 * l])


def guesses(
    above: np.ndarray, step_above: np.ndarray, luma: np.ndarray, step: np.ndarray, gates: np.ndarray
) -> np.ndarray:
    """6. What is added to means of chroma, by details of the level above and values (12, h, w) of luma, in float32."""
    y, u, v = above.reshape(3, 3, *luma.shape[1:])
    luma_step, *chroma_steps = step.astype(np.float32).reshape(3, 3, 1, 1, 1)
    squares = around(y[0] * y[0] + y[1] * y[1] + y[2] * y[2])
    guess = []
    for chroma, chroma_step, apart, gate in zip((u, v), chroma_steps, step_above[3::3], gates, strict=True):
        products = around(y[0] * chroma[0] + y[1] * chroma[1] + y[2] * chroma[2])
        r = np.float32(apart) / np.float32(32)
        slope = np.clip(products / (squares + (np.float32(16) + r * r)), -2, 2)
        factor = luma_step / chroma_step * (np.float32(gate) / np.float32(32))
        guess.append(slope * luma.astype(np.float32).reshape(3, 4, *slope.shape) * factor)
    return np.clip(np.rint(np.concatenate(guess)), -32512, 32512).astype(np.int64).reshape(24, *slope.shape)


def around(x: np.ndarray) -> np.ndarray:
    """6. Sums of 3 x 3 positions, of rows first, those beyond an edge being the edge's."""
    for _ in range(2):
        x = np.concatenate([x[:1], x[:-1]]) + x + np.concatenate([x[1:], x[-1:]])
        x = x.T
    return x


def dequantise(values: np.ndarray, step: np.ndarray) -> np.ndarray:
    """6. Coefficients in float32."""
    return values.astype(np.float32) * (step.astype(np.float32) / np.float32(512))


def lift(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """7. The pass down each column, in float32."""
    for step, fraction in enumerate((1817, 3616, -217, -6497)):
        k = np.float32(fraction) / np.float32(4096)
        if step % 2 == 0:
            p = p - k * (np.concatenate([q[:1], q[:-1]]) + q)
        else:
            q = q - k * (p + np.concatenate([p[1:], p[-1:]]))
    return np.stack([p, q], 1).reshape(-1, p.shape[1])


def join(low: np.ndarray, details: np.ndarray) -> np.ndarray:
    """7. The low band of the next finer level."""
    bands = zip(low, details[0::3], details[1::3], details[2::3], strict=True)
    return np.stack([lift(lift(band, d0).T, lift(d1, d2).T).T for band, d0, d1, d2 in bands])


def colours(low: np.ndarray) -> np.ndarray:
    """7. Red, green and blue in levels, and half a level more, in float32."""
    factors = np.array([2365, 2896, -1672], np.float32) / np.float32(4096)
    y, u, v = low * factors[:, None, None]
    y = y + np.float32(128.5)
    return np.stack([(y + v) + u, (y - v) - v, (y + v) - u])


def to_pixels(rgb: np.ndarray) -> np.ndarray:
    """7. Whole numbers from 0 to 255."""
    return np.floor(np.clip(rgb, 0, 255)).astype(np.int64)


def read_alpha(data: bytes, height: int, width: int) -> np.ndarray:
    """8. The alpha plane, uint8 (H, W)."""
    if data[:1] == b"\x00" and len(data) == 2:
        return np.full((height, width), data[1], np.uint8)
    need(data[:1] == b"\x01", "illegal alpha")
    return read_filtered(data[1:], height, width, 1)[:, :, 0]


def read_filtered(data: bytes, height: int, width: int, channels: int) -> np.ndarray:
    """8. and 9. The samples (height, width, channels) of a zlib stream of filters and rows."""
    inflater, length = zlib.decompressobj(), height * (width * channels + 1)
    try:
        raw = inflater.decompress(data, length + 1)
    except zlib.error as error:
        raise ValueError(f"filtered rows: {error}") from None
    need(inflater.eof and not inflater.unused_data and len(raw) == length, "filtered rows of a wrong length")
    need(max(raw[:height]) < 4, "unknown filter")
    planes = [[[0] * (width + 1) for _ in range(height + 1)] for _ in range(channels)]  # row 0, column 0 are outside
    for at, (y, x, c) in enumerate(np.ndindex(height, width, channels), height):
        plane = planes[c]
        left, above, corner = plane[y + 1][x], plane[y][x + 1], plane[y][x]
        prediction = (0, left, above, left + above - corner)[raw[y]]
        plane[y + 1][x + 1] = (raw[at] + prediction) % 256
    return np.array(planes, np.uint8)[:, 1:, 1:].transpose(1, 2, 0)


def files_of(folder: Path) -> list[str]:
    """The files of a bundle."""
    return [*json.loads((folder / "manifest.json").read_text())["sha256"]]


def id_of(folder: Path, networks: list[str]) -> bytes:
    """1. The id of a bundle, made of the files of those of these networks that it has and prior.npz."""
    files = files_of(folder)
    paths = [folder / name for name in (*(f"{network}.onnx" for network in networks), PRIOR) if name in files]
    hashes = b"".join(hashlib.sha256(path.read_bytes()).digest() for path in paths)
    return hashlib.sha256(hashes).digest()[:8]


def find_bundle(weights: Path, bundle_id: bytes, networks: list[str] = NETWORKS) -> Path:
    """1. The folder below `weights` with this id."""
    for folder in sorted(path.parent for path in weights.glob(f"*/{PRIOR}")):
        if id_of(folder, networks) == bundle_id:
            return folder
    raise ValueError(f"this stream needs bundle {bundle_id.hex()}")


def finish(rgb: np.ndarray, head: dict[str, int], sections: dict[int, tuple[int, bytes]]) -> np.ndarray:
    """7., 8. and 9. The picture that is the top left of (3, H, W)."""
    height, width = head["height"], head["width"]
    picture = rgb[:, :height, :width].transpose(1, 2, 0)
    picture = ((picture.sum(2, keepdims=True) + 1) // 3 if head["flags"] & 1 else picture).astype(np.uint8)
    if RESIDUAL in sections:
        picture = reference_residual.restore(picture, sections[RESIDUAL][1])
    if head["flags"] & 1:
        return picture[:, :, 0]
    return np.dstack([picture, read_alpha(sections[2][1], height, width)]) if head["flags"] & 2 else picture


def decode(
    data: bytes,
    weights: Path = WEIGHTS,
    log: list[Any] | None = None,
    symbols: list[np.ndarray] | None = None,
    enhance: bool = False,
) -> np.ndarray:
    """The picture, uint8: (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA.

    `weights` holds a folder for each bundle. `log` receives the fields of the stream, `symbols` a (channels, rows,
    columns) array for each part of each tile, in coding order. `enhance` corrects pixels where the bundle has the
    network for it.
    """
    head, bundle_id, sections = read_file(Cursor(data, log))
    bundle = find_bundle(weights, bundle_id)
    prior = {name: array.astype(np.int64) for name, array in np.load(bundle / PRIOR).items()}
    level, height, width, anchors = head["level"], head["height"], head["width"], len(prior["log2_step"])
    need(level <= 32 * (anchors - 1), "illegal level")
    tables = [Table(prior["frequencies"][t].tolist(), int(prior["radius"][t])) for t in prior["index_table"]]
    # 2. The grids; 3. to 6. the coefficients, tile by tile
    h, w, side = -(-height // 64), -(-width // 64), 2 ** head["tile"] // 64
    grids = {l: np.zeros((9 + 3 * (l == 6), h << 6 - l, w << 6 - l), np.int64) for l in range(1, 7)}
    corners = list(itertools.product(range(0, h, side), range(0, w, side)))
    cursors = read_tiles(Cursor(sections[1][1], log, sections[1][0]), len(corners))
    for cursor, (y, x) in zip(cursors, corners, strict=True):
        stream = TileStream(cursor, tables, prior["index_shift"].tolist(), 16 - (head["flags"] >> 2))
        grid = (min(side, h - y), min(side, w - x))
        for l, tile in read_tile(stream, bundle, prior, level, grid, [] if symbols is None else symbols):
            top, left = y << 6 - l, x << 6 - l
            grids[l][:, top : top + tile.shape[1], left : left + tile.shape[2]] = tile
    # 7. Pixels
    step = steps(interpolate(prior["log2_step"], level))
    low, *details = np.split(dequantise(grids[6], step[45:]), [3])
    for coefficients in (*details, *(dequantise(grids[l], step[9 * l - 9 : 9 * l]) for l in (5, 4, 3, 2, 1))):
        low = join(low, coefficients)
    picture = colours(low)
    if enhance and (path := bundle / "synthesis.onnx").exists():
        squares = space_to_depth(to_pixels(picture), 4)
        (correction,) = execute(path, with_level(squares, 64, level, anchors))
        picture = picture + (depth_to_space(correction, 4) - 128).astype(np.float32) * np.float32(0.25)
    return finish(to_pixels(picture), head, sections)
