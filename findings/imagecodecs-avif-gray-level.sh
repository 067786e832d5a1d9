#!/usr/bin/env bash
# imagecodecs: avif_encode ignores the level of a gray picture and codes it without loss.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    imagecodecs==2026.3.6 numpy==2.4.6
venv/bin/python -I - <<'END'
import sys

import imagecodecs
import numpy as np

print(f"versions: imagecodecs {imagecodecs.__version__} ({imagecodecs.avif_version()})")
print("expected: avif_encode(level=10) of a gray picture is smaller than level=90 and loses something, as for RGB")

y, x = np.mgrid[:96, :96]
waves = np.sin(x / 5) * 60 + np.cos(y / 7) * 60 + 128
gray = (waves + np.random.default_rng(1).normal(0, 10, x.shape)).clip(0, 255).astype(np.uint8)
size = {
    name: [len(imagecodecs.avif_encode(picture, level=level)) for level in (10, 50, 90)]
    for name, picture in (("gray", gray), ("RGB", np.repeat(gray[..., None], 3, -1)))
}
loss = np.abs(imagecodecs.avif_decode(imagecodecs.avif_encode(gray, level=10)).astype(int) - gray).max()

print(f"seen:     bytes at levels 10, 50 and 90: gray {size['gray']}, RGB {size['RGB']}")
print(f"          largest error of gray at level 10: {loss}")
if len(set(size["gray"])) > 1 or loss or not size["RGB"][0] < size["RGB"][2]:
    sys.exit("behaviour changed: the level of gray pictures counts")
END
