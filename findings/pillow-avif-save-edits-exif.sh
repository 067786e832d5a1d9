#!/usr/bin/env bash
# Pillow: saving as AVIF takes the orientation out of the caller's Exif object, so that the next file lacks it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    pillow==13.0.0
venv/bin/python -I - <<'END'
import io
import sys

import PIL
from PIL import Image, features

print(f"versions: Pillow {PIL.__version__} (libavif {features.version('avif')})")
print("expected: an Exif object of orientation 6, given to save() for AVIF, then for JPEG, gives it to both files")

picture = Image.new("RGB", (48, 32))
exif = Image.Exif()
exif[0x0112] = 6
found = []
for kind in "JPEG", "AVIF", "JPEG":
    file = io.BytesIO()
    picture.save(file, kind, exif=exif)
    found.append(Image.open(file).getexif().get(0x0112))

print(f"seen:     {found[0]} in a JPEG saved before, {found[1]} in the AVIF, {found[2]} in a JPEG saved after")
print(f"          {exif.get(0x0112)} in the object at the end")
if found != [6, 6, None]:
    sys.exit("behaviour changed: the second JPEG has its orientation")
END
