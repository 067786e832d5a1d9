"""python -m runtime.decompress cam.gar: .gar files in, pictures out. Mirror of compress.py."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from runtime.batch import Done, Job, plan, run
from runtime.commands import STREAM, add_arguments, deliver, exit_status, parse_threads, shown, size, take
from runtime.errors import InputError, StreamError

_EXAMPLES = """\
examples:
  python -m runtime.decompress cam.gar                  writes cam.png beside it
  python -m runtime.decompress small/ -r -s jpg -o photos/
"""


def main(argv: list[str] | None = None) -> int:
    """Returns 0 when done, 1 after one line on stderr for each bad input; argparse exits with 2."""
    parser = argparse.ArgumentParser(
        prog="python -m runtime.decompress",
        description="Decompress .gar files. The suffix of OUT names the picture format.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser, "a .gar file", "IN with the suffix .png")
    parser.add_argument("-s", "--suffix", metavar="FORMAT", help="png (default), jpg, webp, tif, ppm or bmp")
    args = parser.parse_args(argv)
    return exit_status(lambda: decompress(args))


def decompress(args: argparse.Namespace) -> int:
    """Decompresses the files as the arguments of the command say and returns the exit status."""
    _, threads = parse_threads(args)
    from runtime.structure import SUFFIXES

    wanted = "." + (args.suffix or "png").lower().removeprefix(".")
    if wanted not in SUFFIXES:
        raise InputError(f"-s {args.suffix} names no picture format; use {', '.join(s[1:] for s in SUFFIXES)}")
    jobs = plan(args, wanted, (".gar",))
    shapes: dict[Path, str] = {}

    def prepare() -> Callable[[Job], Done]:
        # The heavy modules load only now, so that --help and simple mistakes answer at once.
        from runtime import container, pixels
        from runtime.codec import Codec

        codec = Codec(args.bundle, threads=threads)

        def work(job: Job) -> Done:
            suffix = wanted if job.target == STREAM else pixels.suffix_of(job.target)
            if args.suffix and suffix != wanted:
                raise InputError(f"-s {args.suffix} and -o {job.target} name two formats; leave out one")
            data = take(job.source)
            notes: list[str] = []
            try:
                header, sections = container.unpack(data)
                start = time.perf_counter()
                picture = codec.decode(data)
                ms = 1e3 * (time.perf_counter() - start)
            except StreamError as error:
                raise StreamError(f"{job.source}: {error}") from error
            made = pixels.encode(picture, suffix, sections, notes)
            deliver(job.target, made)
            shapes[job.source] = f"{header.width}x{header.height}"
            return Done(len(data), len(made), ms, 8 * len(data) / (header.width * header.height), notes)

        return work

    def line(job: Job, done: Done) -> str:
        before, after = f"{shown(job.source)} {size(done.bytes_in)}", f"{shown(job.target)} {size(done.bytes_out)}"
        return f"{before} -> {after}, {shapes[job.source]} px, {done.ms:.0f} ms"

    return run(jobs, prepare, line, args)


if __name__ == "__main__":
    sys.exit(main())
