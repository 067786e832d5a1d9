"""Numbers, sizes and lengths of time: what is understood, and that all else is refused in the words of the option."""

import pytest

from runtime.errors import InputError
from runtime.quantities import bytes_per_second, number, seconds, size_bytes, whole


@pytest.mark.parametrize("text, expected", [("1", 1), ("1e2", 100), (" 7.5 ", 7.5)])
def test_numbers_in_range(text: str, expected: float) -> None:
    assert number(text, "-q", 1, 100) == expected


@pytest.mark.parametrize("text", ["nan", "inf", "0.99", "101"])
def test_a_number_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=f"^-q {text} is out of range; give a number from 1 to 100$"):
        number(text, "-q", 1, 100)


@pytest.mark.parametrize("text", ["", "x", "7,5", True])
def test_what_is_no_number_is_refused(text: str | bool) -> None:
    with pytest.raises(InputError, match=f"^-q {text} is not a number; give a number from 1 to 1048576$"):
        number(text, "-q", 1, 1 << 20)


def test_a_fraction_is_refused_where_a_whole_number_is_wanted() -> None:
    assert whole("7", "-j", 1, 8) == whole(7.0, "-j", 1, 8) == 7 and isinstance(whole("7", "-j", 1, 8), int)
    for given in ("7.9", 1.5):
        with pytest.raises(InputError, match=f"^-j {given} is not a whole number; give one from 1 to 8$"):
            whole(given, "-j", 1, 8)


@pytest.mark.parametrize("given", ["nan", "inf", "-inf", float("nan"), float("inf"), "1e999"])
def test_what_is_no_finite_number_is_out_of_range(given: float | str) -> None:
    for read in (number, whole):
        with pytest.raises(InputError, match="is out of range"):
            read(given, "-q", 1, 100)


@pytest.mark.parametrize(
    "text, expected", [("12345", 12345), ("40KB", 40_000), ("40kib", 40_960), ("1.5 GiB", 3 << 29)]
)
def test_sizes(text: str, expected: int) -> None:
    assert size_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "0", "-1", "KB", "4TB", "1e3", "0.1"])
def test_what_is_no_size_is_none(text: str) -> None:
    assert size_bytes(text) is None


@pytest.mark.parametrize(
    "text, expected",
    [("500ms", 0.5), ("10s", 10), ("10", 10), ("5min", 300), ("1.5h", 5400), ("day", 86400), ("1 week", 604800)],
)
def test_lengths_of_time(text: str, expected: float) -> None:
    assert seconds(text, "--every") == expected


@pytest.mark.parametrize("text", ["", "0", "-1s", "10x", "1e3s", "s10", "nan"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a length of time"):
        seconds(text, "--every")


def test_no_time_is_a_length_where_it_is_allowed() -> None:
    assert seconds("0s", "--warm-up", or_zero=True) == 0


def test_rates() -> None:
    assert bytes_per_second("86.4MB/day", "--budget") == 1000
    assert bytes_per_second("1MiB/h", "--budget") * 3600 == 2**20


@pytest.mark.parametrize("text", ["50MB", "lots/day", "/day", "50MB/fortnight", "50MB/0s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="^--budget .* is not a "):
        bytes_per_second(text, "--budget")
