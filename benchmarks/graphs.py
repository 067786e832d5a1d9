"""How well the machine's arithmetic is used: multiplications a second of our graphs beside those of one convolution.

The yardstick is the densest int8 layer there is, a 3x3 QLinearConv from 128 to 128 channels, alone in a graph.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import interleaved_ms

CHANNELS = 128
SIDE = 64
"""Rows and columns of the yardstick's input: 128 channels of it are 0.5 MB, as in our networks."""
SIZES = {"analysis": 8, "hyper_analysis": 16, "hyper_synthesis": 64, "context": 16, "synthesis": 16}
"""Pixels to a position of each network's input."""


@dataclass(frozen=True)
class Speed:
    """One graph on one thread."""

    name: str
    int8_macs: int
    float_macs: int
    ms: float
    yardstick_gmacs: float
    """int8 GMAC/s of the yardstick in the same rounds."""

    @property
    def gmacs(self) -> float:
        """Multiplications a second, in 10**9, int8 and float together."""
        return (self.int8_macs + self.float_macs) / self.ms / 1e6

    @property
    def ratio(self) -> float:
        """Of the yardstick's."""
        return self.gmacs / self.yardstick_gmacs


def speeds(
    folder: Path, height_px: int, width_px: int, rounds: int, tick: Callable[[], object] = lambda: None
) -> list[Speed]:
    """Return the speed of each graph of a bundle on a picture of about this size. Needs the package onnx."""
    import onnx

    rng = np.random.default_rng(128)
    calls, macs = {}, {}
    for name, pixels in SIZES.items():
        model = onnx.load(folder / f"{name}.onnx")
        rows, columns = (-(-side // 64) * 64 // pixels for side in (height_px, width_px))
        feed = {}
        for given in model.graph.input:
            shape = [1, given.type.tensor_type.shape.dim[1].dim_value, rows, columns]
            values = rng.integers(96, 160, shape)
            feed[given.name] = values.astype(onnx.helper.tensor_dtype_to_np_dtype(given.type.tensor_type.elem_type))
        macs[name] = count_macs(model, {name: array.shape for name, array in feed.items()})
        calls[name] = _call(model.SerializeToString(), feed)
    stick = yardstick()
    feed = {"x": rng.integers(0, 256, (1, CHANNELS, SIDE, SIDE), np.uint8)}
    stick_macs, _ = count_macs(stick, {"x": feed["x"].shape})
    times_ms = interleaved_ms({**calls, "yardstick": _call(stick.SerializeToString(), feed)}, rounds, tick)
    gmacs = stick_macs / times_ms["yardstick"] / 1e6
    return [Speed(name, *macs[name], times_ms[name], gmacs) for name in SIZES]


def yardstick() -> Any:
    """Return the one-node graph: u8 (1, 128, 64, 64) to the same, weights of 7 bits as ours."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(3)
    constants = {
        "scale": np.float32(1 / 16),
        "zero": np.uint8(128),
        "weight": rng.integers(-64, 65, (CHANNELS, CHANNELS, 3, 3)).astype(np.int8),
        "weight_scale": np.full(CHANNELS, 1e-3, np.float32),
        "weight_zero": np.zeros(CHANNELS, np.int8),
        "bias": np.zeros(CHANNELS, np.int32),
    }
    inputs = ["x", "scale", "zero", "weight", "weight_scale", "weight_zero", "scale", "zero", "bias"]
    node = helper.make_node("QLinearConv", inputs, ["y"], pads=[1] * 4, kernel_shape=[3, 3])
    shape = [1, CHANNELS, SIDE, SIDE]
    graph = helper.make_graph(
        [node],
        "yardstick",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, shape)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def count_macs(model: Any, shapes: dict[str, tuple[int, ...]]) -> tuple[int, int]:
    """Return the multiplications of the int8 and of the float convolutions of a graph for inputs of such shapes."""
    import onnx

    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for given in fixed.graph.input:
        for dimension, size in zip(given.type.tensor_type.shape.dim, shapes[given.name], strict=True):
            dimension.dim_value = size
    constants = {constant.name: list(constant.dims) for constant in fixed.graph.initializer}
    sizes = {name: list(shape) for name, shape in shapes.items()}
    macs = {"QLinearConv": 0, "Conv": 0}
    # onnx infers no shapes of operators that are not its own (QLinearAdd), so this follows them itself
    for node in fixed.graph.node:
        shape = list(sizes.get(node.input[0], []))
        if node.op_type in macs:
            weight = constants[node.input[3 if node.op_type == "QLinearConv" else 1]]
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            strides, pads = attributes.get("strides", [1, 1]), attributes.get("pads", [0] * 4)
            kernel = weight[2:]
            sides = [(side + pads[i] + pads[i + 2] - kernel[i]) // strides[i] + 1 for i, side in enumerate(shape[2:])]
            shape = [1, weight[0], *sides]
            macs[node.op_type] += math.prod(weight) * math.prod(sides)
        elif node.op_type == "DepthToSpace":
            block = next(a.i for a in node.attribute if a.name == "blocksize")
            shape = [1, shape[1] // block**2, shape[2] * block, shape[3] * block]
        elif node.op_type == "Concat":
            shape[1] = sum(sizes[name][1] for name in node.input)
        for output in node.output:
            sizes[output] = shape
    return macs["QLinearConv"], macs["Conv"]


def _call(model: bytes, feed: dict[str, np.ndarray]) -> Callable[[], object]:
    """Return a function that runs a graph once on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, feed)
