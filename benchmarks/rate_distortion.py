"""Rate-distortion on real files.

    python -m benchmarks.rate_distortion --images DIR --out OUT

Every picture goes through our codec at each quality, and through each peer at the peer's own
settings (baselines.py), in one process. OUT receives images.tsv (a row a picture, codec and
setting), summary.tsv (means), bd_rates.tsv, equal_bytes.tsv, summary.md with all tables and the machine, and
the curves as curves.png and curves.svg. A bundle whose files may end anywhere, such as progressive,
has a second curve: beginnings of one file of each picture.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from benchmarks import baselines, equal_bytes, machine, metrics, plot, summary
from benchmarks.baselines import Contender, Pixels
from benchmarks.equal_bytes import AtRate
from benchmarks.summary import Delta, Mean, Row
from benchmarks.texture import kept_texture
from runtime import container
from runtime.bundle import DEFAULT
from runtime.codec import Codec
from runtime.errors import CodecError, StreamError

SUFFIXES = {".png", ".webp", ".avif", ".jpg", ".jpeg", ".ppm", ".bmp", ".tif", ".tiff"}
DEFAULT_QUALITIES = "5,15,25,35,45,55,65,75,85,95"
EXAMPLES = """examples:
  python -m benchmarks.rate_distortion --images kodak --out results/kodak
  python -m benchmarks.rate_distortion --images kodak --out quick --limit 3 --peers jpeg
"""


def pictures(folder: Path, limit: int | None) -> list[Path]:
    """Return the pictures directly in a folder, sorted by name, at most `limit` of them."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise FileNotFoundError(f"no pictures in {folder}; need {' '.join(sorted(SUFFIXES))}")
    return found[:limit]


def load(path: Path) -> Pixels:
    """Return a picture file as (H, W, 3) uint8 RGB, upright; alpha is dropped."""
    with Image.open(path) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


def measure(contender: Contender, image: str, pixels: Pixels, setting: float) -> Row:
    """Return the row of one picture through one contender at one setting."""
    started = time.perf_counter()
    data = contender.encode(pixels, setting)
    encoded = time.perf_counter()
    decoded = contender.decode(data)
    ended = time.perf_counter()
    large_enough = metrics.why_not_for_the_eye(pixels) is None
    texture = kept_texture(pixels, decoded)
    return Row(
        image=image,
        codec=contender.name,
        setting=setting,
        bytes=len(data),
        bpp=8 * len(data) / (pixels.shape[0] * pixels.shape[1]),
        psnr_db=metrics.psnr_db(pixels, decoded),
        ms_ssim=None if metrics.why_no_ms_ssim(pixels) else metrics.ms_ssim(pixels, decoded),
        ssimulacra2=metrics.ssimulacra2(pixels, decoded) if large_enough else None,
        butteraugli=metrics.butteraugli(pixels, decoded) if large_enough else None,
        texture_dark=texture.dark,
        texture_middle=texture.middle,
        texture_bright=texture.bright,
        encode_ms=1000 * (encoded - started),
        decode_ms=1000 * (ended - encoded),
    )


def measure_all(contenders: Sequence[Contender], paths: Sequence[Path], notes: list[str]) -> Iterator[Row]:
    """Yield all rows, contender by contender within a picture, under a progress bar."""
    total = len(paths) * sum(len(contender.settings) for contender in contenders)
    with tqdm(total=total, unit="file", disable=None) as progress:
        for path in paths:
            pixels = load(path)
            progress.set_description(path.name)
            for reason in (metrics.why_no_ms_ssim(pixels), metrics.why_not_for_the_eye(pixels)):
                if reason and reason not in notes:
                    notes.append(reason)
            for contender in contenders:
                if path == paths[0]:  # the first call pays for lazy imports and caches: not timed
                    contender.decode(contender.encode(pixels, contender.settings[0]))
                for setting in contender.settings:
                    yield measure(contender, path.name, pixels, setting)
                    progress.update()


def tabulate(
    out: Path, paths: Sequence[Path], contenders: Sequence[Contender], notes: list[str]
) -> tuple[list[Mean], list[Delta], list[AtRate]]:
    """Measure all, write it as TSV to a folder, and return the rows of summary, bd_rates and equal_bytes."""
    rows = []
    # row by row, so that a run cut short keeps what it measured
    with (out / "images.tsv").open("w", encoding="utf-8", buffering=1) as file:
        summary.write_header(file, Row)
        for row in measure_all(contenders, paths, notes):
            summary.write_row(file, row)
            rows.append(row)
    table = summary.means(rows)
    rates = summary.deltas(rows)
    equal = equal_bytes.at_rates(rows)
    summary.write_table(out / "summary.tsv", Mean, table)
    summary.write_table(out / "bd_rates.tsv", Delta, rates)
    summary.write_table(out / "equal_bytes.tsv", AtRate, equal)
    return table, rates, equal


