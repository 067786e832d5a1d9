"""From rows (one a picture, codec and setting) to means, BD-rates and the tables that show them."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, TextIO

from benchmarks.area import MOST_BPP, area
from benchmarks.bd_rate import BdRate, bd_rate, curve
from benchmarks.metrics import butteraugli_db, ms_ssim_db

ANCHORS = ("jpeg", "webp", "avif-iq")


@dataclass(frozen=True)
class Metric:
    """What BD-rates and curves are by."""

    label: str
    unit: str
    within: tuple[float, float] = (-math.inf, math.inf)
    """The range of quality that its BD-rates are over, where curves cover it."""


METRICS = {
    "psnr_db": Metric("PSNR", "dB"),
    "ms_ssim_db": Metric("MS-SSIM", "dB"),
    "ssimulacra2": Metric("SSIMULACRA 2", "", (30, 90)),
    "butteraugli_db": Metric("Butteraugli", "dB"),
}
"""By their fields of Mean."""


@dataclass(frozen=True)
class Row:
    """One picture through one codec at one setting; the fields are the columns of images.tsv."""

    image: str
    """File name of the picture."""
    codec: str
    """Name of the contender."""
    setting: float
    """Quality in the codec's own unit."""
    bytes: int
    """Size of the whole file, headers included."""
    bpp: float
    """Bits a pixel: 8 * bytes / (width * height)."""
    psnr_db: float
    """PSNR over RGB in dB, inf if lossless."""
    ms_ssim: float | None
    """MS-SSIM over RGB, 0..1, None where it was not measured."""
    ssimulacra2: float | None
    """SSIMULACRA 2.1, up to 100, None where it was not measured."""
    butteraugli: float | None
    """Butteraugli's 3-norm, 0 if equal, None where it was not measured."""
    texture_dark: float | None
    """Kept texture in dark blocks, 1 is all; None where there is too little."""
    texture_middle: float | None
    """The same in blocks of middle luma."""
    texture_bright: float | None
    """The same in bright blocks."""
    encode_ms: float
    """Wall time from pixels in memory to bytes in memory."""
    decode_ms: float
    """Wall time from bytes in memory to pixels in memory."""


@dataclass(frozen=True)
class Mean:
    """The mean over all pictures of one codec at one setting; the columns of summary.tsv."""

    codec: str
    setting: float
    images: int
    """How many pictures the mean is over."""
    bytes: float
    bpp: float
    psnr_db: float
    ms_ssim: float | None
    ms_ssim_db: float | None
    """Mean of the decibels of each picture, not the decibels of the mean."""
    ssimulacra2: float | None
    butteraugli: float | None
    butteraugli_db: float | None
    """Mean of the decibels of each picture."""
    texture_dark: float | None
    texture_middle: float | None
    texture_bright: float | None
    encode_ms: float
    decode_ms: float


@dataclass(frozen=True)
class Delta:
    """One BD-rate, on the mean curves; the columns of bd_rates.tsv."""

    codec: str
    anchor: str
    metric: str
    """A key of METRICS."""
    bd_rate_percent: float | None
    """None where the curves share no range."""
    low: float | None
    """Ends of the range of quality that it is over, in the metric's unit."""
    high: float | None
    each_picture_percent: float | None
    """Mean of the BD-rates on each picture's own curves, where bytes are compared within a picture alone."""


def write_header(file: TextIO, record: type) -> None:
    """Write the column names of a record's table as a TSV line."""
    file.write("\t".join(field.name for field in dataclasses.fields(record)) + "\n")


def write_row(file: TextIO, record: Any) -> None:
    """Write a record as a TSV line: floats with six significant digits, None as an empty cell."""
    file.write("\t".join(_cell(value) for value in dataclasses.astuple(record)) + "\n")


def write_table(path: Path, record: type, records: Iterable[Any]) -> None:
    """Write a whole table as TSV with a header line."""
    with path.open("w", encoding="utf-8") as file:
        write_header(file, record)
        for each in records:
            write_row(file, each)


def means(rows: Sequence[Row]) -> list[Mean]:
    """Return the mean over pictures for each codec and setting, in the order of the rows."""
    groups: dict[tuple[str, float], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.codec, row.setting), []).append(row)
    return [_mean(codec, setting, group) for (codec, setting), group in groups.items()]


def _mean(codec: str, setting: float, rows: list[Row]) -> Mean:
    similarities = _known(row.ms_ssim for row in rows)
    norms = _known(row.butteraugli for row in rows)
    return Mean(
        codec=codec,
        setting=setting,
        images=len(rows),
        bytes=fmean(row.bytes for row in rows),
        bpp=fmean(row.bpp for row in rows),
        psnr_db=fmean(row.psnr_db for row in rows),
        ms_ssim=mean_of(similarities),
        ms_ssim_db=mean_of(map(ms_ssim_db, similarities)),
        ssimulacra2=mean_of(row.ssimulacra2 for row in rows),
        butteraugli=mean_of(norms),
        butteraugli_db=mean_of(map(butteraugli_db, norms)),
        texture_dark=mean_of(row.texture_dark for row in rows),
        texture_middle=mean_of(row.texture_middle for row in rows),
        texture_bright=mean_of(row.texture_bright for row in rows),
        encode_ms=fmean(row.encode_ms for row in rows),
        decode_ms=fmean(row.decode_ms for row in rows),
    )


