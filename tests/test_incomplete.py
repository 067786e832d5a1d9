"""Previews and salvage: what is there is decoded, what is not is said, and nothing else than CodecError comes out."""

import numpy as np
import pytest
from streams import chunk_at, error, flipped

from runtime import container, incomplete
from runtime.codec import Codec
from runtime.container import ALPHA, LATENTS
from runtime.errors import CodecError, InputError, StreamError, TruncatedError
from runtime.families.pyramid.transform import COARSE_REACH, REACH


@pytest.fixture(scope="module")
def codec(tiny: Codec) -> Codec:
    """Weights that training does not change."""
    return tiny


@pytest.fixture(scope="module")
def picture(photo: np.ndarray) -> np.ndarray:
    """128 x 160 pixels: six tiles of 64."""
    return np.ascontiguousarray(photo[:128, :160])


@pytest.fixture(scope="module")
def one(codec: Codec, picture: np.ndarray) -> bytes:
    """A stream of one tile, of a quality that leaves no layer empty."""
    return codec.encode(picture, 100)


@pytest.fixture(scope="module")
def six(codec: Codec, picture: np.ndarray) -> bytes:
    """A stream of six tiles."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runtime.codec.TILE_PX", 64)
        return codec.encode(picture, 100, {container.XMP: b"<x/>"})


@pytest.fixture(scope="module")
def subsampled(codec: Codec, picture: np.ndarray) -> bytes:
    """A stream of six tiles without the finest details of chroma."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runtime.codec.TILE_PX", 64)
        return codec.encode(picture, 100, subsampling="4:2:0")


def shortest(codec: Codec, data: bytes, layers: int) -> int:
    """Return how many bytes a preview needs."""
    header, sections = container.unpack(data)
    if header.tile_px == 64:
        tiles = container.unpack_tiles(sections[LATENTS], 6, 3)
        last = [chunk for tile in tiles for chunk in tile[layers:]]
        return data.index(sections[LATENTS]) + len(sections[LATENTS]) - sum(map(len, last))
    low, high = 0, len(data)
    while low < high:
        middle = (low + high) // 2
        try:
            incomplete.preview(codec, data[:middle], layers)
            high = middle
        except TruncatedError:
            low = middle + 1
    return low


@pytest.mark.parametrize("stream", ["one", "six", "subsampled"])
def test_each_layer_needs_more_of_the_file_and_gives_a_better_picture(
    stream: str, codec: Codec, picture: np.ndarray, request: pytest.FixtureRequest
) -> None:
    data = request.getfixturevalue(stream)
    needed = [shortest(codec, data, layers) for layers in (1, 2, 3)]
    for layers, length in enumerate(needed, start=1):
        with pytest.raises(TruncatedError):
            incomplete.preview(codec, data[: length - 1], layers)
    assert needed[0] < needed[1] < needed[2] <= len(data) and needed[0] < 0.5 * len(data)
    previews = [incomplete.preview(codec, data[:length], layers) for layers, length in enumerate(needed, start=1)]
    errors = [error(preview, picture) for preview in previews]
    assert errors[0] > errors[1] > errors[2]
    assert np.array_equal(previews[2], codec.decode(data))
    assert np.array_equal(incomplete.preview(codec, data, 1), previews[0])


@pytest.mark.parametrize("stream", ["six", "subsampled"])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_preview_of_a_region_is_the_crop_of_the_preview(
    layers: int, stream: str, codec: Codec, request: pytest.FixtureRequest
) -> None:
    data = request.getfixturevalue(stream)
    whole = incomplete.preview(codec, data, layers)
    assert np.array_equal(incomplete.preview(codec, data, layers, (10, 20, 100, 60)), whole[20:80, 10:110])


