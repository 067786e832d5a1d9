#!/usr/bin/env bash
# ONNX Runtime: float Sigmoid has an absolute error of about 1e-7, so that Log(Sigmoid(x)) is of no use below about -17.
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
from onnx import TensorProto, helper

print(f"versions: onnxruntime {ort.__version__}, onnx {onnx.__version__}")
print("expected: float32 holds Sigmoid(-20) = 2.06e-9 with seven digits, so Log(Sigmoid(-20)) is -20;")
print("          Sigmoid never falls as x rises")

graph = helper.make_graph(
    [helper.make_node("Sigmoid", ["x"], ["s"]), helper.make_node("Log", ["s"], ["y"])],
    "sigmoid",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
    [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "sy"],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
sigmoid, log = session.run(None, {"x": np.array([-10, -15, -20, -40], np.float32)})
exact = 1 / (1 + np.exp([10.0, 15.0, 20.0, 40.0]))
falls = int((np.diff(session.run(["s"], {"x": np.linspace(-18, -10, 801, dtype=np.float32)})[0]) < 0).sum())

for x, s, e, l in zip((-10, -15, -20, -40), sigmoid, exact, log, strict=True):
    print(f"seen:     Sigmoid({x}) = {s:.3g} (exact {e:.3g}), Log of it {l:.4g}")
print(f"          from -18 to -10 in 800 steps it falls {falls} times")
if np.abs(log[2:] - (-20, -40)).max() < 0.1:
    sys.exit("behaviour changed: Log(Sigmoid(x)) is right at -20 and -40")
END
