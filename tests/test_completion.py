"""Shell completion: every shell has a text, and bash completes with it what the parsers know."""

import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from runtime.__main__ import COMMANDS
from runtime.cli.options import picture_bundles
from runtime.completion import SHELLS, main

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_all_commands(shell: str, capfd: Capture) -> None:
    pytest.importorskip("shtab")
    assert main([shell]) == 0
    out = capfd.readouterr().out
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_the_names_of_bundles(shell: str, capfd: Capture) -> None:
    pytest.importorskip("shtab")
    main([shell])
    out = capfd.readouterr().out
    assert all(name in out for name in picture_bundles()) and "thumbnail" in out


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    "words, expected",
    [
        (["gargalo", "dec"], ["decompress"]),
        (["gargalo", "compress", "--target-s"], ["--target-size", "--target-ssimulacra2"]),
        (["gargalo", "compress", "--subsampling", "4"], ["4:4:4", "4:2:0"]),
        (["gargalo", "info", "ca"], ["cam.gar"]),
        (["gargalo", "compress", "--bundle", "na"], ["nano"]),
        (["gargalo", "decompress", "--bundle", "m"], ["mine"]),
        (["gargalo", "thumbnail", "--bundle", "t"], ["thumbnail"]),
    ],
)
def test_bash_completes(words: list[str], expected: list[str], tmp_path: Path, capfd: Capture) -> None:
    pytest.importorskip("shtab")
    main(["bash"])
    (tmp_path / "completion").write_text(capfd.readouterr().out)
    (tmp_path / "cam.gar").touch()
    (tmp_path / "mine").mkdir()
    script = f"""
source completion
COMP_WORDS=({" ".join(words)}) COMP_CWORD={len(words) - 1}
function=$(complete -p gargalo | sed 's/.*-F \\([^ ]*\\).*/\\1/')
$function gargalo {words[-1]} {words[-2]}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert [word.strip() for word in done.stdout.split()] == expected


def test_without_shtab_one_line_says_how_to_get_it(capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["bash"]) == 1
    out, err = capfd.readouterr()
    assert (out, err) == ("", "gargalo: completion needs the package shtab; pip install 'gargalo[completion]'\n")


def test_a_shell_that_is_none_is_refused(capfd: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["cmd.exe"])
    assert ended.value.code == 2 and "invalid choice" in capfd.readouterr().err


def test_every_command_gives_its_parser() -> None:
    for name in COMMANDS:
        assert import_module(f"runtime.{name}").arguments().description
