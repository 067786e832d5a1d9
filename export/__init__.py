"""Turn a trained checkpoint into a bundle of quantised ONNX graphs."""

import runtime  # noqa: F401  first, since it switches off the telemetry of onnxruntime
