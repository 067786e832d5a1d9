#!/usr/bin/env bash
# Pillow: NumPy sees a and b of a Lab picture shifted by 128 against getpixel, split and getextrema.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    pillow==13.0.0 numpy==2.4.6
venv/bin/python -I - <<'END'
import sys

import numpy as np
import PIL
from PIL import Image, ImageCms, features

print(f"versions: Pillow {PIL.__version__} (LittleCMS {features.version('littlecms2')})")
print("expected: np.asarray(picture) holds what getpixel returns, as in RGB, YCbCr, HSV and CMYK")

srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
red = Image.new("RGB", (4, 4), (255, 0, 0))
seen = {}
for mode in "RGB", "YCbCr", "HSV", "CMYK", "LAB":
    picture = ImageCms.profileToProfile(red, srgb, lab, outputMode="LAB") if mode == "LAB" else red.convert(mode)
    bands = tuple(int(np.asarray(band)[0, 0]) for band in picture.split())
    seen[mode] = picture.getpixel((0, 0)), bands, tuple(np.asarray(picture)[0, 0].tolist())

for mode, (pixel, bands, array) in seen.items():
    print(f"seen:     red in {mode}: getpixel {pixel}, arrays of split() {bands}, np.asarray {array}")
pixel, bands, array = seen["LAB"]
if pixel == bands == array:
    sys.exit("behaviour changed: the array of a Lab picture holds its pixels")
END
