"""docs/format/recurrent.md in numpy.

What is as in FORMAT.md is taken from its own reference decoder.
"""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import reference_decoder as page

NETWORKS = ["iteration"]
"""Whose files the id of a bundle is made of."""
PLACES = ((0, 0), (1, 1), (0, 1), (1, 0))


class Stream(page.TileStream):
    """2. The coder of one tile; `symbols` receives the codes of each part."""

    def __init__(self, cursor: page.Cursor, grids: int, slots: list[list[int]], symbols: list[np.ndarray]) -> None:
        self.thrifty, lanes = divmod(cursor.number(1, "log2(lanes)"), 16)
        page.need(lanes <= 12 and self.thrifty < 2, "too many lanes, or unknown flags")
        side = cursor.take((grids + 1) // 2, "starts")
        starts = [half for byte in side for half in divmod(byte, 16)]
        page.need(not any(starts[grids:]), "padding of the starts is not zero")
        self.starts, self.cursor, self.slots, self.symbols = starts[:grids], cursor, slots, symbols
        self.states = [cursor.number(4, "state") for _ in range(2**lanes)]
        page.need(min(self.states) >= 2**16, "illegal state")

    def codes(self, tables: np.ndarray, name: str) -> np.ndarray:
        """One pass."""
        return np.array(self.run([self.slots[table] for table in tables.tolist()], name), int)

    def tell(self, known: np.ndarray, a: np.ndarray, tables: list[np.ndarray]) -> np.ndarray:
        """4. Fills in what is known after an iteration, and says of which coefficients it was told."""
        significance, bit, size = tables
        significant, old = np.zeros(known.shape, bool), known != 0
        fresh = ~old & (a > -64)
        first = self.codes(significance[fresh], "first pass")
        significant[fresh] = first == 1
        second = self.codes(np.concatenate([bit[old], bit[significant], size[significant]]), "second pass")
        self.symbols.append(np.concatenate([first, second]))
        halves, signs, more = np.split(second, np.cumsum([old.sum(), significant.sum()]))
        known[old] = 2 * known[old] + halves * np.sign(known[old])
        known[significant] = (2 * signs - 1) * (1 + more)
        self.cursor.take(0, f"{len(more)} became significant, {sum(more == 3)} of 4 thresholds")
        return np.ones(known.shape, bool)

    def close(self) -> None:
        page.need(all(x == 2**16 for x in self.states), "illegal final state")
        page.need(self.cursor.at == len(self.cursor.data), "bytes left over")


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


class Coder(Protocol):
    """What tells the codes of a tile's iterations."""

    starts: list[int]
    thrifty: int

    def tell(self, known: np.ndarray, a: np.ndarray, tables: list[np.ndarray]) -> np.ndarray: ...


def read_tile(coder: Coder, bundle: Path, prior: dict[str, Any], level: int, v: list[np.ndarray]) -> None:
    """3. to 5. Fills the v of a tile's grids, iteration by iteration; the last one is that which does not tell all."""
    import onnx

    states = onnx.load(bundle / "iteration.onnx").graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    planes, o = level // 16 + 1, level % 16
    last_plane = len(prior["base_a"]) - 1
    k = [np.zeros_like(grid) for grid in v]
    state = [np.full((*grid.shape[1:], states), 128) for grid in v]
    blank = [-(-side // 2) for side in v[0].shape[1:]]
    nothing = [np.full((*blank, states), 128), np.full((80, *blank), 128)]
    above = nothing
    for p, g in itertools.product(range(planes), range(len(v))):
        sparing = int(coder.thrifty and p == planes - 1)
        if g < 2:
            above = nothing
        unit = np.ones(36, int)

        def constants(h: int, p: int = p, g: int = g) -> list[int]:
            found = [128] * 6 + [128 + 32 * h, 128 + -(-(16 * (13 - p) - o) // 2)]
            found[g] = 160
            return found

        for h in range(2 if g and p >= coder.starts[g] else p >= coder.starts[g]):
            channels = slice(18 * h, 18 * h + 18) if g else slice(0, 12)
            own = max(g, 1)
            shown = seen(prior, k[g], unit, constants(h))
            state[own], said = page.execute(bundle / "iteration.onnx", state[own], shown, *above, operators=OPERATORS)
            known = k[g][channels]

            def base(name: str, p: int = p, g: int = g, channels: slice = channels) -> np.ndarray:
                here, after = (prior[name][each, g, channels] for each in (p, min(p + 1, last_plane)))
                return (((16 - o) * here + o * after + 128) >> 8)[:, None, None]

            a = np.clip(said[:36][channels] - 128 + base("base_a"), -96, 96)
            b = np.clip(said[36:][channels] - 128 + base("base_b") * (known != 0), -96, 96)
            raised = np.clip(a + prior["fewer"][bins(a)], -96, 96) if sparing else a
            tables = [table(raised), table(b), 65 + table(prior["more"][raised + 96])]
            told = coder.tell(known, a, tables)
            beyond = np.where(abs(known) == 1, prior["place_one"][sparing, bins(a)], prior["place_more"][bins(b)])
            zero = prior["place_zero"][sparing, bins(a), bins(b)]
            put = np.where(known == 0, zero, np.sign(known) * (256 * abs(known) + beyond))
            v[g][channels] = np.where(told, put << (planes - 1 - p), v[g][channels])
            if not told.all():
                return
            unit[channels] = 0
        above = [state[g], seen(prior, k[g], unit * (p >= coder.starts[g]), constants(1))]


def unpacked(packed: np.ndarray) -> np.ndarray:
    """1. Details (9, 2 h, 2 w) of their packed channels."""
    _, h, w = packed.shape
    details = np.empty((9, 2 * h, 2 * w), packed.dtype)
    for channel, plane in enumerate(packed):
        half, d, n = channel // 18, channel % 18 // 2, channel % 2
        i, j = PLACES[2 * half + n]
        details[d, i::2, j::2] = plane
    return details


def sliced(x: np.ndarray, starts: np.ndarray, ends: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Slice as ONNX has it, without steps."""
    bounds = dict(zip(axes.tolist(), zip(starts.tolist(), ends.tolist(), strict=True), strict=True))
    return x[tuple(slice(*bounds.get(axis, (None, None))) for axis in range(x.ndim))]


OPERATORS: dict[str, Callable[..., Any]] = page.OPERATORS | {
    "Concat": lambda *x, axis: np.concatenate(x, axis),
    "Shape": lambda x: np.array(x.shape),
    "Slice": sliced,
}


def open_prior(bundle: Path) -> tuple[dict[str, Any], list[list[int]]]:
    """The arrays of a bundle, and the slots of each table."""
    loaded = dict(np.load(bundle / page.PRIOR))
    prior = {name: array if name == "steps" else array.astype(int) for name, array in loaded.items()}
    return prior, [[0, *itertools.accumulate(row)] for row in prior["frequencies"].tolist()]


def strides_px(prior: dict[str, Any]) -> list[int]:
    """1. How many pixels wide and high a position of each grid is."""
    last = prior["base_a"].shape[1]
    return [2**last, *(2**l for l in range(last, 1, -1))]


def blank_grids(prior: dict[str, Any], height: int, width: int) -> list[np.ndarray]:
    """1. Of a picture's v, (36, rows, columns)."""
    strides = strides_px(prior)
    h, w = (-(-n // strides[0]) * strides[0] for n in (height, width))
    return [np.zeros((36, h // px, w // px), int) for px in strides]


def picture(prior: dict[str, Any], level: int, grids: list[np.ndarray]) -> np.ndarray:
    """5. Whole pixels (3, H, W) of all v."""
    steps = prior["steps"][level % 16] * np.float32(2.0 ** (-(level // 16) - 8))
    z, *details = (grid.astype(np.float32) * step[:, None, None] for grid, step in zip(grids, steps, strict=True))
    low = page.join(z[:3], z[3:12])
    for packed in details:
        low = page.join(low, unpacked(packed))
    return page.to_pixels(page.colours(low))


def decode(
    data: bytes,
    weights: Path = page.WEIGHTS,
    log: list[Any] | None = None,
    symbols: list[np.ndarray] | None = None,
    end: int | None = None,
) -> np.ndarray:
    """The picture, as reference_decoder.decode gives it and with what it takes; `symbols` are the codes of each part.

    With an `end` it is what a decoder can show of the first so many bytes of a file of one tile: all whole iterations.
    """
    head, bundle_id, sections = page.read_file(page.Cursor(data, log))
    bundle = page.find_bundle(weights, bundle_id, NETWORKS)
    prior, slots = open_prior(bundle)
    level, side = head["level"], 2 ** head["tile"]
    page.need(level < 16 * len(prior["base_a"]) and not head["flags"] & 4, "illegal level or flags")
    grids = blank_grids(prior, head["height"], head["width"])
    corners = list(itertools.product(range(0, head["height"], side), range(0, head["width"], side)))
    start, body = sections[1]
    latents = page.Cursor(body if end is None else body[: end - start], log, start)
    cursors = page.read_tiles(latents, len(corners), level // 16 + 1)
    for cursor, (y, x) in zip(cursors, corners, strict=True):
        coder = Stream(cursor, len(grids), slots, [] if symbols is None else symbols)
        pieces = [
            grid[:, y // px : (y + side) // px, x // px : (x + side) // px]
            for grid, px in zip(grids, strides_px(prior), strict=True)
        ]
        try:
            read_tile(coder, bundle, prior, level, pieces)
            coder.close()
        except page.TruncatedError:
            if end is None:
                raise
    return page.finish(picture(prior, level, grids), head, sections)
