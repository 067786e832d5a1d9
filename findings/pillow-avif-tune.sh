#!/usr/bin/env bash
# Pillow: AVIF is tuned for IQ unless told otherwise, byte for byte; tune=iq itself is refused at quality 100.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    pillow==13.0.0 numpy==2.4.6
venv/bin/python -I - <<'END'
import io
import sys

import numpy as np
import PIL
from PIL import Image, features

print(f"versions: Pillow {PIL.__version__} (libavif {features.version('avif')})")
print("expected: the default is tune=ssim, as in Pillow 12.1, and each tune takes each quality")

random = np.random.default_rng(0)  # noise with the spectrum of photographs
frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256))
frequency[0, 0] = 1
luma, red, blue = np.fft.ifft2(np.fft.fft2(random.standard_normal((3, 256, 256))) / frequency**1.2).real
luma, red, blue = 50 * luma / luma.std(), 10 * red / red.std(), 10 * blue / blue.std()
pixels = (128 + np.stack([luma + red, luma, luma + blue], -1)).clip(0, 255).astype(np.uint8)


def encode(quality, tune=None):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "AVIF", quality=quality, advanced={"tune": tune} if tune else None)
    return file.getvalue()


def psnr(data):
    error = np.asarray(Image.open(io.BytesIO(data))).astype(float) - pixels
    return 10 * np.log10(255**2 / (error**2).mean())


default = encode(75)
same = [tune for tune in ("ssim", "psnr", "iq") if encode(75, tune) == default]
by_ssim = (encode(quality, "ssim") for quality in range(60, 90))
rival = max((data for data in by_ssim if len(data) <= len(default)), key=len)
refused = []
for tune in None, "ssim", "psnr", "iq":
    try:
        encode(100, tune)
    except ValueError as error:
        refused.append(tune)
        print(f"seen:     quality 100, tune {tune}: {error}")
print(f"seen:     quality 75: the default is byte for byte that of tune {same}")
for name, data in ("the default", default), ("ssim at most as large", rival):
    print(f"          {name}: {len(data)} bytes, {psnr(data):.2f} dB")
if same != ["iq"] or refused != ["iq"] or psnr(rival) <= psnr(default):
    sys.exit("behaviour changed: the default is no longer tune iq, or that is no longer refused at quality 100")
END
