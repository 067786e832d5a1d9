#!/usr/bin/env bash
# Pillow: save(file, "WEBP") imports five other formats first, even with the WebP plugin loaded; a name of the file saves that.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    pillow==13.0.0
cat > save.py <<'END'
import io
import sys

from PIL import Image, WebPImagePlugin

file = io.BytesIO()
if sys.argv[1] == "name":
    file.name = "picture.webp"
    Image.new("RGB", (8, 8)).save(file)
else:
    Image.new("RGB", (8, 8)).save(file, "WEBP")
assert file.getvalue()[8:12] == b"WEBP"
loaded = {name.removeprefix("PIL.") for name in sys.modules if name.endswith("ImagePlugin")} - {"WebPImagePlugin"}
print(*sorted(loaded))
END
python=venv/bin/python
echo "versions: Pillow $($python -I -c 'import PIL; print(PIL.__version__)')"
echo "expected: no other plugin is imported where the format is told and its plugin is loaded"
by_format=$($python -I save.py format)
by_name=$($python -I save.py name)
echo "seen:     by format: ${by_format:-none}"
echo "          by the name of the file object: ${by_name:-none}"
if [ "$by_format" != "BmpImagePlugin GifImagePlugin JpegImagePlugin PngImagePlugin PpmImagePlugin" ] || [ -n "$by_name" ]; then
    echo "behaviour changed: other plugins are imported now" >&2
    exit 1
fi
