"""A learned image codec for small machines: pictures to .gar files and back.

    import gargalo

    gargalo.imwrite("cam.gar", gargalo.imread("cam.jpg"), target_size="40KB")

This is all that most programs need; `runtime` has the rest. What a name needs is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from runtime import __version__ as __version__

if TYPE_CHECKING:
    from gargalo import thumbnail
    from runtime.codec import Codec
    from runtime.errors import BundleError, CodecError, InputError, StreamError
    from runtime.files import imread, imwrite
else:

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name == "thumbnail":  # which is a module
            return import_module("gargalo.thumbnail")
        globals()[name] = value = getattr(import_module(f"runtime.{_HOMES[name]}"), name)
        return value


__all__ = [
    "BundleError",
    "Codec",
    "CodecError",
    "InputError",
    "StreamError",
    "__version__",
    "imread",
    "imwrite",
    "thumbnail",
]

_HOMES = dict.fromkeys(__all__, "errors") | {"Codec": "codec", "imread": "files", "imwrite": "files"}


def __dir__() -> list[str]:
    return __all__
