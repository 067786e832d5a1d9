"""The progressive codec: its transform, its codes, who sees what, and that it learns."""

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402

from models import codes, recurrent, thumbnails, train  # noqa: E402
from models.data import pictures  # noqa: E402
from models.evaluate import rate_distortion  # noqa: E402
from models.layers import Block, Conv, set_mode  # noqa: E402
from models.recurrent import PACKED, SEEN, Codec, Config, pack, unpack  # noqa: E402

TINY = Config(state=8, levels=3, planes=11)
CONFIGS = Path(train.__file__).parent / "configs"


@pytest.fixture
def picture(photo: np.ndarray) -> "torch.Tensor":
    """(1, 3, 96, 128) uint8."""
    return torch.from_numpy(photo[:96, :128].transpose(2, 0, 1).copy())[None]


@pytest.fixture
def model(picture: "torch.Tensor") -> Codec:
    torch.manual_seed(0)
    model = Codec(TINY)
    model.start_from_pictures([picture])
    return model.eval()


def weight(layer: torch.nn.Module) -> torch.Tensor:
    """Return the weight of a convolution."""
    assert isinstance(layer, Conv)
    return layer.weight


# -- the transform -----------------------------------------------------------------------------------------------------


def test_split_then_join_gives_the_pixels_back(model: Codec, picture: "torch.Tensor") -> None:
    packed = model.split(picture)
    assert [p.shape[1:] for p in packed] == [(PACKED, 6, 8), (PACKED, 6, 8), (PACKED, 12, 16), (PACKED, 24, 32)]
    assert (model.join(packed) - picture).abs().max() < 0.1


def test_each_half_of_a_packed_level_is_a_half_of_the_checkerboard() -> None:
    rows, columns = torch.meshgrid(torch.arange(6), torch.arange(8), indexing="ij")
    details = ((rows + columns) % 2).float().expand(1, 9, 6, 8)
    packed = pack(details)
    assert packed[:, :18].eq(0).all() and packed[:, 18:].eq(1).all()
    details = torch.randn(2, 9, 6, 8)
    assert torch.equal(unpack(pack(details)), details)


def test_codes_of_the_first_plane_reach_any_coefficient() -> None:
    noise = torch.randint(0, 2, (4, 3, 64, 64), generator=torch.manual_seed(0)) * 255
    flat = torch.full((1, 3, 64, 64), 255)
    for x in (noise, flat):
        assert max(float(p.abs().max()) for p in Codec().split(x)) < (
            (codes.MOST_AT_ONCE + 1) * 2**recurrent.TOP_OCTAVE
        )


# -- codes -------------------------------------------------------------------------------------------------------------


def one(value: float) -> "torch.Tensor":
    return torch.tensor([[[[float(value)]]]])


@pytest.mark.parametrize(
    ("k", "u", "new", "bits"),
    [
        (0, 0.9, 0, 1),  # nothing
        (0, -1.5, -1, 2),  # significant, its sign
        (3, 6.9, 6, 1),  # the lower half of [3, 4) twice as fine
        (-3, -7.1, -7, 1),  # the upper one
        (1, 9.0, 3, 1),  # beyond what its interval can tell
    ],
)
def test_what_is_left_is_told_in_binary_codes(model: Codec, k: int, u: float, new: int, bits: float) -> None:
    with torch.no_grad():
        model.codes.more.copy_(torch.tensor([-30.0, 0.0]))  # so that a second code of size costs nothing
        got, cost = model.codes.told(one(k), one(u), one(0), one(0))
    assert float(got) == new
    assert float(cost) == pytest.approx(bits, abs=1e-5)


def test_codes_that_are_hardly_ever_needed_are_left_out_and_made_up_for_later(model: Codec) -> None:
    with torch.no_grad():
        late, cost = model.codes.told(one(0), one(1.7), one(codes.LOGIT_SKIP), one(0))
        assert float(late) == 0 and float(cost) == 0
        caught_up, cost = model.codes.told(late, one(3.4), one(0), one(0))
    assert float(caught_up) == 3 and float(cost) > 2


def test_integers_tell_where_coefficients_are(model: Codec, picture: "torch.Tensor") -> None:
    with torch.no_grad():
        for visit in model.unroll(picture):
            told = visit.k != 0
            below, above = visit.k.abs(), visit.k.abs() + 1
            size = visit.u * visit.k.sign()
            assert ((size >= below) & (size < above))[told].float().mean() > 0.99
            coded = visit.a > codes.LOGIT_SKIP
            assert (visit.u.abs() < 1)[~told & coded].all()


