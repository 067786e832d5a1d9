"""The families of codecs that can be trained, by name: each is a module with `Config`, `PHASES` and `Codec`.

A family's `Codec` is a torch module that the trainer, the evaluation and the checkpoints know by these names alone:

    config              its Config, a frozen dataclass
    stride_px           pictures' sides are multiples of this
    levels              anchors of the rate scale, whose range training draws levels from; 1: nothing to draw
    loss(x, level, phase) -> (each, stats)
                        uint8 pictures (B, 3, H, W) at levels (B,) -> what to minimise (B,), above 0 where there are
                        several levels, and figures for the log, `bpp` and `mse` among them
    parts(phase)        the modules and parameters that learn in a phase; none: the model has no such phase
    start_from_pictures(pictures)
                        sets what training starts from, from pictures (1, 3, H, W)
    exercise(x)         lets all networks work on a batch, at all rates
    code(x, level, off) -> (x_hat, bits)
                        what a decoder shows of (1, 3, H, W), in pixel levels, unclamped, and bits in all
    left_out            the names that `off` may hold: parts whose worth a report tells
    report_levels()     the levels that a report tells
    kmacs_per_px()      thousands of multiplications a pixel, by network
"""

from importlib import import_module
from types import ModuleType

NAMES = ("pyramid", "autoencoder", "recurrent")
DEFAULT = "pyramid"


def family(name: str) -> ModuleType:
    """Return the module of a family. Raises ValueError for a name that is none."""
    if name not in NAMES:
        raise ValueError(f"family {name!r} is not known; use one of {', '.join(NAMES)}")
    return import_module(f"models.{name}")


def name_of(model: object) -> str:
    """Return the name of the family that a model belongs to."""
    return type(model).__module__.removeprefix("models.")


def name_of_module(module: ModuleType) -> str:
    """Return the name of the family that a module is."""
    return module.__name__.removeprefix("models.")
