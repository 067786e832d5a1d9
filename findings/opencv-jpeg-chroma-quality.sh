#!/usr/bin/env bash
# OpenCV: the quality of JPEG's chroma counts only with that of luma, and then the sampling asked for does not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    opencv-python-headless==5.0.0.93 numpy==2.4.6 pillow==13.0.0
venv/bin/python -I - <<'END'
import io
import sys

import cv2
import numpy as np
import PIL
from PIL import Image

print(f"versions: OpenCV {cv2.__version__}, Pillow {PIL.__version__} (reads the tables)")
print("expected: IMWRITE_JPEG_QUALITY 50 with IMWRITE_JPEG_CHROMA_QUALITY 90 has the chroma table of quality 90;")
print("          luma of 50 and chroma of 90 keep the sampling of IMWRITE_JPEG_SAMPLING_FACTOR_420")

quality, luma, chroma = cv2.IMWRITE_JPEG_QUALITY, cv2.IMWRITE_JPEG_LUMA_QUALITY, cv2.IMWRITE_JPEG_CHROMA_QUALITY
sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
cases = {
    "quality 50": [quality, 50],
    "quality 90": [quality, 90],
    "quality 50, chroma 90": [quality, 50, chroma, 90],
    "luma 50": [luma, 50],
    "luma 90, chroma 90": [luma, 90, chroma, 90],
    "luma 50, chroma 90": [luma, 50, chroma, 90],
}
seen = {}
for name, options in cases.items():
    data = cv2.imencode(".jpg", np.zeros((32, 32, 3), np.uint8), options + sampling)[1].tobytes()
    picture = Image.open(io.BytesIO(data))
    tables = [sum(table) / 64 for table in picture.quantization.values()]
    seen[name] = tables, {(2, 2): "4:2:0", (1, 1): "4:4:4"}[picture.layer[0][1:3]]

for name, (tables, format_) in seen.items():
    print(f"seen:     {name}: mean step of luma {tables[0]:.1f}, of chroma {tables[1]:.1f}, {format_}")
ignored = seen["quality 50, chroma 90"] == seen["quality 50"]
if not ignored or seen["luma 50, chroma 90"][1] != "4:4:4":
    sys.exit("behaviour changed: chroma has a quality of its own, or the sampling asked for counts")
END
