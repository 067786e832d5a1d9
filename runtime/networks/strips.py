"""Strips for a network: its grids are cut into rows, which overlap by what it sees beyond them, one strip a thread.

They are computed by threads of ours (`runtime/threads.py`) and not ONNX Runtime's, which has a pool for each session:
making one never returns where a limit of the system lets it have some threads but not all. The pool that its sessions
can share belongs to the whole process, and the threads of that spin while they wait.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.threads import together

Array = NDArray[Any]

_LEAST_ROWS, _LEAST_POSITIONS = 32, 1 << 13
"""Of a strip: then it takes several times as long as starting a thread, and overlaps by little."""


def worth(threads: int, rows: int, columns: int) -> int:
    """Return the best number of strips for a grid, at most `threads`."""
    return max(1, min(threads, rows // _LEAST_ROWS, rows * columns // _LEAST_POSITIONS))


def run(
    network: Callable[[Sequence[Array]], list[Array]],
    grids: Sequence[Array],
    axes: Sequence[int],
    axes_out: Sequence[int],
    reach: int,
    count: int,
) -> list[Array]:
    """Return the network's outputs for grids of as many rows each, computed in `count` strips.

    `axes` are the grids' axes of rows, `axes_out` the outputs', which may have several rows for each of a grid's.
    Outputs depend on nothing further than `reach` rows away.
    """
    rows = grids[0].shape[axes[0]]
    edges = [rows * strip // count for strip in range(count + 1)]

    def work(strip: int) -> list[Array]:
        first, last = max(0, edges[strip] - reach), min(rows, edges[strip + 1] + reach)
        outputs = network([grid[_rows(axis, first, last)] for grid, axis in zip(grids, axes, strict=True)])
        kept = []
        for output, axis in zip(outputs, axes_out, strict=True):
            scale = output.shape[axis] // (last - first)
            kept.append(output[_rows(axis, scale * (edges[strip] - first), scale * (edges[strip + 1] - first))])
        return kept

    strips = together(work, count)
    return [np.concatenate(pieces, axis) for pieces, axis in zip(zip(*strips, strict=True), axes_out, strict=True)]


def _rows(axis: int, start: int, end: int) -> tuple[slice, ...]:
    return (*[slice(None)] * axis, slice(start, end))
