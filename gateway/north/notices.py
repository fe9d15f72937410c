"""What affected customers should be told: one retained notice each, as long as something of theirs lasts.

That is an incident which takes supply or right voltage from them, and an announced outage from its announcement on.
When it is over the notice says so once, and is taken away. Nothing personal stands in a notice beyond the customer's
number. What another incident explains is told by that one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from gateway.clock import iso
from gateway.north.messages import Message, level
from gateway.slim import slim_json
from rules.incident import is_outage
from rules.topology import Tree

RANK = {"critical": 0, "major": 1, "running": 1, "overrun": 1, "minor": 2, "info": 3, "announced": 4}
"""Severities of incidents and states of plans: of several the gravest is told."""

KINDS: Mapping[str, "Kind"] = {
    "neutral_break": "voltage", "low_voltage": "voltage", "over_voltage": "voltage",
    "arrears_disconnect": "arrears", "relay_open": "fault",
}  # fmt: skip
"""What incidents are to a customer, besides losses of supply; others he does not notice."""
PLANNED = "planned_outage"
CAUSES = {
    "mv_outage": "the medium-voltage feeder has failed",
    "area_outage": "the transformer or its feeder has failed",
    "transformer_outage": "the transformer has failed",
    "feeder_outage": "a feeder of the transformer has failed",
    "branch_outage": "a line has failed",
    "box_outage": "the supply of the meter box has failed",
    "meter_outage": "the connection to the meter has failed",
    "low_voltage": "the voltage is too low",
    "over_voltage": "the voltage is too high",
    "arrears": "disconnected for arrears",
    "relay_open": "the switch in the meter is open",
    "planned": "planned work",
    "orderly": "power is short and is shared",
}
"""What is said where neither the rules nor the announcement give a cause."""

Kind = Literal["fault", "voltage", "arrears", "planned", "orderly"]
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Word:
    """What one incident or plan has to say to its customers."""

    rank: int
    body: Body
    customers: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Work:
    """What a crew says of a planned outage that runs."""

    progress: str | None
    expected_end: float | None


@dataclass(slots=True)
class Notices:
    """Remembers who was told of what, so that the end is told to everybody who heard of the beginning."""

    tree: Tree
    _words: dict[str, _Word] = field(default_factory=dict)  # by incident, or by plan
    _works: dict[str, _Work] = field(default_factory=dict)  # by incident that belongs to a plan
    _plans: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # by word: as the pool has it

    def take(self, said: Mapping[str, Any]) -> Iterator[Message]:
        """A change of an incident: the notices that change with it."""
        name = said["id"]
        if said["type"] == PLANNED:
            yield from self._worked(said)
            return
        lasts = said["state"] == "confirmed" and said["explained_by"] is None
        kind = _kind(said["type"])
        if kind and lasts:
            yield from self._say(name, _Word(RANK[said["severity"]], _of_incident(said, kind), _told(said)))
        elif name in self._words or (kind and _is_over(said)):
            yield from self._end(name, _of_incident(said, kind) if kind and _is_over(said) else None, _told(said))

    def announce(self, key: str, body: bytes) -> Iterator[Message]:
        """A change in the pool of outages, by its topic: announced ones are told, others are incidents anyway."""
        name, entry = key, orjson.loads(body) if body else {"kind": "", "state": "withdrawn"}
        if entry["state"] in RANK and entry["kind"] in ("planned", "orderly"):
            self._plans[name] = entry
            yield from self._say(name, self._of_plan(entry))
        elif name in self._plans:
            was = self._plans.pop(name)
            yield from self._end(name, self._of_plan({**was, **entry, "kind": was["kind"]}).body)

    def standing(self, active: Iterable[Mapping[str, Any]], pool: Mapping[str, bytes]) -> dict[str, bytes]:
        """Start again from what lasts: every notice that stands, by topic. `pool`: what stands there, by topic."""
        self._words.clear()
        self._works.clear()
        self._plans.clear()
        messages = [message for said in active for message in self.take(said)]
        messages += [
            message for key, body in pool.items() if key.startswith("pool/") for message in self.announce(key, body)
        ]
        return {message.topic: message.payload for message in messages if message.payload and message.retain}

    def _worked(self, said: Mapping[str, Any]) -> Iterator[Message]:
        """A planned outage runs: its plan tells of it, with what the crew says."""
        self._works[said["id"]] = _Work(said["progress"], said["expected_end"])
        if said["state"] != "confirmed":
            del self._works[said["id"]]
        for name, entry in self._plans.items():
            if entry["incident"] == said["id"]:
                yield from self._say(name, self._of_plan(entry))

    def _say(self, name: str, word: _Word) -> Iterator[Message]:
        was = self._words.get(name)
        before = was.customers if was else frozenset()
        over = {**word.body, "state": "over", "ended_at": word.body["at"]}
        self._words[name] = word
        for customer in sorted(before - word.customers):
            yield from self._over(customer, over)
        same = was is not None and was.body == word.body  # nobody is told the same twice
        for customer in sorted(word.customers - before if same else word.customers):
            yield self._notice(customer)

    def _end(self, name: str, body: Body | None, customers: Iterable[str] = ()) -> Iterator[Message]:
        """It is over; without a body something else explains it, or it was none."""
        word = self._words.pop(name, None)
        told = set(customers) | (set(word.customers) if word else set())
        for customer in sorted(told if body or word else ()):
            yield from self._over(customer, body)

    def _over(self, customer: str, body: Body | None) -> Iterator[Message]:
        if body:
            yield Message(f"notice/{level(customer)}", slim_json(body))
        yield self._notice(customer)

    def _notice(self, customer: str) -> Message:
        """The gravest of what a customer is to be told, or nothing."""
        words = [(word.rank, name) for name, word in self._words.items() if customer in word.customers]
        body = slim_json(self._words[min(words)[1]].body) if words else b""
        return Message(f"notice/{level(customer)}", body, retain=True)

    def _of_plan(self, entry: Mapping[str, Any]) -> _Word:
        node = entry["node"]
        meters = (
            (node,) if node in self.tree.devices else self.tree.meters_below(node) if node in self.tree.nodes else ()
        )
        customers = self.tree.customers(meters)
        work = self._works.get(entry["incident"] or "", _Work(None, None))
        body = {
            "incident": entry["incident"],
            "outage": entry["id"],
            "type": PLANNED,
            "kind": entry["kind"],
            "state": entry["state"],
            "at": entry["since"],
            "cause": entry["reason"] or CAUSES[entry["kind"]],
            "node": node,
            "phases": "",
            "customers": len(customers),
            "since": entry["start"],
            "progress": work.progress,
            "expected_end": entry["end"] if work.expected_end is None else iso(work.expected_end),
            "ended_at": None if entry["state"] in RANK else entry["since"],
        }
        return _Word(RANK.get(entry["state"], 0), body, frozenset(customers))


def _kind(of: str) -> Kind | None:
    return KINDS.get(of, "fault" if is_outage(of) else None)


def _told(said: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(said["customers"])


def _is_over(said: Mapping[str, Any]) -> bool:
    """Whether something that was told is over; what is set right long after its end is no news to a customer."""
    return said["state"] == "cleared" and said["reason"] != "corrected" and said["explained_by"] is None


def _of_incident(said: Mapping[str, Any], kind: Kind) -> Body:
    return {
        "incident": said["id"],
        "outage": None,
        "type": said["type"],
        "kind": kind,
        "state": "over" if said["state"] == "cleared" else "lasting",
        "at": iso(said["at"]),
        "cause": CAUSES.get(said["cause"]) or said["cause"] or CAUSES.get(said["type"], "a phase is lost"),
        "node": said["node"],
        "phases": said["phases"],
        "customers": len(said["customers"]),
        "since": iso(said["started_at"]),
        "progress": said["progress"],
        "expected_end": None if said["expected_end"] is None else iso(said["expected_end"]),
        "ended_at": None if said["ended_at"] is None else iso(said["ended_at"]),
    }
