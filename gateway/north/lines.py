"""Line protocol: a stored row becomes one line for InfluxDB. The same row gives the same bytes, so a repeat is safe.

One measurement per kind of device; the tags say which device it is and where; the fields are the points, always
floats, so that no series can change its type; the time is the poll's own, in nanoseconds. Beside them stand
`incident`, `coverage` and `statistics` of each day, `statistics_month`, and the gateway's own figures: `gateway`,
`line` and `device`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson

from gateway.clock import from_local
from gateway.settings.models import Device, Site
from gateway.store import Row, Stream

_KEY = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ ", "\n": "\\ ", "\r": "\\ "})
_MEASUREMENT = str.maketrans({",": "\\,", " ": "\\ ", "\n": "\\ ", "\r": "\\ "})
_TEXT = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": " ", "\r": " "})

_LINE = (
    *("open", "utilisation", "waiting", "late_bytes", "stray_bytes", "reopened"),
    *("success", "round_trip_ms", "retries", "late_answers", "last_answer_s"),
)
_COUNTS = ("polls", "good", "timeouts", "crc", "refused", "unreachable", "retries", "missed", "late")
_DEVICE = ("round_trip_ms", "down", "last_answer_s", "utilisation", "success")


class Lines:
    """Makes lines for one site; what the tags of a device are is worked out once."""

    def __init__(self, site: Site) -> None:
        self._gateway = (("gateway", site.id), ("area", site.area.id))
        self._heads = {device.id: self._device_head(device) for device in site.devices}
        self._polled = {one.id: (("device", one.id), ("line", one.line), ("node", one.node)) for one in site.devices}

    def line(self, stream: Stream, row: Row) -> bytes:
        """One row as a line or some lines, without their end; b'' for a row that holds nothing for a database."""
        if stream is not Stream.EVENT:
            return self._observation(orjson.loads(row.body))
        if row.key == "stats/day":
            told = orjson.loads(row.body)
            return b"\n".join((*self._coverage(told), *self._statistics("statistics", told["date"], told)))
        if row.key == "stats/month":
            told = orjson.loads(row.body)
            return b"\n".join(self._statistics("statistics_month", f"{told['month']}-01", told))
        return self._incident(row) if row.key.startswith("event/") else b""

    def figures(self, told: Mapping[str, Any]) -> Iterator[bytes]:
        """The gateway's own figures: a line for itself, one for each line of devices and one for each device."""
        store, when = told["store"], _ns(told["at"])
        own = {name: told[name] for name in ("observations", "incidents")}
        own |= {f"store_{name}": store[name] for name in ("bytes", "lost", "commits", "slowest_commit_s")}
        own |= {f"waiting_{sink}": sum(streams.values()) for sink, streams in store["waiting"].items()}
        own["store_shed"] = sum(store["shed"].values())
        own |= {f"{sink}_connected": told[sink]["connected"] for sink in ("mqtt", "influx") if told[sink]}
        yield self._figure("gateway", (), own, when)
        for line in told["lines"]:
            yield self._figure("line", (("line", line["line"]),), _known(line, _LINE), when)
            for device in line["devices"]:
                counts = {name: device["counts"][name] for name in _COUNTS}
                counts |= _known(device, _DEVICE)
                yield self._figure("device", self._polled[device["device"]], counts, when)

    def _coverage(self, told: Mapping[str, Any]) -> Iterator[bytes]:
        """A day of the area and of each device, at the day's first second: told again, it replaces what was told."""
        when = _ns(from_local(datetime.fromisoformat(told["date"])))
        for device, share in (("", told["coverage"]), *told["coverage"]["devices"].items()):
            values = {name: share[name] for name in ("expected", "live", "backfilled", "share")}
            yield self._figure("coverage", self._polled.get(device, (("device", device),)), values, when)

    def _statistics(self, measurement: str, first: str, told: Mapping[str, Any]) -> Iterator[bytes]:
        """The supply of a period, and the voltage of each device, at the first second of its first day."""
        if "supply" not in told:  # a day on which nothing was counted
            return
        when = _ns(from_local(datetime.fromisoformat(first)))
        yield self._figure(measurement, (), dict(_area_figures(told)), when)
        for device, point in told["voltage"]["devices"].items():
            covered = told["coverage"]["devices"].get(device)
            values = point if covered is None else {**point, "coverage": covered["share"]}
            yield self._figure(measurement, self._polled.get(device, (("device", device),)), values, when)

    def _figure(
        self, measurement: str, tags: Iterable[tuple[str, str]], values: Mapping[str, float], when: int
    ) -> bytes:
        fields = ",".join(f"{name}={float(value)!r}" for name, value in values.items())
        return f"{self._head(measurement, tags)} {fields} {when}".encode()

    def _observation(self, seen: Mapping[str, object]) -> bytes:
        device = str(seen["device"])
        values = seen.get("values")
        fields = [f"{name}={value!r}" for name, value in _numbers(values) if value is not None]
        if fault := seen.get("fault"):
            fields.append(f"fault={_quoted(str(fault))}")
        if notice := seen.get("notice"):
            fields.append(f"notice={_quoted(str(notice))}")
        fields.append(f"took_ms={_float(seen.get('took_ms'))!r}")
        head = self._heads.get(device) or self._head("meter", (("device", device),))
        return f"{head} {','.join(fields)} {_ns(_float(seen['at']))}".encode()

    def _incident(self, row: Row) -> bytes:
        said = orjson.loads(row.body)
        tags = (("node", said["node"]), ("type", said["type"]), ("severity", said["severity"]))
        texts = {"id": said["id"], "state": said["state"], "reason": said["reason"], "cause": said["cause"]}
        fields = [f"{name}={_quoted(str(text))}" for name, text in texts.items()]
        fields += [f"started_at={float(said['started_at'])!r}", f"devices={float(len(said['devices']))!r}"]
        return f"{self._head('incident', tags)} {','.join(fields)} {_ns(row.at)}".encode()

    def _device_head(self, device: Device) -> str:
        tags = (
            ("device", device.id),
            ("node", device.node),
            ("phase", device.phases),
            ("profile", device.profile.name),
        )
        return self._head(device.kind, tags)

    def _head(self, measurement: str, tags: Iterable[tuple[str, str]]) -> str:
        pairs = sorted((name, value) for name, value in (*self._gateway, *tags) if value)
        return ",".join([measurement.translate(_MEASUREMENT), *(f"{name}={_tag(value)}" for name, value in pairs)])


def _known(told: Mapping[str, Any], names: Iterable[str]) -> dict[str, float]:
    return {name: told[name] for name in names if told[name] is not None}


def _area_figures(told: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Of a period: indices of supply, those of a phase with its letter behind them, load and voltage."""
    supply, load = told["supply"], told["load"] or {}
    for table in (supply, load):
        yield from ((name, value) for name, value in table.items() if isinstance(value, int | float))
    for phase, one in supply["phases"].items():
        yield from ((f"{name}_{phase.lower()}", value) for name, value in one.items())
    yield "qualification", told["voltage"]["qualification"]
    yield "coverage", told["coverage"]["share"]


def _numbers(values: object) -> Iterable[tuple[str, float | None]]:
    if isinstance(values, dict):
        for name, value in values.items():
            yield name, None if value is None else float(value)


def _tag(value: str) -> str:
    """A backslash at the end of a tag would swallow the comma or the space after it."""
    return value.rstrip("\\").translate(_KEY) or "_"


def _quoted(text: str) -> str:
    return f'"{text.translate(_TEXT)}"'


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _ns(at: float) -> int:
    """Nanoseconds; a float of this century is good to a microsecond."""
    return round(at * 1e6) * 1000
