"""python -m runtime.info cam.gar: what the header says and where the bytes go, undecoded."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.cli.options import Parser, parser
from runtime.cli.process import exit_status, take
from runtime.console import complain, leave, naming, reason, shown, trace
from runtime.errors import StreamError

if TYPE_CHECKING:
    from runtime.container import Header

_EXAMPLES = """\
examples:
  python -m runtime.info cam.gar
  python -m runtime.info photos/*.gar
"""


def arguments() -> Parser:
    """Return the command's parser."""
    arguments = parser("info", "Show the header of .gar files and the bytes of each section.", _EXAMPLES)
    arguments.add_argument("input", type=Path, nargs="+", metavar="IN", help="a .gar file, or - for stdin")
    arguments.add_argument("--json", action="store_true", help="print one JSON object a file")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Return 0 when done, 1 after one line on stderr for bad input; argparse exits with 2."""
    args = arguments().parse_args(argv)
    return exit_status(lambda: max([_show(path, args.json) for path in args.input]))


def _show(path: Path, as_json: bool) -> int:
    """Print what there is of one file and return 0, or 1 after one line on stderr, whatever went wrong."""
    try:
        text, status = json.dumps(facts(path)) if as_json else table(path), 0
    except Exception as error:
        complain(reason(error), trace(error))
        text, status = json.dumps({"input": str(path), "error": reason(error)}) if as_json else "", 1
    with naming("stdout"):
        print(text, end="\n" if text else "", flush=True)
    return status


def facts(path: Path) -> dict[str, Any]:
    """Return the header of one file and how its bytes are spent, for programs; raises StreamError or OSError."""
    from runtime.bundle import Bundle
    from runtime.container import RESIDUAL, section_bytes
    from runtime.exact.section import bound_of

    data, header, sections = _opened(path)
    folder = Bundle.shipped(header.bundle_id)
    bundle = Bundle.open(folder) if folder else None
    return {
        "input": str(path),
        "width": header.width,
        "height": header.height,
        "gray": header.gray,
        "alpha": header.alpha,
        "flag": header.flag,
        "level": header.level,
        "quality": round(bundle.quality(header.level), 2) if bundle else None,
        "tile_px": header.tile_px,
        "bundle_id": header.bundle_id.hex(),
        "bundle": bundle.name if bundle else None,
        "max_error": bound_of(sections[RESIDUAL]) if RESIDUAL in sections else None,
        "sections": section_bytes(data),
        "bytes": len(data),
        "bpp": round(8 * len(data) / (header.width * header.height), 4),
        "error": None,
    }


def table(path: Path) -> str:
    """Return the header of one file as lines of text; raises StreamError or OSError."""
    from runtime.bundle import Bundle
    from runtime.codec import Codec
    from runtime.container import LATENTS, RESIDUAL, SECTION_NAMES
    from runtime.exact.section import bound_of

    data, header, sections = _opened(path)
    colour = ("gray" if header.gray else "RGB") + (" with alpha" if header.alpha else "")
    colour += ", chroma 4:2:0" if header.subsampled and not header.gray else ""
    weights = Bundle.shipped(header.bundle_id)
    bundle = f"{weights.name}, which ships" if weights else "the weights that it needs, which do not ship"
    rows = [
        ("picture", f"{header.width} x {header.height} px, {colour}"),
        ("level", f"{header.level}, how finely it is quantised: more is finer"),
        ("tile", f"{header.tile_px} px, the side of squares that are coded independently"),
        ("bundle", f"{header.bundle_id.hex()}, {bundle}"),
    ]
    if weights:  # which alone tell how many there are
        layers = len(Codec(weights, threads=1).family.layer_ends(header))
        rows.append(("layers", f"{layers}, coarse to fine: decompress --layer 0 to {layers - 1}"))
    for kind, body in sections.items():
        what = ", the picture" if kind == LATENTS else f", {bound_words(bound_of(body))}" if kind == RESIDUAL else ""
        rows.append((SECTION_NAMES.get(kind, f"section {kind}"), f"{len(body):,} bytes{what}"))
    head = len(data) - sum(len(body) for body in sections.values())
    bpp = 8 * len(data) / (header.width * header.height)
    rows.append(("header", f"{head:,} bytes, with checksums"))
    rows.append(("total", f"{len(data):,} bytes, {bpp:.3f} bits a pixel"))
    return "\n".join([shown(path), *(f"  {name:<10} {value}" for name, value in rows)])


def _opened(path: Path) -> tuple[bytes, "Header", dict[int, bytes]]:
    """Return the bytes of a file, its header and its sections; raise StreamError, which names it, or OSError."""
    from runtime.container import unpack

    data = take(path)
    try:
        return data, *unpack(data, math.inf)  # of pixels there will be none
    except StreamError as error:
        raise StreamError(f"{path}: {error}") from error


def bound_words(bound: int) -> str:
    """Return what a bound on errors says of a picture."""
    return f"with which no sample is off by more than {bound}" if bound else "with which it is lossless"


if __name__ == "__main__":
    leave(main())
