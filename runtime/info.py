"""python -m runtime.info cam.gar: what the header says and where the bytes go, undecoded."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runtime.cli.options import Parser, named, parser
from runtime.cli.process import DAMAGED, exit_status, take
from runtime.console import complain, leave, naming, reason, shown, trace
from runtime.errors import StreamError

_EXAMPLES = """\
examples:
  python -m runtime.info cam.gar
  python -m runtime.info photos/*.gar
"""


def arguments() -> Parser:
    """Return the command's parser."""
    arguments = parser("info", "Show the header of .gar and .gat files and the bytes of each section.", _EXAMPLES)
    arguments.add_argument("input", type=named, nargs="+", metavar="IN", help="a .gar or .gat file, or - for stdin")
    arguments.add_argument("--json", action="store_true", help="print one JSON object a file")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Return 0 when done, 1 after one line on stderr for bad input, 3 for a damaged file whose picture is whole;
    argparse exits with 2.
    """
    args = arguments().parse_args(argv)
    return exit_status(lambda: _status([_show(path, args.json) for path in args.input]))


def _status(each: list[int]) -> int:
    return 1 if 1 in each else max(each)


def _show(path: Path, as_json: bool) -> int:
    """Print what there is of one file and return its status, after one line on stderr for whatever went wrong."""
    try:
        told = facts(path)
    except Exception as error:
        complain(reason(error), trace(error))
        told = {"input": str(path), "error": reason(error)}
    for damage in told.get("damage", ()):
        complain(f"warning: {path}: {damage}")
    text = json.dumps(told) if as_json else "" if told["error"] else "\n".join(table(told))
    with naming("stdout"):
        print(text, end="\n" if text else "", flush=True)
    return 1 if told["error"] else DAMAGED if told["damage"] else 0


def facts(path: Path) -> dict[str, Any]:
    """Return the header of one file and how its bytes are spent, for programs; what a thumbnail or a file of unknown
    weights has not is None. Raises StreamError, BundleError or OSError.
    """
    from runtime.gat import is_thumbnail

    data = take(path)
    try:
        return {"input": str(path)} | (_of_thumbnail(data) if is_thumbnail(data) else _of_picture(data))
    except StreamError as error:
        raise StreamError(f"{path}: {error}") from error


def _of_picture(data: bytes) -> dict[str, Any]:
    """Return the facts of a .gar file; raise StreamError."""
    from runtime.bundle import Bundle
    from runtime.codec import Codec
    from runtime.container import RESIDUAL, section_bytes, unpack_unbound
    from runtime.exact.section import bound_of

    header, sections, lost = unpack_unbound(data, math.inf)  # of pixels there will be none
    damage, bound = [str(lost)] if lost else [], None
    try:
        bound = bound_of(sections[RESIDUAL]) if RESIDUAL in sections and not lost else None
    except StreamError as error:
        damage.append(str(error))
    folder = Bundle.shipped(header.bundle_id)
    codec = Codec(folder, threads=1) if folder else None  # which alone tells layers
    return {
        "format": "gar",
        "width": header.width,
        "height": header.height,
        "gray": header.gray,
        "alpha": header.alpha,
        "subsampled": header.subsampled if codec and codec.family.traits.header_flag else None,
        "level": header.level,
        "quality": round(codec.bundle.quality(header.level), 2) if codec else None,
        "tile_px": header.tile_px,
        "bundle_id": header.bundle_id.hex(),
        "bundle": codec.bundle.name if codec else None,
        "layers": len(codec.family.layer_ends(header)) if codec else None,
        "max_error": bound,
        "sections": section_bytes(data),
        "bytes": len(data),
        "bpp": round(8 * len(data) / (header.width * header.height), 4),
        "damage": [f"{what}; the picture can be decoded, but for its bound" for what in damage],
        "error": None,
    }


def _of_thumbnail(data: bytes) -> dict[str, Any]:
    """Return the facts of a .gat file; raise StreamError."""
    from runtime import gat

    family, message = gat.opened(data)
    unknown = ("subsampled", "level", "quality", "tile_px", "layers", "max_error")
    return {
        "format": "gat",
        "width": gat.SIDE_PX,
        "height": gat.SIDE_PX,
        "gray": False,
        "alpha": False,
        **dict.fromkeys(unknown),
        "bundle_id": family.bundle.id.hex(),
        "bundle": family.bundle.name,
        "sections": {"header": gat.HEADER_BYTES, "message": len(message)},
        "bytes": len(data),
        "bpp": round(8 * len(data) / gat.SIDE_PX**2, 4),
        "damage": [],
        "error": None,
    }


def table(facts: dict[str, Any]) -> Iterator[str]:
    """Yield the facts of one file, for people."""
    thumbnail, bundle, layers = facts["format"] == "gat", facts["bundle"], facts["layers"]
    colour = ("gray" if facts["gray"] else "RGB") + (" with alpha" if facts["alpha"] else "")
    colour += ", chroma 4:2:0" if facts["subsampled"] and not facts["gray"] else ""
    colour += ", a thumbnail" if thumbnail else ""
    rows = {"picture": f"{facts['width']} x {facts['height']} px, {colour}"}
    if not thumbnail:
        rows["level"] = f"{facts['level']}, how finely it is quantised: more is finer"
        rows["tile"] = f"{facts['tile_px']} px, the side of squares that are coded independently"
    weights = f"{bundle}, which ships" if bundle else "the weights that it needs, which do not ship"
    rows["bundle"] = f"{facts['bundle_id']}, {weights}"
    if layers:
        rows["layers"] = f"{layers}, coarse to fine: decompress --layer 0 to {layers - 1}"
    elif thumbnail:
        rows["layers"] = "none: it is decoded as a whole"
    what = {"LATENTS": ", the picture", "message": ", the picture", "header": ", with checksums"}
    bound = facts["max_error"]
    what["RESIDUAL"] = ", damaged" if facts["damage"] else f", {bound_words(bound)}" if bound is not None else ""
    sections = {name: length for name, length in facts["sections"].items() if name != "header"}
    for name, length in {**sections, "header": facts["sections"]["header"]}.items():
        rows[name] = f"{length:,} bytes{what.get(name, '')}"
    rows["total"] = (
        f"{facts['bytes']:,} bytes, {8 * facts['bytes'] / (facts['width'] * facts['height']):.3f} bits a pixel"
    )
    yield shown(facts["input"])
    yield from (f"  {name:<10} {value}" for name, value in rows.items())


def bound_words(bound: int) -> str:
    """Return what a bound on errors says of a picture."""
    return f"with which no sample is off by more than {bound}" if bound else "with which it is lossless"


if __name__ == "__main__":
    leave(main())
