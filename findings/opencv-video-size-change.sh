#!/usr/bin/env bash
# OpenCV: VideoCapture rescales frames to the size of the stream's first one, and nothing tells of it.
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
print("expected: where frames become larger midway, read() gives larger ones or fails, or a property tells")

sizes = [(64, 48)] * 3 + [(128, 96)] * 3 + [(40, 80)] * 3
with open("stream.mjpeg", "wb") as file:
    for width, height in sizes:
        stripes = np.zeros((height, width, 3), np.uint8)
        stripes[:, ::2] = 255
        file.write(cv2.imencode(".jpg", stripes)[1])

capture = cv2.VideoCapture("stream.mjpeg")
names = [name for name in dir(cv2) if name.startswith("CAP_PROP_") and not name.startswith("CAP_PROP_POS_")]
frames, states = [], []
while True:
    done, frame = capture.read()
    if not done:
        break
    frames.append(frame)
    states.append({name: capture.get(getattr(cv2, name)) for name in names})
shapes = {frame.shape[1::-1] for frame in frames}
changed = [name for name in names if name != "CAP_PROP_PTS" and len({state[name] for state in states}) > 1]
before, after = (frames[place].std() for place in (2, 3))
print(f"seen:     {len(frames)} frames of {len(sizes)}, with {capture.getBackendName()}; their sizes: {shapes}")
print(f"          contrast of stripes of 1 px: {before:.0f} in the first size, {after:.0f} in the larger one")
print(f"          of {len(names)} properties (positions aside) these changed: {changed}")
if len(frames) != len(sizes) or shapes != {(64, 48)} or changed or after > before / 2:
    sys.exit("behaviour changed: frames are no longer rescaled in silence")
END
