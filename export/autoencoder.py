"""The graphs of an autoencoder: encoder, decoder and those of the prior; and the proof that the decoder is exact.

encoder  pixels u8 (N, 3, H, W) -> latents float (N, 192, H/8, W/8), in pixel levels. Not exact: only encoders run it.
decoder  latents, rate u8 (N, 16, 1, 1) -> pixels u8 (N, 3, H, W). The same on every CPU: latents are rounded to whole
         units of 2^-latent_bits, the linear path is float convolutions of whole numbers by whole numbers whose sums
         stay below 2^24 (so that their order does not matter) and that are then added one by one, and the net is
         made of QLinearConv and QLinearAdd.
prior    as in export/graphs.py: a start and steps.
"""

from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import nn

from export import graphs, prior
from export.graphs import Graph
from export.prior import Arrays, Refused
from models import wavelet
from models.autoencoder import (
    ANALYSIS_RANGE,
    BANDS,
    BLOCK,
    COLOURS,
    CORRECTION_PX,
    DC_LEVELS,
    LATENT_GRID,
    LATENTS,
    PARTS,
    PIXEL_RANGE,
    RIDGE,
    Codec,
    frequencies,
)
from models.layers import Chain, Conv
from models.pyramid import LEVEL_PLANES, Start, Step
from models.slopes import LARGEST_SLOPE
from runtime.families.autoencoder import spec
from runtime.families.autoencoder.spec import REACH
from runtime.latents import spec as latents

NETWORKS = spec.NETWORKS
LEVELS_APART = 1
"""Levels of neighbouring qualities are at least so many apart."""
FITS_TABLES = True
"""Whether the entropy tables are fitted to pictures, or come with the integers."""
FLOAT_OPERATORS = {
    "decoder": frozenset(
        ("Conv", "Mul", "Add", "Sub", "Round", "Clip", "Max", "Min", "Cast")
        + ("Gather", "Slice", "Concat", "Expand", "Shape", "DepthToSpace")
    )
}
"""Operators of the decoder that are exact there: sums are of whole numbers below 2^24, or of two numbers alone."""
EXACT = float(1 << 24)
"""Sums of whole numbers below this are exact in float32, in any order."""
SUMS = 8
"""The linear path of the decoder is so many sums that are exact by themselves: more would allow finer units, and take
longer.
"""
COLOUR_BITS, MATRIX_BITS = 4, 11
"""Fractional bits of decoded colours, and of the matrix that makes pixels of them."""
COLOUR_LIMIT = 256.0
"""Decoded colours are between plus and minus so many pixel levels."""
HALF = 128.0
"""What pixels are centred on, and the zero point of signed 8-bit grids."""


