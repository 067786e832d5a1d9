#!/usr/bin/env bash
# ONNX Runtime: the basic optimisations fold a Mul into the Conv before it: sums of integers are exact no more.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
venv/bin/python -I - <<'END'
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

print(f"versions: onnxruntime {ort.__version__}, onnx {onnx.__version__}")
print("expected: float Conv of small integers is exact, so Round(Conv(x) * 0.1) is the same at each level,")
print("          the more so at the basic one, which is to keep the meaning and remove what is redundant")

random = np.random.default_rng(0)
x = random.integers(0, 256, (1, 32, 24, 24))
w = random.integers(-64, 65, (16, 32, 3, 3))
graph = helper.make_graph(
    [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Mul", ["c", "scale"], ["m"]),
        helper.make_node("Round", ["m"], ["y"]),
    ],
    "conv",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    [numpy_helper.from_array(w.astype(np.float32), "w"), numpy_helper.from_array(np.float32(0.1), "scale")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
windows = np.lib.stride_tricks.sliding_window_view(x[0], (3, 3), (1, 2))
sums = np.einsum("cyxij,ocij->oyx", windows, w)  # int64
want = np.rint(sums.astype(np.float32) * np.float32(0.1))
wrong = {}
for level in ort.GraphOptimizationLevel.ORT_DISABLE_ALL, ort.GraphOptimizationLevel.ORT_ENABLE_BASIC:
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    wrong[level.name] = (session.run(None, {"x": x.astype(np.float32)})[0][0] != want).mean()

print(f"seen:     sums up to {np.abs(sums).max()}; results that differ from exact sums, scaled and rounded:")
print("          " + ", ".join(f"{share:.2%} with {name}" for name, share in wrong.items()))
if wrong["ORT_DISABLE_ALL"] or not wrong["ORT_ENABLE_BASIC"]:
    sys.exit("behaviour changed: optimisation no longer changes the rounded sums")
END
