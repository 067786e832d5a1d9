"""The autoencoder from pixels to bytes and back: what the model computes, tiles, windows, layers, and hostile bytes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from broken_streams import Parts
from streams import chunk_at, error, flipped

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

import onnxruntime  # noqa: E402

from export import verify  # noqa: E402
from models.layers import set_mode  # noqa: E402
from models.wavelet import NORM  # noqa: E402
from runtime import codec as shared  # noqa: E402
from runtime import container, incomplete, search  # noqa: E402
from runtime.areas import Area, Reach, padded  # noqa: E402
from runtime.codec import Codec  # noqa: E402
from runtime.container import LATENTS, Header  # noqa: E402
from runtime.entropy.tile_stream import Scales  # noqa: E402
from runtime.errors import StreamError, TruncatedError  # noqa: E402
from runtime.families.autoencoder import family  # noqa: E402
from runtime.families.autoencoder.family import Autoencoder, Latents  # noqa: E402
from runtime.families.autoencoder.spec import CODING_ORDER, GRIDS, LAYER_ENDS, STRIDE_PX  # noqa: E402
from runtime.latents import corrections  # noqa: E402
from runtime.latents.parts import Part  # noqa: E402
from runtime.networks.float_twin import float_twin  # noqa: E402
from runtime.networks.providers import CPU  # noqa: E402
from runtime.search import Target  # noqa: E402

if TYPE_CHECKING:
    from models.autoencoder import Codec as Model

LEVEL = 130


@pytest.fixture(scope="module")
def picture(photo: np.ndarray) -> np.ndarray:
    """128 x 192 pixels: six tiles of 64."""
    return np.ascontiguousarray(photo[:128, :192])


@pytest.fixture(scope="module")
def six(tiny: Codec, picture: np.ndarray) -> bytes:
    """A stream of six tiles."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared, "TILE_PX", 64)
        return tiny.encode(picture, 90, {container.XMP: b"<x/>"})


def tensor(picture: np.ndarray) -> "torch.Tensor":
    return torch.from_numpy(picture.transpose(2, 0, 1).copy())[None]


def autoencoder_of(codec: Codec) -> Autoencoder:
    assert isinstance(codec.family, Autoencoder)
    return codec.family


def quantised(tiny: Codec, picture: np.ndarray) -> Latents:
    """Return what is coded of a picture as one tile."""
    autoencoder = autoencoder_of(tiny)
    (latents,) = autoencoder.transform(picture[None])
    whole = Area(0, 0, *picture.shape[:2])
    return autoencoder.quantise(latents, autoencoder.prior.at_level(LEVEL), whole, whole)


# -- the order of coding -----------------------------------------------------------------------------------------------


def test_every_latent_is_coded_once() -> None:
    """Those of a checkerboard's half, and then those of the other."""
    counts = [np.zeros((channels, 2, 2), int) for channels, _ in GRIDS]
    for part in CODING_ORDER:
        for channel in part.channels:
            for row, column in np.ndindex(2, 2):
                counts[part.grid][channel, row, column] += part.half in (None, (row + column) % 2)
    assert all((count == 1).all() for count in counts)
    columns = {column for part in CODING_ORDER for column in part.columns}
    assert columns == set(range(family.Prior.columns)) and len(CODING_ORDER) == LAYER_ENDS[-1]


# -- what the model computes -------------------------------------------------------------------------------------------


