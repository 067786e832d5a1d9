"""The info command: every fact of the header, every byte accounted for."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from runtime import gat
from runtime.codec import Codec
from runtime.container import EXIF, ICC, RESIDUAL, XMP, pack, unpack
from runtime.info import main
from runtime.pictures.square import shrunk


def written(path: Path, codec: Codec, *shape: int) -> bytes:
    data = codec.encode(np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8))
    path.write_bytes(data)
    return data


def row(text: str, name: str) -> str:
    match = re.search(rf"^  {name} +(.*)$", text, re.MULTILINE)
    assert match is not None, f"no {name} in {text}"
    return match[1]


@pytest.mark.parametrize(
    ("shape", "colour"),
    [
        ((48, 64), "gray"),
        ((48, 64, 3), "RGB"),
        ((48, 64, 4), "RGB with alpha"),
    ],
)
def test_it_shows_the_header_and_accounts_for_every_byte(
    shape: tuple[int, ...],
    colour: str,
    tmp_path: Path,
    codec: Codec,
    capfd: pytest.CaptureFixture[str],
) -> None:
    data = written(tmp_path / "cam.gar", codec, *shape)
    header, sections = unpack(data)
    assert main([str(tmp_path / "cam.gar")]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert out.splitlines()[0] == str(tmp_path / "cam.gar")
    assert row(out, "picture") == f"64 x 48 px, {colour}"
    assert row(out, "level").startswith(f"{header.level}, ")
    assert row(out, "bundle") == f"{header.bundle_id.hex()}, standard, which ships"
    assert row(out, "layers") == "3, coarse to fine: decompress --layer 0 to 2"
    assert row(out, "LATENTS") == f"{len(sections[1]):,} bytes, the picture"
    assert ("ALPHA  " in out) == (shape[2:] == (4,))
    assert row(out, "total") == f"{len(data):,} bytes, {8 * len(data) / 3072:.3f} bits a pixel"
    *sizes, total = (int(text.replace(",", "")) for text in re.findall(r" ([\d,]+) bytes", out))
    assert sum(sizes) == total == len(data)


def test_of_weights_that_do_not_ship_neither_name_nor_layers_nor_what_the_flag_means_are_known(
    tmp_path: Path, tiny: Codec, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cam.gar").write_bytes(tiny.encode(np.zeros((8, 8, 3), np.uint8), subsampling="4:2:0"))
    assert main([str(tmp_path / "cam.gar")]) == 0
    out = capfd.readouterr().out
    assert row(out, "picture") == "8 x 8 px, RGB"
    assert row(out, "bundle") == f"{tiny.bundle.id.hex()}, the weights that it needs, which do not ship"
    assert "  layers  " not in out


def test_a_progressive_file_has_more_layers(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    written(tmp_path / "cam.gar", Codec("progressive", threads=1), 8, 8, 3)
    assert main([str(tmp_path / "cam.gar")]) == 0
    out = capfd.readouterr().out
    assert row(out, "bundle").endswith(", progressive, which ships")
    assert int(row(out, "layers").split(",")[0]) > 3


@pytest.mark.parametrize("subsampling, colour", [("4:2:0", "RGB, chroma 4:2:0"), ("4:4:4", "RGB")])
def test_it_tells_where_chroma_is_not_whole(
    subsampling: str, colour: str, tmp_path: Path, codec: Codec, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cam.gar").write_bytes(codec.encode(np.zeros((8, 9, 3), np.uint8), subsampling=subsampling))
    assert main([str(tmp_path / "cam.gar")]) == 0
    assert row(capfd.readouterr().out, "picture") == f"9 x 8 px, {colour}"


@pytest.mark.parametrize("bound, words", [(0, "lossless"), (3, "no sample is off by more than 3")])
def test_it_tells_the_bound(
    bound: int, words: str, tmp_path: Path, tiny: Codec, small_photo: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cam.gar").write_bytes(tiny.encode(small_photo, 30, max_error=bound))
    assert main([str(tmp_path / "cam.gar")]) == 0
    assert words in row(capfd.readouterr().out, "RESIDUAL")


def test_metadata_has_a_row_each(tmp_path: Path, codec: Codec, capfd: pytest.CaptureFixture[str]) -> None:
    data = codec.encode(np.zeros((8, 8, 3), np.uint8), metadata={EXIF: bytes(1234), ICC: b"icc", XMP: b"<>"})
    (tmp_path / "cam.gar").write_bytes(data)
    assert main([str(tmp_path / "cam.gar")]) == 0
    out = capfd.readouterr().out
    assert (row(out, "EXIF"), row(out, "ICC"), row(out, "XMP")) == ("1,234 bytes", "3 bytes", "2 bytes")


def test_several_files_are_shown_one_after_another(
    tmp_path: Path, codec: Codec, capfd: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / "a.gar", tmp_path / "b.gar"]
    for path in paths:
        written(path, codec, 8, 8, 3)
    assert main([str(path) for path in paths]) == 0
    out = capfd.readouterr().out
    assert [line for line in out.splitlines() if line[0] != " "] == [str(path) for path in paths]


@pytest.mark.parametrize("data", [None, b"", b"dear diary\n", b"\xff\xd8\xff\xe0"])
def test_what_is_no_stream_is_one_line(data: bytes | None, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if data is not None:
        (tmp_path / "x.gar").write_bytes(data)
    assert main([str(tmp_path / "x.gar")]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("gargalo: ") and "x.gar" in err and err.count("\n") == 1


def test_json_is_one_object_a_file(tmp_path: Path, codec: Codec, capfd: pytest.CaptureFixture[str]) -> None:
    data = written(tmp_path / "cam.gar", codec, 48, 64, 4)
    (tmp_path / "no.gar").write_bytes(b"dear diary")
    assert main(["--json", str(tmp_path / "cam.gar"), str(tmp_path / "no.gar")]) == 1
    out, err = capfd.readouterr()
    good, bad = map(json.loads, out.splitlines())
    header, sections = unpack(data)
    assert good == {
        "input": str(tmp_path / "cam.gar"),
        "format": "gar",
        "width": 64,
        "height": 48,
        "gray": False,
        "alpha": True,
        "subsampled": header.subsampled,
        "level": header.level,
        "quality": 75,
        "tile_px": 1024,
        "max_error": None,
        "bundle_id": codec.bundle.id.hex(),
        "bundle": "standard",
        "layers": 3,
        "sections": {"header": good["sections"]["header"], "LATENTS": len(sections[1]), "ALPHA": len(sections[2])},
        "bytes": len(data),
        "bpp": round(8 * len(data) / 3072, 4),
        "damage": [],
        "error": None,
    }
    assert sum(good["sections"].values()) == len(data)
    assert bad.keys() == {"input", "error"} and "not a .gar file" in bad["error"] and err.count("\n") == 1


@pytest.mark.parametrize("change", ["flipped", "cut", "nonsense"])
def test_a_damaged_bound_is_told_beside_all_else(
    change: str, tmp_path: Path, tiny: Codec, small_photo: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    path, data = tmp_path / "cam.gar", tiny.encode(small_photo, 30, max_error=2)
    if change == "nonsense":
        header, sections = unpack(data)
        data = pack(header, [*((sections | {RESIDUAL: b"\xff\xff"}).items())])
    path.write_bytes({"flipped": data[:-1] + bytes([data[-1] ^ 1]), "cut": data[:-99], "nonsense": data}[change])
    assert main([str(path)]) == 3
    out, err = capfd.readouterr()
    assert row(out, "RESIDUAL").endswith(" bytes, damaged") and row(out, "LATENTS").endswith(", the picture")
    assert err.startswith(f"gargalo: warning: {path}: ") and "but for its bound" in err and err.count("\n") == 1
    *sizes, total = (int(text.replace(",", "")) for text in re.findall(r" ([\d,]+) bytes", out))
    assert sum(sizes) == total == path.stat().st_size
    assert main([str(path), "--json"]) == 3
    told = json.loads(capfd.readouterr().out)
    assert told["max_error"] is None and told["error"] is None and len(told["damage"]) == 1
    assert sum(told["sections"].values()) == told["bytes"] == path.stat().st_size
    (tmp_path / "none.gar").touch()
    assert main([str(path), str(tmp_path / "none.gar")]) == 1, "the worst of several"


def test_a_thumbnail_is_told_of_too(tmp_path: Path, small_photo: np.ndarray, capfd: pytest.CaptureFixture[str]) -> None:
    data = gat.encode(shrunk(small_photo, gat.SIDE_PX), 64)
    (tmp_path / "cam.gat").write_bytes(data)
    assert main([str(tmp_path / "cam.gat")]) == 0
    out = capfd.readouterr().out
    assert row(out, "picture") == "32 x 32 px, RGB, a thumbnail"
    assert row(out, "bundle").endswith(", thumbnail, which ships") and row(out, "layers").startswith("none")
    assert row(out, "total").startswith(f"{len(data)} bytes")
    assert main([str(tmp_path / "cam.gat"), "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["format"], told["bundle"], told["layers"]) == ("gat", "thumbnail", None)
    assert sum(told["sections"].values()) == told["bytes"] == len(data)
    (tmp_path / "cam.gat").write_bytes(b"\xa0" + bytes(199))
    assert main([str(tmp_path / "cam.gat")]) == 1
    assert "cam.gat: does not match its check" in capfd.readouterr().err


def test_a_cut_stream_is_one_line(tmp_path: Path, codec: Codec, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.gar"
    data = written(path, codec, 8, 8, 3)
    for length in range(len(data)):
        path.write_bytes(data[:length])
        assert main([str(path)]) == 1
        assert capfd.readouterr().err.count("\n") == 1
