"""The graph and the integers of the progressive codec."""

from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from export import prior
from export.graphs import Graph
from export.prior import Arrays, Refused
from export.tables import integer_frequencies
from models import codes, recurrent, wavelet
from models.recurrent import GRID, LOGIT_GAIN, SEEN, Codec, Iteration
from runtime.entropy.rans import PRECISION_BITS
from runtime.families.recurrent import spec

NETWORKS = spec.NETWORKS
LEVELS_APART = 0
"""Levels of neighbouring qualities are at least so many apart: there are too few levels for 1."""
FITS_TABLES = False
"""Whether the entropy tables are fitted to pictures, or come with the integers."""
FLOAT_OPERATORS = {"iteration": frozenset(("Concat", "Shape", "Slice"))}
"""Operators of the graph that move values about."""
MAGNITUDES = 4096
"""Larger |k| are seen as this one."""


# -- graph -------------------------------------------------------------------------------------------------------------


class Apart(nn.Module):
    """An Iteration whose parent comes in two: its state, and what was seen of it."""

    def __init__(self, iteration: Iteration):
        super().__init__()
        self.iteration = iteration

    def forward(self, state: Tensor, seen: Tensor, parent: Tensor, parent_seen: Tensor) -> tuple[Tensor, Tensor]:
        return self.iteration(state, seen, torch.cat([parent, parent_seen], 1))


def modules(model: Codec) -> dict[str, nn.Module]:
    """Return the torch module of the graph by name."""
    return {"iteration": Apart(model.iteration)}


@torch.no_grad()
def build(model: Codec, quantised: bool) -> dict[str, onnx.ModelProto]:
    """Return the graph by name: state (1, h, w, S), seen (1, 80, h, w), and these of the level before, parent_state and
    parent_seen, at half the sides -> new_state (1, h, w, S), parameters (1, 72, h, w).
    """
    net, states = model.iteration, model.config.state
    g = Graph("iteration", quantised, last=quantised)
    x = g.input("state", net.grid, states)
    seen = g.input("seen", net.grid, SEEN)
    above = [g.input("parent_state", net.grid, states, "_above"), g.input("parent_seen", net.grid, SEEN, "_above")]
    parent = g.chain(g.node("Concat", above, "parent.both", axis=3 if g.last else 1), net.parent, "parent")
    rows = 1 if g.last else 2
    sides = [g.constant(name, np.array(v)) for name, v in (("first", [rows]), ("end", [rows + 2]), ("along", [0]))]
    ends = g.node("Slice", [g.node("Shape", [x], "shape"), *sides], "sides")
    begin, axes = g.constant("begin", np.zeros(2, np.int64)), g.constant("axes", np.arange(rows, rows + 2))
    above_here = g.node("Slice", [parent, begin, ends, axes], "parent.cut")
    state = g.add(g.convolution(x, net.keep, "keep"), g.convolution(seen, net.update, "update"), net.grid, "updated")
    state = g.chain(g.add(state, above_here, net.grid, "informed"), net.blocks, "blocks")
    g.output(state, "new_state", net.grid, states)
    g.told("new_state" if quantised else state, net.head)
    return {"iteration": g.finish()}


# -- integers ----------------------------------------------------------------------------------------------------------


def gains(levels: int) -> np.ndarray:
    """Return the ratio of orthonormal to unnormalised coefficients, float64 (levels + 1, 36): z, then levels as packed.

    Levels are ordered from the coarsest to the finest one.
    """
    bands = np.array([1, 1, wavelet.NORM**-2])
    found = np.ones((levels + 1, spec.PACKED))
    found[0, :3] = wavelet.NORM ** (2 * levels + 2)
    found[0, 3 : spec.Z] = np.tile(wavelet.NORM ** (2 * levels) * bands, 3)
    for index in range(1, levels + 1):
        of_details = np.tile(wavelet.NORM ** (2 * (levels - index)) * bands, 3)
        found[index] = np.tile(of_details.repeat(2), 2)
    return found


