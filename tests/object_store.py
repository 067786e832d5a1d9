"""An S3 server on loopback, and a proxy before it that answers with faults for as long as it is told."""

import logging
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_HOP = {"connection", "transfer-encoding", "content-length", "date", "server", "host", "expect"}
_ERROR = "<?xml version='1.0'?><Error><Code>{}</Code><Message>{}</Message></Error>"


@dataclass
class Store:
    """An S3 server, reached through a proxy."""

    url: str
    client: Any
    """boto3's, which goes to the server itself."""
    fault: Callable[[BaseHTTPRequestHandler], bool] = lambda _: False
    """Answers a request with a fault, and returns whether it has."""
    asked: list[str] = field(default_factory=list)
    """The methods and paths of all requests, in their order."""

    def names(self, bucket: str = "made") -> dict[str, int]:
        """Return the keys of a bucket's objects, but for the manifest's, and their sizes."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        every = {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", ())}
        return {key: size for key, size in every.items() if ".manifest/" not in key}

    def environment(self) -> dict[str, str]:
        """Return the variables by which a process finds it."""
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
        return keys | {"AWS_ENDPOINT_URL": self.url, "AWS_EC2_METADATA_DISABLED": "true"}


def refuse(handler: BaseHTTPRequestHandler, status: int, code: str, text: str = "as was asked for") -> bool:
    """Answer with an error of S3's."""
    body = _ERROR.format(code, text).encode()
    with suppress(OSError):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)
    handler.close_connection = True
    return True


@contextmanager
def serving() -> Iterator[Store]:
    """Yield a server with the empty buckets pictures and made."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    behind = f"http://{host}:{port}"
    urllib.request.urlopen(f"{behind}/moto-api/reset", data=b"", timeout=60).close()
    client = boto3.client(
        "s3", endpoint_url=behind, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def forward(self) -> None:
            store.asked.append(f"{self.command} {self.path}")
            body = self.body()
            if store.fault(self):
                return
            headers = {
                name: text for name, text in self.headers.items() if name.lower() not in _HOP | {"host", "expect"}
            }
            headers.setdefault("Content-Type", "application/octet-stream")  # urllib would say that it is a form
            request = urllib.request.Request(behind + self.path, body, headers, method=self.command)
            try:
                with urllib.request.urlopen(request) as answer:
                    self.pass_on(answer.status, answer.headers, answer.read())
            except urllib.error.HTTPError as error:
                self.pass_on(error.code, error.headers, error.read())

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = forward  # noqa: N815

        def body(self) -> bytes | None:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
            chunks = []
            while length := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(length))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def pass_on(self, status: int, headers: Any, body: bytes) -> None:
            with suppress(OSError):
                self.send_response(status)
                for name, text in headers.items():
                    if name.lower() not in _HOP:
                        self.send_header(name, text)
                length = headers["Content-Length"] if self.command == "HEAD" else str(len(body))
                self.send_header("Content-Length", length or "0")
                self.end_headers()
                self.wfile.write(body)

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Proxy) as proxy:
        store = Store(f"http://127.0.0.1:{proxy.server_port}", client)
        for bucket in ("pictures", "made"):
            client.create_bucket(Bucket=bucket)
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield store
        finally:
            proxy.shutdown()
            thread.join()
            server.stop()


if __name__ == "__main__":
    with serving() as found:
        print(found.url, os.getpid(), flush=True)
        time.sleep(1e6)
