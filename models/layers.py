"""Layers that mean the same thing in float, in fake quantisation and in integers.

Every network of the codec is made of Conv, Block and Upsample, most of them in a Chain. A Scale stands behind each
activation and says how its float value maps to 8 bits. One switch, `set_mode`, chooses the arithmetic:

    "float"    plain float32
    "observe"  float32, and every Scale remembers the range that it saw
    "quant"    float32 on the 8-bit grid with straight-through gradients (Esser et al. 2020, LSQ, arXiv 1902.08153)
    "integer"  float64 tensors that hold centred integers: exactly what ONNX Runtime's QLinearConv computes

The integer rules (weights in [-64, 64], one scale for a whole residual stream) are those of FORMAT.md, section 7.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BIAS_LIMIT = 1 << 24
"""Integer biases of channels with hardly any weights are no larger: they would not fit 32 bits."""
WEIGHT_LIMIT = 64
"""Weights beyond this saturate the u8 x s8 kernels of CPUs without VNNI."""


def round_ste(x: Tensor) -> Tensor:
    """Return the nearest integers (half to even), with the gradient of the identity."""
    return x + (x.round() - x).detach()


class Relu(torch.autograd.Function):
    """The positive part, with the gradient of a leaky ReLU, so that a channel that is never positive can recover."""

    LEAK = 0.01

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.relu()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return torch.ops.aten.leaky_relu_backward(gradient, x, Relu.LEAK, False)


class Scale(nn.Module):
    """The 8-bit grid of one activation: value = scale * integer.

    Integers are centred: [-128, 127] where signed (zero point 128), else [0, 255] (zero point 0, ReLU folded in).
    """

    def __init__(self, signed: bool, fixed: float | None = None):
        super().__init__()
        self.signed, self.fixed = signed, fixed
        self.low, self.high = (-128, 127) if signed else (0, 255)
        start = torch.tensor(fixed or 4.0 / 128).log2()
        self.log2 = nn.Parameter(start, requires_grad=fixed is None)
        self.mode, self.seen = "float", 0.0

    @property
    def zero_point(self) -> int:
        return 128 if self.signed else 0

    @property
    def value(self) -> Tensor:
        """The scale, a float32 scalar."""
        return self.log2.exp2()

    def forward(self, x: Tensor) -> Tensor:
        """Return x on the grid; float modes only apply the ReLU of an unsigned grid and the limits of a fixed one."""
        if self.mode == "quant":
            s = self.value
            return round_ste((x / s).clamp(self.low, self.high)) * s
        if self.fixed is not None:
            return F.hardtanh(x, self.low * self.fixed, self.high * self.fixed)  # as clamp, with a faster gradient
        if not self.signed:
            x = Relu.apply(x)  # type: ignore[no-untyped-call]
        if self.mode == "observe":
            sample = x.detach().abs().flatten()
            sample = sample[torch.randint(len(sample), (200_000,))] if len(sample) > 200_000 else sample
            self.seen = max(self.seen, float(sample.quantile(0.9999)))
        return x

    def settle(self) -> None:
        """Fit the grid to the range seen in "observe"; leave a fixed one as it is."""
        if self.fixed is None and self.seen > 0:
            self.log2.data = torch.tensor(self.seen / self.high).log2()


class Conv(nn.Module):
    """A convolution (odd kernels padded to "same", even ones unpadded) from one grid to another.

    A grid that belongs to another layer (a residual stream's) is passed as `lent`. Without any the result stays in
    float.
    """

    def __init__(
        self,
        source: Scale,
        out: Scale | None,
        channels_in: int,
        channels_out: int,
        kernel: int = 1,
        stride: int = 1,
        init: float = 1.0,
        lent: Scale | None = None,
    ):
        super().__init__()
        self._grids = (source, out or lent)  # a tuple, so that a grid is registered with its owner alone
        self.grid = out
        self.stride, self.padding = stride, (kernel - 1) // 2
        fan_in = channels_in * kernel**2
        self.weight = nn.Parameter(torch.randn(channels_out, channels_in, kernel, kernel) * init / fan_in**0.5)
        self.bias = nn.Parameter(torch.zeros(channels_out))

    @property
    def source(self) -> Scale:
        return self._grids[0]

    @property
    def out(self) -> Scale | None:
        return self._grids[1]

    def weight_scale(self) -> Tensor:
        """Return the scale of each output channel's weights, float32 (C_out,).

        Where a channel has hardly any weights, as one that starts at zero, its scale is large enough for its bias.
        """
        largest = self.weight.detach().abs().amax((1, 2, 3))
        scale = largest.clamp_min(1e-7) / WEIGHT_LIMIT
        for_bias = self.bias.detach().abs() / (self.source.value.detach() * BIAS_LIMIT)
        return torch.where(largest < 1e-5, scale.maximum(for_bias), scale)

    def integer_weight(self) -> Tensor:
        """Return integer weights in [-64, 64], float64 (C_out, C_in, k, k)."""
        scale = self.weight_scale()[:, None, None, None]
        return (self.weight.detach() / scale).round().clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT).double()

    def integer_bias(self) -> Tensor:
        """Return integer biases in units of input scale times weight scale, float64 (C_out,)."""
        return (self.bias.detach() / (self.source.value.detach() * self.weight_scale())).round().double()

    def multiplier(self) -> Tensor:
        """Return the factors of the accumulators, float32 (C_out,), in ONNX Runtime's order of operations."""
        assert self.out is not None
        return self.source.value.detach() * self.weight_scale() / self.out.value.detach()

    def forward(self, x: Tensor) -> Tensor:
        mode = self.source.mode
        if mode == "integer":
            total = F.conv2d(x, self.integer_weight(), self.integer_bias(), self.stride, self.padding)
            if self.out is None:
                return total * (self.source.value.detach() * self.weight_scale()).double()[:, None, None]
            scaled = total.float() * self.multiplier()[:, None, None]
            return scaled.round().clamp(self.out.low, self.out.high).double()
        weight: Tensor = self.weight
        if mode == "quant" and self.out is not None:
            scale = self.weight_scale()[:, None, None, None]
            weight = round_ste((weight / scale).clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT)) * scale
        y = F.conv2d(x, weight, self.bias, self.stride, self.padding)
        return y if self.out is None else self.out(y)

    def macs(self) -> int:
        """Return the multiplications per output position."""
        return self.weight.numel()


