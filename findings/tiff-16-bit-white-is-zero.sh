#!/usr/bin/env bash
# Pillow and OpenCV: a TIFF where 0 is white is turned over with 8 bits, with 16 bits it is not, or only by some flags.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    pillow==13.0.0 opencv-python-headless==5.0.0.93 tifffile==2026.3.3 numpy==2.4.6
venv/bin/python -I - <<'END'
import io
import sys

import cv2
import numpy as np
import PIL
import tifffile
from PIL import Image

print(f"versions: Pillow {PIL.__version__}, OpenCV {cv2.__version__}")
print("expected: a gray TIFF of zeros whose PhotometricInterpretation says WhiteIsZero is white")
print("          with 8 bits and with 16, whatever the flags")

seen = {}
for bits in 8, 16:
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((8, 8), f"u{bits // 8}"), photometric="miniswhite")
    data = np.frombuffer(file.getvalue(), np.uint8)
    first = {
        "Pillow": np.asarray(Image.open(file))[0, 0],
        "OpenCV with IMREAD_UNCHANGED": cv2.imdecode(data, cv2.IMREAD_UNCHANGED)[0, 0],
        "OpenCV with IMREAD_COLOR": cv2.imdecode(data, cv2.IMREAD_COLOR)[0, 0, 0],
    }
    seen[bits] = {reader: int(value) for reader, value in first.items()}

for reader in seen[8]:
    print(f"seen:     {reader}: {seen[8][reader]} of 8 bits, {seen[16][reader]} of 16 bits")
if list(seen[8].values()) != [255, 255, 255] or list(seen[16].values()) != [0, 0, 255]:
    sys.exit("behaviour changed: 8 and 16 bits are turned over otherwise than they were")
END
