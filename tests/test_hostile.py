"""Hostile bytes: a picture or a CodecError with a reason, soon, and without memory that an honest file would not need.

fuzz.py is the long run of this, broken_streams.py makes files whose checksums hold.
"""

import json
import random
import subprocess
import sys
import zlib
from contextlib import suppress
from functools import partial
from pathlib import Path

import fuzz
import numpy as np
import pytest
from broken_streams import Parts, flipped, joined, unbound

from runtime import container
from runtime.codec import Codec
from runtime.errors import ResidualError, StreamError, TruncatedError
from runtime.incomplete import shown

PROJECT = Path(__file__).parents[1]
PATIENCE_S = 5
pytestmark = pytest.mark.usefixtures("core")
FLIPS_BEHIND_CHECKS = 100
SLACK_MB = 64
"""What refusing a stream may take: far below the gigabytes that its header asks for."""


@pytest.fixture(scope="module")
def codec(tiny: Codec) -> Codec:
    """Weights that training does not change."""
    return tiny


@pytest.fixture(scope="module")
def streams(codec: Codec, photo: np.ndarray) -> dict[str, bytes]:
    """Three small streams: one pixel, alpha and metadata, four tiles."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runtime.codec.TILE_PX", 64)
        tiled = codec.encode(photo[:70, :80], 10)
    opacity = np.random.default_rng(1).integers(0, 256, (12, 10), dtype=np.uint8)
    alpha = codec.encode(np.dstack([photo[:12, :10], opacity]), 20, fuzz.METADATA)
    return {"one pixel": codec.encode(photo[:1, :1, 0], 1), "alpha": alpha, "tiles": tiled}


@pytest.mark.parametrize("name", ["one pixel", "alpha", "tiles"])
def test_every_truncation_is_refused(name: str, streams: dict[str, bytes], codec: Codec) -> None:
    data = streams[name]
    for end in range(len(data)):
        with pytest.raises(TruncatedError, match="."):
            codec.decode(data[:end])


@pytest.mark.parametrize("name", ["one pixel", "alpha", "tiles"])
def test_every_flipped_bit_is_refused(name: str, streams: dict[str, bytes], codec: Codec) -> None:
    data = streams[name]
    for bit in range(8 * len(data)):
        with pytest.raises(StreamError, match="."):
            codec.decode(flipped(data, bit))


@pytest.mark.parametrize("name", ["one pixel", "alpha", "tiles"])
def test_bits_flipped_behind_the_checks_give_a_picture_or_a_reason(
    name: str, streams: dict[str, bytes], codec: Codec
) -> None:
    """As a liar would, who can compute checksums too."""
    data = streams[name]
    expected = codec.decode(data).shape
    parts = Parts.of(data)
    dice = random.Random(name)
    refused = 0
    for kind, body in parts.sections:
        bits = range(8 * len(body))
        for bit in bits if len(bits) <= FLIPS_BEHIND_CHECKS else dice.sample(bits, FLIPS_BEHIND_CHECKS):
            try:
                assert codec.decode(parts.with_section(kind, flipped(body, bit))).shape == expected
            except StreamError as error:
                assert str(error)
                refused += 1
    assert refused > 20


def test_a_broken_residual_leaves_the_picture_without_its_bound(codec: Codec, photo: np.ndarray) -> None:
    blocks = np.kron(np.random.default_rng(5).integers(0, 5, (6, 7, 1)), np.ones((5, 5, 3))).astype(np.uint8) * 50
    good = [codec.encode(photo[:16, :24], 20, max_error=20), codec.encode(blocks, 1, max_error=0)]
    alone = [
        codec.decode(Parts.of(each).but(sections=[(1, dict(Parts.of(each).sections)[container.LATENTS])]))
        for each in good
    ]
    broken = unbound(*good)
    assert len(broken) > 25
    for name, (wrong, data) in broken.items():
        with pytest.raises(ResidualError, match="."):
            codec.decode(data)
        pixels, damage = shown(codec, data)
        assert np.array_equal(pixels, alone[name.startswith("samples")]), f"{name}: {wrong}"
        assert "off by more than was promised" in damage[0]


def test_mutants_of_residuals_give_a_picture_or_a_reason(codec: Codec, photo: np.ndarray) -> None:
    good = [codec.encode(photo[:16, :24], 60, max_error=0), codec.encode(photo[:9, :14, 0], 60)]
    exact = 0
    for number in range(80):
        dice = random.Random(number)
        mutant = fuzz.of_residual(dice, good[number % 2])
        outcome, allowed = fuzz.outcome_of(partial(fuzz.decode, codec, mutant, dice))
        assert allowed, f"{number}: {outcome}"
        with suppress(StreamError):
            assert codec.decode(mutant).shape in ((16, 24, 3), (9, 14))
            exact += 1
    assert 5 < exact < 60


def test_mutants_give_a_picture_or_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--count", "300", "--pictures", "300", "--seed", "1", "--keep", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "none failed" in told and "a picture" in told and "StreamError" in told and "InputError" in told
    assert not list(tmp_path.iterdir())


def test_the_fuzzer_notices_what_is_not_allowed() -> None:
    def crash() -> None:
        raise IndexError("list index out of range")

    def hang() -> None:
        while True:
            pass

    assert fuzz.outcome_of(crash) == ("IndexError: list index out of range", False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fuzz, "PATIENCE_S", 0.1)
        assert fuzz.outcome_of(hang) == ("TooSlow: more than 0.1 s", False)


# Prints what decoding each file came to, its seconds, and how many MB the process's peak grew.
MEASURE = """
import json, resource, sys, time
from runtime.codec import Codec
from runtime.errors import CodecError
codec = Codec(sys.argv.pop(1), threads=1)
codec.decode(open(sys.argv[1], "rb").read())
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
for path in sys.argv[2:]:
    data, before, start = open(path, "rb").read(), peak(), time.process_time()
    try:
        codec.decode(data)
        told = "a picture"
    except CodecError as error:
        told = f"{type(error).__name__}: {error}"
    print(json.dumps([path, told, time.process_time() - start, peak() - before]))
