"""Training runs, resumes and leaves what it promises, on a few small pictures."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402

from models import checkpoint, evaluate, pyramid, train  # noqa: E402
from runtime.families.pyramid import spec  # noqa: E402

CONFIG = """
[model]
state = 8
middle_blocks = [0, 0, 0]
synthesis = 8
synthesis_blocks = 1
[coarse]
steps = 3
crop_px = 64
batch = 2
[prior]
steps = 4
crop_px = 64
batch = 2
[qat]
steps = 3
crop_px = 64
batch = 2
[synthesis]
steps = 3
crop_px = 64
batch = 2
"""


@pytest.fixture
def folder(tmp_path: Path, photo: np.ndarray) -> Path:
    (tmp_path / "data").mkdir()
    large = np.tile(photo, (2, 2, 1))  # the scales start from crops of 256 px
    for i in range(3):
        Image.fromarray(np.roll(large, 20 * i, axis=1)).save(tmp_path / "data" / f"{i}.png")
    (tmp_path / "val").mkdir()
    Image.fromarray(photo).save(tmp_path / "val" / "0.png")
    (tmp_path / "tiny.toml").write_text(CONFIG)
    return tmp_path


def run(folder: Path, *more: str) -> int:
    words = ["--data", str(folder / "data"), "--val", str(folder / "val"), "--out", str(folder / "run")]
    return train.main([*words, "--config", str(folder / "tiny.toml"), "--threads", "1", "--device", "cpu", *more])


def weights(folder: Path, phase: str) -> dict[str, "torch.Tensor"]:
    return dict(checkpoint.load(folder / "run" / f"{phase}.pt")[0].named_parameters())


def configure(folder: Path, old: str, new: str) -> None:
    """Change the configuration in its first place that is so."""
    text = (folder / "tiny.toml").read_text()
    assert old in text
    (folder / "tiny.toml").write_text(text.replace(old, new, 1))


def test_all_phases_leave_checkpoints_a_log_and_a_plot(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder) == 0
    out = folder / "run"
    assert {p.name for p in out.iterdir()} == {
        "last.pt", "coarse.pt", "prior.pt", "qat.pt", "synthesis.pt", "log.csv", "log.png", "report.txt",
    }  # fmt: skip
    model, state = checkpoint.load(out / "synthesis.pt")
    assert [p["phase"] for p in state["provenance"]["phases"]] == ["coarse", "prior", "qat", "synthesis"]
    assert (out / "log.csv").read_text().splitlines()[0].startswith("phase,step,minutes")
    assert "worth synthesis" in (out / "report.txt").read_text()
    capsys.readouterr()
    words = [str(out / "synthesis.pt"), "--images", str(folder / "val"), "--levels", "3", "--device", "cpu"]
    assert evaluate.main([*words, "--mode", "quant"]) == 0
    printed = capsys.readouterr().out
    assert "kMAC/px" in printed and "PSNR" in printed
    for name in model.kmacs_per_px():
        assert f" {name} " in printed


def test_a_run_goes_on_where_it_stopped(folder: Path) -> None:
    assert run(folder, "--phases", "prior") == 0
    assert run(folder, "--resume", str(folder / "run" / "last.pt"), "--phases", "qat") == 0
    _, state = checkpoint.load(folder / "run" / "qat.pt")
    assert [p["phase"] for p in state["provenance"]["phases"]] == ["qat"] or len(state["provenance"]["phases"]) == 2
    _, state = checkpoint.load(folder / "run" / "last.pt")
    assert state["phase"] == "qat" and state["step"] == 3


def test_a_phase_goes_on_at_its_step_with_its_optimiser_and_average(folder: Path) -> None:
    assert run(folder, "--phases", "prior") == 0
    _, before = checkpoint.load(folder / "run" / "last.pt")
    assert set(before) == {"config", "phase", "step", "minutes", "norm", "average", "optimiser", "provenance"}
    configure(folder, "steps = 4", "steps = 7")
    assert run(folder, "--resume", str(folder / "run" / "last.pt"), "--phases", "prior") == 0
    _, after = checkpoint.load(folder / "run" / "last.pt")
    assert (before["step"], after["step"]) == (4, 7) and after["minutes"] >= before["minutes"]
    steps = [{each["step"] for each in state["optimiser"]["state"].values()} for state in (before, after)]
    assert steps == [{4}, {7}]
    assert before["norm"] != after["norm"]
    assert all(norm > 0 for norm, old in zip(after["norm"], before["norm"], strict=True) if old > 0)


def test_a_slim_checkpoint_holds_the_average_in_half_the_bytes(folder: Path) -> None:
    configure(folder, "state = 8", "state = 16")  # of 8 channels no tensor is large
    assert run(folder, "--phases", "prior") == 0
    stored = torch.load(folder / "run" / "prior.pt", weights_only=True)
    assert set(stored) == {"family", "config", "model", "provenance"}
    types = {tensor.numel() >= checkpoint.SMALL: tensor.dtype for tensor in stored["model"].values()}
    assert types == {True: torch.bfloat16, False: torch.float32}
    average = checkpoint.load(folder / "run" / "last.pt")[1]["average"]
    loaded = checkpoint.load(folder / "run" / "prior.pt")[0].state_dict()
    fitted = {name for name in average if name.endswith(".log2")}  # grids, after the last full checkpoint
    assert all(torch.allclose(loaded[name], average[name], rtol=0.01) for name in average.keys() - fitted)


def test_the_synthesis_net_learns_in_its_own_phase_and_nothing_else_does_there(folder: Path) -> None:
    assert run(folder) == 0
    _, prior, qat, synthesis = (weights(folder, phase) for phase in pyramid.PHASES)
    for name in prior:
        own = name.startswith("synthesis.")
        if name.endswith(".weight"):
            assert torch.equal(prior[name], qat[name]) == own, name
            assert torch.equal(qat[name], synthesis[name]) != own, name
        elif not own:
            assert torch.equal(qat[name], synthesis[name]), name
    assert not torch.equal(prior["log2_scale"], qat["log2_scale"])


def test_coarse_networks_learn_in_their_own_phase_and_those_of_finer_levels_do_not(folder: Path) -> None:
    assert run(folder, "--phases", "coarse") == 0
    first = weights(folder, "coarse")
    assert run(folder, "--resume", str(folder / "run" / "coarse.pt"), "--phases", "coarse") == 0
    for name, weight in weights(folder, "coarse").items():
        if name.endswith("weight"):
            assert torch.equal(weight, first[name]) != name.startswith(("start.", "coarse_")), name


def test_phases_go_on_behind_the_last_that_is_done_or_with_the_one_that_was_stopped() -> None:
    phases = ["coarse", "prior", "qat", "synthesis"]
    assert train.left(phases, [], None) == phases
    assert train.left(phases, ["prior"], None) == train.left(phases, ["coarse", "prior"], None) == phases[2:]
    assert train.left(phases, [], "prior") == train.left(phases, ["coarse"], "prior") == phases[1:]
    assert train.left(phases, ["prior", "qat", "synthesis"], None) == []
    assert train.left(phases, ["of old"], "of old") == phases


def test_pictures_need_be_no_larger_than_the_crops_of_the_phases_that_are_run(folder: Path) -> None:
    configure(folder, "crop_px = 64", "crop_px = 1024")
    assert run(folder, "--phases", "prior") == 0


def test_grids_are_fitted_when_the_prior_has_learnt_and_learn_in_8_bits(folder: Path) -> None:
    assert run(folder) == 0
    prior, qat = (weights(folder, phase) for phase in ("prior", "qat"))
    grids = [name for name in prior if name.endswith("log2") and prior[name].requires_grad]
    assert {name.split(".")[0] for name in grids} == {network.name for network in spec.NETWORKS}
    assert all(torch.tensor(4 / 128).log2() != prior[name] != qat[name] for name in grids)


def test_a_few_steps_reduce_the_loss_on_another_picture(folder: Path, photo: np.ndarray) -> None:
    losses = []
    for steps in (1, 50):
        (folder / "tiny.toml").write_text(CONFIG.replace("steps = 4", f"steps = {steps}\nrate = 5e-3\nwarmup = 10"))
        assert run(folder, "--phases", "prior") == 0
        model, _ = checkpoint.load(folder / "run" / "prior.pt")
        bpp, db = evaluate.rate_distortion(model, [photo], 4.0, frozenset({"synthesis"}))
        losses.append(bpp + float(model.lambdas()[4]) * 255**2 / 10 ** (db / 10))
    assert losses[1] < 0.7 * losses[0]


def test_a_checkpoint_without_a_synthesis_net_trains_on_and_may_get_one(folder: Path) -> None:
    configure(folder, "synthesis = 8", "synthesis = 0")
    assert run(folder, "--phases", "prior", "qat") == 0
    bare, _ = checkpoint.load(folder / "run" / "qat.pt")
    assert bare.synthesis is None
    configure(folder, "synthesis = 0", "synthesis = 8")
    configure(folder, "synthesis_blocks = 1", "synthesis_blocks = 2")
    assert run(folder, "--resume", str(folder / "run" / "qat.pt"), "--phases", "synthesis") == 0
    grown, state = checkpoint.load(folder / "run" / "synthesis.pt")
    assert len(grown.synthesis) == 4
    assert [p["phase"] for p in state["provenance"]["phases"]] == ["prior", "qat", "synthesis"]
    assert all(torch.equal(p, weights(folder, "synthesis")[name]) for name, p in bare.named_parameters())


def test_a_checkpoint_may_get_more_blocks_which_change_nothing_at_first(folder: Path, photo: np.ndarray) -> None:
    assert run(folder, "--phases", "prior", "synthesis") == 0
    model, _ = checkpoint.load(folder / "run" / "synthesis.pt")
    larger = checkpoint.grown(model, replace(model.config, coarse_blocks=(1, 2, 0), fine_blocks=(0, 0, 1)))
    assert larger.kmacs_per_px()["encode"] > model.kmacs_per_px()["encode"]
    assert evaluate.rate_distortion(larger, [photo], 4.0) == evaluate.rate_distortion(model, [photo], 4.0)
    configure(folder, "state = 8", "state = 8\ncoarse_blocks = [1, 2, 0]\nfine_blocks = [0, 0, 1]")
    assert run(folder, "--resume", str(folder / "run" / "synthesis.pt"), "--phases", "prior") == 0
    trained, _ = checkpoint.load(folder / "run" / "prior.pt")
    assert trained.config == larger.config
    assert all(learnt.project.weight.abs().max() > 0 for learnt in trained.coarse_second.blocks)
    assert run(folder, "--resume", str(folder / "run" / "last.pt"), "--phases", "prior") == 0
    assert checkpoint.load(folder / "run" / "last.pt")[1]["step"] == 5  # after the 4 that it had


def test_a_checkpoint_may_get_networks_for_level_2_which_learn_from_there_on(folder: Path) -> None:
    configure(folder, "middle_blocks = [0, 0, 0]\n", "")
    assert run(folder, "--phases", "prior") == 0
    bare = weights(folder, "prior")
    configure(folder, "state = 8", "state = 8\nmiddle_blocks = [0, 1, 0]")
    assert run(folder, "--resume", str(folder / "run" / "prior.pt"), "--phases", "prior") == 0
    grown = weights(folder, "prior")
    assert not any(name.startswith("middle_") for name in bare)
    moved = [name for name in grown if name.startswith("middle_second") and name.endswith("weight")]
    assert moved and all(
        not torch.equal(grown[name], bare.get(name.replace("middle", "coarse"), torch.zeros(()))) for name in moved
    )


def test_dead_channels_start_anew(folder: Path) -> None:
    assert run(folder, "--phases", "prior") == 0
    model, _ = checkpoint.load(folder / "run" / "prior.pt")
    with torch.no_grad():
        model.fine_second.head[0].bias.fill_(-1e4)
    checkpoint.save_slim(folder / "dead.pt", model, {})
    assert run(folder, "--resume", str(folder / "dead.pt"), "--phases", "prior") == 0
    lines = (folder / "run" / "report.txt").read_text().splitlines()
    assert max(int(line.split()[-1]) for line in lines if "start anew" in line) >= model.config.state
    assert weights(folder, "prior")["fine_second.head.0.bias"].min() > -1


@pytest.mark.parametrize("usual", [(0.5, 4.5), (0.0, 4.0), (3.0, 7.0), (0.0, 7.0)])
def test_usual_levels_are_drawn_more_often_than_others(usual: tuple[float, float]) -> None:
    level = train.drawn_levels(torch.linspace(0, 1, 100_001), 7, usual)
    assert (level[0], level[-1]) == pytest.approx((0, 7)) and (level.diff() > 0).all()
    inside = ((level >= usual[0]) & (level <= usual[1])).float().mean()
    assert inside == pytest.approx(0.7 + 0.3 * (usual[1] - usual[0]) / 7, abs=1e-3)


@pytest.mark.parametrize("usual", ["[3, 2]", "[-1, 2]", "[2, 9]"])
def test_usual_levels_that_are_not_there_are_refused(folder: Path, usual: str) -> None:
    configure(folder, "[prior]\n", f"[prior]\nusual_levels = {usual}\n")
    with pytest.raises(ValueError, match="usual_levels .* must rise, from 0 to"):
        run(folder, "--phases", "prior")


def test_a_checkpoint_does_not_take_another_prior(folder: Path) -> None:
    assert run(folder, "--phases", "prior") == 0
    configure(folder, "state = 8", "state = 16")
    with pytest.raises(ValueError, match="may differ"):
        run(folder, "--resume", str(folder / "run" / "prior.pt"), "--phases", "qat")


def test_an_unknown_key_in_a_config_is_named(folder: Path) -> None:
    (folder / "tiny.toml").write_text("[prior]\nstep = 3\n")
    with pytest.raises(ValueError, match="step"):
        run(folder)


def test_an_unknown_family_or_phase_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(folder, "--phases", "priors")
    assert "priors" in capsys.readouterr().err
    (folder / "tiny.toml").write_text('family = "vae"\n')
    with pytest.raises(ValueError, match="family 'vae' is not known; use one of pyramid"):
        run(folder)


def test_a_checkpoint_names_its_family(folder: Path) -> None:
    assert run(folder, "--phases", "prior") == 0
    assert checkpoint.family_name(folder / "run" / "prior.pt") == "pyramid"
    assert checkpoint.family_name("models/checkpoints/lite.pt") == "pyramid"  # from before there were others


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no picture"):
        train.main(["--data", str(tmp_path), "--out", str(tmp_path / "run")])


def test_a_run_is_named_after_its_configuration_unless_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(CONFIG)
    with pytest.raises(FileNotFoundError, match="no picture"):
        train.main(["--data", ".", "--config", "mine.toml"])
    assert (tmp_path / "runs" / "mine").is_dir()
