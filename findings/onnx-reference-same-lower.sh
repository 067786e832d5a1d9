#!/usr/bin/env bash
# ONNX: the reference evaluator pads MaxPool's SAME_LOWER as SAME_UPPER; its AveragePool and ONNX Runtime do not.
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
from onnx.reference import ReferenceEvaluator

print(f"versions: onnx {onnx.__version__}, onnxruntime {ort.__version__}")
print("expected: SAME_LOWER puts the odd sample of padding in front: MaxPool of 0 to 7 in windows of 3, steps of 2,")
print("          is 1 3 5 7 in the evaluator that defines the operators too")

x = np.arange(8, dtype=np.float32).reshape(1, 1, 8)
seen = {}
for kind in "MaxPool", "AveragePool":
    for padding in "SAME_LOWER", "SAME_UPPER":
        graph = helper.make_graph(
            [helper.make_node(kind, ["x"], ["y"], kernel_shape=[3], strides=[2], auto_pad=padding)],
            "pool",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        results = ReferenceEvaluator(model).run(None, {"x": x}), session.run(None, {"x": x})
        seen[kind, padding] = [y.ravel().tolist() for (y,) in results]

for (kind, padding), (reference, runtime) in seen.items():
    print(f"seen:     {kind} {padding}: reference {reference}, ONNX Runtime {runtime}")
if seen["MaxPool", "SAME_LOWER"][0] != seen["MaxPool", "SAME_UPPER"][0]:
    sys.exit("behaviour changed: the reference evaluator tells SAME_LOWER from SAME_UPPER")
END
