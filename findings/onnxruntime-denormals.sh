#!/usr/bin/env bash
# ONNX Runtime: a session with set_denormal_as_zero changes NumPy and Python in the thread that makes it, for good.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
venv/bin/python -I - <<'END'
import gc
import sys
import threading

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

print(f"versions: onnxruntime {ort.__version__}, onnx {onnx.__version__}, NumPy {np.__version__}")
print("expected: session.set_denormal_as_zero counts while that session runs, in its threads;")
print("          1e-39 + 1e-39 of NumPy and 1e-310 + 1e-310 of Python are 2e-39 and 2e-310 before and after")

graph = helper.make_graph(
    [helper.make_node("Add", ["x", "x"], ["y"])],
    "add",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
single, double = np.full(4, 1e-39, np.float32), float("1e-310")
seen = {}


def add(when):
    seen[when] = f"{(single + single)[0]:.3g}", f"{double + double:.3g}"


add("before")
options = ort.SessionOptions()
options.intra_op_num_threads = 1
options.add_session_config_entry("session.set_denormal_as_zero", "1")
session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
add("with a session that has not run")
del session
gc.collect()
add("when it is gone")
thread = threading.Thread(target=add, args=["in a thread started then"])
thread.start()
thread.join()

for when, (numpy_sum, python_sum) in seen.items():
    print(f"seen:     {when}: NumPy {numpy_sum}, Python {python_sum}")
if seen["when it is gone"] == seen["before"]:
    sys.exit("behaviour changed: the arithmetic of NumPy and Python is left alone")
END
