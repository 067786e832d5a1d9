"""Pictures within a bound: through the codec, of every family, whole and in regions, and what is no bound."""

import io
from pathlib import Path

import numpy as np
import pytest
import run_vectors
from PIL import Image

from runtime import container
from runtime.codec import Codec
from runtime.container import RESIDUAL
from runtime.errors import InputError, ResidualError, StreamError
from runtime.exact.section import CODED, DRAWN, bound_of
from runtime.incomplete import salvage

CASES = [(folder.name, facts) for folder, facts in run_vectors.cases()]


def most_off(one: np.ndarray, other: np.ndarray) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


def mode(stream: bytes) -> int:
    return container.unpack(stream)[1][RESIDUAL][1]


def png_bytes(pixels: np.ndarray) -> int:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return len(file.getvalue())


def drawing(height: int = 90, width: int = 120) -> np.ndarray:
    """Return a few colours, edges, and something like text."""
    pixels = np.full((height, width, 3), 250, np.uint8)
    pixels[:12] = (40, 60, 120)
    pixels[40:70, 20:60] = (200, 50, 40)
    pixels[16:36:4, 5:-5] = np.random.default_rng(3).integers(0, 2, (5, width - 10, 1)) * 230
    return pixels


@pytest.mark.parametrize("bound", [0, 3])
@pytest.mark.parametrize("name, facts", CASES, ids=[name for name, _ in CASES])
def test_every_vector_comes_back_within_every_bound(
    name: str, facts: dict[str, object], bound: int, codec: Codec
) -> None:
    """By the shipped bundle that made it: all families, odd sizes, gray, alpha, tiles."""
    pixels = codec.decode((run_vectors.VECTORS / name / "stream.gar").read_bytes())
    its = codec._other(bytes.fromhex(str(facts["bundle_id"]))) if facts["bundle_id"] != codec.bundle.id.hex() else codec
    stream = its.encode(pixels, 30, max_error=bound)
    decoded = codec.decode(stream)
    assert most_off(decoded, pixels) <= bound and bound_of(container.unpack(stream)[1][RESIDUAL]) == bound
    if pixels.shape[2:] == (4,):
        assert np.array_equal(decoded[:, :, 3], pixels[:, :, 3])


def test_a_lossless_photograph_takes_less_than_as_png(photo: np.ndarray, codec: Codec) -> None:
    stream = codec.encode(photo, max_error=0)
    assert mode(stream) == CODED and np.array_equal(codec.decode(stream), photo)
    assert len(stream) < 0.97 * png_bytes(photo)


def test_more_error_takes_fewer_bytes(small_photo: np.ndarray, tiny: Codec) -> None:
    sizes = [len(tiny.encode(small_photo, max_error=bound)) for bound in (0, 1, 3, 8)]
    assert sizes == sorted(sizes, reverse=True) and sizes[3] < sizes[0] / 2


@pytest.mark.parametrize("gray", [False, True])
def test_a_drawing_takes_no_more_than_a_fifth_above_png(gray: bool, codec: Codec) -> None:
    pixels = np.ascontiguousarray(drawing()[:, :, 0]) if gray else drawing()
    stream = codec.encode(pixels, max_error=0)
    assert mode(stream) == DRAWN and np.array_equal(codec.decode(stream), pixels)
    assert len(stream) < 1.2 * png_bytes(pixels)


def test_a_quality_is_that_of_the_stream_alone(small_photo: np.ndarray, tiny: Codec) -> None:
    stream = tiny.encode(small_photo, 55, max_error=2)
    header, sections = container.unpack(stream)
    assert container.pack(header, [(container.LATENTS, sections[container.LATENTS])]) == tiny.encode(small_photo, 55)


def test_metadata_stays(small_photo: np.ndarray, tiny: Codec) -> None:
    kept = {container.XMP: b"<x/>", 200: b"whatever"}
    stream = tiny.encode(small_photo, max_error=0, metadata=kept)
    assert container.unpack(stream)[1][container.XMP] == b"<x/>" and b"whatever" in stream
    assert np.array_equal(tiny.decode(stream), small_photo)


