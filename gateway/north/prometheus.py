"""The one page on loopback that shows the gateway's own figures to Prometheus."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from gateway.north.exposition import text

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""How long a caller may take to ask."""


class MetricsPage:
    """`GET /metrics`, for a Prometheus on the same machine or behind a proxy. Everything else is 404."""

    def __init__(self, host: str, port: int, figures: Callable[[], Mapping[str, Any]]) -> None:
        self.port = port
        self.serving = asyncio.Event()
        self._host, self._figures = host, figures

    async def run(self) -> None:
        """Serve until cancelled. A port that is taken is said, and nothing else stops."""
        try:
            server = await asyncio.start_server(self._answer, self._host, self.port, limit=8192)
        except OSError as error:
            log.error("metrics: %s:%d: %s; the page is not served", self._host, self.port, error.strerror)
            return
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            self.serving.set()
            await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                asked = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._page(asked.split(b"\r\n", 1)[0].decode("latin-1")))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError) as error:
            log.debug("metrics: a caller went away: %s", error)
        finally:
            writer.close()

    def _page(self, request: str) -> bytes:
        if request.split(" ")[:2] != ["GET", "/metrics"]:
            return _response("404 Not Found", "see /metrics\n")
        return _response("200 OK", text(self._figures()))


def _response(status: str, body: str) -> bytes:
    raw = body.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
    return f"{head}Content-Length: {len(raw)}\r\nConnection: close\r\n\r\n".encode() + raw