def test_a_region_of_a_subsampled_stream_is_the_crop_of_the_whole(codec: Codec, subsampled: bytes) -> None:
    assert container.unpack(subsampled)[0].subsampled
    whole = codec.decode(subsampled)
    windowed = Codec(codec.bundle.folder, threads=1, tile_px=64)
    for x, y, width, height in ((0, 0, 64, 64), (10, 20, 100, 60), (63, 63, 2, 2), (159, 0, 1, 128)):
        crop = whole[y : y + height, x : x + width]
        assert np.array_equal(codec.decode(subsampled, (x, y, width, height)), crop)
        assert np.array_equal(windowed.decode(subsampled, (x, y, width, height)), crop)


def test_a_preview_notices_damage_where_there_are_checksums(codec: Codec, one: bytes, six: bytes) -> None:
    with pytest.raises(StreamError, match="LATENTS"):
        incomplete.preview(codec, flipped(one, len(one) // 2), 1)  # whole: its checksum is there
    with pytest.raises(StreamError, match="layer 0 of tile 2"):
        incomplete.preview(codec, flipped(six, chunk_at(six, 2, 0))[:-100], 1)
    assert incomplete.preview(codec, flipped(six, chunk_at(six, 2, 1)), 1).shape == (128, 160, 3)


def test_alpha_that_has_not_come_yet_is_opaque(codec: Codec, picture: np.ndarray) -> None:
    data = codec.encode(np.dstack([picture, picture[:, :, 0]]), 50)
    _, sections = container.unpack(data)
    early = data[: len(data) - len(sections[ALPHA]) - 4]
    assert (incomplete.preview(codec, early, 3)[:, :, 3] == 255).all()
    assert np.array_equal(incomplete.preview(codec, data, 1)[:, :, 3], picture[:, :, 0])
    with pytest.raises(StreamError, match="ALPHA"):
        incomplete.preview(codec, flipped(data, len(data) - 50), 1)


@pytest.mark.parametrize("layers", [0, 4, -1])
def test_other_layers_are_refused(layers: int, codec: Codec, one: bytes) -> None:
    with pytest.raises(InputError, match=f"layers={layers}"):
        incomplete.preview(codec, one, layers)


@pytest.mark.parametrize("stream", ["one", "six", "subsampled"])
def test_a_whole_stream_is_saved_as_it_is_decoded(stream: str, codec: Codec, request: pytest.FixtureRequest) -> None:
    data = request.getfixturevalue(stream)
    saved = incomplete.salvage(codec, data)
    assert saved.damage == [] and np.array_equal(saved.pixels, codec.decode(data))
    assert saved.metadata == ({container.XMP: b"<x/>"} if stream == "six" else {})


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_damage_stays_in_its_tile(
    subsampling: str, codec: Codec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.codec.TILE_PX", 64)
    data = codec.encode(np.tile(photo[:64], (1, 4, 1))[:, :768], 100, subsampling=subsampling)
    decoded = codec.decode(data)
    for layer, left in enumerate(("lost", "blurred", "finest")):
        clean = 64 + (REACH.after if layer else REACH.after + COARSE_REACH.after)
        assert clean < 768
        saved = incomplete.salvage(codec, flipped(data, chunk_at(data, 0, layer, tiles=12)))
        assert len(saved.damage) == 1 and left in saved.damage[0]
        assert saved.damage[0].startswith("tile 0 of 64x64 pixels at 0,0")
        assert np.array_equal(saved.pixels[:, clean:], decoded[:, clean:])
        assert not np.array_equal(saved.pixels[:, :64], decoded[:, :64])


@pytest.mark.parametrize("stream", ["six", "subsampled"])
def test_a_lost_tile_looks_like_its_neighbours(stream: str, codec: Codec, request: pytest.FixtureRequest) -> None:
    data = request.getfixturevalue(stream)
    decoded = codec.decode(data)
    saved = incomplete.salvage(codec, flipped(data, chunk_at(data, 4, 0)))
    gray = np.full_like(decoded[64:, 64:128], 128)
    assert error(saved.pixels[64:, 64:128], decoded[64:, 64:128]) < error(gray, decoded[64:, 64:128])


def test_every_cut_is_saved_as_far_as_it_goes(codec: Codec, six: bytes, picture: np.ndarray) -> None:
    errors = []
    for share in (0.3, 0.5, 0.7, 0.95):
        saved = incomplete.salvage(codec, six[: int(share * len(six))])
        assert saved.damage and saved.pixels.shape == picture.shape
        errors.append(error(saved.pixels, picture))
    assert errors[0] > errors[1] > errors[2] > errors[3]


def test_one_tile_is_saved_by_layers_where_it_is_cut(codec: Codec, one: bytes) -> None:
    for layers, word in ((1, "blurred"), (2, "finest")):
        saved = incomplete.salvage(codec, one[: shortest(codec, one, layers)])
        assert len(saved.damage) == 1 and word in saved.damage[0]
        assert np.array_equal(saved.pixels, incomplete.preview(codec, one, layers))


def test_damage_counts_pixels_of_the_picture_alone(codec: Codec, photo: np.ndarray) -> None:
    data = codec.encode(photo[:75, :101], 60)
    (told,) = incomplete.salvage(codec, data[:-8]).damage
    assert told.startswith("tile 0 of 101x75 pixels at 0,0: ")


def test_one_tile_without_its_checksum_may_be_wrong(codec: Codec, one: bytes) -> None:
    saved = incomplete.salvage(codec, one[:-1])
    assert len(saved.damage) == 1 and "may be wrong" in saved.damage[0]
    assert np.array_equal(saved.pixels, codec.decode(one))


def test_a_damaged_index_of_tiles_costs_only_what_it_names_wrongly(codec: Codec, six: bytes) -> None:
    _, sections = container.unpack(six)
    at = six.index(sections[LATENTS])
    last_crc = at + len(sections[LATENTS]) - sum(
        len(chunk) for tile in container.unpack_tiles(sections[LATENTS], 6, 3) for chunk in tile
    ) - 8  # fmt: skip
    saved = incomplete.salvage(codec, flipped(six, last_crc))
    assert len(saved.damage) == 1 and saved.damage[0].startswith("tile 5")


def test_other_sections_are_told_of(codec: Codec, six: bytes, picture: np.ndarray) -> None:
    saved = incomplete.salvage(codec, flipped(six, len(six) - 5))
    assert saved.damage == ["section XMP is lost"] and saved.metadata == {}
    saved = incomplete.salvage(codec, six + b"more")
    assert len(saved.damage) == 1 and "4 bytes after the end" in saved.damage[0]
    rgba = codec.encode(np.dstack([picture, picture[:, :, 0]]), 50)
    saved = incomplete.salvage(codec, flipped(rgba, len(rgba) - 50))
    assert (saved.pixels[:, :, 3] == 255).all() and "alpha" in saved.damage[0]


def test_where_nothing_is_left_that_is_said(codec: Codec, one: bytes, six: bytes) -> None:
    for data in (b"", one[:20], six[:20], flipped(one, 15)):
        with pytest.raises(StreamError):
            incomplete.salvage(codec, data)
    with pytest.raises(StreamError, match="nothing"):
        incomplete.salvage(codec, six[: chunk_at(six, 0, 0)])


def test_anything_is_a_picture_or_a_codec_error(codec: Codec, one: bytes, six: bytes) -> None:
    random = np.random.default_rng(11)
    for number in range(24):
        data = bytearray((one, six)[number % 2])
        for at in random.integers(0, len(data), int(random.integers(1, 4))):
            data[at] = random.integers(0, 256)
        del data[int(random.integers(len(data) // 2, 2 * len(data))) :]
        try:
            assert incomplete.salvage(codec, bytes(data), max_pixels=1e6).pixels.shape == (128, 160, 3)
        except CodecError:
            pass
        try:
            incomplete.preview(codec, bytes(data), 1 + number % 3, max_pixels=1e6)
        except CodecError:
            pass
