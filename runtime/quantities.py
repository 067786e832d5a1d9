"""Numbers, sizes and lengths of time as users write them: 75, 40KB, 10s."""

import re
from operator import index
from typing import Any

from runtime.errors import InputError

_BYTES = {"": 1, "K": 1e3, "KI": 2**10, "M": 1e6, "MI": 2**20, "G": 1e9, "GI": 2**30}
"""With or without a B behind."""
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)\s*([A-Za-z]*)")

_SECONDS = {"ms": 1e-3, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "hour": 3600.0}
_SECONDS |= {"d": 86400.0, "day": 86400.0, "week": 7 * 86400.0}
_DURATION = re.compile(r"(\d{0,9}(?:\.\d{1,9})?)\s*([a-z]*)")


def number(given: float | str, option: str, low: float, high: float) -> float:
    """Return a number, or the one in a text; raise InputError unless it is from low to high."""
    usable = f"give a number from {low:.15g} to {high:.15g}"
    try:
        value = float("" if isinstance(given, bool) else given)
    except (TypeError, ValueError):
        raise InputError(f"{option} {given} is not a number; {usable}") from None
    if not low <= value <= high:
        raise InputError(f"{option} {given} is out of range; {usable}")
    return value


def whole(given: float | str, option: str, low: int, high: int) -> int:
    """Return a whole number, or the one in a text; raise InputError for a fraction, and unless it is in range."""
    value = number(given, option, low, high)
    if value != int(value):
        raise InputError(f"{option} {given} is not a whole number; give one from {low} to {high}")
    return int(value)


def positive(given: Any, argument: str) -> int:
    """Return a whole number above 0 that a program gave; raise InputError for anything else."""
    try:
        value = index(given)
    except TypeError:
        value = 0
    if value < 1:
        raise InputError(f"{argument}={given!r} is not a positive whole number; give one")
    return value


def size_bytes(text: str) -> int | None:
    """Return the bytes that a text such as 12345, 40KB or 1.5 GiB says, None where it says none."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        return None
    factor = _BYTES.get(match[2].upper().removesuffix("B"), 0)
    return int(float(match[1]) * factor) or None


def seconds(text: str, option: str, or_zero: bool = False) -> float:
    """Return the seconds that a text such as 500ms, 10s, 5min, 1h or day says; raise InputError for any other.

    0 is allowed only with or_zero.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None or match[2] not in _SECONDS or text.strip() == "" or float(match[1] or 1) == 0 and not or_zero:
        raise InputError(f"{option} {text} is not a length of time; give a number with ms, s, min, h or d")
    return float(match[1] or 1) * _SECONDS[match[2]]


def bytes_per_second(text: str, option: str) -> float:
    """Return the rate that a text such as 50MB/day says; raise InputError for any other."""
    amount, slash, period = text.partition("/")
    size = size_bytes(amount) if slash else None
    if size is None:
        raise InputError(f"{option} {text} is not a size per time; give 50MB/day, 2GB/week or 1MB/h")
    return size / seconds(period, option)
