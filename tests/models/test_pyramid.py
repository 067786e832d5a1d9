"""The model as a whole: transform, rate levels, who sees what, and what it costs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")

from models import (  # noqa: E402
    checkpoint,
    pyramid,
    train,
    wavelet,  # noqa: E402
)
from models.entropy import bits, chosen  # noqa: E402
from models.evaluate import live_share, psnr, rate_distortion  # noqa: E402
from models.layers import Conv, set_mode  # noqa: E402
from models.pyramid import Codec, Config  # noqa: E402
from runtime.families.pyramid import spec  # noqa: E402

NAMES = [network.name for network in spec.NETWORKS]

TINY = Config(
    state=8, coarse_blocks=(2, 0, 1), middle_blocks=(1, 0, 0), fine_blocks=(0, 1, 0), synthesis=8, synthesis_blocks=1
)
CONFIGS = Path(train.__file__).parent / "configs"
LEVEL = torch.tensor([4.0])
PARTS = 1 + 3 * pyramid.LEVELS


def tiny(picture: "torch.Tensor", config: Config = TINY) -> Codec:
    torch.manual_seed(0)
    model = Codec(config)
    model.start_from_pictures([picture])
    return model.eval()


@pytest.fixture
def picture(photo: np.ndarray) -> "torch.Tensor":
    """(1, 3, 128, 192) uint8."""
    return torch.from_numpy(photo[:128, :192].transpose(2, 0, 1).copy())[None]


@pytest.fixture
def model(picture: "torch.Tensor") -> Codec:
    return tiny(picture)


# -- the transform -----------------------------------------------------------------------------------------------------


def test_split_then_join_gives_the_pixels_back(model: Codec) -> None:
    x = torch.randint(0, 256, (2, 3, 128, 192))
    z, packed = model.split(x)
    assert z.shape == (2, pyramid.Z, 2, 3)
    assert [p.shape[1:] for p in packed] == [(36, 128 >> n, 192 >> n) for n in range(2, 7)]
    assert (model.join(z, packed) - x).abs().max() < 0.1


def test_halves_and_chroma_are_joined_to_what_they_were_taken_from() -> None:
    packed = torch.randn(2, 36, 3, 5)
    luma, chroma = pyramid.luma_and_chroma(packed)
    first, second = (pyramid.half(luma, phases) for phases in (pyramid.FIRST, pyramid.SECOND))
    assert torch.equal(pyramid.join_packed(first, second, chroma), packed)


def test_the_runtime_means_the_same() -> None:
    assert (pyramid.FIRST, pyramid.SECOND) == spec.HALVES
    assert (pyramid.LEVELS, pyramid.LEVEL_PLANES) == (spec.LEVELS, spec.LEVEL_PLANES)
    assert (pyramid.LUMA, pyramid.CHROMA, pyramid.Z) == (spec.LUMA_HALF, spec.CHROMA, spec.Z)
    assert (pyramid.SEEN_START, pyramid.SEEN_FIRST, pyramid.SEEN_LUMA) == (
        spec.SEEN_START, spec.SEEN_FIRST, spec.SEEN_OTHER,
    )  # fmt: skip
    said = pyramid.PARAMETER_GAIN * pyramid.GRID  # steps of a mean and octaves of a scale in one unit of a network
    assert said * spec.VALUE_STEPS == 1
    assert said * spec.INDEX_PER_OCTAVE * 2**spec.INDEX_BITS == spec.INDEX_UNIT
    assert {*NAMES, "encode", "decode"} == set(Codec(TINY).kmacs_per_px())


# -- the start ---------------------------------------------------------------------------------------------------------


def test_the_start_is_a_codec_already(model: Codec, photo: np.ndarray) -> None:
    points = [rate_distortion(model, [photo], level) for level in (0.0, 3.5, 7.0)]
    assert points[0][1] < points[1][1] < points[2][1]
    assert points[0][0] < points[1][0] < points[2][0]
    assert points[2][1] > 30


def test_scales_start_at_the_deviations_of_the_coefficients(model: Codec, picture: "torch.Tensor") -> None:
    z, packed = model.split(picture)
    for anchor, log2_step in enumerate(model.log2_step()):
        for level, coefficients in enumerate(packed):
            deviation = (coefficients[0].unflatten(0, (9, 4)) ** 2).mean((1, 2, 3)).sqrt()
            in_pixels = (model.log2_scale[anchor, level] + log2_step[9 * level : 9 * level + 9]).exp2()
            assert torch.allclose(in_pixels, deviation, rtol=1e-3)
        in_pixels = (model.log2_scale_z[anchor] + log2_step[45:]).exp2()
        assert torch.allclose(in_pixels, (z[0] ** 2).mean((1, 2)).sqrt(), rtol=1e-3)


@torch.no_grad()
def test_masking_grows_steps_where_the_level_before_has_much_detail(model: Codec) -> None:
    luma = torch.zeros(1, 12, 2, 2)
    luma[:, :, 0, 1] = 2 ** model.config.masking_log2_px[0]
    luma[:, :, 1, 0] = 1000
    found = 8 * model.masking(luma, 1)
    assert found.shape == (1, 1, 4, 4)
    assert found[0, 0, :2, :2].tolist() == [[-6, -6], [-6, -6]]  # of the floor alone
    assert found[0, 0, 0, 2:].tolist() == [1, 1] and found[0, 0, 3, :2].tolist() == [6, 6]


@torch.no_grad()
def test_steps_shrink_in_the_dark(model: Codec) -> None:
    """A fifth of an octave for each doubling of luma and its floor."""
    c = model.config
    for level in (1, 4):
        luma = [0.0, (c.dark_luma_px + c.dark_floor_px) / 2 - c.dark_floor_px, c.dark_luma_px, 255.0, -50.0, 400.0]
        low = torch.stack([_low_of_gray(value, level + 2).mean() for value in luma])
        found = 8 * model.darkness(low[None, None, None], level)[0, 0, 0, ::2]
        assert found.tolist() == [-4, -2, 0, 0, -4, 0]


def test_chroma_that_follows_luma_takes_fewer_bits_and_gates_learn_how_much() -> None:
    """A picture of one hue, of which all can be guessed."""
    light = torch.rand(1, 1, 16, 16, generator=torch.manual_seed(1)).repeat_interleave(8, 2).repeat_interleave(8, 3)
    x = (20 + 200 * light) * torch.tensor([1.0, 0.8, 0.3])[:, None, None]
    model = tiny(x, replace(TINY, chroma_from_luma=True))
    assert any(part is model.gates for part in model.parts("prior"))
    bits_of = []
    for gate in (0.0, 0.5):
        with torch.no_grad():
            model.gates.fill_(gate)
        bits_of.append(model(x, LEVEL)[1][0, 3::3].sum())
    assert bits_of[1] < 0.9 * bits_of[0]
    model.loss(x, LEVEL, "prior")[0].sum().backward()
    assert model.gates.grad is not None and (model.gates.grad[:, 0] < 0).all()  # more of it were better


def _low_of_gray(value: float, level: int) -> "torch.Tensor":
    """Return the luma low band of a wavelet level of a gray picture."""
    low = wavelet.to_colours(torch.full((1, 3, 256, 256), value))
    for _ in range(level):
        low, _ = wavelet.split_2d(low)
    return low[:, 0]


@torch.no_grad()
def test_dark_steps_follow_decoded_luma_alone(
    model: Codec, picture: "torch.Tensor", monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told of luma in each level is what the decoded picture's own low bands are."""
    told: list[tuple[int, torch.Tensor]] = []

    def darkness(low: "torch.Tensor", level: int) -> "torch.Tensor":
        told.append((level, low))
        return torch.zeros(1)

    monkeypatch.setattr(model, "darkness", darkness)
    x_hat, *_ = model(picture, LEVEL)
    low, expected = wavelet.to_colours(x_hat), {}
    for level in range(1, 7):
        low, _ = wavelet.split_2d(low)
        expected[level] = low[:, :1]
    assert [level for level, _ in told] == [4, 3, 2, 1]
    for level, low in told:
        assert torch.allclose(low, expected[level + 2], rtol=1e-3, atol=0.05)


