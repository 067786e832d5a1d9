"""The bytes that each picture of a series may have, as of 50MB/day at one picture every 10 s, for `capture.py`."""

from collections.abc import Callable
from dataclasses import dataclass

_MOST_SAVED = 16
"""Pictures whose bytes may be saved up, so that a dark night does not spend the day's budget on one morning."""
_SPENT = 8
"""A picture may take one part in so many of what is saved: quality changes slowly."""
_ATTEMPTS = 6


@dataclass
class Budget:
    """The bytes for each picture. What one leaves over is saved for the next ones; the sum is never overdrawn."""

    share_bytes: float
    saved_bytes: float = 0.0
    level: int | None = None
    """That of the last picture; the next one is probably like it."""

    def encode(self, at_level: Callable[[int], bytes], lowest: int, highest: int) -> bytes | None:
        """Return the largest stream found that fits, and book it; None where not even the lowest level fits."""
        left = self.saved_bytes + self.share_bytes
        best = self._largest(at_level, self.share_bytes + self.saved_bytes / _SPENT, lowest, highest)
        if best is None and len(smallest := at_level(lowest)) <= left:
            best = smallest
        self.saved_bytes = min(left - len(best or b""), _MOST_SAVED * self.share_bytes)
        return best

    def _largest(self, at_level: Callable[[int], bytes], limit: float, lowest: int, highest: int) -> bytes | None:
        """Return the largest stream of at most `limit` bytes that a few attempts find, or None.

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
