"""Decodes streams changed at random, and reads picture files changed at random, and counts what comes of them.

    python tests/fuzz.py --count 100000 --pictures 20000 --seed 0

Each must give a picture or a CodecError within 5 s of the CPU and within the memory limit. Checksums would stop nearly
all changes, so most are made behind them: fields, sections and chunks of tiles are changed and then checksummed anew.
Number N of seed S is always the same mutant. What fails is printed with its number and kept as a file under --keep.
"""

import argparse
import json
import random
import re
import resource
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

import run_vectors  # noqa: E402
from broken_streams import Parts, chunks_of, flipped, joined  # noqa: E402

from runtime import container  # noqa: E402
from runtime.codec import Codec  # noqa: E402
from runtime.errors import CodecError, InputError  # noqa: E402
from runtime.incomplete import shown  # noqa: E402
from runtime.pictures import metadata  # noqa: E402
from runtime.pictures.read import decode as decode_file  # noqa: E402
from runtime.pictures.suffixes import SUFFIXES  # noqa: E402
from runtime.pictures.write import encode as encode_file  # noqa: E402

SEED_PIXELS = 100 * 100
LARGEST_PX = 512
"""Sides that a changed header may claim: a picture of this size, should it decode, is quick enough."""
PATIENCE_S = 5
"""Of the CPU: other work of the machine does not count. What waits for ever is heard when its batch is over."""
MEMORY_BYTES = 3 << 30
BATCH = 2000
"""Mutants a process, so that a crash costs one process and memory cannot pile up unseen."""
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
METADATA = {
    container.EXIF: b"II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\x25\x88\x04\0\x01\0\0\0\x26\0\0\0\0\0\0\0"
    b"\x01\0\x01\0\x02\0\x02\0\0\0N\0\0\0\0\0\0\0",
    container.ICC: struct.pack(">I4sI12s16x4s88xI", 132, b"\0" * 4, 0x04300000, b"mntrRGB XYZ ", b"acsp", 0),
    container.XMP: b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/">'
    b'<a tiff:Orientation="6"/></x:xmpmeta>',
}

Random = random.Random


