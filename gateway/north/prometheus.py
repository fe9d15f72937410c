"""The gateway's own figures for Prometheus: a text made of them, and the one page on loopback that shows it."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""How long a caller may take to ask."""

Metric = tuple[str, str, str, Sequence[tuple[Mapping[str, str], float]]]
"""Name, type, help, and values with their labels."""

_DEVICE_COUNTS = ("polls", "good", "timeouts", "crc", "refused", "unreachable", "retries", "missed", "late")


def text(figures: Mapping[str, Any]) -> str:
    """The figures of a gateway in Prometheus's text format."""
    said = []
    for name, kind, means, samples in _metrics(figures):
        if samples:
            said += [f"# HELP taiqu_{name} {means}", f"# TYPE taiqu_{name} {kind}"]
            said += [f"taiqu_{name}{_labels(labels)} {value:g}" for labels, value in samples]
    return "\n".join(said) + "\n"


def _metrics(figures: Mapping[str, Any]) -> Iterator[Metric]:
    yield "observations_total", "counter", "Polls that were judged and stored.", [({}, figures["observations"])]
    yield "incidents", "gauge", "Incidents that last.", [({}, figures["incidents"])]
    yield from _lines(figures["lines"])
    yield from _devices(figures["lines"])
    yield from _store(figures["store"])
    yield from _backfill(figures.get("backfill", {}))
    if control := figures.get("control"):
        yield from _control(control)
    for sink in ("mqtt", "influx"):
        if report := figures.get(sink):
            yield f"{sink}_connected", "gauge", "1 while the other side is there.", [({}, report["connected"])]
            yield f"{sink}_sent_total", "counter", "Rows that the other side has confirmed.", [({}, report["sent"])]


def _backfill(ledger: Mapping[str, int]) -> Iterator[Metric]:
    means = {
        "open": "Devices that have been silent for so long that it is a gap.",
        "waiting": "Gaps that meters' memories have still to fill.",
    }
    for key, count in ledger.items():
        kind = "gauge" if key in means else "counter"
        name = f"backfill_{key}" if kind == "gauge" else f"backfill_{key}_total"
        yield name, kind, means.get(key, f"Work on gaps: {key}."), [({}, float(count))]


def _control(control: Mapping[str, Any]) -> Iterator[Metric]:
    yield "control_armed", "gauge", "Actions that wait to be confirmed.", [({}, control["armed"])]
    yield "control_executed_total", "counter", "Actions that devices were told.", [({}, control["executed"])]
    yield "control_verified_total", "counter", "Those that the devices showed.", [({}, control["good"])]
    yield (
        "control_refused_total",
        "counter",
        "Requests to change a device that were refused.",
        [({}, control["refused"])],
    )
    head = {"hash": str(control["hash"])}
    yield "audit_records", "gauge", "The audit log's last record, and its hash.", [(head, control["seq"])]
    yield "audit_trouble", "gauge", "1 while nothing can be written down.", [({}, float(bool(control["trouble"])))]


def _lines(lines: Sequence[Mapping[str, Any]]) -> Iterator[Metric]:
    wanted = {
        "open": ("gauge", "1 while the port can be used."),
        "utilisation": ("gauge", "Share of the time in use, 0 to 1."),
        "waiting": ("gauge", "Jobs that are due and have to wait."),
        "late_bytes": ("counter", "Bytes that came after a timeout."),
        "late_answers": ("counter", "Answers that came after a timeout and were refused."),
        "stray_bytes": ("counter", "Bytes that nobody had asked for."),
        "retries": ("counter", "Requests that were sent again."),
        "round_trip_ms": ("gauge", "Mean time from a request to the end of its answer."),
        "success": ("gauge", "Share of polls that gave readings, 0 to 1."),
        "last_answer_s": ("gauge", "Seconds since anybody answered."),
        "reopened": ("counter", "How often the port was opened again."),
    }
    for key, (kind, means) in wanted.items():
        name = f"line_{key}_total" if kind == "counter" else f"line_{key}"
        known = [line for line in lines if line[key] is not None]
        yield name, kind, means, [({"line": line["line"]}, float(line[key])) for line in known]


def _devices(lines: Sequence[Mapping[str, Any]]) -> Iterator[Metric]:
    devices = [({"line": line["line"], "device": one["device"]}, one) for line in lines for one in line["devices"]]
    for key in _DEVICE_COUNTS:
        samples = [(labels, float(one["counts"][key])) for labels, one in devices]
        yield f"device_{key}_total", "counter", f"Polls of a device: {key}.", samples
    silent = [(labels, float(one["down"])) for labels, one in devices]
    yield "device_down", "gauge", "1 while a device is silent for so long that it is only probed.", silent
    for key, means in (
        ("utilisation", "Share of its line's time, 0 to 1."),
        ("success", "Share of good polls, 0 to 1."),
    ):
        shares = [(labels, float(one[key])) for labels, one in devices if one[key] is not None]
        yield f"device_{key}", "gauge", means, shares
    ages = [(labels, one["last_answer_s"]) for labels, one in devices if one["last_answer_s"] is not None]
    yield "device_last_answer_seconds", "gauge", "Seconds since the last answer.", ages


def _store(store: Mapping[str, Any]) -> Iterator[Metric]:
    waiting = [
        ({"sink": sink, "stream": stream}, float(count))
        for sink, streams in store["waiting"].items()
        for stream, count in streams.items()
    ]
    yield "store_waiting_rows", "gauge", "Rows that a sink has not got yet.", waiting
    shed = [({"stream": stream}, float(count)) for stream, count in store["shed"].items()]
    yield "store_shed_rows_total", "counter", "Rows thrown away although somebody waited for them.", shed
    yield "store_lost_rows_total", "counter", "Rows that were never on disk, or on a broken one.", [({}, store["lost"])]
    yield "store_set_aside_rows_total", "counter", "Rows that no sink can take.", [({}, store["set_aside"])]
    yield "store_used_bytes", "gauge", "Bytes of the file in use.", [({}, store["bytes"])]
    yield "store_commits_total", "counter", "Transactions.", [({}, store["commits"])]
    yield "store_slowest_commit_seconds", "gauge", "The longest transaction so far.", [({}, store["slowest_commit_s"])]
    yield "store_trouble", "gauge", "1 while the disk takes nothing.", [({}, float(bool(store["trouble"])))]


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


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
