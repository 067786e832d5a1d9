"""Measurements of the runtime: speed of each stage, rate-distortion beside JPEG, WebP and AVIF."""
