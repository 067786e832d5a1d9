"""Each network as an ONNX graph, written operator by operator from integer weights; and its float twin.

The int8 graphs on the decode path hold only operators whose results are the same on every CPU (ALLOWED). A float twin
has the same name, inputs and outputs: the reference that verify measures quantisation against, and what providers
without QLinearConv run.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from models.hyperprior import LATENT_GRID, LOG_GAIN, PIXEL_CENTRE, PIXEL_RANGE, Codec
from models.layers import Block, Chain, Conv, Scale, Upsample
from runtime import spec

OPSET = 17
IR_VERSION = 8
ALLOWED = {
    "QLinearConv",
    "QLinearAdd",
    "DepthToSpace",
    "Reshape",
    "Transpose",
    "DequantizeLinear",
    "Conv",
    "Add",
    "QuantizeLinear",
}
"""Operators of the decode path; the last four only over whole numbers times powers of two."""


@dataclass
class Graph:
    """An ONNX graph under construction."""

    name: str
    quantised: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)

    def constant(self, name: str, value: np.ndarray | np.generic) -> str:
        self.constants.setdefault(name, numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        domain = "com.microsoft" if kind == "QLinearAdd" else ""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def input(self, name: str, kind: int, channels: int) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, [1, channels, "height", "width"]))
        return name

    def grid(self, scale: Scale) -> list[str]:
        """Names of a grid's scale and zero point."""
        value = scale.value.detach().numpy().astype(np.float32)
        return [
            self.constant(f"scale_{value:.9g}", value),
            self.constant(f"zero_{scale.zero_point}", np.uint8(scale.zero_point)),
        ]

    def finish(self, output: str, kind: int, channels: int) -> onnx.ModelProto:
        out = helper.make_tensor_value_info(output, kind, [1, channels, "height_out", "width_out"])
        graph = helper.make_graph(self.nodes, self.name, self.inputs, [out], list(self.constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="gargalo")
        onnx.checker.check_model(model, full_check=True)
        return model

    # -- layers ----------------------------------------------------------------------------------------------------

    def convolution(self, x: str, conv: Conv, name: str) -> str:
        """A Conv: on integers where the graph is quantised and its result has a grid, else in float."""
        geometry = {
            "strides": [conv.stride] * 2,
            "pads": [conv.padding] * 4,
            "kernel_shape": list(conv.weight.shape[2:]),
        }
        if self.quantised and conv.out is not None:
            weight = self.constant(f"{name}.weight", conv.integer_weight().numpy().astype(np.int8))
            scale = self.constant(f"{name}.scale", conv.weight_scale().numpy())
            zero = self.constant(f"{name}.zero", np.zeros(conv.weight.shape[0], np.int8))
            bias = self.constant(f"{name}.bias", conv.integer_bias().numpy().astype(np.int32))
            inputs = [x, *self.grid(conv.source), weight, scale, zero, *self.grid(conv.out), bias]
            return self.node("QLinearConv", inputs, name, **geometry)
        if self.quantised:
            x = self.node("DequantizeLinear", [x, *self.grid(conv.source)], f"{name}.float")
        weight = self.constant(f"{name}.weight", conv.weight.detach().numpy())
        y = self.node("Conv", [x, weight, self.constant(f"{name}.bias", conv.bias.detach().numpy())], name, **geometry)
        if conv.out is not None and not conv.out.signed:
            y = self.node("Relu", [y], f"{name}.relu")
        return y

    def block(self, x: str, block: Block, name: str) -> str:
        y = self.convolution(x, block.expand, f"{name}.expand")
        y = self.convolution(y, block.project, f"{name}.project")
        if not self.quantised:
            return self.node("Add", [x, y], name)
        grid = self.grid(block.out)
        return self.node("QLinearAdd", [x, *grid, y, *grid, *grid], name)

    def chain(self, x: str, chain: Chain, name: str) -> str:
        for number, layer in enumerate(chain):
            if isinstance(layer, Conv):
                x = self.convolution(x, layer, f"{name}.{number}")
            elif isinstance(layer, Block):
                x = self.block(x, layer, f"{name}.{number}")
            elif isinstance(layer, Upsample):
                x = self.node("DepthToSpace", [x], f"{name}.{number}", blocksize=2, mode="CRD")
            else:
                raise TypeError(f"{name}.{number}: a {type(layer).__name__} has no ONNX form")
        return x

    def integers_in(self, x: str, scale: Scale) -> str:
        """A u8 input as this graph's arithmetic wants it."""
        return x if self.quantised else self.node("DequantizeLinear", [x, *self.grid(scale)], f"{x}.float")

    def integers_out(self, x: str, scale: Scale) -> str:
        return x if self.quantised else self.node("QuantizeLinear", [x, *self.grid(scale)], f"{x}.u8")


def latent_units(model: Codec) -> np.ndarray:
    """Integers of each latent per KLT deviation, float64 (M,)."""
    latent_bits, _ = model.latent_bits()
    return (model.sigma * 2.0**latent_bits).double().numpy()


def analysis(model: Codec, quantised: bool) -> onnx.ModelProto:
    """u8 (1, 192, H/8, W/8) -> float latents in their integers' units (1, M, H/16, W/16)."""
    g = Graph("analysis", quantised)
    x = g.input("pixels", TensorProto.UINT8, 192)
    per_pixel = (
        model.linear_analysis.detach().double().numpy() * 2.0 ** model.latent_bits()[0].numpy()[:, None, None, None]
    )
    weight = g.constant("linear.weight", per_pixel.astype(np.float32))
    bias = g.constant("linear.bias", (-PIXEL_CENTRE * per_pixel.sum((1, 2, 3))).astype(np.float32))
    levels = g.node("Cast", [x], "linear.pixels", to=TensorProto.FLOAT)
    linear = g.node("Conv", [levels, weight, bias], "linear", strides=[2, 2], kernel_shape=[2, 2])
    if not model.analysis:
        return g.finish(linear, TensorProto.FLOAT, len(model.sigma))
    net = g.chain(g.integers_in(x, model.analysis.source), model.analysis, "analysis")
    unit = g.constant("unit", latent_units(model).astype(np.float32)[:, None, None])
    scaled = g.node("Mul", [net, unit], "correction")
    return g.finish(g.node("Add", [linear, scaled], "latents"), TensorProto.FLOAT, len(model.sigma))


def hyper_analysis(model: Codec, quantised: bool) -> onnx.ModelProto:
    """Latents in their integers' units, sides multiples of 4 -> z in grid units, both float."""
    g = Graph("hyper_analysis", quantised)
    x = g.input("latents", TensorProto.FLOAT, len(model.sigma))
    unit = g.constant("unit", (1 / latent_units(model)).astype(np.float32)[:, None, None])
    value = g.node("Mul", [x, unit], "normalised")
    size = g.node("Abs", [g.node("Mul", [value, g.constant("per_grid", np.float32(1 / LATENT_GRID))], "steps")], "size")
    log = g.node("Log", [g.node("Add", [size, g.constant("one", np.float32(1))], "one_more")], "log")
    log = g.node("Mul", [log, g.constant("log_gain", np.float32(LOG_GAIN))], "log_scaled")
    features = g.node("Concat", [value, log], "features", axis=1)
    source = model.hyper_analysis.source
    stored = g.node("QuantizeLinear", [features, *g.grid(source)], "stored")
    z = g.chain(g.integers_in(stored, source), model.hyper_analysis, "hyper_analysis")
    z = g.node("Mul", [z, g.constant("per_grid", np.float32(1 / LATENT_GRID))], "z")
    return g.finish(z, TensorProto.FLOAT, model.config.hyper)


def prior_network(model: Codec, name: str, quantised: bool) -> onnx.ModelProto:
    """hyper_synthesis or context: u8 grid values to u8 grid values."""
    chain: Chain = getattr(model, name)
    g = Graph(name, quantised)
    first = chain[0]
    assert isinstance(first, Conv) and chain.out is not None
    x = g.input("means" if name == "hyper_synthesis" else "latents", TensorProto.UINT8, first.weight.shape[1])
    y = g.chain(g.integers_in(x, chain.source), chain, name)
    return g.finish(g.integers_out(y, chain.out), TensorProto.UINT8, len(model.sigma))


def linear_weights(model: Codec) -> np.ndarray:
    """Integer weights of the linear synthesis, float64 (768, M), rows ordered (2, 2, 192)."""
    _, weight_bits = model.latent_bits()
    scaled = model.linear_synthesis.detach().double() * 2.0 ** weight_bits[:, None, None, None]
    return scaled.round().numpy().transpose(2, 3, 1, 0).reshape(768, -1)


def synthesis(model: Codec, quantised: bool) -> onnx.ModelProto:
    """Whole-number float latents and, where there is a net, u8 grid values with level planes -> u8 pixels
    (1, 192, H/8, W/8)."""
    g = Graph("synthesis", quantised)
    m = len(model.sigma)
    grid = g.input("grid", TensorProto.UINT8, m + spec.LEVEL_PLANES) if model.synthesis else ""
    latents = g.input("latents", TensorProto.FLOAT, m)
    # every product is a whole number of 2**-FRACTION_BITS pixel levels, every sum of them below 2**24
    weight = g.constant(
        "linear.weight", (linear_weights(model) * 2.0**-spec.FRACTION_BITS).astype(np.float32)[:, :, None, None]
    )
    bias = g.constant("linear.bias", np.full(768, PIXEL_CENTRE, np.float32))
    levels = g.node("Conv", [latents, weight, bias], "linear", kernel_shape=[1, 1])
    one, zero = g.constant("scale_1", np.float32(1)), g.constant("zero_0", np.uint8(0))
    if not model.synthesis:
        pixels = g.node("QuantizeLinear", [levels, one, zero], "stored")
        # (1, 2 * 2 * 192, h, w) -> (1, 192, 2h, 2w)
        return g.finish(g.node("DepthToSpace", [pixels], "pixels", blocksize=2, mode="DCR"), TensorProto.UINT8, 192)
    levels = g.node("DepthToSpace", [levels], "linear.pixels", blocksize=2, mode="DCR")
    source, out = model.synthesis.source, model.synthesis.out
    assert out is not None
    net = g.chain(g.integers_in(grid, source), model.synthesis, "synthesis")
    if quantised:
        pixel_scale = (out.value * 32.0).detach().numpy().astype(np.float32)
        net = g.node(
            "DequantizeLinear",
            [net, g.constant("correction.scale", pixel_scale), g.constant("zero_128", np.uint8(128))],
            "correction",
        )
    else:
        net = g.node("Mul", [net, g.constant("correction.scale", np.float32(32.0))], "correction")
    total = g.node("Add", [levels, net], "levels")
    return g.finish(g.node("QuantizeLinear", [total, one, zero], "pixels"), TensorProto.UINT8, 192)


def build(model: Codec, quantised: bool) -> dict[str, onnx.ModelProto]:
    """All five graphs of a model by name, checked by onnx."""
    assert PIXEL_RANGE == 64  # the pixel grid is the pixel itself
    with torch.no_grad():
        return {
            "analysis": analysis(model, quantised),
            "hyper_analysis": hyper_analysis(model, quantised),
            "hyper_synthesis": prior_network(model, "hyper_synthesis", quantised),
            "context": prior_network(model, "context", quantised),
            "synthesis": synthesis(model, quantised),
        }
