"""Where files are: a path of this machine, or the address of an object in a store, such as s3://bucket/a.png."""

import re
from pathlib import Path, PurePath, PurePosixPath
from typing import NamedTuple, TypeAlias

from runtime.errors import InputError

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://(.*)", re.DOTALL | re.IGNORECASE)


class Address(NamedTuple):
    """A place that fsspec opens; it has as much of a path's arithmetic as commands need."""

    protocol: str
    path: PurePosixPath
    """Of s3://bucket/a.png that is bucket/a.png."""
    odd: str = ""
    """What it is called in the store where no path can be, as with an empty part: it is told of, but not opened."""

    def __str__(self) -> str:
        return f"{self.protocol}://{self.odd or self.path}"

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
    return found is not None and found[1].lower() != "file"


def place(text: str) -> Place:
    """Return the place that a text names: an address, or the absolute path, which is the same for every process.

    Raise InputError for an address without a bucket, or what stands for one.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None or not is_address(text):
        return Path(found[2] if found else text).absolute()
    if not found[2].strip("/"):
        raise InputError(f"{text} names no bucket; give one, such as s3://bucket/folder")
    return Address(found[1].lower(), PurePosixPath(found[2].strip("/")))
