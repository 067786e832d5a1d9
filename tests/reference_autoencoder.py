"""docs/format/autoencoder.md in numpy, float64 where the page says that sums are exact.

What is as in FORMAT.md is taken from its own reference decoder.
"""

import functools
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import reference_decoder as page

NETWORKS = ["start", "second", "third", "first", *(f"fine_{n}" for n in range(8)), "decoder"]
"""Whose files the id of a bundle is made of."""
LUMA, CHROMA = [*range(3)], [*range(3, 9)]
LOW, HIGH = [*range(63, 75), *range(126, 138)], [*range(75, 126), *range(138, 189)]
PARTS: list[tuple[str, str, list[int], int | None, int, int]] = [  # network, grid, channels, half, seen, bands
    ("", "z", [0, 1, 2], None, 0, 3),
    *(
        (name, f"details {level}", channels, half, 16, len(channels))
        for level in (3, 2, 1)
        for name, channels, half in (
            ("start" if level == 3 else "first", LUMA, 0),
            ("second", LUMA, 1),
            ("third", CHROMA, None),
        )
    ),
    ("fine_0", "AC", [*range(8)], 0, 16, 4),
    ("fine_1", "AC", [*range(8)], 1, 8, 4),
    ("fine_2", "AC", [*range(8, 24)], 0, 8, 4),
    ("fine_3", "AC", [*range(8, 24)], 1, 16, 4),
    ("fine_4", "AC", [*range(24, 63)], 0, 16, 3),
    ("fine_5", "AC", [*range(24, 63)], 1, 40, 3),
    ("fine_6", "AC", LOW, None, 40, 4),
    ("fine_7", "AC", HIGH, None, 24, 3),
]
FIRST_COLUMN = {"AC": 0, "details 3": 189, "details 2": 198, "details 1": 207, "z": 216}
SIDE_PX = {"z": 64, "details 3": 64, "details 2": 32, "details 1": 16, "AC": 8}
CHANNELS = {"z": 3, "details 3": 9, "details 2": 9, "details 1": 9, "AC": 189}


