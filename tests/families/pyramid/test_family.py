"""The pyramid as a family: its latents, layers, chroma, corrections and synthesis net, on the shipped bundles."""

import functools
from pathlib import Path

import numpy as np
import pytest
from conftest import PYRAMIDS

from runtime import container
from runtime.areas import Area, Reach, padded, squares
from runtime.codec import Codec, encoder, pack_tile, read_tile, tiles_of
from runtime.container import Header
from runtime.entropy.tile_stream import PartReader, Scales
from runtime.errors import StreamError
from runtime.families.pyramid import chroma, spec, transform
from runtime.families.pyramid.family import NO_CORRECTIONS, ROWS, Latents, Pyramid, coded
from runtime.families.pyramid.levels import Level
from runtime.families.pyramid.transform import Coefficients, packed_stride
from runtime.latents import colours, corrections, wavelet
from runtime.latents.corrections import Corrections
from runtime.latents.parts import Part
from runtime.networks.sessions import Networks
from runtime.pictures.read import read
from runtime.threads import each

PROJECT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def cam() -> np.ndarray:
    """A part of a photograph, RGB (256, 384, 3)."""
    return np.ascontiguousarray(read(PROJECT / "docs" / "cam.jpg").pixels[100:356, 100:484])


def pyramid(codec: Codec) -> Pyramid:
    assert isinstance(codec.family, Pyramid)
    return codec.family


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(np.mean((a.astype(float) - b) ** 2), 1e-9)))


# -- tiles and windows -------------------------------------------------------------------------------------------------


