"""Train a codec in the phases of its family and keep a checkpoint, a CSV log and a plot of it.

    python -m models.train --data photos/ --out runs/standard
    python -m models.train --data photos/ --out runs/standard --resume runs/standard/last.pt
    python -m models.train --data photos/ --out runs/more --resume models/checkpoints/standard.pt --phases prior qat

A configuration names the family (pyramid without one), the sizes of its networks and the lengths of its phases, which
the family's PHASES tell.

OMP_WAIT_POLICY=passive lets two OpenMP threads share a CPU with other work without fighting for it.
"""

import argparse
import copy
import csv
import functools
import math
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from models import checkpoint, families
from models.checkpoint import Codec
from models.data import Crops, pictures
from models.evaluate import contributions, live_share, rate_distortion, watched
from models.layers import revive, set_mode
from models.phase import Phase
from models.soap import Soap

AVERAGE_STEPS, AVERAGE_SHARE = 500, 0.1
"""Memory of the moving average of the weights: so many steps, at first this share of all steps so far."""
FLOAT = Phase(steps=0)
"""Stands for a phase of a checkpoint that its family no longer has."""
USUAL_SHARE = 0.7
"""Share of rate levels that are drawn from a phase's usual ones, before those that are drawn from all."""
REVIVES_UNTIL = 0.9
"""Dead channels start anew, at every report, in so much of a phase in float."""


OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "soap": Soap,
    "adamw": functools.partial(torch.optim.AdamW, betas=(0.9, 0.98), fused=True),
}


