"""python -m runtime.view photos/: look at .gar files in the browser, which a server on this machine alone serves."""

import os
import sys
import threading
from pathlib import Path

from runtime.cli.options import Parser, named, parser
from runtime.cli.process import exit_status, stopping
from runtime.console import leave, naming
from runtime.errors import InputError

_EXAMPLES = """\
examples:
  python -m runtime.view photos/                        a contact sheet of a folder
  python -m runtime.view cam.gar other.gar              two pictures, to be compared
"""


_LOOK_S = 0.5


def arguments() -> Parser:
    """Return the command's parser."""
    arguments = parser("view", "Look at .gar and .gat files in the browser; Ctrl-C ends it.", _EXAMPLES)
    add = arguments.add_argument
    add("input", type=named, nargs="+", metavar="IN", help="a .gar or .gat file, or a folder of them")
    add("-r", "--recursive", action="store_true", help="take what is in subfolders, too")
    add("--no-browser", action="store_true", help="only print the address of the page")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Serve until Ctrl-C and return 0, or 1 after one line on stderr for bad input; argparse exits with 2."""
    args = arguments().parse_args(argv)
    return exit_status(lambda: view(args.input, args.recursive, not args.no_browser))


def view(inputs: list[Path], recursive: bool, browser: bool) -> None:
    """Serve pictures to a page until the process is asked to end; raise InputError, OSError."""
    from runtime.viewer.album import SUFFIXES, Album
    from runtime.viewer.server import Server

    album = Album(inputs, recursive)
    if not album.refresh():
        hint = "" if recursive else " (-r looks into subfolders)"
        raise InputError(f"{inputs[0]}: there is no {' or '.join(SUFFIXES)} file in it{hint}")
    with stopping() as stop, Server(album) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with naming("stdout"):
            print(f"{server.address}   (Ctrl-C ends it)", flush=True)
        if browser:
            _open(server.address_once)
        while not stop.wait(_LOOK_S):  # a signal that the system gives to another thread wakes nobody
            pass
        server.shutdown()


def _open(address: str) -> None:
    """Open a page in the user's browser, but in none of those that would take the terminal."""
    import webbrowser

    if sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)


if __name__ == "__main__":
    leave(main())
