"""The execution providers of ONNX Runtime that can run a graph, the CPU's and others, and how to install them."""

from typing import NamedTuple


class Provider(NamedTuple):
    """How to come by one of ONNX Runtime's execution providers."""

    name: str
    """ONNX Runtime's name of it."""
    package: str
    """What to install with pip."""
    options: dict[str, str] = {}
    """Its options: whatever keeps float32 at 24 bits."""
    plugin: str | None = None
    """Module of the package, where that is a plugin."""
    plugin_options: dict[str, str] = {}
    """The options as the plugin wants them."""


CPU = Provider("CPUExecutionProvider", "onnxruntime")
PROVIDERS = {
    "auto": CPU,
    "cpu": CPU,
    "openvino": Provider(
        "OpenVINOExecutionProvider",
        "onnxruntime-ep-openvino",
        {"device_type": "CPU", "precision": "ACCURACY"},
        "onnxruntime_ep_openvino",
        {"load_config": '{"CPU": {"INFERENCE_PRECISION_HINT": "f32"}}'},
    ),
    "cuda": Provider("CUDAExecutionProvider", "onnxruntime-gpu", {"use_tf32": "0"}),
    "webgpu": Provider("WebGpuExecutionProvider", "onnxruntime-ep-webgpu", {}, "onnxruntime_ep_webgpu"),
}
