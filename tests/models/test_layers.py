"""Layers: the four arithmetics agree where they should, and identities stay identities."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")

from models.evaluate import watched  # noqa: E402
from models.layers import Block, Chain, Conv, Scale, Upsample, revive, set_mode  # noqa: E402


def small_chain() -> Chain:
    torch.manual_seed(1)
    source = Scale(signed=True, fixed=1 / 32)
    stream, out = Scale(signed=True), Scale(signed=True, fixed=1 / 32)
    return Chain(
        source,
        Conv(source, stream, 8, 16),
        Block(stream, 16, init=0.5),
        Conv(stream, stream_up := Scale(signed=True), 16, 32, kernel=3),
        Upsample(),
        Conv(stream_up, out, 8, 4),
    )


def on_grid(shape: tuple[int, ...]) -> "torch.Tensor":
    return torch.randint(-128, 128, shape, generator=torch.Generator().manual_seed(2)).double()


def test_fake_quantisation_is_the_integer_arithmetic_up_to_rounding_of_ties() -> None:
    chain = small_chain()
    x = on_grid((1, 8, 6, 7))
    set_mode(chain, "observe")
    chain(x.float() / 32)
    set_mode(chain, "quant")
    fake = chain(x.float() / 32) * 32
    set_mode(chain, "integer")
    with torch.no_grad():
        exact = chain(x)
    assert exact.abs().max() > 20
    assert (fake - exact).abs().max() <= 1
    assert (fake.round() == exact).double().mean() > 0.99


def test_integer_mode_yields_whole_numbers_within_the_grid() -> None:
    chain = small_chain()
    set_mode(chain, "integer")
    with torch.no_grad():
        y = chain(on_grid((1, 8, 4, 4)))
    assert torch.equal(y, y.round()) and y.min() >= -128 and y.max() <= 127


def test_a_new_block_is_the_identity() -> None:
    stream = Scale(signed=True)
    x = torch.randn(1, 16, 5, 5)
    assert torch.equal(Block(stream, 16)(x), x)


def test_a_dead_channel_learns_and_may_start_anew_which_changes_nothing_at_first() -> None:
    chain = small_chain()
    x, block = torch.randn(1, 8, 6, 6), chain[1]
    assert isinstance(block, Block)
    with torch.no_grad():
        block.expand.bias[3:5] = -100
    with watched(chain) as alive:
        y = chain(x)
    assert alive["1.expand"].tolist() == [channel not in (3, 4) for channel in range(16)]
    y.sum().backward()
    assert block.expand.bias.grad is not None and block.expand.bias.grad[3:5].abs().min() > 0
    before = block.expand.weight[4].clone()
    assert revive(chain, alive) == int(sum((~channels).sum() for channels in alive.values())) >= 2
    assert not torch.equal(block.expand.weight[4], before) and not block.project.weight[:, 3:5].any()
    with watched(chain) as alive:
        assert torch.allclose(chain(x), y, atol=1e-5)
    assert alive["1.expand"].all()


def test_weights_never_leave_the_range_that_every_kernel_adds_exactly() -> None:
    for conv in small_chain().convolutions():
        assert conv.integer_weight().abs().max() == 64


def test_a_channel_that_starts_at_zero_keeps_its_bias_in_24_bits() -> None:
    """Its weights alone would make the unit so small that 32 bits do not hold the bias."""
    source, out = Scale(signed=True, fixed=1 / 32), Scale(signed=True, fixed=1 / 32)
    conv = Conv(source, out, 4, 2)
    conv.weight.data[0], conv.bias.data[:] = 0, 0.5
    assert conv.integer_bias()[0] == 1 << 24 and conv.integer_bias()[1] < 1 << 16
    set_mode(conv, "integer")
    source.mode = out.mode = "integer"
    assert conv(torch.zeros(1, 4, 1, 1).double())[0, :, 0, 0].tolist() == [16, 16]


def test_a_grid_fits_the_range_it_saw() -> None:
    scale = Scale(signed=False)
    scale.mode = "observe"
    scale(torch.linspace(-5, 10, 1001))
    scale.settle()
    assert float(scale.value.detach()) * 255 == pytest.approx(10, rel=0.01)


def test_macs_follow_the_formula() -> None:
    source = Scale(signed=True, fixed=1.0)
    chain = Chain(source, Conv(source, Scale(signed=True), 4, 8, kernel=2, stride=2), Block(source, 8))
    # 4*8*4 at every fourth position of 64 px, then two 8*8*9 at 256 px
    assert chain.macs_per_px(64) == pytest.approx(128 / 256 + 2 * 576 / 256)


def test_a_block_s_convolutions_may_differ_in_size() -> None:
    block = Block(Scale(signed=True), 8, (3, 1))
    assert (block.expand.weight.shape[2:], block.project.weight.shape[2:]) == ((3, 3), (1, 1))
    assert block(torch.randn(1, 8, 5, 7)).shape == (1, 8, 5, 7)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="int8"):
        set_mode(small_chain(), "int8")
