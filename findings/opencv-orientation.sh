#!/usr/bin/env bash
# OpenCV: flags decide whether JPEG, PNG and WebP are turned as their metadata say; TIFF always is, AVIF never.
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

print(f"versions: OpenCV {cv2.__version__}, Pillow {PIL.__version__}")
print("expected: in any format a picture to be turned by 90 degrees is turned with IMREAD_COLOR,")
print("          and not with IMREAD_COLOR | IMREAD_IGNORE_ORIENTATION")

seen = {}
for kind in "JPEG", "PNG", "WEBP", "TIFF", "AVIF":
    exif = Image.Exif()
    exif[0x0112] = 6  # in AVIF Pillow writes it as 'irot', as that format wants
    file = io.BytesIO()
    Image.new("RGB", (48, 32)).save(file, kind, exif=exif)
    assert kind != "AVIF" or b"irot" in file.getvalue()
    data = np.frombuffer(file.getvalue(), np.uint8)
    flags = cv2.IMREAD_COLOR, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    seen[kind] = [cv2.imdecode(data, flag).shape[:2] == (48, 32) for flag in flags]

for kind, (by_default, told_not_to) in seen.items():
    print(f"seen:     {kind}: turned by default: {by_default}; turned though told not to: {told_not_to}")
if seen != dict.fromkeys(("JPEG", "PNG", "WEBP"), [True, False]) | {"TIFF": [True, True], "AVIF": [False, False]}:
    sys.exit("behaviour changed: the formats are no longer turned as they were")
END
