"""Each network as an ONNX graph, written operator by operator from integer weights; and its float twin.

The int8 graphs hold only operators whose results are the same on every CPU (ALLOWED). Those of the prior keep channels
last in between, as ONNX Runtime's int8 convolutions want them: it would else turn tensors around many times, a fifth of
the whole time. The state that they hand on stays so too.

A float twin has the same name, inputs and outputs, u8 on the same grids, but float32 in between: the reference that
verify measures quantisation against.
"""

from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.layers import Block, Chain, Conv, Scale, Upsample
from models.pyramid import Start, Step

OPSET = 17
IR_VERSION = 8
ALLOWED = {"QLinearConv", "QLinearAdd", "Transpose", "Reshape"}
"""Operators of the int8 graphs; the last two move values about."""
CHANNELS_LAST = {"state", "parent_state", "new_state"}
"""Inputs and outputs that are (1, height, width, channels); all others are (1, channels, height, width)."""
TO_LAST, TO_FIRST = [0, 2, 3, 1], [0, 3, 1, 2]


@dataclass
class Graph:
    """An ONNX graph under construction; tensors are named by strings, and layers return the name of their output."""

    name: str
    quantised: bool
    last: bool = False
    """channels are last in between"""
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)

    def constant(self, name: str, value: np.ndarray | np.generic) -> str:
        """Add a constant, stored once for each name; return its name."""
        self.constants.setdefault(name, numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node with one output and return the output's name, which is also the node's."""
        ours = kind == "QLinearAdd" or "channels_last" in attributes
        domain = "com.microsoft" if ours else ""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def grid(self, scale: Scale) -> list[str]:
        """Return the names of a grid's scale (float32) and zero point (u8)."""
        value = scale.value.detach().numpy().astype(np.float32)
        return [
            self.constant(f"scale_{value:.9g}", value),
            self.constant(f"zero_{scale.zero_point}", np.uint8(scale.zero_point)),
        ]

    def input(self, name: str, scale: Scale, channels: int, of: str = "") -> str:
        """Add a u8 input and return it in the graph's own layout, dequantised in a float twin.

        Inputs of other sides than most take another suffix `of` their names: ONNX Runtime believes that equal names
        mean equal sides.
        """
        self.inputs.append(_u8(name, channels, f"height{of}", f"width{of}"))
        x = self.turned(name, f"{name}.turned", name in CHANNELS_LAST, self.last)
        return x if self.quantised else self.node("DequantizeLinear", [x, *self.grid(scale)], f"{name}.float")

    def output(self, x: str, name: str, scale: Scale, channels: int) -> None:
        """Make a tensor a u8 output, under a name that no other tensor has."""
        self.outputs.append(_u8(name, channels, "height_out", "width_out"))
        last = name in CHANNELS_LAST
        if not self.quantised:
            x = self.node("QuantizeLinear", [x, *self.grid(scale)], f"{name}.u8" if last != self.last else name)
        if self.turned(x, name, self.last, last) == name:
            return
        for node in self.nodes:
            for tensors in (node.input, node.output):
                tensors[:] = [name if tensor == x else tensor for tensor in tensors]

    def turned(self, x: str, name: str, last: bool, wanted: bool) -> str:
        """Return a tensor with channels last where `wanted`, else first; `last` says where they are now."""
        if last == wanted:
            return x
        return self.node("Transpose", [x], name, perm=TO_LAST if wanted else TO_FIRST)

    def finish(self) -> onnx.ModelProto:
        """Return the model, checked by onnx."""
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, list(self.constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="gargalo")
        onnx.checker.check_model(model, full_check=True)
        return model

    # -- layers ----------------------------------------------------------------------------------------------------

    def limited(self, x: str, scale: Scale, name: str) -> str:
        """Return floats limited as on their grid: by the ReLU of an unsigned one, by the limits of a fixed one."""
        if scale.fixed is not None:
            low, high = (np.float32(limit * scale.fixed) for limit in (scale.low, scale.high))
            limits = [self.constant(f"limit_{limit:.9g}", limit) for limit in (low, high)]
            return self.node("Clip", [x, *limits], f"{name}.clip")
        return x if scale.signed else self.node("Relu", [x], f"{name}.relu")

    def convolution(self, x: str, conv: Conv, name: str, order: slice | np.ndarray = slice(None)) -> str:
        """Add a Conv whose result is on its own grid or on the lent one; `order` arranges its output channels."""
        geometry: dict[str, Any] = {
            "strides": [conv.stride] * 2,
            "pads": [conv.padding] * 4,
            "kernel_shape": list(conv.weight.shape[2:]),
        }
        if self.last:
            geometry["channels_last"] = 1
        if conv.out is None:
            raise TypeError(f"{self.name}: {name}: a convolution without a grid has no exact form")
        if self.quantised:
            weight = self.constant(f"{name}.weight", conv.integer_weight().numpy().astype(np.int8)[order])
            scale = self.constant(f"{name}.scale", conv.weight_scale().numpy()[order])
            zero = self.constant(f"{name}.zero", np.zeros(conv.weight.shape[0], np.int8))
            bias = self.constant(f"{name}.bias", conv.integer_bias().numpy().astype(np.int32)[order])
            inputs = [x, *self.grid(conv.source), weight, scale, zero, *self.grid(conv.out), bias]
            return self.node("QLinearConv", inputs, name, **geometry)
        weight = self.constant(f"{name}.weight", conv.weight.detach().numpy())
        y = self.node("Conv", [x, weight, self.constant(f"{name}.bias", conv.bias.detach().numpy())], name, **geometry)
        return self.limited(y, conv.out, name)

    def add(self, x: str, y: str, grid: Scale, name: str) -> str:
        """Add the sum of two tensors on a grid, itself on the same grid."""
        if not self.quantised:
            return self.limited(self.node("Add", [x, y], name), grid, name)
        parameters = self.grid(grid)
        return self.node("QLinearAdd", [x, *parameters, y, *parameters, *parameters], name)

    def block(self, x: str, block: Block, name: str) -> str:
        """Add a residual Block."""
        y = self.convolution(x, block.expand, f"{name}.expand")
        y = self.convolution(y, block.project, f"{name}.project")
        return self.add(x, y, block.out, name)

    def enlarged(self, x: str, conv: Conv, name: str) -> str:
        """Add a Conv to 4 C channels and the Upsample behind it."""
        if not self.last:
            return self.node("DepthToSpace", [self.convolution(x, conv, name)], f"{name}.up", blocksize=2, mode="CRD")
        count = len(conv.weight) // 4
        phases_first = np.arange(4 * count).reshape(count, 4).T.ravel()  # so that C values in a row stay together
        y = self.convolution(x, conv, name, phases_first)
        y = self.node("Reshape", [y, self.constant("phases", np.array([0, 0, 0, 2, 2 * count]))], f"{name}.phases")
        y = self.node("Transpose", [y], f"{name}.apart", perm=[1, 3, 2, 0, 4])  # (h, 2, w, 1, 2 C)
        y = self.node("Reshape", [y, self.constant("rows", np.array([1, -1, 0, 2 * count]))], f"{name}.rows")
        return self.node("Reshape", [y, self.constant("columns", np.array([0, 0, -1, count]))], f"{name}.up")

    def chain(self, x: str, chain: Chain, name: str) -> str:
        """Add the layers of a Chain in order."""
        numbered = enumerate(zip_longest(chain, list(chain)[1:]))
        for number, (layer, follower) in numbered:
            if isinstance(layer, Conv) and isinstance(follower, Upsample):
                x = self.enlarged(x, layer, f"{name}.{number}")
                next(numbered)
            elif isinstance(layer, Conv):
                x = self.convolution(x, layer, f"{name}.{number}")
            elif isinstance(layer, Block):
                x = self.block(x, layer, f"{name}.{number}")
            else:
                raise TypeError(f"{self.name}: {name}.{number}: a {type(layer).__name__} has no ONNX form")
        return x

    def told(self, x: str, head: Chain) -> None:
        """Add the output "parameters", computed from a state by a head."""
        assert head.out is not None
        self.output(self.chain(x, head, "head"), "parameters", head.out, channels(head)[1])


def _u8(name: str, channels: int, height: str, width: str) -> onnx.ValueInfoProto:
    """Return the description of a u8 input or output."""
    sides: list[int | str | None] = [height, width]
    shape = [1, *sides, channels] if name in CHANNELS_LAST else [1, channels, *sides]
    return helper.make_tensor_value_info(name, TensorProto.UINT8, shape)


def channels(chain: Chain) -> tuple[int, int]:
    """Return the input channels of a chain's first convolution and the output channels of its last one."""
    convolutions = list(chain.convolutions())
    return convolutions[0].weight.shape[1], convolutions[-1].weight.shape[0]


def start(name: str, module: Start, quantised: bool) -> onnx.ModelProto:
    """Return a Start: seen (1, 32, h, w) -> new_state (1, h, w, S), parameters (1, 12, h, w)."""
    g = Graph(name, quantised, last=quantised)
    seen, states = channels(module.state)
    x = g.input("seen", module.grid, seen)
    state = g.chain(x, module.state, "state")
    g.output(state, "new_state", module.grid, states)
    g.told("new_state" if quantised else state, module.head)
    return g.finish()


def step(name: str, module: Step, quantised: bool, last: bool = False) -> onnx.ModelProto:
    """Return a Step: state (1, h, w, S), seen (1, n, h, w) -> new_state (1, h', w', S), parameters (1, m, h', w').

    Sides h', w' are 2 h, 2 w where the step enlarges. The last network has no new_state, as no network follows.
    """
    g = Graph(name, quantised, last=quantised)
    states, seen = module.update.weight.shape[:2]
    x = g.input("state", module.grid, states)
    shown = g.input("seen", module.grid, seen)
    state = g.add(x, g.convolution(shown, module.update, "update"), module.grid, "updated")
    state = g.chain(state, module.blocks, "blocks")
    if module.enlarge is not None:
        state = g.chain(state, module.enlarge, "enlarge")
    if not last:
        g.output(state, "new_state", module.grid, states)
        state = "new_state" if quantised else state
    g.told(state, module.head)
    return g.finish()
