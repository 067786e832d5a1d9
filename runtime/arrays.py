"""Array types by the dtype of their items, and the order of these in memory. Shapes are told where they are used."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Bool = NDArray[np.bool_]
U8 = NDArray[np.uint8]
U16 = NDArray[np.uint16]
U32 = NDArray[np.uint32]
I16 = NDArray[np.int16]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
Intp = NDArray[np.intp]
"""What numpy indexes with."""
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

Array = TypeVar("Array", bound=NDArray[Any])


def contiguous(array: Array) -> Array:
    """Return an array if its items lie one behind the other in memory, else a copy in which they do."""
    found: Array = array if array.flags.c_contiguous else array.copy()
    return found