@pytest.mark.parametrize("region", [(0, 0, 5, 6), (7, 250, 11, 12), (3, 258, 9, 40), (0, 0, 20, 300)])
def test_regions_are_within_the_bound(region: tuple[int, int, int, int], tiny: Codec) -> None:
    pixels = np.random.default_rng(2).integers(90, 120, (300, 60, 3), dtype=np.uint8)
    x, y, width, height = region
    stream = tiny.encode(pixels, 20, max_error=0)
    assert mode(stream) == CODED
    assert np.array_equal(tiny.decode(stream, region), pixels[y : y + height, x : x + width])


def test_a_batch_is_within_the_bound(small_photo: np.ndarray, tiny: Codec) -> None:
    streams = [tiny.encode(small_photo, 20, max_error=0), tiny.encode(small_photo, 20)]
    pictures = tiny.decode_batch(streams)
    assert np.array_equal(pictures[0], small_photo) and np.array_equal(pictures[1], tiny.decode(streams[1]))


def test_enhanced_pictures_are_within_the_bound_too(small_photo: np.ndarray) -> None:
    enhancing = Codec(threads=1, enhance=True)
    assert np.array_equal(enhancing.decode(enhancing.encode(small_photo, 40, max_error=0)), small_photo)


@pytest.mark.parametrize("bound", [-1, 128, 1.5, "x"])
def test_what_is_no_bound_is_refused(bound: object, small_photo: np.ndarray, tiny: Codec) -> None:
    with pytest.raises(InputError, match="max_error .* 0 to 127"):
        tiny.encode(small_photo, max_error=bound)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", [{"target_size": 900}, {"target_bpp": 1}, {"target_psnr": 30}])
def test_a_target_beside_a_bound_is_refused(target: dict[str, float], small_photo: np.ndarray, tiny: Codec) -> None:
    with pytest.raises(InputError, match="exclude each other"):
        tiny.encode(small_photo, max_error=1, **target)  # type: ignore[arg-type]


def damaged(stream: bytes, with_checksum: bool) -> bytes:
    """Return the stream with another byte near its end, in RESIDUAL, and the checksum that it then has if so wanted."""
    header, sections = container.unpack(stream)
    residual = bytearray(sections[RESIDUAL])
    residual[-9] ^= 16
    body = bytes(residual)
    if with_checksum:
        others = [(kind, each) for kind, each in sections.items() if kind != RESIDUAL]
        return container.pack(header, [*others, (RESIDUAL, body)])
    return stream[: -len(body) - 4] + body + stream[-4:]


@pytest.mark.parametrize("with_checksum", [False, True])
def test_without_a_damaged_residual_there_is_still_the_picture(
    with_checksum: bool, small_photo: np.ndarray, tiny: Codec
) -> None:
    stream = damaged(tiny.encode(small_photo, 40, max_error=0), with_checksum)
    with pytest.raises(ResidualError):
        tiny.decode(stream)
    saved = salvage(tiny, stream)
    assert np.array_equal(saved.pixels, tiny.decode(tiny.encode(small_photo, 40)))
    assert saved.damage == ["what bounds its errors is lost: samples may be off by more than was promised"]


def test_a_drawing_is_saved_whose_stream_is_damaged(tiny: Codec) -> None:
    pixels = drawing()
    stream = bytearray(tiny.encode(pixels, max_error=0))
    header, sections = container.unpack(bytes(stream))
    stream[stream.index(sections[container.LATENTS]) + len(sections[container.LATENTS]) - 1] ^= 1
    assert np.array_equal(salvage(tiny, bytes(stream)).pixels, pixels)


def test_two_residuals_are_refused(small_photo: np.ndarray, tiny: Codec) -> None:
    stream = tiny.encode(small_photo, 40, max_error=0)
    twice = container.with_section(stream, RESIDUAL, container.unpack(stream)[1][RESIDUAL])
    with pytest.raises(StreamError, match="2 RESIDUAL sections"):
        tiny.decode(twice)


def test_files_may_be_lossless(tmp_path: Path, photo: np.ndarray) -> None:
    import gargalo

    gargalo.imwrite(tmp_path / "cam.gar", photo[:40, :50], max_error=0)
    assert np.array_equal(gargalo.imread(tmp_path / "cam.gar"), photo[:40, :50])
    with pytest.raises(InputError, match="max_error can only be given for .gar"):
        gargalo.imwrite(tmp_path / "cam.png", photo, max_error=0)
