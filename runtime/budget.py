"""How many bytes each picture of a series may have: 50MB/day at one picture every 10 s. `capture.py` keeps to it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from runtime.errors import InputError

_SECONDS = {"ms": 1e-3, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "hour": 3600.0}
_SECONDS |= {"d": 86400.0, "day": 86400.0, "week": 7 * 86400.0}
_DURATION = re.compile(r"(\d{0,9}(?:\.\d{1,9})?)\s*([a-z]*)")

_MOST_SAVED = 16
"""Pictures whose bytes may be saved up, so that a dark night does not spend the day's budget on one morning."""
_SPENT = 8
"""A picture may take this part of what is saved: quality changes slowly."""
_ATTEMPTS = 6


def seconds(text: str, option: str, or_zero: bool = False) -> float:
    """Return a duration such as 500ms, 10s, 5min, 1h or day in seconds; InputError for anything else.

    0 is one only with or_zero.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None or found[2] not in _SECONDS or text.strip() == "" or float(found[1] or 1) == 0 and not or_zero:
        raise InputError(f"{option} {text} is no length of time; give a number with ms, s, min, h or d")
    return float(found[1] or 1) * _SECONDS[found[2]]


@dataclass
class Budget:
    """Bytes for each picture. What one leaves over is saved for the next ones; the sum is never overdrawn."""

    share_bytes: float
    saved_bytes: float = 0.0
    level: int | None = None
    """That of the last picture; the next one is probably like it."""

    @classmethod
    def parse(cls, text: str, every_s: float) -> "Budget":
        """Returns the budget that a text such as 50MB/day gives to a picture every so many seconds, or InputError."""
        from runtime import search

        amount, slash, period = text.partition("/")
        size_bytes = search.parse_size(amount) if slash else None
        if size_bytes is None:
            raise InputError(f"--budget {text} is no size per time; give 50MB/day, 2GB/week or 1MB/h")
        return cls(size_bytes * every_s / seconds(period, "--budget"))

    def encode(self, at_level: Callable[[int], bytes], lowest: int, highest: int) -> bytes | None:
        """Returns the largest stream found that fits, None where not even the lowest level does; and books it."""
        left = self.saved_bytes + self.share_bytes
        best = self._largest(at_level, self.share_bytes + self.saved_bytes / _SPENT, lowest, highest)
        if best is None and len(smallest := at_level(lowest)) <= left:
            best = smallest
        self.saved_bytes = min(left - len(best or b""), _MOST_SAVED * self.share_bytes)
        return best

    def _largest(self, at_level: Callable[[int], bytes], limit: float, lowest: int, highest: int) -> bytes | None:
        """Returns the largest stream of at most limit bytes that a few attempts find, or None.

        They begin at the last picture's level and go by growing steps, then by halves: four are usual.
        """
        level = self.level if self.level is not None else (lowest + highest) // 2
        fitting, above, best, step = lowest - 1, highest + 1, None, 2
        for _ in range(_ATTEMPTS):
            data = at_level(level)
            if len(data) <= limit:
                fitting, best = level, data
            else:
                above = level
            if best is not None and above <= highest:
                level = (fitting + above) // 2
            else:
                level, step = level + step if best is not None else level - step, 4 * step
            level = min(max(level, lowest), highest)
            if not fitting < level < above:
                break
        self.level = max(fitting, lowest)
        return best
