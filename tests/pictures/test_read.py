"""What holds for every picture file: cut, huge, damaged, read by threads; and what a refusal says."""

import io
import os
import re
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import PIL
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures.files.png import chunk, png
from PIL import Image, ImageFile

from runtime.errors import InputError
from runtime.pictures import opening, read

COLOURS = cv2.GaussianBlur(np.random.default_rng(7).integers(0, 256, (40, 56, 4), dtype=np.uint8), (9, 9), 3)


def saved(form: str, mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(COLOURS[..., :3].copy()).convert(mode).save(file, form, **options)
    return file.getvalue()


def heic() -> bytes:
    pillow_heif, file = pytest.importorskip("pillow_heif"), io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(COLOURS[..., :3].copy())).save(file)
    return file.getvalue()


FILES = {
    "p.jpg": lambda: saved("JPEG"),
    "progressive.jpg": lambda: saved("JPEG", progressive=True),
    "gray.jpg": lambda: saved("JPEG", "L"),
    "p.png": lambda: saved("PNG"),
    "palette.png": lambda: saved("PNG", "P"),
    "deep.png": lambda: cv2.imencode(".png", COLOURS[..., :3].astype(np.uint16) * 257)[1].tobytes(),
    "p.webp": lambda: saved("WEBP"),
    "lossless.webp": lambda: saved("WEBP", lossless=True),
    "p.tif": lambda: saved("TIFF"),
    "lzw.tif": lambda: saved("TIFF", compression="tiff_lzw"),
    "jpeg.tif": lambda: saved("TIFF", compression="jpeg"),
    "deep.tif": lambda: cv2.imencode(".tif", COLOURS[..., :3].astype(np.uint16) * 257)[1].tobytes(),
    "p.gif": lambda: saved("GIF"),
    "p.bmp": lambda: saved("BMP"),
    "p.ppm": lambda: saved("PPM"),
    "p.pbm": lambda: saved("PPM", "1"),
    "p.jp2": lambda: saved("JPEG2000"),
    "p.avif": lambda: saved("AVIF"),
    "p.heic": heic,
}
HEADS = {  # 40000 x 40000; WebP 16384 x 16384
    "p.png": b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 40000, 40000, 8, 0, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(bytes(40001)))
    + chunk(b"IEND", b""),
    "p.bmp": b"BM" + struct.pack("<IIIIiiHHIIIIII", 0, 0, 54, 40, 40000, 40000, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(99),
    "p.ppm": b"P6\n40000 40000\n255\n" + bytes(99),
    "p.webp": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + b"\xff\x3f\0" * 2,
    "p.gif": b"GIF89a" + struct.pack("<HH", 40000, 40000) + b"\x80\0\0" + bytes(6) + b"\x2c" + bytes(99),
}


# --- whole or not at all ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_anywhere_is_refused(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = FILES[name]()
    assert read.decode(data, name).pixels.shape[:2] == (40, 56)
    end = len(data) - (2 if name.endswith(".gif") else 0)  # which say once more that they end
    for length in {*range(0, end, max(1, end // 60)), *range(end - 9, end)}:
        with pytest.raises(InputError, match=name):
            read.decode(data[:length], name)
    if not name.endswith(".tif"):  # libtiff has its own say
        assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["p.png", "p.webp", "p.jpg", "p.gif"])
def test_bytes_behind_the_end_do_not_matter(name: str) -> None:
    data = FILES[name]()
    assert np.array_equal(read.decode(data + b"trailer", name).pixels, read.decode(data, name).pixels)


def test_a_png_is_refused_where_the_checksum_of_its_samples_is_wrong() -> None:
    """Pillow passes over it, and inflate may not mind the flipped bit."""
    data = bytearray(png(COLOURS[..., 0], 0, 8))
    data[-16 - 4] ^= 1  # of IDAT's checksum, in front of IEND
    with pytest.raises(InputError, match="checksum of a chunk IDAT"):
        read.decode(bytes(data), "p.png")


@pytest.mark.parametrize("name", ["jpg", "png", "tif", "webp", "avif", "gif", "bmp", "ppm", "jp2"])
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_changed_bytes_end_in_pixels_or_in_one_line(name: str, data: st.DataObject) -> None:
    file = bytearray(FILES[f"p.{name}"]())
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, min(len(file), 400) - 1))] = data.draw(st.integers(0, 255))
    try:
        pixels = read.decode(bytes(file), "some.file", max_pixels=1 << 20).pixels
    except InputError as error:
        assert "some.file" in str(error) and "\n" not in str(error)
    else:
        assert pixels.dtype == np.uint8 and pixels.flags["C_CONTIGUOUS"] and pixels.shape[2:] in ((), (3,), (4,))


