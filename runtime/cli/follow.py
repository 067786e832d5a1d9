"""A file that another program is still writing: what there is of it, each time that there is more."""

import time
from collections.abc import Iterator
from pathlib import Path

PAUSE_S = 0.2


def growth(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file now, and each time that its size has changed since; it never ends by itself."""
    while True:
        data = path.read_bytes()
        yield data
        while path.stat().st_size == len(data):
            time.sleep(PAUSE_S)