def open_codecs(bundles: Sequence[str], threads: int) -> dict[str, Codec]:
    """Return our codec with each bundle by its name in tables: gargalo for the first one, then gargalo-lite."""
    names = ["gargalo" if bundle == bundles[0] else f"gargalo-{Path(bundle).name}" for bundle in bundles]
    return {name: Codec(bundle, threads=threads) for name, bundle in zip(names, bundles, strict=True)}


def whatever_ends(codecs: Mapping[str, baselines.Codec]) -> list[Contender]:
    """Return the beginnings of files as contenders, of those of our codecs whose files may end anywhere."""
    return [
        baselines.prefixes(codec, f"{name}-prefixes")
        for name, codec in codecs.items()
        if isinstance(codec, Codec) and codec.family.traits.any_part
    ]


def bundle_id(data: bytes) -> str:
    """Return the bundle id in the header of one of our files, in hex."""
    try:
        return container.unpack(data)[0].bundle_id.hex()
    except StreamError:
        return "unknown"


def report(
    out: Path,
    title: str,
    table: Sequence[Mean],
    rates: Sequence[Delta],
    equal: Sequence[AtRate],
    contenders: Sequence[Contender],
    facts: dict[str, str],
    notes: Sequence[str],
) -> str:
    """Write summary.md and the curves; return the Markdown."""
    text = summary.markdown(title, table, rates, equal_bytes.markdown(equal), facts, notes)
    (out / "summary.md").write_text(text, encoding="utf-8")
    labels = {contender.name: contender.label for contender in contenders}
    plot.draw(table, labels, title, out / "curves")
    return text


def main(argv: Sequence[str] | None = None, codec: baselines.Codec | None = None) -> int:
    """Measure and return an exit status; `codec` stands in for the one of the bundle."""
    options = _parser().parse_args(argv)
    try:
        paths = pictures(options.images, options.limit)
        codecs: Mapping[str, baselines.Codec] = (
            {"gargalo": codec} if codec else open_codecs(options.bundles.split(","), options.threads)
        )
        ours = [baselines.gargalo(codec, options.qualities, name) for name, codec in codecs.items()]
        notes = [reason for peer in options.peers if (reason := baselines.why_absent(peer))]
        peers = [baselines.PEERS[p]() for p in options.peers if baselines.is_available(p)]
        contenders = [*ours, *whatever_ends(codecs), *peers]
        facts = {
            **machine.facts(),
            **{own.name: f"bundle {bundle_id(own.encode(load(paths[0]), own.settings[0]))}" for own in ours},
            "threads": f"{options.threads} for gargalo, 1 for its peers",
            **{peer.name: peer.label for peer in peers},
        }
        options.out.mkdir(parents=True, exist_ok=True)
        table, rates, equal = tabulate(options.out, paths, contenders, notes)
        title = f"{options.images.resolve().name}, {len(paths)} pictures"
        print(report(options.out, title, table, rates, equal, contenders, facts, notes), end="")
    except (CodecError, OSError) as error:
        print(f"rate_distortion: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rate_distortion",
        description="Measure bytes and quality, also as the eye sees it, of our codec beside classical ones.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--images", type=Path, required=True, metavar="DIR", help="folder of lossless pictures")
    add("--out", type=Path, required=True, metavar="OUT", help="folder for tables and plots")
    add(
        "--bundles",
        default=DEFAULT,
        metavar="DIR,...",
        help="our weights, folders or shipped names (default: %(default)s)",
    )
    add(
        "--qualities",
        type=_qualities,
        default=DEFAULT_QUALITIES,
        metavar="Q,...",
        help="our qualities, 1..100 (default: %(default)s); peers have their own",
    )
    add(
        "--peers",
        type=parse_peers,
        default="jpeg,webp,avif-iq,avif-psnr",
        metavar="NAME,...",
        help="peers to run beside (default: %(default)s; '' for none)",
    )
    add("--limit", type=_positive, metavar="N", help="only the first N pictures")
    add(
        "--threads",
        type=_positive,
        default=1,
        metavar="N",
        help="our threads (default: 1)",
    )
    return parser


def _qualities(text: str) -> list[float]:
    try:
        qualities = [float(item) for item in text.split(",")]
    except ValueError:
        qualities = []
    if not qualities or not all(1 <= quality <= 100 for quality in qualities):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list such as 25,50,75 of 1..100")
    return sorted(set(qualities))


def parse_peers(text: str) -> list[str]:
    """Return the peers in a list such as jpeg,webp; argparse's error for one that is none."""
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in baselines.PEERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown peer {unknown[0]!r}; there are {', '.join(baselines.PEERS)}")
    return list(dict.fromkeys(names))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
