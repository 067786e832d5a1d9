"""All that can be measured on a machine, in one go.

    python -m benchmarks.report --images DIR --out OUT

OUT receives report.md with every table and plot, and the numbers behind them as TSV: rate and distortion on real
files, speed at equal quality, where the time goes, cold starts, memory, throughput. Times are medians of interleaved
runs on one thread unless a table says otherwise; what to quote are the ratios. `--quick` is for small machines: the
middle of two pictures, few settings; by estimate it takes under ten minutes on a Raspberry Pi 4.
"""

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from benchmarks import baselines, equal_bytes, graphs, machine, measures, plot, rate_distortion, summary
from benchmarks.baselines import Contender, Pixels
from benchmarks.summary import Delta, Mean
from runtime import gat
from runtime.bundle import shipped_names
from runtime.codec import Codec
from runtime.errors import CodecError

EXAMPLES = """examples:
  python -m benchmarks.report --images kodak --out docs/benchmarks/
  python -m benchmarks.report --images photos --out mine/ --quick
"""
KODAK_PX = 512, 768
"""Height and width that `--quick` cuts pictures to."""
_BUSY_LOAD = 0.5


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    pictures: int | None
    """For rate and distortion; None: all."""
    timed_pictures: int
    qualities: tuple[float, ...]
    every_setting: int
    """Of a peer's settings every so many-th is measured."""
    peers: tuple[str, ...]
    rounds: int
    megapixels: tuple[float, ...]
    """Sizes for memory."""
    throughput_pictures: int