class Block(nn.Module):
    """stream = sat(stream + conv(relu(conv(stream)))), the stream signed and on one grid throughout.

    The second convolution starts at zero, so a block can be added to a trained chain without changing it.
    """

    def __init__(self, stream: Scale, channels: int, kernels: tuple[int, int] = (3, 3), init: float = 0.0):
        super().__init__()
        self._stream = (stream,)
        hidden = Scale(signed=False)
        self.expand = Conv(stream, hidden, channels, channels, kernels[0], init=2**0.5)
        self.project = Conv(hidden, None, channels, channels, kernels[1], init=init, lent=stream)

    @property
    def out(self) -> Scale:
        return self._stream[0]

    def forward(self, x: Tensor) -> Tensor:
        stream = self._stream[0]
        y = x + self.project(self.expand(x))
        if stream.mode == "integer":
            return y.clamp(stream.low, stream.high)
        return stream(y)


class Upsample(nn.Module):
    """Depth to space by two: (4C, H, W) -> (C, 2H, 2W), channel order of torch.pixel_shuffle (ONNX "CRD")."""

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(x, 2)


class Chain(nn.Sequential):
    """A network: layers applied in order to a tensor on the `source` grid, which is fixed and holds no state."""

    def __init__(self, source: Scale, *layers: nn.Module):
        super().__init__(*layers)
        self._source = (source,)

    @property
    def source(self) -> Scale:
        return self._source[0]

    @property
    def out(self) -> Scale | None:
        return self[-1].out if len(self) else self.source  # type: ignore[return-value]

    def convolutions(self) -> Iterator[Conv]:
        return (m for m in self.modules() if isinstance(m, Conv))

    def macs_per_px(self, px_per_position: float) -> float:
        """Return the multiplications per picture pixel, where one input position covers `px_per_position` pixels."""
        total = 0.0
        for layer in self:
            if isinstance(layer, Upsample):
                px_per_position /= 4
            for conv in (m for m in layer.modules() if isinstance(m, Conv)):
                px_per_position *= conv.stride**2
                total += conv.macs() / px_per_position
        return total


def set_mode(model: nn.Module, mode: str) -> None:
    """Switch every grid of the model, and with it the arithmetic of every layer."""
    if mode not in ("float", "observe", "quant", "integer"):
        raise ValueError(f"mode={mode!r} is not one of float, observe, quant, integer")
    chains = [m for m in model.modules() if isinstance(m, Chain)]
    for grid in [m for m in model.modules() if isinstance(m, Scale)] + [c.source for c in chains]:
        if grid.mode == "observe" and mode != "observe":
            grid.settle()
        grid.mode = mode


@torch.no_grad()
def revive(model: nn.Module, alive: dict[str, Tensor]) -> int:
    """Restart hidden channels that are not alive; return their number.

    `alive` holds bool (C,) for convolutions by name. Weights that read a restarted channel are set to zero, so that
    outputs do not change at first.
    """
    convolutions = {name: m for name, m in model.named_modules() if isinstance(m, Conv)}
    count = 0
    for name, channels in alive.items():
        dead, conv = ~channels, convolutions[name]
        fan_in = conv.weight[0].numel()
        conv.weight[dead] = torch.randn_like(conv.weight[dead]) * (2 / fan_in) ** 0.5
        conv.bias[dead] = 0
        for reader in convolutions.values():
            if reader.source is conv.grid:
                reader.weight[:, dead] = 0
        count += int(dead.sum())
    return count
