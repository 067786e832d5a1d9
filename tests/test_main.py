"""One name for all commands: python -m runtime, and gargalo where it is installed."""

import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from runtime import __version__, native
from runtime.__main__ import COMMANDS, main
from runtime.pictures.read import read
from runtime.pictures.write import write

Capture = pytest.CaptureFixture[str]
PROJECT = Path(__file__).parents[1]


def test_every_command_is_a_module_with_a_main() -> None:
    for name in COMMANDS:
        assert callable(import_module(f"runtime.{name}").main)


def test_a_picture_goes_there_and_back(tmp_path: Path, capfd: Capture) -> None:
    write(tmp_path / "cam.png", np.full((16, 16, 3), 90, np.uint8))
    assert main(["compress", str(tmp_path / "cam.png"), "-q", "60"]) == 0
    assert main(["info", str(tmp_path / "cam.gar")]) == 0
    assert main(["decompress", str(tmp_path / "cam.gar"), "-o", str(tmp_path / "back.png")]) == 0
    assert np.abs(read(tmp_path / "back.png").pixels.astype(int) - 90).max() < 8
    assert "16 x 16 px" in capfd.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["info", ""],
        ["view", ""],
        ["bundles", ""],
        ["desktop", "thumbnail", "", "x.png"],
        ["compress", "a.png", "--bundle", ""],
        ["capture", "--source", "0", "--every", "1s", "-o", ""],
    ],
)
def test_an_empty_name_is_not_taken_for_this_folder(words: list[str], capfd: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2 and "it has no name; is a variable of the shell empty?" in capfd.readouterr().err


def test_a_command_s_exit_status_and_line_are_those_of_its_module(tmp_path: Path, capfd: Capture) -> None:
    assert main(["compress", str(tmp_path / "nothere.jpg")]) == 1
    assert capfd.readouterr().err == f"gargalo: {tmp_path / 'nothere.jpg'}: No such file or directory\n"


@pytest.mark.parametrize("words", [["-h"], ["--help"]])
def test_help_names_the_commands_on_stdout(words: list[str], capfd: Capture) -> None:
    assert main(words) == 0
    out, err = capfd.readouterr()
    assert err == "" and all(f"\n  {name} " in out for name in COMMANDS)


def test_help_of_a_command_is_what_it_says_itself(capfd: Capture) -> None:
    told = []
    for words in (["help", "info"], ["info", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
        told.append(capfd.readouterr().out)
    assert told[0] == told[1] and "runtime.info" in told[0]
    assert main(["help"]) == 0 and "usage: gargalo COMMAND" in capfd.readouterr().out


@pytest.mark.parametrize(
    "words, told",
    [([], "no command given"), (["zip"], "zip is not a command"), (["help", "zip"], "zip is not a command")],
)
def test_what_is_no_command_ends_with_2_and_the_usage(words: list[str], told: str, capfd: Capture) -> None:
    assert main(words) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith(f"gargalo: {told}\nusage: ")


def test_the_version_is_the_package_s(capfd: Capture) -> None:
    assert main(["--version"]) == 0
    assert capfd.readouterr().out == f"gargalo {__version__}, array functions: {native.name}\n"


def test_python_m_runtime_is_the_same(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "runtime", "info", str(tmp_path)], capture_output=True, cwd=PROJECT)
    assert done.returncode == 1 and done.stderr.startswith(b"gargalo: ") and done.stdout == b""


@pytest.mark.parametrize(
    "module, missing", [("models.train", "torch"), ("export", "onnx"), ("benchmarks.report", "tqdm")]
)
def test_a_command_of_a_clone_names_the_packages_that_it_lacks(module: str, missing: str) -> None:
    words = [sys.executable, "-S", "-m", module]  # -S: without any package that is installed
    done = subprocess.run(words, capture_output=True, text=True, cwd=PROJECT)
    assert (done.returncode, done.stdout) == (1, "")
    assert missing in done.stderr and "pip install -e" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["bench", "compress", "info", "capture", "thumbnail"])
def test_help_speaks_of_the_name_that_was_called(name: str, monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    for called, expected in (("/usr/bin/gargalo", f"gargalo {name}"), ("x/runtime/__main__.py", f"runtime.{name}")):
        monkeypatch.setattr(sys, "argv", [called, name])
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
        out = capfd.readouterr().out
        assert f"usage: {'' if called.endswith('gargalo') else 'python -m '}{expected} " in out
        assert f"  {'' if called.endswith('gargalo') else 'python -m '}{expected} " in out.split("examples:")[1]


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    """As `| head -1` does: no complaint, and the status that shells give to a broken pipe."""
    for number in range(3):
        write(tmp_path / f"{number}.png", np.zeros((8, 8, 3), np.uint8))
    command = f"{sys.executable} -m runtime compress {tmp_path}/*.png | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, cwd=PROJECT)
    assert done.returncode == 141 and done.stderr == b""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_while_a_command_is_loaded_ends_it_without_a_traceback() -> None:
    early = "import signal, sys, runtime.__main__ as m; m.import_module = lambda _: signal.raise_signal(signal.SIGINT)"
    ended = subprocess.run(
        [sys.executable, "-c", f"{early}; m.main(['info', 'cam.gar'])"], capture_output=True, timeout=120
    )
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("words", [["help"], ["--version"]])
def test_a_full_disk_is_one_line(words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "runtime", *words]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=PROJECT)
    assert done.returncode == 1 and done.stderr.startswith("gargalo: ") and done.stderr.count("\n") == 1
