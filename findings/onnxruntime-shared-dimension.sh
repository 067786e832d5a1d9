#!/usr/bin/env bash
# ONNX Runtime: inputs that share the name of a dimension may differ in it: right, or an error deep in the graph.
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
print("expected: inputs a [n, 4] and b [n, 4] of different n are refused as INVALID_ARGUMENT, like b of [n, 5]")

nodes = []
for x in "ab":
    nodes.append(helper.make_node("Add", [x, "two"], [f"{x}_sum"]))
    nodes.append(helper.make_node("Mul", [f"{x}_sum", "two"], [f"{x}_product"]))
    nodes.append(helper.make_node("Sub", [f"{x}_product", "two"], [f"{x}_y"]))
graph = helper.make_graph(
    nodes,
    "two_chains",
    [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in "ab"],
    [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in ("a_y", "b_y")],
    [numpy_helper.from_array(np.float32([2]), "two")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10).SerializeToString()


def run(a, b, reuse):
    options = ort.SessionOptions()
    options.log_severity_level = 4  # else there are warnings of buffers' sizes too
    options.enable_mem_reuse = reuse
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed = {name: np.arange(np.prod(shape), dtype=np.float32).reshape(shape) for name, shape in (("a", a), ("b", b))}
    try:
        results = session.run(None, feed)
    except Exception as error:
        return f"{type(error).__name__}: {str(error).split(' : ', 2)[-1].split(' Status')[0]}"
    return "right" if all(np.array_equal(y, (x + 2) * 2 - 2) for y, x in zip(results, feed.values())) else "wrong"


cases = [((3, 4), (3, 5), True), ((3, 4), (5, 4), True), ((5, 4), (3, 4), True), ((5, 4), (3, 4), False)]
seen = [run(*case) for case in cases]
for (a, b, reuse), result in zip(cases, seen):
    print(f"seen:     a {list(a)}, b {list(b)}{'' if reuse else ', enable_mem_reuse=False'}: {result.strip()[:90]}")
kinds = [result.split(":")[0] for result in seen]
if kinds != ["InvalidArgument", "right", "Fail", "right"]:
    sys.exit("behaviour changed: sizes of one name are taken or refused otherwise")
END
