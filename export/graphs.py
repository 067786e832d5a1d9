"""Each network as an ONNX graph, written operator by operator from integer weights; and its float twin.

The int8 graphs hold only operators whose results are the same on every CPU (ALLOWED). A float twin has the same name,
inputs and outputs, u8 on the same grids, but float32 in between: the reference that verify measures quantisation
against.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from models.layers import Block, Chain, Conv, Scale, Upsample
from models.pyramid import Codec, Start, Step
from runtime import spec

OPSET = 17
IR_VERSION = 8
ALLOWED = {"QLinearConv", "QLinearAdd", "DepthToSpace"}
"""Operators of the int8 graphs."""
LAST = "fine_third"
"""The network after which nothing is coded: its state is of no use to anyone."""


@dataclass
class Graph:
    """An ONNX graph under construction; tensors are named by strings."""

    name: str
    quantised: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)

    def constant(self, name: str, value: np.ndarray | np.generic) -> str:
        """A constant, stored once for each name."""
        self.constants.setdefault(name, numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """The one output of a new node, which has its name."""
        domain = "com.microsoft" if kind == "QLinearAdd" else ""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def grid(self, scale: Scale) -> list[str]:
        """Names of a grid's scale (float32) and zero point (u8)."""
        value = scale.value.detach().numpy().astype(np.float32)
        return [
            self.constant(f"scale_{value:.9g}", value),
            self.constant(f"zero_{scale.zero_point}", np.uint8(scale.zero_point)),
        ]

    def input(self, name: str, scale: Scale, channels: int) -> str:
        """A u8 input (1, channels, height, width) as this graph's arithmetic wants it."""
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.UINT8, [1, channels, "height", "width"]))
        return name if self.quantised else self.node("DequantizeLinear", [name, *self.grid(scale)], f"{name}.float")

    def output(self, x: str, name: str, scale: Scale, channels: int) -> None:
        """Makes a tensor a u8 output (1, channels, height_out, width_out) under a name that no other tensor has."""
        shape: list[int | str | None] = [1, channels, "height_out", "width_out"]
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.UINT8, shape))
        if not self.quantised:
            self.node("QuantizeLinear", [x, *self.grid(scale)], name)
            return
        for node in self.nodes:
            for tensors in (node.input, node.output):
                tensors[:] = [name if tensor == x else tensor for tensor in tensors]

    def finish(self) -> onnx.ModelProto:
        """The model, checked by onnx."""
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, list(self.constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="gargalo")
        onnx.checker.check_model(model, full_check=True)
        return model

    # -- layers ----------------------------------------------------------------------------------------------------

    def limited(self, x: str, scale: Scale, name: str) -> str:
        """What a grid does to float values: the ReLU of an unsigned one, the limits of a fixed one."""
        if scale.fixed is not None:
            low, high = (np.float32(limit * scale.fixed) for limit in (scale.low, scale.high))
            limits = [self.constant(f"limit_{limit:.9g}", limit) for limit in (low, high)]
            return self.node("Clip", [x, *limits], f"{name}.clip")
        return x if scale.signed else self.node("Relu", [x], f"{name}.relu")

    def convolution(self, x: str, conv: Conv, name: str) -> str:
        """A Conv, its result on its own grid or on the lent one."""
        geometry = {
            "strides": [conv.stride] * 2,
            "pads": [conv.padding] * 4,
            "kernel_shape": list(conv.weight.shape[2:]),
        }
        if conv.out is None:
            raise TypeError(f"{self.name}: {name}: a convolution without a grid has no exact form")
        if self.quantised:
            weight = self.constant(f"{name}.weight", conv.integer_weight().numpy().astype(np.int8))
            scale = self.constant(f"{name}.scale", conv.weight_scale().numpy())
            zero = self.constant(f"{name}.zero", np.zeros(conv.weight.shape[0], np.int8))
            bias = self.constant(f"{name}.bias", conv.integer_bias().numpy().astype(np.int32))
            inputs = [x, *self.grid(conv.source), weight, scale, zero, *self.grid(conv.out), bias]
            return self.node("QLinearConv", inputs, name, **geometry)
        weight = self.constant(f"{name}.weight", conv.weight.detach().numpy())
        y = self.node("Conv", [x, weight, self.constant(f"{name}.bias", conv.bias.detach().numpy())], name, **geometry)
        return self.limited(y, conv.out, name)

    def add(self, x: str, y: str, grid: Scale, name: str) -> str:
        """The sum of two tensors on a grid, on the same grid."""
        if not self.quantised:
            return self.limited(self.node("Add", [x, y], name), grid, name)
        parameters = self.grid(grid)
        return self.node("QLinearAdd", [x, *parameters, y, *parameters, *parameters], name)

    def block(self, x: str, block: Block, name: str) -> str:
        """A residual Block."""
        y = self.convolution(x, block.expand, f"{name}.expand")
        y = self.convolution(y, block.project, f"{name}.project")
        return self.add(x, y, block.out, name)

    def chain(self, x: str, chain: Chain, name: str) -> str:
        """The layers of a Chain in order."""
        for number, layer in enumerate(chain):
            if isinstance(layer, Conv):
                x = self.convolution(x, layer, f"{name}.{number}")
            elif isinstance(layer, Block):
                x = self.block(x, layer, f"{name}.{number}")
            elif isinstance(layer, Upsample):
                x = self.node("DepthToSpace", [x], f"{name}.{number}", blocksize=2, mode="CRD")
            else:
                raise TypeError(f"{self.name}: {name}.{number}: a {type(layer).__name__} has no ONNX form")
        return x

    def told(self, x: str, head: Chain) -> None:
        """The output "parameters" of a state, by a chain."""
        assert head.out is not None
        self.output(self.chain(x, head, "head"), "parameters", head.out, channels(head)[1])


