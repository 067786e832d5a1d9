"""How well the machine's arithmetic is used: multiplications a second of our graphs beside those of one convolution.

The yardstick is the densest int8 layer there is, a 3x3 QLinearConv from 128 to 128 channels, alone in a graph.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import interleaved_ms
from runtime.bundle import Bundle

CHANNELS = 128
SIDE = 64
"""Rows and columns of the yardstick's input: 128 channels of it are 0.5 MB, as in our networks."""
STRIDES_PX = {
    "start": (64,),
    "coarse_first": (64, 32, 16),
    "coarse_second": (64, 32, 16, 8),
    "coarse_third": (64, 32, 16, 8),
    "middle_first": (16,),
    "middle_second": (8,),
    "middle_third": (8,),
    "fine_first": (8,),
    "fine_second": (4,),
    "fine_third": (4,),
    "synthesis": (4,),
}
"""Pixels to a position of each network's inputs, in each of its runs on a picture; those of middle are coarse's last
ones in a bundle that has them."""


@dataclass(frozen=True)
class Speed:
    """One graph on one thread, all its runs on a picture together."""

    name: str
    macs: int
    """Multiplications, all int8."""
    ms: float
    yardstick_gmacs: float
    """int8 GMAC/s of the yardstick in the same rounds."""

    @property
    def gmacs(self) -> float:
        """Multiplications a second, in 10**9."""
        return self.macs / self.ms / 1e6

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
    for name, strides in strides_px(folder).items():
        model = onnx.load(folder / f"{name}.onnx")
        shapes = input_shapes(model, strides, height_px, width_px)
        feeds = [{given: rng.integers(96, 160, shape, np.uint8) for given, shape in each.items()} for each in shapes]
        macs[name] = sum(count_macs(model, each) for each in shapes)
        calls[name] = _call(model.SerializeToString(), feeds)
    stick = yardstick()
    feed = {"x": rng.integers(0, 256, (1, CHANNELS, SIDE, SIDE), np.uint8)}
    stick_macs = count_macs(stick, {"x": feed["x"].shape})
    times_ms = interleaved_ms({**calls, "yardstick": _call(stick.SerializeToString(), [feed])}, rounds, tick)
    gmacs = stick_macs / times_ms["yardstick"] / 1e6
    return [Speed(name, macs[name], times_ms[name], gmacs) for name in macs]


def strides_px(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the pixels to a position of a network's inputs in each of its runs, of the networks that a bundle has."""
    bundle = Bundle.open(folder)
    found = {name: strides for name, strides in STRIDES_PX.items() if bundle.has(name)}
    if bundle.has("middle_first"):
        found |= {name: strides[:-1] for name, strides in found.items() if name.startswith("coarse_")}
    return found


def input_shapes(model: Any, strides: Sequence[int], height_px: int, width_px: int) -> list[dict[str, tuple[int, ...]]]:
    """Return the shapes of a network's inputs by name, for each of its runs on a picture of about this size."""
    whole = {"height": -(-height_px // 64) * 64, "width": -(-width_px // 64) * 64}
    ends = {given.name: given.type.tensor_type.shape.dim for given in model.graph.input}
    return [
        {given: tuple(d.dim_value or whole[d.dim_param] // stride for d in dims) for given, dims in ends.items()}
        for stride in strides
    ]


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


def count_macs(model: Any, shapes: dict[str, tuple[int, ...]]) -> int:
    """Return the multiplications of a graph's convolutions, which are all int8, for inputs of such shapes."""
    from onnx import helper, numpy_helper

    constants = {constant.name: numpy_helper.to_array(constant) for constant in model.graph.initializer}
    sizes = {name: list(shape) for name, shape in shapes.items()}
    macs = 0
    # onnx infers no shapes of operators that are not its own (QLinearAdd), so this follows them itself
    for node in model.graph.node:
        shape = sizes[node.input[0]]
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "QLinearConv":  # as large as its input: stride 1, padded to "same"
            weight = constants[node.input[3]].shape
            last = attributes.get("channels_last", 0)
            sides = shape[1:3] if last else shape[2:]
            shape = [1, *sides, weight[0]] if last else [1, weight[0], *sides]
            macs += math.prod(weight) * math.prod(sides)
        elif node.op_type == "Transpose":
            shape = [shape[axis] for axis in attributes["perm"]]
        elif node.op_type == "Reshape":
            wanted = [side or shape[axis] for axis, side in enumerate(constants[node.input[1]].tolist())]
            rest = math.prod(shape) // abs(math.prod(wanted))
            shape = [rest if side == -1 else side for side in wanted]
        elif node.op_type != "QLinearAdd":
            raise ValueError(f"{model.graph.name}: {node.op_type} is no operator of our graphs")
        sizes[node.output[0]] = shape
    return macs


def _call(model: bytes, feeds: Sequence[dict[str, np.ndarray]]) -> Callable[[], object]:
    """Return a function that runs a graph on one thread, once for each feed."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: [session.run(None, feed) for feed in feeds]
