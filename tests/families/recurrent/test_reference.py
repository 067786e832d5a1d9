"""docs/format/recurrent.md in numpy; it decodes what the codec does.

What is as in FORMAT.md is taken from its own reference decoder.
"""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference_decoder as page

pytest.importorskip("onnx")

from runtime import codec as shared  # noqa: E402
from runtime.codec import Codec, encoder  # noqa: E402

PLACES = ((0, 0), (1, 1), (0, 1), (1, 0))


class Stream(page.TileStream):
    """2. The coder of one tile."""

    def __init__(self, cursor: page.Cursor, grids: int, slots: list[list[int]]) -> None:
        self.thrifty, lanes = divmod(cursor.number(1, "log2(lanes)"), 16)
        page.need(lanes <= 12 and self.thrifty < 2, "too many lanes, or unknown flags")
        side = cursor.take((grids + 1) // 2, "starts")
        starts = [half for byte in side for half in divmod(byte, 16)]
        page.need(not any(starts[grids:]), "padding of the starts is not zero")
        self.starts, self.cursor, self.slots = starts[:grids], cursor, slots
        self.states = [cursor.number(4, "state") for _ in range(2**lanes)]
        page.need(min(self.states) >= 2**16, "illegal state")

    def codes(self, tables: np.ndarray, name: str) -> np.ndarray:
        """One pass."""
        return np.array(self.run([self.slots[table] for table in tables.tolist()], name), int)


def bins(x: np.ndarray) -> np.ndarray:
    return np.minimum((x + 96) >> 3, 23)


def table(x: np.ndarray) -> np.ndarray:
    return np.clip((x + 1) >> 1, -32, 32) + 32


def seen(prior: dict[str, Any], k: np.ndarray, unit: np.ndarray, constants: list[int]) -> np.ndarray:
    """3. What the network sees of a grid whose channels have these units."""
    magnitudes = prior["magnitudes"].astype(int)
    m = magnitudes[unit[:, None, None], np.minimum(abs(k), magnitudes.shape[1] - 1)]
    planes = np.broadcast_to(np.array(constants)[:, None, None], (8, *k.shape[1:]))
    return np.concatenate([128 + m, 128 + m * np.sign(k), planes])


def read_tile(
    stream: Stream, bundle: Path, prior: dict[str, Any], level: int, shapes: list[tuple[int, int]], states: int
) -> list[np.ndarray]:
    """3. to 5. The v of each grid of a tile."""
    planes, o = level // 16 + 1, level % 16
    last_plane = len(prior["base_a"]) - 1
    k = [np.zeros((36, *shape), int) for shape in shapes]
    v = [np.zeros((36, *shape), int) for shape in shapes]
    state = [np.full((*shape, states), 128) for shape in shapes]
    blank = [-(-side // 2) for side in shapes[0]]
    nothing = [np.full((*blank, states), 128), np.full((80, *blank), 128)]
    above = nothing
    for p, g in itertools.product(range(planes), range(len(shapes))):
        sparing = int(stream.thrifty and p == planes - 1)
        if g < 2:
            above = nothing
        unit = np.ones(36, int)

        def constants(h: int, p: int = p, g: int = g) -> list[int]:
            found = [128] * 6 + [128 + 32 * h, 128 + -(-(16 * (13 - p) - o) // 2)]
            found[g] = 160
            return found

        for h in range(2 if g and p >= stream.starts[g] else p >= stream.starts[g]):
            channels = slice(18 * h, 18 * h + 18) if g else slice(0, 12)
            own = max(g, 1)
            shown = seen(prior, k[g], unit, constants(h))
            state[own], said = page.execute(bundle / "iteration.onnx", state[own], shown, *above)
            known = k[g][channels]

            def base(name: str, p: int = p, g: int = g, channels: slice = channels) -> np.ndarray:
                here, after = (prior[name][each, g, channels] for each in (p, min(p + 1, last_plane)))
                return (((16 - o) * here + o * after + 128) >> 8)[:, None, None]

            a = np.clip(said[:36][channels] - 128 + base("base_a"), -96, 96)
            b = np.clip(said[36:][channels] - 128 + base("base_b") * (known != 0), -96, 96)
            raised = np.clip(a + prior["fewer"][bins(a)], -96, 96) if sparing else a
            fresh, old = (known == 0) & (a > -64), known != 0
            significant = np.zeros(known.shape, bool)
            significant[fresh] = stream.codes(table(raised[fresh]), "first pass") == 1
            sizes = 65 + table(prior["more"][raised[significant] + 96])
            told = stream.codes(np.concatenate([table(b[old]), table(b[significant]), sizes]), "second pass")
            halves, signs, more = np.split(told, np.cumsum([old.sum(), significant.sum()]))
            known[old] = 2 * known[old] + halves * np.sign(known[old])
            known[significant] = (2 * signs - 1) * (1 + more)
            beyond = np.where(abs(known) == 1, prior["place_one"][sparing, bins(a)], prior["place_more"][bins(b)])
            zero = prior["place_zero"][sparing, bins(a), bins(b)]
            put = np.where(known == 0, zero, np.sign(known) * (256 * abs(known) + beyond))
            v[g][channels] = put << (planes - 1 - p)
            unit[channels] = 0
        above = [state[g], seen(prior, k[g], unit * (p >= stream.starts[g]), constants(1))]
    page.need(all(x == 2**16 for x in stream.states), "illegal final state")
    page.need(stream.cursor.at == len(stream.cursor.data), "bytes left over")
    return v


def unpacked(packed: np.ndarray) -> np.ndarray:
    """1. Details (9, 2 h, 2 w) of their packed channels."""
    _, h, w = packed.shape
    details = np.empty((9, 2 * h, 2 * w), packed.dtype)
    for channel, plane in enumerate(packed):
        half, d, n = channel // 18, channel % 18 // 2, channel % 2
        i, j = PLACES[2 * half + n]
        details[d, i::2, j::2] = plane
    return details


def read_tiles(cursor: page.Cursor, tiles: int, layers: int) -> list[page.Cursor]:
    """FORMAT.md, section 3, with so many layers."""
    if tiles == 1:
        return [cursor]
    index = [(cursor.varint("length"), cursor.number(4, "CRC-32")) for _ in range(layers * tiles)]
    cursor.number(4, "index CRC-32")
    chunks = [cursor.take(length, "chunk") for length, _ in index]
    return [page.Cursor(b"".join(chunks[tile::tiles])) for tile in range(tiles)]


def decode(data: bytes, bundle: Path) -> np.ndarray:
    """The picture (H, W, 3)."""
    import onnx

    head, _, sections = page.read_file(page.Cursor(data))
    loaded = dict(np.load(bundle / page.PRIOR))
    prior = {name: array.astype(int) for name, array in loaded.items() if name != "steps"}
    state = onnx.load(bundle / "iteration.onnx").graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    slots = [[0, *itertools.accumulate(row)] for row in prior["frequencies"].tolist()]
    level, levels, side = head["level"], prior["base_a"].shape[1] - 1, 2 ** head["tile"]
    stride_px = [2 << levels, *(2 << l for l in range(levels, 0, -1))]
    h, w = (-(-n // stride_px[0]) * stride_px[0] for n in (head["height"], head["width"]))
    grids = [np.zeros((36, h // px, w // px), int) for px in stride_px]
    corners = list(itertools.product(range(0, h, side), range(0, w, side)))
    cursors = read_tiles(page.Cursor(sections[1][1]), len(corners), level // 16 + 1)
    for cursor, (y, x) in zip(cursors, corners, strict=True):
        pieces = [
            grid[:, y // px : (y + side) // px, x // px : (x + side) // px]
            for grid, px in zip(grids, stride_px, strict=True)
        ]
        stream = Stream(cursor, levels + 1, slots)
        shapes = [(piece.shape[1], piece.shape[2]) for piece in pieces]
        for piece, values in zip(pieces, read_tile(stream, bundle, prior, level, shapes, state), strict=True):
            piece[:] = values
    steps = loaded["steps"][level % 16] * np.float32(2.0 ** (-(level // 16) - 8))
    z, *details = (grid.astype(np.float32) * step[:, None, None] for grid, step in zip(grids, steps, strict=True))
    low = page.join(z[:3], z[3:12])
    for packed in details:
        low = page.join(low, unpacked(packed))
    return page.to_pixels(page.colours(low))[:, : head["height"], : head["width"]].transpose(1, 2, 0).astype(np.uint8)


@pytest.mark.parametrize("level", [40, 121, 191])
def test_the_page_decodes_the_same_pixels(
    level: int, progressive: Codec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one tile, and at the second level of six."""
    monkeypatch.setitem(page.OPERATORS, "Concat", lambda *x, axis: np.concatenate(x, axis))
    monkeypatch.setitem(page.OPERATORS, "Shape", lambda x: np.array(x.shape))
    monkeypatch.setitem(page.OPERATORS, "Slice", sliced)
    if level == 121:
        monkeypatch.setattr(shared, "TILE_PX", 64)
    data = encoder(progressive, np.ascontiguousarray(photo[:90, :140]))(level)
    assert np.array_equal(decode(data, progressive.bundle.folder), progressive.decode(data))


def sliced(x: np.ndarray, starts: np.ndarray, ends: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Slice as ONNX has it, without steps."""
    bounds = dict(zip(axes.tolist(), zip(starts.tolist(), ends.tolist(), strict=True), strict=True))
    return x[tuple(slice(*bounds.get(axis, (None, None))) for axis in range(x.ndim))]
