"""The decompress command, in-process: the mirror of test_compress."""

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from runtime import codec as shared
from runtime import incomplete
from runtime.codec import Codec
from runtime.decompress import main
from runtime.errors import StreamError
from runtime.pictures.read import read
from runtime.pictures.write import encode

LINE = re.compile(r"(\S+) \S+ (B|KiB|MiB) -> (\S+) \S+ (B|KiB|MiB), 64x48 px, \d+ ms\n")


@pytest.fixture
def cam(tmp_path: Path, codec: Codec) -> Path:
    """A .gar file of 48 rows and 64 columns."""
    noise = np.random.default_rng(3).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    path = tmp_path / "cam.gar"
    path.write_bytes(codec.encode(cv2.GaussianBlur(noise, (9, 9), 3).astype(np.uint8), 40))
    return path


def failure(argv: list[str | Path], capfd: pytest.CaptureFixture[str]) -> str:
    """Run main, which must fail with exactly one line on stderr and none on stdout; return it."""
    assert main([str(word) for word in argv]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("gargalo: ") and err.count("\n") == 1 and err.endswith("\n")
    return err


def test_it_writes_a_png_beside_the_stream_and_prints_one_line(
    cam: Path, codec: Codec, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(cam)]) == 0
    written = cam.with_suffix(".png")
    assert np.array_equal(read(written).pixels, codec.decode(cam.read_bytes()))
    out, err = capfd.readouterr()
    match = LINE.fullmatch(out)
    assert match is not None and match[1] == str(cam) and match[3] == str(written)
    assert err == ""
    assert sorted(path.name for path in cam.parent.iterdir()) == ["cam.gar", "cam.png"]


@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        (".png", b"\x89PNG"),
        (".jpg", b"\xff\xd8\xff"),
        (".webp", b"RIFF"),
        (".tif", b"II*\0"),
        (".ppm", b"P6"),
        (".BMP", b"BM"),
    ],
)
def test_the_suffix_decides_the_format(suffix: str, start: bytes, cam: Path) -> None:
    output = cam.parent / f"out{suffix}"
    assert main([str(cam), "-o", str(output), "--threads", "1"]) == 0
    assert output.read_bytes().startswith(start)
    assert read(output).pixels.shape == (48, 64, 3)


