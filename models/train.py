"""Trains a codec in three phases and keeps a checkpoint, a CSV log and a plot of it.

    python -m models.train --data photos/ --out runs/standard
    python -m models.train --data photos/ --out runs/standard --resume runs/standard/last.pt
    python -m models.train --data photos/ --out runs/more --resume models/checkpoints/standard.pt --phases prior qat

prior      all networks that tell means and scales, in float, on the symbols that the encoder will choose
qat        the same on the 8-bit grids of the exported graphs
synthesis  the net that corrects decoded pictures, in 8 bits, all else as it is

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
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from models import checkpoint
from models.data import Crops, pictures
from models.evaluate import contributions, live_share, rate_distortion, watched
from models.layers import revive, set_mode
from models.pyramid import Codec, Config
from models.soap import Soap

PHASES = ("prior", "qat", "synthesis")
AVERAGE_STEPS = 500
"""Memory of the moving average of the weights."""
REVIVES_UNTIL = 0.9
"""Dead channels start anew, at every report, in so much of the prior phase."""


@dataclass(frozen=True)
class Phase:
    """The length and the step sizes of one phase."""

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
    warmup: int = 200


DEFAULTS = {
    "prior": Phase(steps=100_000),
    "qat": Phase(steps=10_000, rate=5e-4),
    "synthesis": Phase(steps=10_000),
}
OPTIMISERS = {"soap": Soap, "adamw": functools.partial(torch.optim.AdamW, betas=(0.9, 0.98), fused=True)}


def learns(name: str, phase: str) -> bool:
    """Whether a parameter learns in a phase: the synthesis net in its own, all others in the others."""
    return name.startswith("synthesis.") == (phase == "synthesis")


def rate_at(phase: Phase, progress: float, step: int) -> float:
    """Learning rate: linear warm-up, then a cosine down to `final`."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return phase.rate * min(1.0, (step + 1) / phase.warmup) * (phase.final + (1 - phase.final) * cosine)


