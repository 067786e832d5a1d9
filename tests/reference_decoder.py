"""A slow, plain decoder written from FORMAT.md alone: numpy, the standard library, and onnx to open the graphs.

The numbers at its functions are sections of that page. All arithmetic is in int64 and in float64 on whole numbers, but
for the one float32 multiplication of section 7. Any defect of the bytes raises ValueError.
"""

import bisect
import hashlib
import itertools
import zlib
from pathlib import Path

import numpy as np

WEIGHTS = Path(__file__).parents[1] / "runtime" / "weights"
PARTS = ("hyper_synthesis.onnx", "context.onnx", "synthesis.onnx", "prior.npz")
GROUPINGS = ((8, 2), (5, 3), (4, 4), (3, 6), (2, 16))


def need(condition: object, reason: str) -> None:
    if not condition:
        raise ValueError(reason)


class Cursor:
    """Bytes read from front to back; `log` keeps (offset, bytes, field) of all that is taken."""

    def __init__(self, data: bytes, log: list | None = None, base: int = 0) -> None:
        self.data, self.log, self.base, self.at = data, [] if log is None else log, base, 0

    def take(self, count: int, field: str) -> bytes:
        need(self.at + count <= len(self.data), f"truncated in {field}")
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
    need(cursor.number(1, "version") == 1, "unsupported version")
    head, bundle_id = {"flags": cursor.number(1, "flags")}, cursor.take(8, "bundle id")
    head |= {"level": cursor.number(1, "level"), "tile": cursor.number(1, "tile")}
    head |= {"width": cursor.varint("width"), "height": cursor.varint("height")}
    table = [(cursor.number(1, "kind"), cursor.varint("length")) for _ in range(cursor.number(1, "sections"))]
    need(zlib.crc32(cursor.data[: cursor.at]) & 0xFFFF == cursor.number(2, "check"), "damaged header")
    need(head["flags"] < 3 and 6 <= head["tile"] <= 12, "illegal flags or tile")
    need(0 < head["width"] <= 2**20 and 0 < head["height"] <= 2**20, "illegal size")
    need(head["width"] * head["height"] <= 256_000_000, "more pixels than this decoder takes")
    kinds = [kind for kind, _ in table if kind < 128]
    need(set(kinds) <= {1, 2, 3, 4, 5} and len(set(kinds)) == len(kinds), "an unknown section, or two of one kind")
    need(1 in kinds and (2 in kinds) == head["flags"] >> 1, "sections do not fit the flags")
    need(len(cursor.data) == cursor.at + sum(length + 4 for _, length in table), "wrong file length")
    sections = {}
    for kind, length in table:
        sections[kind] = (cursor.at, cursor.take(length, f"section {kind}"))
        need(cursor.number(4, "CRC-32") == zlib.crc32(sections[kind][1]), f"damaged section {kind}")
    return head, bundle_id, sections


def read_tiles(cursor: Cursor, tiles: int) -> list[Cursor]:
    """3. One cursor for the stream of each tile."""
    if tiles == 1:
        return [cursor]
    index = [(cursor.varint("chunk length"), cursor.number(4, "chunk CRC-32")) for _ in range(3 * tiles)]
    need(zlib.crc32(cursor.data[: cursor.at]) == cursor.number(4, "index CRC-32"), "damaged index of chunks")
    chunks = [cursor.take(length, "chunk") for length, _ in index]
    need([zlib.crc32(chunk) for chunk in chunks] == [crc for _, crc in index], "damaged chunk")
    need(cursor.at == len(cursor.data), "bytes left over")
    return [Cursor(b"".join(chunks[tile::tiles])) for tile in range(tiles)]


