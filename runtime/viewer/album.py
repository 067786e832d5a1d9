"""The files that the viewer may show: those it was given, and those in folders. No path comes from a page."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runtime.errors import InputError
from runtime.spec import THUMBNAIL_SUFFIX

SUFFIXES = (".gar", THUMBNAIL_SUFFIX)
MOST_BYTES = 1 << 30
"""Of a file: far above any that can be shown."""


@dataclass(frozen=True)
class Entry:
    """A file that may be shown."""

    name: str
    path: Path
    folder: Path | None
    """Resolved; the file must be in it. None for one that was given by name."""

    def read(self) -> bytes:
        """Return its bytes. Raise OSError, InputError if it is no plain file or a link leads out of the folder."""
        path = Path(os.path.realpath(self.path, strict=True))
        if self.folder and not path.is_relative_to(self.folder):
            raise InputError(f"{self.name} is a link that leads out of the folder; open that file itself")
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with open(os.open(path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
                raise InputError(f"{self.name} is no plain file of at most {MOST_BYTES >> 20} MiB")
            return file.read()


@dataclass
class Album:
    """Files and folders to be shown; what is seen once keeps its number."""

    inputs: Sequence[Path]
    recursive: bool = False
    entries: list[Entry] = field(default_factory=list)

    def refresh(self) -> list[tuple[int, str]]:
        """Look for new files; return numbers and names of those that are there. Raise OSError, InputError."""
        numbers = {entry: number for number, entry in enumerate(self.entries)}
        there = [entry for path in self.inputs for entry in self._entries(path)]
        for entry in there:
            if entry not in numbers:
                numbers[entry] = len(self.entries)
                self.entries.append(entry)
        return [(numbers[entry], entry.name) for entry in there]

    def _entries(self, path: Path) -> Iterator[Entry]:
        if not path.is_dir():
            path.stat()  # OSError if it is not there
            if path.suffix.lower() not in SUFFIXES:
                raise InputError(f"{path} is not a {' or '.join(SUFFIXES)} file, which is all that can be viewed")
            yield Entry(path.name, path.absolute(), None)
            return
        folder = path.resolve()
        for file in sorted(folder.rglob("*") if self.recursive else folder.iterdir()):
            within = Path(os.path.realpath(file)).is_relative_to(folder)  # of loops it makes something, too
            if file.suffix.lower() in SUFFIXES and within and file.is_file():
                yield Entry(file.relative_to(folder).as_posix(), file, folder)
