"""The codec end to end on the shipped bundle: shapes, sizes, determinism, refusals."""

import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime import codec as shared
from runtime import container, spec
from runtime.codec import Codec, encoder
from runtime.errors import BundleError, InputError, StreamError
from runtime.pictures.read import read

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def codec(tiny: Codec) -> Codec:
    """Weights that training does not change."""
    return tiny


@pytest.fixture(scope="module")
def cam() -> np.ndarray:
    """A part of a photograph, RGB (256, 384, 3)."""
    return np.ascontiguousarray(read(PROJECT / "docs" / "cam.jpg").pixels[100:356, 100:484])


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


def test_many_tiles_decode_nearly_like_one(cam: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each tile is coded without what others would tell trained networks; the wavelet goes on across them."""
    codec = Codec(threads=1)
    whole = codec.encode(cam, 60)
    monkeypatch.setattr("runtime.codec.TILE_PX", 64)
    tiled = codec.encode(cam, 60)
    assert len(tiled) > len(whole)
    decoded = codec.decode(tiled)
    assert abs(psnr(decoded, cam) - psnr(codec.decode(whole), cam)) < 0.5
    error = (decoded.astype(float) - cam) ** 2
    at_seams = np.concatenate([error[64 * n - 1 : 64 * n + 1] for n in range(1, 4)])
    assert at_seams.mean() < 1.5 * error.mean()


@pytest.mark.parametrize("tile_px", [64, 128])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_windows_change_no_byte_and_no_pixel(codec: Codec, photo: np.ndarray, tile_px: int, subsampling: str) -> None:
    data = codec.encode(photo, 60, subsampling=subsampling)
    small = Codec(codec.bundle.folder, threads=1, tile_px=tile_px)
    assert small.encode(photo, 60, subsampling=subsampling) == data
    assert np.array_equal(small.decode(data), codec.decode(data))


def test_windows_and_tiles_of_any_size_go_together(
    codec: Codec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(5)
    for _ in range(4):
        height, width = int(random.integers(1, 150)), int(random.integers(1, 203))
        picture = photo[-height:, -width:]
        monkeypatch.setattr("runtime.codec.TILE_PX", int(2 ** random.integers(6, 8)))
        windowed = Codec(codec.bundle.folder, threads=1, tile_px=int(64 * random.integers(1, 4)))
        subsampling = str(random.choice(spec.SUBSAMPLING))
        data = codec.encode(picture, 40, subsampling=subsampling)
        assert windowed.encode(picture, 40, subsampling=subsampling) == data
        assert np.array_equal(windowed.decode(data), codec.decode(data))


def test_a_picture_wider_than_a_tile_has_two_and_no_seam_of_windows(codec: Codec, photo: np.ndarray) -> None:
    wide = np.tile(photo[:40], (1, 6, 1))[:, :1100]
    data = codec.encode(wide, 60)
    _, sections = container.unpack(data)
    assert len(container.unpack_tiles(sections[container.LATENTS], 2, 3)) == 2
    small, decoded = Codec(codec.bundle.folder, threads=1, tile_px=64), codec.decode(data)
    assert small.encode(wide, 60) == data and np.array_equal(small.decode(data), decoded)
    assert np.array_equal(small.decode(data, (1000, 3, 50, 20)), decoded[3:23, 1000:1050])


@pytest.mark.parametrize("side", [32, 100])
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


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_batch_is_as_each_picture_by_itself(channels: int, codec: Codec, photo: np.ndarray) -> None:
    whole = np.dstack([photo, photo[:, :, 0]])[:, :, :channels]
    pictures = [np.roll(whole, turn, 1)[..., 0] if channels == 1 else np.roll(whole, turn, 1) for turn in (0, 50)]
    streams = codec.encode_batch(pictures, 60)
    assert streams == [codec.encode(picture, 60) for picture in pictures]
    assert np.array_equal(codec.decode_batch(streams), [codec.decode(stream) for stream in streams])
    mixed = [streams[0], codec.encode(pictures[1], 10)]
    assert np.array_equal(codec.decode_batch(mixed)[1], codec.decode(mixed[1]))


def test_a_batch_of_several_sizes_or_kinds_is_refused(codec: Codec, photo: np.ndarray) -> None:
    assert codec.encode_batch([]) == []
    with pytest.raises(InputError, match=r"a batch has pictures of shapes \[\(150, 202, 3\), \(150, 203, 3\)\]"):
        codec.encode_batch([photo, photo[:, 1:]])
    streams = [codec.encode(picture, 10) for picture in (photo, photo[:, 1:], photo[:, :, 0])]
    for others in (streams[:2], streams[::2], []):
        with pytest.raises(InputError, match=f"{len(others)} streams has {len(others)} sizes, kinds or bundles"):
            codec.decode_batch(others)


def test_a_batch_may_have_a_bound(tiny: Codec, small_photo: np.ndarray) -> None:
    pictures = [small_photo, small_photo[::-1]]
    streams = tiny.encode_batch(pictures, max_error=3)
    assert streams == [tiny.encode(picture, max_error=3) for picture in pictures]
    assert np.abs(tiny.decode_batch(streams).astype(int) - pictures).max() <= 3
    with pytest.raises(InputError, match="max_error 128 is out of range"):
        tiny.encode_batch(pictures, 50, max_error=128)


@pytest.mark.parametrize("channels", [3, 4])
def test_one_picture_is_not_taken_for_a_batch_of_its_rows(channels: int, codec: Codec) -> None:
    picture = np.zeros((9, 8, channels), np.uint8)
    with pytest.raises(InputError, match=rf"\(9, 8, {channels}\) are one picture in colour, or 9 gray ones"):
        codec.encode_batch(picture)  # type: ignore[arg-type]
    assert len(codec.encode_batch(list(picture))) == 9
    assert codec.encode_batch(picture[None]) == codec.encode_batch([picture])  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [0, container.LATENTS, container.ALPHA, 7, 127, container.RESIDUAL, 256, "exif"])
def test_metadata_that_no_decoder_would_take_is_refused(kind: int, codec: Codec) -> None:
    with pytest.raises(InputError, match="possible are EXIF, ICC, XMP and 129 to 255"):
        codec.encode(np.zeros((8, 8), np.uint8), 50, {kind: b"x"})


def test_what_is_of_a_wrong_type_is_told_of(codec: Codec) -> None:
    picture = np.zeros((8, 8), np.uint8)
    data = codec.encode(picture)
    with pytest.raises(InputError, match="quality True is not a number"):
        codec.encode(picture, True)
    with pytest.raises(InputError, match="quality '75' is not a number"):
        codec.encode(picture, "75")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="not str; read the file first"):
        codec.decode("small.gar")  # type: ignore[arg-type]
    for region in ((0, 0, 8), (0.0, 0, 8, 8), "0,0,8,8", 5):
        with pytest.raises(InputError, match="four whole numbers"):
            codec.decode(data, region)  # type: ignore[arg-type]
    others: list[Any] = [bytearray(data), memoryview(data)]
    for other in others:
        assert np.array_equal(codec.decode(other), codec.decode(data))


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
    for wrong in (float("nan"), 0, "many"):
        with pytest.raises(InputError, match=f"^max_pixels {wrong} is "):
            codec.decode(data, max_pixels=wrong)  # type: ignore[arg-type]


def test_senseless_targets_are_told_by_the_names_of_arguments(codec: Codec, photo: np.ndarray) -> None:
    for name in ("target_size", "target_bpp", "target_psnr", "target_ssimulacra2"):
        for wrong in (float("nan"), float("inf"), -1, "much"):
            with pytest.raises(InputError, match=f"^{name} {wrong} is "):
                codec.encode(photo, **{name: wrong})  # type: ignore[arg-type]
        with pytest.raises(InputError, match=f"^quality, .*{name}.* exclude each other"):
            codec.encode(photo, 50, **{name: 10})  # type: ignore[arg-type]


def test_threads_and_processes_give_the_same_bytes_and_pixels(codec: Codec, photo: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "photo.npy", photo)
    code = (
        "import hashlib, sys, numpy as np; from runtime.codec import Codec; c = Codec(threads=int(sys.argv[2]));"
        "s = c.encode(np.load(sys.argv[1])); print(hashlib.sha256(s + c.decode(s).tobytes()).hexdigest())"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "photo.npy")]
    found = [subprocess.run([*words, n], cwd=PROJECT, capture_output=True, text=True, check=True) for n in ("1", "2")]
    assert found[0].stdout == found[1].stdout != ""


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
    "picture, message",
    [
        (np.zeros((4, 4, 3), np.float32), "float32"),
        (np.zeros((4, 4, 2), np.uint8), r"\(4, 4, 2\)"),
        (np.zeros((0, 4, 3), np.uint8), r"\(0, 4, 3\)"),
        ([[1, 2]], "list"),
    ],
)
def test_a_wrong_picture_is_refused(codec: Codec, picture: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        codec.encode(picture)


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
    other = header._replace(bundle_id=b"12345678")
    with pytest.raises(StreamError, match=f"{b'12345678'.hex()}.*{codec.bundle.id.hex()}"):
        codec.decode(container.pack(other, list(sections.items())))


def test_a_missing_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nowhere"):
        Codec(tmp_path / "nowhere")


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="abacus"):
        Codec(provider="abacus")
    wrong: list[Any] = [0, -64, "2", 1.5, "a", [1], float("nan")]
    for given in wrong:
        for argument in ("threads", "tile_px"):
            with pytest.raises(InputError, match=re.escape(f"{argument}={given!r} is not a positive whole number")):
                Codec(**{argument: given})
    assert Codec(threads=np.int64(2)).networks.threads == 2  # type: ignore[arg-type]


def test_subsampling_that_is_asked_for_is_what_comes(codec: Codec, photo: np.ndarray) -> None:
    sizes = {}
    for name in ("4:4:4", "4:2:0"):
        data = codec.encode(photo, 95, subsampling=name)
        assert container.unpack(data)[0].subsampled == (name == "4:2:0")
        assert psnr(codec.decode(data), photo) > 28
        sizes[name] = len(data)
    assert sizes["4:2:0"] < sizes["4:4:4"]
    with pytest.raises(InputError, match="4:1:1"):
        codec.encode(photo, subsampling="4:1:1")


def test_one_analysis_serves_all_levels(codec: Codec, photo: np.ndarray) -> None:
    """A level must leave nothing behind that changes the next."""
    at_level = encoder(codec, photo)
    again = [at_level(codec.bundle.level(quality)) for quality in (90, 10, 50)]
    assert again == [codec.encode(photo, quality) for quality in (90, 10, 50)]


def test_pixels_that_are_not_in_one_piece_are_read_as_they_stand(codec: Codec, photo: np.ndarray) -> None:
    for picture in (photo[::-1], photo[:, ::-1], photo[::2, 1::3], photo.transpose(1, 0, 2), photo[:, :, ::-1]):
        assert codec.encode(picture, 30) == codec.encode(np.ascontiguousarray(picture), 30)


@pytest.mark.parametrize("bundle", ["standard", "autoencoder", "progressive"])
@pytest.mark.parametrize("kind", ["gray", "rgb", "alpha"])
def test_strips_make_the_picture(bundle: str, kind: str, cam: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.codec.TILE_PX", 64)
    codec, picture = Codec(bundle, threads=2, tile_px=64), cam[:150, :203]
    if kind == "gray":
        picture = picture[:, :, 1].copy()
    if kind == "alpha":
        picture = np.dstack([picture, cam[:150, :203, 0]])
    data = codec.encode(picture, 20)
    for region in (None, (70, 10, 61, 130)):
        shape, strips = codec.decode_strips(data, region)
        found = list(strips)
        decoded = codec.decode(data, region)
        assert len(found) > 1 and shape == decoded.shape
        assert np.array_equal(np.concatenate(found), decoded)


def test_strips_of_no_picture_fail_at_once(codec: Codec, photo: np.ndarray) -> None:
    data = codec.encode(photo)
    with pytest.raises(InputError, match="region"):
        codec.decode_strips(data, (0, 0, 999, 1))
    with pytest.raises(StreamError):
        codec.decode_strips(data[:-1])


def test_tiles_are_coded_and_decoded_at_a_time(cam: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two wait for each other, which one thread could not do."""
    monkeypatch.setattr("runtime.codec.TILE_PX", 128)
    data = Codec(threads=1).encode(cam, 50)
    meeting = threading.Barrier(2, timeout=60)

    def met(name: str) -> None:
        work = getattr(shared, name)
        monkeypatch.setattr(shared, name, lambda *given: (meeting.wait(), work(*given))[1])

    met("pack_tile")
    met("read_tile")
    assert Codec(threads=2).encode(cam, 50) == data
    Codec(threads=2).decode(data)
