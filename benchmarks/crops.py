"""What the eye sees: crops of pictures at equal bytes, side by side.

    python -m benchmarks.crops PICTURE... -o OUT

A sheet has a row for each picture and rate: the original, each peer with at least our bytes, and ours. OUT is one
sheet, or a folder for a sheet a picture. The crop is the busiest place unless --at names another.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from benchmarks import baselines, matching
from benchmarks.baselines import Pixels
from benchmarks.matching import Version
from benchmarks.rate_distortion import load, parse_peers, pictures
from runtime.errors import CodecError

LABELS = {
    "gargalo": "gargalo",
    "jpeg": "JPEG",
    "jpegli": "jpegli",
    "webp": "WebP",
    "webp-m6": "WebP, method 6",
    "avif-iq": "AVIF, tune=iq",
    "avif-ssim": "AVIF, tune=ssim",
    "avif-psnr": "AVIF, tune=psnr",
    "avif-fast": "AVIF, speed 9",
    "jxl": "JPEG XL",
    "avif": "AVIF",
    "jpeg2000": "JPEG 2000",
    "blurhash": "BlurHash",
    "thumbhash": "ThumbHash",
}
GAP_PX, TEXT_PX, LINE_PX = 8, 14, 18
BACK, INK, FAINT = "#ffffff", "#1c1c1e", "#6e6e73"
WEBP_QUALITIES, WEBP_BYTES = (92, 88, 84, 80), 240_000
"""A sheet saved as WebP has the first of these qualities with which it is no larger than that: six fit into 1.5 MB."""
EXAMPLES = """examples:
  python -m benchmarks.crops docs/cam.jpg --bpp 0.3 --peers jpeg,webp -o docs/crops.png
  python -m benchmarks.crops kodak --limit 6 --bpp 0.15,0.3,0.6 -o docs/results/crops/
"""

Cell = tuple[Pixels, str, str]
"""Pixels of a crop, its heading and the line under it."""


def busiest(pixels: Pixels, side_px: int) -> tuple[int, int]:
    """Return the left and top of the square whose brightness changes most from pixel to pixel, on a grid of 8 px."""
    gray = pixels.mean(axis=2)
    change = np.zeros_like(gray)
    change[:, 1:] += np.abs(np.diff(gray, axis=1))
    change[1:] += np.abs(np.diff(gray, axis=0))
    sums = np.pad(np.minimum(change, 64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    height, width = min(side_px, gray.shape[0]), min(side_px, gray.shape[1])
    total = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    total = total[::8, ::8]
    top, left = np.unravel_index(int(total.argmax()), total.shape)
    return 8 * int(left), 8 * int(top)


def row(original: Pixels, versions: Sequence[Version], at: tuple[int, int], side_px: int, name: str) -> list[Cell]:
    """Return the cells of a sheet's row: the original and each version."""
    left, top = at
    window = np.s_[top : top + side_px, left : left + side_px]
    found: list[Cell] = [(original[window], name, "original")]
    for version in versions:
        told = f"{version.bpp:.3f} bpp, {version.psnr_db:.1f} dB"
        if version.ssimulacra2 is not None:
            told += f", SS2 {version.ssimulacra2:.0f}"
        found.append((version.pixels[window], LABELS.get(version.codec, version.codec), told))
    return found


def sheet(rows: Sequence[Sequence[Cell]], scale: int = 1) -> Image.Image:
    """Return rows of labelled crops as one picture, each enlarged by a whole number without smoothing."""
    font = ImageFont.load_default(TEXT_PX)
    width_px = max(cell[0].shape[1] for cells in rows for cell in cells) * scale
    heights_px = [max(cell[0].shape[0] for cell in cells) * scale + 2 * LINE_PX for cells in rows]
    most = max(len(cells) for cells in rows)
    size = (GAP_PX + most * (width_px + GAP_PX), GAP_PX + sum(height + GAP_PX for height in heights_px))
    page = Image.new("RGB", size, BACK)
    draw = ImageDraw.Draw(page)
    top = GAP_PX
    for cells, height_px in zip(rows, heights_px, strict=True):
        for column, (pixels, heading, told) in enumerate(cells):
            left = GAP_PX + column * (width_px + GAP_PX)
            draw.text((left, top), _fitted(heading, font, width_px), INK, font)
            draw.text((left, top + LINE_PX), _fitted(told, font, width_px), FAINT, font)
            enlarged = pixels.repeat(scale, 0).repeat(scale, 1)
            page.paste(Image.fromarray(enlarged), (left, top + 2 * LINE_PX))
        top += height_px + GAP_PX
    return page


