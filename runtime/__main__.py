"""The commands behind one name: gargalo compress cam.jpg, also as python -m runtime. Each is a module of that name."""

import signal
import sys
import threading
from importlib import import_module
from typing import Any, NoReturn

COMMANDS = {
    "compress": "pictures to .gar files",
    "decompress": ".gar files to pictures",
    "info": "what a .gar file holds, undecoded",
    "view": ".gar files in the browser",
    "bundles": "the weights that files may name",
    "thumbnail": "pictures to .gat files of a hundred bytes, and back",
    "capture": "a time-lapse from a camera or a video",
    "bench": "how many pictures a second each bundle codes here",
    "desktop": ".gar files in file managers: their type and their thumbnails",
    "completion": "what makes a shell complete these commands",
    "man": "the manual page",
}


def main(argv: list[str] | None = None) -> int:
    """Return the exit status of the command that the first word names; 2 where it names none."""
    words = sys.argv[1:] if argv is None else argv
    name = words[0] if words else ""
    if name == "help":
        name, words = (words[1], [words[1], "--help"]) if words[1:] else ("--help", [])
    if name in COMMANDS:
        status: int = _loaded(name).main(words[1:])
        return status
    if name in ("-V", "--version"):
        return _tell_version()
    lines = [f"  {command:<11} {what}" for command, what in COMMANDS.items()]
    usage = "\n".join(["usage: gargalo COMMAND ...", *lines, "gargalo help COMMAND tells its options"])
    if name in ("-h", "--help"):
        return _tell(usage)
    error = f"{name} is not a command" if name else "no command given"
    print(f"gargalo: {error}", usage, sep="\n", file=sys.stderr)
    return 2


def _tell_version() -> int:
    from runtime import __version__
    from runtime.errors import CodecError

    try:
        from runtime import native
    except CodecError as error:
        print(f"gargalo: {error}", file=sys.stderr)
        return 1
    return _tell(f"gargalo {__version__}, array functions: {native.name}")


def _tell(text: str) -> int:
    """Print a text and return an exit status."""
    from runtime.cli.process import exit_status
    from runtime.console import naming

    def tell() -> int:
        with naming("stdout"):
            print(text, flush=True)
        return 0

    return exit_status(tell)


def _loaded(name: str) -> Any:
    """Return the module of a command, during whose import Ctrl-C ends the process at once and without a traceback."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        return import_module(f"runtime.{name}")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return import_module(f"runtime.{name}")
    finally:
        signal.signal(signal.SIGINT, before)


def program() -> NoReturn:
    """Run the command as a process of its own."""
    status = main()
    from runtime.console import leave

    leave(status)


if __name__ == "__main__":
    program()