def scramble(dice: Random, data: bytes) -> bytes:
    """Return data with one to four changes."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 4))):
        if not changed:
            return dice.randbytes(dice.randrange(20))
        at = dice.randrange(len(changed))
        stop = min(len(changed), at + dice.choice((1, 2, 4, 16)))
        match dice.randrange(8):
            case 0 | 1:
                changed = bytearray(flipped(bytes(changed), dice.randrange(8 * len(changed))))
            case 2:
                changed[at] = dice.randrange(256)
            case 3:
                number = dice.choice(NUMBERS).to_bytes(4, dice.choice(("big", "little")))
                changed[at:stop] = number[: stop - at]
            case 4:
                del changed[at:stop]
            case 5:
                changed[at:at] = dice.randbytes(stop - at)
            case 6:
                changed[at:at] = changed[max(0, at - 8) : at]
            case 7:
                del changed[at:]
    return bytes(changed)


# --- streams ----------------------------------------------------------------------------------------------------------


def of_bytes(dice: Random, stream: bytes) -> bytes:
    """Return changes that the checksums should notice."""
    return scramble(dice, stream)


def of_fields(dice: Random, stream: bytes) -> bytes:
    """Return other fields in the header, its check right."""
    parts = Parts.of(stream)
    side = lambda: dice.choice((0, 1, 17, 64, 65, dice.randrange(1, LARGEST_PX), 2**20, 2**32, b"\x81\0"))  # noqa: E731
    kinds = [dice.choice((kind, dice.randrange(256), 129)) for kind, _ in parts.sections]
    lengths = {dice.randrange(3): dice.choice(NUMBERS)}
    choices: dict[str, Callable[[], object]] = {
        "width": side,
        "height": side,
        "flags": lambda: dice.choice((0, 1, 2, 3, 4, 255)),
        "level": lambda: dice.randrange(256),
        "tile": lambda: dice.choice((6, 7, 12, 13, 255)),
        "version": lambda: dice.randrange(6),
        "sections": lambda: [(kind, body) for kind, (_, body) in zip(kinds, parts.sections, strict=True)],
        "lengths": lambda: lengths,
    }
    return parts.but(**{name: choices[name]() for name in dice.sample([*choices], dice.choice((1, 1, 2)))})


def of_latents(dice: Random, stream: bytes) -> bytes:
    """Return another LATENTS section; with several tiles other chunks, their checksums right."""
    parts = Parts.of(stream)
    payload = dict(parts.sections)[container.LATENTS]
    side = 1 << parts.tile
    tiles = -(-parts.width // side) * -(-parts.height // side)  # type: ignore[operator]
    if tiles > 1 and dice.random() < 0.8:
        chunks = chunks_of(payload, tiles)
        at = dice.randrange(len(chunks))
        chunks[at] = scramble(dice, chunks[at]) if dice.random() < 0.8 else dice.choice(chunks)
        return parts.with_section(container.LATENTS, joined(chunks))
    return parts.with_section(container.LATENTS, scramble(dice, payload))


def of_alpha(dice: Random, stream: bytes) -> bytes:
    """Return an ALPHA section that is changed, or whose samples are."""
    parts = Parts.of(stream)
    height, width = parts.height, parts.width
    assert isinstance(height, int) and isinstance(width, int)
    plane = bytes(dice.randrange(4) for _ in range(height)) + dice.randbytes(height * width)
    plane = scramble(dice, plane) if dice.random() < 0.4 else plane
    body = b"\1" + zlib.compress(plane) if dice.random() < 0.8 else bytes([0, dice.randrange(256)])
    body = scramble(dice, body) if dice.random() < 0.6 else body
    sections = [(kind, old) for kind, old in parts.sections if kind != container.ALPHA]
    return parts.but(flags=2, sections=[*sections, (container.ALPHA, body)])


def of_metadata(dice: Random, stream: bytes) -> bytes:
    """Return changed EXIF, ICC and XMP sections, and unknown ones."""
    parts = Parts.of(stream)
    sections = [(kind, body) for kind, body in parts.sections if kind not in METADATA]
    sections += [(kind, scramble(dice, body)) for kind, body in METADATA.items()]
    sections += [(dice.randrange(129, 256), dice.randbytes(9))] * dice.randrange(3)
    return parts.but(sections=sections)


def of_residual(dice: Random, stream: bytes) -> bytes:
    """Return another RESIDUAL section: a changed one, or where there is none one of samples, their rows changed."""
    parts = Parts.of(stream)
    height, width = parts.height, parts.width
    assert isinstance(height, int) and isinstance(width, int)
    body = dict(parts.sections).get(container.RESIDUAL)
    if body is None or dice.random() < 0.2:
        rows = bytes(1 + width * (1 if parts.flags & 1 else 3)) * height
        rows = scramble(dice, rows) if dice.random() < 0.5 else rows
        body = bytes([dice.randrange(128), 1, 0]) + zlib.compress(rows)
    body = scramble(dice, body) if dice.random() < 0.8 else body
    sections = [(kind, old) for kind, old in parts.sections if kind != container.RESIDUAL]
    return parts.but(sections=[*sections, (container.RESIDUAL, body)])


STREAMS = {of_bytes: 10, of_fields: 15, of_latents: 45, of_alpha: 10, of_metadata: 10, of_residual: 10}


def stream_mutant(dice: Random, seeds: list[bytes]) -> bytes:
    """Return a stream that is damaged in one of these ways."""
    (change,) = dice.choices([*STREAMS], [*STREAMS.values()])
    return change(dice, dice.choice(seeds))


def decode(codec: Codec, data: bytes, dice: Random) -> None:
    """Do what the command decompress does with a stream, but for the files."""
    _, sections, _ = container.unpack_unbound(data)
    picture, _ = shown(codec, data)
    payloads = {kind: body for kind, body in sections.items() if kind in METADATA}
    if payloads:
        alpha = picture.ndim == 3 and picture.shape[2] == 4
        encode_file(picture, dice.choice((".png", ".webp", ".tif") if alpha else (".png", ".jpg", ".tif")), payloads)


# --- picture files ----------------------------------------------------------------------------------------------------


def picture_files() -> list[bytes]:
    """Return small files of every format, with metadata where they hold any."""
    noise = np.random.default_rng(4).integers(0, 256, (9, 13, 4), dtype=np.uint8)
    files = []
    for suffix in SUFFIXES:
        for picture in (noise[:, :, :3], noise[:, :, 0], noise):
            with suppress(InputError):  # formats without alpha, and those that this OpenCV cannot write
                files.append(encode_file(np.ascontiguousarray(picture), suffix, METADATA))
    return files


def picture_mutant(dice: Random, seeds: list[bytes]) -> bytes:
    """Return a damaged picture file; half of the PNGs get right checksums again."""
    data = scramble(dice, dice.choice(seeds))
    return checked_png(data) if data.startswith(b"\x89PNG") and dice.random() < 0.5 else data


def checked_png(data: bytes) -> bytes:
    """Return a PNG with the right CRC-32 at each chunk that is whole."""
    fixed, at = bytearray(data), 8
    while at + 12 <= len(fixed):
        end = at + 8 + int.from_bytes(fixed[at : at + 4], "big")
        if end + 4 > len(fixed):
            break
        fixed[end : end + 4] = struct.pack(">I", zlib.crc32(fixed[at + 4 : end]))
        at = end + 4
    return bytes(fixed)


def read(data: bytes, dice: Random) -> None:
    """Do what the command compress does with a picture file, but for the coding."""
    picture = decode_file(data, "mutant")
    metadata.reduced(picture.metadata, dice.random() < 0.3, dice.random() < 0.5, [])


# --- running them -----------------------------------------------------------------------------------------------------


class TooSlow(Exception):
    """A mutant took more than PATIENCE_S."""


def outcome_of(work: Callable[[], None]) -> tuple[str, bool]:
    """Return what work came to, its numbers left out, and whether that is allowed."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"more than {PATIENCE_S} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE_S)
    try:
        work()
    except CodecError as error:
        words = re.sub(r"\b[0-9a-f]{16}\b|(?:\b[0-9a-f]{2}\b ?){2,}|\d+(\.\d+)?", "#", str(error)).split()
        return f"{type(error).__name__}: {' '.join(words)[:90]}", bool(words)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200], False
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return "a picture", True


