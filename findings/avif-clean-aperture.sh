#!/usr/bin/env bash
# Pillow, OpenCV and imagecodecs give the whole coded picture of an AVIF file, not its clean aperture ('clap').
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    pillow==13.0.0 numpy==2.4.6 opencv-python-headless==5.0.0.93 imagecodecs==2026.3.6
venv/bin/python -I - <<'END'
import io
import struct
import sys

import cv2
import imagecodecs
import numpy as np
import PIL
from PIL import Image, features

avif = features.version("avif")
libraries = f"OpenCV {cv2.__version__}, imagecodecs {imagecodecs.__version__}"
print(f"versions: Pillow {PIL.__version__} (libavif {avif}), {libraries}")
print("expected: an AVIF file of 64x64 with an essential 'clap' of 32x32 at its centre opens as 32x32, or is refused")


def box(kind, data):
    return struct.pack(">I4s", 8 + len(data), kind) + data


def boxes(data):
    while data:
        size, kind = struct.unpack(">I4s", data[:8])
        yield kind, data[8:size]
        data = data[size:]


picture = np.zeros((64, 64, 3), np.uint8)
picture[16:48, 16:48] = 255
plain = io.BytesIO()
Image.fromarray(picture).save(plain, "AVIF")
top = dict(boxes(plain.getvalue()))
meta = dict(boxes(top[b"meta"][4:]))
properties = dict(boxes(meta[b"iprp"]))

# width, height and offsets from the centre, as fractions
clap = box(b"clap", struct.pack(">8I", 32, 1, 32, 1, 0, 1, 0, 1))
index = len(list(boxes(properties[b"ipco"]))) + 1
links = bytearray(properties[b"ipma"])
assert struct.unpack(">IIHB", links[:11])[1:3] == (1, 1)  # one item, number 1
links[10] += 1
links.append(0x80 | index)  # essential
meta[b"iprp"] = box(b"ipco", properties[b"ipco"] + clap) + box(b"ipma", bytes(links))
place = bytearray(meta[b"iloc"])
assert place[:2] == b"\0\0" and place[4:6] == b"\x44\0"  # version 0, offsets of 4 bytes, no base offset
offset = struct.unpack(">I", place[14:18])[0] + len(clap) + 1
place[14:18] = struct.pack(">I", offset)
meta[b"iloc"] = bytes(place)
top[b"meta"] = top[b"meta"][:4] + b"".join(box(*b) for b in meta.items())
file = b"".join(box(*b) for b in top.items())
assert file[offset:] == top[b"mdat"]

sizes = {
    "Pillow": Image.open(io.BytesIO(file)).size,
    "OpenCV": cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR).shape[1::-1],
    "imagecodecs": imagecodecs.avif_decode(file).shape[1::-1],
}
print("seen:     " + ", ".join(f"{who} {w}x{h}" for who, (w, h) in sizes.items()))
if set(sizes.values()) != {(64, 64)}:
    sys.exit("behaviour changed: not all three ignore the clean aperture")
END
