"""From files of thumbnails to mean curves, and the tables that show them.

Of a picture, the quality within a size is interpolated between a codec's best files, as if it could spend every byte.
Means over pictures are taken at equal sizes; equal quality and BD-rates are read off these mean curves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import metrics, summary
from benchmarks.bd_rate import Curve, bd_rate, curve

OURS = "gargalo"
SHOWN_BYTES = (64, 128, 256)
MOST_BYTES = 640
"""Without header; larger files of peers are not measured."""
GRID_BYTES = 4
"""Mean curves have a point for so many bytes."""
COUNTS = {"bare_bytes": "without headers", "whole_bytes": "whole files"}
METRICS = {"psnr_db": "PSNR", "ssim": "SSIM"}
DIGITS = {"psnr_db": 2, "ssim": 3}


@dataclass(frozen=True)
class Row:
    """A thumbnail in one file of one codec; the fields are the columns of images.tsv."""

    image: str
    codec: str
    whole_bytes: int
    bare_bytes: int
    """Without its header."""
    psnr_db: float
    ssim: float | None
    """None where it was not measured."""


Curves = Mapping[str, Curve]
"""Mean curves by codec, ours first."""


def mean_curves(rows: Sequence[Row], count: str, metric: str) -> Curves:
    """Return the mean curves of all codecs."""
    by_codec: dict[str, list[Row]] = {}
    for row in rows:
        by_codec.setdefault(row.codec, []).append(row)
    return {codec: mean_curve(each, count, metric) for codec, each in by_codec.items()}


def mean_curve(rows: Sequence[Row], count: str, metric: str) -> Curve:
    """Return the mean quality over pictures at sizes at which each of them has a file of the codec."""
    by_image: dict[str, list[Row]] = {}
    for row in rows:
        by_image.setdefault(row.image, []).append(row)
    header = min(row.whole_bytes - row.bare_bytes for row in rows) if count == "whole_bytes" else 0
    sizes = range(GRID_BYTES, header + MOST_BYTES + 1, GRID_BYTES)
    means = np.mean([within(each, count, metric, sizes) for each in by_image.values()], axis=0)
    return curve(zip(sizes, means.tolist(), strict=True))


def within(rows: Sequence[Row], count: str, metric: str, sizes: Sequence[int]) -> list[float]:
    """Return the quality of a picture that its best files have within sizes, nan below the smallest one."""
    best = np.array(curve((getattr(row, count), getattr(row, metric)) for row in rows))
    return np.interp(np.log(sizes), np.log(best[:, 0]), best[:, 1], left=np.nan).tolist()


def at_bytes(points: Curve, size_bytes: int) -> float:
    """Return the quality of a mean curve at a size, its best beyond its end, nan before its beginning."""
    sizes, qualities = np.array(points or [(np.inf, np.nan)]).T
    return float(np.interp(size_bytes, sizes, qualities, left=np.nan))


def at_quality(points: Curve, quality: float) -> float:
    """Return the bytes at which a mean curve reaches a quality, nan where it does not."""
    sizes, qualities = np.array(points or [(np.nan, np.nan)]).T
    return float(np.interp(quality, qualities, sizes, left=np.nan, right=np.nan))


def saved_percent(curves: Curves, peer: str, metric: str) -> str:
    """Return how many bytes more or fewer ours has than a peer, over the qualities that ours has in SHOWN_BYTES."""
    scale = metrics.ms_ssim_db if metric == "ssim" else float
    ours, theirs = ([(size, scale(value)) for size, value in curves[codec]] for codec in (OURS, peer))
    rate = bd_rate(theirs, [point for point in ours if SHOWN_BYTES[0] <= point[0] <= SHOWN_BYTES[-1]])
    return "-" if rate is None else f"{rate.percent:+.1f} % ({rate.low:.1f}-{rate.high:.1f} dB)"


# --- tables in Markdown; curves are by count, then by metric ----------------------------------------------------------

AllCurves = Mapping[str, Mapping[str, Curves]]


def saved_table(curves: AllCurves) -> str:
    """Return the BD-rates of ours against each peer."""
    columns = [(count, metric) for count in curves for metric in curves[count]]
    peers = [codec for codec in curves["bare_bytes"]["psnr_db"] if codec != OURS]
    lines = [
        [peer, *(saved_percent(curves[count][metric], peer, metric) for count, metric in columns)] for peer in peers
    ]
    return summary.pipe_table(["against", *(f"{METRICS[metric]}, {COUNTS[count]}" for count, metric in columns)], lines)


def quality_table(curves: Mapping[str, Curves]) -> str:
    """Return the quality of all codecs at equal bytes; curves are by metric."""
    columns = [(size, metric) for size in SHOWN_BYTES for metric in curves]
    lines = [
        [codec, *(cell(at_bytes(curves[metric][codec], size), DIGITS[metric]) for size, metric in columns)]
        for codec in curves["psnr_db"]
    ]
    return summary.pipe_table(["codec", *(f"{METRICS[metric]} at {size} B" for size, metric in columns)], lines)


def bytes_table(curves: AllCurves) -> str:
    """Return the bytes of all codecs, without headers and whole, at the PSNR that files of ours of SHOWN_BYTES have."""
    bare, whole = (curves[count]["psnr_db"] for count in COUNTS)
    wanted_db = [at_bytes(whole[OURS], size) for size in SHOWN_BYTES]
    lines = [
        [codec, *(f"{cell(at_quality(bare[codec], db))} / {cell(at_quality(whole[codec], db))}" for db in wanted_db)]
        for codec in whole
    ]
    return summary.pipe_table(["codec", *(f"{db:.2f} dB" for db in wanted_db)], lines)


def cell(value: float, digits: int = 0) -> str:
    """Return a number as text, - for nan."""
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def markdown(title: str, curves: AllCurves, facts: Mapping[str, str], notes: Sequence[str]) -> str:
    """Return all tables as a page."""
    blocks = [f"# {title}", "## Bytes of ours at equal quality (BD-rate, negative: fewer)", saved_table(curves)]
    for count, each in curves.items():
        blocks += [f"## Quality at equal bytes, {COUNTS[count]}", quality_table(each)]
    sizes = f"{SHOWN_BYTES[0]}, {SHOWN_BYTES[1]} and {SHOWN_BYTES[2]}"
    blocks += [
        f"## Bytes (without headers / whole files) at the PSNR of our files of {sizes} bytes",
        bytes_table(curves),
    ]
    blocks += ["## Measured on", "\n".join(f"- {name}: {value}" for name, value in facts.items())]
    if notes:
        blocks += ["## Notes", "\n".join(f"- {note}" for note in notes)]
    return "\n\n".join(blocks) + "\n"
