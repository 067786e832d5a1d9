"""What the errors of a plane are coded with: numbers that an encoder fits to a picture (FORMAT.md, RESIDUAL)."""

from dataclasses import dataclass

import numpy as np

from runtime.arrays import I32, U8
from runtime.errors import StreamError
from runtime.exact import tables
from runtime.exact.strips import AROUND, CAUSAL, CONTEXTS, SIZED

ENERGY_BITS = 8
MOST_ENERGY = (1 << 12) - 1
"""Of a weight: energies are below 2**31."""
MOST_CLASSES = 16
MOST_SIZE = 8 * 255
"""A size is in eighths of a level."""


@dataclass(frozen=True)
class Parameters:
    """Those of a plane that comes after p others."""

    limits: U8
    """(C - 1,) contexts, never falling: so many as are not above one is its class."""
    weights: I32
    """(C, 14 + 9 p) of the errors around, of the picture's differences, of the errors of the planes before."""
    energies: I32
    """(10 + 3 p,) of the sizes around, of activity, of what is always the same, of sizes of the planes before."""
    outside: int
    """The size where there is no pixel."""
    numbers: U8
    """(40,) table of each context."""

    @property
    def classes(self) -> U8:
        """(40,) class of each context."""
        return self.limits.searchsorted(np.arange(CONTEXTS), side="right").astype(np.uint8)


def weight_count(planes: int) -> int:
    """Return the number of weights of a plane that comes after so many others."""
    return len(CAUSAL) + len(AROUND) + (1 + len(AROUND)) * planes


def energy_count(planes: int) -> int:
    """Return the number of energies of a plane that comes after so many others."""
    return len(SIZED) + 2 + 3 * planes


def pack(parameters: Parameters) -> bytes:
    """Return the bytes of the parameters of a plane."""
    p = parameters
    arrays = (p.limits, "u1"), (p.weights, "<i2"), (p.energies, "<u2"), (np.array(p.outside), "<u2"), (p.numbers, "u1")
    return b"".join(array.astype(kind).tobytes() for array, kind in arrays)


def size(planes: int, classes: int) -> int:
    """Return the number of bytes of the parameters of a plane that comes after so many others."""
    return sum(count * np.dtype(kind).itemsize for kind, count in _layout(planes, classes))


def unpack(data: bytes, planes: int, classes: int) -> Parameters:
    """Return the parameters of a plane that comes after so many others, of as many bytes as they have.

    Raises StreamError.
    """
    arrays, at = [], 0
    for kind, count in _layout(planes, classes):
        arrays.append(np.frombuffer(data, kind, count, at).astype(np.int32))
        at += arrays[-1].size * np.dtype(kind).itemsize
    limits, weights, energies, outside, numbers = arrays
    if np.any(np.diff(limits) < 0) or energies.max() > MOST_ENERGY or outside[0] > MOST_SIZE:
        raise StreamError("the parameters of a residual are out of range: the file is damaged")
    if numbers.max() >= tables.NUMBERS:
        raise StreamError(f"a residual has a table {numbers.max()}, there are {tables.NUMBERS}: the file is damaged")
    return Parameters(
        limits.astype(np.uint8), weights.reshape(classes, -1), energies, int(outside[0]), numbers.astype(np.uint8)
    )


def _layout(planes: int, classes: int) -> list[tuple[str, int]]:
    """Return the dtype and the length of each array."""
    weights = classes * weight_count(planes)
    return [("u1", classes - 1), ("<i2", weights), ("<u2", energy_count(planes)), ("<u2", 1), ("u1", CONTEXTS)]
