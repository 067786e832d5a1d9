#!/usr/bin/env bash
# jpegli: its decoder gives less PSNR than libjpeg-turbo on its own files, if adaptively quantized; more on others.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    ajpegli==1.0.0 pillow==13.0.0 numpy==2.4.6
venv/bin/python -I - <<'END'
import io
import sys

import ajpegli
import numpy as np
import PIL
from PIL import Image, features

turbo = features.version("libjpeg_turbo")
print(f"versions: ajpegli {ajpegli.__version__}, Pillow {PIL.__version__} (libjpeg-turbo {turbo})")
print("expected: jpegli's decoder, which estimates where in its step each coefficient lay, is the closer one,")
print("          the more so of files by jpegli's own encoder")

random = np.random.default_rng(0)  # noise with the spectrum of photographs
frequency = np.hypot(np.fft.fftfreq(512)[:, None], np.fft.fftfreq(512))
frequency[0, 0] = 1
luma, red, blue = np.fft.ifft2(np.fft.fft2(random.standard_normal((3, 512, 512))) / frequency**1.2).real
luma, red, blue = 50 * luma / luma.std(), 10 * red / red.std(), 10 * blue / blue.std()
pixels = (128 + np.stack([luma + red, luma, luma + blue], -1)).clip(0, 255).astype(np.uint8)


def psnr(decoded):
    return 10 * np.log10(255**2 / ((np.asarray(decoded).astype(float) - pixels) ** 2).mean())


def by_pillow(quality):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling="4:4:4")
    return file.getvalue()


def by_jpegli(quality, adaptive):
    return ajpegli.encode(pixels, quality=quality, subsampling="444", adaptive_quantization=adaptive)


writers = {
    "libjpeg-turbo": by_pillow,
    "jpegli, adaptive_quantization=False": lambda quality: by_jpegli(quality, False),
    "jpegli, as by default": lambda quality: by_jpegli(quality, True),
}
gains = {}
for name, encode in writers.items():
    files = [encode(quality) for quality in (50, 75, 90)]
    gains[name] = [psnr(ajpegli.decode(file)) - psnr(Image.open(io.BytesIO(file))) for file in files]
for name, gain in gains.items():
    listed = ", ".join(f"{value:+.3f}" for value in gain)
    print(f"seen:     written by {name}: jpegli's decoder gives {listed} dB (quality 50, 75, 90)")
own = gains.pop("jpegli, as by default")
if max(own) >= 0 or min(map(min, gains.values())) <= 0:
    sys.exit("behaviour changed: jpegli's decoder is no longer worse on its own files alone")
END