def test_several_pictures_count_alike(picture: "torch.Tensor") -> None:
    both = Codec(TINY)
    both.start_from_pictures([picture, torch.full_like(picture, 128)])
    assert torch.allclose(both.log2_scale, tiny(picture).log2_scale - 0.5, atol=1e-3)


# -- rates -------------------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_where_networks_say_nothing_each_channel_has_the_scale_of_its_band(
    picture: "torch.Tensor",
) -> None:
    model = Codec(replace(TINY, masking_slope=(0.0,) * 4, dark_slope=0.0))
    torch.nn.init.normal_(model.log2_scale, std=3)
    torch.nn.init.normal_(model.log2_scale_z, std=3)
    for name in NAMES[:-1]:
        getattr(model, name).head[-1].weight.zero_()
    _, rates, _, _ = model(picture, LEVEL)
    z, packed = model.split(picture)
    steps = model.log2_step()[4].exp2()

    def cost(target: "torch.Tensor", log2_sigma: "torch.Tensor", step: "torch.Tensor") -> "torch.Tensor":
        log2_sigma = log2_sigma[None, :, None, None]
        return bits(chosen(target / step[:, None, None], log2_sigma), log2_sigma).sum()

    expected = [cost(z, model.log2_scale_z[4], steps[45:])]
    for level in range(pyramid.LEVELS, 0, -1):
        base = model.log2_scale[4, level - 1].repeat_interleave(4)
        step = steps[9 * level - 9 : 9 * level].repeat_interleave(4)
        for phases in spec.HALVES:
            rows = [4 * band + phase for band in range(3) for phase in phases]
            expected.append(cost(packed[level - 1][:, rows], base[rows], step[rows]))
        expected.append(cost(packed[level - 1][:, 12:], base[12:], step[12:]))
    assert rates[0].tolist() == pytest.approx([float(e) for e in expected], rel=1e-3)


