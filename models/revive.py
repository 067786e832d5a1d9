"""Gives dead hidden channels a new start: a channel that is never above zero learns nothing more."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from models.hyperprior import Codec
from models.layers import Block, Chain, Conv


def hidden_pairs(model: nn.Module) -> Iterable[tuple[Conv, Conv]]:
    """Each convolution with ReLU and the convolution that reads it."""
    for module in model.modules():
        if isinstance(module, Block):
            yield module.expand, module.project
        elif isinstance(module, Chain):
            for layer, reader in zip(module, list(module)[1:], strict=False):
                if isinstance(layer, Conv) and isinstance(reader, Conv) and layer.out and not layer.out.signed:
                    yield layer, reader


@torch.no_grad()
def revive(model: Codec, batches: Iterable[tuple[Tensor, Tensor]]) -> int:
    """Re-initialises hidden channels that stay at zero on batches of (pictures, levels); returns how many.

    Their readers' weights become zero, so the model computes what it did before.
    """
    pairs = list(hidden_pairs(model))
    peaks = [torch.zeros(layer.weight.shape[0], device=layer.weight.device) for layer, _ in pairs]

    def watch(number: int) -> torch.utils.hooks.RemovableHandle:
        def note(_module: nn.Module, _inputs: object, y: Tensor) -> None:
            torch.maximum(peaks[number], y.amax((0, 2, 3)), out=peaks[number])

        return pairs[number][0].register_forward_hook(note)

    hooks = [watch(number) for number in range(len(pairs))]
    for x, level in batches:
        model(x, level)
    for hook in hooks:
        hook.remove()
    revived = 0
    for (layer, reader), peak in zip(pairs, peaks, strict=True):
        dead = peak <= 0
        fresh = torch.randn_like(layer.weight[dead]) * (2 / layer.weight[0].numel()) ** 0.5
        layer.weight[dead] = fresh
        layer.bias[dead] = 0
        reader.weight[:, dead] = 0
        revived += int(dead.sum())
    return revived
