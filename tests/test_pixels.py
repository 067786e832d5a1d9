"""Pictures in and out: each trap is built here byte by byte, so that no sample files are needed."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime import pixels
from runtime.errors import InputError

# Where the stored first and last sample of row 0 are seen, by EXIF orientation (tag 274).
SEEN_AT = {
    1: ("top left", "top right"),
    2: ("top right", "top left"),
    3: ("bottom right", "bottom left"),
    4: ("bottom left", "bottom right"),
    5: ("top left", "bottom left"),
    6: ("top right", "bottom right"),
    7: ("bottom right", "top right"),
    8: ("bottom left", "top left"),
}
CORNERS = {
    "top left": (0, 0),
    "top right": (0, -1),
    "bottom left": (-1, 0),
    "bottom right": (-1, -1),
}


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(7).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def exif(orientation: int, order: str = ">") -> bytes:
    """A TIFF with one tag: 274, SHORT, 1 value."""
    head = b"MM\0*" if order == ">" else b"II*\0"
    return head + struct.pack(f"{order}IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(samples: bytes, width: int, height: int, depth: int, colour: int, *extra: bytes) -> bytes:
    """A PNG of unfiltered rows; extra chunks come before the data."""
    row = len(samples) // height
    rows = b"".join(b"\0" + samples[y * row : (y + 1) * row] for y in range(height))
    ihdr = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [png_chunk(b"IHDR", ihdr), *extra, png_chunk(b"IDAT", zlib.compress(rows))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + png_chunk(b"IEND", b"")


def tiff(image: np.ndarray, photometric: int, order: str = "<", **more: int) -> bytes:
    """An uncompressed TIFF of one strip a plane; more: orientation=, planar=, extra=."""
    image = image if image.ndim == 3 else image[:, :, None]
    height, width, samples = image.shape
    planar = more.get("planar", 1)
    planes = samples if planar == 2 else 1
    data = (np.moveaxis(image, 2, 0) if planar == 2 else image).astype(image.dtype.newbyteorder(order))
    body, strip = data.tobytes(), data.nbytes // planes
    tags: dict[int, tuple[str, list[int]]] = {
        256: ("H", [width]),
        257: ("H", [height]),
        258: ("H", [8 * image.itemsize] * samples),
        259: ("H", [1]),
        262: ("H", [photometric]),
        273: ("I", [8 + strip * i for i in range(planes)]),
        274: ("H", [more.get("orientation", 1)]),
        277: ("H", [samples]),
        278: ("H", [height]),
        279: ("I", [strip] * planes),
        284: ("H", [planar]),
    }
    if "extra" in more:
        tags[338] = ("H", [more["extra"]])
    after = 8 + len(body) + 2 + 12 * len(tags) + 4
    entries = overflow = b""
    for tag, (kind, values) in tags.items():
        value = struct.pack(f"{order}{len(values)}{kind}", *values)
        if len(value) > 4:
            overflow, value = overflow + value, struct.pack(f"{order}I", after + len(overflow))
        entries += struct.pack(f"{order}HHI", tag, 3 if kind == "H" else 4, len(values))
        entries += value.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(body))
    return head + body + struct.pack(f"{order}H", len(tags)) + entries + b"\0" * 4 + overflow


def oriented(kind: str, image: np.ndarray, orientation: int, order: str) -> bytes:
    """The image, RGB, as a file that asks to be turned."""
    block = exif(orientation, order)
    if kind == "tif":
        return tiff(image, 2, order, orientation=orientation)
    if kind == "png":
        height, width = image.shape[:2]
        return png(image.tobytes(), width, height, 8, 2, png_chunk(b"eXIf", block))
    data = pixels.encode(image, f".{kind}")
    if kind == "jpg":
        segment = b"Exif\0\0" + block
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]
    height, width = image.shape[:2]
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    extended = b"VP8X" + struct.pack("<I", 10) + b"\x08\0\0\0" + size  # flag 8: EXIF follows
    body = b"WEBP" + extended + data[12:] + b"EXIF" + struct.pack("<I", len(block)) + block
    return b"RIFF" + struct.pack("<I", len(body)) + body


def read_bytes(folder: Path, name: str, data: bytes) -> pixels.Picture:
    path = folder / name
    path.write_bytes(data)
    return pixels.read(path)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", SEEN_AT)
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif"])
def test_every_orientation_is_turned_upright(kind: str, orientation: int, order: str, tmp_path: Path) -> None:
    stored = np.full((16, 32, 3), 128, np.uint8)
    stored[:8, :8] = (250, 10, 10)  # first sample of row 0: red
    stored[:8, -8:] = (10, 10, 250)  # last sample of row 0: blue
    seen = read_bytes(tmp_path, f"p.{kind}", oriented(kind, stored, orientation, order)).pixels
    assert seen.shape == ((16, 32, 3) if orientation <= 4 else (32, 16, 3))
    red, blue = SEEN_AT[orientation]
    assert seen[CORNERS[red]].argmax() == 0 and int(seen[CORNERS[red]].max()) > 200
    assert seen[CORNERS[blue]].argmax() == 2 and int(seen[CORNERS[blue]].max()) > 200


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_out_of_range_changes_nothing(value: int, tmp_path: Path) -> None:
    image = noise(5, 7, 3)
    picture = read_bytes(tmp_path, "p.png", oriented("png", image, value, ">"))
    assert np.array_equal(picture.pixels, image)


@pytest.mark.parametrize("block", [b"", b"MM", b"MM\0*\xff\xff\xff\xff", exif(6)[:-8], b"\0" * 40])
def test_damaged_exif_changes_nothing(block: bytes, tmp_path: Path) -> None:
    image = noise(5, 7, 3)
    data = png(image.tobytes(), 7, 5, 8, 2, png_chunk(b"eXIf", block))
    assert np.array_equal(read_bytes(tmp_path, "p.png", data).pixels, image)


@pytest.mark.parametrize("shape", [(13, 9), (13, 9, 3), (13, 9, 4), (1, 1), (1, 1, 3), (1, 300, 3)])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".webp", ".ppm"])
def test_written_pixels_are_read_back_exactly(suffix: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    image = noise(*shape)
    if shape[2:] == (4,):
        if suffix == ".ppm":
            pytest.skip("PPM has no alpha")
        image[..., 3] |= 1  # WebP drops the colour under alpha 0
    path = tmp_path / f"p{suffix}"
    pixels.write(path, image)
    back = pixels.read(path)
    if image.ndim == 2 and suffix in (".webp", ".ppm"):  # these have no gray
        image = np.dstack([image] * 3)
    assert np.array_equal(back.pixels, image)
    assert back.notes == ()
    assert back.pixels.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG"])
def test_jpeg_keeps_gray_gray_and_red_red(suffix: str, tmp_path: Path) -> None:
    pixels.write(tmp_path / f"g{suffix}", np.full((16, 16), 99, np.uint8))
    assert pixels.read(tmp_path / f"g{suffix}").pixels.shape == (16, 16)
    pixels.write(tmp_path / f"r{suffix}", np.full((16, 16, 3), (200, 20, 40), np.uint8))
    red = pixels.read(tmp_path / f"r{suffix}").pixels
    assert np.abs(red.astype(int) - (200, 20, 40)).max() <= 3


def test_sixteen_bits_are_rounded_to_the_nearest_with_a_note(tmp_path: Path) -> None:
    """257 * v is v exactly; half a step, 128.5 in 16-bit units, decides between v and v + 1."""
    samples = np.array([[0, 128, 129, 257, 65535 - 129, 65535 - 128, 65535]], ">u2")
    picture = read_bytes(tmp_path, "p.png", png(samples.tobytes(), 7, 1, 16, 0))
    assert picture.pixels.tolist() == [[0, 0, 1, 1, 254, 255, 255]]
    assert picture.notes == ("16-bit samples are rounded to 8 bits",)


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bit_rgb_tiff_keeps_its_colours(order: str, tmp_path: Path) -> None:
    image = noise(4, 6, 3, dtype=np.uint16)
    picture = read_bytes(tmp_path, "p.tif", tiff(image, 2, order))
    assert np.array_equal(picture.pixels, np.floor(image / 257 + 0.5).astype(np.uint8))


def test_gray_with_alpha_becomes_rgba(tmp_path: Path) -> None:
    image = noise(3, 5, 2)
    picture = read_bytes(tmp_path, "p.png", png(image.tobytes(), 5, 3, 8, 4))
    gray, alpha = image[..., 0], image[..., 1]
    assert np.array_equal(picture.pixels, np.dstack([gray, gray, gray, alpha]))


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_the_transparent_value_of_a_gray_png_becomes_alpha(depth: int, tmp_path: Path) -> None:
    """OpenCV forgets tRNS of a gray PNG at every depth: the hole would come out opaque."""
    top = 2**depth - 1
    row = {1: b"\x80", 2: b"\xc0", 4: b"\xf0", 8: b"\xff\x00", 16: b"\xff\xff\x00\x00"}[depth]
    data = png(row, 2, 1, depth, 0, png_chunk(b"tRNS", struct.pack(">H", top)))
    picture = read_bytes(tmp_path, "p.png", data)
    assert picture.pixels.tolist() == [[[255, 255, 255, 0], [0, 0, 0, 255]]]


def test_palette_becomes_rgb_and_with_transparency_rgba(tmp_path: Path) -> None:
    palette = png_chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0, 0, 0, 255]))
    plain = png(b"\x00\x01\x02", 3, 1, 8, 3, palette)
    expected = [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]
    assert read_bytes(tmp_path, "p.png", plain).pixels.tolist() == expected
    clear = png(b"\x00\x01\x02", 3, 1, 8, 3, palette, png_chunk(b"tRNS", b"\x00\x80"))
    alpha = read_bytes(tmp_path, "p.png", clear).pixels[0, :, 3]
    assert alpha.tolist() == [0, 128, 255]


def test_one_bit_becomes_black_and_white(tmp_path: Path) -> None:
    picture = read_bytes(tmp_path, "p.png", png(b"\xa0", 4, 1, 1, 0))
    assert picture.pixels.tolist() == [[255, 0, 255, 0]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_whose_zero_is_white_is_inverted(dtype: type, tmp_path: Path) -> None:
    """OpenCV inverts the 8-bit kind and forgets the 16-bit one."""
    stored = np.array([[0, np.iinfo(dtype).max]], dtype)
    assert read_bytes(tmp_path, "p.tif", tiff(stored, 0)).pixels.tolist() == [[255, 0]]


@pytest.mark.parametrize("extra", [1, 2])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_alpha_is_straight(dtype: type, extra: int, tmp_path: Path) -> None:
    """Half-transparent red: kind 1 stores (half, 0, 0, half), kind 2 (full, 0, 0, half)."""
    top = int(np.iinfo(dtype).max)
    half = top // 2 + 1
    stored = np.array([[[half if extra == 1 else top, 0, 0, half], [0, top, 0, top]]], dtype)
    picture = read_bytes(tmp_path, "p.tif", tiff(stored, 2, extra=extra))
    assert picture.pixels.tolist() == [[[255, 0, 0, 128], [0, 255, 0, 255]]]


def test_cmyk_tiff_becomes_rgb_without_alpha(tmp_path: Path) -> None:
    stored = np.array([[[0, 255, 255, 0], [255, 255, 0, 0], [0, 0, 0, 255]]], np.uint8)
    picture = read_bytes(tmp_path, "p.tif", tiff(stored, 5))
    assert picture.pixels.tolist() == [[[255, 0, 0], [0, 0, 255], [0, 0, 0]]]


def test_cmyk_jpeg_has_the_colours_that_pillow_sees(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    flat = np.kron(noise(2, 2, 4), np.ones((16, 16, 1), np.uint8))
    image.fromarray(flat, "CMYK").save(tmp_path / "p.jpg", quality=95)
    expected = np.asarray(image.open(tmp_path / "p.jpg").convert("RGB")).astype(int)
    assert np.abs(pixels.read(tmp_path / "p.jpg").pixels - expected).max() <= 1


REFUSED = {
    "empty.png": (b"", "is empty"),
    "text.jpg": (b"dear diary\n" * 20, "is not a picture"),
    "planar.tif": (tiff(noise(4, 4, 3, dtype=np.uint16), 2, planar=2), "separate colour planes"),
    "ga.tif": (tiff(noise(4, 4, 2), 1, extra=2), "lose its alpha"),
    "riff.webp": (b"RIFF\xff\xff\xff\xffWEBP", "cut off"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_rightly_is_refused(name: str, tmp_path: Path) -> None:
    data, reason = REFUSED[name]
    with pytest.raises(InputError, match=reason) as caught:
        read_bytes(tmp_path, name, data)
    assert name in str(caught.value)


def test_float_samples_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "f.tif"), np.zeros((4, 4), np.float32))
    with pytest.raises(InputError, match="float32"):
        pixels.read(tmp_path / "f.tif")


def test_a_picture_bomb_is_refused_from_its_header(tmp_path: Path) -> None:
    """40000 x 40000 samples are 1.6 GB from a tiny file; a fresh process loads OpenCV anew."""
    (tmp_path / "bomb.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 40000, 40000, 8, 0, 0, 0, 0))
        + png_chunk(b"IDAT", zlib.compress(b"\0" * 40001))
        + png_chunk(b"IEND", b"")
    )
    code = f"from runtime import pixels; pixels.read({str(tmp_path / 'bomb.png')!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "InputError" in done.stderr and "256000000 pixels" in done.stderr


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "tif", "bmp", "ppm"])
def test_a_file_cut_anywhere_is_refused(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = pixels.encode(cv2.GaussianBlur(noise(24, 40, 3), (9, 9), 3), f".{kind}")
    for length in {*range(0, len(data), max(1, len(data) // 60)), len(data) - 1}:
        with pytest.raises(InputError):
            read_bytes(tmp_path, f"cut.{kind}", data[:length])
    assert capfd.readouterr().err == ""


def test_bytes_after_the_end_do_not_matter(tmp_path: Path) -> None:
    image = noise(6, 6, 3)
    for kind in ("png", "webp"):
        data = pixels.encode(image, f".{kind}") + b"trailer"
        assert np.array_equal(read_bytes(tmp_path, f"p.{kind}", data).pixels, image)


def test_a_damaged_jpeg_is_read_with_a_note_and_no_chatter(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = pixels.encode(noise(32, 32, 3), ".jpg")
    assert data[20:21] == b"\xff"  # a marker: the 18 bytes of APP0 have ended
    picture = read_bytes(tmp_path, "p.jpg", data[:20] + b"\0\0\0" + data[20:])
    assert len(picture.notes) == 1 and "damaged" in picture.notes[0]
    assert capfd.readouterr().err == ""


def test_reading_works_without_a_stderr(tmp_path: Path) -> None:
    pixels.write(tmp_path / "p.png", noise(4, 4, 3))
    code = (
        f"import os; os.close(2)\nfrom runtime import pixels\n"
        f"print(pixels.read({str(tmp_path / 'p.png')!r}).pixels.shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "(4, 4, 3)"


@pytest.mark.parametrize("name", ["p.gar", "p", "p.txt"])
def test_an_unknown_suffix_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.png"):
        pixels.write(tmp_path / name, noise(4, 4))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["p.jpg", "p.ppm"])
def test_alpha_is_never_dropped_in_silence(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="alpha"):
        pixels.write(tmp_path / name, noise(4, 4, 4))


def test_a_picture_too_wide_for_its_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="16384x1"):
        pixels.write(tmp_path / "p.webp", noise(1, 16384, 3))


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(b"old")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="p.png"):
        pixels.write(path, noise(4, 4))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_a_new_file_has_the_modes_that_the_user_asks_for(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        pixels.write(tmp_path / "p.png", noise(4, 4))
    finally:
        os.umask(old)
    assert (tmp_path / "p.png").stat().st_mode & 0o777 == 0o644


def test_encode_leaves_the_pixels_alone_unless_it_may_spoil_them():
    original = np.random.default_rng(0).integers(0, 256, (150, 7, 3), dtype=np.uint8)
    given = original.copy()
    data = pixels.encode(given, ".png")
    assert np.array_equal(given, original)
    assert pixels.encode(given, ".png", spoil=True) == data
    assert np.array_equal(pixels.decode(data, "x").pixels, original)
