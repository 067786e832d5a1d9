"""The plots: quality over bits a pixel, one line a codec; and bytes over time, one point a codec."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from benchmarks.bd_rate import Curve, curve
from benchmarks.summary import METRICS, Mean

COLOURS = {
    "gargalo": "#d1495b",
    "gargalo-lite": "#e8909b",
    "jpeg": "#8d99ae",
    "jpegli": "#5c677d",
    "webp": "#2a9d8f",
    "webp-m6": "#80c7bd",
    "avif-iq": "#3d5a80",
    "avif-ssim": "#5c80b0",
    "avif-psnr": "#98b4d4",
    "avif-fast": "#b9c9de",
    "jxl": "#b5838d",
    "jxl-fast": "#d9b8bd",
    "jpeg2000": "#bc9c22",
    "blurhash": "#6a4c93",
    "thumbhash": "#1b9e4b",
}
OTHER_COLOUR = "#6c757d"
THUMBNAIL_BYTES = (16, 32, 64, 128, 256, 512)
TICKS_BPP = (0.0625, 0.125, 0.25, 0.5, 1, 2, 4, 8, 16)


def draw(table: Sequence[Mean], labels: dict[str, str], title: str, stem: Path) -> list[Path]:
    """Write `stem`.png and `stem`.svg and return their paths.

    Rate is on a log scale, as BD-rate sees it. A metric that was not measured has no panel, and
    points that are not finite are left out.
    """
    metrics = [metric for metric in METRICS if any(getattr(mean, metric) is not None for mean in table)]
    # a fixed salt and no date make the SVG of equal rows equal
    with rc_context({"svg.hashsalt": "gargalo", "font.size": 10}):
        rows = -(-len(metrics) // 2)
        figure = Figure(figsize=(12, 4.5 * rows), layout="constrained")
        for place, metric in enumerate(metrics, start=1):
            _panel(figure.add_subplot(rows, 2, place), table, labels, metric)
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
        figure.suptitle(title)
        return _saved(figure, stem)


@dataclass(frozen=True)
class Place:
    """A codec's place in the plot of speed against size."""

    codec: str
    time_ratio: float
    """To the anchor's time."""
    bd_rate_percent: float
    """Against the anchor."""


def draw_speed(panels: Mapping[str, Sequence[Place]], anchor: str, title: str, stem: Path) -> list[Path]:
    """Write `stem`.png and `stem`.svg, a panel a direction with BD-rate over time, and return their paths.

    Down and left is better. Time is on a log scale.
    """
    with rc_context({"svg.hashsalt": "gargalo", "font.size": 10}):
        figure = Figure(figsize=(6 * len(panels), 4.5), layout="constrained")
        for (name, places), axes in zip(panels.items(), figure.subplots(1, len(panels), squeeze=False)[0], strict=True):
            axes.set_xscale("log")
            for place in places:
                colour, ours = COLOURS.get(place.codec, OTHER_COLOUR), place.codec.startswith("gargalo")
                at = place.time_ratio, place.bd_rate_percent
                axes.plot(*at, "o", color=colour, markersize=9 if ours else 6)
                axes.annotate(place.codec, at, (6, 5), textcoords="offset points", color=colour, fontsize=9)
            axes.margins(0.2)
            axes.xaxis.set_major_formatter("{x:g}")
            axes.set_xlabel(f"time to {name}, {anchor} = 1")
            axes.set_ylabel(f"bytes at equal PSNR against {anchor} (BD-rate, %)")
            _with_grid(axes)
        figure.suptitle(title)
        return _saved(figure, stem)


def draw_thumbnails(panels: Mapping[str, Mapping[str, Curve]], title: str, stem: Path) -> list[Path]:
    """Write `stem`.png and `stem`.svg, a panel a measure with its quality over bytes, and return their paths.

    Panels are by the name of their measure, two a row; curves by codec: one of a single size is a dot. Bytes are on a
    log scale.
    """
    with rc_context({"svg.hashsalt": "gargalo", "font.size": 10}):
        rows = -(-len(panels) // 2)
        figure = Figure(figsize=(12, 4.5 * rows), layout="constrained")
        for (measure, curves), axes in zip(panels.items(), figure.subplots(rows, 2, squeeze=False).flat, strict=False):
            axes.set_xscale("log", base=2)
            for codec, points in curves.items():
                if points:
                    axes.plot(
                        *zip(*points, strict=True),
                        label=codec,
                        color=COLOURS.get(codec, OTHER_COLOUR),
                        marker="o" if len(points) == 1 else "",
                        linewidth=2.2 if codec == "gargalo" else 1.4,
                        zorder=3 if codec == "gargalo" else 2,
                    )
            axes.set_xlim(THUMBNAIL_BYTES[0], THUMBNAIL_BYTES[-1])
            axes.set_xticks(THUMBNAIL_BYTES)
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_xlabel("bytes")
            axes.set_ylabel(measure)
            _with_grid(axes)
            axes.legend(frameon=False, fontsize=8, loc="upper left")
        figure.suptitle(title)
        return _saved(figure, stem)


def _saved(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as `stem`.png and `stem`.svg and return their paths."""
    paths = [stem.with_suffix(".png"), stem.with_suffix(".svg")]
    figure.savefig(paths[0], dpi=150)
    figure.savefig(paths[1], metadata={"Date": None})
    return paths


def _panel(axes: Axes, table: Sequence[Mean], labels: dict[str, str], metric: str) -> None:
    axes.set_xscale("log", base=2)
    for codec in dict.fromkeys(mean.codec for mean in table):
        points = curve(
            (mean.bpp, value) for mean in table if mean.codec == codec and (value := getattr(mean, metric)) is not None
        )
        if points:
            axes.plot(
                *zip(*points, strict=True),
                label=labels.get(codec, codec),
                color=COLOURS.get(codec, OTHER_COLOUR),
                marker="o",
                markersize=3.5,
                linewidth=2.2 if codec.startswith("gargalo") else 1.4,
                zorder=3 if codec.startswith("gargalo") else 2,
            )
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in TICKS_BPP if low <= tick <= high])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("bits a pixel")
    about = METRICS[metric]
    axes.set_ylabel(f"{about.label} ({about.unit})" if about.unit else about.label)
    _with_grid(axes)


def _with_grid(axes: Axes) -> None:
    """Give a panel a faint grid behind its lines, and no frame."""
    axes.grid(color="#e5e5e5", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
