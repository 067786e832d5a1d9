#!/usr/bin/env bash
# Pillow: the brightest samples of a colour JPEG 2000 of more than 8 bits become 0.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    pillow==13.0.0 numpy==2.4.6 imagecodecs==2026.3.6
venv/bin/python -I - <<'END'
import io
import sys

import imagecodecs
import numpy as np
import PIL
from PIL import Image, features

openjpeg = features.version("jpg_2000")
print(f"versions: Pillow {PIL.__version__} (OpenJPEG {openjpeg}), imagecodecs {imagecodecs.__version__}")
print("expected: a 12-bit RGB ramp in lossless JPEG 2000 opens as a rising 8-bit ramp that ends in white, 255")

ramp = np.linspace(0, 4095, 256).round().astype(np.uint16)
picture = np.empty((16, 256, 3), np.uint16)
picture[:] = ramp[:, None]
file = imagecodecs.jpeg2k_encode(picture, level=0, reversible=True, codecformat="jp2", bitspersample=12)
assert (imagecodecs.jpeg2k_decode(file) == picture).all()  # the file is sound
image = Image.open(io.BytesIO(file))
seen = np.asarray(image)[0, :, 0]

wrapped = ramp[(seen == 0) & (ramp > 2048)]
print(f"seen:     mode {image.mode}; {ramp[-2]} becomes {seen[-2]}, {ramp[-1]} (white) becomes {seen[-1]}")
if not len(wrapped):
    sys.exit("behaviour changed: no bright sample becomes 0")
END
