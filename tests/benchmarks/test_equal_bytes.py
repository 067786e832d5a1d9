"""Measures at equal rates, from rows whose curves are straight lines."""

import math

import pytest

from benchmarks import equal_bytes
from benchmarks.summary import Row


def curve(codec: str, image: str, gain_db: float, rates: tuple[float, ...] = (0.125, 0.4, 2.0)) -> list[Row]:
    """Return rows whose PSNR grows by 6 dB with each doubling of the rate; all else stays."""
    return [
        Row(image, codec, i, 0, bpp, 40 + gain_db + 6 * math.log2(bpp), None, 70.0, None, 0.5, None, None, 4.0, 2.0)
        for i, bpp in enumerate(rates)
    ]


def test_a_measure_is_taken_between_two_settings_linearly_in_log_rate() -> None:
    (ours, jpeg) = equal_bytes.at_rates([*curve("gargalo", "a", 2), *curve("jpeg", "a", 0, (0.3, 0.9))], [0.5])
    assert (ours.codec, jpeg.codec, ours.bpp, ours.images) == ("gargalo", "jpeg", 0.5, 1)
    assert ours.psnr_db == pytest.approx(36) and jpeg.psnr_db == pytest.approx(34)
    assert ours.ssimulacra2 == 70 and ours.texture_dark == 0.5
    assert ours.butteraugli is None and ours.ms_ssim_db is None


def test_only_pictures_that_all_codecs_have_at_the_rate_count() -> None:
    rows = [
        *curve("gargalo", "a", 0),
        *curve("gargalo", "b", 10),
        *curve("jpeg", "a", 0),
        *curve("jpeg", "b", 0, (0.6, 2)),
    ]
    at_half, _, at_one, _ = equal_bytes.at_rates(rows, [0.5, 1, 4])
    assert (at_half.images, at_one.images) == (1, 2)
    assert at_half.psnr_db == pytest.approx(34) and at_one.psnr_db == pytest.approx(45)


def test_the_table_of_a_rate_names_it_and_its_pictures() -> None:
    lines = equal_bytes.markdown(equal_bytes.at_rates(curve("gargalo", "a", 0), [0.25, 0.5])).splitlines()
    assert lines[0].startswith("| 0.25 bpp, 1 pictures | PSNR dB |") and lines[4].startswith("| 0.5 bpp, 1 pictures ")
    assert [cell.strip() for cell in lines[6].split("|")[1:-1]] == [
        "gargalo",
        "34.00",
        "-",
        "70.0",
        "-",
        "0.50",
        "-",
        "-",
    ]