@torch.no_grad()
def test_latents_are_the_model_s(tiny: Codec, model: "Model", picture: np.ndarray) -> None:
    from models import autoencoder

    set_mode(model, "quant")
    ac, *details, z = (values[0].numpy() for values in autoencoder.split(model.analyse(tensor(picture))[1]))
    set_mode(model, "float")
    (found,) = autoencoder_of(tiny).transform(picture[None])
    assert [(len(grid), picture.shape[0] // grid.shape[1]) for grid in found] == [*GRIDS]
    bands = np.tile([1, 1, NORM**-2], 3)[:, None, None]
    gains: list[float | np.ndarray] = [NORM**6, *(NORM ** (2 * level) * bands for level in (2, 1, 0)), 1]
    for ours, theirs, gain in zip(found, [z, *details, ac], gains, strict=True):
        assert np.abs(ours * gain / 16 - theirs).mean() < 0.02 * np.abs(theirs).mean()


@torch.no_grad()
def test_symbols_are_those_of_torch_in_integers(
    tiny: Codec, model: "Model", picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same picture coded with the model's own integer arithmetic in place of the graphs."""
    expected = quantised(tiny, picture)

    def in_torch(name: str, *inputs: np.ndarray) -> list[np.ndarray]:
        module = model.fine[int(name[5:])] if name.startswith("fine") else getattr(model, name)
        *state, seen = (torch.from_numpy(x.astype(float))[None] - 128 for x in inputs)
        found = module(*(x.permute(0, 3, 1, 2) for x in state), seen)
        new_state, said = ((x[0].numpy() + 128).astype(np.uint8) for x in found)
        return [new_state.transpose(1, 2, 0), said]

    monkeypatch.setattr(tiny.networks, "run", in_torch)
    set_mode(model, "integer")
    found = quantised(tiny, picture)
    set_mode(model, "float")
    for ours, theirs in zip(expected.parts, found.parts, strict=True):
        assert np.array_equal(ours.index, theirs.index) and np.array_equal(ours.coded, theirs.coded)
    assert sum(np.count_nonzero(part.coded) for part in expected.parts) > 1000
    assert all(np.array_equal(a, b) for a, b in zip(expected.grids, found.grids, strict=True))


@torch.no_grad()
@pytest.mark.parametrize("level", [60, 130, 224])
def test_rate_and_distortion_are_those_of_the_model(
    tiny: Codec, model: "Model", picture: np.ndarray, level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which knows nothing of corrections."""
    monkeypatch.setattr(corrections, "best", lambda exact, index, bands, *others: (0, (0,) * bands))
    ((found_bits, found_db),) = verify.bits_and_psnr(tiny, picture, [level])
    set_mode(model, "quant")
    shown, bits = model.code(tensor(picture), level / 32)
    set_mode(model, "float")
    expected = shown[0].clamp(0, 255).round().permute(1, 2, 0).numpy()
    assert found_bits == pytest.approx(bits.item(), rel=0.15)  # symbols cost less in groups
    assert found_db == pytest.approx(verify.psnr(expected, picture), abs=0.2)


# -- whole streams -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("height, width", [(1, 1), (1, 70), (64, 64), (65, 129), (150, 203)])
@pytest.mark.parametrize("kind", ["gray", "RGB", "RGBA"])
def test_pictures_of_any_size_and_kind_come_back(
    kind: str, height: int, width: int, tiny: Codec, photo: np.ndarray
) -> None:
    rgb = photo[:height, :width]
    picture = {"gray": rgb[:, :, 1], "RGB": rgb, "RGBA": np.dstack([rgb, rgb[:, :, 0]])}[kind]
    errors = []
    for quality in (20, 60, 100):
        decoded = tiny.decode(tiny.encode(picture, quality))
        assert decoded.shape == picture.shape and decoded.dtype == np.uint8
        assert kind != "RGBA" or np.array_equal(decoded[:, :, 3], picture[:, :, 3])
        errors.append(error(decoded, picture))
    assert errors[2] < 12 and (height * width < 1000 or errors[2] < errors[1] < errors[0])


def test_a_size_and_a_psnr_can_be_asked_for(tiny: Codec, picture: np.ndarray) -> None:
    limit = len(tiny.encode(picture, 60))
    assert limit * 0.95 < len(search.encode(tiny, picture, Target(size_bytes=limit))) <= limit
    decoded = tiny.decode(search.encode(tiny, picture, Target(psnr_db=36)))
    assert abs(search.psnr(picture, decoded) - 36) < 0.5


@pytest.mark.parametrize("height, width", [(66, 64), (64, 140), (72, 130)])
def test_nothing_is_coded_that_no_pixel_shows(tiny: Codec, photo: np.ndarray, height: int, width: int) -> None:
    """Beyond the last blocks of a picture and one more symbols are 0, but for z."""
    shown = photo[:height, :width]
    autoencoder, whole = autoencoder_of(tiny), padded(height, width, STRIDE_PX)
    (latents,) = autoencoder.transform(shown[None])
    coded = autoencoder.quantise(latents, autoencoder.prior.at_level(200), whole, Area(0, 0, height, width))
    for part, spec in zip(coded.parts[1:], CODING_ORDER[1:], strict=True):
        rows, columns = (count + 1 for count in Area(0, 0, height, width).shape(GRIDS[spec.grid][1]))
        assert not part.symbols[:, rows:].any() and not part.symbols[:, :, columns:].any()
        assert part.symbols.any()


def test_pictures_unlike_photographs_keep_their_details(tiny: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that expects nothing somewhere would lose all that is there."""
    fine = (np.indices((64, 128)).sum(0) % 2 * 255).astype(np.uint8)  # a checkerboard
    data = tiny.encode(fine, 30)
    monkeypatch.setattr(corrections, "best", lambda exact, index, bands, *others: (0, (0,) * bands))
    plain = tiny.encode(fine, 30)
    assert error(tiny.decode(data), fine) < 200 < error(tiny.decode(plain), fine) / 10


def test_float_twins_of_encoder_and_decoder_show_nearly_the_same(
    tiny: Codec, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another provider than the CPU runs."""
    decoded = tiny.decode(tiny.encode(picture, 80)).astype(int)
    sessions = {name: tiny.networks.session(name) for name in ("encoder", "decoder")}
    for name in sessions:
        model = float_twin((tiny.bundle.folder / f"{name}.onnx").read_bytes())
        sessions[name] = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    monkeypatch.setattr(tiny.networks, "_sessions", tiny.networks._sessions | sessions)
    from_twins = tiny.decode(tiny.encode(picture, 80)).astype(int)
    assert abs(error(from_twins, picture) / error(decoded, picture) - 1) < 0.02
    monkeypatch.setattr(
        tiny.networks, "_sessions", tiny.networks._sessions | {"encoder": tiny.networks._load("encoder", CPU)}
    )
    data = tiny.encode(picture, 80)
    difference = np.abs(tiny.decode(data).astype(int) - decoded)
    assert difference.max() <= 1 and difference.mean() < 0.01


def test_a_batch_is_computed_together_and_gives_the_same_pictures(
    tiny: Codec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encoders may differ by what a sum of floats does; pixels of a stream may not."""
    monkeypatch.setattr(corrections, "best", lambda exact, index, bands, *others: (0, (0,) * bands))
    pictures = np.stack([np.roll(photo, 20 * turn, 1) for turn in range(3)])
    sizes: list[int] = []
    run = tiny.networks.run_stack

    def watched(name: str, *inputs: np.ndarray) -> list[np.ndarray]:
        if name in ("encoder", "decoder"):
            sizes.append(len(inputs[0]))
        return run(name, *inputs)

    monkeypatch.setattr(tiny.networks, "run_stack", watched)
    streams = tiny.encode_batch([*pictures], 70)
    decoded = tiny.decode_batch(streams)
    assert sizes == [3, 3] and decoded.shape == pictures.shape
    for picture, stream, pixels in zip(pictures, streams, decoded, strict=True):
        assert np.array_equal(pixels, tiny.decode(stream))
        assert abs(len(stream) / len(tiny.encode(picture, 70)) - 1) < 0.01
    levels = [tiny.encode(pictures[0], quality) for quality in (20, 90)]
    for stream, pixels in zip(levels, tiny.decode_batch(levels), strict=True):
        assert np.array_equal(pixels, tiny.decode(stream))


def test_strips_in_threads_change_no_pixel(folder: Path, tiny: Codec, photo: np.ndarray) -> None:
    picture = np.tile(photo, (5, 3, 1))[:700, :600]
    data = tiny.encode(picture, 60)
    threaded = Codec(folder, threads=3)
    assert np.array_equal(threaded.decode(data), tiny.decode(data))
    assert abs(len(threaded.encode(picture, 60)) / len(data) - 1) < 0.001


def test_scale_indexes_are_not_raised_where_pixels_gain_nothing(
    tiny: Codec, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever latents promise."""
    monkeypatch.setattr(corrections, "best", lambda exact, index, bands, *others: (0, (0,) * bands))
    plain = tiny.encode(picture, 60)

    def raised(exact: np.ndarray, index: np.ndarray, bands: int, costs: Any, much: float) -> tuple[int, Any]:
        return 30 if much < np.inf else 0, (0,) * bands

    monkeypatch.setattr(corrections, "best", raised)
    assert tiny.encode(picture, 60) == plain


# -- tiles and windows -------------------------------------------------------------------------------------------------


def test_a_tile_is_coded_as_if_it_were_all(tiny: Codec, six: bytes, picture: np.ndarray) -> None:
    """Its chunks are those of its own latents alone, and give its symbols back without any other tile."""
    header, sections = container.unpack(six)
    autoencoder, tiles = autoencoder_of(tiny), shared.tiles_of(tiny, header)
    (latents,) = autoencoder.transform(picture[None])
    for tile, chunks in zip(tiles, container.unpack_tiles(sections[LATENTS], 6, 3), strict=True):
        own = [grid[:, *tile.on(side_px)] for grid, (_, side_px) in zip(latents, GRIDS, strict=True)]
        alone = family.AutoencoderAnalysis(autoencoder, picture[tile.on(1)], own)
        coded = alone.code(header.level, Area(0, 0, 64, 64))
        assert shared.pack_tile(tiny, header, coded) == chunks
        found = shared.read_tile(tiny, header, tile, b"".join(chunks))
        assert all(
            np.array_equal(part.symbols.ravel(), c) for part, (_, c) in zip(found.parts, coded.parts, strict=True)
        )


@pytest.mark.parametrize("tile_px", [64, 128])
def test_tiles_with_hostile_symbols_decode_the_same_in_any_window(tiny: Codec, folder: Path, tile_px: int) -> None:
    """Each symbol up to the largest that a stream can hold: latents at their limits, edges as hard as can be."""
    header = Header(320, 190, 200, tiny.bundle.id, tile_px, False, False)
    tiles = shared.tiles_of(tiny, header)
    drawn = [hostile(tiny, tile.shape(STRIDE_PX), seed) for seed, tile in enumerate(tiles)]
    chunks = [shared.pack_tile(tiny, header, family.coded(latents)) for latents in drawn]
    data = container.pack(header, [(LATENTS, container.pack_tiles(chunks))])
    decoded, small = tiny.decode(data), Codec(folder, threads=1, tile_px=64)
    assert decoded.std() > 50
    assert np.array_equal(small.decode(data), decoded)
    assert np.array_equal(small.decode(data, (70, 100, 61, 3)), decoded[100:103, 70:131])


def hostile(tiny: Codec, shape: tuple[int, int], seed: int) -> Latents:
    """Return symbols of a tile, a share of those that are coded drawn from all that a stream can hold."""
    random, autoencoder = np.random.default_rng(seed), autoencoder_of(tiny)

    def code(number: int, mean: np.ndarray, index: np.ndarray, where: np.ndarray) -> Part:
        index = index * where
        found = random.integers(-65535, 65536, index.shape).astype(np.int32)
        found[(index == 0) | (random.random(found.shape) < 0.7)] = 0
        return Part(Scales(tiny.bundle.tables, index.ravel()), found)

    return autoencoder.predict(autoencoder.prior.at_level(200), shape, code)


def test_pixels_do_not_follow_the_windows_they_are_computed_in(tiny: Codec, folder: Path, photo: np.ndarray) -> None:
    """A picture that is several times as large as what is seen beyond a window, so that windows are cut from it."""
    rows, columns = np.mgrid[0:320, 0:1152]
    large = np.pad(photo, ((0, 170), (0, 949), (0, 0)), "reflect")
    large[rows > columns / 4] //= 2
    data = tiny.encode(large, 90)
    whole = tiny.decode(data)
    assert np.array_equal(Codec(folder, threads=1, tile_px=64).decode(data), whole)
    for region in ((0, 0, 64, 64), (500, 100, 130, 70), (1151, 319, 1, 1), (64, 64, 64, 64)):
        x, y, width, height = region
        assert np.array_equal(tiny.decode(data, region), whole[y : y + height, x : x + width])


def test_what_is_seen_beyond_a_window_is_needed(
    tiny: Codec, monkeypatch: pytest.MonkeyPatch, photo: np.ndarray
) -> None:
    """Without it pixels near a window's edge are others: the test above can fail."""
    picture = np.pad(photo, ((0, 0), (0, 949), (0, 0)), "reflect")
    data = tiny.encode(picture, 90)
    whole = tiny.decode(data)
    for name in ("REACH", "DC_REACH"):
        with monkeypatch.context() as patch:
            patch.setattr(family, name, Reach(0, 0))
            assert not np.array_equal(tiny.decode(data, (512, 64, 64, 64)), whole[64:128, 512:576])


def test_a_region_reads_only_the_tiles_it_sees(
    tiny: Codec, six: bytes, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tiny.decode(six)
    assert error(whole, picture) < 2 * error(tiny.decode(tiny.encode(picture, 90)), picture)
    tiles: list[Area] = []
    read = family.Autoencoder.read

    def watched(self: Any, header: Any, tile: Area, reader: Any) -> Latents:
        tiles.append(tile)
        return read(self, header, tile, reader)

    monkeypatch.setattr(family.Autoencoder, "read", watched)
    monkeypatch.setattr(family, "DC_REACH", Reach(0, 0))
    tiny.decode(six, (0, 0, 60, 60))
    assert len(tiles) == 4  # those within 64 pixels
    monkeypatch.undo()
    assert np.array_equal(tiny.decode(six, (100, 30, 40, 60)), whole[30:90, 100:140])


# -- streams that are not whole ----------------------------------------------------------------------------------------


def test_each_layer_makes_a_better_picture(tiny: Codec, six: bytes, picture: np.ndarray) -> None:
    for data in (tiny.encode(picture, 90), six):
        previews = [incomplete.preview(tiny, data, layers) for layers in (1, 2, 3)]
        errors = [error(preview, picture) for preview in previews]
        assert errors == sorted(errors, reverse=True) and len({*errors}) == 3 and errors[0] < 400
        assert np.array_equal(previews[2], tiny.decode(data))
    half, second = six[: chunk_at(six, 0, 2)], incomplete.preview(tiny, six, 2)
    assert np.array_equal(incomplete.preview(tiny, half, 2), second)
    assert np.array_equal(incomplete.preview(tiny, half, 2, (40, 30, 99, 51)), second[30:81, 40:139])


def test_every_cut_is_saved_as_far_as_it_goes(tiny: Codec, six: bytes, picture: np.ndarray) -> None:
    errors = []
    for share in (0.3, 0.6, 0.95):
        saved = incomplete.salvage(tiny, six[: int(share * len(six))])
        assert saved.damage and saved.pixels.shape == picture.shape
        errors.append(error(saved.pixels, picture))
    assert errors == sorted(errors, reverse=True) and len({*errors}) == 3


def test_damage_stays_near_its_tile_and_a_lost_one_looks_like_what_is_around_it(
    tiny: Codec, six: bytes, picture: np.ndarray
) -> None:
    decoded = tiny.decode(six)
    for layer, worst, beyond in ((0, 3000, 60), (1, 800, 1), (2, 300, 1)):  # the DC is seen from afar
        saved = incomplete.salvage(tiny, flipped(six, chunk_at(six, 1, layer)))
        assert len(saved.damage) == 1 and saved.metadata == {container.XMP: b"<x/>"}
        assert 0 < error(saved.pixels[:64, 64:128], decoded[:64, 64:128]) < worst
        assert error(saved.pixels[80:], decoded[80:]) < beyond


def test_every_cut_and_a_flip_in_every_byte_are_noticed(tiny: Codec, photo: np.ndarray) -> None:
    data = tiny.encode(photo[:20, :30], 20)
    for end in range(len(data)):
        with pytest.raises(TruncatedError):
            tiny.decode(data[:end])
        with pytest.raises(StreamError):
            tiny.decode(flipped(data, end))


def test_bits_flipped_behind_the_checks_give_a_picture_or_a_reason(tiny: Codec, photo: np.ndarray) -> None:
    parts, refused = Parts.of(tiny.encode(photo[:70, :30], 70)), 0
    body = dict(parts.sections)[LATENTS]
    places = range(0, len(body), max(1, len(body) // 150))
    for at in places:
        try:
            assert tiny.decode(parts.with_section(LATENTS, flipped(body, at))).shape == (70, 30, 3)
        except StreamError:
            refused += 1
    assert refused > len(places) // 3


def test_flags_that_mean_nothing_are_refused(tiny: Codec, picture: np.ndarray) -> None:
    parts = Parts.of(tiny.encode(picture, 50))
    body = dict(parts.sections)[LATENTS]
    with pytest.raises(StreamError, match="level 225 is above the bundle's highest, 224"):
        tiny.decode(parts.but(level=225))
    with pytest.raises(StreamError, match="means nothing to bundle tiny"):
        tiny.decode(parts.but(flags=4))
    with pytest.raises(StreamError, match="flags 0x4"):
        tiny.decode(parts.with_section(LATENTS, bytes([body[0] & 15 | 0x40]) + body[1:]))
    with pytest.raises(StreamError, match="mask of parts 0x40000, there are 18"):
        tiny.decode(parts.with_section(LATENTS, bytes([body[0] & 15 | 0x10, 0, 0, 4]) + body[1:]))
    assert tiny.family.traits.stride_px == STRIDE_PX