def mean_of(values: Iterable[float | None]) -> float | None:
    """Return the mean of what was measured, None if nothing was."""
    known = _known(values)
    return fmean(known) if known else None


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def deltas(rows: Sequence[Row]) -> list[Delta]:
    """Return the BD-rates of every codec against every anchor, by every metric measured."""
    whole = _rates(means(rows))
    pictures: dict[str, list[Row]] = {}
    for row in rows:
        pictures.setdefault(row.image, []).append(row)
    each = [_rates(means(own)) for own in pictures.values()]
    found = []
    for key, rate in whole.items():
        percents = [own.percent for rates in each if (own := rates.get(key))]
        percent, low, high = dataclasses.astuple(rate) if rate else (None, None, None)
        found.append(Delta(*key, percent, low, high, mean_of(percents)))
    return found


def _rates(table: Sequence[Mean]) -> dict[tuple[str, str, str], BdRate | None]:
    """Return the BD-rates on the curves of a table by codec, anchor and metric."""
    codecs = list(dict.fromkeys(mean.codec for mean in table))
    found = {}
    for metric, about in METRICS.items():
        curves = {
            codec: curve(
                (mean.bpp, value)
                for mean in table
                if mean.codec == codec and (value := getattr(mean, metric)) is not None
            )
            for codec in codecs
        }
        for anchor in ANCHORS:
            if curves.get(anchor):
                for codec in codecs:
                    found[codec, anchor, metric] = bd_rate(curves[anchor], curves[codec], about.within)
    return found


def markdown(
    title: str,
    table: Sequence[Mean],
    rates: Sequence[Delta],
    equal: str,
    facts: dict[str, str],
    notes: Sequence[str],
) -> str:
    """Return the summary as a Markdown page: BD-rates, means, what it was measured on, notes.

    `equal` are the tables of equal_bytes.py, if there are any.
    """
    blocks = [f"# {title}"]
    if rates:
        blocks += ["## BD-rate (negative: fewer bytes for the same picture)", bd_tables(rates)]
    if equal:
        blocks += ["## At equal bytes in every picture", equal]
    if any(mean.ms_ssim is not None for mean in table):
        blocks += [f"## MS-SSIM: area under the curve up to {MOST_BPP:g} bits a pixel", area_table(table)]
    blocks += ["## Means", mean_table(table)]
    blocks += ["## Measured on", "\n".join(f"- {name}: {value}" for name, value in facts.items())]
    if notes:
        blocks += ["## Notes", "\n".join(f"- {note}" for note in notes)]
    return "\n\n".join(blocks) + "\n"


def bd_tables(rates: Sequence[Delta]) -> str:
    """Return the BD-rates as Markdown, a table an anchor: on the mean curves and, "each", the mean of the pictures'."""
    return "\n\n".join(_bd_table(rates, anchor) for anchor in dict.fromkeys(rate.anchor for rate in rates))


def _bd_table(rates: Sequence[Delta], anchor: str) -> str:
    metrics = list(dict.fromkeys(rate.metric for rate in rates if rate.anchor == anchor))
    found = {(rate.codec, rate.metric): rate for rate in rates if rate.anchor == anchor}
    heads = [f"against {anchor}", *(head for metric in metrics for head in (f"by {METRICS[metric].label}", "each"))]
    lines = [
        [codec, *(cell for metric in metrics for cell in _percents(found[codec, metric]))]
        for codec in dict.fromkeys(codec for codec, _ in found)
    ]
    return pipe_table(heads, lines)


def area_table(table: Sequence[Mean]) -> str:
    """Return the areas under the curves of MS-SSIM as a Markdown table."""
    lines = []
    for codec in dict.fromkeys(mean.codec for mean in table):
        points = [(mean.bpp, mean.ms_ssim) for mean in table if mean.codec == codec and mean.ms_ssim is not None]
        found = area(points)
        lines.append([codec, "-" if found is None else f"{found:.4f}"])
    return pipe_table(["codec", "area"], lines)


def mean_table(table: Sequence[Mean]) -> str:
    """Return the means as a Markdown table."""
    heads = "codec|setting|bpp|PSNR dB|MS-SSIM|MS-SSIM dB|SSIMULACRA 2|Butteraugli|encode ms|decode ms".split("|")
    lines = [
        [
            mean.codec,
            f"{mean.setting:g}",
            f"{mean.bpp:.3f}",
            f"{mean.psnr_db:.2f}",
            fixed(mean.ms_ssim, 4),
            fixed(mean.ms_ssim_db, 2),
            fixed(mean.ssimulacra2, 1),
            fixed(mean.butteraugli, 3),
            f"{mean.encode_ms:.1f}",
            f"{mean.decode_ms:.1f}",
        ]
        for mean in table
    ]
    return pipe_table(heads, lines)


def pipe_table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are aligned to the right."""
    widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]

    def text(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
        return f"| {' | '.join((first, *rest))} |"

    return "\n".join(map(text, (heads, rule, *lines)))


def fixed(value: float | None, digits: int) -> str:
    """Return a number with so many digits behind the point, a dash for what was not measured."""
    return "-" if value is None else f"{value:.{digits}f}"


def _percents(rate: Delta) -> tuple[str, str]:
    """Return a BD-rate with the range of quality that it holds for, and the mean of those of each picture."""
    # the + 0.0 turns a rounded -0.0 into 0.0
    whole, each = (
        "-" if percent is None else f"{round(percent, 1) + 0.0:+.1f} %"
        for percent in (rate.bd_rate_percent, rate.each_picture_percent)
    )
    if rate.bd_rate_percent is None:
        return whole, each
    reach = f"{rate.low:.0f} to {rate.high:.0f} {METRICS[rate.metric].unit}"
    return f"{whole} ({reach.strip()})", each


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
