#!/usr/bin/env bash
# Pillow: paste and composite with a mask of 8 bits change the left half of a 16-bit picture only.
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
print("expected: a 16-bit picture (mode I;16) pasted over another through a mask of 255 covers all of it,")
print("          as it does without a mask and through a mask of mode 1")

ground, picture = (Image.new("I;16", (64, 8), value) for value in (0, 1000))
seen = {}
for case, mask in ("none", None), ("1", Image.new("1", (64, 8), 1)), ("L", Image.new("L", (64, 8), 255)):
    result = ground.copy()
    result.paste(picture, (0, 0), mask)
    seen[case] = (np.asarray(result) == 1000).all(axis=0)
composite = Image.composite(picture, ground, Image.new("L", (64, 8), 255))
seen["L (composite)"] = (np.asarray(composite) == 1000).all(axis=0)

for case, columns in seen.items():
    left = int(columns[:32].sum())
    print(f"seen:     mask {case}: covers {left} of the 32 columns on the left, {columns.sum() - left} of the right")
if seen["L"].all() or seen["L (composite)"].all():
    sys.exit("behaviour changed: the mask counts for the whole width")
END
