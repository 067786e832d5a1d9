"""Runs any decoder command over the conformance vectors: right pictures, sample by sample, and broken streams refused.

    python tests/run_vectors.py --decoder "python -m runtime.decompress {in} -o {out}"
    python tests/run_vectors.py --decoder "./my_decoder {in} {out}" --suffix .pnm

{in} is the stream, {out} a file that does not exist yet: PNG, or a binary PGM, PPM or PAM, which need no
other package. The hash in case.json is SHA-256 over the samples as they lie in memory: row by row, channels together.
Where it has cut_bytes, cut_pixels_sha256 is that of all that the first so many bytes show, which is not tried here.
A stream of vectors/refused must make the command end within a minute, with an exit status that is not 0 and no picture.
One of vectors/unbound, whose RESIDUAL is broken, it may refuse like that, or show the picture that cases.json tells of.
"""

import argparse
import hashlib
import json
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parent / "vectors"
REFUSED = VECTORS / "refused"
UNBOUND = VECTORS / "unbound"
PATIENCE_S = 300


def cases() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the folder of each case and what its case.json says."""
    for path in sorted(VECTORS.glob("*/case.json")):
        yield path.parent, json.loads(path.read_text())


def unbound() -> Iterator[tuple[Path, str]]:
    """Yield the path of each stream whose RESIDUAL is broken, and the SHA-256 of the picture without that."""
    listed = json.loads((UNBOUND / "cases.json").read_text()) if UNBOUND.exists() else {"pixels_sha256": {}}
    yield from ((UNBOUND / f"{name}.gar", digest) for name, digest in listed["pixels_sha256"].items())


def refusals() -> Iterator[tuple[Path, str]]:
    """Yield the path of each stream that must be refused, and what is wrong with it."""
    listed = json.loads((REFUSED / "cases.json").read_text()) if REFUSED.exists() else {"cases": {}}
    yield from ((REFUSED / f"{name}.gar", wrong) for name, wrong in listed["cases"].items())


def read_samples(path: Path) -> tuple[list[int], bytes]:
    """Return shape, (H, W) or (H, W, C), and samples of a picture file; ValueError if it is none that we read."""
    data = path.read_bytes()
    if match := re.match(rb"P([56])\s+(\d+)\s+(\d+)\s+255\s", data):
        kind, width, height = (int(number) for number in match.groups())
        return [height, width] + [3] * (kind == 6), data[match.end() :]
    if match := re.match(rb"P7\n(?:[A-Z_]+ ?\w*\n)+?ENDHDR\n", data):
        entries = dict(line.split(maxsplit=1) for line in match[0].splitlines()[1:-1])
        height, width, depth = (int(entries[name]) for name in (b"HEIGHT", b"WIDTH", b"DEPTH"))
        return [height, width] + [depth] * (depth > 1), data[match.end() :]
    if data.startswith(b"\x89PNG"):
        sys.path[:0] = [str(Path(__file__).parents[1])]
        from runtime.pictures.read import read

        picture = read(path).pixels
        return list(picture.shape), picture.tobytes()
    raise ValueError("neither PNG nor a binary PGM, PPM or PAM of 8 bits")


def decode(command: str, stream: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Return how the command ended; OSError if it cannot be run, subprocess.TimeoutExpired if it does not end."""
    words = [word.replace("{in}", str(stream)).replace("{out}", str(out)) for word in shlex.split(command)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


def refuse(command: str, stream: Path, out: Path) -> str | None:
    """Return None if the command refuses this stream, else what it did."""
    try:
        ended = decode(command, stream, out)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if ended.returncode < 0:
        return f"killed by signal {-ended.returncode}"
    return "taken for a good stream" if ended.returncode == 0 or out.exists() else None


def show(command: str, stream: Path, digest: str, out: Path) -> str | None:
    """Return None if the command shows the picture without its bound, or refuses this stream, else what it did."""
    if refuse(command, stream, out) is None:
        return None
    try:
        _, samples = read_samples(out)
    except (OSError, ValueError) as error:
        return str(error)
    return None if hashlib.sha256(samples).hexdigest() == digest else "other samples"


def compare(command: str, stream: Path, facts: dict[str, Any], out: Path) -> str | None:
    """Return None if the command decodes this stream to the right samples, else what went wrong."""
    try:
        ended = decode(command, stream, out)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if ended.returncode != 0 or not out.exists():
        return f"exit {ended.returncode}, no picture: {ended.stderr.strip()[-200:]}"
    try:
        shape, samples = read_samples(out)
    except ValueError as error:
        return str(error)
    if shape != facts["shape"]:
        return f"shape {shape}, must be {facts['shape']}"
    if hashlib.sha256(samples).hexdigest() != facts["pixels_sha256"]:
        return "other samples"
    return None


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decoder", required=True, help="command with {in} and {out}")
    parser.add_argument("--suffix", default=".png", help="of the file it shall write (default .png)")
    parser.add_argument("cases", nargs="*", help="only these cases (default all)")
    options = parser.parse_args(argv)
    good = {folder.name: (folder, facts) for folder, facts in cases()}
    bad = {f"refused/{path.stem}": path for path, _ in refusals()}
    loose = {f"unbound/{path.stem}": (path, digest) for path, digest in unbound()}
    if unknown := set(options.cases) - good.keys() - bad.keys() - loose.keys():
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for number, name in enumerate([*good, *bad, *loose]):
            if options.cases and name not in options.cases:
                continue
            out = Path(scratch, f"{number}{options.suffix}")
            if name in good:
                folder, facts = good[name]
                fault = compare(options.decoder, folder / "stream.gar", facts, out)
            elif name in bad:
                fault = refuse(options.decoder, bad[name], out)
            else:
                fault = show(options.decoder, *loose[name], out)
            failed += fault is not None
            print(f"{'ok  ' if fault is None else 'FAIL'} {name}{'' if fault is None else ': ' + fault}")
    print(f"{failed} failed" if failed else "all the same")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