# --- what is said -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "x is empty"),
        (b"dear diary\n" * 20, "x is not a picture"),
        (b"\x89PNG\r\n\x1a\n", "x is cut off after 8 bytes"),
        (FILES["p.jpg"]()[:-300], "x is cut off"),
        (FILES["p.jpg"]().replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"), "x cannot be read .*12-bit"),
    ],
)
def test_a_refusal_names_the_file_and_the_reason(data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read.decode(data, "x")


@pytest.mark.parametrize("error", [SyntaxError, ValueError, TypeError, OverflowError, KeyError, OSError])
def test_whatever_a_library_raises_is_one_line(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error("an odd\nreason")

    monkeypatch.setattr(opening, "opened", fail)
    with pytest.raises(InputError, match=r"x cannot be read \(.*if another program can"):
        read.decode(FILES["p.bmp"](), "x")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError("out of memory error when reading image file"),
        OSError("decoder error -9"),
        ValueError("Failed to decode frame 0: Out of memory"),
        cv2.error("OpenCV(5.0.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9 bytes"),
    ],
)
def test_memory_that_ran_out_is_not_called_damage(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(opening, "opened", fail)
    with pytest.raises(MemoryError):
        read.decode(FILES["p.bmp"](), "x")


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory that is taken")
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "BMP", "HEIF"])
def test_real_memory_that_runs_out_is_told_as_memory(form: str, tmp_path: Path) -> None:
    """libwebp, libavif and libheif say no more than that they could not decode."""
    heif = "import pillow_heif; pillow_heif.register_heif_opener()" if form == "HEIF" else ""
    if heif:
        pytest.importorskip("pillow_heif").register_heif_opener()
    Image.new("RGB", (4000, 3000), (9, 99, 199)).save(tmp_path / "p", form)
    code = f"""
import resource
from runtime.pictures import read
import PIL.AvifImagePlugin, PIL.BmpImagePlugin, PIL.JpegImagePlugin, PIL.PngImagePlugin, PIL.TiffImagePlugin
import PIL.WebPImagePlugin
{heif}
data = open({str(tmp_path / "p")!r}, "rb").read()
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (20 << 20), resource.RLIM_INFINITY))
try:
    read.decode(data, "p")
except MemoryError:
    print("memory")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "memory\n", done.stderr


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read.read(tmp_path / "p.png")


# --- size -------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit of memory")
@pytest.mark.parametrize("name", HEADS)
def test_a_picture_bomb_is_refused_from_its_header(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(HEADS[name])
    code = (
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        f"from runtime.pictures import read; read.read({str(tmp_path / name)!r})"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert "InputError" in done.stderr and "256000000 pixels" in done.stderr


@pytest.mark.parametrize("name", [name for name in FILES if "." in name])
def test_more_pixels_than_allowed_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="more than 2239 pixels; .*--max-pixels"):
        read.decode(FILES[name](), name, max_pixels=40 * 56 - 1)


@pytest.mark.skipif(sys.platform == "win32", reason="needs memory that is not there until it is used")
@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM", "BMP"])
def test_pillows_limit_is_not_ours(form: str, tmp_path: Path) -> None:
    """Pillow warns above 89 megapixels and refuses above 179, by a number of the whole process."""
    file = io.BytesIO()
    Image.new("1", (19_000, 10_000)).save(file, form)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read.decode(file.getvalue(), "x").pixels.shape == (10_000, 19_000)


# --- the process ------------------------------------------------------------------------------------------------------


def test_reading_changes_nothing_of_the_process() -> None:
    def state() -> object:
        filters = list(warnings.filters)
        return Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, filters, dict(os.environ), os.fstat(2).st_ino

    before = state()
    for name, make in FILES.items():
        read.decode(make(), name)
        with pytest.raises(InputError):
            read.decode(make()[:200], name)
    assert state() == before


def test_what_others_write_to_stderr_meanwhile_arrives(capfd: pytest.CaptureFixture[str]) -> None:
    """File descriptor 2 belongs to the whole process: of 500 lines 67 arrived while it was redirected for each decode,
    and children that were started meanwhile kept the wrong one for life.
    """
    data, stop = FILES["p.jpg"](), threading.Event()

    def reading() -> None:
        while not stop.is_set():
            read.decode(data, "p.jpg")

    threads = [threading.Thread(target=reading) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(500):
        os.write(2, b"line %d\n" % number)
    children = [subprocess.Popen([sys.executable, "-c", "import os; os.write(2, b'child\\n')"]) for _ in range(4)]
    for child in children:
        child.wait()
    stop.set()
    for thread in threads:
        thread.join()
    written = capfd.readouterr().err.splitlines()
    assert written.count("child") == 4 and len(re.findall(r"line \d+", " ".join(written))) == 500


def test_threads_read_at_once() -> None:
    files = {name: make() for name, make in FILES.items()}
    alone = {name: read.decode(data, name) for name, data in files.items()}
    wrong: list[str] = []

    def reading() -> None:
        for name, data in files.items():
            picture = read.decode(data, name)
            if not np.array_equal(picture.pixels, alone[name].pixels) or picture.notes != alone[name].notes:
                wrong.append(name)

    threads = [threading.Thread(target=reading) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_reading_works_without_a_stderr(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(FILES["p.png"]())
    path = str(tmp_path / "p.png")
    code = f"import os; os.close(2)\nfrom runtime.pictures import read\nprint(read.read({path!r}).pixels.shape)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "(40, 56, 3)"


def test_pillow_is_new_enough_for_what_we_rely_on() -> None:
    assert tuple(map(int, PIL.__version__.split(".")[:2])) >= (12, 2)


def test_a_refusal_is_not_in_the_words_of_pillows_makers() -> None:
    """PNG of colour type 1, of which Pillow says that it is "not identified by this driver"."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 1, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(InputError, match="its layout or compression is unknown"):
        read.decode(data, "x.png")