class Trainer:
    """One training run: the model, its moving average, the log, and what it needs to go on after a stop."""

    def __init__(self, args: argparse.Namespace, config: Config | None, phases: dict[str, Phase]):
        self.args, self.phases = args, phases
        self.device = args.device
        self.out = Path(args.out)
        self.out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(args.seed)
        smallest_px = max(p.crop_px for p in phases.values())
        self.images = pictures(args.data, smallest_px, limit=args.limit)
        self.val = pictures(args.val, limit=8) if args.val else self.images[:4]
        self.val = [v[: v.shape[0] // 64 * 64, : v.shape[1] // 64 * 64] for v in self.val]
        self.done: list[dict[str, Any]] = []
        self.start: dict[str, Any] = {}
        if args.resume:
            self.model, self.start = checkpoint.load(args.resume)
            self.done = self.start.get("provenance", {}).get("phases", [])
            if config and config != self.model.config:
                self.model = checkpoint.grown(self.model, config)
                self.start = {}
        else:
            self.model = Codec(config or Config())
            self.model.start_from_pictures(list(Crops(self.images, smallest_px, 1, seed=0).take(64)))
        self.model.to(self.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model)
        if "average" in self.start:
            self.average.load_state_dict(self.start["average"])
        self.norm = torch.as_tensor(self.start.get("norm", [0.0] * self.model.config.levels), device=self.device)
        self.row_fields = ["phase", "step", "minutes", "rate", "loss", "bpp", "mse", "gradient"]

    # -- one step ------------------------------------------------------------------------------------------------

    def loss(self, x: Tensor, phase: str) -> tuple[Tensor, dict[str, float]]:
        """Rate plus lambda times distortion of one batch, or distortion alone where only the synthesis net learns.

        Each picture is at a level of its own, and divided by the usual loss there, so that all rates weigh alike.
        """
        levels = self.model.config.levels
        level = (
            (torch.rand(len(x), device=self.device) + torch.arange(len(x), device=self.device)) * (levels - 1) / len(x)
        )
        px = x.shape[-2] * x.shape[-1]
        if phase == "synthesis":
            with torch.no_grad():
                x_hat, bits, _, planes = self.model(x, level)
            squares = (self.model.restore(x_hat, planes) - x.float()).square().sum((1, 2, 3))
        else:
            _, bits, squares, _ = self.model(x, level)
        bpp, mse = bits.sum(1) / px, squares / (3 * px)
        hats = self.model.hats(level)
        price = (hats @ self.model.lambdas().to(x.device).log()).exp()
        each = mse if phase == "synthesis" else bpp + price * mse
        with torch.no_grad():
            for value, hat in zip(each, hats, strict=True):
                old = torch.where(self.norm == 0, value, self.norm)
                self.norm = torch.where(hat > 0, old + 0.02 * hat * (value - old), self.norm)
            usual = (hats * self.norm).sum(1)
        return (each / usual).mean(), {"bpp": bpp.mean().item(), "mse": mse.mean().item()}

    @torch.no_grad()
    def update_average(self, step: int) -> None:
        weight = max(1 / AVERAGE_STEPS, 1 / (step + 2))
        for mine, theirs in zip(self.average.parameters(), self.model.parameters(), strict=True):
            mine.lerp_(theirs, weight)

    # -- a phase ---------------------------------------------------------------------------------------------------

    def run(self, name: str) -> None:
        phase = self.phases[name]
        crops = Crops(self.images, phase.crop_px, phase.batch, seed=int(time.time()), device=self.device)
        step, minutes_before = 0, 0.0
        learning = [p for n, p in self.model.named_parameters() if p.requires_grad and learns(n, name)]
        optimiser = OPTIMISERS[phase.optimiser]([{"params": learning, "weight_decay": 0.0}], lr=phase.rate)
        if name != "prior":
            self.calibrate(name, crops)
        if self.start.get("phase") == name:
            optimiser.load_state_dict(self.start["optimiser"])
            step, minutes_before = self.start["step"], self.start["minutes"]
        else:
            self.norm = torch.zeros_like(self.norm)
            if name == "prior":
                self.revive(crops)
                self.average.load_state_dict(self.model.state_dict())
        self.start = {}
        began = saved = evaluated = time.monotonic()
        with tqdm(total=phase.steps, initial=step, desc=name, mininterval=5) as bar:
            while True:
                minutes = minutes_before + (time.monotonic() - began) / 60
                progress = max(step / phase.steps, minutes / phase.minutes)
                rate = rate_at(phase, progress, step)
                for group in optimiser.param_groups:
                    group["lr"] = rate
                loss, stats = self.loss(next(crops), name)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                gradient = torch.nn.utils.clip_grad_norm_(learning, 1.0)
                if not torch.isfinite(gradient):
                    bar.write(f"step {step}: gradient is not finite, skipped")
                    optimiser.zero_grad(set_to_none=True)
                else:
                    optimiser.step()
                    self.update_average(step)
                step += 1
                bar.update()
                if step % 50 == 0 or step == 1:
                    stats |= {"phase": name, "step": step, "minutes": round(minutes, 2), "rate": rate}
                    self.log(stats | {"loss": loss.item(), "gradient": gradient.item()})
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
                    if name == "prior" and progress < REVIVES_UNTIL:
                        self.revive(crops)
                if finished:
                    break
        if name == "prior":  # so that what it leaves can be exported
            self.fit(self.average, *self.unfitted(self.average), crops=crops)
        facts = {"phase": name, "steps": step, "minutes": round(minutes), "pictures": len(self.images)}
        self.done = [*self.done, facts | {"batch": phase.batch, "crop_px": phase.crop_px, "rate": phase.rate}]
        self.model.load_state_dict(self.average.state_dict())
        checkpoint.save_slim(self.out / f"{name}.pt", self.average, {"phases": self.done})

    def calibrate(self, name: str, crops: Crops) -> None:
        """Switches to 8 bits; grids that no phase has trained yet are fitted first: a new synthesis net's, or all."""
        if self.start.get("phase") != name:
            trained = {"qat", "synthesis"} & {phase["phase"] for phase in self.done}
            if not trained:
                self.fit(self.model, self.model, crops=crops)
            elif name == "synthesis":
                set_mode(self.model, "quant")
                assert self.model.synthesis is not None
                self.fit(self.model, self.model.synthesis, crops=crops)
            self.average.load_state_dict(self.model.state_dict())
        set_mode(self.model, "quant")
        set_mode(self.average, "quant")

    def unfitted(self, model: Codec) -> list[nn.Module]:
        """Whose grids the prior phase fits: all but those of a synthesis net that has had its own phase."""
        learnt = any(phase["phase"] == "synthesis" for phase in self.done)
        return [part for name, part in model.named_children() if not (learnt and name == "synthesis")]

    @torch.no_grad()
    def fit(self, model: Codec, *parts: nn.Module, crops: Crops) -> None:
        """Fits the 8-bit grids of parts of the model to the ranges of a few batches; leaves them in float."""
        for part in parts:
            set_mode(part, "observe")
        self.exercise(model, crops)
        for part in parts:
            set_mode(part, "float")

    @torch.no_grad()
    def exercise(self, model: Codec, crops: Crops) -> None:
        """Lets all networks of the model work, at all levels."""
        for level in torch.linspace(0, model.config.levels - 1, 12, device=self.device):
            x_hat, _, _, planes = model(next(crops), level.expand(crops.batch))
            model.restore(x_hat, planes)

    def revive(self, crops: Crops) -> None:
        """Starts channels anew that are dead at all levels: what is left of their gradient may not bring them back."""
        with watched(self.model) as alive:
            self.exercise(self.model, crops)
        alive = {name: channels for name, channels in alive.items() if learns(name, "prior")}
        self.note(f"dead channels that start anew: {revive(self.model, alive)}")

    # -- what a person sees ----------------------------------------------------------------------------------------

    def log(self, row: dict[str, Any]) -> None:
        path = self.out / "log.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, self.row_fields)
            if new:
                writer.writeheader()
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})

    def report(self, name: str, step: int) -> None:
        """Writes the moving average's RD points, dead channels and each net's worth on val, and the plot."""
        model, top = self.average, self.model.config.levels - 1
        off = frozenset({"synthesis"} if name != "synthesis" else ())
        points = [rate_distortion(model, self.val, level, off, self.device) for level in (0.0, top / 2, float(top))]
        text = f"{name} {step}: " + "  ".join(f"{bpp:.3f} bpp {db:.2f} dB" for bpp, db in points)
        live = live_share(model, self.val[:2], device=self.device)
        worst = min(live, key=live.__getitem__)
        worth = contributions(model, self.val[:4], top / 2, self.device)
        text += f" | least live {worst} {live[worst]:.0%} | worth " + ", ".join(
            f"{k} {v:+.2f} dB" for k, v in worth.items()
        )
        self.note(text)
        self.plot()

    def note(self, text: str) -> None:
        """Shows a line and keeps it in report.txt."""
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


