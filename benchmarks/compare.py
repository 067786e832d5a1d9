"""See for yourself: python -m benchmarks.compare cam.jpg makes compare.html and compare.png.

The page needs nothing but a browser, not even a network: the original beside ours, JPEG, WebP and AVIF at equal bytes
and at equal PSNR, with a slider, zoom and what SSIMULACRA 2 and Butteraugli say of each. The picture shows the same as
crops. How rates are matched is told in matching.py.
"""

import argparse
import base64
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks import baselines, crops, matching
from benchmarks.baselines import Pixels
from benchmarks.crops import LABELS
from benchmarks.matching import Version
from benchmarks.rate_distortion import bundle_id, load, parse_peers
from runtime import __version__
from runtime.errors import CodecError

TEMPLATE = Path(__file__).with_name("compare.html")
SLOT = "{/* data */}"
TITLES = {"bytes": "at equal bytes", "psnr": "at equal PSNR"}
MOST_PX = 1600, 1200
"""Of the part that the page shows; the codecs always see the whole picture."""
EXAMPLES = """examples:
  python -m benchmarks.compare cam.jpg
  python -m benchmarks.compare cam.jpg --bpp 0.3 -o night.html
"""

Groups = dict[str, list[Version]]
"""Versions of the peers by what is equal: bytes or psnr."""


def match(own: Version, pixels: Pixels, peers: Sequence[baselines.Contender]) -> Groups:
    """Return each peer's version with at least our bytes, and that nearest to our PSNR."""
    groups: Groups = {"bytes": [], "psnr": []}
    for peer in tqdm(peers, unit="codec", disable=None):
        groups["bytes"].append(matching.with_bytes(peer, pixels, len(own.data)))
        groups["psnr"].append(matching.with_psnr(peer, pixels, own.psnr_db))
    return groups


def window(pixels: Pixels) -> tuple[slice, slice]:
    """Return the rows and columns that the page shows: all of them, or the middle of a large picture."""
    columns, rows = (
        slice((side - shown) // 2, (side - shown) // 2 + shown)
        for side, most in zip(pixels.shape[1::-1], MOST_PX, strict=True)
        for shown in [min(side, most)]
    )
    return rows, columns


def page(name: str, original: Pixels, own: Version, groups: Groups) -> str:
    """Return the page: the template with everything it shows in its one slot, pictures as lossless WebP."""
    shown = window(original)

    def view(key: str, label: str, group: str, pixels: Pixels, version: Version | None) -> dict[str, object]:
        found: dict[str, object] = {"key": key, "label": label, "group": group, "src": _source(pixels[shown])}
        if version is not None:
            found |= {"bytes": len(version.data), "bpp": round(version.bpp, 4), "psnr": round(version.psnr_db, 2)}
            found |= {"ssimulacra2": version.ssimulacra2, "butteraugli": version.butteraugli}
        return found

    views = [view("original", "Original", "both", original, None), view("gargalo", "gargalo", "both", own.pixels, own)]
    views += [
        view(f"{version.codec}:{group}", LABELS.get(version.codec, version.codec), group, version.pixels, version)
        for group, versions in groups.items()
        for version in versions
    ]
    height, width = original.shape[:2]
    data = {
        "name": name,
        "width": width,
        "height": height,
        "shown": [shown[1].stop - shown[1].start, shown[0].stop - shown[0].start],
        "made": f"gargalo {__version__}, bundle {bundle_id(own.data)}",
        "views": views,
    }
    # "<" is escaped so that no file name can end the script element
    return TEMPLATE.read_text(encoding="utf-8").replace(SLOT, json.dumps(data).replace("<", "\\u003c"))


def _source(pixels: Pixels) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "WEBP", lossless=True, method=2, exact=True)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def main(argv: Sequence[str] | None = None) -> int:
    """Make the page and the picture and return an exit status."""
    options = _parser().parse_args(argv)
    try:
        from runtime.codec import Codec

        pixels = load(options.image)
        peers = [baselines.PEERS[peer]() for peer in options.peers if baselines.is_available(peer)]
        own = matching.ours(Codec(options.bundle), pixels, bpp=options.bpp, quality=options.quality)
        groups = match(own, pixels, peers)
        options.out.write_text(page(options.image.name, pixels, own, groups), encoding="utf-8")
        at = crops.busiest(pixels, options.side)
        rows = [crops.row(pixels, [*groups[group], own], at, options.side, told) for group, told in TITLES.items()]
        crops.save(crops.sheet(rows), options.out.with_suffix(".png"))
        print(f"{options.out} {options.out.stat().st_size >> 10} KiB, {options.out.with_suffix('.png')}")
    except (CodecError, OSError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description="Show a picture through our codec and classical ones, in a page of its own.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("image", type=Path, metavar="PICTURE")
    add("-o", "--out", type=Path, default=Path("compare.html"), help="the page; the PNG gets the same name")
    add("-q", "--quality", type=float, default=50, help="ours, 1..100 (default: %(default)s)")
    add("--bpp", type=float, help="our rate instead of a quality")
    add("--peers", type=parse_peers, default="jpeg,webp,avif-iq", metavar="NAME,...", help="default: %(default)s")
    add("--side", type=int, default=256, metavar="PX", help="side of the PNG's crops (default: %(default)s)")
    add("--bundle", metavar="DIR", help="our weights, a folder or a shipped name")
    return parser


if __name__ == "__main__":
    sys.exit(main())
