"""python -m runtime.decompress cam.gar: a .gar file in, a picture out. Mirror of compress.py."""

import argparse
import sys
import time
from pathlib import Path

from runtime.compress import (
    add_shared_arguments,
    choose_output,
    deliver,
    exit_status,
    parse_threads,
    say,
    shown,
    size,
)
from runtime.errors import StreamError

_EXAMPLES = """\
examples:
  python -m runtime.decompress cam.gar                  writes cam.png beside it
  python -m runtime.decompress cam.gar -o cam.webp -f
"""


def main(argv: list[str] | None = None) -> int:
    """Returns 0 when done, 1 after one line on stderr for bad input; argparse exits with 2."""
    parser = argparse.ArgumentParser(
        prog="python -m runtime.decompress",
        description="Decompress a .gar file. The suffix of OUT names the picture format.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", type=Path, metavar="IN", help="a .gar file")
    add_shared_arguments(parser, "IN with the suffix .png")
    args = parser.parse_args(argv)
    return exit_status(lambda: decompress(args))


def decompress(args: argparse.Namespace) -> None:
    """Decompresses one file as the arguments of the command say."""
    threads = parse_threads(args.threads)
    output = choose_output(args, ".png")
    data = args.input.read_bytes()

    # The heavy modules load only now, so that --help and simple mistakes answer at once.
    from runtime import container, pixels

    suffix = ".png" if output == Path("-") else pixels.suffix_of(output)
    try:
        container.unpack(data)  # what is no stream of ours is refused before the weights are loaded

        from runtime.codec import Codec

        codec = Codec(args.bundle, threads=threads)
        start = time.perf_counter()
        picture = codec.decode(data)
        decode_ms = 1e3 * (time.perf_counter() - start)
    except StreamError as error:
        raise StreamError(f"{args.input}: {error}") from error
    picture_bytes = pixels.encode(picture, suffix)
    deliver(output, picture_bytes, pixels.write_whole)
    shape = f"{picture.shape[1]}x{picture.shape[0]}"
    before = f"{shown(args.input)} {size(len(data))}"
    say(
        output,
        f"{before} -> {shown(output)} {size(len(picture_bytes))}, {shape} px, {decode_ms:.0f} ms",
    )


if __name__ == "__main__":
    sys.exit(main())