def test_bits_are_those_of_the_mixture_it_names() -> None:
    """At a wide scale the mass of one step is the density: bits = -log2 pdf."""
    sigma, r = 64.0, torch.tensor([0.0, 30.0, -100.0])
    pdf = sum(
        w * torch.exp(-0.5 * (r / (k * sigma)) ** 2) / (k * sigma * (2 * np.pi) ** 0.5)
        for w, k in ((0.85, 1), (0.15, 2.5))
    )
    assert torch.allclose(bits(r, torch.tensor(6.0)), -torch.log2(pdf), atol=1e-2)


@torch.no_grad()
def test_bits_are_positive_and_each_picture_has_its_own(model: Codec, picture: "torch.Tensor") -> None:
    two = torch.cat([picture, picture.flip(3)])
    x_hat, rates, error, planes = model(two, torch.tensor([2.0, 5.5]))
    assert rates.shape == (2, PARTS) and torch.all(rates >= 0) and torch.all(error > 0)
    assert torch.all(rates[0, :-3] > 0) and torch.all(rates[1] > 0)  # of the finest level a low rate may code nothing
    assert rates[1].sum() > rates[0].sum() and error[1] < error[0]
    assert planes.flatten(1).tolist() == [[0, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0.5, 0.5, 0]]
    alone = model(two[1:], torch.tensor([5.5]))
    assert torch.allclose(alone[0], x_hat[1:], atol=1e-2) and torch.allclose(alone[1], rates[1:], rtol=1e-4)


