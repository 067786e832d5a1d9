"""Where files are: a path of this machine, or the address of an object in a store, such as s3://bucket/a.png."""

import re
from pathlib import Path, PurePath, PurePosixPath
from typing import NamedTuple, TypeAlias

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://(.*)", re.DOTALL)


class Address(NamedTuple):
    """A place that fsspec opens; it has as much of a path's arithmetic as commands need."""

    protocol: str
    path: PurePosixPath
    """Of s3://bucket/a.png that is bucket/a.png."""

    def __str__(self) -> str:
        return f"{self.protocol}://{self.path}"

    def __truediv__(self, below: PurePath | str) -> "Address":
        return Address(self.protocol, self.path / (below if isinstance(below, str) else below.as_posix()))

    @property
    def name(self) -> str:
        """The last part."""
        return self.path.name

    @property
    def suffix(self) -> str:
        """That of the name, with its dot."""
        return self.path.suffix


Place: TypeAlias = Path | Address


def is_address(text: str) -> bool:
    """Return whether a text is an address, and no path of this machine."""
    found = _ADDRESS.fullmatch(text)
    return found is not None and found[1] != "file"


def place(text: str) -> Place:
    """Return the place that a text names: an address, or the absolute path, which is the same for every process."""
    found = _ADDRESS.fullmatch(text)
    if found is None or found[1] == "file":
        return Path(found[2] if found else text).absolute()
    return Address(found[1], PurePosixPath(found[2].strip("/")))
