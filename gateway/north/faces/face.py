"""What a face is, and what it is told: observations and incidents as records, messages out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from gateway.catalog import Entry, catalog
from gateway.north.messages import Message
from gateway.settings.models import Device
from gateway.store import Row

SILENT_POLLS = 3
"""So many polls without an answer, one after the other, and a face takes the device for gone."""

Told = Mapping[str, Any]
"""An incident as the event topics carry it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One observation."""

    device: str
    at: float  # epoch seconds
    values: Mapping[str, float | None]  # by point; None: the device answered, and holds no value
    fault: str = ""  # why there are none


class Face(Protocol):
    """One foreign way to say it. Topics are whole; order counts."""

    def will(self) -> Message | None:
        """What the broker is to say when the connection is lost; asked once for each, before anything else."""

    def listens(self) -> Sequence[str]:
        """Topic filters of what the face wants to hear."""

    def births(self, standing: Sequence[Told]) -> Iterable[Message]:
        """What is said first on a connection: what there is, and the incidents that last."""

    def observed(self, seen: Sequence[Seen], history: bool) -> Iterable[Message]:
        """Observations, oldest first; `history`: not what is so now."""

    def told(self, incident: Told, standing: Sequence[Told]) -> Iterable[Message]:
        """A change of an incident, and the incidents that last after it."""

    def heard(self, topic: str, payload: bytes, retained: bool) -> Iterable[Message]:
        """Something came on a topic that the face listens to. What cannot be read is nobody's."""


def seen(rows: Iterable[Row]) -> list[Seen]:
    """Rows of observations as records."""
    return [_seen(orjson.loads(row.body)) for row in rows]


def _seen(said: Mapping[str, Any]) -> Seen:
    return Seen(said["device"], said["at"], said.get("values", {}), said.get("fault", ""))


def points(device: Device) -> dict[str, Entry]:
    """The points of a device that come as numbers; what its clock says comes as its offset."""
    return {name: entry for name, entry in _entries(device) if entry.role != "text"}


def _entries(device: Device) -> Iterator[tuple[str, Entry]]:
    entries = catalog()
    for name in device.polled:
        spoken = "clock_offset" if name == "clock" else name
        if spoken in entries:
            yield spoken, entries[spoken]


def millis(at: float) -> int:
    """Epoch milliseconds."""
    return round(at * 1000)