def read_config(path: str | None) -> tuple[Config | None, dict[str, Phase]]:
    """A TOML file that holds only what differs: [model] and the phases. Without [model] there is no Config."""
    given = tomllib.loads(Path(path).read_text()) if path else {}
    known = {"model": Config, **dict.fromkeys(PHASES, Phase)}
    for table, values in given.items():
        allowed = {f.name for f in fields(known[table])} if table in known else set()
        if unknown := set(values) - allowed:
            raise ValueError(f"{path}: [{table}] has unknown keys {sorted(unknown)}; it takes {sorted(allowed)}")
    phases = {
        n: Phase(**({f.name: getattr(DEFAULTS[n], f.name) for f in fields(Phase)} | given.get(n, {}))) for n in PHASES
    }
    return Config(**_frozen(given["model"])) if "model" in given else None, phases


def _frozen(value: Any) -> Any:
    """A value of a TOML file with tuples for its lists."""
    if isinstance(value, dict):
        return {name: _frozen(each) for name, each in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m models.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="folder of training photographs")
    parser.add_argument("--val", help="folder of pictures to judge by (default: the first four of --data)")
    parser.add_argument("--out", required=True, help="folder for checkpoints, log.csv, log.png, report.txt")
    parser.add_argument("--config", help="TOML file with what differs from the defaults")
    parser.add_argument("--resume", help="checkpoint to go on from, full or slim")
    parser.add_argument("--phases", nargs="+", choices=PHASES, help="phases to run (default: those not yet done)")
    parser.add_argument("--threads", type=int, help="torch threads")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--limit", type=int, help="use the first N pictures")
    parser.add_argument("--save-minutes", type=float, default=10)
    parser.add_argument("--eval-minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    config, phases = read_config(args.config)
    trainer = Trainer(args, config, phases)
    resumed = trainer.start.get("phase")
    finished = {p["phase"] for p in trainer.done}
    for name in args.phases or [p for p in PHASES if p == resumed or p not in finished]:
        if name != "synthesis" or trainer.model.synthesis is not None:
            trainer.run(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
