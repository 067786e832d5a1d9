"""The float32 twin of an int8 graph, for processors that have no QLinearConv; `sessions.py` runs it there.

A twin holds whole numbers in float32 and does what FORMAT.md, section 7, says of each operator:

    QLinearConv       Conv ─ Mul m ─ round ─ Clip     of grid values less their zero point
    QLinearAdd        Add ─ Clip
    QuantizeLinear    Div ─ round ─ Clip
    DequantizeLinear  Mul
    Round             Add half ─ Floor

so it differs from its original only where a processor rounds a sum differently, and in ties: these are rounded up,
since WebGPU has a Floor but no Round. It is made of the bundle's own graph when it is needed, so there is nothing more
to ship. How far a graph sees is told here too. ONNX files are protocol buffers; as much of these as all that takes is
at the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.errors import BundleError

Array = NDArray[Any]

# field numbers of onnx.proto
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_NAME, _GRAPH_CONSTANT, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 2, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_KIND, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 2, 3, 4, 5, 7
_ATTRIBUTE_NAME, _ATTRIBUTE_INT, _ATTRIBUTE_INTS, _ATTRIBUTE_TYPE = 1, 3, 8, 20
_TENSOR_DIMENSION, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_BYTES = 1, 2, 8, 9
_VALUE_NAME = 1
_TYPES = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8"}
_FLOAT, _UINT8 = 1, 2
_INT_ATTRIBUTE = 2

_VARINT, _LENGTH = 0, 2
_FIXED_BYTES = {1: 8, 5: 4}
_MOVES = {"DepthToSpace", "Reshape", "Transpose"}
"""What may happen to grid values between operators that know their zero point."""

_LOCAL = {"QLinearConv", "QLinearAdd", "Transpose", "Reshape", "DepthToSpace"}
"""Operators that see no further than the side of a kernel."""


@dataclass(frozen=True)
class Node:
    """One operator of a graph."""

    inputs: list[str]
    outputs: list[str]
    kind: str
    attributes: list[bytes]


def float_twin(model: bytes) -> bytes:
    """Return the ONNX file with the same inputs and outputs that computes in float32.

    Raises BundleError where the graph has quantised operators that have no twin.
    """
    fields = []
    for number, value in _fields(model):
        if number == _MODEL_GRAPH:
            assert isinstance(value, bytes)
            value = _Twin(value).graph()
        fields.append(_field(number, value))
    return b"".join(fields)


def reach(model: bytes) -> int | None:
    """Return how many rows beyond its own each output of an ONNX file depends on, at most.

    Return None where that is not known: with an operator of which FORMAT.md, section 7, does not speak.
    """
    graph = b"".join(value for number, value in _fields(model) if number == _MODEL_GRAPH and isinstance(value, bytes))
    nodes = [_node(value) for number, value in _fields(graph) if number == _GRAPH_NODE and isinstance(value, bytes)]
    if not all(node.kind in _LOCAL and _in_place(node) for node in nodes):
        return None
    stored = (value for number, value in _fields(graph) if number == _GRAPH_CONSTANT and isinstance(value, bytes))
    constants = dict(map(_tensor, stored))
    return sum(constants[node.inputs[3]].shape[2] // 2 for node in nodes if node.kind == "QLinearConv")


class _Twin:
    """A graph that is being rewritten, node by node."""

    def __init__(self, graph: bytes):
        self.fields: list[bytes] = []
        self.constants: dict[str, Array] = {}
        self.originals: list[Node] = []
        self.outputs: list[str] = []
        for number, value in _fields(graph):
            assert isinstance(value, bytes)
            if number == _GRAPH_NODE:
                self.originals.append(_node(value))
            elif number == _GRAPH_CONSTANT:
                name, array = _tensor(value)
                self.constants[name] = array
            elif number in (_GRAPH_NAME, _GRAPH_INPUT, _GRAPH_OUTPUT):
                self.fields.append(_field(number, value))
                if number == _GRAPH_OUTPUT:
                    self.outputs.append(_texts(value, _VALUE_NAME)[0])
        self.zero: dict[str, int] = {}
        """Zero point of each tensor of grid values that has a float form, `NAME.centred`."""
        self.used: set[str] = set()

    def graph(self) -> bytes:
        """Return the rewritten GraphProto."""
        for node in self.originals:
            self.rewrite(node)
        for name in self.outputs:
            if name in self.zero:
                stored = f"{name}.stored"
                self.node("Add", [f"{name}.centred", self.constant(f"{name}.zero", self.zero[name])], stored)
                self.node("Cast", [stored], name, [_to(_UINT8)])
        constants = [_field(_GRAPH_CONSTANT, _stored(n, a)) for n, a in self.constants.items() if n in self.used]
        return b"".join(self.fields + constants)

    # -- operators -------------------------------------------------------------------------------------------------

    def rewrite(self, node: Node) -> None:
        """Add what computes a node in float32; raise BundleError where there is nothing that does."""
        if node.kind == "QLinearConv":
            self.convolution(node)
        elif node.kind == "QLinearAdd":
            self.addition(node)
        elif node.kind == "QuantizeLinear":
            self.quantisation(node)
        elif node.kind == "DequantizeLinear":
            value = self.centred(node.inputs[0], self.whole(node.inputs[2]))
            self.node("Mul", [value, node.inputs[1]], node.outputs[0])
        elif node.kind in _MOVES and node.inputs[0] in self.zero:
            zero = self.zero[node.inputs[0]]
            moved = self.grid(node.outputs[0], zero)
            self.node(node.kind, [f"{node.inputs[0]}.centred", *node.inputs[1:]], moved, node.attributes)
        elif node.kind == "Cast" and node.inputs[0] in self.zero:  # to float, as nothing else is made of them
            name = node.inputs[0]
            self.node("Add", [f"{name}.centred", self.constant(f"{name}.zero", self.zero[name])], node.outputs[0])
        elif node.kind == "Round":
            self.floored(node.inputs[0], node.outputs[0])
        elif any(name in self.zero for name in node.inputs):
            raise BundleError(f"{node.outputs[0]}: {node.kind} of 8-bit values has no float twin; use provider cpu")
        else:
            self.node(node.kind, node.inputs, node.outputs[0], node.attributes)

    def convolution(self, node: Node) -> None:
        x, x_scale, x_zero, weight, weight_scale, _, y_scale, y_zero, *bias = node.inputs
        output, zero = node.outputs[0], self.whole(y_zero)
        of = self.constants
        factor = (of[x_scale].astype(np.float32) * of[weight_scale]).astype(np.float32) / of[y_scale]
        terms = [self.constant(f"{output}.weight", of[weight]), *(self.constant(f"{output}.bias", of[b]) for b in bias)]
        summed, scaled = f"{output}.sum", f"{output}.scaled"
        self.node("Conv", [self.centred(x, self.whole(x_zero)), *terms], summed, node.attributes)
        self.node("Mul", [summed, self.constant(f"{output}.factor", factor.reshape(-1, 1, 1))], scaled)
        self.rounded(scaled, output, zero)

    def addition(self, node: Node) -> None:
        a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = node.inputs
        if len({float(self.constants[name].item()) for name in (a_scale, b_scale, y_scale)}) != 1:
            raise BundleError(f"{node.outputs[0]}: QLinearAdd of several scales has no float twin; use provider cpu")
        summed = f"{node.outputs[0]}.sum"
        self.node("Add", [self.centred(a, self.whole(a_zero)), self.centred(b, self.whole(b_zero))], summed)
        self.clipped(summed, self.grid(node.outputs[0], self.whole(y_zero)), self.whole(y_zero))

    def quantisation(self, node: Node) -> None:
        x, scale, zero = node.inputs
        divided = f"{node.outputs[0]}.divided"
        self.node("Div", [x, scale], divided)
        self.rounded(divided, node.outputs[0], self.whole(zero))

    def rounded(self, x: str, output: str, zero: int) -> None:
        """Add the nodes that round x and clip it to grid values."""
        self.floored(x, f"{output}.whole")
        self.clipped(f"{output}.whole", self.grid(output, zero), zero)

    def floored(self, x: str, output: str) -> None:
        """Add the nodes that round x to whole numbers, halves up."""
        self.node("Add", [x, self.constant("half", 0.5)], f"{output}.more")
        self.node("Floor", [f"{output}.more"], output)

    def clipped(self, x: str, output: str, zero: int) -> None:
        self.node("Clip", [x, self.constant(f"low_{zero}", -zero), self.constant(f"high_{zero}", 255 - zero)], output)

    # -- tensors ---------------------------------------------------------------------------------------------------

    def grid(self, name: str, zero: int) -> str:
        """Return the name for the float form of grid values that a node is about to yield."""
        self.zero[name] = zero
        return f"{name}.centred"

    def centred(self, name: str, zero: int) -> str:
        """Return the name of the float form of grid values, which is made here for an input of the graph."""
        if name not in self.zero:
            self.node("Cast", [name], f"{name}.float", [_to(_FLOAT)])
            self.node("Sub", [f"{name}.float", self.constant(f"{name}.zero", zero)], self.grid(name, zero))
        if self.zero[name] != zero:
            raise BundleError(f"{name}: has the zero points {self.zero[name]} and {zero}; export the bundle anew")
        return f"{name}.centred"

    def whole(self, name: str) -> int:
        return int(self.constants[name].item())

    def constant(self, name: str, value: Array | float) -> str:
        self.constants[name] = np.asarray(value, np.float32)
        return name

    def node(self, kind: str, inputs: list[str], output: str, attributes: list[bytes] | None = None) -> None:
        self.used |= set(inputs)
        values: list[tuple[int, bytes]] = [(_NODE_INPUT, name.encode()) for name in inputs]
        values += [(_NODE_OUTPUT, output.encode()), (_NODE_NAME, output.encode()), (_NODE_KIND, kind.encode())]
        values += [(_NODE_ATTRIBUTE, attribute) for attribute in attributes or []]
        self.fields.append(_field(_GRAPH_NODE, b"".join(_field(*value) for value in values)))


# --- protocol buffers, in pairs ---------------------------------------------------------------------------------------


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the number and value of each field; the bytes of values of fixed length are not needed here."""
    at = 0
    while at < len(message):
        key, at = _varint_at(message, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint_at(message, at)
            yield key >> 3, value
            continue
        if kind == _LENGTH:
            length, at = _varint_at(message, at)
            yield key >> 3, message[at : at + length]
        else:
            length = _FIXED_BYTES[kind]
        at += length


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    return _varint(number << 3 | _LENGTH) + _varint(len(value)) + value


def _varint_at(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (message[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if message[at - 1] < 128:
            return value, at


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _texts(message: bytes, number: int) -> list[str]:
    return [value.decode() for n, value in _fields(message) if n == number and isinstance(value, bytes)]


def _node(message: bytes) -> Node:
    attributes = [value for n, value in _fields(message) if n == _NODE_ATTRIBUTE and isinstance(value, bytes)]
    return Node(_texts(message, _NODE_INPUT), _texts(message, _NODE_OUTPUT), _texts(message, _NODE_KIND)[0], attributes)


def _in_place(node: Node) -> bool:
    """Return whether a kernel's strides and dilations are 1: it moves by single positions and sees neighbours alone."""
    steps = [a for a in node.attributes if _texts(a, _ATTRIBUTE_NAME)[0] in ("strides", "dilations")]
    values = [value for step in steps for number, value in _fields(step) if number == _ATTRIBUTE_INTS]
    return all(value == 1 if isinstance(value, int) else set(value) == {1} for value in values)


def _to(kind: int) -> bytes:
    """Return the attribute of a Cast."""
    fields: list[tuple[int, int | bytes]] = [
        (_ATTRIBUTE_NAME, b"to"),
        (_ATTRIBUTE_INT, kind),
        (_ATTRIBUTE_TYPE, _INT_ATTRIBUTE),
    ]
    return b"".join(_field(number, value) for number, value in fields)


def _tensor(message: bytes) -> tuple[str, Array]:
    shape: list[int] = []
    kind, name, data = 0, "", b""
    for number, value in _fields(message):
        if number == _TENSOR_DIMENSION and isinstance(value, int):
            shape.append(value)
        elif number == _TENSOR_DIMENSION and isinstance(value, bytes):  # packed
            at = 0
            while at < len(value):
                size, at = _varint_at(value, at)
                shape.append(size)
        elif number == _TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number == _TENSOR_NAME and isinstance(value, bytes):
            name = value.decode()
        elif number == _TENSOR_BYTES and isinstance(value, bytes):
            data = value
    if kind not in _TYPES:
        raise BundleError(f"{name}: tensors of ONNX type {kind} have no float twin; use provider cpu")
    return name, np.frombuffer(data, _TYPES[kind]).reshape(shape)


def _stored(name: str, array: Array) -> bytes:
    kind = next(number for number, dtype in _TYPES.items() if np.dtype(dtype) == array.dtype)
    values: list[tuple[int, int | bytes]] = [(_TENSOR_DIMENSION, size) for size in array.shape]
    values += [(_TENSOR_TYPE, kind), (_TENSOR_NAME, name.encode()), (_TENSOR_BYTES, array.tobytes())]
    return b"".join(_field(*value) for value in values)
