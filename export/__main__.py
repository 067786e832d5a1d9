"""Turn a checkpoint into a bundle that the runtime reads.

    python -m export CHECKPOINT OUT/ --pictures DIR

The checkpoint says which family it is of: export/FAMILY.py turns its model into graphs and integers. Writes the int8
graphs, prior.npz and manifest.json to OUT/, and the float twins, which are not shipped, to OUT/float/.
The pictures fit the quality scale, and the entropy tables where the model has none of its own; they must not be those
that results are reported on.
"""

import argparse
import shutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import onnx
import onnxruntime

from export import bundle, calibrate, prior, tables, verify
from export.prior import Arrays
from models import checkpoint
from models.data import pictures
from models.families import name_of
from runtime.codec import Codec

FITTING_ROUNDS = 2
"""The encoder chooses symbols by what they cost, so the counts change with the tables that are fitted to them."""


def export(source: Path, out: Path, folder: Path, name: str, limit: int, threads: int | None) -> dict[str, Any]:
    """Build, calibrate and verify a bundle in a temporary folder, move it to `out` and return its manifest."""
    model, state = checkpoint.load(source)
    model.eval()
    kmacs = {part: round(value, 3) for part, value in model.kmacs_per_px().items()}
    family = import_module(f"export.{name_of(model)}")
    arrays = family.integers(model)
    bounds = family.bounds(model, arrays)
    int8, float32 = family.build(model, quantised=True), family.build(model, quantised=False)
    for network in family.NETWORKS:
        if network.side != "encode" and network.name in int8:
            verify.rules(int8[network.name], family.FLOAT_OPERATORS.get(network.name, frozenset()))
    verify.exact(family.modules(model), int8)

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as temporary:
        work = Path(temporary) / "bundle"
        facts: dict[str, Any] = {
            "quality_levels": list(range(100)),
            "kmacs_per_px": kmacs,
            "exactness_bounds": {k: round(v, 4) for k, v in bounds.items()},
            "training": state.get("provenance", {}),
            "made_with": {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__},
        }

        def write(fitted: Arrays) -> None:
            for place, kind in ((work, int8), (work / "float", float32)):
                bundle.write_graphs(place, kind)
                bundle.write_prior(place, arrays | fitted)
                bundle.write_manifest(place, name, name_of(model), family.NETWORKS, facts)

        write(tables.fit() if family.FITS_TABLES else {})
        images = [calibrate.middle(image) for image in pictures(folder, smallest_px=64)]
        images = images[:: max(1, len(images) // limit)][:limit]
        codec = Codec(work, threads=threads)
        levels = list(range(0, codec.family.top_level + 1, 28))
        for _ in range(FITTING_ROUNDS if family.FITS_TABLES else 0):
            write(tables.fit(calibrate.residual_counts(codec, images, levels)))
            codec = Codec(work, threads=threads)
        few = images[: max(4, limit // 4)]
        facts["quality_levels"] = calibrate.quality_levels(codec, few, family.LEVELS_APART)
        facts["int8_against_float"] = verify.drift(codec, Codec(work / "float", threads=threads), few[:4], levels[1::3])
        for place in (work / "float", work):
            manifest = bundle.write_manifest(place, name, name_of(model), family.NETWORKS, facts)
        if out.exists():
            shutil.rmtree(out)
        shutil.move(work, out)
    return manifest


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path, help="bundle folder, replaced if it exists")
    parser.add_argument("--pictures", type=Path, required=True, help="photographs to fit tables and quality scale on")
    parser.add_argument("--name", help="name of the bundle (default: that of the folder)")
    parser.add_argument("--limit", type=int, default=32, help="use so many of the pictures (default 32)")
    parser.add_argument("--threads", type=int)
    args = parser.parse_args(argv)
    try:
        manifest = export(
            args.checkpoint, args.out, args.pictures, args.name or args.out.name, args.limit, args.threads
        )
    except (prior.Refused, FileNotFoundError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    print(f"{args.out}: bundle {manifest['name']} {manifest['id']}")
    for key in ("kmacs_per_px", "exactness_bounds", "int8_against_float"):
        print(f"  {key}: {manifest[key]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