def rate_at(phase: Phase, progress: float, step: int) -> float:
    """Return the learning rate: linear warm-up, then a cosine down to `final`."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return phase.rate * min(1.0, (step + 1) / phase.warmup) * (phase.final + (1 - phase.final) * cosine)


def left(phases: list[str], done: list[str], resumed: str | None) -> list[str]:
    """Return the phases from the one on that is resumed, else those behind the last that is done."""
    reached = [phases.index(name) + 1 for name in done if name in phases]
    return phases[phases.index(resumed) if resumed in phases else max(reached, default=0) :]


class Trainer:
    """One training run: the model, its moving average, the log, and what it needs to go on after a stop."""

    def __init__(self, args: argparse.Namespace, family: ModuleType, config: Any, phases: dict[str, Phase]):
        self.args, self.phases = args, phases
        self.device = args.device
        self.out = Path(args.out)
        self.out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(args.seed)
        self.done: list[dict[str, Any]] = []
        self.start: dict[str, Any] = {}
        if args.resume:
            self.model, self.start = checkpoint.load(args.resume)
            self.done = self.start.get("provenance", {}).get("phases", [])
            if config and config != self.model.config:
                self.model = checkpoint.grown(self.model, config)
                self.start = {}
        self.wanted = args.phases or left(list(phases), [p["phase"] for p in self.done], self.start.get("phase"))
        """The names of the phases to run."""
        smallest_px = max((phases[name].crop_px for name in self.wanted), default=1)
        self.images = pictures(args.data, smallest_px, limit=args.limit)
        self.val = pictures(args.val, limit=8) if args.val else self.images[:4]
        if not args.resume:
            self.model = family.Codec(config or family.Config())
            self.model.start_from_pictures(list(Crops(self.images, smallest_px, 1, seed=0).take(64)))
        self.model.to(self.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model)
        if "average" in self.start:
            self.average.load_state_dict(self.start["average"])
        side = self.model.stride_px
        self.val = [v[: v.shape[0] // side * side, : v.shape[1] // side * side] for v in self.val]
        self.norm = torch.as_tensor(self.start.get("norm", [0.0] * self.model.levels), device=self.device)
        self.row_fields = ["phase", "step", "minutes", "rate", "loss", "bpp", "mse", "gradient"]

    # -- one step ------------------------------------------------------------------------------------------------

    def loss(self, x: Tensor, phase: str) -> tuple[Tensor, dict[str, float]]:
        """Return the mean loss of one batch, and figures for the log.

        Each picture has a level of its own; its loss is divided by the usual one there, so that all rates weigh alike
        but those of the phase's usual levels, which are drawn more often.
        """
        levels = self.model.levels
        if levels == 1:
            each, stats = self.model.loss(x, torch.zeros(len(x), device=self.device), phase)
            return each.mean(), stats
        spread = torch.rand(len(x), device=self.device) + torch.arange(len(x), device=self.device)
        level = drawn_levels(spread / len(x), levels - 1, self.phases[phase].usual_levels)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.args.bf16):
            each, stats = self.model.loss(x, level, phase)
        anchors = torch.arange(levels, device=self.device)
        hats = (1 - (level[:, None] - anchors).abs()).clamp_min(0)
        with torch.no_grad():
            for value, hat in zip(each, hats, strict=True):
                old = torch.where(self.norm == 0, value, self.norm)
                self.norm = torch.where(hat > 0, old + 0.02 * hat * (value - old), self.norm)
            usual = (hats * self.norm).sum(1)
        return (each / usual).mean(), stats

    @torch.no_grad()
    def update_average(self, step: int) -> None:
        weight = 1 / min(AVERAGE_STEPS, 1 + AVERAGE_SHARE * step)
        for mine, theirs in zip(self.average.parameters(), self.model.parameters(), strict=True):
            mine.lerp_(theirs, weight)

    # -- a phase ---------------------------------------------------------------------------------------------------

    def run(self, name: str) -> None:
        phase = self.phases[name]
        going_on = self.start.get("phase") == name
        step, minutes_before = (self.start["step"], self.start["minutes"]) if going_on else (0, 0.0)
        seed = self.args.seed + step  # a run that goes on sees other crops
        crops = Crops(self.images, phase.crop_px, phase.batch, seed, self.device, phase.least_scale)
        learning = parameters(self.model.parts(name))
        optimiser = OPTIMISERS[phase.optimiser]([{"params": learning, "weight_decay": 0.0}], lr=phase.rate)
        self.begin(name, crops, optimiser)
        began = saved = evaluated = time.monotonic()
        with tqdm(total=phase.steps, initial=step, desc=name, mininterval=5) as bar:
            while True:
                minutes = minutes_before + (time.monotonic() - began) / 60
                progress = max(step / phase.steps, minutes / phase.minutes)
                rate = rate_at(phase, progress, step)
                for group in optimiser.param_groups:
                    group["lr"] = rate
                loss, stats = self.loss(next(crops), name)
                gradient = self.learn(loss, learning, optimiser, step)
                if not math.isfinite(gradient):
                    bar.write(f"step {step}: gradient is not finite, skipped")
                step += 1
                bar.update()
                if step % 50 == 0 or step == 1:
                    row = {"phase": name, "step": step, "minutes": round(minutes, 2), "rate": rate}
                    self.log(row | stats | {"loss": loss.item(), "gradient": gradient})
                    bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
                finished = progress >= 1 or step >= phase.steps
                now = time.monotonic()
                if finished or now - saved > 60 * self.args.save_minutes:
                    saved = now
                    checkpoint.save(
                        self.out / "last.pt",
                        self.model,
                        phase=name,
                        step=step,
                        minutes=minutes,
                        norm=self.norm.tolist(),
                        average=self.average.state_dict(),
                        optimiser=optimiser.state_dict(),
                        provenance={"phases": self.done},
                    )
                if finished or now - evaluated > 60 * self.args.eval_minutes:
                    evaluated = now
                    self.report(name, step)
                    if not phase.quantised and progress < REVIVES_UNTIL:
                        self.revive(name, crops)
                if finished:
                    break
        if not phase.quantised:  # so that what it leaves can be exported
            self.fit(self.average, self.to_be_fitted(self.average, name), crops)
        facts = {"phase": name, "steps": step, "minutes": round(minutes), "pictures": len(self.images)}
        self.done = [*self.done, facts | {"batch": phase.batch, "crop_px": phase.crop_px, "rate": phase.rate}]
        self.model.load_state_dict(self.average.state_dict())
        checkpoint.save_slim(self.out / f"{name}.pt", self.average, {"phases": self.done})

    def begin(self, name: str, crops: Crops, optimiser: torch.optim.Optimizer) -> None:
        """Prepare model, average and optimiser for a phase, or for what is left of the one that `start` is of."""
        quantised = self.phases[name].quantised
        if quantised:
            self.calibrate(name, crops)
        if self.start.get("phase") == name:
            optimiser.load_state_dict(self.start["optimiser"])
        else:
            self.norm = torch.zeros_like(self.norm)
            if not quantised:
                self.revive(name, crops)
                self.average.load_state_dict(self.model.state_dict())
        self.start = {}

    def learn(self, loss: Tensor, learning: list[nn.Parameter], optimiser: torch.optim.Optimizer, step: int) -> float:
        """Make one update of what learns, unless the gradient is not finite; return the gradient's norm."""
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        gradient = torch.nn.utils.clip_grad_norm_(learning, 1.0).item()
        if math.isfinite(gradient):
            optimiser.step()
            self.update_average(step)
        else:
            optimiser.zero_grad(set_to_none=True)
        return gradient

    def calibrate(self, name: str, crops: Crops) -> None:
        """Switch to 8 bits, after fitting the grids that no phase has trained yet."""
        if self.start.get("phase") != name:
            parts = self.to_be_fitted(self.model)
            if len(parts) < len(list(self.model.children())):  # what has learnt in 8 bits stays there
                set_mode(self.model, "quant")
            self.fit(self.model, parts, crops)
            self.average.load_state_dict(self.model.state_dict())
        set_mode(self.model, "quant")
        set_mode(self.average, "quant")

    def to_be_fitted(self, model: Codec, phase: str | None = None) -> list[nn.Module]:
        """Return the networks that no phase has trained in 8 bits yet, and those that learn in this phase in float."""
        in_8_bits = [name for name in (each["phase"] for each in self.done) if self.phases.get(name, FLOAT).quantised]
        learnt = {id(part) for name in in_8_bits for part in model.parts(name)}
        learnt -= {id(part) for part in model.parts(phase)} if phase else set()
        return [part for part in model.children() if id(part) not in learnt]

    @torch.no_grad()
    def fit(self, model: Codec, parts: list[nn.Module], crops: Crops) -> None:
        """Fit the 8-bit grids of parts of the model to the ranges of one batch; leave the parts in float."""
        for part in parts:
            set_mode(part, "observe")
        model.exercise(next(crops))
        for part in parts:
            set_mode(part, "float")

    @torch.no_grad()
    def revive(self, name: str, crops: Crops) -> None:
        """Restart channels that are dead at all levels: the gradient that they have left may not revive them."""
        with watched(self.model) as alive:
            self.model.exercise(next(crops))
        learning = {id(p) for p in parameters(self.model.parts(name))}
        mine = {layer for layer, p in self.model.named_parameters() if id(p) in learning}
        alive = {layer: channels for layer, channels in alive.items() if f"{layer}.weight" in mine}
        self.note(f"dead channels that start anew: {revive(self.model, alive)}")

    # -- what a person sees ----------------------------------------------------------------------------------------

    def log(self, row: dict[str, Any]) -> None:
        path = self.out / "log.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, self.row_fields, extrasaction="ignore")
            if new:
                writer.writeheader()
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})

    def report(self, name: str, step: int) -> None:
        """Write the moving average's RD points, dead channels and each net's gain on val, and the plot."""
        model, levels = self.average, self.model.report_levels()
        points = [rate_distortion(model, self.val, level, device=self.device) for level in levels]
        text = f"{name} {step}: " + "  ".join(f"{bpp:.3f} bpp {db:.2f} dB" for bpp, db in points)
        if live := live_share(model, self.val[:2], device=self.device):
            worst = min(live, key=live.__getitem__)
            text += f" | least live {worst} {live[worst]:.0%}"
        if worth := contributions(model, self.val[:4], levels[len(levels) // 2], self.device):
            text += " | worth " + ", ".join(f"{k} {v:+.2f} dB" for k, v in worth.items())
        self.note(text)
        self.plot()

    def note(self, text: str) -> None:
        """Show a line and append it to report.txt."""
        tqdm.write(text)
        with (self.out / "report.txt").open("a") as file:
            file.write(text + "\n")

    def plot(self) -> None:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot as plt

        with (self.out / "log.csv").open() as file:
            rows = list(csv.DictReader(file))
        figure, axes = plt.subplots(1, 3, figsize=(12, 3.5))
        for axis, column in zip(axes, ("loss", "bpp", "mse"), strict=True):
            axis.plot([float(r[column]) for r in rows], linewidth=0.7)
            axis.set(title=column, xlabel="50 steps")
        figure.tight_layout()
        figure.savefig(self.out / "log.png", dpi=110)
        plt.close(figure)


def drawn_levels(share: Tensor, highest: int, usual: tuple[float, float] | None) -> Tensor:
    """Return the levels (B,) below which those shares (B,) of all levels are drawn, from 0 to the highest.

    Raises ValueError for usual levels that do not rise or are not there.
    """
    if usual is None:
        return share * highest
    if not 0 <= usual[0] < usual[1] <= highest:
        raise ValueError(f"usual_levels {list(usual)} must rise, from 0 to {highest} at most")
    reached = [level / highest * (1 - USUAL_SHARE) + inside * USUAL_SHARE for inside, level in enumerate(usual)]
    knots = [(0.0, 0.0), *zip(reached, usual, strict=True), (1.0, float(highest))]
    level = torch.zeros_like(share)
    for (left, bottom), (right, top) in pairwise(knots):
        if right > left:
            level += (share.clamp(left, right) - left) * (top - bottom) / (right - left)
    return level


def parameters(parts: list[nn.Module | nn.Parameter]) -> list[nn.Parameter]:
    """Return the trainable parameters of modules, and those given by themselves."""
    each = [[part] if isinstance(part, nn.Parameter) else list(part.parameters()) for part in parts]
    return [p for p in sum(each, []) if p.requires_grad]


def read_config(path: str | None, family_name: str = families.DEFAULT) -> tuple[ModuleType, Any, dict[str, Phase]]:
    """Return the family, Config and phases of a TOML file, which holds only what differs from the defaults.

    The file has the key family, the table [model] and one for each phase. Without [model] the Config is None.
    """
    given = tomllib.loads(Path(path).read_text()) if path else {}
    family = families.family(given.pop("family", family_name))
    known = {"model": family.Config, **dict.fromkeys(family.PHASES, Phase)}
    for table, values in given.items():
        allowed = {f.name for f in fields(known[table])} if table in known else set()
        if not isinstance(values, dict) or table not in known:
            raise ValueError(f"{path}: {table} is unknown; it takes family and tables {sorted(known)}")
        if unknown := set(values) - allowed:
            raise ValueError(f"{path}: [{table}] has unknown keys {sorted(unknown)}; it takes {sorted(allowed)}")
    phases = {name: replace(default, **_frozen(given.get(name, {}))) for name, default in family.PHASES.items()}
    return family, family.Config(**_frozen(given["model"])) if "model" in given else None, phases


def _frozen(value: Any) -> Any:
    """Return a value of a TOML file with its lists as tuples."""
    if isinstance(value, dict):
        return {name: _frozen(each) for name, each in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m models.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="folder of training photographs")
    parser.add_argument("--val", help="folder of pictures to judge by (default: the first four of --data)")
    parser.add_argument("--out", help="folder for checkpoints, log.csv, log.png, report.txt (default: runs/CONFIG)")
    parser.add_argument("--config", help="TOML file with what differs from the defaults")
    parser.add_argument("--resume", help="checkpoint to go on from, full or slim")
    parser.add_argument("--phases", nargs="+", help="phases to run (default: from the last one on that was begun)")
    parser.add_argument("--threads", type=int, help="torch threads")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--bf16", action="store_true", help="train networks in bf16: faster where the CPU or GPU has it"
    )
    parser.add_argument("--limit", type=int, help="use the first N pictures")
    parser.add_argument("--save-minutes", type=float, default=10)
    parser.add_argument("--eval-minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    args.out = args.out or Path("runs") / (Path(args.config).stem if args.config else families.DEFAULT)
    if args.threads:
        torch.set_num_threads(args.threads)
    resumed_family = checkpoint.family_name(args.resume) if args.resume else families.DEFAULT
    family, config, phases = read_config(args.config, resumed_family)
    if args.resume and families.name_of_module(family) != resumed_family:
        parser.error(f"--resume {args.resume} is of family {resumed_family}, --config of another")
    if unknown := set(args.phases or ()) - set(phases):
        parser.error(f"--phases {' '.join(sorted(unknown))}: this family has {', '.join(phases)}")
    trainer = Trainer(args, family, config, phases)
    for name in trainer.wanted:
        if trainer.model.parts(name):
            trainer.run(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
