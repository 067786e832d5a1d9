#!/usr/bin/env bash
# Pillow: convert() keeps a profile that no longer fits; PNG, TIFF and AVIF store it unasked, JPEG and WebP do not.
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
from PIL import Image, ImageCms, features

print(f"versions: Pillow {PIL.__version__} (LittleCMS {features.version('littlecms2')})")
print("expected: an RGB picture with an RGB profile, made gray or CMYK, is saved without it (PNG forbids it for gray)")

profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
rgb = io.BytesIO()
Image.new("RGB", (8, 8), (200, 100, 30)).save(rgb, "PNG", icc_profile=profile)
seen = {}
for case in "L PNG", "L TIFF", "L AVIF", "L JPEG", "L WEBP", "CMYK TIFF", "CMYK JPEG":
    mode, kind = case.split()
    file = io.BytesIO()
    Image.open(rgb).convert(mode).save(file, kind)
    kept = Image.open(file).info.get("icc_profile", b"")
    seen[case] = kept[16:20].decode().strip() or "none"  # the profile's colour space

print("seen:     profile in the file: " + ", ".join(f"{case}: {space}" for case, space in seen.items()))
if list(seen.values()) != ["RGB", "RGB", "RGB", "none", "none", "RGB", "none"]:
    sys.exit("behaviour changed: other files have the RGB profile than had")
END