def read_tile(
    stream: page.TileStream,
    bundle: Path,
    prior: dict[str, np.ndarray],
    level: int,
    grids: dict[str, np.ndarray],
    told: list[np.ndarray],
) -> None:
    """2. Fills the values of a tile's grids."""
    base, anchors = page.interpolate(prior["scale_base"], level), len(prior["log2_step"])
    step = page.steps(page.interpolate(prior["log2_step"], level))
    plain = np.float32(page.steps(page.interpolate(prior["log2_plain_step"][:, None], level)).item()) / np.float32(64)
    ridge = np.float32(3) * (plain * plain)
    state: list[np.ndarray] = []
    seen = np.zeros(0)
    for network, name, channels, half, width, _ in PARTS:
        shape = grids[name].shape[1:]
        mean, scale = np.full((2, len(channels), *shape), 128)
        if network:
            previous = np.concatenate([seen, np.zeros((max(0, 8 + width - len(seen)), *seen.shape[1:]), int)])
            shown = page.with_level(seen, len(previous), level, anchors)[:width]
            *state, said = page.execute(bundle / f"{network}.onnx", *state, shown)
            mean, scale, gates = np.split(said, [len(channels), 2 * len(channels)])
            if len(gates):
                luma = np.array(channels[: len(channels) // 2]) - (63 if name == "AC" else 3)
                if network != "fine_7":
                    known = {key: grid for key, grid in grids.items() if SIDE_PX[key] > SIDE_PX[name] or key == "z"}
                    slope = slopes_of_dc(dc_of({k: v for k, v in known.items() if k != name}, step), ridge)
                first = FIRST_COLUMN[name]
                columns = first + np.array(channels)
                units = step[first + luma].astype(np.float32) / step[columns].reshape(2, len(luma), 1, 1).astype(
                    np.float32
                )
                guess = slope[:, None] * grids[name][luma].astype(np.float32) * units
                share = (gates - 128).astype(np.float32).repeat(len(channels) // len(gates), 0)
                mean = mean + np.clip(np.rint(guess.reshape(share.shape) * share / np.float32(32)), -32512, 32512)
        index = np.clip((base[FIRST_COLUMN[name] + np.array(channels)] + 32 * (scale - 128)) >> 6, 0, None)
        coded = np.ones(shape, bool) if half is None else np.indices(shape).sum(0) % 2 == half
        index = stream.correct(np.minimum(index, len(stream.tables) - 1)) * coded
        told.append(stream.read_part(index))
        v = np.clip(8 * np.clip(told[-1], -(2**15), 2**15) + (mean - 128) * coded, -(2**15), 2**15 - 1)
        grids[name][channels] += v.astype(int)
        if network == "fine_6" and len(gates):
            pixels = page.dequantise(grids[name][luma], step[luma])
            colours = page.dequantise(v, step[channels]).reshape(2, *pixels.shape)
            slope = slopes(around(summed(pixels * colours)), around(summed(pixels * pixels[None]))[0], ridge)
        seen = 128 + np.sign(v) * np.searchsorted(prior["thresholds"], abs(v), side="right")


def around(x: np.ndarray) -> np.ndarray:
    """2. S(x) of (n, h, w)."""
    x = np.pad(x, ((0, 0), (1, 1), (1, 1)), "edge")
    x = (x[:, :-2] + x[:, 1:-1]) + x[:, 2:]
    return (x[..., :-2] + x[..., 1:-1]) + x[..., 2:]


def summed(x: np.ndarray) -> np.ndarray:
    """2. The sums (c, h, w) over frequencies of (c, n, h, w), from low to high."""
    return functools.reduce(np.add, x.swapaxes(0, 1))


def slopes(p: np.ndarray, q: np.ndarray, ridge: np.float32) -> np.ndarray:
    """2. Slopes (2, h, w)."""
    return np.clip(p / (np.maximum(q, 0) + ridge), -2, 2)


def slopes_of_dc(d: np.ndarray, ridge: np.float32) -> np.ndarray:
    """2. Slopes (2, h, w) of the DC."""
    p = around(d[0] * d) - around(d[:1]) * around(d) / np.float32(9)
    return slopes(p[1:], p[0], ridge)


def dc_of(grids: dict[str, np.ndarray], step: np.ndarray) -> np.ndarray:
    """3. The low band (3, h, w) in pixel levels, of z and the details that there are; of all it is the DC."""
    names = [name for name in ("z", "details 3", "details 2", "details 1") if name in grids]
    z, *details = (page.dequantise(grids[name], step[FIRST_COLUMN[name] :][: CHANNELS[name]]) for name in names)
    return functools.reduce(page.join, details, z)


def conv(x: np.ndarray, weight: np.ndarray, group: int = 1, **_: Any) -> np.ndarray:
    """A convolution without padding of (1, C, H, W)."""
    inputs, weights = np.split(x[0], group), np.split(weight.astype(np.float64), group)
    side = weight.shape[-1]
    height, width = (n - side + 1 for n in x.shape[2:])
    planes = [
        sum(np.tensordot(w[:, :, i, j], y[:, i : i + height, j : j + width], 1) for i, j in np.ndindex(side, side))
        for y, w in zip(inputs, weights, strict=True)
    ]
    return np.concatenate(planes)[None]


def sliced(x: np.ndarray, start: np.ndarray, end: np.ndarray, *axis_and_step: np.ndarray) -> np.ndarray:
    """Slice along one axis, the first if none is given."""
    axis = axis_and_step[0].item() if axis_and_step else 0
    return x[(slice(None),) * axis + (slice(start.item(), end.item()),)]


DECODER: dict[str, Callable[..., Any]] = page.OPERATORS | {
    "Mul": lambda a, b: a.astype(np.float64) * b,
    "Add": lambda a, b: a.astype(np.float64) + b,
    "Sub": lambda a, b: a.astype(np.float64) - b,
    "Round": np.rint,
    "Max": np.maximum,
    "Min": np.minimum,
    "Clip": np.clip,
    "Gather": lambda x, i, axis: x.take(i, axis),
    "Slice": sliced,
    "Concat": lambda *x, axis: np.concatenate(x, axis),
    "Shape": lambda x: np.array(x.shape),
    "Expand": lambda x, shape: np.broadcast_to(x, shape),
    "Cast": lambda x, to: x,
    "Conv": conv,
    "DepthToSpace": lambda x, blocksize, mode: page.depth_to_space(x[0], blocksize)[None],
}


def decode(
    data: bytes,
    weights: Path = page.WEIGHTS,
    log: list[Any] | None = None,
    symbols: list[np.ndarray] | None = None,
) -> np.ndarray:
    """The picture, as reference_decoder.decode gives it and with what it takes."""
    head, bundle_id, sections = page.read_file(page.Cursor(data, log))
    bundle = page.find_bundle(weights, bundle_id, NETWORKS)
    prior = {name: array.astype(np.int64) for name, array in np.load(bundle / page.PRIOR).items()}
    level, anchors = head["level"], len(prior["log2_step"])
    page.need(level <= 32 * (anchors - 1) and not head["flags"] & 4, "illegal level or flags")
    tables = [page.Table(prior["frequencies"][t].tolist(), int(prior["radius"][t])) for t in prior["index_table"]]
    h, w = (-(-n // 64) * 64 for n in (head["height"], head["width"]))
    side = 2 ** head["tile"]
    grids = {name: np.zeros((CHANNELS[name], h // px, w // px), np.int64) for name, px in SIDE_PX.items()}
    corners = list(itertools.product(range(0, h, side), range(0, w, side)))
    cursors = page.read_tiles(page.Cursor(sections[1][1], log, sections[1][0]), len(corners))
    bands = tuple(part[-1] for part in PARTS)
    for cursor, (y, x) in zip(cursors, corners, strict=True):
        stream = page.TileStream(cursor, tables, prior["index_shift"].tolist(), len(PARTS), bands)
        tile = {
            name: grid[:, y // px : (y + side) // px, x // px : (x + side) // px]
            for (name, grid), px in zip(grids.items(), SIDE_PX.values(), strict=True)
        }
        read_tile(stream, bundle, prior, level, tile, [] if symbols is None else symbols)
    step = page.steps(page.interpolate(prior["log2_step"], level))
    low, ac = dc_of(grids, step), page.dequantise(grids["AC"], step[:189])
    ac = ac.reshape(3, 63, *low.shape[1:])
    latents = np.concatenate([low[:, None], ac], 1).reshape(192, *low.shape[1:])
    rate = page.with_level(np.zeros((0, 1, 1), int), 16, level, anchors)
    (pixels,) = page.execute(bundle / "decoder.onnx", latents, rate, operators=DECODER)
    return page.finish(pixels, head, sections)
