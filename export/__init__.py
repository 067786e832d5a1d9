"""Turns a trained checkpoint into a bundle of quantised ONNX graphs."""
