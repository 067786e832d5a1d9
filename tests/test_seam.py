"""The seam between families and shared code: a toy family of another shape goes through the whole codec."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from broken_streams import Parts
from gaussian_tables import gaussian_tables
from streams import chunk_at, error, expect_pictures_or_codec_errors, flipped
from toy_family import Toy

from runtime import codec as shared
from runtime import container, families, incomplete, info, search, spec
from runtime.areas import Area
from runtime.bundle import Bundle, bundle_id
from runtime.codec import Codec
from runtime.container import ALPHA, LATENTS, Header
from runtime.entropy.tile_stream import PartReader
from runtime.errors import BundleError, InputError, StreamError, TruncatedError
from runtime.families.pyramid.family import Pyramid
from runtime.search import Target


@pytest.fixture(scope="module", autouse=True)
def known() -> Iterator[None]:
    """The program knows the toy meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(families.FAMILIES, "toy", "toy_family")
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the toy: a manifest, tables, no graph."""
    path = tmp_path_factory.mktemp("weights") / "toy"
    path.mkdir()
    tables = gaussian_tables()
    names = ("frequencies", "radius", "index_table", "index_shift")
    np.savez(path / "prior.npz", **{name: getattr(tables, name) for name in names})
    levels = np.linspace(0, 60, 100).round().astype(int).tolist()
    named = {"format": spec.FORMAT, "family": "toy", "name": "toy", "id": bundle_id(path, Toy.traits.networks).hex()}
    (path / "manifest.json").write_text(json.dumps(named | {"quality_levels": levels, "sha256": {}}))
    return path


@pytest.fixture(scope="module")
def toy(folder: Path) -> Codec:
    return Codec(folder)


@pytest.fixture(scope="module")
def six(toy: Codec, photo: np.ndarray) -> bytes:
    """A stream of 2 x 3 tiles of 128 x 160 pixels, with metadata."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared, "TILE_PX", 64)
        return toy.encode(np.ascontiguousarray(photo[:128, :160]), 80, {container.XMP: b"<x/>"})


# -- whole streams -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("height, width", [(1, 1), (1, 70), (7, 9), (8, 8), (64, 64), (65, 129), (150, 203)])
@pytest.mark.parametrize("kind", ["gray", "RGB", "RGBA"])
def test_pictures_of_any_size_and_kind_come_back(
    kind: str, height: int, width: int, toy: Codec, photo: np.ndarray
) -> None:
    rgb = photo[:height, :width]
    picture = {"gray": rgb[:, :, 1], "RGB": rgb, "RGBA": np.dstack([rgb, rgb[:, :, 0]])}[kind]
    assert np.array_equal(toy.decode(toy.encode(picture, 100)), picture)  # the last level loses nothing
    decoded = toy.decode(toy.encode(picture, 20))
    assert decoded.shape == picture.shape and error(decoded, picture) < 64
    assert kind != "RGBA" or np.array_equal(decoded[:, :, 3], picture[:, :, 3])


def test_quality_costs_bytes(toy: Codec, photo: np.ndarray) -> None:
    data = [toy.encode(photo, quality) for quality in (1, 30, 60, 100)]
    errors = [error(toy.decode(each), photo) for each in data]
    assert errors == sorted(errors, reverse=True) and [*map(len, data)] == sorted(map(len, data))


