"""What a gateway says of itself over MQTT, gathered and shown: for `taiqu watch`, which knows nothing else."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.clock import iso, local

COLOURS = {"critical": "bold red", "major": "red", "minor": "yellow", "info": "cyan"}
SHOWN = ("voltage", "voltage_a", "voltage_b", "voltage_c", "current", "active_power", "relay_open")
"""Points worth a column's width in a terminal."""

NEWS = 5
"""Events that are shown."""

UNSHOWABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError)
"""What comes of showing a message that has not the shape of the gateway's own, or a time that no calendar has."""


@dataclass(slots=True)
class Watched:
    """One gateway as its topics tell."""

    gateway: str = ""
    state: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    devices: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # the last observation of each
    alarms: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    events: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=NEWS))
    observations: int = 0

    def hear(self, topic: str, payload: Any) -> str:
        """Take one message, its topic below the gateway's; a line for people when it is news, else ''.

        What cannot be shown is not taken: anybody whom the broker lets may publish there.
        """
        try:
            return self._take(topic, payload)
        except UNSHOWABLE:
            return ""

    def _take(self, topic: str, payload: Any) -> str:
        kind, _, name = topic.partition("/")
        if kind == "alarm" and not payload:
            self.alarms.pop(name, None)
        elif not payload:
            return ""
        elif kind in ("data", "hist"):
            self._observe(payload["observations"])
        elif kind == "metrics":
            self._measure(payload)
        elif topic == "rsp/figures":
            self._measure(payload["result"])
        elif kind == "alarm":
            _alarm_cells(payload)
            self.alarms[name] = payload
        elif kind == "state":
            said, self.state = f"{self.gateway} is {payload['state']}", dict(payload)
            return said
        elif kind == "event":
            said = _sentence(payload["data"])
            self.events.append(payload["data"])
            return said
        return ""

    def _observe(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            _device_cells(row)
            self.devices[str(row["device"])] = row
            self.observations += 1

    def _measure(self, figures: Mapping[str, Any]) -> None:
        _lines(figures), _memory(figures), list(_lines_said(figures)), list(_kept(figures))
        self.figures = figures

    @property
    def online(self) -> bool:
        """Whether its state, which the broker keeps, says so."""
        return self.state.get("state") == "online"

    def snapshot(self) -> Mapping[str, Any]:
        """All of it, for programs."""
        return {
            "gateway": self.gateway,
            "state": self.state,
            "alarms": list(self.alarms.values()),
            "devices": self.devices,
            "figures": self.figures,
        }


def screen(watched: Watched, rows: int) -> RenderableType:
    """Everything at once; `rows` of devices fit."""
    figures = watched.figures
    parts: list[RenderableType] = [_head(watched), Text(), _lines(figures), Text(), _alarms(watched), Text()]
    return Group(*parts, _devices(watched, rows), *_kept(figures), *_news(watched))


def sentences(watched: Watched) -> Iterator[str]:
    """The same as lines of text, for whoever has no terminal."""
    if not watched.state:
        yield f"{watched.gateway} is not heard of: it never ran at this broker, or is named otherwise"
        return
    yield f"{watched.gateway} is {watched.state['state']}"
    yield from _lines_said(watched.figures)
    for alarm in watched.alarms.values():
        yield _sentence(alarm)
    if not watched.alarms:
        yield "nothing is wrong"
    for text in _kept(watched.figures):
        yield text.plain


def _head(watched: Watched) -> Text:
    heard = f"{watched.observations} observations heard{_memory(watched.figures)}"
    return Text.assemble(
        (f"{watched.gateway} ", "bold"),
        (f"{watched.state.get('state', 'not heard of yet')}", "green" if watched.online else "bold red"),
        f"  version {watched.state.get('version', '?')}  {heard}",
    )


def _memory(figures: Mapping[str, Any]) -> str:
    return f"  {process['rss_bytes'] / 1e6:.0f} MB" if (process := figures.get("process")) else ""


def _lines_said(figures: Mapping[str, Any]) -> Iterator[str]:
    for line in figures.get("lines", ()):
        yield (
            f"line {line['line']}: {_port(line)}, {line['utilisation']:.0%} in use, {_share(line['success'])} good;"
            f" silent: {', '.join(_silent(line)) or 'none'}"
        )


def _port(line: Mapping[str, Any]) -> str:
    return "open" if line["open"] else f"{line['says'] or 'closed'}"


def _silent(line: Mapping[str, Any]) -> list[str]:
    return [device["device"] for device in line["devices"] if device["down"]]


def _lines(figures: Mapping[str, Any]) -> RenderableType:
    if not figures:
        return Text("its lines are told once a minute", "dim")
    table = Table("line", "port", "in use", "good", "answers in", "waiting", "silent", box=None, pad_edge=False)
    for line in figures["lines"]:
        table.add_row(
            f"{line['line']}",
            Text(_port(line), "" if line["open"] else "red"),
            f"{line['utilisation']:.0%}",
            _share(line["success"]),
            f"{line['round_trip_ms']:.0f} ms",
            str(line["waiting"]),
            Text(", ".join(_silent(line)), "red"),
        )
    return table


def _alarms(watched: Watched) -> RenderableType:
    if not watched.alarms:
        return Text("nothing is wrong", "green")
    table = Table("since", "severity", "what", "where", "devices", "why", box=None, pad_edge=False)
    gravest_first = sorted(watched.alarms.items(), key=lambda item: (list(COLOURS).index(item[1]["severity"]), item[0]))
    for _, alarm in gravest_first:
        table.add_row(*_alarm_cells(alarm))
    return table


def _alarm_cells(alarm: Mapping[str, Any]) -> tuple[str | Text, ...]:
    return (
        _when(alarm["started_at"]),
        Text(alarm["severity"], COLOURS[alarm["severity"]]),
        f"{alarm['type']} ({alarm['state']})",
        f"{alarm['node']} {alarm['phases']}",
        f"{len(alarm['devices'])}",
        f"{alarm['cause'] or next(iter(alarm['evidence']), '')}",
    )


def _devices(watched: Watched, rows: int) -> Table:
    table = Table("device", "at", "values", box=None, pad_edge=False)
    faulty_first = sorted(watched.devices.items(), key=lambda item: (not item[1].get("fault"), item[0]))
    for name, row in faulty_first[:rows]:
        table.add_row(name, *_device_cells(row))
    if len(faulty_first) > rows:
        table.add_row("...", "", f"and {len(faulty_first) - rows} more")
    return table


def _device_cells(row: Mapping[str, Any]) -> tuple[str | Text, ...]:
    values = row.get("values", {})
    said = "  ".join(f"{point} {values[point]:g}" for point in SHOWN if values.get(point) is not None)
    return _when(row["at"]), Text(row["fault"], "red") if row.get("fault") else said


def _kept(figures: Mapping[str, Any]) -> Iterator[Text]:
    """What waits in the store, and what is kept back."""
    yield from _store(figures)
    yield from _silences(figures)


def _store(figures: Mapping[str, Any]) -> Iterator[Text]:
    if store := figures.get("store"):
        waiting = [_waits(sink, sum(streams.values()), figures) for sink, streams in store["waiting"].items()]
        yield Text(f"store: {store['bytes'] / 1e6:.1f} MB, waiting: {'; '.join(waiting) or 'nobody'}", "dim")
        if store["trouble"]:
            yield Text(f"store: {store['trouble']}", "red")
        gone = {
            "thrown away unsent": sum(store["shed"].values()),
            "lost": store["lost"],
            "set aside": store["set_aside"],
        }
        if any(gone.values()):
            yield Text("store: " + ", ".join(f"{count} {what}" for what, count in gone.items() if count), "red")


def _waits(sink: str, rows: int, figures: Mapping[str, Any]) -> str:
    says = (figures.get(sink) or {}).get("says", "")
    return f"{sink} {rows}{f' ({says})' if rows and says else ''}"


def _silences(figures: Mapping[str, Any]) -> Iterator[Text]:
    for one in figures.get("silences", ()):
        what = " ".join(part for part in (one["node"], one["kind"]) if part)
        yield Text(f"silent until {_when(one['until'])}: {what}, by {one['by']} {one['reason']}".rstrip(), "yellow")
    if kept := figures.get("silenced"):
        yield Text(f"{kept} incidents are kept back by silences", "yellow")


def _news(watched: Watched) -> Iterator[Text]:
    for incident in watched.events:
        yield Text(_sentence(incident), "dim")


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _when(at: float) -> str:
    """This machine's local time: what whoever watches has on the wall."""
    return local(at).strftime("%m-%d %H:%M:%S")


def _sentence(incident: Mapping[str, Any]) -> str:
    where = " ".join(part for part in (incident["node"], incident["phases"]) if part)
    devices = len(incident["devices"])
    return (
        f"{iso(incident['at'])} {incident['severity']} {incident['type']} at {where}: {incident['state']}"
        f" ({incident['reason']}), {devices} device{'' if devices == 1 else 's'}"
    )
