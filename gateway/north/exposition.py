"""The gateway's own figures in Prometheus's text format: all that `metrics` says in numbers, under names of its kind.

Units are base units, as is usual there: seconds and bytes. A figure that nobody knows yet is left out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

Labels = Mapping[str, str]


class Figure(NamedTuple):
    """One figure: where it stands, and what it is called."""

    key: str
    kind: Literal["counter", "gauge"]
    means: str
    name: str = ""  # where it differs from the key; a counter's ends with _total in any case
    unit: float = 1.0  # of the key in base units

    def metric(self, prefix: str) -> str:
        """Its whole name."""
        name = f"taiqu_{prefix}{self.name or self.key}"
        return f"{name}_total" if self.kind == "counter" else name


OWN = (
    Figure("observations", "counter", "Polls that were judged and stored."),
    Figure("incidents", "gauge", "Incidents that last."),
    Figure("silenced", "gauge", "Incidents that last and are kept back by a silence."),
    Figure("silences", "gauge", "Silences that last."),
)
COMMANDS = (
    Figure("obeyed", "counter", "Requests that were obeyed."),
    Figure("refused", "counter", "Requests that were refused."),
    Figure("repeated", "counter", "Requests that were answered from memory."),
    Figure("unheard", "counter", "Requests that came too fast to be looked at."),
    Figure("running", "gauge", "Requests that are being obeyed."),
)
CONTROL = (
    Figure("armed", "gauge", "Actions that wait to be confirmed."),
    Figure("executed", "counter", "Actions that devices were told."),
    Figure("good", "counter", "Those that the devices showed.", "verified"),
    Figure("refused", "counter", "Requests to change a device that were refused."),
    Figure("trouble", "gauge", "1 while the audit log cannot be written.", "audit_trouble"),
)
LINE = (
    Figure("open", "gauge", "1 while the port can be used."),
    Figure("elapsed_s", "counter", "Seconds since the line is run.", "elapsed_seconds"),
    Figure("busy_s", "counter", "Seconds in which somebody was being spoken to.", "busy_seconds"),
    Figure("utilisation", "gauge", "Share of the time in use, 0 to 1."),
    Figure("waiting", "gauge", "Jobs that are due and have to wait."),
    Figure("late_bytes", "counter", "Bytes that came after a timeout."),
    Figure("late_answers", "counter", "Answers that came after a timeout and were refused."),
    Figure("stray_bytes", "counter", "Bytes that nobody had asked for."),
    Figure("retries", "counter", "Requests that were sent again."),
    Figure("round_trip_ms", "gauge", "Mean time from a request to its answer.", "round_trip_seconds", 0.001),
    Figure("success", "gauge", "Share of polls that gave readings, 0 to 1."),
    Figure("last_answer_s", "gauge", "Seconds since anybody answered.", "last_answer_seconds"),
    Figure("reopened", "counter", "How often the port was opened again."),
)
COUNTS = (
    Figure("polls", "counter", "Conversations that were begun."),
    Figure("good", "counter", "Polls that gave readings."),
    Figure("timeouts", "counter", "Requests without an answer."),
    Figure("crc", "counter", "Requests with an answer that could not be used."),
    Figure("refused", "counter", "Requests that the device refused."),
    Figure("unreachable", "counter", "Polls for which the line could not be had."),
    Figure("retries", "counter", "Requests that were sent again."),
    Figure("missed", "counter", "Periods without a poll because the line was busy."),
    Figure("late", "counter", "Answers that came after their time."),
    Figure("answers", "counter", "Answers."),
    Figure("round_trips_s", "counter", "Seconds from requests to their answers, all together.", "round_trip_seconds"),
    Figure("slowest_s", "gauge", "The longest of them.", "slowest_seconds"),
    Figure("busy_s", "counter", "Seconds of the line that it took.", "busy_seconds"),
)
DEVICE = (
    Figure("down", "gauge", "1 while a device is silent for so long that it is only probed."),
    Figure("utilisation", "gauge", "Share of its line's time, 0 to 1."),
    Figure("success", "gauge", "Share of polls that gave readings, 0 to 1."),
    Figure("last_answer_s", "gauge", "Seconds since the last answer.", "last_answer_seconds"),
    Figure("round_trip_ms", "gauge", "Mean time from a request to its answer.", "mean_round_trip_seconds", 0.001),
)
STORE = (
    Figure("lost", "counter", "Rows that were never on disk, or on a broken one.", "lost_rows"),
    Figure("broken", "counter", "Files that were broken and set aside."),
    Figure("set_aside", "counter", "Rows that a sink can never take.", "set_aside_rows"),
    Figure("unwritten", "gauge", "Rows in memory that are not on disk yet.", "unwritten_rows"),
    Figure("bytes", "gauge", "Bytes of the file in use.", "used_bytes"),
    Figure("commits", "counter", "Transactions."),
    Figure("slowest_commit_s", "gauge", "The longest transaction so far.", "slowest_commit_seconds"),
    Figure("trouble", "gauge", "1 while the disk takes nothing."),
)
BACKFILL = (
    Figure("open", "gauge", "Devices that have been silent for so long that it is a gap."),
    Figure("waiting", "gauge", "Gaps that meters' memories have still to fill."),
    Figure("filled", "counter", "Gaps that were filled."),
    Figure("empty", "counter", "Gaps of which the meter remembered nothing."),
    Figure("unreadable", "counter", "Gaps of meters that cannot be read so."),
    Figure("dropped", "counter", "Gaps that were given up."),
    Figure("refused", "counter", "Services that meters refused."),
    Figure("observations", "counter", "Observations that were recovered."),
)
SINK = (
    Figure("connected", "gauge", "1 while the other side is there."),
    Figure("sent", "counter", "Rows that the other side has confirmed."),
    Figure("flying", "gauge", "Messages on their way."),
    Figure("connects", "counter", "Connections."),
    Figure("failures", "counter", "Connections that could not be had, or were lost."),
    Figure("set_aside", "counter", "Rows with a line that it cannot read."),
    Figure("partly", "counter", "Requests of which it did not store every point."),
    Figure("forbidden", "gauge", "1 while it refuses us."),
)
CERTIFICATE = Figure("certificate_end_seconds", "gauge", "Epoch second at which a certificate of the link ends.")
PROCESS = (
    Figure("uptime_s", "gauge", "Seconds since the gateway began.", "uptime_seconds"),
    Figure("cpu_s", "counter", "Seconds of processor time.", "cpu_seconds"),
    Figure("rss_bytes", "gauge", "Bytes of memory in use.", "resident_memory_bytes"),
)


def text(figures: Mapping[str, Any]) -> str:
    """The figures of a gateway."""
    said = []
    for figure, prefix, samples in _metrics(figures):
        known = [(labels, float(value) * figure.unit) for labels, value in samples if value is not None]
        if known:
            name = figure.metric(prefix)
            said += [f"# HELP {name} {figure.means}", f"# TYPE {name} {figure.kind}"]
            said += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in known]
    return "\n".join(said) + "\n"


Samples = Sequence[tuple[Labels, Any]]


def _metrics(figures: Mapping[str, Any]) -> Iterator[tuple[Figure, str, Samples]]:
    yield from _table(OWN, "", [({}, {**figures, "silences": len(figures.get("silences", ()))})])
    yield from _table(PROCESS, "process_", [({}, figures.get("process"))])
    yield from _table(COMMANDS, "commands_", [({}, figures.get("commands"))])
    if control := figures.get("control"):
        yield from _table(CONTROL, "control_", [({}, {**control, "trouble": bool(control["trouble"])})])
        head = Figure("records", "gauge", "The audit log's last record, and its hash.")
        yield head, "audit_", [({"hash": str(control["hash"])}, control["seq"])]
    lines = figures["lines"]
    yield from _table(LINE, "line_", [({"line": line["line"]}, line) for line in lines])
    devices = [({"line": line["line"], "device": one["device"]}, one) for line in lines for one in line["devices"]]
    yield from _table(COUNTS, "device_", [(labels, one["counts"]) for labels, one in devices])
    yield from _table(DEVICE, "device_", devices)
    yield from _store(figures["store"])
    yield from _table(BACKFILL, "backfill_", [({}, figures.get("backfill"))])
    for sink in ("mqtt", "influx"):
        yield from _table(SINK, f"{sink}_", [({}, figures.get(sink))])
    ends = ((figures.get("mqtt") or {}).get("certificates") or {}).items()
    yield CERTIFICATE, "mqtt_", [({"of": whose}, end) for whose, end in ends]


def _store(store: Mapping[str, Any]) -> Iterator[tuple[Figure, str, Samples]]:
    waiting = [
        ({"sink": sink, "stream": stream}, count)
        for sink, streams in store["waiting"].items()
        for stream, count in streams.items()
    ]
    shed = [({"stream": stream}, count) for stream, count in store["shed"].items()]
    yield Figure("waiting_rows", "gauge", "Rows that a sink has not got yet."), "store_", waiting
    yield Figure("shed_rows", "counter", "Rows thrown away although somebody waited for them."), "store_", shed
    yield from _table(STORE, "store_", [({}, {**store, "trouble": bool(store["trouble"])})])


def _table(
    table: Iterable[Figure], prefix: str, rows: Sequence[tuple[Labels, Mapping[str, Any] | None]]
) -> Iterator[tuple[Figure, str, Samples]]:
    """The figures of a table, for each of some things that have them."""
    for figure in table:
        yield figure, prefix, [(labels, row.get(figure.key)) for labels, row in rows if row]


def _number(value: float) -> str:
    """All its digits: a counter that is rounded stands still."""
    return str(int(value)) if value.is_integer() else repr(value)


def _labels(labels: Labels) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