class Fixed:
    """The integers of the linear synthesis, as float64 arrays.

    latent_bits (192,)   fractional bits of each latent; negative for latents of a wide range
    limits (192,)        largest absolute value of each latent, in units of 2^-latent_bits
    weight               (192, 64, 3, 3), whole numbers
    fraction_bits        fractional bits of the sums: those of a latent and of its weights together
    largest_sum          largest absolute value of the sums that must be exact
    """

    def __init__(self, model: Codec):
        weight = model.linear_synthesis.weight.detach().double().numpy()
        sizes = np.abs(model.linear_analysis.weight.detach().double().numpy()).sum((1, 2, 3))
        largest = HALF * np.abs(np.array(wavelet.COLOURS)).sum(1) / wavelet.ONE  # of each colour
        reach = 1.25 * sizes * np.repeat(largest, LATENTS // COLOURS)  # a net and quantisation may lead beyond
        unit = model.log2_unit.double().numpy()
        shape = (COLOURS, 1, LATENTS // COLOURS, 1, 1)
        for self.fraction_bits in range(14, 5, -1):
            # errors of a latent's rounding and of its weights' rounding weigh alike
            bits = np.round((self.fraction_bits - unit - np.log2(3 * BLOCK)) / 2)
            self.latent_bits, self.limits = bits, np.ceil(reach * 2.0**bits)
            whole = np.round(
                weight.reshape(COLOURS, -1, *weight.shape[1:]) * (2.0 ** (self.fraction_bits - bits)).reshape(shape)
            )
            sums = (np.abs(whole) * self.limits.reshape(shape)).sum((3, 4))
            self.largest_sum = float(sums.reshape(COLOURS, -1, SUMS, BANDS // SUMS).sum(3).max())
            self.weight = whole.reshape(weight.shape)
            if self.largest_sum < EXACT:
                return
        raise Refused("linear_synthesis: weights are too large for exact sums")


def matrix() -> np.ndarray:
    """Return the whole numbers (3, 3) that turn colours into RGB, float64 in units of 2^-MATRIX_BITS."""
    return np.round(np.array(wavelet.COLOURS).T * 2.0**MATRIX_BITS / wavelet.ONE)


def _float(name: str, shape: list[Any]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _u8(name: str, shape: list[Any]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.UINT8, shape)


def _per_channel(g: Graph, name: str, values: np.ndarray) -> str:
    return g.constant(name, values.astype(np.float32).reshape(1, -1, 1, 1))


def _beyond_edges(g: Graph, x: str, axis: int, size: int, signs: str | None, name: str) -> str:
    """Return x with `size` rows or columns mirrored beyond both of its edges, these multiplied by `signs` if given.

    By Gather: on WebGPU a Slice that runs backwards begins at the last row, whatever its start.
    """
    mirrored = {}
    for side, places in (("low", np.arange(size)[::-1]), ("high", -1 - np.arange(size))):
        mirrored[side] = g.node("Gather", [x, g.constant(f"{side}_{size}", places)], f"{name}.{side}", axis=axis)
        if signs is not None:
            mirrored[side] = g.node("Mul", [mirrored[side], signs], f"{name}.{side}.signed")
    return g.node("Concat", [mirrored["low"], x, mirrored["high"]], name, axis=axis)


def _clipped(g: Graph, x: str, low: float, high: float, name: str) -> str:
    limits = [g.constant(f"float_{v:g}", np.float32(v)) for v in (low, high)]
    return g.node("Clip", [x, *limits], name)


def _scaled(g: Graph, x: str, factor: float, name: str) -> str:
    return g.node("Mul", [x, g.constant(f"float_{factor:.9g}", np.float32(factor))], name)


def _on_grid(g: Graph, x: str, name: str) -> str:
    """Return floats, given in units of a signed grid, as its u8; in a float twin they are only rounded and clipped."""
    whole = _clipped(g, g.node("Round", [x], f"{name}.whole"), -HALF, HALF - 1, f"{name}.limited")
    if not g.quantised:
        return whole
    shifted = g.node("Add", [whole, g.constant(f"float_{HALF:g}", np.float32(HALF))], f"{name}.shifted")
    return g.node("Cast", [shifted], name, to=TensorProto.UINT8)


def decoder(model: Codec, quantised: bool) -> onnx.ModelProto:
    """Return the decoder: latents (N, 192, h, w), rate u8 (N, 16, 1, 1) -> pixels u8 (N, 3, 8 h, 8 w)."""
    fixed = Fixed(model)
    g = Graph("decoder", quantised)
    g.inputs.append(_float("latents", ["pictures", LATENTS, "height", "width"]))
    g.outputs.append(_u8("pixels", ["pictures", COLOURS, "rows", "columns"]))
    x = g.node("Mul", ["latents", _per_channel(g, "latent_units", 2.0**fixed.latent_bits)], "latents.scaled")
    x = g.node("Round", [x], "latents.whole")
    limit = [_per_channel(g, f"limit_{name}", sign * fixed.limits) for name, sign in (("low", -1), ("high", 1))]
    x = g.node("Min", [g.node("Max", [x, limit[0]], "latents.low"), limit[1]], "latents.fixed")

    y = _linear(g, x, fixed)
    g.inputs.append(_u8("rate", ["pictures", 2 * LEVEL_PLANES, 1, 1]))
    if model.synthesis is not None:
        y = g.node("Add", [y, _correction(g, model.synthesis, model, x, fixed)], "corrected")

    y = g.node("Round", [_scaled(g, y, 2.0 ** (COLOUR_BITS - fixed.fraction_bits), "colours.scaled")], "colours.whole")
    limit_units = COLOUR_LIMIT * 2**COLOUR_BITS
    y = _clipped(g, y, -limit_units, limit_units, "colours")
    y = g.node("DepthToSpace", [y], "apart", blocksize=BLOCK, mode="CRD")
    y = g.node("Conv", [y, g.constant("matrix", matrix().astype(np.float32)[:, :, None, None])], "rgb")
    y = g.node("Round", [_scaled(g, y, 2.0 ** -(COLOUR_BITS + MATRIX_BITS), "rgb.scaled")], "rgb.whole")
    y = g.node("Add", [y, g.constant(f"float_{HALF:g}", np.float32(HALF))], "rgb.shifted")
    g.node("Cast", [_clipped(g, y, 0, 255, "rgb.limited")], "pixels", to=TensorProto.UINT8)
    return g.finish()


def _linear(g: Graph, x: str, fixed: Fixed) -> str:
    """Return the output of the linear path: SUMS exact partial sums, each over some frequencies, added one by one."""
    apart = np.arange(LATENTS).reshape(COLOURS, SUMS, -1).swapaxes(0, 1).ravel()  # (sum, colour, frequency)
    x = g.node("Gather", [x, g.constant("sums", apart)], "latents.apart", axis=1)
    signs = 1.0 - 2.0 * (np.tile(np.array(frequencies()), (COLOURS, 1))[apart] % 2)
    for axis, name in ((2, "rows"), (3, "columns")):
        x = _beyond_edges(g, x, axis, 1, _per_channel(g, f"sign_{name}", signs[:, axis - 2]), name)
    count = LATENTS // SUMS
    one = g.constant("one", np.array([1]))
    total = ""
    for number, weight in enumerate(np.split(fixed.weight, SUMS, axis=1)):
        limits = [g.constant(f"channel_{c}", np.array([c])) for c in (number * count, (number + 1) * count)]
        y = g.node("Slice", [x, *limits, one], f"linear.{number}.latents")
        kernel = g.constant(f"linear.{number}.weight", weight.astype(np.float32))
        y = g.node("Conv", [y, kernel], f"linear.{number}", group=COLOURS, kernel_shape=[3, 3])
        y = g.node("Round", [y], f"linear.{number}.whole")  # which changes nothing, but keeps Conv and Add apart
        total = g.node("Add", [total, y], f"linear.{number}.total") if total else y
    return total


def _correction(g: Graph, net: Chain, model: Codec, x: str, fixed: Fixed) -> str:
    """Return the synthesis net's correction of the linear path, in the unit of its sums."""
    factor = 2.0 ** -(fixed.latent_bits + model.log2_unit.double().numpy()) / LATENT_GRID
    shown = _on_grid(g, g.node("Mul", [x, _per_channel(g, "shown.factor", factor)], "shown.scaled"), "shown")
    last = [g.constant(f"{what}", np.array(v)) for what, v in (("two", [2]), ("four", [4]))]
    sides = g.node("Slice", [g.node("Shape", [x], "shape"), *last], "sides")
    size = g.node("Concat", [g.constant("planes", np.array([1, 2 * LEVEL_PLANES])), sides], "rate.shape", axis=0)
    rate = g.node("Expand", ["rate", size], "rate.everywhere")
    if not g.quantised:
        rate = g.node("Cast", [rate], "rate.float", to=TensorProto.FLOAT)
        rate = g.node("Sub", [rate, g.constant(f"float_{HALF:g}", np.float32(HALF))], "rate.whole")
    seen = g.node("Concat", [shown, rate], "seen", axis=1)
    if not g.quantised:
        seen = _scaled(g, seen, LATENT_GRID, "seen.float")
    y = g.chain(seen, net, "synthesis")
    if not g.quantised:
        y = _scaled(g, y, 1 / net.out.value.item(), "correction.scaled")  # type: ignore[union-attr]
    else:
        y = g.node("Cast", [y], "correction.float", to=TensorProto.FLOAT)
        y = g.node("Sub", [y, g.constant(f"float_{HALF:g}", np.float32(HALF))], "correction.whole")
    return _scaled(g, y, CORRECTION_PX * 2.0**fixed.fraction_bits, "correction")


def encoder(model: Codec, quantised: bool) -> onnx.ModelProto:
    """Return the encoder: pixels u8 (N, 3, H, W) -> latents (N, 192, H/8, W/8) in pixel levels.

    H and W are multiples of 8.
    """
    g = Graph("encoder", quantised)
    g.inputs.append(_u8("pixels", ["pictures", COLOURS, "rows", "columns"]))
    g.outputs.append(_float("latents", ["pictures", LATENTS, "height", "width"]))
    x = g.node("Cast", ["pixels"], "pixels.float", to=TensorProto.FLOAT)
    x = g.node("Sub", [x, g.constant(f"float_{HALF:g}", np.float32(HALF))], "pixels.centred")
    colours = (np.array(wavelet.COLOURS) / wavelet.ONE).astype(np.float32)
    x = g.node("Conv", [x, g.constant("colours.weight", colours[:, :, None, None])], "colours")
    y = x
    for axis, name in ((2, "rows"), (3, "columns")):
        y = _beyond_edges(g, y, axis, BLOCK, None, f"{name}.mirrored")
    weight = model.linear_analysis.weight.detach().unflatten(1, (BLOCK, BLOCK))  # (192, row, column, 3, 3)
    weight = weight.permute(0, 3, 1, 4, 2).reshape(LATENTS, 1, 3 * BLOCK, 3 * BLOCK)
    linear = g.constant("linear.weight", weight.contiguous().numpy())
    net = model.analysis
    attributes = {"group": COLOURS, "kernel_shape": [3 * BLOCK] * 2, "strides": [BLOCK] * 2}
    y = g.node("Conv", [y, linear], "latents" if net is None else "linear", **attributes)
    if net is not None:
        first, last = net[0], net[-1]
        assert isinstance(first, Conv) and isinstance(last, Conv)
        together = g.node("SpaceToDepth", [x], "together", blocksize=BLOCK)  # (row, column, colour)
        order = np.arange(LATENTS).reshape(COLOURS, -1).T.ravel()
        together = g.node("Gather", [together, g.constant("order", np.argsort(order))], "ordered", axis=1)
        scale = float(net.source.value)
        shown = _on_grid(g, _scaled(g, together, 1 / PIXEL_RANGE / scale, "shown.scaled"), "shown")
        if not quantised:
            shown = _scaled(g, shown, scale, "shown.float")
        z = g.chain(shown, Chain(net.source, *list(net)[:-1]), "analysis")
        if quantised:
            z = g.node("DequantizeLinear", [z, *g.grid(last.source)], "analysis.float")
        weights = (last.weight.detach() * ANALYSIS_RANGE, last.bias.detach() * ANALYSIS_RANGE)
        names = [g.constant(f"analysis.last.{n}", w.numpy()) for n, w in zip(("weight", "bias"), weights, strict=True)]
        g.node("Add", [y, g.node("Conv", [z, *names], "analysis.last")], "latents")
    return g.finish()


def modules(model: Codec) -> dict[str, nn.Module]:
    """Return the torch module of each graph of the prior by name, in the order in which a decoder needs them."""
    found: dict[str, nn.Module] = {name: getattr(model, name) for name in ("start", "second", "third", "first")}
    return found | {f"fine_{number}": step for number, step in enumerate(model.fine)}


@torch.no_grad()
def build(model: Codec, quantised: bool) -> dict[str, onnx.ModelProto]:
    """Return all graphs of a model by name, in the order of NETWORKS."""
    found = {"encoder": encoder(model, quantised)}
    *_, last = modules(model)
    for name, module in modules(model).items():
        if isinstance(module, Start):
            found[name] = graphs.start(name, module, quantised)
        else:
            assert isinstance(module, Step)
            found[name] = graphs.step(name, module, quantised, last=name == last)
    return found | {"decoder": decoder(model, quantised)}


# -- integers ----------------------------------------------------------------------------------------------------------


def gains() -> np.ndarray:
    """Return the ratio of orthonormal to unnormalised latents by column, float64 (219,)."""
    bands = np.array([1, 1, wavelet.NORM**-2])
    details = [np.tile(wavelet.NORM ** (2 * level) * bands, COLOURS) for level in reversed(range(DC_LEVELS))]
    return np.concatenate([np.ones(PARTS[0]), *details, np.full(COLOURS, wavelet.NORM ** (2 * DC_LEVELS))])


@torch.no_grad()
def integers(model: Codec) -> Arrays:
    """Return the arrays of the runtime's Prior: those of prior.rate_scale (levels, 219), log2_plain_step (levels,)
    int16, and thresholds (127,).
    """
    plain = model.log2_plain_step().double().numpy()
    log2_step = plain[:, None] + model.octaves.double().numpy() - np.log2(gains())
    scale = prior.rate_scale(log2_step, model.log2_scale.double().numpy())
    return scale | {"log2_plain_step": prior.log2_steps(plain), "thresholds": prior.thresholds()}


def bounds(model: Codec, arrays: Arrays) -> dict[str, float]:
    """Return proven bounds, each as a share of what its integers hold: those of export/prior.py and `linear_sums`.

    The latter is of the sums of the decoder's linear path. Raises Refused also where the encoder or the decoder sees
    farther than windows are grown.
    """
    if (RIDGE, LARGEST_SLOPE) != (spec.RIDGE, latents.LARGEST_SLOPE):
        raise Refused("chroma from luma: the model and the runtime have other constants")
    for name, net in (("analysis", model.analysis), ("synthesis", model.synthesis)):
        seen_px = BLOCK * max(1, sum(conv.padding for conv in net.convolutions()) if net is not None else 0)
        if seen_px > min(REACH):
            raise Refused(f"{name}: sees {seen_px} pixels beyond a window, at most {min(REACH)} are there")
    return prior.bounds(model, arrays) | {"linear_sums": Fixed(model).largest_sum / EXACT}
