"""The compiled core (`_native.c`): functions that take the place of their numpy twins where it is built.

A twin is a numpy function of arrays with `@twin` on it, in the module that owns its contract. It is the specification:
the compiled function of its name takes the same arguments and does the same to the last bit. Results go into arrays
that are given; what is returned is a whole number at most.

The environment variable GARGALO_NATIVE forces a choice: 0 takes numpy, 1 the compiled core or fails.
"""

import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import BuiltinFunctionType, ModuleType
from typing import Any, TypeVar

from runtime.errors import InputError

Function = TypeVar("Function", bound=Callable[..., Any])

TWINS: dict[str, Callable[..., Any]] = {}
"""All numpy twins by name."""


def _load() -> tuple[ModuleType | None, str]:
    """Return the compiled core, or None where it is not used, and in words what is; raise InputError."""
    wanted = os.environ.get("GARGALO_NATIVE", "")
    if wanted not in ("", "0", "1"):
        raise InputError(f"GARGALO_NATIVE={wanted} must be 0 (numpy) or 1 (the compiled core)")
    if wanted == "0":
        return None, "numpy (GARGALO_NATIVE=0)"
    try:
        import runtime._native as _native  # "from runtime" would not say whether it is there
    except ImportError as error:
        why = "not built" if isinstance(error, ModuleNotFoundError) else str(error)
    else:
        source = Path(__file__).with_name("_native.c")  # in a checkout: it may have changed
        if not source.exists() or zlib.crc32(source.read_bytes()) == _native.SOURCE_CRC32:
            return _native, "compiled"
        why = "built from another _native.c"
    if wanted:
        raise InputError(
            f"GARGALO_NATIVE=1 and the compiled core cannot be used ({why}): install gargalo again where there is a C "
            "compiler, or unset GARGALO_NATIVE"
        )
    return None, f"numpy (compiled core {why})"


core, name = _load()
"""The compiled core or None, and in words which of the two is in use."""


def twin(function: Function) -> Function:
    """Return the compiled function of the same name, or the numpy function itself where there is no compiled core."""
    TWINS[function.__name__] = function
    chosen: Function = function if core is None else getattr(core, function.__name__)
    return chosen


@contextmanager
def using(compiled: bool) -> Iterator[None]:
    """Take the compiled functions, or the numpy twins, of all modules that are loaded: for tests and measurements."""
    before = {}
    for name, function in TWINS.items():
        module = sys.modules[function.__module__]
        before[name] = getattr(module, name)
        setattr(module, name, getattr(core, name) if compiled else function)
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(sys.modules[TWINS[name].__module__], name, function)


def compiled(function: Callable[..., Any]) -> bool:
    """Return whether the function of a twin's name is the compiled one."""
    return isinstance(function, BuiltinFunctionType)
