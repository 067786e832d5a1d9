"""The manifest of a folder of outputs: a row of JSON for each file that was tried, so that a rerun does what is left.

It lies beside the outputs in .manifest/ as parts that are written once and never changed, as stores cannot append. Of
rows of one output the last good one counts.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from runtime.cli.places import Place
from runtime.cli.process import deliver, take
from runtime.console import complain

FOLDER = ".manifest"
_PART_ROWS, _PART_S = 1000, 30.0
"""A part is written when it has so many rows, or is so old."""


def key(*texts: str) -> bytes:
    """Return 16 bytes that stand for texts, as a fleet has many."""
    return blake2b("\0".join(texts).encode(errors="surrogateescape"), digest_size=16).digest()


class Manifest:
    """Rows of this run, written by parts of a name that no other run has."""

    def __init__(self, output: Place):
        self._prefix = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{os.urandom(4).hex()}"
        self._output, self._parts = output, 0
        self._rows: list[str] = []
        self._begun_s = time.monotonic()

    def begin(self) -> None:
        """Write an empty part, which shows that outputs can be written. Raise OSError, InputError."""
        self._write()

    def add(self, row: Mapping[str, object]) -> None:
        """Add a row, and write a part when it is due."""
        self._rows.append(json.dumps(row))
        if len(self._rows) >= _PART_ROWS or time.monotonic() - self._begun_s > _PART_S:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are not written yet. Raise OSError, InputError."""
        if self._rows:
            self._write()
        self._rows, self._begun_s = [], time.monotonic()

    def _write(self) -> None:
        """Write the next part."""
        part = self._output / FOLDER / f"{self._prefix}-{self._parts:06}.jsonl"
        if isinstance(part, Path):
            part.parent.mkdir(parents=True, exist_ok=True)
        deliver(part, "".join(f"{row}\n" for row in self._rows).encode(), overwrite=True)
        self._parts += 1


def made(output: Place) -> dict[bytes, tuple[bytes, bytes]]:
    """Return by the key of each output that a good row tells of: the key of its input, that of what it was made of.

    Rows that cannot be read, as of a part that was cut off, tell nothing; a line on stderr names the part.
    """
    found: dict[bytes, tuple[bytes, bytes]] = {}
    for part in _parts(output):
        unread = 0
        for line in take(part).splitlines():
            try:
                row = json.loads(line)
                if not row["error"]:
                    source = key(row["input"])
                    found[key(row["output"])] = source, state(row["version"], row["made_with"])
            except (ValueError, TypeError, KeyError):
                unread += 1
        if unread:
            complain(f"warning: {part}: rows that cannot be read: {unread}; what they told of is done again")
    return found


def state(version: str, made_with: str) -> bytes:
    """Return the key of what an output is made of: this version of its input, and these settings."""
    return key(version, made_with)


def _parts(output: Place) -> Iterator[Place]:
    """Yield the parts of all runs, in the order of their beginnings."""
    folder = output / FOLDER
    if isinstance(folder, Path):
        yield from sorted(folder.glob("*.jsonl"))
    else:
        from runtime.cli import stores

        yield from sorted((part for part, _ in stores.listed(folder)), key=str)
