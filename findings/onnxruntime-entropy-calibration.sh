#!/usr/bin/env bash
# ONNX Runtime: quantize_static with CalibrationMethod.Entropy finds the range of MinMax, outliers and all.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
venv/bin/python -I - <<'END'
import contextlib
import io
import logging
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, quantize_static
from onnxruntime.quantization.calibrate import create_calibrator

logging.disable(logging.WARNING)
print(f"versions: onnxruntime {ort.__version__}, onnx {onnx.__version__}")
print("expected: 16384 Gaussian samples with one of 100: Entropy weighs clipping against steps and leaves 100 out")

batches = np.random.default_rng(0).standard_normal((4, 1, 1, 64, 64)).astype(np.float32)
batches[0, 0, 0, 0, 0] = 100


class Batches(CalibrationDataReader):
    def __init__(self):
        self.left = iter(batches)

    def get_next(self):
        batch = next(self.left, None)
        return None if batch is None else {"x": batch}


graph = helper.make_graph(
    [helper.make_node("Conv", ["x", "w"], ["y"])],
    "conv",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, batches[0].shape)],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    [numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "w")],
)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), "float.onnx")
top = {}
for method in CalibrationMethod.MinMax, CalibrationMethod.Entropy:
    with contextlib.redirect_stdout(io.StringIO()):
        quantize_static("float.onnx", "int8.onnx", Batches(), calibrate_method=method)
    values = {i.name: numpy_helper.to_array(i) for i in onnx.load("int8.onnx").graph.initializer}
    top[method.name] = float((127 - values["x_zero_point"].astype(int)) * values["x_scale"])
with contextlib.redirect_stdout(io.StringIO()):
    calibrator = create_calibrator(
        "float.onnx", calibrate_method=CalibrationMethod.Entropy, extra_options={"num_bins": 2048}
    )
    calibrator.collect_data(Batches())
    range_ = calibrator.compute_data().data["x"].range_value

for name, value in top.items():
    print(f"seen:     {name}: x is quantised up to {value:.2f}")
print(f"          the same algorithm with 2048 bins (the default is 128, as many as levels): up to {range_[1]:.2f}")
if abs(top["Entropy"] - top["MinMax"]) > 1:
    sys.exit("behaviour changed: Entropy finds another range than MinMax")
END
