"""The recurrent family from pixels to bytes and back: prefixes, budgets, tiles, windows, damage, growing files."""

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from broken_streams import Parts
from streams import error, expect_pictures_or_codec_errors, flipped

from runtime import codec as shared
from runtime import container, decompress, incomplete, search
from runtime.areas import Area, Reach, padded
from runtime.codec import Codec, encoder, parts_in
from runtime.container import LATENTS, Header
from runtime.entropy.tile_stream import ideal_bits
from runtime.errors import BundleError, InputError, StreamError, TruncatedError
from runtime.families.recurrent import codes, family, spec, transform
from runtime.families.recurrent.codes import Prior
from runtime.families.recurrent.family import Rate, Recurrent
from runtime.pictures.read import read

LEVEL = 150


@pytest.fixture(scope="module")
def picture(photo: np.ndarray) -> np.ndarray:
    """128 x 192 pixels: six tiles of 64."""
    return np.ascontiguousarray(photo[:128, :192])


@pytest.fixture(scope="module")
def six(progressive: Codec, picture: np.ndarray) -> bytes:
    """A stream of six tiles."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared, "TILE_PX", 64)
        return progressive.encode(picture, 80, {container.XMP: b"<x/>"})


def recurrent(codec: Codec) -> Recurrent:
    assert isinstance(codec.family, Recurrent)
    return codec.family


# -- the transform -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [3, 4, 5])
def test_coefficients_give_the_pixels_back(levels: int, photo: np.ndarray) -> None:
    """In steps so small that nothing is lost but rounding; also where windows are smaller than the picture."""
    whole = padded(photo.shape[0], photo.shape[1], 2 << levels)
    grids = transform.forward(photo, levels, 64)
    steps = [np.full(spec.PACKED, 1 / 64, np.float32) for _ in grids]
    values = [np.rint(transform.in_steps(grid, steps[0])).astype(np.int32) for grid in grids]
    pixels = np.empty((*whole.shape(1), 3), np.uint8)
    for part, rgb in transform.inverse(steps, lambda _: values, whole, 1024, whole, 64):
        pixels[part.on(1)] = rgb
    assert error(pixels[:150, :203], photo) < 0.02


def test_unpacking_is_the_inverse_of_packing() -> None:
    details = np.arange(9 * 6 * 8).reshape(9, 6, 8)
    assert np.array_equal(transform.unpack(transform.pack(details)), details)
    rows, columns = np.indices((6, 8))
    halves = transform.pack(np.broadcast_to((rows + columns) % 2, (9, 6, 8))).reshape(2, 18, 3, 4)
    assert (halves[0] == 0).all() and (halves[1] == 1).all()


# -- rates -------------------------------------------------------------------------------------------------------------


def test_each_level_is_a_sixteenth_of_an_octave_below_the_one_before(progressive: Codec) -> None:
    steps = recurrent(progressive).prior.steps.astype(float)
    thresholds = [steps[rate.offset] * rate.scale for rate in map(Rate.of, range(recurrent(progressive).top_level + 1))]
    assert len(thresholds) == 16 * 12
    for before, after in zip(thresholds[:-1], thresholds[1:], strict=True):
        assert np.allclose(before / after, 2 ** (1 / 16))


def test_the_network_sees_thresholds_in_eighths_of_an_octave() -> None:
    assert [family.octaves(0, 0), family.octaves(0, 8), family.octaves(1, 0), family.octaves(11, 15)] == [
        104,
        100,
        96,
        9,
    ]


def test_starts_are_packed_in_halves_of_bytes() -> None:
    for starts in ([1, 2, 3, 15], [1, 2, 3, 4, 5]):
        assert family.unpack_starts(family.pack_starts(starts), len(starts)) == starts
    with pytest.raises(StreamError, match="behind the first planes"):
        family.unpack_starts(b"\x12\x31", 3)


# -- whole streams -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("height, width", [(1, 1), (1, 70), (32, 32), (64, 64), (65, 129), (150, 203)])
@pytest.mark.parametrize("kind", ["gray", "RGB", "RGBA"])
def test_pictures_of_any_size_and_kind_come_back(
    kind: str, height: int, width: int, progressive: Codec, photo: np.ndarray
) -> None:
    rgb = photo[:height, :width]
    picture = {"gray": rgb[:, :, 1], "RGB": rgb, "RGBA": np.dstack([rgb, rgb[:, :, 0]])}[kind]
    errors = []
    for quality in (20, 60, 100):
        decoded = progressive.decode(progressive.encode(picture, quality))
        assert decoded.shape == picture.shape and decoded.dtype == np.uint8
        assert kind != "RGBA" or np.array_equal(decoded[:, :, 3], picture[:, :, 3])
        errors.append(error(decoded, picture))
    assert errors[2] < 4 and (height * width < 1000 or errors[2] < errors[1] < errors[0])


def test_bytes_are_what_the_tables_promise(progressive: Codec, picture: np.ndarray) -> None:
    """Most of its codes are nearly certain, and there a state may grow by a little less than its logarithm."""
    whole = Area(0, 0, 128, 192)
    coded = progressive.family.analyse(picture, {}).code(LEVEL, whole)
    header = Header(192, 128, LEVEL, bytes(8), 1024, False, False)
    coded_bytes = sum(map(len, shared.pack_tile(progressive, header, coded)))
    ideal = ideal_bits(coded.parts) / 8
    assert 0.995 * ideal < coded_bytes < 1.005 * ideal + 8


def test_no_coefficient_is_farther_off_than_its_threshold(progressive: Codec, picture: np.ndarray) -> None:
    """But those that a thrifty encoder leaves out, and those where nothing is coded: then the error is larger."""
    net, whole = recurrent(progressive), Area(0, 0, 128, 192)
    analysis, rate = net.analyse(picture, {}), Rate.of(LEVEL)
    header = Header(192, 128, LEVEL, bytes(8), 1024, False, False)
    data = b"".join(shared.pack_tile(progressive, header, analysis.code_more(LEVEL, whole, 20)))
    grids = shared.read_tile(progressive, header, whole, data)
    for index, grid in enumerate(grids):
        exact = transform.in_steps(analysis._coefficients[index], net.prior.steps[rate.offset][index]) / rate.scale
        off = np.abs(grid / 256 - exact)
        assert np.mean(off > 1.01) < 0.01 and off.mean() < 0.5


def test_a_size_can_be_met_to_the_byte(
    progressive: Codec, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in (1500, 4001):
        data = progressive.encode(picture, target_size=limit)
        assert limit - 2 <= len(data) <= limit
    analysed, seen = encoder(progressive, picture), []
    for more in (-1, -0.3, 0, 0.3, 1):
        data = analysed(100, more)
        seen.append((len(data), -error(progressive.decode(data), picture)))
    assert seen == sorted(seen) and seen[-1][0] > seen[0][0]
    six = partial(progressive.encode, picture, target_size=6001)
    monkeypatch.setattr(shared, "TILE_PX", 64)
    assert 5990 <= len(six()) <= 6001


def test_a_psnr_can_be_asked_for(progressive: Codec, picture: np.ndarray) -> None:
    decoded = progressive.decode(progressive.encode(picture, target_psnr=36))
    assert abs(search.psnr(picture, decoded) - 36) < 0.3


# -- prefixes ----------------------------------------------------------------------------------------------------------


def test_every_prefix_is_a_picture_and_longer_ones_are_better(progressive: Codec, picture: np.ndarray) -> None:
    """It ends behind the last iteration that is whole; each of these is shown as soon as its last byte is there."""
    data = progressive.encode(picture, 60)
    all_parts = 9 * Rate.of(container.unpack(data)[0].level).planes
    parts, errors = [], []
    begin = len(data) - len(container.unpack(data)[1][LATENTS]) - 4 + 40
    for end in range(begin, len(data), 97):
        saved = incomplete.salvage(progressive, data[:end])
        assert saved.pixels.shape == picture.shape
        assert saved.parts == all_parts or len(saved.damage) == 1
        parts.append(saved.parts)
        errors.append(error(saved.pixels, picture))
    assert parts == sorted(parts) and len({*parts}) > 12
    for turn in range(1, len(errors)):
        assert parts[turn] > parts[turn - 1] or errors[turn] == errors[turn - 1]
    assert errors[0] > 10 * errors[-1] and sum(b > a for a, b in zip(errors[:-1], errors[1:], strict=True)) < 4
    saved = incomplete.salvage(progressive, data)
    assert saved.damage == [] and np.array_equal(saved.pixels, progressive.decode(data))


def test_a_prefix_of_several_tiles_is_a_picture(progressive: Codec, six: bytes, picture: np.ndarray) -> None:
    errors = []
    for share in (0.2, 0.4, 0.6, 0.8, 0.95):
        saved = incomplete.salvage(progressive, six[: int(share * len(six))])
        errors.append(error(saved.pixels, picture))
    assert errors == sorted(errors, reverse=True) and len({*errors}) == 5


def test_layers_are_planes(progressive: Codec, picture: np.ndarray, six: bytes) -> None:
    for data in (progressive.encode(picture, 80), six):
        header = container.unpack(data)[0]
        planes = Rate.of(header.level).planes
        previews = [incomplete.preview(progressive, data, layers) for layers in range(1, planes + 1)]
        errors = [error(preview, picture) for preview in previews]
        assert errors[3:] == sorted(errors[3:], reverse=True)
        assert np.array_equal(previews[-1], progressive.decode(data))
        with pytest.raises(InputError, match=f"the stream has 1 to {planes}"):
            incomplete.preview(progressive, data, planes + 1)


def test_layers_cost_little(progressive: Codec, picture: np.ndarray) -> None:
    """Iterations have no lengths in a stream, whose header and checksums take 31 bytes."""
    data = progressive.encode(picture[:16, :16], 1)
    assert len(data) < 60


def test_parts_in_counts_the_whole_ones(progressive: Codec, picture: np.ndarray) -> None:
    data = progressive.encode(picture, 60)
    header, sections = container.unpack(data)
    whole = Area(0, 0, 128, 192)
    every = recurrent(progressive).layer_ends(header)[-1]
    assert parts_in(progressive, header, whole, sections[LATENTS]) == every
    assert parts_in(progressive, header, whole, sections[LATENTS][:-1]) < every
    assert parts_in(progressive, header, whole, b"") == 0
    assert parts_in(progressive, header, whole, sections[LATENTS] + b"\0") == 0


# -- growing files -----------------------------------------------------------------------------------------------------


def test_follow_shows_a_growing_file_until_it_is_whole(
    progressive: Codec, picture: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = progressive.encode(picture, 70)
    cam, out = tmp_path / "cam.gar", tmp_path / "cam.png"
    cam.write_bytes(b"")
    shown: list[float] = []
    status: list[int] = []
    arguments = [str(cam), "-o", str(out), "--follow", "--bundle", str(progressive.bundle.folder), "--quiet"]
    monkeypatch.setattr("runtime.cli.follow.PAUSE_S", 0.01)
    following = threading.Thread(target=lambda: status.append(decompress.main(arguments)), daemon=True)
    following.start()
    for turn in range(1, 5):
        before = out.stat().st_mtime_ns if out.exists() else 0
        cam.write_bytes(data[: turn * len(data) // 4])
        until = time.monotonic() + 300
        while not out.exists() or out.stat().st_mtime_ns == before:
            assert time.monotonic() < until
            time.sleep(0.01)
        shown.append(error(read(out).pixels, picture))
    following.join(300)
    assert status == [0] and shown == sorted(shown, reverse=True) and len({*shown}) == 4
    assert np.array_equal(read(out).pixels, progressive.decode(data))
    assert [path.name for path in tmp_path.iterdir()] == ["cam.gar", "cam.png"] or len([*tmp_path.iterdir()]) == 2


def test_follow_shows_the_file_that_takes_the_place_of_another(
    progressive: Codec, picture: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (progressive.encode(each, 70) for each in (picture, 255 - picture))
    cam, out = tmp_path / "cam.gar", tmp_path / "cam.png"
    cam.write_bytes(first)
    shown: list[np.ndarray] = []

    def states(path: Path) -> Iterator[bytes]:
        for data in (first[:-9], first[:-900], second[:-900], second):
            yield data
            shown.append(read(out).pixels)

    monkeypatch.setattr("runtime.decompress.growth", states)
    assert decompress.main([str(cam), "--follow", "--bundle", str(progressive.bundle.folder), "--quiet"]) == 0
    assert np.array_equal(shown[0], shown[1]), "less of the same file is no news"
    assert np.array_equal(shown[2], incomplete.salvage(progressive, second[:-900]).pixels)
    assert np.array_equal(read(out).pixels, progressive.decode(second))


@pytest.mark.parametrize("where", ["first", "last"])
def test_follow_tells_what_is_wrong_with_a_file(
    where: str, progressive: Codec, picture: np.ndarray, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = progressive.encode(picture, 70)
    cam = tmp_path / "cam.gar"
    cam.write_bytes(flipped(data, 0 if where == "first" else len(data) - 1))
    assert decompress.main([str(cam), "--follow", "--bundle", str(progressive.bundle.folder)]) == 1
    assert capfd.readouterr().err.count("\n") == 1 and not cam.with_suffix(".png").exists()


def test_follow_needs_names(capfd: pytest.CaptureFixture[str]) -> None:
    assert decompress.main(["-", "--follow"]) == 1
    assert "give names in place of -" in capfd.readouterr().err


def test_a_layer_that_is_none_is_refused_in_words(
    progressive: Codec, picture: np.ndarray, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cam = tmp_path / "cam.gar"
    cam.write_bytes(progressive.encode(picture, 1))
    planes = Rate.of(progressive.bundle.level(1)).planes
    assert decompress.main([str(cam), "--layer", "40", "--bundle", str(progressive.bundle.folder)]) == 1
    assert f"has layers 0 to {planes - 1}" in capfd.readouterr().err


# -- tiles and windows -------------------------------------------------------------------------------------------------


def test_pixels_do_not_follow_the_windows_they_are_computed_in(progressive: Codec, photo: np.ndarray) -> None:
    rows, columns = np.mgrid[0:320, 0:1152]
    large = np.pad(photo, ((0, 170), (0, 949), (0, 0)), "reflect")
    large[rows > columns / 4] //= 2
    data = progressive.encode(large, 90)
    whole = progressive.decode(data)
    assert np.array_equal(Codec(progressive.bundle.folder, threads=1, tile_px=64).decode(data), whole)
    for region in ((0, 0, 64, 64), (500, 100, 130, 70), (1151, 319, 1, 1), (64, 64, 64, 64)):
        x, y, width, height = region
        assert np.array_equal(progressive.decode(data, region), whole[y : y + height, x : x + width])


def test_what_is_seen_beyond_a_window_is_needed(
    progressive: Codec, monkeypatch: pytest.MonkeyPatch, photo: np.ndarray
) -> None:
    """Without it pixels near a window's edge are others: the test above can fail."""
    data = progressive.encode(np.pad(photo, ((0, 0), (0, 949), (0, 0)), "reflect"), 90)
    whole = progressive.decode(data)
    for name in ("REACH", "COARSE_REACH"):
        with monkeypatch.context() as patch:
            patch.setattr(transform, name, Reach(0, 0))
            assert not np.array_equal(progressive.decode(data, (512, 64, 64, 64)), whole[64:128, 512:576])