def _fitted(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width_px: int) -> str:
    """Return the beginning of a text that fits."""
    while font.getlength(text) > width_px:
        text = text[:-1]
    return text


def save(page: Image.Image, path: Path) -> None:
    """Write a sheet in the format of its suffix; a WebP in a quality that keeps it small."""
    if path.suffix.lower() != ".webp":
        page.save(path, **({"optimize": True} if path.suffix.lower() == ".png" else {"quality": 92, "subsampling": 0}))
        return
    for quality in WEBP_QUALITIES:
        page.save(path, quality=quality, method=6)
        if path.stat().st_size <= WEBP_BYTES:
            break


def main(argv: Sequence[str] | None = None) -> int:
    """Make the sheets and return an exit status."""
    options = _parser().parse_args(argv)
    try:
        from runtime.codec import Codec

        paths = [path for given in options.images for path in (pictures(given, None) if given.is_dir() else [given])]
        paths = paths[: options.limit]
        codec = Codec(options.bundle, threads=options.threads)
        peers = [baselines.PEERS[peer]() for peer in options.peers if baselines.is_available(peer)]
        one_sheet = options.out.suffix.lower() in (".png", ".webp", ".jpg")
        (options.out.parent if one_sheet else options.out).mkdir(parents=True, exist_ok=True)
        rows: list[list[Cell]] = []
        with tqdm(total=len(paths) * len(options.bpp), unit="row", disable=None) as progress:
            for path in paths:
                pixels = load(path)
                at = options.at or busiest(pixels, options.side)
                if not one_sheet:
                    rows = []
                for bpp in options.bpp:
                    versions = matching.columns(codec, pixels, bpp, peers)
                    rows.append(row(pixels, versions, at, options.side, path.stem))
                    progress.update()
                if not one_sheet:
                    save(sheet(rows, options.scale), options.out / f"{path.stem}.webp")
        if one_sheet:
            save(sheet(rows, options.scale), options.out)
    except (CodecError, OSError) as error:
        print(f"crops: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.crops",
        description="Show crops of pictures at equal bytes through our codec and classical ones.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("images", type=Path, nargs="+", metavar="PICTURE", help="pictures, or folders of them")
    add("-o", "--out", type=Path, required=True, help="a .png, .webp or .jpg, or a folder for one .webp a picture")
    add("--bpp", type=parse_rates, default="0.3", metavar="BPP,...", help="rates, a row each (default: %(default)s)")
    add("--peers", type=parse_peers, default="jpeg,webp,avif-iq", metavar="NAME,...", help="default: %(default)s")
    add("--side", type=int, default=224, metavar="PX", help="side of a crop (default: %(default)s)")
    add("--at", type=_place, metavar="X,Y", help="left and top of the crop (default: the busiest place)")
    add("--scale", type=int, default=1, metavar="N", help="enlarge crops N times (default: 1)")
    add("--limit", type=int, metavar="N", help="only the first N pictures")
    add("--bundle", metavar="DIR", help="our weights, a folder or a shipped name")
    add("--threads", type=int, default=1, metavar="N", help="our threads (default: 1)")
    return parser


def parse_rates(text: str) -> list[float]:
    """Return the positive numbers of a list such as 0.15,0.3; argparse's error otherwise."""
    try:
        rates = [float(item) for item in text.split(",")]
    except ValueError:
        rates = []
    if not rates or min(rates) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list such as 0.15,0.3,0.6")
    return rates


def _place(text: str) -> tuple[int, int]:
    left, comma, top = text.partition(",")
    if not (comma and left.isdecimal() and top.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a place such as 320,128")
    return int(left), int(top)


if __name__ == "__main__":
    sys.exit(main())
