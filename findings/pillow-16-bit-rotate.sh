#!/usr/bin/env bash
# Pillow: rotate and transform with BILINEAR or BICUBIC take the bytes of 16-bit gray for samples of 8 bits.
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
from PIL import Image

print(f"versions: Pillow {PIL.__version__}")
print("expected: a flat 16-bit picture (mode I;16) of 1000, turned by 10 degrees or moved by half a sample,")
print("          stays 1000 in the middle with each filter, as it does with NEAREST, in resize and in mode I")

flat = Image.fromarray(np.full((64, 64), 1000, np.uint16))
half = (1, 0, 0.5, 0, 1, 0)
seen = {}
for name in "NEAREST", "BILINEAR", "BICUBIC":
    filter_ = Image.Resampling[name]
    pictures = {
        "rotate": flat.rotate(10, filter_),
        "transform": flat.transform(flat.size, Image.Transform.AFFINE, half, filter_),
        "resize": flat.resize((50, 50), filter_),
        "rotate in mode I": flat.convert("I").rotate(10, filter_),
    }
    seen[name] = {what: np.unique(np.asarray(picture)[20:40, 20:40]).tolist() for what, picture in pictures.items()}

for name, results in seen.items():
    print(f"seen:     {name}: " + ", ".join(f"{what} {v[0]} to {v[-1]}" for what, v in results.items()))
print("          (1000 is 3 * 256 + 232)")
if seen["BILINEAR"]["rotate"] == [1000] or seen["BICUBIC"]["rotate"] == [1000]:
    sys.exit("behaviour changed: 16-bit pictures keep their value or the call is refused")
END
