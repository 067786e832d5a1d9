#!/usr/bin/env bash
# pillow-heif: save(exif=...) turns the picture if Exif is given as bytes; of an Exif object the orientation is lost.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    pillow_heif==1.8.1 pillow==13.0.0
venv/bin/python -I - <<'END'
import io
import sys

import PIL
import pillow_heif
from PIL import Image, ImageOps

pillow_heif.register_heif_opener()
versions = f"pillow-heif {pillow_heif.__version__} (libheif {pillow_heif.libheif_version()}), Pillow {PIL.__version__}"
print(f"versions: {versions}")
print("expected: 64x48, saved with an orientation of 6 and upright once more by exif_transpose, is 48x64,")
print("          whether save() is given the Exif object or its bytes")

exif = Image.Exif()
exif[0x0112], exif[0x010F] = 6, "maker"
seen = {}
for kind in "JPEG", "AVIF", "HEIF":
    for given, value in ("object", exif), ("bytes", exif.tobytes()):
        file = io.BytesIO()
        Image.new("RGB", (64, 48)).save(file, kind, exif=value)
        exif[0x0112] = 6  # AVIF takes it out of the object
        picture = Image.open(file)
        seen[kind, given] = "{}x{}".format(*ImageOps.exif_transpose(picture).size), picture.getexif()[0x010F]

for (kind, given), (size, maker) in seen.items():
    print(f"seen:     {kind}, Exif as {given}: {size}; its other tag reads {maker!r}")
if seen["HEIF", "object"][0] == "48x64":
    sys.exit("behaviour changed: HEIF keeps the orientation of an Exif object")
END
