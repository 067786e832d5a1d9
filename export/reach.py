"""How far each network sees: the pixels around a part of the picture that its result there depends on.

The runtime runs the networks on windows of the picture, grown by this much. Followed through the graphs node by node:
an output position of stride t needs of a convolution's input `padding * t` before itself and
`(kernel - padding - stride) * t` behind; depth to space divides t, all other operators see one position.
"""

from collections.abc import Mapping

import onnx
from onnx import helper

from export.prior import Refused
from runtime import spec

INPUT_STRIDE_PX = {
    "analysis": spec.DEPTH_PX,
    "hyper_analysis": spec.LATENT_STRIDE_PX,
    "hyper_synthesis": spec.HYPER_STRIDE_PX,
    "context": spec.LATENT_STRIDE_PX,
    "synthesis": spec.LATENT_STRIDE_PX,
}
"""Pixels from one position of a network's input to the next."""
POINTWISE = {
    *("Abs", "Add", "Cast", "Concat", "DequantizeLinear", "Log", "Mul", "QLinearAdd", "QuantizeLinear", "Relu"),
}
"""Operators whose result at a position depends on that position alone."""


def reach_px(graphs: Mapping[str, onnx.ModelProto]) -> dict[str, list[int]]:
    """Pixels before and behind, by network, for the manifest; Refused where a graph has an operator not known here."""
    return {name: _reach(graph.graph, INPUT_STRIDE_PX[name]) for name, graph in graphs.items()}


def _reach(graph: onnx.GraphProto, stride_px: int) -> list[int]:
    seen = {i.name: (stride_px, 0, 0) for i in graph.input}  # by tensor: stride, reach before and behind
    for node in graph.node:
        inputs = [seen[name] for name in node.input if name in seen]
        if not inputs or len({stride for stride, _, _ in inputs}) != 1:
            raise Refused(f"{graph.name}: {node.name}: its inputs are not on one grid")
        stride, before, behind = inputs[0][0], max(i[1] for i in inputs), max(i[2] for i in inputs)
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type in ("Conv", "QLinearConv"):
            kernel, step, padding = (
                _square(graph, node, attributes.get(name, default))
                for name, default in (("kernel_shape", None), ("strides", [1]), ("pads", [0]))
            )
            if attributes.get("dilations", [1, 1]) != [1, 1] or attributes.get("auto_pad", b"NOTSET") != b"NOTSET":
                raise Refused(f"{graph.name}: {node.name}: dilations and auto_pad are not known here")
            before += padding * stride
            behind += max(kernel - padding - step, 0) * stride
            stride *= step
        elif node.op_type == "DepthToSpace":
            stride, rest = divmod(stride, attributes["blocksize"])
            if rest:
                raise Refused(f"{graph.name}: {node.name}: positions of less than a pixel")
        elif node.op_type not in POINTWISE:
            raise Refused(f"{graph.name}: {node.name}: how far {node.op_type} sees is not known here")
        seen.update(dict.fromkeys(node.output, (stride, before, behind)))
    _, before, behind = seen[graph.output[0].name]
    return [before, behind]


def _square(graph: onnx.GraphProto, node: onnx.NodeProto, values: list[int] | None) -> int:
    """The one number that all of an attribute are."""
    if values is None or len(set(values)) != 1:
        raise Refused(f"{graph.name}: {node.name}: kernel, strides and pads must be named, and square")
    return values[0]
