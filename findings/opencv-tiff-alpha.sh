#!/usr/bin/env bash
# OpenCV: 8-bit TIFF with unassociated alpha is multiplied by it, even with IMREAD_COLOR and with IMREAD_UNCHANGED.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    opencv-python-headless==5.0.0.93 numpy==2.4.6 pillow==13.0.0 tifffile==2026.3.3
venv/bin/python -I - <<'END'
import io
import sys

import cv2
import numpy as np
import tifffile
from PIL import Image

print(f"versions: OpenCV {cv2.__version__}, tifffile {tifffile.__version__}")
print("expected: RGB (200, 100, 50) with an alpha of 128, not premultiplied, is BGR (50, 100, 200) in any format:")
print("          IMREAD_UNCHANGED changes nothing, IMREAD_COLOR leaves alpha out")

pixels = np.tile(np.array([200, 100, 50, 128], np.uint8), (16, 16, 1))
files = {"PNG": io.BytesIO(), "TIFF": io.BytesIO(), "TIFF of 16 bits": io.BytesIO()}
Image.fromarray(pixels).save(files["PNG"], "PNG")
tifffile.imwrite(files["TIFF"], pixels, photometric="rgb", extrasamples=["unassalpha"])
tifffile.imwrite(files["TIFF of 16 bits"], pixels * np.uint16(257), photometric="rgb", extrasamples=["unassalpha"])
seen = {}
for name, file in files.items():
    data = np.frombuffer(file.getvalue(), np.uint8)
    unchanged, color = (cv2.imdecode(data, flag)[0, 0] for flag in (cv2.IMREAD_UNCHANGED, cv2.IMREAD_COLOR))
    seen[name] = (unchanged // (257 if unchanged.dtype == np.uint16 else 1)).tolist(), color.tolist()

for name, (unchanged, color) in seen.items():
    print(f"seen:     {name}: unchanged {unchanged}, color {color}")
if seen["TIFF"] == seen["PNG"]:
    sys.exit("behaviour changed: TIFF with alpha is read as PNG is")
END
