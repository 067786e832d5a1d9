"""Processes are measured from outside, and alone."""

import subprocess
from pathlib import Path

import pytest

from benchmarks import processes


def test_a_child_s_peak_memory_is_its_own_and_not_ours() -> None:
    """A child of a large process inherits its peak: the small process between keeps that out."""
    ours = b"1" * 150_000_000
    small, large = processes.run(["-c", "pass"]), processes.run(["-c", "x = b'1' * 100_000_000"])
    assert small.peak_bytes < 60_000_000 < len(ours)
    assert 100_000_000 < large.peak_bytes < 160_000_000
    assert small.wall_ms > 0 and small.cpu_ms > 0


def test_a_command_that_fails_is_told_with_its_words() -> None:
    with pytest.raises(subprocess.CalledProcessError) as failure:
        processes.run(["-c", "raise SystemExit('no picture')"])
    assert "no picture" in failure.value.stderr


def test_what_a_command_makes_is_gone_before_its_next_run(tmp_path: Path) -> None:
    made = tmp_path / "made"
    command = ["-c", f"open({str(made)!r}, 'x')"]
    assert set(processes.interleaved({"a": command}, 1, made=[made])) == {"a"}
