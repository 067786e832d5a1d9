"""python -m runtime.man: the manual page, made of the commands' parsers."""

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from runtime import __version__
from runtime.cli.options import Parser, parser
from runtime.cli.process import exit_status
from runtime.console import leave, naming

_EXAMPLES = """\
examples:
  python -m runtime.man > gargalo.1 && man ./gargalo.1
  python -m runtime.man > ~/.local/share/man/man1/gargalo.1
"""
_STATUS = {
    "0": "done; skipped files count as done",
    "1": "a file or an argument cannot be used, which a line on stderr tells",
    "2": "there is no such command or option",
    "3": "decompress or info found damage, and there is a picture all the same",
}
_ENVIRONMENT = {
    "GARGALO_NATIVE": "0 takes numpy, 1 insists on the compiled core",
    "GARGALO_DEBUG": "1 adds Python's traceback to an error",
}


def arguments() -> Parser:
    """Return the command's parser."""
    return parser("man", "Print the manual page.", _EXAMPLES)


def main(argv: list[str] | None = None) -> int:
    """Return 0 when done; argparse exits with 2."""
    arguments().parse_args(argv)
    return exit_status(show)


def show() -> None:
    """Print the page."""
    from runtime.__main__ import COMMANDS

    with naming("stdout"):
        print("\n".join(page(COMMANDS)), flush=True)


def page(commands: dict[str, str]) -> Iterator[str]:
    """Yield the lines of the page, in troff's macros man(7)."""
    yield f'.TH GARGALO 1 "" "gargalo {_text(__version__)}"'
    yield from (".SH NAME", r"gargalo \- a learned image codec for small machines")
    yield from (".SH SYNOPSIS", r".B gargalo \fICOMMAND\fR ...", ".br", r".B gargalo help \fICOMMAND\fR")
    yield from (".SH COMMANDS", *_list({f"gargalo {name}": what for name, what in commands.items()}))
    for name in commands:
        yield from _command(name, import_module(f"runtime.{name}").arguments())
    yield from (".SH EXIT STATUS", *_list(_STATUS))
    yield from (".SH ENVIRONMENT", *_list(_ENVIRONMENT))


def _command(name: str, arguments: Parser) -> Iterator[str]:
    """Yield what the page tells of a command: what it is for, its arguments, examples."""
    yield from (f".SH {_text('gargalo ' + name).upper()}", _text(arguments.description or ""))
    yield from _list({_called(action): (action.help or "").replace("%%", "%") for action in arguments._actions})
    examples = (arguments.epilog or "").splitlines()[1:]
    yield from (
        ".PP",
        "Examples:",
        ".PP",
        ".nf",
        *(f".RS 4\n{_text(line.strip().replace('python -m runtime.', 'gargalo '))}\n.RE" for line in examples),
        ".fi",
    )


def _called(action: Any) -> str:
    """Return an argument as it is written: -o OUT, --output OUT."""
    value = action.metavar or ("{" + ",".join(action.choices) + "}" if action.choices else action.dest.upper())
    if not action.option_strings:
        return f"{value}"
    return ", ".join(option if action.nargs == 0 else f"{option} {value}" for option in action.option_strings)


def _list(entries: dict[str, str]) -> Iterator[str]:
    """Yield a list of terms and what they mean."""
    for term, meaning in entries.items():
        yield from (".TP", f"\\fB{_text(term)}\\fR", _text(meaning))


def _text(text: str) -> str:
    """Return a line that troff shows as it is."""
    escaped = re.sub(r"-", r"\\-", text.replace("\\", r"\e"))
    return r"\&" + escaped if escaped[:1] in (".", "'") else escaped


if __name__ == "__main__":
    leave(main())
