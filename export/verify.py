"""Proofs and comparisons made before a bundle is written: a bundle that breaks a rule is refused by tensor name.

rules     the graphs hold only operators that are exact everywhere, with parameters that keep them so
exact     ONNX Runtime's integers equal the trained model's own integer arithmetic, element for element
drift     what 8 bits cost against the float twins: bits and PSNR on pictures
"""

from collections.abc import Iterator, Mapping

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper

from export.graphs import ALLOWED, CHANNELS_LAST, TO_FIRST
from export.prior import Refused
from models.layers import WEIGHT_LIMIT, set_mode
from runtime import spec
from runtime.areas import padded
from runtime.codec import TILE_PX, Codec, pack_tile, picture, read_tile, tiles_of
from runtime.container import Header
from runtime.entropy.tile_stream import ideal_bits
from runtime.families.base import Coded

SIZES = ((1, 1), (1, 3), (4, 2), (7, 9))
"""Heights and widths of the tensors that graphs are tried with."""
SPREADS = (3, 24, 128)
"""These tensors hold all integers up to so many from the zero point, small ones as in pictures and all there are."""


def rules(graph: onnx.ModelProto, more: frozenset[str] = frozenset()) -> None:
    """Raise Refused, naming the node or tensor, where a graph could differ between machines.

    The operators `more` are proven to be exact in this graph.
    """
    constants = {c.name: numpy_helper.to_array(c) for c in graph.graph.initializer}
    for node in graph.graph.node:
        where = f"{graph.graph.name}: {node.name}"
        if node.op_type not in ALLOWED | more:
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


def exact(modules: Mapping[str, torch.nn.Module], graphs: Mapping[str, onnx.ModelProto]) -> None:
    """Compare graphs with their modules in "integer" mode on random tensors; raise Refused where they differ."""
    for name, module in modules.items():
        set_mode(module, "integer")
        try:
            _same(name, module, graphs[name])
        finally:
            set_mode(module, "float")


@torch.no_grad()
def _same(name: str, module: torch.nn.Module, graph: onnx.ModelProto) -> None:
    random = np.random.default_rng(0)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    for h, w in SIZES:
        for spread in SPREADS:
            low, high = spec.GRID_ZERO - spread, spec.GRID_ZERO + spread
            given = {
                i.name: random.integers(low, high, sized(i.shape, h, w), np.uint8, endpoint=spread < spec.GRID_ZERO)
                for i in session.get_inputs()
            }
            found = session.run(outputs, given)
            tensors = (torch.from_numpy(channels_first(name, x).astype(np.float64)) for name, x in given.items())
            centred = module(*(x - spec.GRID_ZERO for x in tensors))
            # a state that nobody needs is the first of the module's results and none of the graph's
            expected = (centred if isinstance(centred, tuple) else (centred,))[-len(found) :]
            for output, integers, stored in zip(outputs, expected, found, strict=True):
                wrong = np.count_nonzero(integers.numpy() + spec.GRID_ZERO != channels_first(output, stored))
                if wrong:
                    raise Refused(
                        f"{name}: {wrong} of {stored.size} values of {output} differ between the model and ONNX Runtime"
                    )


def sized(shape: list[int | str], height: int, width: int) -> list[int]:
    """Return the shape of a graph's input with its sides in place of their names."""
    sides = iter((height, width))
    return [n if isinstance(n, int) else next(sides) for n in shape]


def channels_first(name: str, x: np.ndarray) -> np.ndarray:
    """Return a graph's input or output in the model's layout (1, channels, h, w)."""
    return x.transpose(TO_FIRST) if name in CHANNELS_LAST else x


def drift(int8: Codec, float32: Codec, pictures: list[np.ndarray], levels: list[int]) -> dict[str, float]:
    """Return the mean change in rate (share) and PSNR (dB) from the float twins to the int8 graphs."""
    rate, quality = [], []
    for rgb in pictures:
        ours, theirs = (bits_and_psnr(codec, rgb, levels) for codec in (int8, float32))
        for (bits, db), (bits_float, db_float) in zip(ours, theirs, strict=True):
            rate.append(bits / bits_float - 1)
            quality.append(db - db_float)
    return {"rate": float(np.mean(rate)), "psnr_db": float(np.mean(quality))}


def bits_and_psnr(codec: Codec, rgb: np.ndarray, levels: list[int]) -> list[tuple[float, float]]:
    """Return the ideal bits under the tables, and the PSNR in dB, of a picture u8 (H, W, 3) at each level byte."""
    found = []
    for header, coded in coded_whole(codec, rgb, levels):
        bits = ideal_bits(coded.parts)
        (tile,) = tiles_of(codec, header)
        decoded = {tile: read_tile(codec, header, tile, b"".join(pack_tile(codec, header, coded)))}
        found.append((bits, psnr(picture(codec, header, decoded.__getitem__), rgb)))
    return found


def coded_whole(codec: Codec, rgb: np.ndarray, levels: list[int]) -> Iterator[tuple[Header, Coded]]:
    """Yield the header and the coded data of a picture at each level byte, as one tile without chroma subsampling."""
    traits = codec.family.traits
    analysis = codec.family.analyse(rgb, {"subsampling": "4:4:4"} if "subsampling" in traits.options else {})
    height, width = rgb.shape[:2]
    for level in levels:
        header = Header(width, height, level, codec.bundle.id, TILE_PX, False, False, analysis.flag(level))
        yield header, analysis.code(level, padded(height, width, traits.stride_px))


def psnr(decoded: np.ndarray, rgb: np.ndarray) -> float:
    """Return the PSNR in dB of a decoded picture, at most 78."""
    error = decoded.astype(np.float64) - rgb
    return float(10 * np.log10(255**2 / max(np.mean(error**2), 1e-3)))