def test_tiles_are_coded_by_themselves_and_a_region_reads_only_its_own(
    toy: Codec, six: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = toy.decode(six)
    tiles: list[Area] = []
    read = Toy.read

    def noted(self: Toy, header: Header, tile: Area, reader: PartReader) -> np.ndarray:
        tiles.append(tile)
        return read(self, header, tile, reader)

    monkeypatch.setattr(Toy, "read", noted)
    assert np.array_equal(toy.decode(six, (60, 10, 8, 20)), whole[10:30, 60:68])
    assert tiles == [Area(0, 0, 64, 64), Area(0, 64, 64, 128)]
    assert np.array_equal(toy.decode(six, (159, 127, 1, 1)), whole[127:, 159:])


def test_the_stride_is_the_family_s(folder: Path, photo: np.ndarray) -> None:
    """What is coded of 65 x 9 pixels is 72 x 16: the pyramid's strides would make it 128 x 64."""
    small = Codec(folder, tile_px=8)
    header, _ = container.unpack(small.encode(photo[:9, :65]))
    assert shared.tiles_of(small, header) == [Area(0, 0, 16, 72)]
    with pytest.raises(InputError, match="tile_px=12 is not a multiple of 8"):
        Codec(folder, tile_px=12)


def test_the_flag_of_the_header_is_the_family_s(toy: Codec, photo: np.ndarray) -> None:
    """The toy codes one channel of pictures without colours, whatever kind they are of."""
    for picture, gray in ((photo, False), (photo[:, :, 0], True), (photo[:, :, :1].repeat(3, 2), True)):
        data = toy.encode(picture, 100)
        assert container.unpack(data)[0].flag == gray
        assert np.array_equal(toy.decode(data), picture)


def test_sizes_and_psnr_can_be_asked_for(toy: Codec, photo: np.ndarray) -> None:
    limit = len(toy.encode(photo, 40))
    assert limit * 0.9 < len(search.encode(toy, photo, Target(size_bytes=limit))) <= limit
    decoded = toy.decode(search.encode(toy, photo, Target(psnr_db=36)))
    assert abs(search.psnr(photo, decoded) - 36) < 2


def test_options_are_those_of_the_family(toy: Codec, codec: Codec, photo: np.ndarray) -> None:
    gray = toy.decode(toy.encode(photo, 100, colours=False))
    assert np.array_equal(gray, photo[:, :, 1:2].repeat(3, 2))
    assert search.encode(toy, photo, Target(size_bytes=10**6), colours=False) == toy.encode(photo, 100, colours=False)
    assert toy.encode(photo, 50, subsampling="auto") == toy.encode(photo, 50)
    with pytest.raises(InputError, match="toy has no option subsampling, leave it out; its options: colours"):
        toy.encode(photo, 50, subsampling="4:2:0")
    with pytest.raises(InputError, match="standard has no option colours, leave it out; its options: subsampling"):
        codec.encode(photo, 50, colours=False)
    with pytest.raises(InputError, match="colours=3"):
        toy.encode(photo, 50, colours=3)


def test_any_codec_decodes_streams_of_any_shipped_family(
    folder: Path, toy: Codec, photo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path / "toy")
    shutil.copytree(Bundle.open("lite").folder, tmp_path / "lite")
    monkeypatch.setattr("runtime.bundle.WEIGHTS", tmp_path)
    lite = Codec("lite", threads=1)
    for one, other in ((toy, lite), (lite, toy)):
        data = one.encode(photo, 70)
        assert np.array_equal(other.decode(data), one.decode(data))
        assert np.array_equal(incomplete.preview(other, data, 1), incomplete.preview(one, data, 1))


def test_info_needs_no_family(toy: Codec, six: bytes, tmp_path: Path) -> None:
    (tmp_path / "toy.gar").write_bytes(six)
    table = "\n".join(info.table(info.facts(tmp_path / "toy.gar")))
    assert "160 x 128 px" in table and toy.bundle.id.hex() in table


# -- streams that are not whole ----------------------------------------------------------------------------------------


def test_each_of_four_layers_makes_a_better_picture(toy: Codec, six: bytes, photo: np.ndarray) -> None:
    one = toy.encode(photo[:128, :160], 80)
    for data in (one, six):
        previews = [incomplete.preview(toy, data, layers) for layers in (1, 2, 3, 4)]
        errors = [error(preview, photo[:128, :160]) for preview in previews]
        assert errors == sorted(errors, reverse=True) and len({*errors}) == 4
        assert np.array_equal(previews[3], toy.decode(data))
        assert np.array_equal(incomplete.preview(toy, data, 2, (9, 8, 70, 60)), previews[1][8:68, 9:79])
        with pytest.raises(InputError, match="layers=5 is out of range; the stream has 1 to 4"):
            incomplete.preview(toy, data, 5)
    half = six[: chunk_at(six, 0, 2, layers=4)]
    assert np.array_equal(incomplete.preview(toy, half, 2), incomplete.preview(toy, six, 2))
    with pytest.raises(TruncatedError):
        incomplete.preview(toy, half, 3)


def test_alpha_that_has_not_come_is_opaque(toy: Codec, photo: np.ndarray) -> None:
    data = toy.encode(np.dstack([photo, photo[:, :, 0]]), 50)
    early = data[: len(data) - len(container.unpack(data)[1][ALPHA]) - 4]
    assert (incomplete.preview(toy, early, 4)[:, :, 3] == 255).all()
    saved = incomplete.salvage(toy, early)
    assert (saved.pixels[:, :, 3] == 255).all() and saved.damage == ["the alpha plane is lost: the picture is opaque"]


def test_damage_stays_in_its_tile_and_layer(toy: Codec, six: bytes) -> None:
    decoded = toy.decode(six)
    words = ("lost", "a blurred picture", "a blurred picture", "all but its finest details")
    for layer, word in enumerate(words):
        saved = incomplete.salvage(toy, flipped(six, chunk_at(six, 1, layer, layers=4)))
        assert len(saved.damage) == 1 and saved.damage[0].startswith(f"tile 1 of 64x64 pixels at 64,0: {word}")
        assert saved.metadata == {container.XMP: b"<x/>"}
        there = decoded.copy()
        there[:64, 64:128] = saved.pixels[:64, 64:128]
        assert np.array_equal(saved.pixels, there) and not np.array_equal(there, decoded)
        assert layer == 0 or error(there[:64, 64:128], decoded[:64, 64:128]) < 600
    assert saved.pixels.shape == decoded.shape


def test_a_lost_tile_is_guessed_by_the_family(toy: Codec, six: bytes) -> None:
    saved = incomplete.salvage(toy, flipped(six, chunk_at(six, 4, 0, layers=4)))
    lost = saved.pixels[64:, 64:128]
    assert (lost == lost[:1, :1]).all() and lost.mean() > 20


@pytest.mark.parametrize("tiles", ["one", "six"])
def test_every_cut_is_saved_as_far_as_it_goes(tiles: str, toy: Codec, six: bytes, photo: np.ndarray) -> None:
    data = six if tiles == "six" else toy.encode(photo[:128, :160], 80)
    errors = []
    for share in (0.35, 0.55, 0.8, 0.99):
        saved = incomplete.salvage(toy, data[: int(share * len(data))])
        assert saved.damage
        errors.append(error(saved.pixels, photo[:128, :160]))
    assert errors == sorted(errors, reverse=True)
    with pytest.raises(StreamError):
        incomplete.salvage(toy, data[:20])


# -- streams that are wrong --------------------------------------------------------------------------------------------


def test_every_cut_and_a_flip_in_every_byte_are_noticed(toy: Codec, photo: np.ndarray) -> None:
    data = toy.encode(photo[:20, :30], 20)
    for end in range(len(data)):
        with pytest.raises(TruncatedError):
            toy.decode(data[:end])
        with pytest.raises(StreamError):
            toy.decode(flipped(data, end))


def test_bits_flipped_behind_the_checks_give_a_picture_or_a_reason(toy: Codec, photo: np.ndarray) -> None:
    parts, refused = Parts.of(toy.encode(photo[:20, :30], 20)), 0
    body = dict(parts.sections)[LATENTS]
    for at in range(len(body)):
        try:
            assert toy.decode(parts.with_section(LATENTS, flipped(body, at))).shape == (20, 30, 3)
        except StreamError:
            refused += 1
    assert refused > len(body) // 3


def test_what_the_family_does_not_know_is_refused(
    toy: Codec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A level above its last, flags of the header or of a tile that mean nothing to it, a side byte that it refuses."""
    parts = Parts.of(toy.encode(photo[:20, :30], 20))
    body = dict(parts.sections)[LATENTS]
    with pytest.raises(StreamError, match="level 61 is above the bundle's highest, 60"):
        toy.decode(parts.but(level=61))
    with pytest.raises(StreamError, match="flags 0x3"):
        toy.decode(parts.with_section(LATENTS, bytes([body[0] | 0x20]) + body[1:]))
    with pytest.raises(StreamError, match="offset of 255"):
        toy.decode(parts.with_section(LATENTS, body[:1] + b"\xff" + body[2:]))
    with pytest.raises(TruncatedError):
        toy.decode(parts.with_section(LATENTS, body[:1]))
    monkeypatch.setattr(Toy, "traits", Toy.traits._replace(header_flag=False))
    with pytest.raises(StreamError, match="means nothing to bundle toy"):
        toy.decode(parts.but(flags=4))


def test_an_unknown_family_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "toy")
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in ("wavelets", 5, ["toy"]):
        (tmp_path / "toy" / "manifest.json").write_text(json.dumps(manifest | {"family": name}))
        with pytest.raises(BundleError, match=f"^{tmp_path / 'toy'}: .*this gargalo knows pyramid, autoencoder, .*toy"):
            Codec(tmp_path / "toy")


def test_a_bundle_that_names_no_family_is_a_pyramid(codec: Codec) -> None:
    named = {name: value for name, value in codec.bundle.manifest.items() if name != "family"}
    assert families.find(replace(codec.bundle, manifest=named)) is type(codec.family) is Pyramid


def test_anything_is_a_picture_or_a_codec_error(toy: Codec, six: bytes) -> None:
    expect_pictures_or_codec_errors(toy, six, 60)
