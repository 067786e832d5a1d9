"""imread and imwrite: .gar through the shared codec, the rest as pictures does it; metadata goes along."""

from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from runtime import files
from runtime.codec import Codec
from runtime.container import EXIF, ICC, XMP
from runtime.errors import BundleError, InputError, StreamError
from runtime.pictures.read import read


def test_a_gar_file_is_what_the_codec_makes(photo: np.ndarray, codec: Codec, tmp_path: Path) -> None:
    files.imwrite(tmp_path / "cam.GAR", photo, quality=40)
    assert (tmp_path / "cam.GAR").read_bytes() == codec.encode(photo, 40)
    assert np.array_equal(files.imread(str(tmp_path / "cam.GAR")), codec.decode(codec.encode(photo, 40)))


def test_other_suffixes_are_other_formats(photo: np.ndarray, tmp_path: Path) -> None:
    files.imwrite(tmp_path / "cam.png", photo)
    assert np.array_equal(files.imread(tmp_path / "cam.png"), photo)
    assert np.array_equal(read(tmp_path / "cam.png").pixels, photo)
    with pytest.raises(InputError, match="suffix"):
        files.imwrite(tmp_path / "cam.xyz", photo)


def test_what_is_in_a_file_counts_and_not_its_name(photo: np.ndarray, tmp_path: Path) -> None:
    for name in ("cam.gar", "cam.png"):
        files.imwrite(tmp_path / name, photo)
        wanted = files.imread(tmp_path / name)
        assert np.array_equal(files.imread((tmp_path / name).rename(tmp_path / "cam.bin")), wanted)
    files.imwrite(tmp_path / "cam.png", photo)
    assert np.array_equal(files.imread((tmp_path / "cam.png").rename(tmp_path / "cam.gar")), photo)


def test_a_damaged_gar_file_is_a_stream_error(tmp_path: Path) -> None:
    (tmp_path / "cam.gar").write_bytes(b"\x89GAR")
    with pytest.raises(StreamError):
        files.imread(tmp_path / "cam.gar")


@pytest.mark.parametrize("change", ["flipped", "cut"])
def test_of_a_file_whose_bound_is_damaged_the_picture_is_read_with_a_warning(
    change: str, tmp_path: Path, codec: Codec, small_photo: np.ndarray
) -> None:
    data = codec.encode(small_photo, 50, {XMP: b"<x/>"}, max_error=0)
    path = tmp_path / "cam.gar"
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]) if change == "flipped" else data[:-40])
    with pytest.warns(UserWarning, match=r"cam.gar: what bounds its errors is lost: samples may be off by more"):
        pixels, kept = files.imread(path, with_metadata=True)
    assert np.array_equal(pixels, codec.decode(codec.encode(small_photo, 50))) and kept == {XMP: b"<x/>"}
    with pytest.warns(UserWarning, match="what bounds its errors is lost"):
        assert np.array_equal(files.imread(path.read_bytes()), pixels)


def test_more_pixels_than_allowed_are_refused(tmp_path: Path, small_photo: np.ndarray) -> None:
    height, width = small_photo.shape[:2]
    for name in ("cam.gar", "cam.png"):
        files.imwrite(tmp_path / name, small_photo)
        assert files.imread(tmp_path / name, max_pixels=height * width).shape == small_photo.shape
        with pytest.raises((StreamError, InputError), match="max_pixels"):
            files.imread(tmp_path / name, max_pixels=height * width - 1)
        with pytest.raises(InputError, match="^max_pixels nan is out of range"):
            files.imread(tmp_path / name, max_pixels=float("nan"))


def test_what_is_no_bundle_is_told(tmp_path: Path, small_photo: np.ndarray) -> None:
    wrong: Any
    for wrong in ("none-such", 5, []):
        with pytest.raises(BundleError, match="no bundle there"):
            files.imwrite(tmp_path / "cam.gar", small_photo, bundle=wrong)


def test_one_codec_is_made_for_each_bundle(photo: np.ndarray) -> None:
    default = files.shared_codec()
    assert files.shared_codec() is default
    assert default.bundle.id == Codec().bundle.id
    lite = Codec("lite", threads=1)
    data = lite.encode(photo, 50)
    for _ in range(2):
        assert np.array_equal(files.decode(data)[0], lite.decode(data))
    assert [other.bundle.id for other in default._others.values()] == [lite.bundle.id]


