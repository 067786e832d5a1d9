"""The light half of gargalo: numpy, onnxruntime and OpenCV, never torch."""

__version__ = "0.1.0"
