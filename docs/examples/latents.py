"""A picture to latents and back with encoder.onnx and decoder.onnx: nothing of gargalo, and no entropy coding.

python latents.py BUNDLE cam.jpg out.png
"""

import sys

import numpy as np
import onnxruntime
from PIL import Image

bundle, source, target = sys.argv[1:]
encoder, decoder = (onnxruntime.InferenceSession(f"{bundle}/{name}.onnx") for name in ("encoder", "decoder"))

pixels = np.asarray(Image.open(source).convert("RGB"))  # (height, width, 3), uint8
height, width = pixels.shape[:2]
pixels = np.pad(pixels, ((0, -height % 8), (0, -width % 8), (0, 0)), "edge")  # sides must be multiples of 8
(latents,) = encoder.run(None, {"pixels": pixels.transpose(2, 0, 1)[None]})  # (1, 192, height/8, width/8), float32

step = np.float32(16)  # the bottleneck: only multiples of 16 pass, most of them 0
latents = np.round(latents / step) * step
print(f"{np.count_nonzero(latents) / latents.size:.1%} of {latents.size} latents are not 0")

rate = np.full((1, 16, 1, 1), 128, np.uint8)  # which of 8 rates the decoder shall expect, here the fourth
rate[:, 3] += 32
(decoded,) = decoder.run(None, {"latents": latents, "rate": rate})  # (1, 3, height, width), uint8
Image.fromarray(decoded[0, :, :height, :width].transpose(1, 2, 0)).save(target)
