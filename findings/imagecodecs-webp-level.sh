#!/usr/bin/env bash
# imagecodecs: webp_encode(level=10) is lossless, as any level is unless lossless=False is said too.
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

print(f"versions: imagecodecs {imagecodecs.__version__} ({imagecodecs.webp_version()})")
print("expected: webp_encode(level=10) is lossy and small, as avif_encode and jpegxl_encode with a level are")

noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
encoders = {
    "WebP": imagecodecs.webp_encode,
    "WebP, lossless=False": lambda x, level: imagecodecs.webp_encode(x, level=level, lossless=False),
    "AVIF": imagecodecs.avif_encode,
    "JPEG XL": imagecodecs.jpegxl_encode,
}
sizes = {name: [len(encode(noise, level=level)) for level in (10, 50, 90)] for name, encode in encoders.items()}
exact = (imagecodecs.webp_decode(imagecodecs.webp_encode(noise, level=10)) == noise).all()

for name, bytes_ in sizes.items():
    print(f"seen:     {name}: {bytes_} bytes at levels 10, 50 and 90")
print(f"          WebP of level 10 {'gives back each pixel' if exact else 'is lossy'}")
if not exact:
    sys.exit("behaviour changed: a level makes WebP lossy")
END
