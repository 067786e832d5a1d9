"""gargalo compress cam.jpg: the commands behind one name, also as python -m runtime. Each is a module of that name."""

import sys
from importlib import import_module

COMMANDS = {
    "compress": "pictures to .gar files",
    "decompress": ".gar files to pictures",
    "info": "what a .gar file holds, undecoded",
    "capture": "a time-lapse from a camera or a video",
}


def main(argv: list[str] | None = None) -> int:
    """Return the exit status of the command that the first word names; 2 where it names none."""
    words = sys.argv[1:] if argv is None else argv
    name = words[0] if words else ""
    if name in COMMANDS:
        status: int = import_module(f"runtime.{name}").main(words[1:])
        return status
    if name in ("-V", "--version"):
        print(f"gargalo {import_module('runtime').__version__}")
        return 0
    told = [f"  {command:<11} {what}" for command, what in COMMANDS.items()]
    usage = "\n".join(["usage: gargalo COMMAND ..., gargalo COMMAND --help", *told])
    if name in ("-h", "--help"):
        print(usage)
        return 0
    error = f"{name} is not a command" if name else "no command given"
    print(f"gargalo: {error}", usage, sep="\n", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
