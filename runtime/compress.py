"""python -m runtime.compress cam.jpg: a picture in, a .gar file out. decompress.py is its mirror.

What the three commands share (one-line errors, where the output goes) is below `main`.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from runtime.errors import CodecError, InputError

_EXAMPLES = """\
examples:
  python -m runtime.compress cam.jpg                    writes cam.gar beside it
  python -m runtime.compress cam.png -q 50 -o small.gar -f
"""


def main(argv: list[str] | None = None) -> int:
    """Returns 0 when done, 1 after one line on stderr for bad input; argparse exits with 2."""
    parser = argparse.ArgumentParser(
        prog="python -m runtime.compress",
        description="Compress a picture.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", type=Path, metavar="IN", help="a PNG, JPEG, WebP, TIFF, PPM or BMP")
    parser.add_argument("-q", "--quality", default="75", help="1 (smallest) to 100 (best), default 75")
    add_shared_arguments(parser, "IN with the suffix .gar")
    args = parser.parse_args(argv)
    return exit_status(lambda: compress(args))


def compress(args: argparse.Namespace) -> None:
    """Compresses one file as the arguments of the command say."""
    quality = number(args.quality, "-q", 1, 100)
    threads = parse_threads(args.threads)
    output = choose_output(args, ".gar")

    # The heavy modules load only now, so that --help and simple mistakes answer at once.
    from runtime import pixels

    picture = pixels.read(args.input)
    for note in picture.notes:
        print(f"gargalo: warning: {shown(args.input)}: {note}", file=sys.stderr)

    from runtime.codec import Codec

    codec = Codec(args.bundle, threads=threads)
    start = time.perf_counter()
    data = codec.encode(picture.pixels, quality)
    encode_ms = 1e3 * (time.perf_counter() - start)
    bpp = 8 * len(data) / (picture.pixels.shape[0] * picture.pixels.shape[1])
    deliver(output, data, pixels.write_whole)
    before = f"{shown(args.input)} {size(args.input.stat().st_size)}"
    say(output, f"{before} -> {shown(output)} {size(len(data))}, {bpp:.2f} bpp, {encode_ms:.0f} ms")


# --- shared by the commands -----------------------------------------------------------------------


def add_shared_arguments(parser: argparse.ArgumentParser, default_output: str) -> None:
    """Adds the options that compress and decompress have in common."""
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help=f"default: {default_output}; - is stdout")
    parser.add_argument("-f", "--force", action="store_true", help="overwrite the output if it exists")
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="weights, default: those that ship with gargalo")
    parser.add_argument("--threads", metavar="N", help="CPU threads, default: all cores")


def exit_status(work: Callable[[], None]) -> int:
    """Runs work and returns 0, or 1 after one line on stderr that says what went wrong."""
    try:
        work()
    except CodecError as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    else:
        return 0
    print("gargalo:", shown(" ".join(message.split())), file=sys.stderr)
    return 1


def number(text: str, option: str, low: int, high: int) -> float:
    """Returns the number in an option's text; InputError unless it is from low to high."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise InputError(f"{option} {text} is out of range; give a number from {low} to {high}")
    return value


def parse_threads(text: str | None) -> int | None:
    """Returns the number of threads, None for the default; a fraction is rounded down."""
    most_threads = 1024  # far above any machine this is for; only catches slips
    return None if text is None else int(number(text, "--threads", 1, most_threads))


def choose_output(args: argparse.Namespace, suffix: str) -> Path:
    """Returns where the output goes once the cheap checks hold: input there, output free."""
    source: Path = args.input
    source.stat()  # raises FileNotFoundError
    if source.is_dir():
        raise InputError(f"{source} is a directory; give one file")
    output: Path = args.output or source.with_suffix(suffix)
    if output == Path("-"):
        return output
    if output.is_dir():
        raise InputError(f"{output} is a directory; give a file name to -o")
    if output.exists() and output.samefile(source):
        raise InputError(f"{source} is input and output at once; name another output with -o")
    if not output.parent.is_dir():
        raise InputError(f"{output.parent} is not a folder; create it first")
    if output.is_file() and not args.force:
        raise InputError(f"{output} exists; use -f to overwrite it or -o to name another")
    return output


def deliver(output: Path, data: bytes, write_whole: Callable[[Path, bytes], None]) -> None:
    """Writes data to the file, or to stdout when output is -."""
    if output == Path("-"):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_whole(output, data)


def say(output: Path, line: str) -> None:
    """Prints the command's one line, on stderr when stdout carries the data."""
    print(line, file=sys.stderr if output == Path("-") else sys.stdout)


def shown(name: str | Path) -> str:
    """Returns a file name as text that any terminal encoding of ours can print."""
    return str(name).encode(errors="replace").decode()


def size(length_bytes: int) -> str:
    """Returns a length for people: 819 B, 3.1 KiB, 412 KiB, 12.3 MiB."""
    if length_bytes < 1 << 10:
        return f"{length_bytes} B"
    if length_bytes < 10 << 20:
        return f"{length_bytes / 2**10:.{0 if length_bytes >= 10 << 10 else 1}f} KiB"
    return f"{length_bytes / 2**20:.1f} MiB"


if __name__ == "__main__":
    sys.exit(main())
