"""From rows (one a picture, codec and setting) to means, BD-rates and the tables that show them."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, TextIO

from benchmarks.area import MOST_BPP, area
from benchmarks.bd_rate import BdRate, bd_rate, curve
from benchmarks.metrics import ms_ssim_db

ANCHORS = ("jpeg", "webp")
METRICS = {"psnr_db": "PSNR", "ms_ssim_db": "MS-SSIM"}


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
    encode_ms: float
    decode_ms: float


@dataclass(frozen=True)
class Delta:
    """One BD-rate; the columns of bd_rates.tsv."""

    codec: str
    anchor: str
    metric: str
    """psnr_db or ms_ssim_db."""
    bd_rate_percent: float | None
    """None where the curves share no range."""
    low_db: float | None
    high_db: float | None


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
    similarities = [row.ms_ssim for row in rows if row.ms_ssim is not None]
    return Mean(
        codec=codec,
        setting=setting,
        images=len(rows),
        bytes=fmean(row.bytes for row in rows),
        bpp=fmean(row.bpp for row in rows),
        psnr_db=fmean(row.psnr_db for row in rows),
        ms_ssim=fmean(similarities) if similarities else None,
        ms_ssim_db=fmean(map(ms_ssim_db, similarities)) if similarities else None,
        encode_ms=fmean(row.encode_ms for row in rows),
        decode_ms=fmean(row.decode_ms for row in rows),
    )


def deltas(table: Sequence[Mean]) -> list[Delta]:
    """Return the BD-rates of every codec against every anchor, by every metric measured."""
    codecs = list(dict.fromkeys(mean.codec for mean in table))
    found = []
    for metric in METRICS:
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
                    rate = bd_rate(curves[anchor], curves[codec])
                    found.append(Delta(codec, anchor, metric, *_fields(rate)))
    return found


def _fields(rate: BdRate | None) -> tuple[float | None, float | None, float | None]:
    return dataclasses.astuple(rate) if rate else (None, None, None)


def markdown(
    title: str,
    table: Sequence[Mean],
    rates: Sequence[Delta],
    facts: dict[str, str],
    notes: Sequence[str],
) -> str:
    """Return the summary as a Markdown page: BD-rates, means, what it was measured on, notes."""
    blocks = [f"# {title}"]
    if rates:
        blocks += ["## BD-rate (negative: fewer bytes for the same picture)", bd_table(rates)]
    if any(mean.ms_ssim is not None for mean in table):
        blocks += [f"## MS-SSIM: area under the curve up to {MOST_BPP:g} bits a pixel", area_table(table)]
    blocks += ["## Means", mean_table(table)]
    blocks += ["## Measured on", "\n".join(f"- {name}: {value}" for name, value in facts.items())]
    if notes:
        blocks += ["## Notes", "\n".join(f"- {note}" for note in notes)]
    return "\n\n".join(blocks) + "\n"


def bd_table(rates: Sequence[Delta]) -> str:
    """Return the BD-rates as a Markdown table."""
    columns = list(dict.fromkeys((rate.metric, rate.anchor) for rate in rates))
    found = {(rate.codec, rate.metric, rate.anchor): rate for rate in rates}
    heads = ["codec", *(f"vs {anchor}, {METRICS[metric]}" for metric, anchor in columns)]
    lines = [
        [codec, *(_percent(found[codec, *column]) for column in columns)]
        for codec in dict.fromkeys(rate.codec for rate in rates)
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
    heads = "codec|setting|bpp|PSNR dB|MS-SSIM|MS-SSIM dB|encode ms|decode ms".split("|")
    lines = [
        [
            mean.codec,
            f"{mean.setting:g}",
            f"{mean.bpp:.3f}",
            f"{mean.psnr_db:.2f}",
            "-" if mean.ms_ssim is None else f"{mean.ms_ssim:.4f}",
            "-" if mean.ms_ssim_db is None else f"{mean.ms_ssim_db:.2f}",
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


def _percent(rate: Delta) -> str:
    """Return a BD-rate with the range of quality that it holds for."""
    if rate.bd_rate_percent is None:
        return "-"
    # the + 0.0 turns a rounded -0.0 into 0.0
    percent = round(rate.bd_rate_percent, 1) + 0.0
    return f"{percent:+.1f} % ({rate.low_db:.0f}-{rate.high_db:.0f} dB)"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
