#!/usr/bin/env bash
# Pillow: YCbCrCoefficients and ReferenceBlackWhite of a TIFF count if it is compressed, and are ignored if it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    pillow==13.0.0 numpy==2.4.6 tifffile==2026.3.3 imagecodecs==2026.3.6
venv/bin/python -I - <<'END'
import io
import sys

import numpy as np
import PIL
import tifffile
from PIL import Image, features

print(f"versions: Pillow {PIL.__version__} (libtiff {features.version('libtiff')}), tifffile {tifffile.__version__}")
print("expected: the same YCbCr samples with the same tags are the same colour, compressed or not")

samples = np.empty((16, 16, 3), np.uint8)
samples[:] = 120, 90, 200
rec_709 = (529, "2I", 3, (2126, 10000, 7152, 10000, 722, 10000), True)
video_range = (532, "2I", 6, (16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1), True)
rgb = {}
for name, tag in ("no tag", None), ("Rec. 709 coefficients", rec_709), ("black 16, white 235", video_range):
    for compression in None, "zlib":
        file = io.BytesIO()
        how = {"photometric": "ycbcr", "subsampling": (1, 1), "compression": compression}
        tifffile.imwrite(file, samples, extratags=[tag] if tag else [], **how)
        rgb[name, compression] = np.asarray(Image.open(file).convert("RGB"))[8, 8].astype(int)

for name, _ in list(rgb)[::2]:
    print(f"seen:     {name}: {rgb[name, 'zlib'].tolist()} with deflate, {rgb[name, None].tolist()} uncompressed")


def differ(a, b):
    return np.abs(a - b).max() > 2


plain, coefficients, levels = ((rgb[name, None], rgb[name, "zlib"]) for name, _ in list(rgb)[::2])
ignored = not differ(plain[0], coefficients[0]) and not differ(plain[0], levels[0])
if differ(*plain) or not ignored or not differ(*coefficients) or not differ(*levels):
    sys.exit("behaviour changed: the tags no longer count with compression only")
END