@torch.no_grad()
def test_the_error_of_coefficients_is_about_that_of_pixels_where_all_steps_are_alike(
    model: Codec, picture: "torch.Tensor", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        model, "config", replace(model.config, step_octaves=((0.0,) * 4,) * 6, masking_slope=(0.0,) * 4, dark_slope=0.0)
    )
    x_hat, _, error, _ = model(picture, LEVEL)
    assert float(error) == pytest.approx(float(((x_hat - picture) ** 2).sum()), rel=0.15)


def test_lambdas_span_the_configured_range() -> None:
    model = Codec(replace(TINY, lambda_low=0.001, lambda_high=0.1))
    assert model.lambdas()[0] == pytest.approx(0.001) and model.lambdas()[-1] == pytest.approx(0.1)


def test_psnr_of_one_level_of_error() -> None:
    assert psnr(1.0) == pytest.approx(48.1308, abs=1e-3)


# -- who sees what -----------------------------------------------------------------------------------------------------


def changed(model: Codec, part: int) -> Callable[["torch.Tensor"], tuple["torch.Tensor", list["torch.Tensor"]]]:
    """Return model.split with other coefficients in one part, by its number in coding order."""
    split = model.split

    def other(x: "torch.Tensor") -> tuple["torch.Tensor", list["torch.Tensor"]]:
        z, packed = split(x)
        target = z
        rows: list[int] | slice = slice(None)
        if part:
            level, kind = divmod(part - 1, 3)
            target = packed[pyramid.LEVELS - 1 - level]
            halves = [[4 * band + phase for band in range(3) for phase in phases] for phases in spec.HALVES]
            rows = halves[kind] if kind < 2 else slice(12, 36)
        target[:, rows] += 40 * torch.randn(target[:, rows].shape, generator=torch.Generator().manual_seed(part))
        return z, packed

    return other


def rates_with(model: Codec, picture: "torch.Tensor", part: int | None, *off: str) -> list[float]:
    """Return bits of all parts, where the coefficients of one are others."""
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        if part is not None:
            patch.setattr(model, "split", changed(model, part))
        return model(picture, LEVEL, off=frozenset(off))[1][0].tolist()


@pytest.mark.parametrize("part", range(PARTS))
def test_no_part_sees_itself_or_what_comes_later(model: Codec, picture: "torch.Tensor", part: int) -> None:
    said: list[torch.Tensor] = []  # means and scales of all parts but z
    for name in NAMES[:-1]:
        getattr(model, name).head.register_forward_hook(lambda _module, _inputs, y: said.append(y))
    before, after = (rates_with(model, picture, number) for number in (None, part))
    assert after[:part] == before[:part]
    assert all(a != b for a, b in zip(after[part:], before[part:], strict=True)), "all that follows sees it"
    unlike = [not torch.equal(a, b) for a, b in zip(said[: PARTS - 1], said[PARTS - 1 :], strict=True)]
    assert unlike == [number > part for number in range(1, PARTS)]


def test_a_part_that_is_left_out_tells_nothing(model: Codec, picture: "torch.Tensor") -> None:
    """Level 1: part 13 is the first half of luma, 14 the second, 15 chroma."""
    for name, seen in (("second", 13), ("third", 14)):
        without, other = (rates_with(model, picture, part, name) for part in (None, seen))
        assert other[seen] != without[seen] and other[seen + 1 :] == without[seen + 1 :]
        assert without[seen + 1] != rates_with(model, picture, None)[seen + 1]


# -- the synthesis net -------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_the_synthesis_net_corrects_what_was_stored(model: Codec, picture: "torch.Tensor") -> None:
    x_hat, _, _, planes = model(picture, LEVEL)
    assert model.synthesis is not None
    last = model.synthesis[-1]
    assert isinstance(last, Conv)
    last.bias.copy_(torch.arange(48) / 64 / 48)
    last.weight.zero_()
    change = model.restore(x_hat, planes) - x_hat
    assert change[0, 2, 1, 3] == pytest.approx((32 + 4 + 3) / 64 / 48 * pyramid.CORRECTION_RANGE, abs=1e-3)
    assert torch.allclose(change[..., 4:, 4:], change[..., :-4, :-4], atol=1e-4)
    last.weight.normal_()
    same = x_hat.clamp(0, 255).round()
    assert torch.allclose(model.restore(same, planes) - same, model.restore(x_hat, planes) - x_hat, atol=1e-3)