"""


def liars(streams: dict[str, bytes]) -> dict[str, bytes]:
    """Return small files that ask for much, all of their checksums right."""
    small, tiled, alpha = (Parts.of(streams[name]) for name in ("one pixel", "tiles", "alpha"))
    latents, plane = dict(small.sections)[container.LATENTS], dict(alpha.sections)[container.ALPHA]
    lanes = bytes([12]) + b"\xff" * 4 * 4096
    bomb = b"\1" + zlib.compress(bytes(50_000_000), 9)
    return {
        "256 MP in one tile": small.but(width=62_500, height=4096, tile=12),
        "as large as allowed": small.but(width=16_000, height=16_000),
        "as long as allowed": small.but(width=2**20, height=244),
        "above the limit": small.but(width=2**20, height=2**20),
        "tiles without end": tiled.but(width=16_000, height=16_000, tile=6),
        "a few tiles more": tiled.but(width=4000, height=80),
        "alpha of 256 MP": alpha.but(width=16_000, height=16_000),
        "an alpha that grows": alpha.with_section(container.ALPHA, bomb),
        "alpha without samples": alpha.but(height=16_000, width=16_000, sections=[(1, latents), (2, plane)]),
        "4096 lanes": small.with_section(container.LATENTS, lanes),
        "empty chunks": tiled.with_section(container.LATENTS, joined([b""] * 12)),
        "sections of 32 GiB": small.but(lengths={0: 2**35 - 1}),
        "255 empty sections": small.but(sections=[(1, latents), *[(200, b"")] * 254], lengths={254: 2**34}),
    }


def test_headers_that_lie_about_sizes_cost_neither_time_nor_memory(
    codec: Codec, streams: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "good").write_bytes(streams["tiles"])
    for name, data in liars(streams).items():
        (tmp_path / name).write_bytes(data)
    paths = [str(tmp_path / name) for name in ("good", *liars(streams))]
    words = [sys.executable, "-c", MEASURE, str(codec.bundle.folder), *paths]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        path, told, seconds, grown_mb = json.loads(line)
        assert told.startswith(("StreamError: ", "TruncatedError: ")), f"{path}: {told}"
        assert seconds < PATIENCE_S, f"{path}: {seconds:.1f} s, {told}"
        assert grown_mb < SLACK_MB, f"{path}: {grown_mb:.0f} MB, {told}"
    assert len(done.stdout.splitlines()) == len(liars(streams))
