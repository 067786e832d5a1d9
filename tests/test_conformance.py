"""The conformance vectors: our decoders give the pixels that were written down, and refuse what is broken."""

import hashlib
import json
import re
import shlex
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference_decoder
import reference_thumbnail
import references
import run_vectors

from runtime import gat
from runtime.codec import Codec
from runtime.errors import ResidualError, StreamError
from runtime.incomplete import salvage, shown

PROJECT = Path(__file__).parents[1]
CASES = dict((folder.name, (folder, facts)) for folder, facts in run_vectors.cases())
MINIMUM_CASES = 8  # of a family

REFUSED = {path.stem: path for path, _ in run_vectors.refusals()}
MINIMUM_REFUSED = 40

UNBOUND = {path.stem: (path, digest) for path, digest in run_vectors.unbound()}
THUMBNAILS = {path.stem: path for path in (run_vectors.VECTORS / "thumbnails").glob(f"*{gat.SUFFIX}")}

pytestmark = pytest.mark.usefixtures("core")

each_case = pytest.mark.parametrize("name", CASES)
each_refused = pytest.mark.parametrize("name", REFUSED)


def case(name: str) -> tuple[bytes, dict[str, Any]]:
    """Return the stream and case.json of a case, of a shipped bundle."""
    folder, facts = CASES[name]
    shipped = [*references.families()]
    if facts["bundle_id"] not in shipped:
        pytest.fail(
            f"the vectors are of bundle {facts['bundle_id']}, shipped are {shipped}: run scripts/vectors --force"
        )
    return (folder / "stream.gar").read_bytes(), facts


def check(pixels: np.ndarray, facts: dict[str, Any]) -> None:
    assert pixels.dtype == np.uint8
    assert list(pixels.shape) == facts["shape"]
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == facts["pixels_sha256"]


@pytest.fixture(scope="module", params=[1, 2], ids=["1 thread", "2 threads"])
def codec(request: pytest.FixtureRequest) -> Codec:
    return Codec(threads=request.param)


def test_there_are_enough_cases_and_they_are_small() -> None:
    families = references.families()
    cases = Counter(families.get(facts["bundle_id"]) for _, facts in CASES.values())
    assert all(cases[family] >= MINIMUM_CASES for family in families.values()), cases
    assert len(REFUSED) >= MINIMUM_REFUSED
    assert sorted(REFUSED) == sorted(path.stem for path in run_vectors.REFUSED.glob("*.gar"))
    assert sum(path.stat().st_size for path in run_vectors.VECTORS.rglob("*") if path.is_file()) < 220_000


@each_case
def test_case_is_of_the_shipped_bundle_and_undamaged(name: str) -> None:
    stream, facts = case(name)
    assert stream[6:14].hex() == facts["bundle_id"]
    assert len(stream) == facts["stream_bytes"]
    assert hashlib.sha256(stream).hexdigest() == facts["stream_sha256"]


@each_case
def test_codec_decodes_the_pixels_of_the_case(name: str, codec: Codec) -> None:
    stream, facts = case(name)
    check(codec.decode(stream), facts)


@each_case
def test_reference_decoder_decodes_the_same_symbols_and_pixels(name: str) -> None:
    pytest.importorskip("onnx")
    stream, facts = case(name)
    symbols: list[np.ndarray] = []
    check(references.decode(stream, symbols=symbols), facts)
    grids = b"".join(grid.astype("<i4").tobytes() for grid in symbols)
    assert hashlib.sha256(grids).hexdigest() == facts["symbols_sha256"]


@pytest.mark.parametrize("name", [name for name, (_, facts) in CASES.items() if "cut_bytes" in facts])
def test_the_beginning_of_a_stream_shows_all_of_its_whole_iterations(name: str, codec: Codec) -> None:
    pytest.importorskip("onnx")
    stream, facts = case(name)
    end = facts["cut_bytes"]
    shown = facts | {"pixels_sha256": facts["cut_pixels_sha256"]}
    check(salvage(codec, stream[:end]).pixels, shown)
    check(references.decode(stream, end=end), shown)


@pytest.mark.parametrize("name", THUMBNAILS)
def test_thumbnail_decodes_to_the_same_pixels(name: str) -> None:
    pytest.importorskip("onnx")
    facts = json.loads((run_vectors.VECTORS / "thumbnails" / "cases.json").read_text())
    digest, data = facts["pixels_sha256"][name], THUMBNAILS[name].read_bytes()
    shown = gat.decode(data), reference_thumbnail.decode(data, reference_decoder.WEIGHTS / gat.MODELS[0])
    assert [hashlib.sha256(pixels.tobytes()).hexdigest() for pixels in shown] == [digest] * 2


