"""The options that compress and decompress share: their parser, their settings, and the codec that these ask for."""

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runtime.cli.jobs import Existing
from runtime.cli.places import is_address
from runtime.cli.process import exit_status
from runtime.console import complain, naming
from runtime.container import MAX_PIXELS, MAX_SIDE_PX
from runtime.errors import InputError
from runtime.quantities import whole
from runtime.spec import DEFAULT_BUNDLE, KEPT_BUNDLE, THUMBNAIL_BUNDLES

if TYPE_CHECKING:
    from runtime.codec import Codec

_MOST_THREADS = 1024
"""Far above any machine this is for; only catches slips."""

MOST_WORKERS = 100_000
ENGINES = ("local", "ray")


class Batch(NamedTuple):
    """Settings of a command that makes a file of each that it is given."""

    inputs: tuple[str, ...]
    """Files, folders, patterns, or - for stdin."""
    output: str | None = None
    """A file, a folder, - for stdout, or None: beside each input."""
    existing: Existing = Existing.KEEP
    recursive: bool = False
    at_a_time: int = 1
    """Files at most; several are done each in a process of its own."""
    threads: int | None = None
    """Of each file; None for all cores."""
    tile_px: int | None = None
    """Codec's tile_px; None for its default."""
    max_pixels: int = MAX_PIXELS
    """The most that a picture may have."""
    bundle: Path | None = None
    provider: str = "auto"
    dry_run: bool = False
    """Nothing is done, and what would be is told."""
    keep_times: bool = False
    keep_name: bool = False
    """A suffix is added to the input's name, not put in the place of its own."""
    skip_larger: bool = False
    """An output that would be larger than its input is not made."""
    progress: bool = False
    json: bool = False
    quiet: bool = False
    engine: str = ENGINES[0]
    address: str | None = None
    """HOST:PORT of a Ray cluster; None for one of this machine alone."""

    @property
    def is_fleet(self) -> bool:
        """Whether it goes to a cluster or to a store, with a manifest of what was done."""
        return self.engine != ENGINES[0] or any(map(is_address, (*self.inputs, self.output or "")))

    @property
    def workers_asked(self) -> bool:
        """Whether -j says how many workers a cluster shall have; else it is what there is room for."""
        return self.at_a_time < MOST_WORKERS

    @property
    def coding(self) -> "Batch":
        """Only what says how a file is coded: outputs of equal ones are equal."""
        return Batch((), tile_px=self.tile_px, bundle=self.bundle, provider=self.provider)


Action = argparse.Action


class Parser(argparse.ArgumentParser):
    """Takes options before, between and behind files, as other commands of a shell do."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        words = sys.argv[1:] if args is None else args
        if "--" in words:  # with which Python 3.11 refuses what stands behind it
            return super().parse_args(words, namespace)
        return self.parse_intermixed_args(words, namespace)

    def print_help(self, file: Any = None) -> None:
        """Print the help, which is what was asked for; where stdout takes none of it, end with the status for that."""

        def tell() -> None:
            with naming("stdout"):
                print(self.format_help(), end="", file=file, flush=True)

        if status := exit_status(tell):
            self.exit(status)


def parser(name: str, description: str, examples: str) -> Parser:
    """Return the parser of a command; examples are in the words of `python -m runtime`, or of gargalo if that runs."""
    # numpy, when it is loaded, would start threads for products of matrices, of which there are none here
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")  # what OpenCV, if it is loaded, warns of is said by us
    called = "gargalo " if os.path.basename(sys.argv[0]).startswith("gargalo") else "python -m runtime."
    return Parser(
        prog=f"{called}{name}",
        description=description,
        epilog=examples.replace("python -m runtime.", called),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def option(argument: str) -> str:
    """Return the option that an argument of the Python API has as its counterpart."""
    return "--" + argument.replace("_", "-")


def named(text: str) -> Path:
    """Return the path that an argument names; argparse tells of one that is empty, which Path takes for this folder."""
    if not text:
        raise argparse.ArgumentTypeError("it has no name; is a variable of the shell empty?")
    return Path(text)


def _output(text: str) -> str:
    """Return - for the system's names of stdout, where no line may follow the data; else the text."""
    return "-" if text in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1") else text


def picture_bundles() -> list[str]:
    """Return the names of the shipped bundles for whole pictures, the default one first; loads nothing."""
    weights = Path(__file__).parents[1] / "weights"
    names = {path.parent.name for path in weights.glob("*/manifest.json")}.difference(THUMBNAIL_BUNDLES)
    names = {name for name in names if not re.fullmatch(KEPT_BUNDLE, name)}
    return sorted(names, key=lambda name: (name != DEFAULT_BUNDLE, name))


def picture_bundle(bundle: Path | None) -> Path | None:
    """Return a bundle that pictures shall be made with; raise InputError for the shipped one of thumbnails."""
    if str(bundle) in THUMBNAIL_BUNDLES and not Path(str(bundle), "manifest.json").is_file():
        raise InputError(f"bundle {bundle} makes .gat files of 32 x 32 pixels, by gargalo thumbnail; leave it out")
    return bundle


def bundles_help() -> str:
    """Return the shipped bundles for whole pictures, as --help names them."""
    default, *others = picture_bundles()
    return ", ".join([f"{default} (the default)", *others])


