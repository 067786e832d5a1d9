"""The length and the step sizes of one training phase; a family's `PHASES` holds one for each of its phases."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """One phase of a training run; a configuration file may set any of these."""

    steps: int
    minutes: float = math.inf
    """ends the phase early; the learning rate follows whichever runs out first"""
    optimiser: str = "soap"
    """soap or adamw"""
    rate: float = 1e-3
    """peak learning rate"""
    final: float = 0.03
    """learning rate at the end, as a share of the peak"""
    crop_px: int = 192
    batch: int = 8
    least_scale: float = 1.0
    """half of the crops are of pictures made smaller, down to this share of their sides; 1: none are"""
    warmup: int = 200
    usual_levels: tuple[float, float] | None = None
    """where most rate levels are drawn from; None: all are drawn alike"""
    quantised: bool = False
    """whether networks compute on their 8-bit grids"""