def test_tiles_are_coded_by_themselves(progressive: Codec, six: bytes, picture: np.ndarray) -> None:
    one = progressive.decode(progressive.encode(picture, 80))
    assert error(progressive.decode(six), picture) < 1.5 * error(one, picture)
    assert np.array_equal(progressive.decode(six, (60, 10, 50, 90)), progressive.decode(six)[10:100, 60:110])


# -- damage ------------------------------------------------------------------------------------------------------------


def test_damage_stays_near_its_tile_and_a_lost_one_looks_like_what_is_around_it(progressive: Codec, six: bytes) -> None:
    header, sections = container.unpack(six)
    layers = len(recurrent(progressive).layer_ends(header))
    chunks = container.unpack_tiles(sections[LATENTS], 6, layers)
    decoded, errors = progressive.decode(six), []
    for layer in (0, layers // 2, layers - 1):
        saved = incomplete.salvage(progressive, flipped(six, six.index(chunks[1][layer])))
        assert len(saved.damage) == 1 and saved.metadata == {container.XMP: b"<x/>"}
        errors.append(error(saved.pixels[:64, 64:128], decoded[:64, 64:128]))
        assert error(saved.pixels[:, 150:], decoded[:, 150:]) < 60
    assert errors == sorted(errors, reverse=True) and 0 < errors[-1] and errors[0] < 6000


def test_the_beginning_of_a_damaged_tile_is_shown(progressive: Codec, picture: np.ndarray) -> None:
    """It has no checksums inside: what comes behind may be wrong, and all of it mostly is."""
    data = progressive.encode(picture, 90)
    saved = incomplete.salvage(progressive, flipped(data, len(data) // 2))
    assert len(saved.damage) == 1 and error(saved.pixels, picture) < 900
    beginning = incomplete.salvage(progressive, data[: len(data) // 17])
    assert 0.5 < error(saved.pixels, picture) / error(beginning.pixels, picture) < 1.5


def test_salvage_of_a_prefix_says_so_and_exits_with_3(
    progressive: Codec, picture: np.ndarray, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cam = tmp_path / "cam.gar"
    cam.write_bytes(progressive.encode(picture, 60)[:1000])
    bundle = str(progressive.bundle.folder)
    assert decompress.main([str(cam), "--bundle", bundle]) == 1
    assert "--salvage decodes what is intact" in capfd.readouterr().err
    assert decompress.main([str(cam), "--salvage", "--bundle", bundle]) == 3
    err = capfd.readouterr().err
    assert err.count("\n") == 1 and " parts are left" in err
    assert error(read(cam.with_suffix(".png")).pixels, picture) < 900


def test_mutants_of_a_tile_give_a_picture_or_a_reason(progressive: Codec, picture: np.ndarray) -> None:
    """Flips and cuts behind the checksums; nothing but a StreamError, and no more memory than a whole stream needs."""
    parts, refused = Parts.of(progressive.encode(picture[:40, :56], 40)), 0
    body = dict(parts.sections)[LATENTS]
    random = np.random.default_rng(5)
    mutants = [flipped(body, at, 1 << int(random.integers(8))) for at in range(len(body))]
    mutants += [body[: int(random.integers(len(body)))] for _ in range(40)]
    mutants += [random.bytes(int(random.integers(1, 400))) for _ in range(60)]
    for mutant in mutants:
        try:
            assert progressive.decode(parts.with_section(LATENTS, mutant)).shape == (40, 56, 3)
        except StreamError:
            refused += 1
    assert refused > 0.8 * len(mutants)


def test_what_the_family_does_not_know_is_refused(progressive: Codec, picture: np.ndarray) -> None:
    parts = Parts.of(progressive.encode(picture[:20, :30], 20))
    body = dict(parts.sections)[LATENTS]
    with pytest.raises(StreamError, match="level 192 is above the bundle's highest, 191"):
        progressive.decode(parts.but(level=192))
    with pytest.raises(StreamError, match="flags 0x3"):
        progressive.decode(parts.with_section(LATENTS, bytes([body[0] | 0x20]) + body[1:]))
    with pytest.raises(StreamError, match="first planes"):
        progressive.decode(parts.with_section(LATENTS, body[:3] + bytes([body[3] | 1]) + body[4:]))
    with pytest.raises(TruncatedError):
        progressive.decode(parts.with_section(LATENTS, body[:2]))
    with pytest.raises(StreamError, match="means nothing"):
        progressive.decode(parts.but(flags=4))


def test_anything_is_a_picture_or_a_codec_error(progressive: Codec, six: bytes) -> None:
    expect_pictures_or_codec_errors(progressive, six, 10)


# -- bundles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, wrong",
    [
        ("base_a", np.zeros((14, 5, 36), np.int16)),
        ("base_a", np.zeros((12, 7, 36), np.int16)),
        ("base_a", np.zeros((12, 3, 36), np.int16)),
        ("base_b", np.zeros((12, 5, 35), np.int16)),
        ("base_b", np.full((12, 5, 36), 20000, np.int16)),
        ("fewer", np.zeros(24, np.int32)),
        ("place_zero", np.zeros((24, 24), np.int16)),
        ("magnitudes", np.full((2, 9), 128, np.uint8)),
        ("steps", np.zeros((16, 5, 36), np.float32)),
        ("frequencies", np.full((130, 4), 4096, np.uint16)),
    ],
)
def test_arrays_that_cannot_be_are_refused(name: str, wrong: np.ndarray, progressive: Codec) -> None:
    prior = recurrent(progressive).prior
    arrays: dict[str, Any] = {each: getattr(prior, each) for each in Prior.__dataclass_fields__}
    Prior(**arrays)
    with pytest.raises(BundleError, match="prior.npz of the bundle cannot be used"):
        Prior(**arrays | {name: wrong})


def test_an_encoder_leaves_out_what_is_not_worth_its_bits() -> None:
    """At log-odds 0 a code costs one bit: 1 / 5 of a squared threshold; it saves 2.9 u - 2.1 of them."""
    least = codes.least_worth(5.0)
    assert least[96] == pytest.approx(1.0) and least[0] > 1.9 and (np.diff(least) <= 0).all()
    assert (codes.least_worth(20.0) <= least).all()