def test_without_a_synthesis_net_pictures_stay_as_they_are(picture: "torch.Tensor", photo: np.ndarray) -> None:
    bare = tiny(picture, replace(TINY, synthesis=0))
    x = torch.rand(1, 3, 64, 64)
    assert bare.synthesis is None and bare.restore(x, torch.zeros(1, 8, 1, 1)) is x
    assert rate_distortion(bare, [photo], 4.0) == rate_distortion(bare, [photo], 4.0, frozenset({"synthesis"}))


# -- networks of level 2 -----------------------------------------------------------------------------------------------


@torch.no_grad()
def test_level_2_has_those_of_coarser_levels_where_it_has_none_of_its_own(picture: "torch.Tensor") -> None:
    bare, own = tiny(picture, replace(TINY, middle_blocks=None)), tiny(picture)
    kinds = [[model.networks(level)[1] for level in range(pyramid.LEVELS, 0, -1)] for model in (bare, own)]
    assert kinds[0] == [bare.coarse_second] * 4 + [bare.fine_second]
    assert kinds[1] == [own.coarse_second] * 3 + [own.middle_second, own.fine_second]
    assert not any(name.startswith("middle") for name in (*bare.kmacs_per_px(), *bare.state_dict()))


@torch.no_grad()
def test_grown_networks_of_level_2_change_nothing_at_first(picture: "torch.Tensor", photo: np.ndarray) -> None:
    bare = tiny(picture, replace(TINY, middle_blocks=None))
    for part in spec.PARTS:
        getattr(bare, f"coarse_{part}").head[-1].weight.normal_()
    own = checkpoint.grown(bare, replace(TINY, middle_blocks=(3, 1, 1))).eval()
    for before, after in zip(bare(picture, LEVEL), own(picture, LEVEL), strict=True):
        assert torch.equal(before, after)
    before = bare(picture, LEVEL)[1]
    getattr(own, f"middle_{spec.PARTS[0]}").head[-1].weight.zero_()
    assert torch.equal(own(picture, LEVEL)[1][:, :10], before[:, :10])
    assert not torch.equal(own(picture, LEVEL)[1][:, 10], before[:, 10])
    with pytest.raises(ValueError, match="middle networks may differ"):
        checkpoint.grown(own, replace(TINY, middle_blocks=None))


@torch.no_grad()
def test_where_fine_levels_are_not_coded_coarse_ones_are_as_ever(model: Codec, picture: "torch.Tensor") -> None:
    x_hat, rates, error, _ = model(picture, LEVEL)
    coarse, coarse_rates, coarse_error, _ = model(picture, LEVEL, finest=3)
    assert torch.equal(coarse_rates, rates[:, :10]) and 0 < coarse_error < error
    low, expected = wavelet.to_colours(coarse), wavelet.to_colours(x_hat)
    for level in (1, 2, 3):
        (low, details), (expected, _) = wavelet.split_2d(low), wavelet.split_2d(expected)
        assert (details.abs().max() < 1e-2) == (level < 3)
        if level > 1:
            assert torch.allclose(low, expected, atol=0.05)