def test_a_tile_is_coded_as_if_it_were_all(codec: Codec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its chunks are those of its own coefficients alone, and give its symbols back without any other tile."""
    monkeypatch.setattr("runtime.codec.TILE_PX", 64)
    level = codec.bundle.level(60)
    header, sections = container.unpack(codec.encode(photo, 60))
    coefficients = pyramid(codec).transform(photo, header.subsampled)
    tiles = squares(padded(150, 203, 64), 64)
    found = container.unpack_tiles(sections[container.LATENTS], len(tiles), 3)
    assert len(tiles) == 12
    for tile, chunks in zip(tiles, found, strict=True):
        packed = tuple(
            grid[:, *tile.on(packed_stride(number))] for number, grid in enumerate(coefficients.packed, start=1)
        )
        size = min(64, 150 - tile.top), min(64, 203 - tile.left)
        alone = Coefficients(coefficients.z[:, *tile.on(64)], packed, size)
        latents = pyramid(codec).quantise(alone, level)
        assert pack_tile(codec, header, coded(latents)) == chunks
        same(read_tile(codec, header, tile, b"".join(chunks)), latents)


@pytest.mark.parametrize("name", PYRAMIDS)
@pytest.mark.parametrize("tile_px", [64, 128, 1 << 12])
@pytest.mark.parametrize("subsampled", [False, True])
def test_tiles_with_hostile_symbols_decode_the_same_in_any_window(name: str, tile_px: int, subsampled: bool) -> None:
    """Each symbol up to the largest that a stream can hold: coefficients at their limits, edges as hard as can be."""
    small, large = Codec(name, threads=1, tile_px=64), Codec(name, threads=1, tile_px=1 << 12)
    header = container.Header(320, 190, small.bundle.level(90), small.bundle.id, tile_px, False, False, subsampled)
    level, tiles = pyramid(small).level(header), squares(padded(190, 320, 64), tile_px)
    drawn = [hostile(small, level, tile.shape(64), seed) for seed, tile in enumerate(tiles)]
    chunks = [pack_tile(small, header, coded(latents)) for latents in drawn]
    data = container.pack(header, [(container.LATENTS, container.pack_tiles(chunks))])
    decoded = large.decode(data)
    assert decoded.std() > 50
    assert np.array_equal(small.decode(data), decoded)
    assert np.array_equal(small.decode(data, (70, 100, 61, 3)), decoded[100:103, 70:131])


def test_the_synthesis_net_sees_no_further_than_windows_are_grown(codec: Codec) -> None:
    """At most 32 px, the rest of the reach being the wavelet's: 28 px of three levels."""
    assert codec.bundle.has("synthesis")
    assert transform.ENHANCING_REACH.before == transform.ENHANCING_REACH.after >= 28 + 32
    random = np.random.default_rng(6)
    seen = random.integers(100, 156, (spec.SYNTHESIS_SEEN, 40, 40), dtype=np.uint8)
    far = 32 // spec.SYNTHESIS_PX
    found = np.zeros((40, 40), bool)
    for value in (0, 255):
        changed = seen.copy()
        changed[:48, 20, 20] = value
        (before,), (after,) = codec.networks.run("synthesis", seen), codec.networks.run("synthesis", changed)
        found |= (before != after).any(axis=0)
    if not found.any():
        pytest.skip("the net of this bundle corrects nothing")
    assert np.abs(np.argwhere(found) - 20).max() <= far


def test_a_synthesis_net_that_sees_32_px_yields_the_same_in_any_window(
    codec: Codec, cam: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose every output depends on what is 32 px above, below and to both sides, and on nothing between."""

    def net(seen: np.ndarray) -> np.ndarray:
        around = np.pad(seen[:48].astype(int) - 128, ((0, 0), (8, 8), (8, 8)))
        total = around[:, :-16, 8:-8] + around[:, 16:, 8:-8] + around[:, 8:-8, :-16] + around[:, 8:-8, 16:]
        return (total // 4 + 128).clip(0, 255).astype(np.uint8)

    run = Networks.run
    monkeypatch.setattr(
        Networks, "run", lambda self, name, *given: [net(*given)] if name == "synthesis" else run(self, name, *given)
    )
    data, enhanced = codec.encode(cam, 80), Codec(threads=1, enhance=True)
    decoded = enhanced.decode(data)
    assert psnr(decoded, cam) < 29  # it is no good net, but it does something
    for tile_px in (64, 128):
        assert np.array_equal(Codec(threads=1, tile_px=tile_px, enhance=True).decode(data), decoded)
    assert np.array_equal(enhanced.decode(data, (130, 70, 50, 40)), decoded[70:110, 130:180])


def test_coefficients_are_the_same_in_any_window_bit_for_bit(codec: Codec, photo: np.ndarray) -> None:
    whole = pyramid(codec).transform(photo)
    assert [grid.shape for grid in whole.packed] == [(36, 192 >> n, 256 >> n) for n in range(2, 7)]
    assert whole.z.shape == (12, 3, 4)
    for tile_px in (64, 128, 192):
        found = pyramid(Codec(threads=1, tile_px=tile_px)).transform(photo)
        for mine, its in zip((whole.z, *whole.packed), (found.z, *found.packed), strict=True):
            assert mine.dtype == its.dtype and np.array_equal(mine, its)


@pytest.mark.parametrize("kept_px, threads", [(0, 1), (0, 3), (1 << 22, 1), (1 << 22, 3)])
def test_tiles_of_a_picture_have_its_coefficients_bit_for_bit(
    cam: np.ndarray, kept_px: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the fine ones are kept, as of a small picture, or made for each tile anew, as of a large one."""
    monkeypatch.setattr(transform, "KEPT_PX", kept_px)
    there, tiles = transform.Forward(cam, 64, threads), squares(transform.whole_of(cam), 128)
    for subsampled in (True, False, True):
        whole = transform.forward(cam, subsampled, 1024)
        found = each(functools.partial(there.of, subsampled=subsampled), tiles, threads)
        for tile, one in zip(tiles, found, strict=True):
            its = whole.of(tile)
            assert its.size == one.size and len(its.packed) == len(one.packed) == spec.LEVELS
            assert all(map(np.array_equal, (one.z, *one.packed), (its.z, *its.packed)))


def test_coarse_levels_see_no_further_than_is_looked_at(codec: Codec) -> None:
    level, random = pyramid(codec).prior.at_level(140), np.random.default_rng(1)
    whole, near = Area(0, 0, 1152, 1152), Area(512, 576, 640, 640)
    strides = (64, 64, 32)
    grids = [
        random.integers(-2000, 2000, (channels, *whole.shape(stride))).astype(np.int16)
        for channels, stride in zip((spec.Z, spec.PACKED, spec.PACKED), strides, strict=True)
    ]

    def low(reach: int) -> np.ndarray:
        wide = near.grown(Reach(reach, reach), spec.STRIDE_PX, whole)
        seen = [grid[:, *wide.on(stride)] for grid, stride in zip(grids, strides, strict=True)]
        return transform.low_band(level, seen)[:, *near.within(wide, 8)]

    assert transform.COARSE_REACH == Reach(256, 256)
    assert np.array_equal(low(256), low(2048))
    assert not np.array_equal(low(128), low(2048))


@pytest.mark.parametrize("height, width", [(1, 1), (64, 65), (100, 3), (150, 203)])
def test_a_picture_goes_on_beyond_its_edges_as_it_is_there(
    codec: Codec, photo: np.ndarray, height: int, width: int
) -> None:
    picture = photo[:height, :width]
    full = np.pad(picture, ((0, -height % 64), (0, -width % 64), (0, 0)), mode="edge")
    mine, its = pyramid(codec).transform(picture), pyramid(codec).transform(full)
    assert all(map(np.array_equal, (mine.z, *mine.packed), (its.z, *its.packed)))


def test_the_largest_coefficients_are_clamped_where_16_bits_do_not_hold_them(codec: Codec) -> None:
    """Black and white as the filters have their signs, for each level and band: one of 34815 at level 3."""
    largest = 0.0
    for number in range(1, spec.LEVELS + 1):
        low, high = filters(number)
        for first, second in ((high, low), (low, high), (high, high)):
            picture = np.where(np.outer(first, second) > 0, 255, 0).astype(np.uint8)[:, :, None].repeat(3, 2)
            kept = colours.unpack(pyramid(codec).transform(picture).packed[number - 1])
            signals = colours.to_colours(picture)
            for _ in range(number):
                signals, exact = wavelet.split(signals)
            if number <= transform.FINE_LEVELS:
                largest = max(largest, float(np.abs(exact).max()))
                exact = np.rint(exact).clip(-32767, 32767)
            assert np.array_equal(kept, exact)
    assert 34800 < largest < 34830


def filters(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what samples weigh in a low and in a high coefficient of a level, one in the middle of a row of 512."""
    found = np.eye(512, dtype=np.float32)
    for _ in range(number):
        found, high = found[0::2].copy(), found[1::2].copy()
        wavelet._lift(found[None], high[None], 1, wavelet._LIFTING, True)
    return found[len(found) // 2], high[len(high) // 2]


def hostile(codec: Codec, level: Level, shape: tuple[int, int], seed: int) -> Latents:
    """Return symbols of a tile, a share of those that are coded drawn from all that 16 bits can be."""
    random = np.random.default_rng(seed)

    least = random.integers(0, 20, 16) * random.integers(0, 2, 16)
    shifts = [tuple(random.integers(-8, 8, bands).tolist()) for bands in spec.PART_BANDS]
    if level.subsampled:
        least[-1], shifts[-1] = 0, (0,) * spec.PART_BANDS[-1]
    corrected = Corrections(tuple(least.tolist()), tuple(shifts))

    def code(number: int, mean: np.ndarray, gain: np.ndarray, index: np.ndarray) -> Part:
        index = corrected.of(number, index, pyramid(codec).prior.top_index)
        found = random.integers(-65535, 65536, index.shape).astype(np.int32)
        found[(index == 0) | (random.random(found.shape) < 0.7)] = 0
        return Part(Scales(codec.bundle.tables, index.ravel()), found)

    return pyramid(codec).predict(level, shape, code)._replace(corrections=corrected)


def same(found: Latents, expected: Latents) -> None:
    """Fail unless all symbols, indexes and values of two tiles are equal."""
    for mine, its in zip(found.parts, expected.parts, strict=True):
        assert np.array_equal(mine.index, its.index) and np.array_equal(mine.symbols, its.symbols)
    assert all(map(np.array_equal, found.values, expected.values))


def test_a_region_decodes_only_the_tiles_that_it_needs(
    codec: Codec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those within 64 px for details and 512 px more for what is coarse, each once."""
    monkeypatch.setattr("runtime.codec.TILE_PX", 64)
    strip = np.tile(photo[:60], (1, 8, 1))
    data = codec.encode(strip, 60)
    whole = codec.decode(data)
    read: list[Area] = []
    family_read = Pyramid.read

    def watched(self: Pyramid, header: Header, tile: Area, reader: PartReader) -> Latents:
        read.append(tile)
        return family_read(self, header, tile, reader)

    monkeypatch.setattr(Pyramid, "read", watched)
    for x, most in ((0, 10), (700, 20), (1590, 11)):
        read.clear()
        assert np.array_equal(codec.decode(data, (x, 20, 30, 30)), whole[20:50, x : x + 30])
        assert 0 < len(read) <= most  # of 26


# -- parts and layers --------------------------------------------------------------------------------------------------


def test_coded_bytes_are_close_to_the_tables_entropy(codec: Codec, cam: np.ndarray) -> None:
    level = codec.bundle.level(80)
    latents = pyramid(codec).quantise(pyramid(codec).transform(cam), level)
    bits = sum(pyramid(codec).costs.bits(part.coded, part.scales.coded) for part in latents.parts)
    coded = codec.encode(cam, 80, subsampling="4:4:4")
    # a group of values in one symbol can cost a little less than its values one by one
    assert 0.97 * bits <= 8 * len(coded) <= 1.015 * bits + 8 * 32


def test_a_symbol_beyond_16_bits_decodes_as_the_largest_value(codec: Codec, photo: np.ndarray) -> None:
    """A stream may hold it: so 8 times a symbol of 60000 is as good as the largest of 16 bits."""
    level_byte = codec.bundle.level(50)
    level = pyramid(codec).prior.at_level(level_byte)
    latents = pyramid(codec).quantise(pyramid(codec).transform(photo[:64, :64]), level_byte)
    z = latents.parts[0].symbols
    z[0, 0, 0], z[1, 0, 0] = 60_000, -60_000

    def code(number: int, mean: np.ndarray, gain: np.ndarray, index: np.ndarray) -> Part:
        return Part(Scales(codec.bundle.tables, index.ravel()), np.zeros(index.shape, np.int32) if number else z)

    latents = pyramid(codec).predict(level, (1, 1), code)
    header = Header(64, 64, level_byte, codec.bundle.id, 64, False, False)
    found = read_tile(codec, header, Area(0, 0, 64, 64), b"".join(pack_tile(codec, header, coded(latents))))
    same(found, latents)
    assert found.values[0][:2, 0, 0].tolist() == [32767, -32768]


@pytest.mark.parametrize("subsampling, parts", [("4:4:4", 16), ("4:2:0", 15)])
def test_a_prefix_of_the_layers_is_readable(codec: Codec, photo: np.ndarray, subsampling: str, parts: int) -> None:
    """The stream of one tile is ordered z, then levels 5, 4, 3, 2, 1: a reader may stop after any part."""
    header, sections = container.unpack(codec.encode(photo, 100, subsampling=subsampling))
    latents = pyramid(codec).quantise(pyramid(codec).transform(photo, parts < 16), header.level)
    ends = pyramid(codec).layer_ends(header)
    assert len(latents.parts) == parts and ends == (10, 13, parts)
    reader = PartReader(codec.bundle.tables, sections[container.LATENTS], parts, known_flags=3)
    corrections.unpack(reader.flags, reader.side, parts, pyramid(codec).prior.top_index, spec.PART_BANDS)
    for part in latents.parts[:7]:
        assert np.array_equal(reader.read(part.scales), part.symbols.ravel())
    chunks, whole = pack_tile(codec, header, coded(latents)), padded(photo.shape[0], photo.shape[1], 64)
    assert b"".join(chunks) == sections[container.LATENTS]
    for layers in (1, 2, 3):
        found = read_tile(codec, header, whole, b"".join(chunks[:layers]), layers)
        count = ends[layers - 1]
        same(Latents(found.parts[:count], ()), Latents(latents.parts[:count], ()))
        assert not any(part.coded.any() for part in found.parts[count:])
        with pytest.raises(StreamError):
            read_tile(codec, header, whole, b"".join(chunks[:layers])[:-1], layers)


def test_what_the_encoder_knows_of_a_picture_is_what_the_decoder_makes(codec: Codec, photo: np.ndarray) -> None:
    level = codec.bundle.level(75)
    for subsampling in ("4:4:4", "4:2:0"):
        latents = pyramid(codec).quantise(pyramid(codec).transform(photo, subsampling == "4:2:0"), level)
        decoded = codec.decode(codec.encode(photo, 75, subsampling=subsampling))
        assert np.array_equal(pyramid(codec).reconstruct(latents, level, photo.shape[:2]), decoded)


# -- chroma ------------------------------------------------------------------------------------------------------------


def subsampled(codec: Codec, picture: np.ndarray, quality: float) -> bool:
    """Return whether the codec by itself leaves out the finest details of chroma."""
    return container.unpack(codec.encode(picture, quality))[0].subsampled


def test_4_2_0_is_4_4_4_without_the_finest_details_of_chroma(codec: Codec, photo: np.ndarray) -> None:
    level = codec.bundle.level(85)
    half, full = (pyramid(codec).quantise(pyramid(codec).transform(photo, without), level) for without in (True, False))
    same(Latents(half.parts, ()), Latents(full.parts[:-1], ()))
    assert full.values[-1][12:].any() and np.array_equal(half.values[-1], full.values[-1][:12])
    full.values[-1][12:] = 0
    mine, its = (pyramid(codec).reconstruct(latents, level, photo.shape[:2]) for latents in (half, full))
    assert np.array_equal(mine, its)


def test_fewer_and_fewer_pictures_do_without_fine_chroma_the_better_they_shall_be(codec: Codec) -> None:
    """Red stripes on green, stronger and stronger: gray is never coded in full, stripes of all strength are."""
    stripes = np.full((64, 64, 3), 55, np.uint8)
    choices = []
    for strength in (0, 4, 16, 40, 200):
        stripes[:, ::2, 0] = 55 + strength
        choices.append([subsampled(codec, stripes, quality) for quality in (1, 30, 50, 75, 90, 100)])
    assert all(choices[0]) and not any(choices[-1])
    for row in choices:
        assert row == sorted(row, reverse=True)
    for column in zip(*choices, strict=True):
        assert list(column) == sorted(column, reverse=True)
    assert subsampled(codec, np.random.default_rng(0).integers(0, 256, (99, 99), np.uint8), 100)


def test_the_choice_may_change_with_the_level_of_one_encoder(codec: Codec, photo: np.ndarray) -> None:
    for levels in ((40, 220, 40), (220, 40, 220)):
        at_level = encoder(codec, photo)
        found = [at_level(level) for level in levels]
        assert found == [encoder(codec, photo)(level) for level in levels]
        assert len({container.unpack(data)[0].subsampled for data in found}) == 2


def haar(picture: np.ndarray) -> np.ndarray:
    """Return squares of the finest chroma details, on average, of the 2 x 2 square that begins at each pixel (H, W)."""
    edged = np.pad(picture.astype(float), ((0, 1), (0, 1), (0, 0)), "edge")
    red, green, blue = np.moveaxis(edged, 2, 0)
    found = np.zeros(picture.shape[:2])
    for colour in ((red - blue) / 2**0.5, (red + blue - 2 * green) / 6**0.5):
        square = np.stack([colour[y : y + len(picture), x : x + picture.shape[1]] for y in (0, 1) for x in (0, 1)])
        found += ((square - square.mean(0)) ** 2).sum(0) / 6
    return found


@pytest.mark.parametrize("height, width", [(1, 1), (1, 50), (50, 1), (2, 2), (7, 9), (64, 64), (150, 203), (256, 40)])
def test_chroma_detail_is_that_of_the_haar_wavelet(photo: np.ndarray, height: int, width: int) -> None:
    picture = np.tile(photo, (2, 1, 1))[:height, :width]
    found = haar(picture)
    squares = [found[y : y + 64, x : x + 64].sum() / 64**2 for y in range(0, height, 64) for x in range(0, width, 64)]
    assert chroma.chroma_detail(picture) == pytest.approx(max(found.mean(), max(squares) / 8))


def test_chroma_detail_of_a_large_picture_is_about_that_of_all_its_rows() -> None:
    noise = np.random.default_rng(0).normal(128, 20, (700, 300, 3)).astype(np.uint8)
    assert chroma.chroma_detail(noise) == pytest.approx(haar(noise).mean(), rel=0.02)


@pytest.mark.parametrize("pitch", [8, 16, 32])
@pytest.mark.parametrize("height, top, left", [(200, 0, 0), (1000, 3, 5), (1000, 900, 500)])
def test_lines_of_red_in_a_corner_are_coded_in_full(codec: Codec, pitch: int, height: int, top: int, left: int) -> None:
    """As of text: half of the rows are empty, and half of the picture is gray."""
    picture = np.full((height, 640, 3), 100, np.uint8)
    lines = np.random.default_rng(1).integers(0, 2, (pitch // 2, 100), np.uint8) * np.uint8(155)
    for row in range(top, min(top + 4 * pitch, height - pitch), pitch):
        picture[row : row + pitch // 2, left : left + 100, 0] += lines
    assert chroma.chroma_detail(picture) > pyramid(codec).prior.at_level(codec.bundle.level(75)).chroma_unseen


# -- corrections -------------------------------------------------------------------------------------------------------


def corrections_of(codec: Codec, data: bytes) -> list[Corrections]:
    """Return what each tile of a stream corrects."""
    header, sections = container.unpack(data)
    tiles = tiles_of(codec, header)
    chunks = container.unpack_tiles(sections[container.LATENTS], len(tiles), 3)
    return [
        read_tile(codec, header, tile, b"".join(chunk)).corrections for tile, chunk in zip(tiles, chunks, strict=True)
    ]


@pytest.mark.parametrize("name", PYRAMIDS)
@pytest.mark.parametrize("size", [16, 100, 1100])
def test_what_no_network_expects_is_coded_all_the_same(name: str, size: int) -> None:
    """Columns of red and blue, in one tile and in several: their chroma is all in details that photographs lack."""
    picture = np.zeros((40, size, 3), np.uint8)
    picture[:, 0::2, 0], picture[:, 1::2, 2] = 255, 255
    codec = Codec(name)
    for quality in (75, 100):
        data = codec.encode(picture, quality)
        assert psnr(codec.decode(data), picture) > 30
        assert NO_CORRECTIONS not in corrections_of(codec, data)
    data = codec.encode(picture, 75, subsampling="4:2:0")
    assert psnr(codec.decode(data), picture) < 10


@pytest.mark.parametrize("name", PYRAMIDS)
def test_the_highest_quality_has_48_db_of_pictures(name: str, cam: np.ndarray, photo: np.ndarray) -> None:
    codec = Codec(name)
    noise = np.random.default_rng(1).integers(0, 256, photo.shape, dtype=np.uint8)
    for picture, least in ((cam, 48), (photo, 48), (noise, 45)):
        assert psnr(codec.decode(codec.encode(picture, 100)), picture) > least


def test_corrections_make_a_photograph_smaller(codec: Codec, cam: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes for its PSNR: a hundredth of the bytes is worth 0.06 dB or so."""
    with_corrections = [codec.encode(cam, quality) for quality in (20, 50, 75)]
    monkeypatch.setattr(corrections, "best", lambda exact, index, bands, costs: (0, (0,) * bands))
    plain = [codec.encode(cam, quality) for quality in (20, 50, 75)]
    assert all(corrections_of(codec, data) == [NO_CORRECTIONS] for data in plain)
    for mine, other in zip(with_corrections, plain, strict=True):
        more_db = psnr(codec.decode(mine), cam) - psnr(codec.decode(other), cam)
        assert len(mine) / len(other) - 1 < more_db / 6


def test_an_odd_part_of_a_picture_is_coded_and_costs_no_more_elsewhere(codec: Codec, cam: np.ndarray) -> None:
    """A photograph of two tiles, with a square of red and blue columns in the second one."""
    plain = np.tile(cam, (2, 4, 1))[:256, :1280]
    odd = plain.copy()
    patch = odd[90:154, 1100:1164]
    patch[:], patch[:, 0::2, 0], patch[:, 1::2, 2] = 0, 255, 255
    chunks = []
    for picture in (plain, odd):
        data = codec.encode(picture, 75, subsampling="4:4:4")
        chunks.append(container.unpack_tiles(container.unpack(data)[1][container.LATENTS], 2, 3))
    assert psnr(codec.decode(data)[90:154, 1100:1164], patch) > 30
    first, second = zip(*chunks, strict=True)
    assert abs(len(b"".join(first[1])) / len(b"".join(first[0])) - 1) < 0.01
    assert len(b"".join(second[1])) < len(b"".join(second[0])) + 12_000


@pytest.mark.parametrize("height, width", [(1, 1), (63, 70), (97, 129), (416, 600)])
def test_what_lies_beyond_the_picture_costs_next_to_nothing(
    codec: Codec, height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.tile(np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8), (7, 10, 1))[:height, :width]
    data = codec.encode(picture, 75)
    monkeypatch.setattr(Coefficients, "needed", lambda self, level: (1 << 20, 1 << 20))
    coded = codec.encode(picture, 75)
    assert len(data) <= len(coded) and psnr(codec.decode(data), picture) > psnr(codec.decode(coded), picture) - 0.3


def test_each_channel_of_a_level_is_in_one_part() -> None:
    """As FORMAT.md, section 2 lists them: phases 0 and 3 of luma, phases 1 and 2, chroma."""
    parts = [np.arange(spec.PACKED)[rows].tolist() for rows in ROWS]
    assert parts == [[0, 3, 4, 7, 8, 11], [1, 2, 5, 6, 9, 10], [*range(12, 36)]]


def test_a_bundle_without_a_synthesis_net_has_nothing_to_enhance_pixels_with(photo: np.ndarray) -> None:
    lite = Codec("lite", threads=1, enhance=True)
    data = lite.encode(photo, 90)
    decoded = lite.decode(data)
    assert decoded.shape == photo.shape and not lite.bundle.has("synthesis")
    assert "synthesis" not in lite.networks._sessions
    assert np.array_equal(Codec("lite", threads=1).decode(data), decoded)