def batch(seed: int, first: int, count: int, of_pictures: bool, keep: Path) -> Counter[str]:
    """Return how often each outcome came in this process; what is not allowed has FAIL before it."""
    counts: Counter[str] = Counter()
    codec = None if of_pictures else Codec(threads=1)
    good = [folder / "stream.gar" for folder, facts in run_vectors.cases() if np.prod(facts["shape"]) < SEED_PIXELS]
    seeds = picture_files() if of_pictures else [path.read_bytes() for path in good]
    if codec:
        codec.decode(codec.encode(np.zeros((LARGEST_PX, LARGEST_PX, 3), np.uint8)))  # first, with all it needs
    for number in range(first, first + count):
        dice = Random(f"{seed}/{number}/{of_pictures}")
        data = (picture_mutant if of_pictures else stream_mutant)(dice, seeds)
        told, allowed = outcome_of(partial(read, data, dice) if codec is None else partial(decode, codec, data, dice))
        counts[told if allowed else f"FAIL {told}"] += 1
        if not allowed:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{seed}-{number}.{'picture' if of_pictures else 'gar'}").write_bytes(data)
            print(f"FAIL number {number} of seed {seed}: {told}", file=sys.stderr)
    return counts


def batches(options: argparse.Namespace, count: int, of_pictures: bool) -> Counter[str]:
    """Return the outcomes of all mutants, each batch of them in a process of its own."""
    counts: Counter[str] = Counter()
    start = time.monotonic()
    for first in range(options.first, options.first + count, BATCH):
        some = min(BATCH, options.first + count - first)
        words = [sys.executable, __file__, "--seed", str(options.seed), "--first", str(first), "--keep", options.keep]
        words += ["--worker", "pictures" if of_pictures else "streams", "--count", str(some)]
        words += ["--unlimited"] * options.unlimited
        try:
            done = subprocess.run(words, stdout=subprocess.PIPE, text=True, timeout=BATCH)
            told = f"the process ended with {done.returncode}"
        except subprocess.TimeoutExpired:
            told = "the process hangs"
        if told.endswith(" 0"):
            counts.update(json.loads(done.stdout.splitlines()[-1]))
        else:
            counts[f"FAIL {told}"] += some
            print(f"FAIL numbers {first} to {first + some - 1}: {told}", file=sys.stderr)
        print(f"{sum(counts.values())} of {count}, {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return counts


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="streams")
    parser.add_argument("--pictures", type=int, default=0, help="picture files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--keep", default="runs/fuzz", help="folder for what fails")
    parser.add_argument("--unlimited", action="store_true", help="no limit of memory, as sanitizers need all addresses")
    parser.add_argument("--worker", choices=("streams", "pictures"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.worker:
        if not options.unlimited:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        found = batch(options.seed, options.first, options.count, options.worker == "pictures", Path(options.keep))
        print(json.dumps(found))
        return 0
    failed = 0
    for what, count in (("streams", options.count), ("picture files", options.pictures)):
        counts = batches(options, count, what != "streams")
        failed += sum(times for told, times in counts.items() if told.startswith("FAIL"))
        if count:
            print(f"{what}, seed {options.seed}, numbers {options.first} to {options.first + count - 1}:")
        for told, times in counts.most_common():
            print(f"{times:8}  {told}")
    print(f"{failed} failed" if failed else "none failed")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
