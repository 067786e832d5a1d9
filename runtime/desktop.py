"""python -m runtime.desktop install: file managers know .gar and .gat files, and show thumbnails of them.

The files of `share/` go into the user's XDG_DATA_HOME, as packages of a system put them into /usr/share.
"""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from runtime.atomic import make_folder, write_whole
from runtime.cli.options import Parser, named, parser
from runtime.cli.process import exit_status
from runtime.console import complain, leave, naming
from runtime.errors import InputError, StreamError
from runtime.quantities import whole

_EXAMPLES = """\
examples:
  python -m runtime.desktop install                     for this user; no rights are needed
  python -m runtime.desktop remove
  python -m runtime.desktop thumbnail cam.gar cam.png 256      what file managers call
"""
_SHARE = Path(__file__).with_name("share")
_ACTIONS = ("install", "remove", "thumbnail")
_USUAL_PX, _MOST_PX = "256", 4096
_COMMAND = "gargalo"
_CACHES = {"update-mime-database": "mime", "update-desktop-database": "applications"}
"""The programs that make the caches of folders, from which file managers read."""


def arguments() -> Parser:
    """Return the command's parser."""
    arguments = parser("desktop", "Let file managers know .gar and .gat files.", _EXAMPLES)
    add = arguments.add_argument
    add(
        "action", choices=_ACTIONS, metavar="ACTION", help="install into this user's home, remove from it, or thumbnail"
    )
    add("input", type=named, nargs="?", metavar="IN", help="a .gar or .gat file, of which thumbnail makes a picture")
    add("output", type=named, nargs="?", metavar="OUT", help="a PNG file, which is overwritten")
    add("size", nargs="?", metavar="PX", help=f"the longer side of it, default {_USUAL_PX}")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Return 0 when done, 1 after one line on stderr for what cannot be done; argparse exits with 2."""
    parser = arguments()
    args = parser.parse_args(argv)
    if (args.output is None) == (args.action == "thumbnail") or (args.input and not args.output):
        parser.error("thumbnail takes IN and OUT, install and remove take nothing")
    if args.action == "install":
        return exit_status(install)
    if args.action == "remove":
        return exit_status(remove)
    return exit_status(
        lambda: make_thumbnail(args.input, args.output, whole(args.size or _USUAL_PX, "PX", 1, _MOST_PX))
    )


def install() -> None:
    """Copy the files, with the place of our command in them, and renew caches. Raise InputError, OSError."""
    if sys.platform in ("win32", "darwin"):
        raise InputError("file managers of Linux and BSD are told of types so, not those of this system")
    command, home = _command(), _home()
    for name, text in _texts().items():
        make_folder((home / name).parent)
        write_whole(home / name, _naming(command, text).encode())
    _renew(home)
    with naming("stdout"):
        print(f"{home}: file managers know .gar and .gat from now on; file does with -m {home / 'gargalo' / 'magic'}")


def remove() -> None:
    """Remove what was installed, and renew caches. Raise OSError."""
    home = _home()
    installed = [home / name for name in _texts() if (home / name).exists()]
    for path in installed:
        path.unlink()
    with suppress(OSError):  # it is not there, or somebody has put something into it
        (home / _COMMAND).rmdir()
    if installed:
        _renew(home)
    with naming("stdout"):
        print(f"{home}: file managers do not know .gar and .gat any more")


def make_thumbnail(source: Path, target: Path, side_px: int) -> None:
    """Write a PNG of a picture, no side longer than side_px. Raise StreamError, BundleError, OSError."""
    from runtime.pictures import write
    from runtime.viewer import rendering

    try:
        small = rendering.small(source.read_bytes(), side_px)
    except StreamError as error:
        raise StreamError(f"{source}: {error}") from error
    target.write_bytes(write.encode(small, ".png"))  # and not a new file in its place: tumbler has this one open


def _home() -> Path:
    """Return the folder for the user's data, which must be an absolute one."""
    given = os.environ.get("XDG_DATA_HOME", "")
    return Path(given) if os.path.isabs(given) else Path.home() / ".local" / "share"


def _texts() -> dict[str, str]:
    """Return the files to be installed, by their names below the folder for data."""
    files = (path for path in sorted(_SHARE.rglob("*")) if path.is_file())
    return {path.relative_to(_SHARE).as_posix(): path.read_text("utf-8") for path in files}


def _command() -> str:
    """Return the absolute path of the command that runs, or else of the one that would; raise InputError."""
    called = sys.argv[0] if os.path.basename(sys.argv[0]) == _COMMAND else None
    found = shutil.which(called or _COMMAND)
    if not found:
        raise InputError(f"there is no command {_COMMAND} in PATH that file managers could call: install the package")
    return os.path.abspath(found)


def _naming(command: str, text: str) -> str:
    """Return the text of an entry in which the command is the one at a path, quoted as the specification asks."""
    special = str.maketrans({sign: f"\\{sign}" for sign in '"`$\\'})
    quoted = '"' + command.translate(special).replace("\\", "\\\\").replace("%", "%%") + '"'
    lines = []
    for line in text.splitlines(keepends=True):
        if line.startswith(f"Exec={_COMMAND} "):
            line = line.replace(_COMMAND, quoted if set(command) & set(" \t\"'\\><~|&;$*?#()`%") else command, 1)
        elif line.startswith("TryExec="):
            line = f"TryExec={command}\n"
        lines.append(line)
    return "".join(lines)


def _renew(home: Path) -> None:
    """Let the system's programs renew caches; what is not there is told in a line on stderr."""
    for program, folder in _CACHES.items():
        if not (home / folder).is_dir():
            continue
        if not shutil.which(program):
            complain(
                f"there is no {program}: file managers may see the change only after it has run on {home / folder}"
            )
            continue
        done = subprocess.run([program, str(home / folder)], capture_output=True, text=True)
        if done.returncode:
            raise InputError(f"{program} {home / folder} failed: {done.stderr.strip() or done.returncode}")


if __name__ == "__main__":
    leave(main())
