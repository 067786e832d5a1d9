"""The graphs and the integers of a wavelet pyramid."""

import numpy as np
import onnx
import torch
from torch import nn

from export import graphs, prior
from export.graphs import Graph
from export.prior import INT32, Arrays
from models import wavelet
from models.layers import Chain
from models.pyramid import Codec, Config, Start, Step
from runtime.families.pyramid import spec

NETWORKS = spec.NETWORKS
LEVELS_APART = 0
"""Levels of neighbouring qualities are at least so many apart: some qualities share one, where JPEG's lie close."""
FITS_TABLES = True
"""Whether the entropy tables are fitted to pictures, or come with the integers."""
FLOAT_OPERATORS: dict[str, frozenset[str]] = {}
"""Operators of graphs by name that are exact there, though not everywhere: none."""
FLOAT_WHOLE = 1 << 23
"""Whole numbers up to this are float32's too."""
LAST = "fine_third"
"""The network after which nothing is coded."""


# -- graphs ------------------------------------------------------------------------------------------------------------


def modules(model: Codec) -> dict[str, nn.Module]:
    """Return the torch module of each graph by name, in the order of NETWORKS; no optional one that the model lacks."""
    found = {network.name: getattr(model, network.name, None) for network in NETWORKS}
    return {name: module for name, module in found.items() if module is not None}


@torch.no_grad()
def build(model: Codec, quantised: bool) -> dict[str, onnx.ModelProto]:
    """Return all graphs of a model by name."""

    def graph(name: str, module: nn.Module) -> onnx.ModelProto:
        if isinstance(module, Start):
            return graphs.start(name, module, quantised)
        if isinstance(module, Step):
            return graphs.step(name, module, quantised, last=name == LAST)
        assert isinstance(module, Chain)
        return synthesis(name, module, quantised)

    return {name: graph(name, module) for name, module in modules(model).items()}


def synthesis(name: str, module: Chain, quantised: bool) -> onnx.ModelProto:
    """Return the graph of the synthesis: pixels (1, 64, h, w) -> correction (1, 48, h, w)."""
    g = Graph(name, quantised)
    pixels, corrections = graphs.channels(module)
    assert module.out is not None
    y = g.chain(g.input("pixels", module.source, pixels), module, name)
    g.output(y, "correction", module.out, corrections)
    return g.finish()


# -- integers ----------------------------------------------------------------------------------------------------------


def gains() -> np.ndarray:
    """Return the ratio of orthonormal to unnormalised wavelet coefficients by band, float64 (57,).

    Columns are those of prior.npz: the details (colour, band) of levels 1 to 5, then z: its low band and its details.
    """
    bands = np.array([1, 1, wavelet.NORM**-2])
    levels = [np.tile(wavelet.NORM ** (2 * level) * bands, spec.COLOUR_COUNT) for level in range(spec.LEVELS + 1)]
    low = np.full(spec.COLOUR_COUNT, wavelet.NORM ** (2 * (spec.LEVELS + 1)))
    return np.concatenate([*levels[: spec.LEVELS], low, levels[spec.LEVELS]])


def masking(config: Config) -> np.ndarray:
    """Return the masking thresholds of wavelet levels 1 to 4, int32 (4, 12).

    From each threshold on, the sum of a position's luma coefficients makes steps one eighth of an octave wider.
    """
    eighths = np.arange(-spec.MASKING_MOST, spec.MASKING_MOST) + 0.5
    with np.errstate(divide="ignore"):  # of a slope of 0: all of the lower half are reached, none of the upper
        octaves = eighths / (8 * np.array(config.masking_slope)[:, None]) + np.array(config.masking_log2_px)[:, None]
    size_px = np.maximum(2.0**octaves - config.masking_floor_px, 0)
    units = (spec.BANDS * spec.PHASES << spec.COEFFICIENT_BITS) / wavelet.NORM ** (2 * np.arange(1, spec.LEVELS))
    return np.ceil(size_px * units[:, None]).clip(max=INT32 - 1).astype(np.int32)


def dark(config: Config) -> np.ndarray:
    """Return the thresholds on the decoded luma low band of two levels before, of wavelet levels 1 to 4, int32 (4, 4).

    From each threshold on, steps are one eighth of an octave wider.
    """
    eighths = np.arange(-spec.DARK_MOST, 0) + 0.5
    floor, usual = config.dark_floor_px, config.dark_luma_px + config.dark_floor_px
    with np.errstate(divide="ignore"):  # of a slope of 0: all are reached
        octaves = eighths / (8 * config.dark_slope)
    luma_px = np.where(np.isfinite(octaves), usual * 2.0**octaves - floor, octaves)
    units = 3**0.5 * (2 / wavelet.NORM**2) ** np.arange(3, 7)
    return np.ceil((luma_px - 128) * units[:, None]).clip(-FLOAT_WHOLE, FLOAT_WHOLE - 1).astype(np.int32)


@torch.no_grad()
def integers(model: Codec) -> Arrays:
    """Return the arrays of the runtime's Prior: those of prior.rate_scale (levels, 57), thresholds (127,), masking
    (4, 12), dark (4, 4) and, where chroma follows luma, gates (5, 2) int32.
    """
    log2_scale = torch.cat([model.log2_scale.flatten(1), model.log2_scale_z], 1)
    scale = prior.rate_scale(model.log2_step().double().numpy() - np.log2(gains()), log2_scale.double().numpy())
    arrays = {"thresholds": prior.thresholds(), "masking": masking(model.config), "dark": dark(model.config)}
    if model.config.chroma_from_luma:
        gates = (spec.GATE_ONE * model.gates).round().clamp(-spec.LARGEST_GATE, spec.LARGEST_GATE)
        arrays["gates"] = gates.int().numpy()
    return scale | arrays


def bounds(model: Codec, arrays: Arrays) -> dict[str, float]:
    """Return proven bounds, each as a share of what its integers hold (export/prior.py)."""
    return prior.bounds(model, arrays, spec.INDEX_UNIT * (spec.MASKING_MOST + spec.DARK_MOST))
