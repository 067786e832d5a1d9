"""The viewer's server gives pictures of its album to who knows the token, and nothing to anyone else."""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime import files
from runtime.errors import InputError
from runtime.view import main
from runtime.viewer.album import Album
from runtime.viewer.server import Server

PROJECT = Path(__file__).parents[2]
VECTORS = PROJECT / "tests" / "vectors"
PATIENCE_S = 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, one below, one damaged, and links that lead out and within."""
    place = tmp_path_factory.mktemp("album")
    (place / "photos" / "below").mkdir(parents=True)
    for name in ("alpha", "odd-sides"):
        shutil.copy(VECTORS / name / "stream.gar", place / "photos" / f"{name}.gar")
    shutil.copy(VECTORS / "thumbnails" / "photo.gat", place / "photos")
    shutil.copy(VECTORS / "flat" / "stream.gar", place / "photos" / "below" / "flat.gar")
    shutil.copy(VECTORS / "refused" / "cut.gar", place / "photos")
    shutil.copy(VECTORS / "flat" / "stream.gar", place / "secret.gar")
    (place / "photos" / "note.txt").write_text("secret")
    return place / "photos"


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    album = Album([folder])
    album.refresh()
    with Server(album) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server: Server, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """Return status and body of what is answered; a path without / in front is one behind the token."""
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=PATIENCE_S)
    try:
        full = path if path.startswith("/") else f"/{server.token}/{path}"
        connection.request(method, full, body, {name.replace("_", "-"): text for name, text in headers.items()})
        answer = connection.getresponse()
        assert answer.getheader("Cache-Control") == "no-store" and answer.getheader("Referrer-Policy") == "no-referrer"
        assert "default-src 'none'" in (answer.getheader("Content-Security-Policy") or "")
        return answer.status, answer.read()
    finally:
        connection.close()


def listed(server: Server) -> dict[str, int]:
    return {item["name"]: item["number"] for item in json.loads(ask(server, "list")[1])}


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)))


def test_the_page_and_its_files_are_there(server: Server) -> None:
    status, page = ask(server, "")
    assert status == 200
    for name in re.findall(r'(?:src|href)="([\w.]+)"', page.decode()):
        assert ask(server, name)[0] == 200, name
    scripts = {path.name for path in (PROJECT / "runtime" / "viewer" / "page").iterdir()} - {"index.html"}
    assert all(ask(server, name)[0] == 200 for name in scripts) and len(scripts) == 5


def test_pictures_have_the_pixels_of_the_codec(server: Server, folder: Path) -> None:
    numbers = listed(server)
    for name in ("alpha.gar", "odd-sides.gar"):
        status, png = ask(server, f"png/{numbers[name]}")
        assert status == 200
        np.testing.assert_array_equal(pixels(png), files.imread(folder / name))
    assert pixels(ask(server, f"png/{numbers['photo.gat']}")[1]).shape == (32, 32, 3)
    assert Image.open(BytesIO(ask(server, f"jpeg/{numbers['alpha.gar']}")[1])).format == "JPEG"


def test_small_pictures_are_like_the_large_ones(tmp_path: Path, photo: np.ndarray) -> None:
    from runtime.viewer import rendering

    large = np.tile(photo, (5, 4, 1))  # 750 x 812
    files.imwrite(tmp_path / "large.gar", large)
    small = rendering.small((tmp_path / "large.gar").read_bytes(), 200)
    assert max(small.shape[:2]) == 200
    expected = np.asarray(Image.fromarray(large).resize(small.shape[1::-1], Image.Resampling.BICUBIC))
    assert np.abs(small.astype(int) - expected).mean() < 4


def test_facts_are_those_of_the_header(server: Server, folder: Path) -> None:
    facts = json.loads(ask(server, f"facts/{listed(server)['alpha.gar']}")[1])
    length = (folder / "alpha.gar").stat().st_size
    assert (facts["width"], facts["height"], facts["bytes"]) == (40, 61, length)
    assert ["Colours", "RGB and alpha"] in facts["rows"]
    names, lengths = zip(*facts["sections"], strict=True)
    assert names == ("LATENTS", "ALPHA") and 20 < length - sum(lengths) < 60


def test_a_damaged_file_is_answered_with_the_reason(server: Server, folder: Path) -> None:
    number = listed(server)["cut.gar"]
    for what in ("small", "facts", "png", "jpeg"):
        status, text = ask(server, f"{what}/{number}")
        assert status == 422 and b"ends early" in text and b"\n" not in text
        status, text = ask(server, what, "POST", (folder / "cut.gar").read_bytes())
        assert status == 422 and b"ends early" in text


def test_a_picture_whose_bound_alone_is_damaged_is_shown(server: Server, folder: Path) -> None:
    data = bytearray((VECTORS / "lossless" / "stream.gar").read_bytes())
    data[-40] ^= 1
    for what in ("small", "facts", "png"):
        assert ask(server, what, "POST", bytes(data))[0] == 200


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are text there")
def test_a_name_that_is_no_text_is_shown_as_well_as_it_can_be(folder: Path, tmp_path: Path) -> None:
    name = os.path.join(os.fsencode(tmp_path), b"\xff.gar")
    for source in ("flat/stream.gar", "refused/cut.gar"):
        Path(os.fsdecode(name)).write_bytes((VECTORS / source).read_bytes())
        with Server(Album([tmp_path])) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            assert len(listed(server)) == 1
            status, answer = ask(server, "facts/0")
            assert status == 200 or b"ends early" in answer
            Path(os.fsdecode(name)).unlink()
            assert ask(server, "facts/0") == (422, f"{tmp_path}/?.gar: No such file or directory".encode())
            server.shutdown()
            thread.join()


def test_a_file_that_is_dropped_is_shown(server: Server, folder: Path) -> None:
    data = (folder / "odd-sides.gar").read_bytes()
    np.testing.assert_array_equal(pixels(ask(server, "png", "POST", data)[1]), files.imread(data))


# --- what nobody gets -------------------------------------------------------------------------------------------------


def test_without_the_token_there_is_nothing(server: Server) -> None:
    number = listed(server)["alpha.gar"]
    wrong = server.token[:-1] + ("A" if server.token[-1] != "A" else "B")
    for path in ("/", "/list", "/favicon.ico", f"/{wrong}/", f"/{wrong}/list", f"/{server.token}", f"//png/{number}"):
        assert ask(server, path) == (404, b""), path
        assert ask(server, path, "POST", b"x") == (404, b""), path


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_other_methods_are_refused_without_a_word(method: str, server: Server) -> None:
    for path in ("", "list", "png/0"):
        assert ask(server, path, method) == (405, b"")
        assert ask(server, f"/other/{path}", method) == (404, b"")
    assert ask(server, "", method, Host="example.org") == (403, b"")


def test_head_is_as_get_without_the_body(server: Server) -> None:
    for path in ("", "list", "small/0"):
        body = ask(server, path)[1]
        connection = HTTPConnection("127.0.0.1", server.server_port, timeout=120)
        connection.request("HEAD", f"/{server.token}/{path}")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
        assert answer.getheader("Content-Length") == str(len(body))
        connection.close()
    assert ask(server, "png/999", "HEAD") == (404, b"")


def test_the_address_for_the_browser_is_spent_by_get_alone(server: Server) -> None:
    once = server.address_once.removeprefix(f"http://{server.hosts[0]}")
    for method in ("HEAD", "POST", "PUT"):
        assert ask(server, once, method) == (404, b"")
    assert ask(server, once)[0] == 303


@pytest.mark.parametrize("line", [b"nonsense", b"GET / HTTP/9.9", b"GET /" + b"x" * 70_000 + b" HTTP/1.1", b"a b c d"])
def test_what_is_no_request_gets_a_status_and_none_of_pythons_words(line: bytes, server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as wire:
        wire.sendall(line + b"\r\n\r\n")
        told = wire.makefile("rb").read()
    head, _, body = told.partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1.1 (4|5)\d\d ", head) and b"Content-Security-Policy" in head and body == b""


def test_bytes_that_only_begin_like_a_thumbnail_are_refused(server: Server) -> None:
    data = b"\xa0" + np.random.default_rng(1).bytes(199)
    for what in ("small", "facts", "png", "jpeg"):
        status, text = ask(server, what, "POST", data)
        assert status == 422 and b"does not match its check" in text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:{port}.evil", ""])
def test_a_host_of_another_name_gets_nothing(server: Server, host: str) -> None:
    assert ask(server, "list", Host=host.format(port=server.server_port)) == (403, b"")
    assert ask(server, "list", Host=f"localhost:{server.server_port}")[0] == 200


def test_two_hosts_or_none_get_nothing(server: Server) -> None:
    own = f"Host: 127.0.0.1:{server.server_port}\r\n"
    for hosts in ("", own + "Host: evil.example\r\n", own + own):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=PATIENCE_S) as link:
            link.sendall(f"GET /{server.token}/list HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n".encode())
            assert link.makefile("rb").readline().split()[1] == b"403", hosts


@pytest.mark.parametrize(
    "path",
    [
        "../secret.gar",
        "..%2fsecret.gar",
        "note.txt",
        "png/../../secret.gar",
        "png//etc/passwd",
        "png/-1",
        "png/0x0",
        "png/999999999",
        "png/9999999999999",
        "png/0/",
        "png/0?x",
        "png/%30",
        "png/\u0663".encode().decode("latin1"),
        "page/viewer.js",
        "../server.py",
        "small",
        "list/",
    ],
)
def test_no_path_leads_to_other_files(server: Server, path: str) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=PATIENCE_S) as link:
        host = f"Host: 127.0.0.1:{server.server_port}\r\nConnection: close\r\n\r\n"
        link.sendall(f"GET /{server.token}/{path} HTTP/1.1\r\n{host}".encode("latin1"))
        assert link.makefile("rb").readline().split()[1] == b"404"


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_that_lead_out_of_the_folder_are_not_followed(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "photos"
    shutil.copytree(folder, place)
    (place / "out.gar").symlink_to(folder.parent / "secret.gar")
    (place / "folder").symlink_to(folder.parent)
    (place / "within.gar").symlink_to("below/flat.gar")
    (place / "loop.gar").symlink_to("loop.gar")
    os.mkfifo(place / "pipe.gar")
    for recursive in (False, True):
        names = [name for _, name in Album([place], recursive).refresh()]
        assert "within.gar" in names and not {"out.gar", "loop.gar", "pipe.gar"} & set(names)
        assert not any(name.startswith("folder/") for name in names) and ("below/flat.gar" in names) == recursive
    album = Album([place])
    numbers = {name: number for number, name in album.refresh()}
    (place / "alpha.gar").unlink()
    (place / "alpha.gar").symlink_to(folder.parent / "secret.gar")  # when it is on the list already
    with pytest.raises(InputError, match="leads out of the folder"):
        album.entries[numbers["alpha.gar"]].read()


def test_a_file_keeps_its_number_when_others_come_and_go(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "photos"
    shutil.copytree(folder, place)
    album = Album([place])
    before = {name: number for number, name in album.refresh()}
    (place / "alpha.gar").unlink()
    shutil.copy(folder / "odd-sides.gar", place / "a-first.gar")
    after = {name: number for number, name in album.refresh()}
    assert {name: after[name] for name in before if name != "alpha.gar"}.items() <= before.items()
    assert "alpha.gar" not in after and after["a-first.gar"] == len(before)


def test_a_body_without_a_sane_length_is_refused(server: Server) -> None:
    for length in ("", "-1", "1e3", "99999999999"):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=PATIENCE_S) as link:
            head = f"POST /{server.token}/png HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
            link.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode())
            assert link.makefile("rb").readline().split()[1] == b"411", length


def test_the_address_for_the_browser_leads_to_the_page_once(server: Server) -> None:
    path = server.address_once.removeprefix(f"http://127.0.0.1:{server.server_port}")
    assert server.token not in path
    assert ask(server, path)[0] == 303
    assert ask(server, path)[0] == 404


def test_a_page_that_leaves_is_not_told_of(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=PATIENCE_S) as link:
        link.sendall(b"GET /")
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # its end is a reset
    assert ask(server, "list")[0] == 200
    for thread in threading.enumerate():
        if "process_request" in thread.name:
            thread.join(PATIENCE_S)
    assert capfd.readouterr().err == ""


def test_only_this_machine_can_connect(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_the_command_serves_until_it_is_ended(folder: Path) -> None:
    words = [sys.executable, "-m", "runtime", "view", "--no-browser", str(folder / "alpha.gar")]
    with subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        port, token = re.findall(r"http://127.0.0.1:(\d+)/([\w-]{43})/", process.stdout.readline())[0]
        connection = HTTPConnection("127.0.0.1", int(port), timeout=PATIENCE_S)
        connection.request("GET", f"/{token}/list")
        assert json.loads(connection.getresponse().read()) == [{"number": 0, "name": "alpha.gar"}]
        process.terminate()  # with a page that is still connected
        try:
            assert process.wait(PATIENCE_S) == 0 and process.stderr.read() == ""
        finally:
            process.kill()
            connection.close()


@pytest.mark.skipif(sys.platform != "linux", reason="signals to threads, as Linux has them")
def test_a_signal_that_another_thread_takes_ends_the_command_too(folder: Path) -> None:
    words = [sys.executable, "-m", "runtime", "view", "--no-browser", str(folder / "alpha.gar")]
    with subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port, token = re.findall(r"http://127.0.0.1:(\d+)/([\w-]{43})/", process.stdout.readline())[0]
        connection = HTTPConnection("127.0.0.1", int(port), timeout=PATIENCE_S)
        connection.request("GET", f"/{token}/list")
        connection.getresponse().read()
        *_, last = sorted(int(thread.name) for thread in Path(f"/proc/{process.pid}/task").iterdir())
        assert last != process.pid
        assert ctypes.CDLL(None).tgkill(process.pid, last, signal.SIGINT) == 0
        try:
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
            connection.close()


def test_what_cannot_be_shown_is_told_in_a_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert (
        capfd.readouterr().err
        == f"gargalo: {tmp_path}: there is no .gar or .gat file in it (-r looks into subfolders)\n"
    )
    assert main([str(tmp_path / "none.gar")]) == 1
    assert capfd.readouterr().err == f"gargalo: {tmp_path / 'none.gar'}: No such file or directory\n"
    (tmp_path / "cam.jpg").write_bytes(b"x")
    assert main([str(tmp_path / "cam.jpg")]) == 1
    assert "is not a .gar or .gat file" in capfd.readouterr().err
