"""Means, BD-rates and tables from known rows."""

import io
from typing import Any

import pytest

from benchmarks import summary
from benchmarks.summary import Row


def row(codec: str, setting: int, bpp: float, psnr_db: float, image: str = "a.png", **measures: Any) -> Row:
    names = "ms_ssim", "ssimulacra2", "butteraugli", "texture_dark", "texture_middle", "texture_bright"
    rest = {name: measures.get(name) for name in names}
    return Row(image, codec, setting, round(bpp * 1000), bpp, psnr_db, **rest, encode_ms=4.0, decode_ms=2.0)


CURVE = [(0.25, 26.0), (0.5, 29.0), (1.0, 32.0), (2.0, 36.0)]
JPEG = [row("jpeg", 10 * i, bpp, db) for i, (bpp, db) in enumerate(CURVE)]
OURS_AT_HALF = [row("gargalo", 20 * i, bpp / 2, db) for i, (bpp, db) in enumerate(CURVE)]


def test_a_mean_is_over_pictures_of_one_codec_and_setting() -> None:
    rows = [
        row("jpeg", 50, 1.0, 30.0, "a.png", ms_ssim=0.9),
        row("jpeg", 75, 2.0, 35.0, "a.png", ms_ssim=0.99),
        row("jpeg", 50, 3.0, 34.0, "b.png", ms_ssim=0.99),
    ]
    at_50, at_75 = summary.means(rows)
    assert (at_50.images, at_75.images) == (2, 1)
    assert (at_50.bytes, at_50.bpp, at_50.psnr_db) == (2000, 2.0, 32.0)
    assert at_50.ms_ssim == pytest.approx(0.945)
    assert at_50.ms_ssim_db == pytest.approx(15)  # the mean of 10 dB and 20 dB
    assert (at_50.encode_ms, at_50.decode_ms) == (4, 2)


def test_rows_without_ms_ssim_leave_it_out_of_the_mean() -> None:
    rows = [row("jpeg", 50, 1, 30, "a.png", ms_ssim=0.9), row("jpeg", 50, 1, 30, "small.png")]
    assert summary.means(rows)[0].ms_ssim == 0.9
    assert summary.means(rows[1:])[0].ms_ssim is None


def test_half_the_bytes_of_jpeg_is_minus_50_percent_and_jpeg_itself_0() -> None:
    rates = summary.deltas(JPEG + OURS_AT_HALF)
    by_psnr = {rate.codec: rate for rate in rates if rate.metric == "psnr_db"}
    assert by_psnr["gargalo"].bd_rate_percent == pytest.approx(-50)
    assert by_psnr["jpeg"].bd_rate_percent == pytest.approx(0, abs=1e-9)
    assert (by_psnr["gargalo"].low, by_psnr["gargalo"].high) == (26, 36)


def test_only_anchors_that_were_measured_are_compared_with() -> None:
    assert summary.deltas(OURS_AT_HALF) == []
    assert {rate.anchor for rate in summary.deltas(JPEG)} == {"jpeg"}


def test_a_row_is_a_tsv_line_with_an_empty_cell_for_what_was_not_measured() -> None:
    file = io.StringIO()
    summary.write_header(file, Row)
    summary.write_row(
        file, Row("a.png", "jpeg", 50.0, 1234, 0.512345678, 31.5, None, 70.25, 1.5, 0.5, None, 1.25, 4.25, 2.0)
    )
    assert file.getvalue() == (
        "image\tcodec\tsetting\tbytes\tbpp\tpsnr_db\tms_ssim\tssimulacra2\tbutteraugli\t"
        "texture_dark\ttexture_middle\ttexture_bright\tencode_ms\tdecode_ms\n"
        "a.png\tjpeg\t50\t1234\t0.512346\t31.5\t\t70.25\t1.5\t0.5\t\t1.25\t4.25\t2\n"
    )


def test_the_markdown_page_shows_rates_means_machine_and_notes() -> None:
    table = summary.means(JPEG + OURS_AT_HALF)
    page = summary.markdown(
        "set", table, summary.deltas(JPEG + OURS_AT_HALF), "| 0.5 bpp |", {"bundle": "00ff"}, ["no avif"]
    )
    lines = page.splitlines()
    assert lines[0] == "# set"
    assert "| against jpeg |               by PSNR |    each |" in lines
    assert "| gargalo      | -50.0 % (26 to 36 dB) | -50.0 % |" in lines
    assert "| jpeg         |  +0.0 % (26 to 36 dB) |  +0.0 % |" in lines
    assert "| 0.5 bpp |" in lines
    assert any(line.startswith("| gargalo |      20 | 0.250 |   29.00 |       - |          - |") for line in lines)
    assert "- bundle: 00ff" in lines
    assert "- no avif" in lines


def test_by_ssimulacra2_a_rate_is_over_30_to_90_and_by_butteraugli_over_decibels() -> None:
    def both(codec: str, factor: float) -> list[Row]:
        return [row(codec, i, factor * 2.0**i, 30, ssimulacra2=20.0 + 20 * i, butteraugli=8 / 2.0**i) for i in range(5)]

    rates = {r.metric: r for r in summary.deltas(both("webp", 1) + both("gargalo", 0.75)) if r.codec == "gargalo"}
    assert (rates["ssimulacra2"].low, rates["ssimulacra2"].high) == (30, 90)
    assert rates["ssimulacra2"].bd_rate_percent == pytest.approx(-25)
    assert rates["butteraugli_db"].bd_rate_percent == pytest.approx(-25)
    assert rates["butteraugli_db"].low == pytest.approx(-18.06, abs=0.01)
    assert "-25.0 % (30 to 90)" in summary.bd_tables(list(rates.values()))


def test_each_picture_s_own_rate_is_averaged_beside_that_of_the_mean_curves() -> None:
    """Half the bytes in a small picture and as many in a large one are -25 % a picture, and less of all bytes."""
    rows = []
    for image, factor, scale in (("small.png", 0.5, 1.0), ("large.png", 1.0, 10.0)):
        rows += [row("webp", i, scale * bpp, db, image) for i, (bpp, db) in enumerate(CURVE)]
        rows += [row("gargalo", i, factor * scale * bpp, db, image) for i, (bpp, db) in enumerate(CURVE)]
    rate = next(r for r in summary.deltas(rows) if (r.codec, r.metric) == ("gargalo", "psnr_db"))
    assert rate.each_picture_percent == pytest.approx(-25)
    assert rate.bd_rate_percent == pytest.approx(-100 * 0.5 / 11)
