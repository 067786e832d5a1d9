"""The codec end to end on the shipped bundle: shapes, sizes, determinism, refusals."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from runtime import container, streams
from runtime.codec import Codec
from runtime.errors import BundleError, InputError, StreamError
from runtime.windows import Area

PROJECT = Path(__file__).parents[1]


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(np.mean((a.astype(float) - b) ** 2), 1e-9)))


@pytest.mark.parametrize("height, width", [(1, 1), (1, 70), (67, 3), (16, 16), (17, 64), (64, 64), (65, 129)])
def test_any_size_comes_back(codec: Codec, photo: np.ndarray, height: int, width: int) -> None:
    picture = np.ascontiguousarray(photo[:height, :width])
    decoded = codec.decode(codec.encode(picture, 90))
    assert decoded.shape == picture.shape and decoded.dtype == np.uint8
    assert psnr(decoded, picture) > 25


def test_gray_stays_gray_and_alpha_is_lossless(codec: Codec, photo: np.ndarray) -> None:
    gray = photo[:, :, 1]
    decoded = codec.decode(codec.encode(gray))
    assert decoded.shape == gray.shape and psnr(decoded, gray) > 30
    opacity = np.random.default_rng(1).integers(0, 256, gray.shape, dtype=np.uint8)
    decoded = codec.decode(codec.encode(np.dstack([photo, opacity])))
    assert np.array_equal(decoded[:, :, 3], opacity) and psnr(decoded[:, :, :3], photo) > 25


def test_quality_buys_psnr_with_bytes(codec: Codec, photo: np.ndarray) -> None:
    streams_ = [codec.encode(photo, q) for q in (1, 10, 30, 50, 75, 90, 100)]
    quality = [psnr(codec.decode(s), photo) for s in streams_]
    assert all(a < b for a, b in zip(quality, quality[1:], strict=False))
    assert all(len(a) < len(b) for a, b in zip(streams_, streams_[1:], strict=False))


def test_many_tiles_decode_like_one(codec: Codec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    big = np.tile(photo, (2, 2, 1))
    whole = codec.encode(big, 60)
    monkeypatch.setattr("runtime.codec.TILE_PX", 64)
    tiled = codec.encode(big, 60)
    assert len(tiled) > len(whole)
    assert np.array_equal(codec.decode(tiled), codec.decode(whole))


@pytest.mark.parametrize("tile_px", [64, 128])
def test_windows_change_no_byte_and_no_pixel(codec: Codec, photo: np.ndarray, tile_px: int) -> None:
    data = codec.encode(photo, 60)
    small = Codec(threads=1, tile_px=tile_px)
    assert small.encode(photo, 60) == data
    assert np.array_equal(small.decode(data), codec.decode(data))


def test_windows_and_tiles_of_any_size_go_together(
    codec: Codec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(5)
    for _ in range(4):
        height, width = int(random.integers(1, 150)), int(random.integers(1, 203))
        picture = photo[-height:, -width:]
        whole = codec.decode(codec.encode(picture, 40))
        monkeypatch.setattr("runtime.codec.TILE_PX", int(2 ** random.integers(6, 8)))
        tiled = Codec(threads=1, tile_px=int(64 * random.integers(1, 4)))
        data = tiled.encode(picture, 40)
        monkeypatch.undo()
        assert np.array_equal(tiled.decode(data), whole) and np.array_equal(codec.decode(data), whole)


def test_a_bundle_that_does_not_say_how_far_it_sees_works_on_the_whole(
    codec: Codec, photo: np.ndarray, tmp_path: Path
) -> None:
    for path in codec.bundle.folder.iterdir():
        (tmp_path / path.name).symlink_to(path.resolve())
    manifest = {k: v for k, v in codec.bundle.manifest.items() if k != "reach_px"}
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    data = codec.encode(photo[:80, :100])
    silent = Codec(tmp_path, threads=1, tile_px=64)
    assert silent.encode(photo[:80, :100]) == data
    assert np.array_equal(silent.decode(data), codec.decode(data))
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"reach_px": {"context": [16, -1]}}))
    with pytest.raises(BundleError, match="reach_px of context"):
        Codec(tmp_path).decode(data)


@pytest.mark.parametrize("side", [0, 32, 100, -64])
def test_windows_of_an_odd_size_are_refused(side: int) -> None:
    with pytest.raises(InputError, match=f"tile_px={side}"):
        Codec(tile_px=side)


@pytest.mark.parametrize("region", [(0, 0, 203, 150), (202, 149, 1, 1), (70, 17, 100, 60)])
def test_a_region_is_the_crop_of_the_whole(
    codec: Codec, photo: np.ndarray, region: tuple[int, int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y, width, height = region
    monkeypatch.setattr("runtime.codec.TILE_PX", 64)
    data = codec.encode(np.dstack([photo, photo[:, :, 0]]), 60)
    whole = codec.decode(data)
    assert np.array_equal(codec.decode(data, region), whole[y : y + height, x : x + width])


def test_a_region_decodes_only_the_tiles_that_it_needs(
    codec: Codec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.codec.TILE_PX", 64)
    data = codec.encode(np.tile(photo, (2, 2, 1)), 60)
    read: list[Area] = []
    unpack = Codec.unpack_symbols
    monkeypatch.setattr(
        Codec, "unpack_symbols", lambda self, d, b, frame: read.append(frame.core) or unpack(self, d, b, frame)
    )
    codec.decode(data, (300, 200, 30, 30))
    assert 0 < len(read) < 28  # of 35


@pytest.mark.parametrize("region", [(0, 0, 0, 5), (200, 0, 4, 1), (-1, 0, 5, 5), (0, 149, 1, 2), (300, 300, 1, 1)])
def test_a_region_beyond_the_picture_is_refused(
    codec: Codec, photo: np.ndarray, region: tuple[int, int, int, int]
) -> None:
    data = codec.encode(photo, 5)
    with pytest.raises(InputError, match="203x150"):
        codec.decode(data, region)


def test_more_pixels_than_allowed_are_refused_before_anything_is_made(codec: Codec, photo: np.ndarray) -> None:
    data = codec.encode(photo, 5)
    assert codec.decode(data, max_pixels=203 * 150).shape == photo.shape
    with pytest.raises(StreamError, match="203x150"):
        codec.decode(data, max_pixels=203 * 150 - 1)


def test_threads_and_processes_give_the_same_bytes_and_pixels(codec: Codec, photo: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "photo.npy", photo)
    code = (
        "import hashlib, sys, numpy as np; from runtime.codec import Codec; c = Codec(threads=int(sys.argv[2]));"
        "s = c.encode(np.load(sys.argv[1])); print(hashlib.sha256(s + c.decode(s).tobytes()).hexdigest())"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "photo.npy")]
    found = [subprocess.run([*words, n], cwd=PROJECT, capture_output=True, text=True, check=True) for n in ("1", "2")]
    assert found[0].stdout == found[1].stdout != ""


def test_coded_bytes_are_close_to_the_tables_entropy(codec: Codec) -> None:
    random = np.random.default_rng(3)
    noise = random.normal(128, 40, (256, 384, 3))
    picture = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)).clip(0, 765).astype(float) / 3
    picture = picture.astype(np.uint8)
    level = codec.bundle.level(80)
    symbols = codec.quantise(codec.analyse(picture), level)
    tables, index_z = codec.bundle.tables, codec.bundle.prior.at_level(level).index_z
    bits = tables.bits(symbols.residual.astype(np.int32).ravel(), symbols.index.ravel())
    bits += tables.bits(symbols.z.ravel(), np.repeat(index_z, symbols.z[0].size))
    coded = codec.encode(picture, 80)
    # a group of values in one symbol can cost a little less than its values one by one
    assert 0.97 * bits <= 8 * len(coded) <= 1.015 * bits + 8 * 32


def test_the_fixed_overhead_is_small(codec: Codec) -> None:
    flat = np.full((512, 768, 3), 128, np.uint8)
    header, sections = container.unpack(codec.encode(flat))
    assert len(codec.encode(flat)) - len(sections[container.LATENTS]) <= 32
    assert header.width == 768


def test_the_runtime_imports_neither_torch_nor_onnx() -> None:
    code = "import sys, runtime.codec; print([m for m in ('torch', 'onnx', 'PIL', 'matplotlib') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


@pytest.mark.parametrize(
    "pixels, message",
    [
        (np.zeros((4, 4, 3), np.float32), "float32"),
        (np.zeros((4, 4, 2), np.uint8), r"\(4, 4, 2\)"),
        (np.zeros((0, 4, 3), np.uint8), r"\(0, 4, 3\)"),
        ([[1, 2]], "list"),
    ],
)
def test_a_wrong_picture_is_refused(codec: Codec, pixels: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        codec.encode(pixels)


@pytest.mark.parametrize("quality", [0, 0.5, 101, -3, float("nan")])
def test_a_wrong_quality_is_refused(codec: Codec, photo: np.ndarray, quality: float) -> None:
    with pytest.raises(InputError, match="quality"):
        codec.encode(photo, quality)


def test_every_cut_and_a_flip_in_every_byte_are_noticed(codec: Codec, photo: np.ndarray) -> None:
    data = codec.encode(photo[:64, :64], 20)
    for end in range(len(data)):
        with pytest.raises(StreamError):
            codec.decode(data[:end])
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 1 << at % 8
        with pytest.raises(StreamError):
            codec.decode(bytes(flipped))


def test_a_stream_of_another_bundle_is_refused_with_both_ids(codec: Codec, photo: np.ndarray) -> None:
    data = codec.encode(photo[:32, :32])
    header, sections = container.unpack(data)
    other = container.Header(**{**header.__dict__, "bundle_id": b"12345678"})
    with pytest.raises(StreamError, match=f"{b'12345678'.hex()}.*{codec.bundle.id.hex()}"):
        codec.decode(container.pack(other, list(sections.items())))


def test_a_missing_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nowhere"):
        Codec(tmp_path / "nowhere")


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="abacus"):
        Codec(provider="abacus")
    with pytest.raises(InputError, match="threads=0"):
        Codec(threads=0)


def test_a_symbol_of_32_bits_in_one_tile_decodes_as_whole_numbers_say(codec: Codec, photo: np.ndarray) -> None:
    """The limit of a latent is what counts: so a residual of 2**20 is as good as the largest of 16 bits."""
    level = codec.bundle.level(50)
    prior = codec.bundle.prior.at_level(level)
    symbols = codec.quantise(codec.analyse(photo[:64, :64]), level)
    residual = symbols.residual.astype(np.int32)
    residual[0, 0, 0] = 1 << 20
    z_hat = prior.dequantise_z(symbols.z)
    huge = codec.reconstruct(prior, z_hat, residual)
    assert huge[0, 0, 0] == codec.bundle.prior.limit[0]


def test_a_prefix_of_the_layers_is_readable(codec: Codec, photo: np.ndarray) -> None:
    """The stream of one tile is ordered z, first half, second half: a reader may stop after any of them."""
    level_byte = codec.bundle.level(50)
    level = codec.bundle.prior.at_level(level_byte)
    _, sections = container.unpack(codec.encode(photo, 50))
    symbols = codec.quantise(codec.analyse(photo), level_byte)
    reader = streams.LayerReader(codec.bundle.tables, sections[container.LATENTS])
    z = reader.read(np.repeat(level.index_z, symbols.z[0].size))
    assert np.array_equal(z, symbols.z.ravel())
