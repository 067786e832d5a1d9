#!/usr/bin/env bash
# Pillow: a 16-bit RGB TIFF in separate planes opens with wrong pixels if uncompressed, right ones if compressed.
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
from PIL import Image

print(f"versions: Pillow {PIL.__version__}, tifffile {tifffile.__version__}")
print("expected: a 16-bit RGB TIFF with PlanarConfiguration 2 has the same pixels compressed or not, or is refused")

planes = np.random.default_rng(0).integers(0, 65536, (3, 32, 40)).astype(np.uint16)
want = np.moveaxis(planes >> 8, 0, -1).astype(int)
off = {}
for compression in None, "lzw":
    file = io.BytesIO()
    tifffile.imwrite(file, planes, photometric="rgb", planarconfig="separate", compression=compression)
    file.seek(0)
    assert (tifffile.imread(file) == planes).all()
    image = Image.open(file)
    off[compression] = np.abs(np.asarray(image) - want).max()

print(f"seen:     mode {image.mode}; off by at most {off['lzw']} of 255 with LZW, by up to {off[None]} without")
if not off["lzw"] <= 1 < 100 < off[None]:
    sys.exit("behaviour changed: compressed and uncompressed planes no longer differ in this way")
END
