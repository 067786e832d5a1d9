"""What the report measures beside rate and distortion: time, memory, cold starts, throughput; one function each.

Every function takes `tick`, which it calls after each step, for the progress bar.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from benchmarks import processes, timing
from benchmarks.baselines import Contender, Pixels
from benchmarks.summary import Mean
from runtime.codec import Codec
from runtime.machine import load as load

QUALITY = 75
"""Of ours where one quality has to do; peers take the setting of theirs that comes nearest in PSNR."""

MEMORY_THREADS = 1, 2
"""Of the processes whose memory is measured: the second one shows what a thread adds."""

Tick = Callable[[], object]


@dataclass(frozen=True)
class Speed:
    """One codec at about equal quality: medians over pictures; the columns of speed.tsv."""

    codec: str
    setting: float
    psnr_db: float
    encode_ms: float
    decode_ms: float
    encode_ratio: float
    """To the anchor's encoding of the same picture in the same rounds."""
    decode_ratio: float
    """To the anchor's decoding."""
    decode_to_encode_ratio: float
    """Decoding to the anchor's encoding."""


@dataclass(frozen=True)
class Whole:
    """One command as a process; the columns of processes.tsv."""

    command: str
    megapixels: float
    wall_ms: float
    wall_ratio: float
    """To the bare imports."""
    cpu_ratio: float
    peak_mb: float


@dataclass(frozen=True)
class Throughput:
    """Pictures a second; the columns of throughput.tsv."""

    direction: str
    threads: int
    """Of each codec call."""
    jobs: int
    """Processes."""
    pictures_per_s: float
    ratio: float
    """To one thread and one job."""


@dataclass(frozen=True)
class Share:
    """Where the time of a picture goes, one thread; the columns of shares.tsv."""

    codec: str
    direction: str
    outside_graphs_percent: float


def equal_settings(table: Sequence[Mean], ours: str) -> dict[str, Mean]:
    """Return for each codec its mean at the setting that comes nearest in PSNR to ours at QUALITY, or near that."""
    mine = min((mean for mean in table if mean.codec == ours), key=lambda mean: abs(mean.setting - QUALITY))
    found: dict[str, Mean] = {}
    for mean in table:
        best = found.get(mean.codec)
        if best is None or abs(mean.psnr_db - mine.psnr_db) < abs(best.psnr_db - mine.psnr_db):
            found[mean.codec] = mean
    return found


def speeds(
    contenders: Sequence[Contender],
    pictures: Sequence[Pixels],
    at: dict[str, Mean],
    anchor: str,
    rounds: int,
    tick: Tick,
) -> list[Speed]:
    """Return the times of all contenders at equal quality, as medians over pictures of ratios within each."""
    times: dict[str, list[tuple[float, float, float, float]]] = {contender.name: [] for contender in contenders}
    for pixels in pictures:
        files = {each.name: each.encode(pixels, at[each.name].setting) for each in contenders}
        encode = {e.name: lambda e=e: e.encode(pixels, at[e.name].setting) for e in contenders}  # noqa: B023
        decode = {e.name: lambda e=e: e.decode(files[e.name]) for e in contenders}  # noqa: B023
        encode_ms, decode_ms = (timing.interleaved_ms(calls, rounds, tick) for calls in (encode, decode))
        for name, kept in times.items():
            kept.append((encode_ms[name], decode_ms[name], encode_ms[anchor], decode_ms[anchor]))
    return [
        Speed(
            name,
            at[name].setting,
            at[name].psnr_db,
            median(e for e, _, _, _ in kept),
            median(d for _, d, _, _ in kept),
            median(e / anchor_e for e, _, anchor_e, _ in kept),
            median(d / anchor_d for _, d, _, anchor_d in kept),
            median(d / anchor_e for _, d, anchor_e, _ in kept),
        )
        for name, kept in times.items()
    ]


def shares(codecs: dict[str, Codec], pixels: Pixels, rounds: int, tick: Tick) -> list[Share]:
    """Return the share of time outside the networks of encoding and decoding."""
    found = []
    for name, codec in codecs.items():
        data = codec.encode(pixels, QUALITY)
        calls: dict[str, Callable[[], object]]
        calls = {"encode": partial(codec.encode, pixels, QUALITY), "decode": partial(codec.decode, data)}
        for direction, call in calls.items():
            found.append(Share(name, direction, 100 * timing.share_outside_graphs(codec, call, rounds)))
            tick()
    return found


