#!/usr/bin/env bash
# ONNX Runtime: linear Resize of uint8 cuts instead of rounding, so that even a flat picture loses a level.
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
print("expected: linear Resize of uint8 rounds the float result: a flat picture stays as it is, noise has no bias")


def resize(x, kind):
    graph = helper.make_graph(
        [helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="linear")],
        "resize",
        [helper.make_tensor_value_info("x", kind, x.shape)],
        [helper.make_tensor_value_info("y", kind, None)],
        [numpy_helper.from_array(np.array([1, 1, 3, 3], np.float32), "scales")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=10)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x.astype(helper.tensor_dtype_to_np_dtype(kind))})[0]


flat = np.unique(resize(np.full((1, 1, 16, 16), 100), TensorProto.UINT8)).tolist()
noise = np.random.default_rng(0).integers(0, 256, (1, 1, 64, 64))
bias = (resize(noise, TensorProto.UINT8) - np.rint(resize(noise, TensorProto.FLOAT))).mean()

print(f"seen:     a flat picture of 100 becomes {flat}; noise is off by {bias:.2f} levels on average")
if flat == [100] or bias > -0.2:
    sys.exit("behaviour changed: Resize of uint8 rounds")
END