def channels(chain: Chain) -> tuple[int, int]:
    """Channels that the first convolution of a chain takes and that the last one gives."""
    convolutions = list(chain.convolutions())
    return convolutions[0].weight.shape[1], convolutions[-1].weight.shape[0]


def start(name: str, module: Start, quantised: bool) -> onnx.ModelProto:
    """seen (1, 32, h, w) -> new_state (1, S, h, w), parameters (1, 12, h, w)."""
    g = Graph(name, quantised)
    seen, states = channels(module.state)
    x = g.input("seen", module.grid, seen)
    state = g.chain(x, module.state, "state")
    g.output(state, "new_state", module.grid, states)
    g.told("new_state" if quantised else state, module.head)
    return g.finish()


def step(name: str, module: Step, quantised: bool) -> onnx.ModelProto:
    """state (1, S, h, w), seen (1, n, h, w) -> new_state (1, S, h', w'), parameters (1, m, h', w').

    Sides h' are 2 h where the step enlarges. The last network has no new_state.
    """
    g = Graph(name, quantised)
    states, seen = module.update.weight.shape[:2]
    x = g.input("state", module.grid, states)
    shown = g.input("seen", module.grid, seen)
    state = g.add(x, g.convolution(shown, module.update, "update"), module.grid, "updated")
    if module.enlarge is not None:
        state = g.chain(state, module.enlarge, "enlarge")
    if name != LAST:
        g.output(state, "new_state", module.grid, states)
        state = "new_state" if quantised else state
    g.told(state, module.head)
    return g.finish()


def synthesis(name: str, module: Chain, quantised: bool) -> onnx.ModelProto:
    """pixels (1, 64, h, w) -> correction (1, 48, h, w)."""
    g = Graph(name, quantised)
    pixels, corrections = channels(module)
    assert module.out is not None
    y = g.chain(g.input("pixels", module.source, pixels), module, name)
    g.output(y, "correction", module.out, corrections)
    return g.finish()


@torch.no_grad()
def build(model: Codec, quantised: bool) -> dict[str, onnx.ModelProto]:
    """All graphs of a model by name, in the order of spec.NETWORKS; no synthesis where the model has none."""
    found = {}
    for name in spec.NETWORKS:
        module = getattr(model, name)
        if module is None:
            continue
        write = start if isinstance(module, Start) else step if isinstance(module, Step) else synthesis
        found[name] = write(name, module, quantised)
    return found
