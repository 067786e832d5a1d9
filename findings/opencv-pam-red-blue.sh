#!/usr/bin/env bash
# OpenCV swaps red and blue of PAM files, in reading and in writing, which hides it from a round trip.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    opencv-python-headless==5.0.0.93 numpy==2.4.6
venv/bin/python -I - <<'END'
import sys

import cv2
import numpy as np

print(f"versions: OpenCV {cv2.__version__}")
print("expected: a PAM file of TUPLTYPE RGB and a PPM file of the same samples give the same pixels, blue first")

samples = bytes([200, 100, 30]) * 4
read = {
    name: cv2.imdecode(np.frombuffer(header + samples, np.uint8), cv2.IMREAD_COLOR)[0, 0].tolist()
    for name, header in (
        ("PPM", b"P6\n2 2\n255\n"),
        ("PAM", b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n"),
    )
}
written = {}
for name in "ppm", "pam":
    _, file = cv2.imencode(f".{name}", np.full((2, 2, 3), (30, 100, 200), np.uint8))  # blue 30, red 200
    written[name.upper()] = list(file.tobytes()[-3:])

print(f"seen:     red 200, blue 30 is read from PPM as {read['PPM']}, from PAM as {read['PAM']};")
print(f"          written, its bytes are {written['PPM']} in PPM, {written['PAM']} in PAM")
if read["PPM"] != [30, 100, 200] or read["PAM"] != [200, 100, 30] or written["PAM"] == written["PPM"]:
    sys.exit("behaviour changed: PAM and PPM no longer differ in this way")
END
