#!/usr/bin/env bash
# OpenCV: COLOR_BGR2YUV of 8 bits has no room for V of saturated colours: red comes back as 221.
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
print("expected: 8-bit BGR to YUV and back is right within a level or two, as with YCrCb, and as with float")

colors = np.stack(np.meshgrid(*[np.arange(0, 256, 15, dtype=np.uint8)] * 3), axis=-1).reshape(1, -1, 3)
there_and_back = {
    "YCrCb": (cv2.COLOR_BGR2YCrCb, cv2.COLOR_YCrCb2BGR),
    "YUV": (cv2.COLOR_BGR2YUV, cv2.COLOR_YUV2BGR),
}
worst = {}
for name, (there, back) in there_and_back.items():
    error = np.abs(cv2.cvtColor(cv2.cvtColor(colors, there), back).astype(int) - colors).max(axis=-1)
    worst[name] = int(error.max())
    print(f"seen:     {name}: off by up to {worst[name]}; by more than 2 in {(error > 2).mean():.1%} of the colours")
floats = (colors / 255).astype(np.float32)
error = np.abs(cv2.cvtColor(cv2.cvtColor(floats, cv2.COLOR_BGR2YUV), cv2.COLOR_YUV2BGR) - floats).max() * 255
red = cv2.cvtColor(np.array([[[0, 0, 255]]], np.uint8), cv2.COLOR_BGR2YUV)
print(f"          YUV of float: off by up to {error:.2f} of 255")
back = cv2.cvtColor(red, cv2.COLOR_YUV2BGR)
print(f"          red is YUV {red[0, 0].tolist()} and comes back as BGR {back[0, 0].tolist()}")
if worst["YUV"] <= 2:
    sys.exit("behaviour changed: 8-bit YUV and back is right within two levels")
END