@pytest.mark.parametrize("name", ["chroma-444", "tiles-2x2"])
def test_reference_decoder_corrects_pixels_as_the_codec_does(name: str) -> None:
    """With the synthesis net, which is no part of decoding."""
    pytest.importorskip("onnx")
    stream, _ = case(name)
    corrected = Codec(threads=1, enhance=True).decode(stream)
    assert np.array_equal(reference_decoder.decode(stream, enhance=True), corrected)
    assert not np.array_equal(Codec(threads=1).decode(stream), corrected)


@each_refused
def test_codec_refuses(name: str, codec: Codec) -> None:
    """For a reason of the stream's: were the vectors of another bundle, each would be refused for that."""
    case("gray-one-pixel")
    with pytest.raises(StreamError) as caught:
        codec.decode(REFUSED[name].read_bytes())
    assert ("needs bundle" in str(caught.value)) == (name == "bundle-id")


@each_refused
def test_reference_decoder_refuses(name: str) -> None:
    pytest.importorskip("onnx")
    with pytest.raises(ValueError) as caught:
        reference_decoder.decode(REFUSED[name].read_bytes())
    assert ("needs bundle" in str(caught.value)) == (name == "bundle-id")


@pytest.mark.parametrize("name", UNBOUND)
def test_a_broken_bound_is_noticed_and_hides_no_picture(name: str, codec: Codec) -> None:
    path, digest = UNBOUND[name]
    with pytest.raises(ResidualError):
        codec.decode(path.read_bytes())
    pixels, damage = shown(codec, path.read_bytes())
    assert damage and hashlib.sha256(pixels.tobytes()).hexdigest() == digest


@pytest.mark.parametrize("name", UNBOUND)
def test_reference_decoder_notices_a_broken_bound(name: str) -> None:
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match="."):
        reference_decoder.decode(UNBOUND[name][0].read_bytes())


@pytest.mark.parametrize("name", ["gray-one-pixel", "metadata", "autoencoder-one-pixel", "progressive-one-pixel"])
def test_reference_decoder_refuses_each_changed_byte(name: str) -> None:
    """But for unknown sections, every byte is under a check: 16 bits for the header, 32 for the rest."""
    stream, facts = case(name)
    decode = references.DECODERS[references.families()[facts["bundle_id"]]]
    for at in range(len(stream)):
        damaged = bytearray(stream)
        damaged[at] ^= 0x10
        with pytest.raises(ValueError):
            decode(bytes(damaged))
    for length in range(len(stream)):
        with pytest.raises(ValueError):
            decode(stream[:length])


def test_example_in_format_md_decodes() -> None:
    text = (PROJECT / "FORMAT.md").read_text().split("## 11. Example")[1]
    lines = re.findall(r"^ *(\d+)  ((?:[0-9a-f]{2} ?){1,16})", text, re.MULTILINE)
    data = b""
    for offset, octets in lines:
        assert int(offset) == len(data)
        data += bytes.fromhex(octets)
    stream, facts = case("gray-one-pixel")
    assert data == stream, "run scripts/vectors"
    pixels = Codec(threads=1).decode(data)
    check(pixels, facts)
    assert f"Its sample is {pixels[0, 0]}." in text


def test_vectors_run_with_any_decoder_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    case("gray-one-pixel")
    monkeypatch.chdir(PROJECT)
    command = f"{shlex.quote(sys.executable)} -m runtime.decompress {{in}} -o {{out}} --threads 1"
    assert run_vectors.main(["--decoder", command, "gray", "metadata", "refused/tail"]) == 0
    assert run_vectors.main(["--decoder", command, "--suffix", ".ppm", "one-row"]) == 0
    assert "all the same" in capsys.readouterr().out


def test_vectors_name_the_cases_that_a_wrong_decoder_fails(capsys: pytest.CaptureFixture[str]) -> None:
    black = "import sys; open(sys.argv[1], 'wb').write(b'P5 23 40 255\\n' + bytes(23 * 40))"
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(black)} {{out}}"
    assert run_vectors.main(["--decoder", command, "--suffix", ".pgm", "gray", "noise"]) == 1
    out = capsys.readouterr().out
    assert "FAIL gray: other samples" in out
    assert "FAIL noise: shape [40, 23], must be [64, 48, 3]" in out


def test_vectors_name_the_streams_that_a_careless_decoder_takes(capsys: pytest.CaptureFixture[str]) -> None:
    command = f"{shlex.quote(sys.executable)} -c ''"
    assert run_vectors.main(["--decoder", command, "refused/cut"]) == 1
    assert "FAIL refused/cut: taken for a good stream" in capsys.readouterr().out
    command = f"{shlex.quote(sys.executable)} -c 'import os; os.abort()'"
    assert run_vectors.main(["--decoder", command, "refused/cut"]) == 1
    assert "FAIL refused/cut: killed by signal" in capsys.readouterr().out
