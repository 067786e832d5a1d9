"""A file that another program is still writing: what there is of it, each time that it has changed."""

import time
from collections.abc import Iterator
from pathlib import Path

PAUSE_S = 0.2


def growth(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file now and whenever it has been written or replaced; it never ends by itself."""
    while True:
        seen = _state(path)
        yield path.read_bytes()
        while _state(path) == seen:
            time.sleep(PAUSE_S)


def _state(path: Path) -> tuple[int, ...]:
    """Return numbers that differ once a file has been written or replaced."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
