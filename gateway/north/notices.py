"""What affected customers should be told: one retained notice each, as long as an incident of theirs is confirmed.

Nothing personal stands in a notice beyond the customer's number. What another incident explains is told by that one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.clock import iso
from gateway.north.messages import Message, level
from gateway.slim import slim_json

RANK = {"critical": 0, "major": 1, "minor": 2}
"""Severities that customers hear of, the gravest first."""


@dataclass(frozen=True, slots=True)
class _Word:
    """What one incident has to say to its customers."""

    rank: int
    body: bytes


class Notices:
    """Remembers who was told of what, so that the end is told to everybody who heard of the beginning."""

    def __init__(self) -> None:
        self._words: dict[str, _Word] = {}  # by incident
        self._customers: dict[str, set[str]] = {}  # incidents by customer

    def take(self, said: Mapping[str, Any]) -> Iterator[Message]:
        """A change of an incident: the notices that change with it."""
        incident = said["id"]
        told = {customer for customer, incidents in self._customers.items() if incident in incidents}
        tells = said["state"] == "confirmed" and said["severity"] in RANK
        affected = set(said["customers"]) if tells else set()
        if tells:
            self._words[incident] = _Word(RANK[said["severity"]], _body(said))
        else:
            self._words.pop(incident, None)
        for customer in sorted(told | affected):
            incidents = self._customers.setdefault(customer, set())
            (incidents.add if customer in affected else incidents.discard)(incident)
            yield self._notice(customer)

    def standing(self, active: Iterable[Mapping[str, Any]]) -> dict[str, bytes]:
        """Start again from the incidents that last: every notice that stands, by topic."""
        self._words.clear()
        self._customers.clear()
        messages = [message for said in active for message in self.take(said)]
        return {message.topic: message.payload for message in messages if message.payload}

    def _notice(self, customer: str) -> Message:
        incidents = self._customers[customer]
        if not incidents:
            del self._customers[customer]
            return Message(f"notice/{level(customer)}", b"", retain=True)
        gravest = min(sorted(incidents), key=lambda incident: self._words[incident].rank)
        return Message(f"notice/{level(customer)}", self._words[gravest].body, retain=True)


def _body(said: Mapping[str, Any]) -> bytes:
    return slim_json(
        {
            "incident": said["id"],
            "type": said["type"],
            "planned": said["type"] == "planned_outage",
            "cause": said["cause"],
            "node": said["node"],
            "phases": said["phases"],
            "since": iso(said["started_at"]),
            "progress": said["progress"],
            "expected_end": None if said["expected_end"] is None else iso(said["expected_end"]),
        }
    )
