"""The compress command, in-process: what it writes, what it prints, what it refuses."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from runtime import container
from runtime.codec import Codec
from runtime.compress import main
from runtime.console import size
from runtime.metrics.psnr import psnr
from runtime.metrics.ssim import ssim
from runtime.pictures import read as reading
from runtime.pictures.read import read
from runtime.pictures.write import encode, write

LINE = re.compile(r"(\S+) \S+ (B|KiB|MiB) -> (\S+) \S+ (B|KiB|MiB), \d+\.\d\d bpp, \d+ ms\n")


def soft_noise(*shape: int) -> np.ndarray:
    noise = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    return cv2.GaussianBlur(noise, (9, 9), 3)


@pytest.fixture
def cam(tmp_path: Path) -> Path:
    path = tmp_path / "cam.png"
    write(path, soft_noise(48, 64, 3))
    return path


def failure(argv: list[str | Path], capfd: pytest.CaptureFixture[str]) -> str:
    """Run main, which must fail with exactly one line on stderr and none on stdout; return it."""
    assert main([str(word) for word in argv]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("gargalo: ") and err.count("\n") == 1 and err.endswith("\n")
    return err


def test_networks_are_made_while_the_picture_is_read(cam: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    making, decode = threading.Event(), reading.decode

    def wait(*given: Any) -> reading.Picture:
        assert making.wait(60)
        return decode(*given)

    monkeypatch.setattr(reading, "decode", wait)
    monkeypatch.setattr("runtime.networks.sessions.Networks.load", lambda *_: making.set())
    assert main([str(cam), "--threads", "2"]) == 0


def test_it_writes_the_stream_beside_the_picture_and_prints_one_line(
    cam: Path, codec: Codec, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(cam)]) == 0
    written = cam.with_suffix(".gar")
    assert written.read_bytes() == codec.encode(read(cam).pixels, 75)
    out, err = capfd.readouterr()
    match = LINE.fullmatch(out)
    assert match is not None and match[1] == str(cam) and match[3] == str(written)
    assert f"{8 * written.stat().st_size / (48 * 64):.2f} bpp" in out
    assert err == ""
    assert sorted(path.name for path in cam.parent.iterdir()) == ["cam.gar", "cam.png"]


@pytest.mark.parametrize("quality", ["1", "50", "82.5", "100"])
def test_the_quality_reaches_the_codec(quality: str, cam: Path, codec: Codec) -> None:
    output = cam.parent / "other.gar"
    assert main([str(cam), "-q", quality, "-o", str(output)]) == 0
    assert output.read_bytes() == codec.encode(read(cam).pixels, float(quality))


@pytest.mark.parametrize("aim", [["-q", "90"], ["--target-bpp", "2"]])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_subsampling_reaches_the_codec(subsampling: str, aim: list[str], cam: Path) -> None:
    assert main([str(cam), *aim, "--subsampling", subsampling]) == 0
    header, _ = container.unpack(cam.with_suffix(".gar").read_bytes())
    assert header.subsampled == (subsampling == "4:2:0")


@pytest.mark.parametrize("shape", [(40, 24), (40, 24, 4), (1, 1, 3), (3, 500, 3)])
def test_gray_alpha_and_odd_sizes_come_back_in_shape(shape: tuple[int, ...], tmp_path: Path, codec: Codec) -> None:
    write(tmp_path / "p.png", soft_noise(*shape))
    assert main([str(tmp_path / "p.png")]) == 0
    assert codec.decode((tmp_path / "p.gar").read_bytes()).shape == shape


def test_an_existing_output_is_kept_without_f_and_replaced_with_it(
    cam: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = cam.with_suffix(".gar")
    output.write_bytes(b"old")
    assert "use -f" in failure([cam], capfd)
    assert output.read_bytes() == b"old"
    assert main([str(cam), "-f"]) == 0
    assert output.read_bytes() != b"old"


def test_dash_writes_the_stream_to_stdout_and_the_line_to_stderr(
    cam: Path, codec: Codec, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main([str(cam), "-o", "-"]) == 0
    out, err = capfdbinary.readouterr()
    assert out == codec.encode(read(cam).pixels, 75)
    assert b" bpp, " in err
    assert list(cam.parent.iterdir()) == [cam]


def test_sixteen_bits_give_a_warning_on_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "deep.png"), soft_noise(16, 16, 3).astype(np.uint16) * 257)
    assert main([str(tmp_path / "deep.png"), "--threads", "1"]) == 0
    out, err = capfd.readouterr()
    assert LINE.fullmatch(out)
    assert err.startswith("gargalo: warning: ") and "16-bit" in err and err.count("\n") == 1


@pytest.mark.parametrize("quality", ["0", "101", "abc", "-5", "nan", "inf", ""])
def test_a_quality_out_of_range_is_refused_with_the_range(
    quality: str, cam: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "from 1 to 100" in failure([cam, f"-q{quality}" if quality else "-q="], capfd)
    assert list(cam.parent.iterdir()) == [cam]


@pytest.mark.parametrize("threads", ["0", "-1", "two", "1e9"])
def test_a_senseless_number_of_threads_is_refused(threads: str, cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "--threads" in failure([cam, f"--threads={threads}"], capfd)


def bad_inputs(cam: Path) -> dict[str, tuple[bytes | None, str]]:
    png = cam.read_bytes()
    jpeg = encode(soft_noise(48, 64, 3), ".jpg")
    return {
        "missing.jpg": (None, "No such file"),
        "empty.jpg": (b"", "is empty"),
        "text.jpg": (b"dear diary\n" * 99, "is not a picture"),
        "half.png": (png[: len(png) // 2], "cut off"),
        "tail.png": (png[:-13], "cut off"),
        "half.jpg": (jpeg[: len(jpeg) // 2], "cut off"),
        "tail.jpg": (jpeg[:-2], "cut off"),
        "bits.png": (png[:60] + bytes([png[60] ^ 0x10]) + png[61:], "damaged"),
    }


@pytest.mark.parametrize(
    "name",
    "missing.jpg empty.jpg text.jpg half.png tail.png half.jpg tail.jpg bits.png".split(),
)
def test_a_bad_picture_is_one_line_and_leaves_nothing(name: str, cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data, reason = bad_inputs(cam)[name]
    path = cam.parent / name
    if data is not None:
        path.write_bytes(data)
    line = failure([path], capfd)
    assert reason in line and name in line
    assert not list(cam.parent.glob("*.gar")) and not list(cam.parent.glob(".*"))


def test_a_folder_without_pictures_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("dear diary")
    assert "is a folder" in failure([tmp_path], capfd)


def test_a_folder_in_the_place_of_the_output_is_refused(cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cam.with_suffix(".gar").mkdir()
    assert "is a folder" in failure([cam], capfd)


def test_the_input_is_never_the_output(cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before, cam = cam.read_bytes(), cam.rename(cam.with_suffix(""))
    assert "input and output" in failure([cam, "-o", cam, "-f"], capfd)
    assert cam.read_bytes() == before


@pytest.mark.parametrize(
    "name", ["x.jpg", "X.PNG", "x.webp", "x.tif", "x.heic", "x.jxl", "x.svg", "x.cr2", "a.b/x.gif"]
)
def test_a_stream_under_a_picture_s_name_is_refused(name: str, cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    line = failure([cam, "-f", "-o", cam.parent / name], capfd)
    assert f"give -o {cam.parent / name}"[:-4] in line and line.endswith(".gar\n")
    assert sorted(path.name for path in cam.parent.iterdir()) == ["cam.png"]


@pytest.mark.parametrize("name", ["x.gar", "x", "x.bin", "x.v2.gar"])
def test_other_names_are_the_user_s_choice(name: str, cam: Path) -> None:
    assert main([str(cam), "-o", str(cam.parent / name)]) == 0
    assert (cam.parent / name).read_bytes().startswith(container.MAGIC)


def test_a_folder_may_have_any_name(cam: Path) -> None:
    (cam.parent / "best.jpg").mkdir()
    assert main([str(cam), "-o", str(cam.parent / "best.jpg")]) == 0
    assert (cam.parent / "best.jpg" / "cam.gar").exists()


def test_a_folder_that_is_not_there_is_refused(cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "create it first" in failure([cam, "-o", cam.parent / "no" / "x.gar"], capfd)
    assert "create it first" in failure([cam, "-o", cam / "x.gar"], capfd)


def test_an_unwritable_folder_is_one_line(cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    locked = cam.parent / "locked"
    locked.mkdir(mode=0o500)
    if os.access(locked, os.W_OK):
        pytest.skip("this user may write everywhere")
    line = failure([cam, "-o", locked / "x.gar"], capfd)
    assert "Permission denied" in line and "x.gar" in line


def test_a_write_that_fails_is_one_line_and_leaves_nothing(
    cam: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "replace", refuse)
    line = failure([cam, "-f"], capfd)
    assert "Permission denied" in line and "cam.gar" in line
    assert list(cam.parent.iterdir()) == [cam]


def test_a_missing_bundle_is_one_line(cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "nowhere" in failure([cam, "--bundle", cam.parent / "nowhere"], capfd)
    assert list(cam.parent.iterdir()) == [cam]


@pytest.mark.parametrize("argv", [[], ["--no-such-flag", "x"], ["a", "-q"]])
def test_wrong_usage_exits_with_2(argv: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("command", ["compress", "decompress", "info"])
def test_help_ends_with_two_examples_and_loads_nothing_heavy(command: str) -> None:
    code = (
        f"import sys, atexit; from runtime.{command} import main\n"
        "atexit.register(lambda: print(sorted({'cv2', 'numpy', 'onnxruntime'} & {*sys.modules})))\n"
        "main(['--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    *text, loaded = done.stdout.splitlines()
    assert [line.split()[:3] for line in text[-2:]] == [["python", "-m", f"runtime.{command}"]] * 2
    assert loaded == "[]"


def test_a_simple_mistake_loads_nothing_heavy(cam: Path) -> None:
    code = (
        f"import sys; from runtime.compress import main; main([{str(cam)!r}, '-q', '0'])\n"
        "print(sorted({'cv2', 'numpy', 'onnxruntime'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("length_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (3174, "3.1 KiB"),
        (10 * 1024, "10 KiB"),
        (421_888, "412 KiB"),
        (12 * 2**20, "12.0 MiB"),
    ],
)
def test_sizes_are_for_people(length_bytes: int, text: str) -> None:
    assert size(length_bytes) == text


# --- what is told of a file -------------------------------------------------------------------------------------------


def test_verbose_tells_bits_quality_and_how_near_it_is(
    cam: Path, codec: Codec, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(cam), "-v", "-q", "60"]) == 0
    first, *rows = capfd.readouterr().out.splitlines()
    told = {row.split()[0]: row.split(maxsplit=1)[1] for row in rows}
    data, pixels = cam.with_suffix(".gar").read_bytes(), read(cam).pixels
    decoded = codec.decode(data)
    assert LINE.fullmatch(first + "\n") and list(told) == ["quality", "header", "LATENTS", "PSNR", "SSIM"]
    assert told["quality"].startswith("60, level ")
    bits = [int(told[name].split()[0].replace(",", "")) for name in ("header", "LATENTS")]
    assert sum(bits) == 8 * len(data)
    assert told["PSNR"] == f"{psnr(pixels, decoded):.2f} dB" and told["SSIM"] == f"{ssim(pixels, decoded):.5f}"


def test_verbose_goes_with_json_and_with_pictures_of_all_kinds(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, shape in {"gray": (20, 30), "alpha": (20, 30, 4), "tiny": (1, 1, 3)}.items():
        write(tmp_path / f"{name}.png", soft_noise(*shape))
    assert main([str(tmp_path), "-r", "-v", "--json"]) == 0
    alpha, gray, tiny = [json.loads(line)["details"] for line in capfd.readouterr().out.splitlines()]
    assert set(alpha["sections"]) == {"header", "LATENTS", "ALPHA"}
    assert gray["psnr_db"] > 20 and 0 < gray["ssim"] < 1 and tiny["ssim"] is None
    assert main([str(tmp_path / "tiny.png"), "-v", "-f"]) == 0
    assert "SSIM       the picture is too small for it" in capfd.readouterr().out


@pytest.mark.parametrize(
    "aim, told, key",
    [
        (["--target-psnr", "30"], r"bpp, \d\d\.\d\d dB, ", "psnr_db"),
        (["--target-ssimulacra2", "60"], r"bpp, SSIMULACRA 2 \d\d\.\d\d, ", "ssimulacra2"),
    ],
)
def test_what_a_target_reached_is_told(
    aim: list[str], told: str, key: str, cam: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(cam), *aim]) == 0
    assert re.search(told, capfd.readouterr().out)
    assert main([str(cam), *aim, "-f", "--json"]) == 0
    details = json.loads(capfd.readouterr().out)["details"]
    assert abs(details[key] - float(aim[1])) < 2 and 1 <= details["quality"] <= 100


def test_a_target_that_cannot_be_reached_is_a_warning(cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([str(cam), "--target-psnr", "99"]) == 0
    out, err = capfd.readouterr()
    assert err.startswith(f"gargalo: warning: {cam}: 99.00 dB cannot be reached") and err.count("\n") == 1
    assert re.search(r"taken, (\S+ dB)", err)[1] in out  # type: ignore[index]


def test_max_pixels_and_tile_are_taken(tmp_path: Path, codec: Codec, capfd: pytest.CaptureFixture[str]) -> None:
    image = np.random.default_rng(3).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    path = tmp_path / "p.png"
    write(path, image)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENCV_IO_MAX_IMAGE_PIXELS", "256000000")  # put back afterwards
        assert main([str(path), "--max-pixels", "1199"]) == 1
        assert "more than 1199 pixels" in capfd.readouterr().err
        assert main([str(path), "--max-pixels", "1200", "--tile", "64"]) == 0
    assert path.with_suffix(".gar").read_bytes() == codec.encode(image, 75)


@pytest.mark.parametrize("dry", [[], ["-n"]])
def test_the_bundle_of_thumbnails_is_refused_with_the_command_that_makes_them(
    dry: list[str], cam: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "gargalo thumbnail" in failure([cam, "--bundle", "thumbnail", *dry], capfd)
    assert not cam.with_suffix(".gar").exists()


@pytest.mark.parametrize("bound, told", [("0", "lossless"), ("2", "max error 2")])
def test_a_bound_on_errors_is_kept_and_told(
    bound: str, told: str, cam: Path, codec: Codec, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(cam), "--max-error", bound]) == 0
    assert f" bpp, {told}, " in capfd.readouterr().out
    decoded = codec.decode(cam.with_suffix(".gar").read_bytes())
    assert np.abs(decoded.astype(int) - read(cam).pixels).max() <= int(bound)


@pytest.mark.parametrize(
    "words, message",
    [
        (["--max-error", "-1"], "--max-error -1 is out of range; give a number from 0 to 127"),
        (["--max-error", "much"], "--max-error much is not a number"),
        (["--max-error", "0", "--target-size", "9KB"], "exclude each other"),
        (["--max-error", "0", "--target-psnr", "40"], "exclude each other"),
    ],
)
def test_a_bound_that_makes_no_sense_is_refused(
    words: list[str], message: str, cam: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert message in failure([cam, *words], capfd)
    assert not cam.with_suffix(".gar").exists()
