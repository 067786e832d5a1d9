"""Training runs, resumes and leaves what it promises, on a few small pictures."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402

from models import checkpoint, evaluate, train  # noqa: E402

CONFIG = """
[model]
fine = 16
coarse = 16
fine_blocks = 1
coarse_blocks = 1
latents = 48
hyper = 8
prior = 16
context = 16
[prior]
steps = 4
crop_px = 64
batch = 2
[linear]
steps = 2
crop_px = 64
batch = 2
[joint]
steps = 4
crop_px = 64
batch = 2
[qat]
steps = 3
crop_px = 64
batch = 2
"""


@pytest.fixture
def folder(tmp_path: Path, photo: np.ndarray) -> Path:
    (tmp_path / "data").mkdir()
    for i in range(3):
        Image.fromarray(np.roll(photo, 20 * i, axis=1)).save(tmp_path / "data" / f"{i}.png")
    (tmp_path / "tiny.toml").write_text(CONFIG)
    return tmp_path


def run(folder: Path, *more: str) -> int:
    words = ["--data", str(folder / "data"), "--out", str(folder / "run"), "--config", str(folder / "tiny.toml")]
    return train.main([*words, "--threads", "1", "--device", "cpu", *more])


def test_four_phases_leave_checkpoints_a_log_and_a_plot(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder) == 0
    out = folder / "run"
    assert {p.name for p in out.iterdir()} == {
        "last.pt", "prior.pt", "linear.pt", "joint.pt", "qat.pt", "log.csv", "log.png", "report.txt",
    }  # fmt: skip
    model, state = checkpoint.load(out / "qat.pt")
    assert [p["phase"] for p in state["provenance"]["phases"]] == ["prior", "linear", "joint", "qat"]
    assert (out / "log.csv").read_text().splitlines()[0].startswith("phase,step,minutes")
    assert "worth analysis" in (out / "report.txt").read_text()
    capsys.readouterr()
    assert (
        evaluate.main([str(out / "qat.pt"), "--images", str(folder / "data"), "--levels", "3", "--device", "cpu"]) == 0
    )
    printed = capsys.readouterr().out
    assert "kMAC/px" in printed and "PSNR" in printed


def test_a_run_goes_on_where_it_stopped(folder: Path) -> None:
    assert run(folder, "--phases", "prior") == 0
    assert run(folder, "--resume", str(folder / "run" / "last.pt"), "--phases", "joint") == 0
    _, state = checkpoint.load(folder / "run" / "joint.pt")
    assert [p["phase"] for p in state["provenance"]["phases"]] == ["joint"] or len(state["provenance"]["phases"]) == 2
    _, state = checkpoint.load(folder / "run" / "last.pt")
    assert state["phase"] == "joint" and state["step"] == 4


def test_the_prior_phase_leaves_the_transforms_alone(folder: Path) -> None:
    assert run(folder, "--phases", "prior") == 0
    a, _ = checkpoint.load(folder / "run" / "prior.pt")
    rows = a.linear_analysis.flatten(1)
    assert torch.allclose(rows @ rows.T, torch.eye(len(rows)), atol=0.02)  # still orthonormal, but for bf16
    assert torch.all(a.synthesis[1].project.weight == 0)


def test_the_linear_phase_moves_the_linear_path_and_no_net(folder: Path) -> None:
    assert run(folder, "--phases", "prior", "linear") == 0
    before, _ = checkpoint.load(folder / "run" / "prior.pt")
    after, _ = checkpoint.load(folder / "run" / "linear.pt")
    assert not torch.equal(before.linear_synthesis, after.linear_synthesis)
    assert torch.equal(before.synthesis[1].expand.weight, after.synthesis[1].expand.weight)


def test_a_checkpoint_without_nets_trains_on_and_may_get_some(folder: Path) -> None:
    tiny = (folder / "tiny.toml").read_text()
    (folder / "tiny.toml").write_text(tiny.replace("fine = 16", "fine = 0"))
    assert run(folder, "--phases", "linear", "qat") == 0
    bare, _ = checkpoint.load(folder / "run" / "qat.pt")
    assert bare.analysis is None and bare.synthesis is None
    (folder / "tiny.toml").write_text(tiny.replace("fine_blocks = 1", "fine_blocks = 2\nedge = 3"))
    assert run(folder, "--resume", str(folder / "run" / "qat.pt"), "--phases", "joint", "qat") == 0
    grown, state = checkpoint.load(folder / "run" / "qat.pt")
    assert grown.synthesis[-1].weight.shape[2:] == (3, 3)
    assert [p["phase"] for p in state["provenance"]["phases"]] == ["linear", "qat", "joint", "qat"]


def test_a_checkpoint_does_not_take_another_prior(folder: Path) -> None:
    assert run(folder, "--phases", "prior") == 0
    (folder / "tiny.toml").write_text((folder / "tiny.toml").read_text().replace("hyper = 8", "hyper = 16"))
    with pytest.raises(ValueError, match="may differ"):
        run(folder, "--resume", str(folder / "run" / "prior.pt"), "--phases", "joint")


def test_an_unknown_key_in_a_config_is_named(folder: Path) -> None:
    (folder / "tiny.toml").write_text("[joint]\nstep = 3\n")
    with pytest.raises(ValueError, match="step"):
        run(folder)


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no picture"):
        train.main(["--data", str(tmp_path), "--out", str(tmp_path / "run")])
