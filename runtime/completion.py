"""python -m runtime.completion bash: shells complete commands and options with what shtab makes of parsers."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from runtime.cli.options import Action, Parser, parser, picture_bundles
from runtime.cli.process import exit_status
from runtime.console import leave, naming
from runtime.errors import InputError
from runtime.spec import THUMBNAIL_BUNDLES

SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")
_EXAMPLES = """\
examples:
  python -m runtime.completion bash > ~/.local/share/bash-completion/completions/gargalo
  python -m runtime.completion fish > ~/.config/fish/completions/gargalo.fish
"""
_FILES, _FOLDERS = ("IN", "OUT"), ("DIR",)
"""What the arguments are called that are completed from the disk."""


def arguments() -> Parser:
    """Return the command's parser."""
    arguments = parser("completion", "Print what makes a shell complete gargalo's commands and options.", _EXAMPLES)
    arguments.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Return 0 when done, 1 after one line on stderr where shtab is missing; argparse exits with 2."""
    args = arguments().parse_args(argv)
    return exit_status(lambda: show(args.shell))


def show(shell: str) -> None:
    """Print the text for a shell; raise InputError without shtab."""
    from runtime.__main__ import COMMANDS

    try:
        import shtab
    except ImportError:
        raise InputError("completion needs the package shtab; pip install 'gargalo[completion]'") from None
    whole = Parser("gargalo", description="A learned image codec for small machines.")
    whole.add_argument("-V", "--version", action="store_true", help="print the version")
    commands = whole.add_subparsers(dest="command")
    for name, what in COMMANDS.items():
        one = import_module(f"runtime.{name}").arguments()
        for action in one._actions:
            if found := _candidates(action, name):
                action.complete = found
        commands.add_parser(name, help=what, parents=[one], add_help=False)
    with naming("stdout"):
        print(shtab.complete(whole, shell), flush=True)


def _candidates(action: Action, command: str) -> dict[str, Any] | None:
    """Return what completes an argument of a command in each shell, None where nothing does."""
    import shtab

    if "--bundle" in action.option_strings:
        names = THUMBNAIL_BUNDLES[-1:] if command == "thumbnail" else picture_bundles()
        return _weights(names, f"_gargalo_weights_of_{command}")
    files = shtab.FILE if action.metavar in _FILES else shtab.DIRECTORY if action.metavar in _FOLDERS else None
    return files and dict(files)


def _weights(names: Sequence[str], function: str) -> dict[str, Any]:
    """Return what completes bundles by names and by folders in each shell, as a function of such a name."""
    words = " ".join(names)
    bash = f'{function}() {{ compgen -W "{words}" -- "$1"; compgen -d -- "$1"; }}'
    zsh = f"{function}() {{ _alternative 'names:bundle:({words})' 'folders:folder:_files -/'; }}"
    listed = ", ".join(f"'{name}'" for name in names)
    powershell = f"""function {function} {{
  param([string]$WordToComplete)
  @({listed}) | Where-Object {{ $_ -like "$WordToComplete*" }}
  _shtab_powershell_compgen_dirs $WordToComplete
}}"""
    return {
        "bash": function,
        "zsh": function,
        "fish": f"{words} (__fish_complete_directories)",
        "tcsh": f"({words})",
        "powershell": function,
        "preamble": {"bash": bash, "zsh": zsh, "powershell": powershell},
    }


if __name__ == "__main__":
    leave(main())