def throughput(bundle: str | None, pixels: Pixels, cores: int, count: int, tick: Tick) -> list[Throughput]:
    """Return pictures a second with one thread, with all cores on each picture, and with a picture on each core."""
    found: list[Throughput] = []
    for direction in ("encode", "decode"):
        one = None
        for threads, jobs in dict.fromkeys([(1, 1), (cores, 1), (1, cores)]):
            prepare = partial(_coding, direction, bundle, threads, pixels)
            rate = median(timing.per_second(prepare, count * jobs, jobs) for _ in range(3))
            one = one or rate
            found.append(Throughput(direction, threads, jobs, rate, rate / one))
            tick()
    return found


def _coding(direction: str, bundle: str | None, threads: int, pixels: Pixels) -> timing.Call:
    codec = Codec(bundle, threads=threads)
    data = codec.encode(pixels, QUALITY)
    return partial(codec.encode, pixels, QUALITY) if direction == "encode" else partial(codec.decode, data)


def cold_starts(picture: Path, bundle: str | None, folder: Path, rounds: int, tick: Tick) -> list[Whole]:
    """Return what the commands take from start to end on a picture file, beside the bare imports."""
    stream, *made = (folder / name for name in ("cold.gar", "out.gar", "out.png"))
    options = ["--quiet", *(["--bundle", bundle] if bundle else [])]
    processes.run(["-m", "runtime.compress", str(picture), "-o", str(stream), "-f", *options])
    compress = ["-m", "runtime.compress", str(picture), "-o", str(made[0]), *options]
    decompress = ["-m", "runtime.decompress", str(stream), "-o", str(made[1]), *options]
    commands = {
        "bare imports": processes.BARE,
        "compress": compress,
        "compress --threads 1": [*compress, "--threads", "1"],
        "decompress": decompress,
        "decompress --threads 1": [*decompress, "--threads", "1"],
        "compress --help": ["-m", "runtime.compress", "--help"],
    }
    with Image.open(picture) as opened:
        megapixels = opened.width * opened.height / 1e6
    runs = processes.interleaved(commands, rounds, tick, made)
    return [_whole(name, megapixels, found, runs["bare imports"]) for name, found in runs.items()]


def memory(picture: Path, megapixels: Sequence[float], bundle: str | None, folder: Path, tick: Tick) -> list[Whole]:
    """Return time and peak memory of the commands on pictures of such sizes, made of one by mirroring; one run each on
    one thread and on two.
    """
    bare = processes.run(processes.BARE)
    weights = ["--bundle", bundle] if bundle else []
    found = []
    for size in megapixels:
        given, stream, decoded = folder / "large.jpg", folder / "large.gar", folder / "large.png"
        exact = enlarge(picture, size, given)
        for threads in MEMORY_THREADS:
            options = [*weights, "-f", "--quiet", "--threads", str(threads)]
            commands = {
                "compress": ["-m", "runtime.compress", str(given), "-o", str(stream), *options],
                "decompress": ["-m", "runtime.decompress", str(stream), "-o", str(decoded), *options],
            }
            for name, arguments in commands.items():
                found.append(_whole(f"{name} --threads {threads}", exact, processes.run(arguments), bare))
                tick()
    return found


def _whole(name: str, megapixels: float, run: processes.Run, bare: processes.Run) -> Whole:
    ratios = run.wall_ms / bare.wall_ms, run.cpu_ms / bare.cpu_ms
    return Whole(name, megapixels, run.wall_ms, *ratios, run.peak_bytes / 1e6)


def enlarge(picture: Path, megapixels: float, target: Path) -> float:
    """Write a 3:2 picture of about such a size and return its exact size in megapixels."""
    with Image.open(picture) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    width = round(1.5 * height)
    mirrored = np.concatenate([pixels, pixels[::-1]])
    mirrored = np.concatenate([mirrored, mirrored[:, ::-1]], axis=1)
    repeats = -(-height // mirrored.shape[0]), -(-width // mirrored.shape[1]), 1
    Image.fromarray(np.tile(mirrored, repeats)[:height, :width]).save(target, quality=92)
    return width * height / 1e6
