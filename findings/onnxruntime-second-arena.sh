#!/usr/bin/env bash
# ONNX Runtime: a second arena registered for the CPU is not refused: it takes the place of the first, with its limit.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat >run.py <<'END'
import sys

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
for limit in sys.argv[1:]:
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg(int(limit), -1, -1, -1))
graph = helper.make_graph(
    [helper.make_node("Exp", ["x"], ["e"]), helper.make_node("Tanh", ["e"], ["y"])],
    "chain",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
options = ort.SessionOptions()
options.log_severity_level = 4
options.add_session_config_entry("session.use_env_allocators", "1")
session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
try:
    session.run(None, {"x": np.zeros(1 << 22, np.float32)})
    print("runs")
except Exception as error:
    print("Available memory" + str(error).split("Available memory")[1].rstrip())
END
venv/bin/python -I - <<'END'
import subprocess
import sys
from importlib.metadata import version

print(f"versions: onnxruntime {version('onnxruntime')}, onnx {version('onnx')}")
print("expected: create_and_register_allocator refuses a second arena of the same kind, as in 1.22; a run needs 16 MiB")
seen = []
for limits in ("1048576",), ("1048576", "0"), ("0", "1048576"), ("1048576", "2097152"):
    done = subprocess.run([sys.executable, "-I", "run.py", *limits], capture_output=True, text=True, check=True)
    seen.append(done.stdout.strip())
    print(f"seen:     limits of {' then '.join(limits)} bytes (0: none): {seen[-1]}")
limit = "Available memory of {} is smaller"
wanted = limit.format(1048576), "runs", limit.format(1048576), limit.format(2097152)
if not all(line.startswith(want) for line, want in zip(seen, wanted)):
    sys.exit("behaviour changed: the arena registered last is no longer the one that counts")
END
