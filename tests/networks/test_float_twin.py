"""Float twins: the same inputs and outputs as their originals, and values that differ only in ties and sums."""

from typing import Any

import numpy as np
import onnxruntime
import pytest

from runtime.bundle import Bundle
from runtime.errors import BundleError
from runtime.networks.float_twin import float_twin, reach


def session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("name", ["synthesis"])
def test_a_shipped_graph_and_its_twin_agree(name: str) -> None:
    original = (Bundle.open().folder / f"{name}.onnx").read_bytes()
    int8, twin = session(original), session(float_twin(original))
    random = np.random.default_rng(5)
    feed = {}
    for given, mine in zip(int8.get_inputs(), twin.get_inputs(), strict=True):
        assert (given.name, given.type, given.shape) == (mine.name, mine.type, mine.shape)
        assert "uint8" in given.type
        feed[given.name] = random.integers(100, 156, (1, given.shape[1], 8, 12)).astype(np.uint8)
    assert [output.name for output in int8.get_outputs()] == [output.name for output in twin.get_outputs()]
    for exact, near in zip(int8.run(None, feed), twin.run(None, feed), strict=True):
        assert exact.dtype == near.dtype == np.uint8 and exact.shape == near.shape
        difference = np.abs(exact.astype(int) - near)
        assert difference.max() <= 1 and np.mean(difference > 0) < 0.01


def model_of(*nodes: Any, constants: Any, outputs: Any = ("y",)) -> bytes:
    onnx = pytest.importorskip("onnx")
    u8 = onnx.TensorProto.UINT8
    shape = [1, 1, 2, 2]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(kind, inputs, [output], **rest) for kind, inputs, output, rest in nodes],
        "small",
        [onnx.helper.make_tensor_value_info("x", u8, shape)],
        [onnx.helper.make_tensor_value_info(name, u8, shape) for name in outputs],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("com.microsoft", 1)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


GRID = {"scale": np.float32(0.5), "other": np.float32(0.25), "zero": np.uint8(128)}
CONVOLUTION = GRID | {
    "weight": np.array([[[[2]]]], np.int8),
    "weight_scale": np.array([0.5], np.float32),
    "weight_zero": np.zeros(1, np.int8),
    "bias": np.array([3], np.int32),
}
CONVOLVE = ["x", "scale", "zero", "weight", "weight_scale", "weight_zero", "scale", "zero", "bias"]


def test_a_convolution_is_computed_on_whole_numbers() -> None:
    """d = x - 128 = -4, 0, 2, 127 gives (2 d + 3) / 2 = -2.5, 1.5, 3.5, 128.5: ties go up, the last is cut to 127."""
    x = np.array([[[[124, 128], [130, 255]]]], np.uint8)
    twin = session(float_twin(model_of(("QLinearConv", CONVOLVE, "y", {}), constants=CONVOLUTION)))
    assert twin.run(None, {"x": x})[0].ravel().tolist() == [126, 130, 132, 255]


def test_a_sum_of_one_scale_is_cut_to_8_bits() -> None:
    add = ["x", "scale", "zero", "x", "scale", "zero", "scale", "zero"]
    model = model_of(("QLinearAdd", add, "y", {"domain": "com.microsoft"}), constants=GRID)
    x = np.array([[[[0, 100], [130, 255]]]], np.uint8)
    assert session(float_twin(model)).run(None, {"x": x})[0].ravel().tolist() == [0, 72, 132, 255]


@pytest.mark.parametrize(
    "node, reason",
    [
        (
            (
                "QLinearAdd",
                ["x", "scale", "zero", "x", "other", "zero", "scale", "zero"],
                "y",
                {"domain": "com.microsoft"},
            ),
            "several scales",
        ),
        (("QLinearConv", [*CONVOLVE[:2], "zero_1", *CONVOLVE[3:]], "y", {}), "zero points"),
    ],
)
def test_what_has_no_twin_is_refused_by_name(node: Any, reason: str) -> None:
    constants = CONVOLUTION | {"zero_1": np.uint8(1)}
    first: Any = ("QLinearConv", CONVOLVE, "z", {})
    with pytest.raises(BundleError, match=reason):
        float_twin(model_of(first, node, constants=constants))


def test_a_graph_of_floats_keeps_its_operators() -> None:
    model = model_of(("Identity", ["x"], "y", {}), constants={})
    x = np.arange(4, dtype=np.uint8).reshape(1, 1, 2, 2)
    assert np.array_equal(session(float_twin(model)).run(None, {"x": x})[0], x)


def test_a_graph_of_other_operators_or_steps_is_never_cut_into_strips() -> None:
    model = (Bundle.open().folder / "fine_third.onnx").read_bytes()
    assert reach(model) == 1
    assert reach(model.replace(b"QLinearAdd", b"QLinearMul")) is None
    strides = b"strides" + bytes([0x40, 1, 0x40, 1])
    assert strides in model
    assert reach(model.replace(strides, b"strides" + bytes([0x40, 2, 0x40, 2]))) is None
