"""What a gateway says of itself over MQTT, gathered and shown: for `taiqu watch`, which knows nothing else."""

from collections import deque
from collections.abc import Iterator, Mapping
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
        """Take one message, its topic below the gateway's; a line for people when it is news, else ''."""
        kind, _, name = topic.partition("/")
        if kind in ("data", "hist") and payload:
            for row in payload["observations"]:
                self.observations += 1
                self.devices[row["device"]] = row
        elif kind == "metrics" and payload:
            self.figures = payload
        elif topic == "rsp/figures" and payload and payload.get("result"):
            self.figures = payload["result"]
        elif kind == "alarm":
            self.alarms.pop(name, None)
            if payload:
                self.alarms[name] = payload
        elif kind == "state" and payload:
            self.state = payload
            return f"{self.gateway} is {payload['state']}"
        elif kind == "event" and payload:
            self.events.append(payload["data"])
            return _sentence(payload["data"])
        return ""

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
    parts: list[RenderableType] = [_head(watched), Text(), _lines(watched.figures), Text(), _alarms(watched), Text()]
    parts += [_devices(watched, rows), *_store(watched.figures), *_silences(watched.figures), *_news(watched)]
    return Group(*parts)


def sentences(watched: Watched) -> Iterator[str]:
    """The same as lines of text, for whoever has no terminal."""
    if not watched.state:
        yield f"{watched.gateway} is not heard of: it never ran at this broker, or is named otherwise"
        return
    yield f"{watched.gateway} is {watched.state['state']}"
    for line in watched.figures.get("lines", ()):
        silent = [device["device"] for device in line["devices"] if device["down"]]
        yield (
            f"line {line['line']}: {'open' if line['open'] else line['says'] or 'closed'}, {line['utilisation']:.0%} in"
            f" use, {_share(line['success'])} good; silent: {', '.join(silent) or 'none'}"
        )
    for alarm in watched.alarms.values():
        yield _sentence(alarm)
    if not watched.alarms:
        yield "nothing is wrong"
    for text in (*_store(watched.figures), *_silences(watched.figures)):
        yield text.plain


def _head(watched: Watched) -> Text:
    process = watched.figures.get("process", {})
    memory = f"  {process['rss_bytes'] / 1e6:.0f} MB" if process else ""
    return Text.assemble(
        (f"{watched.gateway} ", "bold"),
        (watched.state.get("state", "not heard of yet"), "green" if watched.online else "bold red"),
        f"  version {watched.state.get('version', '?')}  {watched.observations} observations heard{memory}",
    )


def _lines(figures: Mapping[str, Any]) -> RenderableType:
    if not figures:
        return Text("its lines are told once a minute", "dim")
    table = Table("line", "port", "in use", "good", "answers in", "waiting", "silent", box=None, pad_edge=False)
    for line in figures["lines"]:
        table.add_row(
            line["line"],
            "open" if line["open"] else Text(line["says"] or "closed", "red"),
            f"{line['utilisation']:.0%}",
            _share(line["success"]),
            f"{line['round_trip_ms']:.0f} ms",
            str(line["waiting"]),
            Text(", ".join(device["device"] for device in line["devices"] if device["down"]), "red"),
        )
    return table


def _alarms(watched: Watched) -> RenderableType:
    if not watched.alarms:
        return Text("nothing is wrong", "green")
    table = Table("since", "severity", "what", "where", "devices", "why", box=None, pad_edge=False)
    for alarm in sorted(
        watched.alarms.values(), key=lambda alarm: (list(COLOURS).index(alarm["severity"]), alarm["id"])
    ):
        table.add_row(
            _when(alarm["started_at"]),
            Text(alarm["severity"], COLOURS[alarm["severity"]]),
            f"{alarm['type']} ({alarm['state']})",
            f"{alarm['node']} {alarm['phases']}",
            str(len(alarm["devices"])),
            alarm["cause"] or next(iter(alarm["evidence"]), ""),
        )
    return table


def _devices(watched: Watched, rows: int) -> Table:
    table = Table("device", "at", "values", box=None, pad_edge=False)
    faulty_first = sorted(watched.devices.items(), key=lambda item: (not item[1].get("fault"), item[0]))
    for name, row in faulty_first[:rows]:
        values = row.get("values", {})
        said = "  ".join(f"{point} {values[point]:g}" for point in SHOWN if values.get(point) is not None)
        table.add_row(name, _when(row["at"]), Text(row["fault"], "red") if row.get("fault") else said)
    if len(faulty_first) > rows:
        table.add_row("...", "", f"and {len(faulty_first) - rows} more")
    return table


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
