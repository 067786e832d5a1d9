#!/usr/bin/env bash
# OpenCV takes no notice of a PNM file's largest value: it reads 10-bit white as 3 of 255, from JPEG 2000 as 255.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    opencv-python-headless==5.0.0.93 numpy==2.4.6 pillow==13.0.0 imagecodecs==2026.3.6
venv/bin/python -I - <<'END'
import io
import sys

import cv2
import imagecodecs
import numpy as np
import PIL
from PIL import Image

print(f"versions: OpenCV {cv2.__version__}, Pillow {PIL.__version__}, imagecodecs {imagecodecs.__version__}")
print(
    "expected: IMREAD_COLOR gives 255 for white: 1023 in a PPM of maxval 1023 or in 10 bits, 100 in one of maxval 100"
)

white = np.full((16, 16, 3), 1023, np.uint16)
files = {
    "PPM maxval 1023": b"P6\n16 16\n1023\n" + white.astype(">u2").tobytes(),
    "PPM maxval 100": b"P6\n16 16\n100\n" + bytes([100]) * 16 * 16 * 3,
    "10-bit JPEG 2000": imagecodecs.jpeg2k_encode(white, level=0, reversible=True, codecformat="jp2", bitspersample=10),
}
seen = {
    name: int(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[0, 0, 0]) for name, data in files.items()
}
pillow = [Image.open(io.BytesIO(files[name])).getpixel((0, 0))[0] for name in list(files)[:2]]

print("seen:     " + ", ".join(f"{name}: {value}" for name, value in seen.items()))
print(f"          Pillow gives {pillow[0]} and {pillow[1]} of the two PPM")
if list(seen.values()) != [3, 100, 255]:
    sys.exit("behaviour changed: white is no longer read as 3, 100 and 255")
END
