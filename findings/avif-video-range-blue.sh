#!/usr/bin/env bash
# libavif with libyuv: blue of 8-bit video-range BT.709 and BT.2020 is up to 13 levels too dark: a factor is cut to 2.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    pillow==13.0.0 numpy==2.4.6 opencv-python-headless==5.0.0.93
venv/bin/python -I - <<'END'
import io
import struct
import sys

import cv2
import numpy as np
import PIL
from PIL import Image, features

print(f"versions: Pillow {PIL.__version__} (libavif {features.version('avif')}), OpenCV {cv2.__version__}")
print("expected: RGB of an 8-bit 4:4:4 AVIF file is within 3 levels of the matrix that its 'colr' property names")

y, x = np.mgrid[:64, :64]
picture = np.stack([x * 4, y * 4, 255 - (x + y) // 8 * 8], -1).astype(np.uint8)
file = io.BytesIO()
Image.fromarray(picture).save(file, "AVIF", quality=100, subsampling="4:4:4", range="limited")
file = file.getvalue()
colr = file.index(b"colrnclx") + 12  # where the matrix and the range stand


def relabel(matrix, full):
    return file[:colr] + struct.pack(">HB", matrix, full << 7) + file[colr + 3 :]


def pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(float)


def opencv(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(float)


cr, luma, cb = np.moveaxis(pillow(relabel(0, True)), -1, 0)  # the identity matrix hands out the planes as coded
off = {}
for name, matrix, kr, kb in ("BT.601", 6, 0.299, 0.114), ("BT.709", 1, 0.2126, 0.0722), ("BT.2020", 9, 0.2627, 0.0593):
    for full in False, True:
        black, luma_span, chroma_span = (0, 255, 255) if full else (16, 219, 224)
        l, b, r = (luma - black) / luma_span, (cb - 128) / chroma_span, (cr - 128) / chroma_span
        red, blue = l + 2 * (1 - kr) * r, l + 2 * (1 - kb) * b
        want = np.stack([red, (l - kr * red - kb * blue) / (1 - kr - kb), blue], -1).clip(0, 1) * 255
        off[name, full] = max(np.abs(read(relabel(matrix, full)) - want).max() for read in (pillow, opencv))
for (name, full), levels in off.items():
    print(f"seen:     {name}, {'full' if full else 'video'} range: off by up to {levels:.1f} levels")
cut = [off.pop(("BT.709", False)), off.pop(("BT.2020", False))]
if min(cut) < 8 or max(off.values()) > 3:
    sys.exit("behaviour changed: blue of video range is no longer off as it was")
END