FULL = Plan(
    None,
    6,
    (5, 15, 25, 35, 45, 55, 65, 75, 85, 95),
    1,
    tuple(baselines.PEERS),
    5,
    (1, 6, 24, 100),
    throughput_pictures=12,
)
QUICK = Plan(2, 2, (15, 35, 55, 75, 90), 3, ("jpeg", "webp", "avif-fast"), 3, (1, 6), throughput_pictures=3)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure everything and return an exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report",
        description="Measure size, quality, speed, memory and cold starts of our codec beside classical ones.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--images", type=Path, required=True, metavar="DIR", help="folder of lossless pictures")
    add("--out", type=Path, required=True, metavar="OUT", help="folder for report.md, plots and tables")
    add(
        "--bundles",
        metavar="DIR,...",
        help="our weights, folders or shipped names (default: all shipped but thumbnail)",
    )
    add("--quick", action="store_true", help="few pictures and settings, for small machines")
    add("--limit", type=int, metavar="N", help="only the first N pictures")
    options = parser.parse_args(argv)
    plan = QUICK if options.quick else FULL
    if options.limit is not None:
        plan = replace(plan, pictures=options.limit, timed_pictures=min(options.limit, plan.timed_pictures))
    try:
        paths = rate_distortion.pictures(options.images, plan.pictures)
        of_pictures = [name for name in shipped_names() if name not in gat.MODELS]
        bundles = options.bundles.split(",") if options.bundles else of_pictures
        with tempfile.TemporaryDirectory() as name:
            if options.quick:
                paths = [_middle(path, Path(name)) for path in paths]
            print(report(options.out, options.images.resolve().name, paths, bundles, plan), end="")
    except (CodecError, OSError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    return 0


def report(out: Path, title: str, paths: Sequence[Path], bundles: Sequence[str], plan: Plan) -> str:
    """Measure what the plan says, write it to a folder and return report.md."""
    notes = [reason for peer in plan.peers if (reason := baselines.why_absent(peer))]
    busy = measures.load()
    if busy > _BUSY_LOAD:
        notes.append(f"the machine was busy with something else when this began (load {busy:.1f}): trust no time here")
    codecs = rate_distortion.open_codecs(bundles, threads=1)
    ours = [baselines.gargalo(codec, plan.qualities, name) for name, codec in codecs.items()]
    peers = [_thinned(baselines.PEERS[p](), plan.every_setting) for p in plan.peers if baselines.is_available(p)]
    out.mkdir(parents=True, exist_ok=True)
    facts = {
        **machine.facts(),
        **{name: f"bundle {codec.bundle.id.hex()}" for name, codec in codecs.items()},
        **{peer.name: peer.label for peer in peers},
    }
    title = f"{title}, {len(paths)} pictures"

    table, rates, equal = rate_distortion.tabulate(out, paths, [*ours, *peers], notes)
    plot.draw(table, {each.name: each.label for each in (*ours, *peers)}, title, out / "curves")
    page = [f"# {title}", "## Measured on", _list(facts)]
    page += ["## Size and quality", "![rate-distortion curves](curves.png)", summary.bd_tables(rates)]
    page += ["## At equal bytes in every picture", equal_bytes.markdown(equal)] if equal else []

    page += _speed(out, [*ours, *peers], table, rates, paths[: plan.timed_pictures], plan)
    page += _inside(out, codecs, rate_distortion.load(paths[0]), plan, notes)
    page += _processes(out, paths[0], bundles[0], plan)
    if notes:
        page += ["## Notes", "\n".join(f"- {note}" for note in notes)]
    text = "\n\n".join(page) + "\n"
    (out / "report.md").write_text(text, encoding="utf-8")
    return text


# --- chapters ---------------------------------------------------------------------------------------------------------


def _speed(
    out: Path,
    contenders: Sequence[Contender],
    table: Sequence[Mean],
    rates: Sequence[Delta],
    paths: Sequence[Path],
    plan: Plan,
) -> list[str]:
    names = [contender.name for contender in contenders]
    anchor = next((name for name in ("webp", "jpeg") if name in names), names[0])
    at = measures.equal_settings(table, names[0])
    pictures: list[Pixels] = [rate_distortion.load(path) for path in paths]
    with _progress("speed", 2 * len(pictures) * len(names) * plan.rounds) as tick:
        found = measures.speeds(contenders, pictures, at, anchor, plan.rounds, tick)
    summary.write_table(out / "speed.tsv", measures.Speed, found)
    delta = {r.codec: r.bd_rate_percent for r in rates if r.anchor == anchor and r.metric == "psnr_db"}
    panels = {
        direction: [
            plot.Place(each.codec, getattr(each, f"{direction}_ratio"), percent)
            for each in found
            if (percent := delta.get(each.codec)) is not None
        ]
        for direction in ("encode", "decode")
    }
    lines = [
        [
            each.codec,
            f"{each.setting:g}",
            f"{each.psnr_db:.2f}",
            f"{each.encode_ms:.1f}",
            f"{each.encode_ratio:.2f}",
            f"{each.decode_ms:.1f}",
            f"{each.decode_ratio:.2f}",
            f"{each.decode_to_encode_ratio:.2f}",
            "-" if delta.get(each.codec) is None else f"{delta[each.codec]:+.1f} %",
        ]
        for each in found
    ]
    heads = f"codec|setting|PSNR dB|encode ms|to {anchor}|decode ms|to {anchor}|to {anchor} encode|BD-rate to {anchor}"
    blocks = ["## Speed at equal quality, one thread", summary.pipe_table(heads.split("|"), lines)]
    if any(panels.values()):
        plot.draw_speed(panels, anchor, "time and size at equal quality, one thread", out / "speed")
        blocks.insert(1, "![bytes over time](speed.png)")
    return blocks


def _inside(out: Path, codecs: dict[str, Codec], pixels: Pixels, plan: Plan, notes: list[str]) -> list[str]:
    blocks = ["## Where the time goes, one thread"]
    with _progress("shares", 2 * len(codecs)) as tick:
        shares = measures.shares(codecs, pixels, plan.rounds, tick)
    summary.write_table(out / "shares.tsv", measures.Share, shares)
    lines = [[each.codec, each.direction, f"{each.outside_graphs_percent:.0f} %"] for each in shares]
    blocks.append(summary.pipe_table(["codec", "direction", "outside the networks"], lines))
    if importlib.util.find_spec("onnx") is None:
        notes.append("no GMAC/s: install onnx")
        return blocks
    lines = []
    for name, codec in codecs.items():
        folder = codec.bundle.folder
        with _progress("graphs", (len(graphs.strides_px(folder)) + 1) * plan.rounds) as tick:
            found = graphs.speeds(folder, pixels.shape[0], pixels.shape[1], plan.rounds, tick)
        lines += [
            [
                f"{name} {each.name}",
                f"{each.macs / 1e9:.2f}",
                f"{each.ms:.1f}",
                f"{each.gmacs:.1f}",
                f"{each.ratio:.2f}",
            ]
            for each in found
        ]
        stick = found[0].yardstick_gmacs
    lines.append(["128-channel 3x3 QLinearConv", "", "", f"{stick:.1f}", "1"])
    heads = ["network", "GMAC", "ms", "GMAC/s", "to QLinearConv"]
    return [*blocks, summary.pipe_table(heads, lines)]


def _processes(out: Path, picture: Path, bundle: str, plan: Plan) -> list[str]:
    cores = machine.cores()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _progress("cold starts", 6 * (plan.rounds + 1)) as tick:
            cold = measures.cold_starts(picture, bundle, folder, plan.rounds, tick)
        with _progress("memory", 2 * len(measures.MEMORY_THREADS) * len(plan.megapixels)) as tick:
            large = measures.memory(picture, plan.megapixels, bundle, folder, tick)
    summary.write_table(out / "processes.tsv", measures.Whole, [*cold, *large])
    with _progress("throughput", 2 * (1 if cores == 1 else 3)) as tick:
        rates = measures.throughput(bundle, rate_distortion.load(picture), cores, plan.throughput_pictures, tick)
    summary.write_table(out / "throughput.tsv", measures.Throughput, rates)

    def lines(found: Sequence[measures.Whole]) -> list[list[str]]:
        return [
            [
                each.command,
                f"{each.megapixels:.1f}",
                f"{each.wall_ms:.0f}",
                f"{each.wall_ratio:.2f}",
                f"{each.cpu_ratio:.2f}",
                f"{each.peak_mb:.0f}",
            ]
            for each in found
        ]

    heads = ["command", "megapixels", "ms", "to bare imports", "CPU time to bare imports", "peak MB"]
    return [
        "## Whole processes",
        summary.pipe_table(heads, lines(cold)),
        "## Memory of whole processes",
        summary.pipe_table(heads, lines(large)),
        "## Throughput",
        summary.pipe_table(
            ["direction", "threads a picture", "pictures at a time", "pictures/s", "to one"],
            [[r.direction, str(r.threads), str(r.jobs), f"{r.pictures_per_s:.2f}", f"{r.ratio:.2f}"] for r in rates],
        ),
    ]


# --- small things -----------------------------------------------------------------------------------------------------


@contextmanager
def _progress(what: str, steps: int) -> Iterator[Callable[[], object]]:
    with tqdm(total=steps, desc=what, unit="step", disable=None) as bar:
        yield bar.update


def _middle(path: Path, folder: Path) -> Path:
    """Return a copy of a picture, cut to its middle if it is larger than Kodak's."""
    pixels = rate_distortion.load(path)
    height, width = KODAK_PX
    top, left = max(0, (pixels.shape[0] - height) // 2), max(0, (pixels.shape[1] - width) // 2)
    copy = folder / f"{path.stem}.png"
    Image.fromarray(pixels[top : top + height, left : left + width]).save(copy)
    return copy


def _thinned(peer: Contender, every: int) -> Contender:
    """Return the peer with every so many-th of its settings, and with its last."""
    settings = peer.settings[::every]
    return replace(peer, settings=tuple(dict.fromkeys([*settings, peer.settings[-1]])))


def _list(facts: dict[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


if __name__ == "__main__":
    sys.exit(main())
