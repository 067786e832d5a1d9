"""The manual page: every option of every command is in it, and troff takes it without a warning."""

import re
import shutil
import subprocess
from importlib import import_module

import pytest

from runtime.__main__ import COMMANDS
from runtime.man import _text, main


@pytest.fixture
def page(capfd: pytest.CaptureFixture[str]) -> str:
    assert main([]) == 0
    return capfd.readouterr().out


def test_every_option_of_every_command_is_told(page: str) -> None:
    sections = dict(re.findall(r"^\.SH GARGALO (\w+)\n(.*?)(?=^\.SH)", page, re.MULTILINE | re.DOTALL))
    assert [name.lower() for name in sections] == list(COMMANDS)
    for name in COMMANDS:
        found = sections[name.upper()]
        for action in import_module(f"runtime.{name}").arguments()._actions:
            assert all(_text(option) in found for option in action.option_strings)
            assert _text((action.help or "").replace("%%", "%")) in found


def test_examples_are_those_of_the_installed_command(page: str) -> None:
    assert r"gargalo compress cam.jpg" in page and "python" not in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff")
def test_troff_has_nothing_to_complain_of(page: str) -> None:
    done = subprocess.run(["groff", "-man", "-ww", "-z"], input=page, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_troff_would_take_for_a_command_is_text() -> None:
    assert _text(".gar files") == r"\&.gar files" and _text("a\\b-c") == r"a\eb\-c"
