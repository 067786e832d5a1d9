#!/usr/bin/env bash
# scikit-image: one NaN in a picture makes SSIM's map NaN in all that lies below and to the right, not in one window.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    scikit-image==0.26.0 scipy==1.17.1 numpy==2.4.6
venv/bin/python -I - <<'END'
import sys

import numpy as np
import scipy
import skimage
from skimage.metrics import structural_similarity

print(f"versions: scikit-image {skimage.__version__}, SciPy {scipy.__version__}")
print("expected: a NaN (no measurement) at (20, 20) of 64x64 makes the map NaN where the window of 7x7 holds it:")
print("          49 places, so that np.nanmean of the map is SSIM of the rest")

random = np.random.default_rng(0)
x = random.random((64, 64))
y = x + random.normal(0, 0.05, x.shape)
x[20, 20] = np.nan
kinds = {"uniform window": {}, "Gaussian window of 11x11": {"gaussian_weights": True, "use_sample_covariance": False}}
seen = {}
for name, options in kinds.items():
    holes = np.isnan(structural_similarity(x, y, data_range=1, full=True, **options)[1])
    seen[name] = int(holes.sum())
    rows, columns = (np.flatnonzero(holes.any(axis=axis)) for axis in (1, 0))
    where = f"rows {rows[0]} to {rows[-1]}, columns {columns[0]} to {columns[-1]}"
    print(f"seen:     {name}: {seen[name]} places of 4096 are NaN ({where})")
print("          (scipy.ndimage.uniform_filter keeps a running sum)")
if seen["uniform window"] == 49:
    sys.exit("behaviour changed: NaN stays within its window")
END
