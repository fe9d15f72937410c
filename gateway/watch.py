"""What a gateway says of itself over MQTT, gathered and shown: for `taiqu watch`, which knows nothing else."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.clock import iso

COLOURS = {"critical": "bold red", "major": "red", "minor": "yellow", "info": "cyan"}
SHOWN = ("voltage", "voltage_a", "voltage_b", "voltage_c", "current", "active_power", "relay_open")
"""Points worth a column's width in a terminal."""


@dataclass(slots=True)
class Watched:
    """One gateway as its topics tell."""

    state: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    devices: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # the last observation of each
    alarms: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    events: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=8))
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
        elif kind == "alarm":
            self.alarms.pop(name, None)
            if payload:
                self.alarms[name] = payload
        elif kind == "state" and payload:
            self.state = payload
            return f"gateway is {payload['state']}"
        elif kind == "event" and payload:
            self.events.append(payload["data"])
            return _sentence(payload["data"])
        return ""


def screen(watched: Watched, gateway: str, rows: int) -> RenderableType:
    """Everything at once; `rows` of devices fit."""
    state = watched.state.get("state", "not heard of yet")
    head = Text.assemble(
        (f"{gateway} ", "bold"),
        (state, "green" if state == "online" else "bold red"),
        f"  version {watched.state.get('version', '?')}  {watched.observations} observations heard",
    )
    return Group(head, _lines(watched.figures), _alarms(watched), _devices(watched, rows), *_store(watched.figures))


def _lines(figures: Mapping[str, Any]) -> Table:
    table = Table("line", "port", "in use", "waiting", "polls", "good", "silent", box=None, pad_edge=False)
    for line in figures.get("lines", ()):
        counts = [device["counts"] for device in line["devices"]]
        table.add_row(
            line["line"],
            "open" if line["open"] else Text(line["says"] or "closed", "red"),
            f"{line['utilisation']:.0%}",
            str(line["waiting"]),
            str(sum(count["polls"] for count in counts)),
            str(sum(count["good"] for count in counts)),
            ", ".join(device["device"] for device in line["devices"] if device["down"]),
        )
    return table


def _alarms(watched: Watched) -> Table:
    table = Table(
        "since", "severity", "what", "where", "devices", "cause", box=None, pad_edge=False, title_justify="left"
    )
    for alarm in watched.alarms.values():
        table.add_row(
            iso(alarm["started_at"]),
            Text(alarm["severity"], COLOURS[alarm["severity"]]),
            f"{alarm['type']} ({alarm['state']})",
            f"{alarm['node']} {alarm['phases']}",
            str(len(alarm["devices"])),
            alarm["cause"],
        )
    if not watched.alarms:
        table.add_row("", "", Text("nothing is wrong", "green"))
    return table


def _devices(watched: Watched, rows: int) -> Table:
    table = Table("device", "at", "values", box=None, pad_edge=False)
    faulty_first = sorted(watched.devices.items(), key=lambda item: (not item[1].get("fault"), item[0]))
    for name, row in faulty_first[:rows]:
        values = row.get("values", {})
        said = "  ".join(f"{point} {values[point]:g}" for point in SHOWN if values.get(point) is not None)
        table.add_row(name, iso(row["at"]), Text(row["fault"], "red") if row.get("fault") else said)
    if len(faulty_first) > rows:
        table.add_row("...", "", f"and {len(faulty_first) - rows} more")
    return table


def _store(figures: Mapping[str, Any]) -> Iterator[Text]:
    if store := figures.get("store"):
        waiting = ", ".join(f"{sink} {sum(streams.values())}" for sink, streams in store["waiting"].items())
        yield Text(f"store: {store['bytes'] / 1e6:.1f} MB, waiting: {waiting or 'nobody'}", "dim")
        if store["trouble"]:
            yield Text(f"store: {store['trouble']}", "red")


def _sentence(incident: Mapping[str, Any]) -> str:
    where = " ".join(part for part in (incident["node"], incident["phases"]) if part)
    devices = len(incident["devices"])
    return (
        f"{iso(incident['at'])} {incident['severity']} {incident['type']} at {where}: {incident['state']}"
        f" ({incident['reason']}), {devices} device{'' if devices == 1 else 's'}"
    )
