"""InfluxDB 2 as far as a writer sees it: its write path in front of a real 1.x database, with answers to order."""

import contextlib
import gzip
import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.servers import PATIENCE_S, Database


@dataclass(frozen=True, slots=True)
class Answer:
    """What the front of the database says instead of passing a request on."""

    status: int
    message: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Front:
    """`/api/v2/write` of InfluxDB 2 in front of a real 1.x database; answers queued in `next` come first."""

    database: Database
    port: int = 0
    org: str = "grid"
    bucket: str = "area"
    token: str = "a-token"
    longest: int = 10_000_000  # bytes of a body, unpacked; more is answered 413
    next: deque[Answer] = field(default_factory=deque)
    requests: list[dict[str, str]] = field(default_factory=list)  # the headers of each request, lower case

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """What InfluxDB 2 says to this request."""
        self.requests.append(headers)
        if self.next:
            return self.next.popleft()
        split = urllib.parse.urlsplit(path)
        asked = dict(urllib.parse.parse_qsl(split.query))
        if split.path != "/api/v2/write":
            return Answer(404, "path not found")
        if headers.get("authorization") != f"Token {self.token}":
            return Answer(401, "unauthorized access")
        if asked.get("org") != self.org or asked.get("bucket") != self.bucket:
            return Answer(404, f"bucket {asked.get('bucket')!r} not found")
        lines = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        if len(lines) > self.longest:
            return Answer(413, "body too large")
        return self._store(lines, asked.get("precision", "ns"))

    def _store(self, lines: bytes, precision: str) -> Answer:
        url = f"{self.database.url}/write?db={self.bucket}&precision={precision.replace('ns', 'n')}"
        try:
            urllib.request.urlopen(urllib.request.Request(url, data=lines), timeout=PATIENCE_S).close()
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            return Answer(422 if "field type conflict" in text else error.code, text)
        return Answer(204)


@contextlib.contextmanager
def serving(front: Front) -> Iterator[Front]:
    """The front on a free port, in a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = front.answer(self.path, headers, body)
            text = json.dumps({"message": said.message}).encode() if said.status != 204 else b""
            self.send_response(said.status)
            for name, value in said.headers:
                self.send_header(name, value)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Says nothing: tests look at `requests`."""

    server = ThreadingHTTPServer(("127.0.0.1", front.port), Handler)
    front.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield front
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def influx_v2(influxd: Database) -> Iterator[Front]:
    """InfluxDB 2's write path in front of `influxd`: org grid, bucket area, token a-token."""
    with serving(Front(influxd)) as front:
        yield front
