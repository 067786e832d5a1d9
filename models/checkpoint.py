"""Checkpoints: a training state to resume from, or the weights alone in bf16, small enough to keep."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from models.families import DEFAULT, family, name_of

Codec = Any
"""A family's model (models/families.py)."""

SMALL = 4096
"""Tensors of fewer entries (scales, steps, biases) keep float32 in a slim checkpoint."""


def save(path: str | Path, model: Codec, **extra: Any) -> None:
    """Write the model and whatever a training run needs to go on, atomically."""
    _write(path, _config(model) | {"model": model.state_dict(), **extra})


def save_slim(path: str | Path, model: Codec, provenance: dict[str, Any]) -> None:
    """Write the weights alone, large tensors in bf16: enough to resume training from, not its optimiser."""
    slim = {k: v.bfloat16() if v.numel() >= SMALL else v for k, v in model.state_dict().items()}
    _write(path, _config(model) | {"model": slim, "provenance": provenance})


def load(path: str | Path, map_location: str = "cpu") -> tuple[Codec, dict[str, Any]]:
    """Return the model (in float32, mode "float") and everything else that was saved with it."""
    state = torch.load(path, map_location=map_location, weights_only=True)
    module = family(state.pop("family", DEFAULT))
    model = module.Codec(module.Config(**state["config"]))
    model.load_state_dict(state.pop("model"))
    return model, state


def family_name(path: str | Path) -> str:
    """Return the name of the family of a checkpoint's model."""
    return str(torch.load(path, map_location="cpu", weights_only=True, mmap=True).get("family", DEFAULT))


def grown(model: Codec, config: Any) -> Codec:
    """Return the model with another synthesis net or chroma from luma, which start anew, or with more blocks or with
    networks of its own for a level that had those of others, which change nothing at first.

    Raises ValueError where the configuration differs in more than that.
    """
    larger = family(name_of(model)).Codec(config)
    sizes = [[getattr(c, name, 0) for name in ("synthesis", "synthesis_blocks")] for c in (config, model.config)]
    kept = {k: v for k, v in model.state_dict().items() if sizes[0] == sizes[1] or not k.startswith("synthesis.")}
    if getattr(config, "middle_blocks", None) is not None and model.config.middle_blocks is None:
        kept |= {k.replace("coarse_", "middle_"): v for k, v in kept.items() if k.startswith("coarse_")}
    expected = {k: v.shape for k, v in larger.state_dict().items()}
    if any(expected.get(k) != v.shape for k, v in kept.items()):
        raise ValueError(
            "only the synthesis net, chroma from luma, more blocks and middle networks may differ from the "
            "checkpoint's model"
        )
    larger.load_state_dict(kept, strict=False)
    return larger


def _config(model: Codec) -> dict[str, Any]:
    return {"family": name_of(model), "config": asdict(model.config)}


def _write(path: str | Path, state: dict[str, Any]) -> None:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)