def test_a_thrifty_encoder_saves_bits_in_the_last_plane_alone(model: Codec, picture: "torch.Tensor") -> None:
    with torch.no_grad():
        plain, thrifty = (list(model.unroll(picture, thrifty=t, planes=9)) for t in (False, True))
    assert [v.sparing for v in thrifty] == [v.plane == 8 for v in thrifty]
    assert all(torch.equal(a.k, b.k) for a, b in zip(plain, thrifty, strict=True) if a.plane < 8)
    assert sum(float(v.bits) for v in thrifty) < 0.97 * sum(float(v.bits) for v in plain)


def test_the_table_for_thrifty_planes_learns_how_much_rarer_significance_is(
    model: Codec, picture: "torch.Tensor"
) -> None:
    def bits() -> float:
        return sum(float(v.bits) for v in model.unroll(picture, thrifty=True, planes=9) if v.sparing)

    with torch.no_grad():
        before = bits()
        for _ in range(10):
            for visit in model.unroll(picture, thrifty=True, planes=9):
                model.codes.learn(visit, memory=0.5)
        assert bits() < before
    assert model.codes.fewer.min() < -0.1


# -- the loop ----------------------------------------------------------------------------------------------------------


def test_what_is_said_depends_on_what_is_decoded_alone(model: Codec, picture: "torch.Tensor") -> None:
    """Another picture that differs below the threshold of plane 7 only: up to there nothing may differ."""
    coefficients = model.split(picture)
    threshold = 2.0 ** (recurrent.TOP_OCTAVE - 7)
    for p in coefficients:
        p.copy_(p.sign() * (p.abs() / threshold).floor() * threshold)
    other = [p + p.sign() * 0.9 * threshold * torch.rand_like(p) for p in coefficients]
    pairs = list(zip(coefficients, other, strict=True))
    other = [torch.where(p == 0, 0.9 * threshold * (torch.rand_like(p) - 0.5), o) for p, o in pairs]
    said = []
    for each in (coefficients, other):
        with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(model, "split", lambda _, each=each: each)
            said.append([(v.k, v.a, v.b) for v in model.unroll(picture, planes=8)])
    assert len(said[0]) == len(said[1]) > 0
    for mine, theirs in zip(*said, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_the_second_half_sees_the_first_and_the_state_carries_over(model: Codec, picture: "torch.Tensor") -> None:
    with torch.no_grad():
        torch.nn.init.normal_(weight(model.iteration.head[-1]), std=0.1)
        with_state, without = ([v.a for v in model.unroll(picture, off=frozenset(off))] for off in ((), model.left_out))
    first_of_levels = len(with_state) - sum(not torch.equal(a, b) for a, b in zip(with_state, without, strict=True))
    assert first_of_levels <= model.config.levels


def test_the_start_is_a_codec_already(model: Codec, photo: np.ndarray) -> None:
    points = [rate_distortion(model, [photo], level) for level in (7.0, 8.0, 9.0, 10.0)]
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in zip(points, points[1:], strict=False))


def test_files_may_end_between_two_planes(model: Codec, photo: np.ndarray) -> None:
    points = [rate_distortion(model, [photo], level) for level in (9.0, 9.25, 9.5, 9.75, 10.0)]
    assert [bpp for bpp, _ in points] == sorted(bpp for bpp, _ in points)


def test_a_flat_picture_costs_next_to_nothing(model: Codec) -> None:
    x_hat, bits = model.code(torch.full((1, 3, 64, 64), 200), 10.0)
    assert (x_hat - 200).abs().max() < 2
    assert float(bits) < 800  # of a network that has learnt nothing


def test_tables_of_places_learn_where_coefficients_are(model: Codec, picture: "torch.Tensor") -> None:
    with torch.no_grad():
        visits = list(model.unroll(picture))
        visit = max(visits, key=lambda v: int((v.k.abs() == 1).sum()))
        before = float(model.codes.error(visit))
        for _ in range(20):
            model.codes.learn(visit, memory=1.0)
        assert float(model.codes.error(visit)) < before
        assert (model.codes.place_one > 0.2).all() and (model.codes.place_one < 0.8).all()


# -- learning ----------------------------------------------------------------------------------------------------------


