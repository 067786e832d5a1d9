"""python -m runtime.info cam.gar: what the header says and where the bytes go, undecoded."""

import math
import sys
from pathlib import Path

from runtime.cli.options import parser
from runtime.cli.process import exit_status, take
from runtime.console import complain, naming, reason, shown, trace
from runtime.errors import StreamError

_EXAMPLES = """\
examples:
  python -m runtime.info cam.gar
  python -m runtime.info photos/*.gar
"""


def main(argv: list[str] | None = None) -> int:
    """Return 0 when done, 1 after one line on stderr for bad input; argparse exits with 2."""
    arguments = parser("info", "Show the header of .gar files and the bytes of each section.", _EXAMPLES)
    arguments.add_argument("input", type=Path, nargs="+", metavar="IN", help="a .gar file, or - for stdin")
    args = arguments.parse_args(argv)
    return exit_status(lambda: max([_show(path) for path in args.input]))


def _show(path: Path) -> int:
    """Print the table of one file and return 0, or 1 after one line on stderr, whatever went wrong."""
    try:
        text = table(path)
    except Exception as error:
        complain(reason(error), trace(error))
        return 1
    with naming("stdout"):
        print(text, flush=True)
    return 0


def table(path: Path) -> str:
    """Return the header of one file as lines of text; raises StreamError or OSError."""
    from runtime.container import LATENTS, RESIDUAL, SECTION_NAMES, unpack
    from runtime.exact.section import bound_of

    data = take(path)
    try:
        header, sections = unpack(data, math.inf)  # of pixels there will be none
    except StreamError as error:
        raise StreamError(f"{path}: {error}") from error
    colour = ("gray" if header.gray else "RGB") + (" with alpha" if header.alpha else "")
    colour += ", chroma 4:2:0" if header.subsampled and not header.gray else ""
    rows = [
        ("picture", f"{header.width} x {header.height} px, {colour}"),
        ("level", f"{header.level}, how finely it is quantised: more is finer"),
        ("tile", f"{header.tile_px} px, the side of squares that are coded independently"),
        ("bundle", f"{header.bundle_id.hex()}, the weights that it needs"),
    ]
    for kind, body in sections.items():
        what = ", the picture" if kind == LATENTS else f", {bound_words(bound_of(body))}" if kind == RESIDUAL else ""
        rows.append((SECTION_NAMES.get(kind, f"section {kind}"), f"{len(body):,} bytes{what}"))
    head = len(data) - sum(len(body) for body in sections.values())
    bpp = 8 * len(data) / (header.width * header.height)
    rows.append(("header", f"{head:,} bytes, with checksums"))
    rows.append(("total", f"{len(data):,} bytes, {bpp:.3f} bits a pixel"))
    return "\n".join([shown(path), *(f"  {name:<10} {value}" for name, value in rows)])


def bound_words(bound: int) -> str:
    """Return what a bound on errors says of a picture."""
    return f"with which no sample is off by more than {bound}" if bound else "with which it is lossless"


if __name__ == "__main__":
    sys.exit(main())