@torch.no_grad()
def integers(model: Codec) -> Arrays:
    """Return the arrays of the runtime's Prior."""
    _check_constants(model)
    levels, tables = model.config.levels, model.codes
    octaves = np.stack([model.octaves(index).double().numpy() for index in range(levels + 1)])
    offsets = np.arange(spec.OFFSETS) / spec.OFFSETS
    thresholds = 2.0 ** (spec.TOP_OCTAVE - offsets[:, None, None] + octaves) / gains(levels)
    log_odds = np.arange(-spec.LOGIT_MOST, spec.LOGIT_MOST + 1) / spec.LOGIT_UNITS
    more = float(tables.more[0]) + float(tables.more[1]) * log_odds
    units = np.array([[1.0], [2.0]])
    k = np.arange(MAGNITUDES)
    magnitudes = np.log1p((k + 0.5 * (k > 0)) * units) / 2
    return {
        "base_a": _whole("base_a", model.base_a, spec.LOGIT_UNITS * spec.BASE_UNITS),
        "base_b": _whole("base_b", model.base_b, spec.LOGIT_UNITS * spec.BASE_UNITS),
        "fewer": _whole("fewer", tables.fewer, spec.LOGIT_UNITS),
        "more": _whole("more", torch.from_numpy(more), spec.LOGIT_UNITS).clip(-spec.LOGIT_MOST, spec.LOGIT_MOST),
        "place_zero": _whole("place_zero", tables.place_zero, 1 << spec.PLACE_BITS),
        "place_one": _whole("place_one", tables.place_one, 1 << spec.PLACE_BITS),
        "place_more": _whole("place_more", tables.place_more, 1 << spec.PLACE_BITS),
        "magnitudes": np.round(magnitudes * spec.GRID).clip(max=127).astype(np.uint8),
        "steps": thresholds.astype(np.float32),
        "frequencies": frequencies(),
    }


def frequencies() -> np.ndarray:
    """Return tables of slots, uint16 (130, 4): of binary codes, by log-odds in quarters of a nat, then of sizes, by the
    log-odds of one more.
    """
    found = np.zeros((2 * spec.TABLES, spec.MOST_AT_ONCE), np.uint16)
    for number in range(spec.TABLES):
        chance = 1 / (1 + np.exp((spec.CODED_MOST - number) / 4))
        found[number, :2] = integer_frequencies(np.array([1 - chance, chance]))
        sizes = chance ** np.arange(spec.MOST_AT_ONCE)
        sizes[:-1] *= 1 - chance
        found[spec.TABLES + number] = integer_frequencies(sizes)
    assert (found.sum(1, dtype=int) == 1 << PRECISION_BITS).all()
    return found


def _whole(name: str, values: Tensor, unit: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    found = np.round(values.detach().double().numpy() * unit)
    if not np.isfinite(found).all() or np.abs(found).max() >= prior.INT16:
        raise Refused(f"{name}: a value does not fit int16")
    return found.astype(np.int16)


def _check_constants(model: Codec) -> None:
    """Raise Refused where the model and the runtime have other constants."""
    ours = (recurrent.PHASES_IN_ORDER, recurrent.PACKED, recurrent.Z, recurrent.CONSTANTS, recurrent.TOP_OCTAVE)
    theirs = (spec.PHASES_IN_ORDER, spec.PACKED, spec.Z, spec.CONSTANTS, spec.TOP_OCTAVE)
    log_odds = (codes.LOGIT_MOST, codes.LOGIT_SKIP, LOGIT_GAIN * GRID, codes.BINS, codes.MOST_AT_ONCE, GRID)
    nats = np.array([spec.LOGIT_MOST, spec.LOGIT_SKIP, 1]) / spec.LOGIT_UNITS
    expected = (*nats, spec.BINS, spec.MOST_AT_ONCE, 1 / spec.GRID)
    if ours != theirs or log_odds != expected:
        raise Refused("the model and the runtime have other constants")
    if not (spec.LEAST_LEVELS <= model.config.levels <= spec.MOST_LEVELS and model.config.planes <= spec.MOST_PLANES):
        raise Refused(f"{model.config.levels} levels and {model.config.planes} planes: the runtime has not so many")


def bounds(model: Codec, arrays: Arrays) -> dict[str, float]:
    """Return proven bounds, each as a share of what its integers hold: of the sums of convolutions, 32 bits."""
    return prior.accumulators(model)
