"""A file that grows, is replaced or goes while it is followed."""

import os
from pathlib import Path

import pytest

from runtime.cli import follow


def test_what_is_written_or_replaced_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = tmp_path / "x", tmp_path / "y"
    path.write_bytes(b"one")
    other.write_bytes(b"six")
    os.utime(other, ns=(0, path.stat().st_mtime_ns))

    def replaced(seconds: float) -> None:
        other.replace(path)

    monkeypatch.setattr("time.sleep", replaced)
    read = follow.growth(path)
    assert next(read) == b"one"
    assert next(read) == b"six", "of the same size and time"
    path.write_bytes(b"sixty")
    assert next(read) == b"sixty"
    path.unlink()
    with pytest.raises(FileNotFoundError):
        next(read)