def slots(p: list[int]) -> list[int]:
    """4. start(0), ..., start(A) of the A symbols with these P."""
    return [s + c * (2**14 - len(p)) // sum(p) for s, c in enumerate([0, *itertools.accumulate(p)])]


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
    """4. The coder of one tile; read_layer is called three times."""

    def __init__(self, cursor: Cursor) -> None:
        first = cursor.number(1, "log2(lanes) + 16 * layers")
        need(first & 15 <= 12 and first >> 4 == 3, "illegal lanes or layers")
        self.cursor, self.spare = cursor, b""
        self.states = [cursor.number(4, "state") for _ in range(2 ** (first & 15))]
        need(min(self.states) >= 2**16, "illegal state")

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

    def read_layer(self, index: np.ndarray, tables: list[Table], shifts: np.ndarray, layer: str) -> np.ndarray:
        """The values of the next layer; tables and shifts are by scale index."""
        order = sorted(np.flatnonzero(index), key=lambda n: (tables[index[n]].place, index[n]))
        own = [tables[index[n]] for n in order]
        groups, q = [], []
        for place, (g, _) in enumerate(GROUPINGS):
            members = [n for n, table in enumerate(own) if table.place == place]
            groups += [members[n : n + g] for n in range(0, len(members), g)]
        symbols = self.run([own[group[0]].groups for group in groups], f"{layer}: word of the groups")
        for group, symbol in zip(groups, symbols, strict=True):
            table = own[group[0]]
            q += [symbol // table.b**place % table.b for place in reversed(range(table.g))][: len(group)]
        high = [n for n, table in enumerate(own) if q[n] == table.b - 1]
        symbols = self.run([own[n].excesses for n in high], f"{layer}: word of the excesses")
        escaped = {n for n, symbol in zip(high, symbols, strict=True) if symbol == own[n].escape}
        for n, symbol in zip(high, symbols, strict=True):
            q[n] += symbol  # if it is ESCAPE, q is now the least that may be escaped
        if layer == "half 2":
            need(all(state >> 16 == 1 for state in self.states), "illegal final state")
            self.spare = b"".join((state % 2**16).to_bytes(2, "little") for state in self.states)
        widths = [(16 * (n in escaped), int(shifts[index[m]])) for n, m in enumerate(order)]
        fields = self.bits([*itertools.chain(*widths)], f"{layer}: fields")
        need(all(fields[2 * n] >= q[n] for n in escaped), "an escape for a magnitude that the table has")
        q = [fields[2 * n] if n in escaped else least for n, least in enumerate(q)]
        size = [(q[n] << widths[n][1]) + fields[2 * n + 1] for n in range(len(q))]
        signs = iter(self.bits([1 for value in size if value], f"{layer}: signs"))
        values = np.zeros(len(index), np.int64)
        values[order] = [-value if value and next(signs) else value for value in size]
        done = f"{len(q)} of {len(index)} values coded, {len(escaped)} escaped: {values[:12].tolist()}"
        self.cursor.take(0, f"{layer}: {done}")
        if layer == "half 2":
            need(not any(self.spare) and self.cursor.at == len(self.cursor.data), "bytes left over")
        return values


def interpolate(rows: np.ndarray, level: int) -> np.ndarray:
    """5. The row of an (L, C) array at this level."""
    a, f = divmod(level, 32)
    return (rows[a] * (32 - f) + rows[min(a + 1, len(rows) - 1)] * f + 16) // 32


def steps(log2: np.ndarray) -> np.ndarray:
    """5. Whole steps from their interpolated logarithms, with two axes for the grid."""
    e = [round(2 ** (i / 64) * 2**14) for i in range(64)]
    return np.array([max(1, ((e[v % 64] << max(v // 64, 0)) + 2**13) >> 14) for v in log2.tolist()])[:, None, None]


def convolve(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """7. A same-size convolution of (C, H, W), padded with 0; float64 is exact here."""
    (channels, height, width), side = x.shape, weight.shape[-1]
    x = np.pad(x, ((0, 0), *[(side // 2, side // 2)] * 2))
    y = np.tile(bias[:, None].astype(np.float64), height * width)
    for i, j in np.ndindex(side, side):
        y += weight[:, :, i, j].astype(np.float64) @ x[:, i : i + height, j : j + width].reshape(channels, -1)
    return y.reshape(-1, height, width)


def qlinear_conv(x, x_scale, x_zero, weight, w_scale, w_zero, y_scale, y_zero, bias) -> np.ndarray:
    """7. QLinearConv; its scales are float32."""
    need(not w_zero.any(), "the zero point of a weight is not 0")
    acc = convolve(x - float(x_zero), weight, bias).astype(np.float32)
    m = (x_scale * w_scale / y_scale)[:, None, None]  # so each step rounds to float32
    return np.clip(np.rint(acc * m) + y_zero, 0, 255)


def depth_to_space(x: np.ndarray, mode: bytes) -> np.ndarray:
    """7. DepthToSpace by 2."""
    c, (height, width) = len(x) // 4, x.shape[1:]
    x = x.reshape(c, 2, 2, height, width) if mode == b"CRD" else np.moveaxis(x.reshape(2, 2, c, height, width), 2, 0)
    return x.transpose(0, 3, 1, 4, 2).reshape(c, 2 * height, 2 * width)


OPERATORS = {  # arguments in the order of the node's inputs, then its mode
    "QLinearConv": qlinear_conv,
    "QLinearAdd": lambda a, _, __, b, *___: np.clip(a + b - 128, 0, 255),
    "DepthToSpace": depth_to_space,
    "Conv": convolve,
    "DequantizeLinear": lambda x, scale, zero: (x - float(zero)) * float(scale),
    "Add": np.add,
    "QuantizeLinear": lambda x, scale, zero: np.clip(np.rint(x / float(scale)) + float(zero), 0, 255),
}


def execute(path: Path, *inputs: np.ndarray) -> np.ndarray:
    """7. The output of a graph, node by node."""
    import onnx  # here, so that all the rest can be imported without it

    graph = onnx.load(path).graph
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    values |= {entry.name: array for entry, array in zip(graph.input, inputs[-len(graph.input) :], strict=True)}
    for node in graph.node:
        modes = [attribute.s for attribute in node.attribute if attribute.name == "mode"]
        need(node.op_type in OPERATORS, f"operator {node.op_type} is not in section 7")
        values[node.output[0]] = OPERATORS[node.op_type](*(values[name] for name in node.input), *modes)
    return values[graph.output[0].name].astype(np.int64)


def read_alpha(data: bytes, height: int, width: int) -> np.ndarray:
    """8. The alpha plane, uint8 (H, W)."""
    if data[:1] == b"\x00" and len(data) == 2:
        return np.full((height, width), data[1], np.uint8)
    need(data[:1] == b"\x01", "illegal alpha")
    inflater, length = zlib.decompressobj(), height * (width + 1)
    try:
        raw = inflater.decompress(data[1:], length + 1)
    except zlib.error as error:
        raise ValueError(f"alpha: {error}") from None
    need(inflater.eof and not inflater.unused_data and len(raw) == length, "alpha of a wrong length")
    need(max(raw[:height]) < 4, "unknown filter of alpha")
    alpha = [[0] * (width + 1) for _ in range(height + 1)]  # row 0 and column 0 are outside
    for y, x in np.ndindex(height, width):
        left, above, corner = alpha[y + 1][x], alpha[y][x + 1], alpha[y][x]
        prediction = (0, left, above, left + above - corner)[raw[y]]
        alpha[y + 1][x + 1] = (raw[height + y * width + x] + prediction) % 256
    return np.array(alpha, np.uint8)[1:, 1:]


def find_bundle(weights: Path, bundle_id: bytes) -> Path:
    """1. The folder below `weights` whose files have this id."""
    for folder in sorted(path.parent for path in weights.glob(f"*/{PARTS[3]}")):
        hashes = b"".join(hashlib.sha256((folder / name).read_bytes()).digest() for name in PARTS)
        if hashlib.sha256(hashes).digest()[:8] == bundle_id:
            return folder
    raise ValueError(f"this stream needs bundle {bundle_id.hex()}")


def decode(
    data: bytes, weights: Path = WEIGHTS, log: list | None = None, symbols: list[np.ndarray] | None = None
) -> np.ndarray:
    """The picture, uint8: (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA.

    `weights` holds a folder for each bundle. `log` receives the fields of the stream, `symbols` z (K, hz, wz) and the
    residuals (M, h, w) of the whole picture.
    """
    head, bundle_id, sections = read_file(Cursor(data, log))
    bundle = find_bundle(weights, bundle_id)
    prior = {name: array.astype(np.int64) for name, array in np.load(bundle / PARTS[3]).items()}
    level, height, width = head["level"], head["height"], head["width"]
    need(level <= 32 * (len(prior["log2_step"]) - 1), "illegal level")
    tables = [Table(prior["frequencies"][t].tolist(), prior["radius"][t]) for t in prior["index_table"]]
    base, base_z = interpolate(prior["scale_base"], level), interpolate(prior["scale_base_z"], level)
    step, step_z = (steps(interpolate(prior[name], level)) for name in ("log2_step", "log2_step_z"))
    heads = prior["scale_head"].T.reshape(len(base), 4, 4, -1)  # (m, y % 4, x % 4, k)
    # 2. The grids; 3. to 5. the symbols, tile by tile
    h, w, side = -(-height // 16), -(-width // 16), 2 ** head["tile"] // 64
    hz, wz = -(-h // 4), -(-w // 4)
    z_hat, residual = np.zeros((len(base_z), hz, wz), np.int64), np.zeros((len(base), h, w), np.int64)
    z = np.zeros_like(z_hat)
    corners = list(itertools.product(range(0, hz, side), range(0, wz, side)))
    cursors = read_tiles(Cursor(sections[1][1], log, sections[1][0]), len(corners))
    for cursor, (y, x) in zip(cursors, corners, strict=True):
        stream = TileStream(cursor)
        above, own = z_hat[:, y : y + side, x : x + side], z[:, y : y + side, x : x + side]  # views of this tile
        under = residual[:, 4 * y : 4 * (y + side), 4 * x : 4 * (x + side)]
        index = np.clip(base_z >> 14, 0, len(tables) - 1).repeat(above[0].size)
        own[:] = stream.read_layer(index, tables, prior["index_shift"], "z").reshape(own.shape)
        above[:] = np.clip((own * step_z + 8) >> 4, -128, 127)
        s = np.zeros_like(under) + base[:, None, None]
        for i, j in np.ndindex(4, 4):
            cells = s[:, i::4, j::4]
            cells += np.einsum("mk,kyx->myx", heads[:, i, j], above[:, : cells.shape[1], : cells.shape[2]])
        index = np.clip(s >> 14, 0, len(tables) - 1)
        for half in (0, 1):
            mask = np.broadcast_to(np.indices(under.shape[1:]).sum(0) % 2 == half, under.shape)
            under[mask] = stream.read_layer(index[mask], tables, prior["index_shift"], f"half {half + 1}")
    if symbols is not None:
        symbols += [z, residual]
    # 6. From symbols to latents
    unit, limit = prior["unit"][:, None, None], prior["limit"][:, None, None]
    planes, second = np.zeros((16, h, w), np.int64), np.indices((h, w)).sum(0) % 2 == 1
    planes[level // 32] = 32 - level % 32
    planes[min(level // 32 + 1, 15)] += level % 32
    mu = execute(bundle / PARTS[0], z_hat + 128)[:, :h, :w] - 128
    for half in (0, 1):
        latent = np.clip(residual * step + mu * unit, -limit, limit)
        known = np.clip((2 * latent + unit) // (2 * unit), -128, 127)
        if half == 0:
            grid = np.concatenate([np.where(second, mu, known), planes])
            mu = np.where(second, np.clip(mu + execute(bundle / PARTS[1], grid + 128) - 128, -128, 127), mu)
    # 7. Pixels
    squares = execute(bundle / PARTS[2], np.concatenate([known, planes]) + 128, latent).reshape(8, 8, 3, 2 * h, 2 * w)
    picture = squares.transpose(3, 0, 4, 1, 2).reshape(16 * h, 16 * w, 3)[:height, :width]
    picture = ((picture.sum(2) + 1) // 3 if head["flags"] == 1 else picture).astype(np.uint8)
    return np.dstack([picture, read_alpha(sections[2][1], height, width)]) if head["flags"] == 2 else picture
