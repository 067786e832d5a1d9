"""The light half of gargalo: numpy, onnxruntime and OpenCV, never torch.

Nothing of it sends anything to anyone: ONNX Runtime's telemetry is off unless ORT_DISABLE_TELEMETRY says otherwise.
"""

import os

__version__ = "0.3.0.dev0"

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime is loaded