def test_every_parameter_learns(model: Codec, picture: "torch.Tensor") -> None:
    block = model.iteration.blocks[0]
    assert isinstance(block, Block)
    torch.nn.init.normal_(weight(model.iteration.head[-1]), std=0.1)
    torch.nn.init.normal_(block.project.weight, std=0.1)
    each, stats = model.loss(picture, torch.zeros(1), "codes")
    each.mean().backward()
    idle = {n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())}
    assert idle == {n for n in idle if n.endswith("grid.log2")}  # grids learn in 8 bits
    assert stats["bpp"] > 0 and stats["mse"] > 0


def test_training_saves_bits_of_a_photograph() -> None:
    with Image.open(Path(__file__).parents[2] / "docs" / "cam.jpg") as image:
        pixels = np.asarray(image.convert("RGB").crop((300, 200, 428, 296)))
    picture = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]
    torch.manual_seed(0)
    model = Codec(TINY)
    model.start_from_pictures([picture])
    with torch.no_grad():
        before = sum(float(v.bits) for v in model.unroll(picture))
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(30):
        each, _ = model.loss(picture, torch.zeros(1), "codes")
        optimiser.zero_grad()
        each.mean().backward()
        optimiser.step()
    with torch.no_grad():
        assert sum(float(v.bits) for v in model.unroll(picture)) < 0.95 * before


def test_a_window_of_the_finest_level_stands_for_all_of_it(model: Codec) -> None:
    x = torch.zeros(1, 3, 192, 256)
    (rows, columns), share = model.window(x)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (24, 32)
    assert share == 0.25 and rows.start % 2 == columns.start % 2 == 0
    assert model.window(x[..., :32, :32])[1] == 1


# -- 8 bits and sizes --------------------------------------------------------------------------------------------------


def test_an_iteration_in_integers_is_the_one_on_the_grid(model: Codec) -> None:
    network, grid = model.iteration, recurrent.GRID
    for chain in (network.head, network.blocks, network.parent):
        for conv in chain.convolutions():
            torch.nn.init.normal_(conv.weight, std=0.2)
    integers = [torch.randint(-60, 60, (1, n, *size)) for n, size in ((8, (5, 6)), (SEEN, (5, 6)), (8 + SEEN, (3, 3)))]
    set_mode(model, "quant")
    on_grid = network(*(t * grid for t in integers))
    set_mode(model, "integer")
    exact = network(*(t.double() for t in integers))
    for a, b in zip(on_grid, exact, strict=True):
        assert (a / grid - b).abs().max() < 1.01  # sums in float32 may round to the other side of a half
        assert (a / grid - b).abs().gt(0.01).float().mean() < 0.01
    assert exact[0].abs().max() > 20


@pytest.mark.parametrize("name", ["progressive", "thumbnail"])
def test_shipped_configurations_keep_to_the_budget(name: str) -> None:
    family, config, phases = train.read_config(str(CONFIGS / f"{name}.toml"))
    assert family is recurrent and list(phases) == list(recurrent.PHASES)
    model = Codec(config)
    assert model.kmacs_per_px()["iteration"] <= 15
    assert len(model.schedule()) >= 16
    assert all(phase.crop_px % model.stride_px == 0 for phase in phases.values())


def test_levels_and_planes_follow_the_configuration(picture: "torch.Tensor") -> None:
    model = Codec(replace(TINY, levels=2, planes=9))
    assert model.stride_px == 8
    assert len(model.schedule()) == 9 * 5
    assert math.isclose(model.kmacs_per_px()["plane"], 2.5 * model.kmacs_per_px()["iteration"])


def test_thumbnails_are_area_resampled_parts_of_photographs(photo: np.ndarray) -> None:
    parts = thumbnails.parts(photo, np.random.default_rng(0))
    assert sorted(min(p.shape[:2]) for p in parts) == sorted(
        side for side, count in thumbnails.SIDES_PX.items() for _ in range(count)
    )
    assert abs(float(np.mean([p.mean() for p in parts])) - float(photo.mean())) < 8


def test_thumbnails_of_a_folder_are_written_for_the_trainer(photo: np.ndarray, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), photo)
    assert thumbnails.main([str(tmp_path), str(tmp_path / "out")]) == 0
    sides = [min(image.shape[:2]) for image in pictures(tmp_path / "out")]
    assert set(sides) == set(thumbnails.SIDES_PX) and len(sides) == sum(thumbnails.SIDES_PX.values())
