"""python -m runtime.bundles: the weights at hand, those that ship and those in folders of one's own."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.cli.options import Parser, named, parser
from runtime.cli.process import exit_status
from runtime.console import leave, naming, shown, size

if TYPE_CHECKING:
    from runtime.bundle import Bundle

_EXAMPLES = """\
examples:
  python -m runtime.bundles
  python -m runtime.bundles mine/ --json
"""


def arguments() -> Parser:
    """Return the command's parser."""
    arguments = parser("bundles", "List the weights that files may name, by id.", _EXAMPLES)
    add = arguments.add_argument
    add(
        "folder",
        type=named,
        nargs="*",
        metavar="DIR",
        help="a folder of weights; without one, all that ship, old ones among them",
    )
    add("--json", action="store_true", help="print one JSON object a bundle")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Return 0 when done, 1 after one line on stderr for what is no bundle; argparse exits with 2."""
    args = arguments().parse_args(argv)
    return exit_status(lambda: show(args.folder, args.json))


def show(folders: Sequence[Path], as_json: bool) -> None:
    """Print a line for each bundle; raise BundleError."""
    from runtime.bundle import Bundle, shipped_folders  # loads numpy

    rows = [facts(Bundle.open(folder)) for folder in folders or shipped_folders()]
    with naming("stdout"):
        print("\n".join(map(json.dumps, rows) if as_json else _table(rows)), flush=True)


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a table, its head first."""
    cells = [["id", "name", "family", "release", "size", "folder"]]
    cells += [[*(str(value or "none yet") for value in (row | {"bytes": size(row["bytes"])}).values())] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield shown("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def facts(bundle: "Bundle") -> dict[str, Any]:
    """Return what is told of a bundle; raise BundleError for one of an unknown family."""
    from runtime.families import name_of

    return {
        "id": bundle.id.hex(),
        "name": bundle.name,
        "family": name_of(bundle),
        "release": bundle.release,
        "bytes": bundle.size_bytes,
        "folder": bundle.folder.name if bundle.ships else str(bundle.folder),
    }


if __name__ == "__main__":
    leave(main())
