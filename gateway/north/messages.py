"""What is said over MQTT: topics and payloads as functions of rows. Bytes are joined, not decoded and encoded again."""

import gzip
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from gateway.catalog import catalog
from gateway.clock import iso
from gateway.settings.models import Device
from gateway.slim import slim_json
from gateway.store import Row

LASTING = ("suspected", "confirmed")
"""States of an incident in which its alarm stands."""


STANDING = ("pool/", "audit")
"""What topics of other rows begin with whose last message stays."""

NO_TOPIC = re.compile(
    "[/+#\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
"""What separates levels or matches many, and what a broker closes the connection for (MQTT 3.1.1, 1.5.3)."""


def unpacked(payload: bytes) -> bytes:
    """A payload as JSON, whether the gateway packs or not. Raises OSError for what is cut short."""
    return gzip.decompress(payload) if payload[:2] == b"\x1f\x8b" else payload


@dataclass(frozen=True, slots=True)
class Message:
    """One publication; made with a topic below the gateway's own."""

    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 1
    correlation: bytes | None = None  # MQTT 5: by which whoever asked knows the answer

    def below(self, root: str) -> "Message":
        """With its whole topic."""
        return Message(root + self.topic, self.payload, self.retain, self.qos, self.correlation)


@dataclass(frozen=True, slots=True)
class Parcel:
    """Rows that travel together: done when the broker has every message of them."""

    ids: tuple[int, ...]
    messages: tuple[Message, ...]


def level(text: str) -> str:
    """An id as one level of a topic: what means something to a broker, or is no character to it, is replaced."""
    return NO_TOPIC.sub("_", text)


def chunks(rows: Sequence[Row], limit: int) -> Iterator[Sequence[Row]]:
    """Rows in order, cut so that no part has more than `limit` bytes or than one row."""
    start = size = 0
    for index, row in enumerate(rows):
        if index > start and size + len(row.body) > limit:
            yield rows[start:index]
            start, size = index, 0
        size += len(row.body)
    if rows:
        yield rows[start:]


def observations(
    kind: str, rows: Sequence[Row], store: str, gateway: str, packed: bool = False, limit: int = 64_000
) -> Parcel:
    """Rows as messages on `data/{line}` or `hist/{line}`, of at most `limit` bytes of rows each; `packed`: gzipped."""
    lines: dict[str, list[Row]] = {}
    for row in rows:
        lines.setdefault(row.key, []).append(row)
    messages = tuple(
        _on_line(kind, line, part, store, gateway) for line, group in lines.items() for part in chunks(group, limit)
    )
    if packed:
        messages = tuple(Message(one.topic, gzip.compress(one.payload, 1, mtime=0)) for one in messages)
    return Parcel(tuple(row.id for row in rows), messages)


def _on_line(kind: str, line: str, rows: Sequence[Row], store: str, gateway: str) -> Message:
    head = orjson.dumps({"gateway": gateway, "line": line, "store": store, "seq": [row.id for row in rows]})
    payload = head[:-1] + b',"observations":[' + b",".join(row.body for row in rows) + b"]}"
    return Message(f"{kind}/{level(line)}", payload)


class CustomersNotices(Protocol):
    """Who has to be told of a change, and what."""

    def take(self, said: Mapping[str, Any]) -> Iterable[Message]:
        """The notices that change with an incident."""

    def announce(self, key: str, body: bytes, /) -> Iterable[Message]:
        """The notices that change with an entry of the pool of outages, by its topic."""


def event(row: Row, store: str, source: str, notices: CustomersNotices) -> Parcel:
    """A change of an incident: a CloudEvents 1.0 envelope, and alarm and notices that stand or fall with it.

    A row of another kind, such as a day's statistics, is published as it is; the pool's entries stand, and the last
    record of the audit log.
    """
    if not row.key.startswith("event/"):
        told = notices.announce(row.key, row.body) if row.key.startswith("pool/") else ()
        return Parcel((row.id,), (Message(row.key, row.body, retain=row.key.startswith(STANDING)), *told))
    said = orjson.loads(row.body)
    head = orjson.dumps(
        {
            "specversion": "1.0",
            "id": f"{store}-{row.id}",
            "source": source,
            "type": f"taiqu.incident.{said['reason']}",
            "subject": said["id"],
            "time": iso(row.at),
            "datacontenttype": "application/json",
            "sequence": f"{row.id:012d}",
        }
    )
    envelope = Message(row.key, head[:-1] + b',"data":' + row.body + b"}")
    standing = alarm(said["id"], row.body if said["state"] in LASTING else b"")
    return Parcel((row.id,), (envelope, standing, *notices.take(said)))


def alarm(incident: str, body: bytes) -> Message:
    """A standing alarm; b'' takes it away."""
    return Message(f"alarm/{level(incident)}", body, retain=True)


def meta(devices: Iterable[Device]) -> Iterator[Message]:
    """What every device is, retained, for whoever reads its data."""
    for device in devices:
        table = {
            "device": device.id,
            "profile": device.profile.name,
            "title": device.profile.title,
            "kind": device.kind,
            "node": device.node,
            "phases": device.phases,
            "customer": device.customer,
            "line": device.line,
            "period_s": device.period_s,
            "points": _units(device),
        }
        yield Message(f"meta/{level(device.id)}", slim_json(table), retain=True)


def _units(device: Device) -> Mapping[str, str]:
    entries = catalog()
    names = device.polled
    return {name: entries[name].unit for name in names if name in entries}