def add_arguments(to: Parser, what: str, default_output: str) -> None:
    """Add the arguments that compress and decompress have in common; `read_batch` reads them."""
    add_files(to, what, default_output, bundles_help())
    add = to.add_argument
    add("--threads", metavar="N", help="CPU threads a file, default: all cores, or 1 with -j")
    add("--tile", metavar="PX", help="about the side of squares to work on, default 1024: less takes less memory")
    add("--provider", default="auto", metavar="NAME", help="auto (the CPU, default), cpu, openvino, cuda or webgpu")


def add_files(to: Parser, what: str, default_output: str, bundles: str) -> None:
    """Add the arguments of all commands that make a file of each that they are given; `read_batch` reads them.

    `bundles` tells those that ship.
    """
    add = to.add_argument
    add("input", nargs="+", metavar="IN", help=f"{what}, a folder of them, or - for stdin")
    add("-o", "--output", type=_output, metavar="OUT", help=f"file, folder or - for stdout; default: {default_output}")
    existing = to.add_mutually_exclusive_group()
    existing.add_argument("-f", "--force", action="store_true", help="overwrite outputs that exist")
    existing.add_argument(
        "--skip-existing", action="store_true", help="skip inputs whose outputs exist, as after half of a folder"
    )
    add(
        "-r",
        "--recursive",
        action="store_true",
        help="take what is in folders and their subfolders; OUT gets the same ones",
    )
    add("-n", "--dry-run", action="store_true", help="say what would be made, and make nothing")
    add("--keep-name", action="store_true", help="add to the name of IN: a.jpg and a.png give two files")
    add("--keep-times", action="store_true", help="give outputs the times of their inputs")
    add("-j", "--jobs", metavar="N", help="files at a time, each in a process of its own; default 1, with ray all CPUs")
    add("--engine", choices=ENGINES, default=ENGINES[0], help="this machine (default), or a Ray cluster; docs/fleet.md")
    add("--address", metavar="HOST:PORT", help="of the Ray cluster; default: RAY_ADDRESS, or a cluster of this machine")
    add("--max-pixels", metavar="N", help="refuse larger pictures, default 256000000")
    add("--bundle", type=named, metavar="DIR", help=f"weights: {bundles}, or a folder of your own")
    add("--progress", action="store_true", help="tell how far it is and how long it will take, also into a log")
    add("--json", action="store_true", help="print one JSON object a file")
    add("--quiet", action="store_true", help="print nothing but errors")


def read_batch(
    *,
    input: list[str],
    output: str | None,
    force: bool,
    skip_existing: bool,
    dry_run: bool,
    keep_name: bool,
    keep_times: bool,
    recursive: bool,
    jobs: str | None,
    max_pixels: str | None,
    bundle: Path | None,
    progress: bool,
    json: bool,
    quiet: bool,
    engine: str,
    address: str | None,
    threads: str | None = None,
    tile: str | None = None,
    provider: str = "auto",
    skip_larger: bool = False,
) -> Batch:
    """Return the settings of the arguments that `add_arguments` or `add_files` adds; raise InputError for numbers out
    of range.
    """
    if address and engine != "ray":
        raise InputError(f"--address {address} is that of a Ray cluster; add --engine ray")
    if "" in (*input, output):
        raise InputError("an input or output has no name; is a variable of the shell empty?")
    most = MOST_WORKERS if engine == "ray" else _MOST_THREADS
    at_a_time = whole(jobs, "-j", 1, most) if jobs is not None else 1 if engine == ENGINES[0] else most
    batch = Batch(
        inputs=tuple(input),
        output=output,
        existing=Existing.OVERWRITE if force else Existing.SKIP if skip_existing else Existing.KEEP,
        recursive=recursive,
        at_a_time=at_a_time,
        threads=1 if threads is None and (at_a_time > 1 or engine != ENGINES[0]) else thread_count(threads),
        tile_px=None if tile is None else whole(tile, "--tile", 1, MAX_SIDE_PX),
        max_pixels=MAX_PIXELS if max_pixels is None else whole(max_pixels, "--max-pixels", 1, MAX_SIDE_PX**2),
        bundle=bundle,
        provider=provider,
        dry_run=dry_run,
        keep_times=keep_times,
        keep_name=keep_name,
        skip_larger=skip_larger,
        progress=progress,
        json=json,
        quiet=quiet,
        engine=engine,
        address=address,
    )
    own = batch.is_fleet and bundle is not None and bundle.exists()
    return batch._replace(bundle=bundle.absolute()) if own and bundle else batch  # workers have folders of their own


def thread_count(text: str | None) -> int | None:
    """Return the number in --threads, None without one."""
    return None if text is None else whole(text, "--threads", 1, _MOST_THREADS)


def open_codec(batch: Batch, enhance: bool | None) -> "Codec":
    """Return the codec that the settings ask for, after a line on stderr on a provider other than the CPU."""
    from runtime.codec import Codec  # loads the heavy modules

    tile = {} if batch.tile_px is None else {"tile_px": batch.tile_px}
    codec = Codec(batch.bundle, batch.provider, batch.threads, **tile, enhance=enhance)
    note = codec.networks.note(codec.enhance)
    if note and not batch.quiet:
        complain(note)
    return codec