@pytest.mark.parametrize("name", ["cam.gar", "cam.png"])
def test_bytes_and_open_files_are_read_as_paths_are(name: str, photo: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / name
    files.imwrite(path, photo)
    wanted = files.imread(path)
    assert np.array_equal(files.imread(path.read_bytes()), wanted)
    assert np.array_equal(files.imread(BytesIO(path.read_bytes())), wanted)
    with path.open("rb") as file:
        assert np.array_equal(files.imread(file), wanted)


def test_what_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the path is empty"):
        files.imread("")
    with pytest.raises(InputError, match="a path, bytes or a binary file, not int"):
        files.imread(5)  # type: ignore[call-overload]
    with pytest.raises(InputError, match="mode 'rb'"):
        files.imread(StringIO("text"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="^the picture "):
        files.imread(b"no picture")
    (tmp_path / "cam.jpg").write_bytes(b"no picture")
    with (tmp_path / "cam.jpg").open("rb") as file, pytest.raises(InputError, match="cam.jpg"):
        files.imread(file)


def test_targets_and_quality_are_those_of_the_codec(photo: np.ndarray, codec: Codec, tmp_path: Path) -> None:
    path = tmp_path / "cam.gar"
    files.imwrite(path, photo)
    assert path.read_bytes() == codec.encode(photo, 75)
    files.imwrite(path, photo, target_size="3KB", subsampling="4:4:4")
    assert path.read_bytes() == codec.encode(photo, target_size=3000, subsampling="4:4:4")
    files.imwrite(path, photo, 40, bundle="lite")
    assert path.read_bytes() == Codec("lite", threads=1).encode(photo, 40)


@pytest.mark.parametrize(
    "name, options, told",
    [
        ("cam.gar", {"quality": 50, "target_size": 3000}, "exclude each other; give one"),
        ("cam.gar", {"target_size": 3}, "as small as 3 bytes"),
        ("cam.gar", {"lossless": True}, "has no option lossless"),
        ("cam.gar", {"bundle": "nowhere"}, "nowhere"),
        ("cam.gar", {"exif": 5}, "exif is of type int; give bytes"),
        ("cam.gar", {"metadata": {EXIF: b"II*\0"}, "exif": [1]}, "exif is of type list"),
        ("cam.gar", {"metadata": {99: b"x"}}, r"metadata has kinds \{99\}"),
        ("cam.gar", {"metadata": [1]}, "metadata is not a dict of bytes by section kind"),
        ("cam.png", {"metadata": {EXIF: "II"}}, "metadata is not a dict of bytes by section kind"),
        ("cam.jpg", {"quality": 40}, "quality can only be given for .gar files"),
        ("cam.png", {"target_size": 3000, "bundle": "lite"}, "bundle, target_size can only be given for .gar files"),
    ],
)
def test_what_cannot_be_written_leaves_a_file_as_it_was(
    name: str, options: dict[str, object], told: str, photo: np.ndarray, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(b"before")
    with pytest.raises((InputError, BundleError), match=told):
        files.imwrite(tmp_path / name, photo, **options)  # type: ignore[arg-type]
    assert (tmp_path / name).read_bytes() == b"before"


def test_a_file_that_is_open_is_no_path(photo: np.ndarray) -> None:
    with pytest.raises(InputError, match="imwrite takes a path, not BytesIO; Codec.encode returns bytes"):
        files.imwrite(BytesIO(), photo)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(5,), (4, 4, 2), (0, 4)])
def test_what_is_no_picture_is_refused_with_metadata_too(shape: tuple[int, ...], tmp_path: Path) -> None:
    for given in ({}, {EXIF: exif_of(6)}):
        with pytest.raises(InputError, match="pixels have shape"):
            files.imwrite(tmp_path / "cam.gar", np.zeros(shape, np.uint8), metadata=given)


def exif_of(orientation: int) -> bytes:
    """Return EXIF with a maker and an orientation, as Pillow gives it."""
    exif = Image.Exif()
    exif[271], exif[274] = "Gargalo", orientation
    return exif.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("name", ["cam.gar", "cam.jpg", "cam.png", "cam.webp", "cam.tif"])
def test_metadata_goes_there_and_back(name: str, photo: np.ndarray, tmp_path: Path) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
    path = tmp_path / name
    files.imwrite(path, photo, exif=b"Exif\0\0" + exif_of(1), icc_profile=profile, xmp=xmp)
    pixels, kept = files.imread(path, with_metadata=True)
    assert pixels.shape == photo.shape and b"Gargalo" in kept[EXIF]
    assert kept[ICC] == profile and kept[XMP].decode() == xmp
    files.imwrite(tmp_path / f"again-{name}", pixels, metadata=kept)
    assert files.imread(tmp_path / f"again-{name}", with_metadata=True)[1] == kept


@pytest.mark.parametrize("name", ["cam.gar", "cam.png"])
def test_pixels_are_turned_as_exif_asks_which_then_asks_for_nothing(
    name: str, photo: np.ndarray, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[274] = 6
    files.imwrite(tmp_path / name, photo, exif=exif)
    pixels, kept = files.imread(tmp_path / name, with_metadata=True)
    assert pixels.shape == (photo.shape[1], photo.shape[0], 3)
    assert (
        Image.open(BytesIO((tmp_path / name).read_bytes())).getexif()[274] == 1 if name == "cam.png" else EXIF in kept
    )


def test_metadata_that_do_not_fit_are_a_warning(photo: np.ndarray, tmp_path: Path) -> None:
    for name in ("cam.gar", "cam.png"):
        with pytest.warns(UserWarning, match=f"{name}: its ICC is left out"):
            files.imwrite(tmp_path / name, photo, icc_profile=b"no profile")
        assert files.imread(tmp_path / name, with_metadata=True)[1] == {}
