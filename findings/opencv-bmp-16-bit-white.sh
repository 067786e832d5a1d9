#!/usr/bin/env bash
# OpenCV: white of a 16-bit BMP is 248, not 255; its 5 and 6 bits are shifted instead of scaled.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    opencv-python-headless==5.0.0.93 numpy==2.4.6 pillow==13.0.0
venv/bin/python -I - <<'END'
import io
import struct
import sys

import cv2
import numpy as np
import PIL
from PIL import Image

print(f"versions: OpenCV {cv2.__version__}, Pillow {PIL.__version__}")
print("expected: 31 of 31 (5 bits) and 63 of 63 (6 bits) in a 16-bit BMP are 255, so that white is white")


def bmp(white, masks):
    """Return a BMP of 2x1, black and white, of 16 bits a pixel; masks tell the bits of red, green and blue."""
    fields = struct.pack(f"<{len(masks)}I", *masks)
    start, pixels = 54 + len(fields), struct.pack("<2H", 0, white)
    header = b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start)
    compression = 3 if masks else 0  # BI_BITFIELDS or BI_RGB
    info = struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, 16, compression, len(pixels), 2835, 2835, 0, 0)
    return header + info + fields + pixels


files = {"5 bits each": bmp(0x7FFF, ()), "5, 6 and 5 bits": bmp(0xFFFF, (0xF800, 0x07E0, 0x001F))}
seen = {}
for name, data in files.items():
    opencv = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[0]
    pillow = np.asarray(Image.open(io.BytesIO(data)))[0]
    assert not opencv[0].any() and not pillow[0].any()  # black
    seen[name] = opencv[1].tolist()
    print(f"seen:     {name}: white is {seen[name]} in OpenCV, {pillow[1].tolist()} in Pillow")

if any(white == [255, 255, 255] for white in seen.values()):
    sys.exit("behaviour changed: white of a 16-bit BMP is white")
END
