"""A progressive codec's graph and integers: they compute what torch does, and real bytes are what it expects."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from PIL import Image  # noqa: E402
from tiny import make  # noqa: E402

from export import __main__ as command  # noqa: E402
from export import calibrate, verify  # noqa: E402
from export import recurrent as export  # noqa: E402
from export.prior import Refused  # noqa: E402
from models import checkpoint  # noqa: E402
from models.layers import set_mode  # noqa: E402
from models.recurrent import Codec, Config  # noqa: E402
from runtime.bundle import bundle_id  # noqa: E402
from runtime.codec import Codec as Runtime  # noqa: E402
from runtime.codec import encoder  # noqa: E402
from runtime.families.recurrent import spec  # noqa: E402
from runtime.families.recurrent.codes import Prior  # noqa: E402


@pytest.fixture(scope="module", params=[(4, 1), (3, 2)], ids=["four levels", "three levels, two blocks"])
def model(request: pytest.FixtureRequest) -> Codec:
    levels, blocks = request.param
    return make.recurrent_model(make.picture(), Config(state=8, levels=levels, blocks=blocks))


def write(model: Codec, folder: Path) -> Runtime:
    from export import bundle

    bundle.write_graphs(folder, export.build(model, quantised=True))
    bundle.write_prior(folder, export.integers(model))
    facts = {"quality_levels": [level * 191 // 99 for level in range(100)]}
    bundle.write_manifest(folder, "tiny", "recurrent", export.NETWORKS, facts)
    return Runtime(folder, threads=1)


def test_the_graph_keeps_the_rules_and_computes_the_integers_of_torch(model: Codec) -> None:
    graphs = export.build(model, quantised=True)
    verify.rules(graphs["iteration"], export.FLOAT_OPERATORS["iteration"])
    verify.exact(export.modules(model), graphs)
    assert export.bounds(model, export.integers(model))["accumulators"] < 0.1


@torch.no_grad()
@pytest.mark.parametrize("level", [100, 128, 171])
def test_rate_and_distortion_are_those_of_the_model(model: Codec, tmp_path: Path, level: int) -> None:
    """At whole planes and between them; real bytes and what the model expects differ by 2 % and the container."""
    codec, picture = write(model, tmp_path / "tiny"), make.picture()
    data = encoder(codec, picture)(level)
    set_mode(model, "quant")
    shown, bits = model.code(torch.from_numpy(picture.transpose(2, 0, 1).copy())[None], 1 + level / 16)
    set_mode(model, "float")
    expected = shown[0].clamp(0, 255).round().permute(1, 2, 0).numpy()
    assert 0 < len(data) - float(bits) / 8 < 0.02 * float(bits) / 8 + 40
    assert verify.psnr(codec.decode(data), picture) == pytest.approx(verify.psnr(expected, picture), abs=0.05)


def test_tables_of_codes_have_the_chances_that_log_odds_say() -> None:
    slots = export.frequencies() / 2**14
    log_odds = np.arange(-32, 33) / 4
    chance = 1 / (1 + np.exp(-log_odds))
    assert np.abs(slots[:65, 1] - chance).max() < 1e-4 and (slots[:65, :2] > 0).all()
    sizes = slots[65:]
    assert np.abs(sizes[:, 1:].sum(1) - chance).max() < 1e-3
    assert np.abs(sizes[20:, 3] - chance[20:] ** 3).max() < 1e-3


def test_integers_fit_the_runtime_s_prior(model: Codec) -> None:
    prior = Prior(**export.integers(model))
    assert (prior.planes, prior.levels) == (model.config.planes, model.config.levels)
    assert prior.steps[0, -1, 0] == pytest.approx(2 ** (13 + model.config.step_octaves[0][0]), rel=1e-6)
    assert prior.magnitudes[0, 1] == round(16 * np.log(2.5)) and prior.magnitudes[1, 0] == 0


def test_models_that_the_runtime_cannot_run_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="14 planes"):
        export.integers(Codec(Config(state=8, planes=14)))
    monkeypatch.setattr(spec, "BINS", 12)
    with pytest.raises(Refused, match="other constants"):
        export.integers(Codec(Config(state=8)))


def test_the_command_exports_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = make.recurrent_model(make.picture())
    (tmp_path / "pictures").mkdir()
    Image.fromarray(make.picture()).save(tmp_path / "pictures" / "a.png")
    checkpoint.save_slim(tmp_path / "tiny.pt", model, {})
    arguments = [tmp_path / "tiny.pt", tmp_path / "tiny", "--pictures", tmp_path / "pictures", "--threads", 1]
    assert command.main([str(word) for word in arguments]) == 0
    codec = Runtime(tmp_path / "tiny", threads=1)
    assert codec.bundle.family == "recurrent" and codec.bundle.id == bundle_id(tmp_path / "tiny", export.NETWORKS)
    scale = codec.bundle.manifest["quality_levels"]
    assert scale == sorted(scale) and len({*scale}) > 20 and scale[-1] == codec.family.top_level
    found_db = verify.psnr(codec.decode(codec.encode(make.picture(), 75)), make.picture())
    assert found_db == pytest.approx(calibrate.jpeg_psnr([make.picture()], 75), abs=0.3)
    assert "int8_against_float" in capsys.readouterr().out
