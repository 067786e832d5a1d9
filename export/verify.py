"""Proofs and comparisons made before a bundle is written: a bundle that breaks a rule is refused by tensor name.

rules     the decode graphs hold only operators that are exact everywhere, with parameters that keep them so
exact     ONNX Runtime's integers equal the trained model's own integer arithmetic, element for element
drift     what 8 bits cost against the float twins: bits and PSNR on pictures
"""

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from export.graphs import ALLOWED, linear_weights
from export.prior import Refused
from models.hyperprior import Codec as Model
from models.layers import WEIGHT_LIMIT, set_mode
from runtime import spec
from runtime.codec import Codec
from runtime.windows import Frame

DECODE_GRAPHS = ("hyper_synthesis", "context", "synthesis")


def rules(graph: onnx.ModelProto) -> None:
    """Raises Refused, naming the node or tensor, where a decode graph could differ between machines."""
    constants = {c.name: numpy_helper.to_array(c) for c in graph.graph.initializer}
    for node in graph.graph.node:
        where = f"{graph.graph.name}: {node.name}"
        if node.op_type not in ALLOWED:
            raise Refused(f"{where}: operator {node.op_type} is not exact on every CPU")
        if node.op_type == "QLinearConv":
            weight = constants[node.input[3]]
            if (
                weight.dtype != np.int8
                or np.abs(weight.astype(int)).max() > WEIGHT_LIMIT
                or constants[node.input[5]].any()
            ):
                raise Refused(
                    f"{where}: {node.input[3]} must be int8 in [-{WEIGHT_LIMIT}, {WEIGHT_LIMIT}] with zero point 0"
                )
        elif node.op_type == "QLinearAdd":
            scales = {float(constants[node.input[i]]) for i in (1, 4, 6)}
            if len(scales) != 1:
                raise Refused(f"{where}: both inputs and the output must share one scale, got {sorted(scales)}")
        elif node.op_type == "Conv":
            scaled = constants[node.input[1]].astype(np.float64) * 2**spec.FRACTION_BITS
            if (scaled != scaled.round()).any():
                raise Refused(f"{where}: {node.input[1]} is not a whole number of 2**-{spec.FRACTION_BITS}")
        elif node.op_type in ("DequantizeLinear", "QuantizeLinear"):
            scale = float(constants[node.input[1]])
            if np.log2(scale) != round(np.log2(scale)):
                raise Refused(f"{where}: scale {scale} is not a power of two")


@torch.no_grad()
def exact(model: Model, codec: Codec, rgb: np.ndarray, level_byte: int) -> None:
    """Compares every decode graph with the model in "integer" mode on one picture; raises Refused where they differ."""
    set_mode(model, "integer")
    level = codec.bundle.prior.at_level(level_byte)
    symbols = codec.quantise(codec.analyse(rgb), level_byte)
    z_hat = level.dequantise_z(symbols.z)
    _, h, w = symbols.residual.shape

    def chain(name: str, stored: np.ndarray) -> np.ndarray:
        centred = torch.from_numpy(stored.astype(np.float64) - spec.GRID_ZERO)[None]
        return getattr(model, name)(centred)[0].numpy()

    def compare(name: str, expected: np.ndarray, found: np.ndarray) -> None:
        wrong = np.count_nonzero(expected != found)
        if wrong:
            raise Refused(f"{name}: {wrong} of {found.size} values differ between the model and ONNX Runtime")

    grid = codec.hyper_means(z_hat, Frame.whole(h, w))
    compare("hyper_synthesis", chain("hyper_synthesis", z_hat + spec.GRID_ZERO)[:, :h, :w] + spec.GRID_ZERO, grid)
    latents = level.dequantise(symbols.residual, level.mean(grid))
    seen = level.with_planes(level.grid(latents))
    correction = codec.networks.run("context", seen)
    compare("context", chain("context", seen) + spec.GRID_ZERO, correction)
    compare(
        "synthesis",
        reference_synthesis(model, seen, latents),
        codec.networks.run("synthesis", *([seen] if model.synthesis else []), latents),
    )
    set_mode(model, "float")


def reference_synthesis(model: Model, grid: np.ndarray, latents: np.ndarray) -> np.ndarray:
    """The synthesis in float64: u8 pixels (192, 2h, 2w) of stored grid values and whole-number latents (M, h, w)."""
    _, h, w = latents.shape
    linear = (linear_weights(model) @ latents.reshape(len(latents), -1).astype(np.float64)) * 2.0**-spec.FRACTION_BITS
    linear = linear.reshape(2, 2, 192, h, w).transpose(2, 3, 0, 4, 1).reshape(192, 2 * h, 2 * w)
    if model.synthesis:
        assert model.synthesis.out is not None
        net = model.synthesis(torch.from_numpy(grid.astype(np.float64) - spec.GRID_ZERO)[None])[0].numpy()
        linear += float(model.synthesis.out.value) * 32 * net
    return np.clip(np.rint(linear + 128), 0, 255).astype(np.uint8)


def drift(int8: Codec, float32: Codec, pictures: list[np.ndarray], levels: list[int]) -> dict[str, float]:
    """Mean change in rate (share) and PSNR (dB) from the float twins to the int8 graphs."""
    rate, quality = [], []
    for rgb in pictures:
        for level in levels:
            bits, db = zip(*(bits_and_psnr(codec, rgb, level) for codec in (int8, float32)), strict=True)
            rate.append(bits[0] / bits[1] - 1)
            quality.append(db[0] - db[1])
    return {"rate": float(np.mean(rate)), "psnr_db": float(np.mean(quality))}


def bits_and_psnr(codec: Codec, rgb: np.ndarray, level_byte: int) -> tuple[float, float]:
    """Ideal bits under the tables, and PSNR in dB, of one picture."""
    level = codec.bundle.prior.at_level(level_byte)
    symbols = codec.quantise(codec.analyse(rgb), level_byte)
    tables = codec.bundle.tables
    bits = tables.bits(symbols.residual.astype(np.int32).ravel(), symbols.index.ravel())
    bits += tables.bits(symbols.z.ravel(), np.repeat(level.index_z, symbols.z[0].size))
    decoded = codec.synthesise(codec.reconstruct(level, level.dequantise_z(symbols.z), symbols.residual), level)
    error = decoded[: rgb.shape[0], : rgb.shape[1]].astype(np.float64) - rgb
    return bits, float(10 * np.log10(255**2 / np.mean(error**2)))