def test_dash_writes_a_png_to_stdout(cam: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main([str(cam), "-o", "-"]) == 0
    out, err = capfdbinary.readouterr()
    assert out.startswith(b"\x89PNG") and b" 64x48 px, " in err
    assert list(cam.parent.iterdir()) == [cam]


def test_an_existing_output_is_kept_without_f_and_replaced_with_it(
    cam: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = cam.with_suffix(".png")
    output.write_bytes(b"old")
    assert "use -f" in failure([cam], capfd)
    assert output.read_bytes() == b"old"
    assert main([str(cam), "-f"]) == 0
    assert output.read_bytes() != b"old"


def test_a_stream_cut_at_any_byte_is_one_line_and_leaves_nothing(cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = cam.read_bytes()
    cut = cam.parent / "cut.gar"
    for length in range(len(data)):
        cut.write_bytes(data[:length])
        failure([cut], capfd)
    assert sorted(path.name for path in cam.parent.iterdir()) == ["cam.gar", "cut.gar"]


def test_a_stream_with_a_flipped_bit_is_one_line(cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = cam.read_bytes()
    for at in range(0, len(data), max(1, len(data) // 100)):
        cam.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        failure([cam], capfd)


@pytest.mark.parametrize("name", ["cam.jpg", "cam.txt", "empty.gar", "missing.gar"])
def test_what_is_no_stream_is_one_line(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    picture = encode(np.zeros((8, 8, 3), np.uint8), ".jpg")
    data = {"cam.jpg": picture, "cam.txt": b"dear diary\n", "empty.gar": b""}.get(name)
    if data is not None:
        (tmp_path / name).write_bytes(data)
    assert name in failure([tmp_path / name], capfd)
    assert not (tmp_path / name).with_suffix(".png").exists()


def test_a_folder_without_streams_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cam.png").write_bytes(b"")
    assert "is a folder" in failure([tmp_path], capfd)


@pytest.mark.parametrize(("suffix", "start"), [("jpg", b"\xff\xd8\xff"), (".WebP", b"RIFF"), ("tif", b"II*\0")])
def test_s_names_the_format(suffix: str, start: bytes, cam: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main([str(cam), "-s", suffix]) == 0
    assert cam.with_suffix("." + suffix.strip(".").lower()).read_bytes().startswith(start)
    capfdbinary.readouterr()
    assert main([str(cam), "-s", suffix, "-o", "-"]) == 0
    assert capfdbinary.readouterr().out.startswith(start)


def test_two_formats_at_once_are_refused(cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "two formats" in failure([cam, "-s", "jpg", "-o", cam.parent / "x.png"], capfd)
    assert "no picture format" in failure([cam, "-s", "gif"], capfd)


@pytest.mark.parametrize("name", ["out", "out.gif", "out.gar"])
def test_a_suffix_that_names_no_picture_is_refused(name: str, cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert ".png" in failure([cam, "-o", cam.parent / name], capfd)
    assert list(cam.parent.iterdir()) == [cam]


def test_alpha_that_is_opaque_everywhere_is_no_loss_for_jpeg(codec: Codec, tmp_path: Path) -> None:
    pixels = np.full((20, 30, 4), 255, np.uint8)
    (tmp_path / "logo.gar").write_bytes(codec.encode(pixels))
    assert main([str(tmp_path / "logo.gar"), "-o", str(tmp_path / "logo.jpg")]) == 0
    assert read(tmp_path / "logo.jpg").pixels.shape == (20, 30, 3)


def test_alpha_survives_in_png_and_is_refused_for_jpeg(
    tmp_path: Path, codec: Codec, capfd: pytest.CaptureFixture[str]
) -> None:
    image = np.random.default_rng(3).integers(0, 256, (16, 16, 4), dtype=np.uint8)
    path = tmp_path / "logo.gar"
    path.write_bytes(codec.encode(image))
    assert "alpha" in failure([path, "-o", tmp_path / "logo.jpg"], capfd)
    assert main([str(path)]) == 0
    assert np.array_equal(read(tmp_path / "logo.png").pixels[..., 3], image[..., 3])


@pytest.mark.parametrize("argv", [[], ["--no-such-flag", "x"], ["a", "-s"]])
def test_wrong_usage_exits_with_2(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2


@pytest.fixture
def tiled(cam: Path, codec: Codec, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A .gar file of 128 rows and 64 columns in two tiles."""
    monkeypatch.setattr("runtime.codec.TILE_PX", 64)
    noise = np.random.default_rng(3).integers(0, 256, (128, 64, 3), dtype=np.uint8)
    path = cam.parent / "tiled.gar"
    path.write_bytes(codec.encode(cv2.GaussianBlur(noise, (5, 5), 1).astype(np.uint8), 100))
    return path


def test_a_region_is_written_alone(cam: Path, codec: Codec, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([str(cam), "--region", "8,4,20,30", "--tile", "64"]) == 0
    assert "20x30 px" in capfd.readouterr().out
    whole = codec.decode(cam.read_bytes())
    assert np.array_equal(read(cam.with_suffix(".png")).pixels, whole[4:34, 8:28])


def test_bits_per_pixel_of_a_region_are_the_file_s(cam: Path, codec: Codec, capfd: pytest.CaptureFixture[str]) -> None:
    height, width = codec.decode(cam.read_bytes()).shape[:2]
    assert main([str(cam), "--region", "1,2,3,4", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["bpp"] == round(8 * cam.stat().st_size / (height * width), 4)


def test_damage_names_salvage(cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cam.write_bytes(cam.read_bytes()[:-1])
    assert main([str(cam)]) == 1
    assert "--salvage" in capfd.readouterr().err


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_damage_that_shows_late_leaves_no_file(
    tiled: Path, suffix: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of a PNG are written as they are decoded, and the last tile fails."""

    def fails(codec: Codec, header: Any, tile: Any, data: bytes) -> Any:
        if tile.top:
            raise StreamError("the last tile is damaged")
        return read_tile(codec, header, tile, data)

    read_tile = shared.read_tile
    monkeypatch.setattr(shared, "read_tile", fails)
    before = sorted(tiled.parent.iterdir())
    assert f"{tiled}: the last tile is damaged" in failure([tiled, "-s", suffix], capfd)
    assert sorted(tiled.parent.iterdir()) == before
    assert main([str(tiled), "-s", suffix, "-o", "-"]) == 1
    assert capfd.readouterr().out == ""


def test_enhance_corrects_pixels(cam: Path, tiled: Path, codec: Codec) -> None:
    corrected = Codec(threads=1, enhance=True)
    data, layers = cam.read_bytes(), tiled.read_bytes()
    whole = corrected.decode(data)
    assert main([str(cam), "--enhance", "-f"]) == 0
    assert np.array_equal(read(cam.with_suffix(".png")).pixels, whole)
    assert not np.array_equal(whole, codec.decode(data))
    assert main([str(cam), "--enhance", "--region", "8,4,20,30", "-f"]) == 0
    assert np.array_equal(read(cam.with_suffix(".png")).pixels, whole[4:34, 8:28])
    for layer in (0, 1, 2):
        assert main([str(tiled), "--enhance", "--layer", str(layer), "-f"]) == 0
        preview = incomplete.preview(corrected, layers, layer + 1)
        assert np.array_equal(read(tiled.with_suffix(".png")).pixels, preview)
        assert not np.array_equal(preview, incomplete.preview(codec, layers, layer + 1))


@pytest.mark.parametrize("region", ["1,2,3", "0,0,65,1", "0,0,0,0", "-1,0,5,5", "a,b,c,d", "1e3,0,1,1", ""])
def test_a_wrong_region_is_one_line(region: str, cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "region" in failure([cam, f"--region={region}"], capfd)
    assert list(cam.parent.iterdir()) == [cam]


def test_a_layer_of_a_file_that_has_not_all_come(tiled: Path, codec: Codec, capfd: pytest.CaptureFixture[str]) -> None:
    data = tiled.read_bytes()
    tiled.write_bytes(data[: len(data) // 2])
    assert main([str(tiled), "--layer", "0"]) == 0
    assert np.array_equal(read(tiled.with_suffix(".png")).pixels, incomplete.preview(codec, data, 1))
    capfd.readouterr()
    failure([tiled, "--layer", "2", "-f"], capfd)
    tiled.write_bytes(data)
    assert main([str(tiled), "--layer", "2", "-f"]) == 0
    assert np.array_equal(read(tiled.with_suffix(".png")).pixels, codec.decode(data))


def test_salvage_writes_what_is_left_names_the_rest_and_exits_with_3(
    tiled: Path, cam: Path, codec: Codec, capfd: pytest.CaptureFixture[str]
) -> None:
    data = tiled.read_bytes()
    whole = codec.decode(data)
    assert main([str(tiled), "--salvage"]) == 0
    assert capfd.readouterr().err == ""
    assert np.array_equal(read(tiled.with_suffix(".png")).pixels, whole)
    tiled.write_bytes(data[:-10] + bytes([data[-10] ^ 1]) + data[-9:])
    assert main([str(tiled), str(cam), "--salvage", "-f"]) == 3
    err = capfd.readouterr().err
    assert err.count("\n") == 1 and "tiled.gar: tile 1 of 64x64 pixels at 0,64: all but its finest details" in err
    assert read(tiled.with_suffix(".png")).pixels.shape == (128, 64, 3)
    tiled.write_bytes(data[:12])
    failure([tiled, "--salvage", "-f"], capfd)


def test_a_limit_on_pixels_is_one_line(cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "limit is 3071" in failure([cam, "--max-pixels", "3071"], capfd)
    assert "--max-pixels" in failure([cam, "--max-pixels", "0"], capfd)
    assert main([str(cam), "--max-pixels", "3072"]) == 0


@pytest.mark.parametrize("side", ["0", "100", "x"])
def test_a_wrong_tile_is_one_line(side: str, cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "tile" in failure([cam, "--tile", side], capfd)


def test_a_bound_is_told_and_lost_with_its_section(
    tmp_path: Path, codec: Codec, capfd: pytest.CaptureFixture[str]
) -> None:
    """The picture is written all the same, and the exit status tells."""
    pixels = np.random.default_rng(4).integers(90, 140, (40, 30, 3), dtype=np.uint8)
    path = tmp_path / "cam.gar"
    path.write_bytes(codec.encode(pixels, 20, max_error=0))
    assert main([str(path), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["max_error"] == 0
    assert np.array_equal(read(path.with_suffix(".png")).pixels, pixels)
    data = path.read_bytes()
    for damaged in (data[:-50] + bytes([data[-50] ^ 1]) + data[-49:], data[:-50]):
        path.write_bytes(damaged)
        assert main([str(path), "--json", "-f"]) == 3
        out, err = capfd.readouterr()
        assert json.loads(out)["max_error"] is None and "samples may be off by more" in err and err.count("\n") == 1
        assert np.array_equal(read(path.with_suffix(".png")).pixels, codec.decode(codec.encode(pixels, 20)))


def test_a_target_without_a_suffix_gets_the_format_that_is_named(tmp_path: Path, codec: Codec) -> None:
    (tmp_path / "cam.gar").write_bytes(codec.encode(np.zeros((8, 9, 3), np.uint8)))
    assert main([str(tmp_path / "cam.gar"), "-s", "ppm", "-o", str(tmp_path / "raw")]) == 0
    assert (tmp_path / "raw").read_bytes().startswith(b"P6")
    assert main([str(tmp_path / "cam.gar"), "-s", "ppm", "-o", "/dev/null"]) == 0
    assert main([str(tmp_path / "cam.gar"), "-o", str(tmp_path / "other")]) == 1


def test_follow_waits_for_what_makes_the_picture_exact(
    tmp_path: Path, codec: Codec, small_photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, data = tmp_path / "cam.gar", codec.encode(small_photo, 20, max_error=0)
    path.write_bytes(data)
    monkeypatch.setattr("runtime.decompress.growth", lambda path: iter([data[:9], data[:-50], data]))
    assert main([str(path), "--follow"]) == 0
    assert np.array_equal(read(path.with_suffix(".png")).pixels, small_photo)
