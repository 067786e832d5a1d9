"""Every codec at the same bits a pixel in every picture: all measures between its two nearest settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

from benchmarks.metrics import ms_ssim_db
from benchmarks.summary import Row, fixed, mean_of, pipe_table

RATES_BPP = (0.25, 0.5, 1.0)


@dataclass(frozen=True)
class AtRate:
    """One codec at one rate: means over the pictures that all codecs have at it; the columns of equal_bytes.tsv."""

    bpp: float
    codec: str
    images: int
    psnr_db: float | None
    ms_ssim_db: float | None
    ssimulacra2: float | None
    butteraugli: float | None
    texture_dark: float | None
    """Kept texture; see texture.py."""
    texture_middle: float | None
    texture_bright: float | None


MEASURES = ("psnr_db", "ms_ssim_db", "ssimulacra2", "butteraugli", "texture_dark", "texture_middle", "texture_bright")


def at_rates(rows: Sequence[Row], rates_bpp: Sequence[float] = RATES_BPP) -> list[AtRate]:
    """Return each codec at each rate, without the rates that no picture has in all codecs."""
    curves: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        curves.setdefault((row.image, row.codec), []).append(row)
    codecs = list(dict.fromkeys(row.codec for row in rows))
    found = []
    for bpp in rates_bpp:
        at = {key: _between(curve, bpp) for key, curve in curves.items()}
        images = [
            image for image in dict.fromkeys(row.image for row in rows) if all(at.get((image, c)) for c in codecs)
        ]
        for codec in codecs if images else []:
            points = [point for image in images if (point := at[image, codec])]
            found.append(AtRate(bpp, codec, len(images), *(mean_of(column) for column in zip(*points, strict=True))))
    return found


def markdown(equal: Sequence[AtRate]) -> str:
    """Return all codecs at equal bytes as Markdown, a table a rate."""
    heads = "PSNR dB|MS-SSIM dB|SSIMULACRA 2|Butteraugli|texture dark|middle|bright".split("|")
    tables = []
    for bpp in dict.fromkeys(each.bpp for each in equal):
        lines = [
            [
                each.codec,
                fixed(each.psnr_db, 2),
                fixed(each.ms_ssim_db, 2),
                fixed(each.ssimulacra2, 1),
                fixed(each.butteraugli, 3),
                fixed(each.texture_dark, 2),
                fixed(each.texture_middle, 2),
                fixed(each.texture_bright, 2),
            ]
            for each in equal
            if each.bpp == bpp
        ]
        images = next(each.images for each in equal if each.bpp == bpp)
        tables.append(pipe_table([f"{bpp:g} bpp, {images} pictures", *heads], lines))
    return "\n\n".join(tables)


def _between(curve: Sequence[Row], bpp: float) -> list[float | None] | None:
    """Return one codec's measures of one picture at a rate, linear in its logarithm; None beyond its settings."""
    for low, high in pairwise(sorted(curve, key=lambda row: row.bpp)):
        if low.bpp <= bpp <= high.bpp and low.bpp < high.bpp:
            share = log(bpp / low.bpp) / log(high.bpp / low.bpp)
            pairs = zip(_measures(low), _measures(high), strict=True)
            return [None if a is None or b is None else a + share * (b - a) for a, b in pairs]
    return None


def _measures(row: Row) -> list[float | None]:
    decibels = None if row.ms_ssim is None else ms_ssim_db(row.ms_ssim)
    return [decibels if name == "ms_ssim_db" else getattr(row, name) for name in MEASURES]