# -- arithmetic --------------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_fake_quantisation_is_the_integer_arithmetic_up_to_rounding_of_ties(
    model: Codec, picture: "torch.Tensor"
) -> None:
    # networks that say more than at their start
    for name in NAMES[:-1]:
        getattr(model, name).head[-1].weight.mul_(10)
    set_mode(model, "observe")
    model.restore(*model(picture, LEVEL)[::3])
    random = torch.Generator().manual_seed(2)
    for name in NAMES[:-1]:
        network, channels = getattr(model, name), {"start": 32, "first": 32}.get(name.split("_")[-1], 16)
        inputs = [torch.randint(-40, 41, (1, channels, 6, 7), generator=random).double()]
        if name != "start":
            inputs.insert(0, torch.randint(-128, 128, (1, TINY.state, 6, 7), generator=random).double())
        set_mode(model, "quant")
        fake = network(*(x.float() * pyramid.GRID for x in inputs))
        set_mode(model, "integer")
        for mine, exact in zip(fake, network(*inputs), strict=True):
            mine = mine / pyramid.GRID
            assert torch.equal(exact, exact.round()) and exact.min() >= -128 and exact.max() <= 127
            assert exact.abs().max() > 10, name
            assert (mine - exact).abs().max() <= 1, name
            assert (mine.round() == exact).double().mean() > 0.98, name


@torch.no_grad()
def test_in_8_bits_it_is_nearly_the_same_codec(model: Codec, photo: np.ndarray) -> None:
    exact = rate_distortion(model, [photo], 4.0)
    set_mode(model, "observe")
    rate_distortion(model, [photo], 4.0)
    set_mode(model, "quant")
    bpp, db = rate_distortion(model, [photo], 4.0)
    assert bpp == pytest.approx(exact[0], rel=0.03) and db == pytest.approx(exact[1], abs=0.1)


# -- what it costs and what it learns ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "encode", "decode"), [("standard", 15, 16), ("lite", 5, 5), ("nano", 1, 1)])
def test_the_shipped_sizes_keep_to_their_budgets(name: str, encode: float, decode: float) -> None:
    _, config, _ = train.read_config(str(CONFIGS / f"{name}.toml"))
    kmacs = Codec(config).kmacs_per_px()
    assert kmacs["encode"] <= encode and kmacs["decode"] <= decode
    assert kmacs["decode"] == pytest.approx(kmacs["encode"] + kmacs["synthesis"])
    assert kmacs["encode"] == pytest.approx(sum(kmacs.get(network, 0) for network in NAMES[:-1]))


@torch.no_grad()
def test_the_formula_counts_the_multiplications_that_are_made(model: Codec, picture: "torch.Tensor") -> None:
    found: dict[str, float] = dict.fromkeys(NAMES, 0.0)
    for name in NAMES:
        for conv in (m for m in getattr(model, name).modules() if isinstance(m, Conv)):

            def count(conv: Conv, _inputs: object, y: "torch.Tensor", name: str = name) -> None:
                found[name] += conv.weight.numel() * y.shape[2] * y.shape[3] / (128 * 192) / 1000

            conv.register_forward_hook(count)
    x_hat, _, _, planes = model(picture, LEVEL)
    model.restore(x_hat, planes)
    kmacs = model.kmacs_per_px()
    assert found == pytest.approx({name: kmacs[name] for name in NAMES})


def test_every_hidden_channel_is_counted(model: Codec, photo: np.ndarray) -> None:
    shares = live_share(model, [photo])
    assert {n.split(".")[0] for n in shares} == set(NAMES)
    assert all(0 < s <= 1 for s in shares.values())


def test_all_parameters_learn_and_a_few_steps_reduce_the_loss(model: Codec, picture: "torch.Tensor") -> None:
    levels = torch.tensor([1.0, 4.0, 6.0])
    pictures = picture.expand(3, -1, -1, -1)
    lambdas = (model.hats(levels) @ model.lambdas().log()).exp()
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)

    def loss() -> "torch.Tensor":
        _, rates, error, _ = model(pictures, levels)
        return (rates.sum(1) + lambdas * error / 3).mean() / (128 * 192)

    first = loss().item()
    for _ in range(15):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
    assert loss().item() < 0.9 * first
    silent = [n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert all(n.startswith("synthesis.") or n.endswith("grid.log2") for n in silent), silent
