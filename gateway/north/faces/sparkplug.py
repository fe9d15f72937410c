"""Sparkplug B: the gateway is an edge node, its meters are devices of it.

Births name every metric and give it an alias; data carries aliases. What comes late has `is_historical`, so that no
host takes it for what is so now. A device that stays silent dies and is born again. Sparkplug knows no alarms: the
incidents are two metrics of the node. Births and data go out with QoS 0 and are never retained, as its specification
demands; that each arrived follows from the acknowledgement of the gateway's own message that is sent behind it.
Births on request are all that a host can command; operators have the gateway's own topics. A primary host's STATE is
not waited for: the store keeps what the broker has not got, whoever listens to it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum

import orjson

from gateway.north.faces.face import SILENT_POLLS, Seen, Told, millis, points
from gateway.north.faces.protobuf import block, double, fields, whole
from gateway.north.messages import Message, level
from gateway.settings.models import Device, Site

REBIRTH = "Node Control/Rebirth"
SESSIONS = 256
"""Session and sequence numbers go from 0 to 255 and then again from 0."""

Value = float | int | bool | str | None


class Kind(IntEnum):
    """Data types of metrics."""

    INT64 = 4
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12


class Sparkplug:
    """The face towards a Sparkplug host."""

    def __init__(self, site: Site, group: str, wall: Callable[[], float], last_session: int = 0) -> None:
        """`wall`: epoch seconds; `last_session`: the number of the session before the first one of this run."""
        self._wall, self._session, self._seq = wall, last_session % SESSIONS, 0
        self._topic = f"spBv1.0/{level(group)}/{{}}/{level(site.id)}"
        self._site = site
        self._born = False
        self._standing: Sequence[Told] = ()
        self._last: str | None = None  # incident
        aliases = iter(range(3, 1 << 62))  # 1 and 2 are the incidents
        self._aliases = {one.id: dict(zip(points(one), aliases, strict=False)) for one in site.devices}
        self._devices = {one.id: one for one in site.devices}
        self._latest: dict[str, dict[str, tuple[float, float | None]]] = {one.id: {} for one in site.devices}
        self._failures: Counter[str] = Counter()
        self._dead: set[str] = set()

    def will(self) -> Message:
        """NDEATH, with the number of the session that begins."""
        self._session = (self._session + 1) % SESSIONS
        self._born = False
        at = millis(self._wall())
        body = whole(1, at) + block(2, self._number_of_session(at))
        return Message(self._topic.format("NDEATH"), body)

    def listens(self) -> Sequence[str]:
        """Commands to the node."""
        return (self._topic.format("NCMD"),)

    def births(self, standing: Sequence[Told]) -> Iterator[Message]:
        """NBIRTH, and a DBIRTH of every device with the newest values that are known."""
        at = millis(self._wall())
        self._born, self._seq, self._standing = True, -1, standing
        self._dead.clear()
        self._failures.clear()
        yield self._message(
            "NBIRTH",
            self._number_of_session(at),
            metric(Kind.BOOLEAN, False, at, name=REBIRTH),
            metric(Kind.INT64, len(standing), at, name="Incidents/Standing", alias=1),
            metric(Kind.STRING, self._last, at, name="Incidents/Last", alias=2),
        )
        for device in self._site.devices:
            yield self._birth(device)

    def observed(self, seen: Sequence[Seen], history: bool) -> Iterator[Message]:
        """DDATA, one a device; DDEATH and DBIRTH where a device falls silent or speaks again."""
        groups: dict[str, list[Seen]] = {}
        for one in seen:
            groups.setdefault(one.device, []).append(one)
        for name, group in groups.items():
            if name in self._devices:
                yield from self._past(name, group) if history else self._present(name, group)

    def told(self, incident: Told, standing: Sequence[Told]) -> Iterator[Message]:
        """NDATA with the incident as the event topics carry it."""
        at = millis(incident["at"])
        self._standing, self._last = standing, orjson.dumps(incident).decode()
        count = metric(Kind.INT64, len(standing), at, alias=1)
        yield self._message("NDATA", count, metric(Kind.STRING, self._last, at, alias=2))

    def heard(self, topic: str, payload: bytes, retained: bool) -> Iterator[Message]:
        """A host that asks for births gets them."""
        del topic
        if self._born and not retained and _asks_for_births(payload):
            yield from self.births(self._standing)

    def _present(self, name: str, group: Sequence[Seen]) -> Iterator[Message]:
        news: list[Seen] = []
        for one in group:
            self._failures[name] = self._failures[name] + 1 if one.fault else 0
            if not one.fault:
                self._latest[name].update({point: (one.at, value) for point, value in one.values.items()})
                if name in self._dead:
                    self._dead.discard(name)
                    yield self._birth(self._devices[name])
                else:
                    news.append(one)
            elif self._failures[name] == SILENT_POLLS:
                yield from self._data(name, news)
                news = []
                self._dead.add(name)
                yield self._message("DDEATH", device=name)
        yield from self._data(name, news)

    def _past(self, name: str, group: Sequence[Seen]) -> Iterator[Message]:
        """Nothing may be said of a device that is dead: it lives for as long as its past is told."""
        dead = name in self._dead
        if dead:
            yield self._birth(self._devices[name])
        yield from self._data(name, group, history=True)
        if dead:
            yield self._message("DDEATH", device=name)

    def _data(self, name: str, group: Sequence[Seen], history: bool = False) -> Iterator[Message]:
        aliases = self._aliases[name]
        metrics = [
            metric(Kind.DOUBLE, value, millis(one.at), alias=aliases[point], history=history)
            for one in group
            for point, value in one.values.items()
            if point in aliases
        ]
        if metrics:
            yield self._message("DDATA", *metrics, device=name)

    def _birth(self, device: Device) -> Message:
        now, latest = self._wall(), self._latest[device.id]
        metrics = []
        for point, entry in points(device).items():
            since, value = latest.get(point, (now, None))
            alias = self._aliases[device.id][point]
            metrics.append(metric(Kind.DOUBLE, value, millis(since), name=point, alias=alias, unit=entry.unit))
        return self._message("DBIRTH", *metrics, device=device.id)

    def _number_of_session(self, at: int) -> bytes:
        return metric(Kind.INT64, self._session, at, name="bdSeq")

    def _message(self, verb: str, *metrics: bytes, device: str = "") -> Message:
        self._seq = (self._seq + 1) % SESSIONS
        topic = self._topic.format(verb) + (f"/{level(device)}" if device else "")
        body = whole(1, millis(self._wall())) + b"".join(block(2, one) for one in metrics) + whole(3, self._seq)
        return Message(topic, body, qos=0)


def metric(
    kind: Kind, value: Value, at: int, name: str = "", alias: int = 0, unit: str = "", history: bool = False
) -> bytes:
    """One metric of a payload; `at` in epoch milliseconds; None has no value."""
    found = block(1, name) if name else b""
    if alias:
        found += whole(2, alias)
    found += whole(3, at) + whole(4, kind)
    if history:
        found += whole(5, True)
    if value is None:
        found += whole(7, True)
    if unit:
        found += block(9, block(1, "engUnit") + block(2, whole(1, Kind.STRING) + block(8, unit)))
    return found if value is None else found + _value(kind, value)


def _value(kind: Kind, value: Value) -> bytes:
    match kind:
        case Kind.INT64:
            return whole(11, int(value or 0))
        case Kind.DOUBLE:
            return double(13, float(value or 0))
        case Kind.BOOLEAN:
            return whole(14, bool(value))
        case Kind.STRING:
            return block(15, str(value))


def _asks_for_births(payload: bytes) -> bool:
    try:
        found = [dict(fields(content)) for number, content in fields(payload) if number == 2 and content]
    except ValueError:
        return False
    return any(one.get(1) == REBIRTH.encode() and one.get(14) == 1 for one in found)
