"""Pictures from and to an S3 server on loopback, which fails, refuses and forgets in between."""

import json
import os
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

pytest.importorskip("s3fs", reason="needs gargalo[fleet]")
pytest.importorskip("moto", reason="needs moto[server]")

from object_store import Store, refuse, serving  # noqa: E402

from runtime.cli import stores  # noqa: E402
from runtime.cli.places import Address, place  # noqa: E402
from runtime.compress import main as compress  # noqa: E402
from runtime.decompress import main as decompress  # noqa: E402

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.filterwarnings("ignore")  # of libraries that are not ours

PROJECT = Path(__file__).parents[2]
TINY = PROJECT / "tests" / "tiny" / "bundle"
CAM = (PROJECT / "docs" / "cam.jpg").read_bytes()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A server whose bucket pictures has x/a.jpg, x/sub/b.jpg and a name of odd characters."""
    with serving() as found:
        for name, text in found.environment().items():
            monkeypatch.setenv(name, text)
        monkeypatch.setattr(stores, "_given_up", False)
        monkeypatch.setattr(stores, "_told", False)
        for key in ("x/a.jpg", "x/sub/b.jpg", "x/é ?&#[1]::.jpg", "x/.hidden.jpg", "x/folder/"):
            found.client.put_object(Bucket="pictures", Key=key, Body=CAM)
        yield found
        import s3fs

        s3fs.S3FileSystem.clear_instance_cache()


def address(text: str) -> Address:
    found = place(text)
    assert isinstance(found, Address)
    return found


def run(*words: str) -> int:
    return compress([*(words or ("s3://pictures/x", "-r", "-o", "s3://made/y")), "--bundle", str(TINY)])


def test_from_store_to_store_and_to_a_folder(store: Store, tmp_path: Path, capsys: Capture) -> None:
    assert run() == 0
    assert set(store.names()) == {"y/a.gar", "y/sub/b.gar", "y/é ?&#[1]::.gar"}
    assert decompress(["s3://made/y", "-r", "-o", str(tmp_path), "-s", "ppm", "--bundle", str(TINY)]) == 0
    assert len(list(tmp_path.rglob("*.ppm"))) == 3
    assert run("s3://pictures/x/a.jpg", "-o", str(tmp_path / "one"), "-v", "--json") == 0
    row = json.loads(capsys.readouterr().out.splitlines()[-2])
    assert row["details"]["psnr_db"] > 20 and (tmp_path / "one" / "a.gar").stat().st_size == store.names()["y/a.gar"]


def test_a_file_takes_two_requests_and_a_rerun_none(store: Store) -> None:
    """But for those of listings and the manifest."""
    for expected in (6, 0):
        before = len(store.asked)
        assert run() == 0
        paths = [asked for asked in store.asked[before:] if ".manifest" not in asked and "list-type" not in asked]
        assert len(paths) == expected, paths


def test_listings_of_several_pages_are_taken_page_by_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1200):
        store.client.put_object(Bucket="pictures", Key=f"many/{number:04}.jpg", Body=b"")
    listing = stores.listed(address("s3://pictures/many/"))
    before = len(store.asked)
    next(listing)
    assert len(store.asked) == before + 1
    assert len(list(listing)) == 1199 and len(store.asked) == before + 2


def test_a_changed_object_is_known_by_its_tag(store: Store) -> None:
    run()
    store.client.put_object(Bucket="pictures", Key="x/a.jpg", Body=CAM + b"\0")
    before = len(store.asked)
    assert run() == 0
    assert [asked for asked in store.asked[before:] if asked.startswith("PUT /made/y/a")] != []
    assert not [asked for asked in store.asked[before:] if asked.startswith("GET /pictures/x/sub")]


def for_a_while(seconds: float, status: int, code: str, method: str = "") -> object:
    until_s = time.monotonic() + seconds

    def fault(handler: BaseHTTPRequestHandler) -> bool:
        now = time.monotonic() < until_s and method in ("", handler.command)
        return now and (refuse(handler, status, code) if status else True)

    return fault


@pytest.mark.parametrize(
    "status, code, method",
    [(503, "SlowDown", ""), (500, "InternalError", "PUT"), (400, "ExpiredToken", ""), (0, "hangs up", "")],
)
def test_what_passes_is_waited_for(status: int, code: str, method: str, store: Store) -> None:
    store.fault = for_a_while(4, status, code, method)  # type: ignore[assignment]
    assert run() == 0
    assert len(store.names()) == 3


def test_what_ends_in_the_middle_is_asked_for_again(store: Store) -> None:
    cut: list[str] = []

    def fault(handler: BaseHTTPRequestHandler) -> bool:
        if handler.command != "GET" or ".jpg" not in handler.path or handler.path in cut:
            return False
        cut.append(handler.path)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CAM)))
        handler.end_headers()
        handler.wfile.write(CAM[:1000])
        handler.close_connection = True
        return True

    store.fault = fault
    assert run() == 0 and len(store.names()) == len(cut) == 3


def test_renewed_credentials_are_taken(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a file that is written anew while the run waits."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    file = tmp_path / "credentials"
    text = "[default]\naws_access_key_id = {}\naws_secret_access_key = secret\n"
    file.write_text(text.format("OLDKEY"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))

    def fault(handler: BaseHTTPRequestHandler) -> bool:
        if "OLDKEY" not in handler.headers.get("Authorization", ""):
            return False
        file.write_text(text.format("NEWKEY"))
        return refuse(handler, 400, "ExpiredToken")

    store.fault = fault
    assert run() == 0 and len(store.names()) == 3


def test_a_store_that_stays_away_costs_its_patience_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(stores, "PATIENCE_S", 3.0)
    monkeypatch.setattr(stores, "_TELL_S", 0.5)
    store.fault = lambda handler: handler.path.startswith("/pictures/x/") and refuse(handler, 503, "SlowDown")
    start = time.monotonic()
    assert run() == 1
    assert time.monotonic() - start < 60
    out, err = capsys.readouterr()
    assert "3 failed (3 storage)" in out and err.count("the store did not answer for 3 s") == 3
    assert err.count("; asking again for 3 s") == 1
    store.fault = lambda _: False
    assert run() == 0 and len(store.names()) == 3


def test_names_that_are_no_paths_fail_and_stand_for_no_other(store: Store, capsys: Capture) -> None:
    odd = ("x//a.jpg", "x/./a.jpg", "x/a?versionId=3.jpg")
    for key in odd:
        store.client.put_object(Bucket="pictures", Key=key, Body=b"other")
    assert run() == 1 and len(store.names()) == 3
    err = capsys.readouterr().err
    assert all(f"s3://pictures/{key}: names with //, /./ or ?versionId= are not read" in err for key in odd)


def test_an_object_that_is_not_ours_is_kept(store: Store, capsys: Capture) -> None:
    store.client.put_object(Bucket="made", Key="y/a.gar", Body=b"not ours")
    assert run() == 1
    assert store.names()["y/a.gar"] == 8 and len(store.names()) == 3
    assert "s3://made/y/a.gar exists, and is not what would be written" in capsys.readouterr().err


def test_what_was_written_though_the_answer_was_lost_is_done(store: Store) -> None:
    """The request is made again, and finds the object of the first."""
    lost: list[int] = []

    def fault(handler: BaseHTTPRequestHandler) -> bool:
        if handler.command == "PUT" and handler.path == "/made/y/a.gar" and not lost:
            lost.append(run_elsewhere(store))
            return True
        return False

    store.fault = fault
    assert run() == 0 and len(store.names()) == 3 and lost == [0]


def run_elsewhere(store: Store) -> int:
    """Put what would be written, as the server would have."""
    from runtime.codec import Codec
    from runtime.pictures import metadata, read

    picture = read.decode(CAM, "a.jpg")
    kept = metadata.reduced(picture.metadata, False, False, [])
    store.client.put_object(Bucket="made", Key="y/a.gar", Body=Codec(TINY, threads=1).encode(picture.pixels, 75, kept))
    return 0


@pytest.mark.parametrize(
    "words, fault, expected",
    [
        (("s3://nowhere/x", "-r", "-o", "s3://made/y"), None, "s3://nowhere/x: there is no bucket nowhere"),
        (("s3://pictures/x", "-r", "-o", "s3://nowhere/y"), None, "there is no bucket nowhere"),
        (("s3://pictures/none", "-r", "-o", "s3://made/y"), None, "s3://pictures/none: there is no file"),
        (("s3://pictures/x", "-o", "s3://made/y"), None, "is a folder; give -r"),
        (("nothing://x/y", "-r", "-o", "s3://made/y"), None, "nothing://x/y: Protocol not known: nothing"),
        (("s3://pictures/x", "-r", "-o", "s3://made/y"), "", "no permission"),
        (("s3://pictures/x", "-r", "-o", "s3://made/y"), "PUT", "no permission"),
    ],
)
def test_what_cannot_begin_is_one_line(
    words: tuple[str, ...], fault: str | None, expected: str, store: Store, capsys: Capture
) -> None:
    if fault is not None:
        store.fault = lambda handler: fault in ("", handler.command) and refuse(handler, 403, "AccessDenied")
    assert run(*words) == 1
    err = capsys.readouterr().err
    assert err.startswith("gargalo: ") and err.count("\n") == 1 and expected in err
    assert not store.names()


def test_no_credentials_are_one_line(store: Store, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    assert run() == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "credentials" in err.lower()


def test_other_stores_are_listed_folder_by_folder() -> None:
    for name in ("b/2.txt", "b/sub/1.txt", "b/.hidden", "a.txt"):
        stores.write(address(f"memory://root/{name}"), name.encode(), overwrite=True)
    listed = list(stores.listed(address("memory://root/")))
    assert [str(found) for found, _ in listed] == [
        f"memory://root/{name}" for name in ("a.txt", "b/2.txt", "b/sub/1.txt")
    ]
    assert all(version for _, version in listed)
    assert [str(found) for found, _ in stores.listed(address("memory://root/a.txt"))] == ["memory://root/a.txt"]
    assert stores.read(address("memory://root/b/2.txt")) == b"b/2.txt"
    with pytest.raises(FileExistsError):
        stores.write(address("memory://root/a.txt"), b"", overwrite=False)
    with pytest.raises(FileNotFoundError, match="memory://root/none"):
        stores.read(address("memory://root/none"))
