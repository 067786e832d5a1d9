#!/usr/bin/env bash
# Pillow: a 16-bit RGB PNG's transparent colour is looked for by its low bytes, among the samples' high bytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    pillow==13.0.0 numpy==2.4.6
venv/bin/python -I - <<'END'
import io
import struct
import sys
import zlib

import numpy as np
import PIL
from PIL import Image

print(f"versions: Pillow {PIL.__version__}")
print("expected: of a 16-bit RGB PNG whose tRNS chunk says 0x1234, pixels of 0x1234 are clear, all others opaque")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


grays = 0x1234, 0x1235, 0x3400, 0x34FF
file = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", len(grays), 1, 16, 2, 0, 0, 0))
    + chunk(b"tRNS", struct.pack(">HHH", 0x1234, 0x1234, 0x1234))
    + chunk(b"IDAT", zlib.compress(b"\0" + b"".join(struct.pack(">HHH", g, g, g) for g in grays)))
    + chunk(b"IEND", b"")
)
alpha = np.asarray(Image.open(io.BytesIO(file)).convert("RGBA"))[0, :, 3]

print("seen:     " + ", ".join(f"0x{g:04x} {'opaque' if a else 'clear'}" for g, a in zip(grays, alpha, strict=True)))
if alpha.tolist() != [255, 255, 0, 0]:
    sys.exit("behaviour changed: other pixels are clear than were")
END
