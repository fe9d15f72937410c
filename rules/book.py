"""The life of incidents: what is said about a cause, when it is said again, and why."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rules.incident import Incident, Reason, Severity, State, incident_of
from rules.kinds import KINDS
from rules.pace import NEVER
from rules.topology import Tree

ENDED: tuple[State, ...] = ("cleared", "cancelled")

GRAVE: tuple[Severity, ...] = ("critical", "major", "minor", "info")
BY_HAND = ("acknowledged_by", "shelved_by", "shelved_until", "progress", "expected_end")
"""Fields of an incident that operators set and no rule touches."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a rule holds true of one cause right now."""

    type: str
    node: str
    state: State
    severity: Severity
    started_at: float
    started_after: float
    phases: str = ""
    devices: tuple[str, ...] = ()
    equivalents: tuple[str, ...] = ()
    ended_at: float | None = None
    cause: str = ""
    confidence: float = 1.0
    evidence: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    explained_by: str | None = None


class Book:
    """Every incident that lasts, by the key under which its rule knows it."""

    def __init__(self, tree: Tree, remind_s: float) -> None:
        self._tree = tree
        self._remind_s = remind_s
        self._open: dict[str, Incident] = {}
        self._count = 0
        self._changed: set[str] = set()
        self._abandoned: dict[str, Incident] = {}  # by key; their end is not told yet

    def say(self, key: str, claim: Claim, at: float) -> Incident | None:
        """Enter a claim; the incident to be told when something about it is new, else None."""
        was = self._open.get(key)
        if was is None and claim.state in ENDED:
            return None
        reason = _reason(was, claim)
        if reason is None and was is not None and at >= self._due(was):
            reason = "reminder"
        shelved = was is not None and was.shelved_until is not None
        if was is not None and shelved and (at >= (was.shelved_until or at) or _graver(claim, was)):
            was, shelved = replace(was, shelved_by="", shelved_until=None), False
            reason = reason or "unshelved"
        if reason is None:
            return None
        incident = self._entered(was, claim, reason, at)
        self._changed.add(key)
        if claim.state in ENDED:
            del self._open[key]
            return incident
        self._open[key] = incident
        return None if shelved else incident

    def _entered(self, was: Incident | None, claim: Claim, reason: Reason, at: float) -> Incident:
        """A claim as it is told: with the id and the operators' marks of what it goes on with."""
        if was is None:
            self._count += 1
        return Incident(
            id=was.id if was else f"{self._tree.area.id}-{int(claim.started_at)}-{self._count}",
            type=claim.type,
            state=claim.state,
            reason=reason,
            severity=claim.severity,
            at=at,
            node=claim.node,
            started_at=claim.started_at,
            started_after=claim.started_after,
            ended_at=claim.ended_at,
            phases=claim.phases,
            devices=claim.devices,
            customers=self._tree.customers(claim.devices),
            equivalents=claim.equivalents,
            cause=claim.cause,
            confidence=round(claim.confidence, 3),
            evidence=claim.evidence,
            figures=claim.figures,
            explained_by=claim.explained_by,
            code=KINDS[claim.type].code,
            **({name: getattr(was, name) for name in BY_HAND} if was else {}),
        )

    def tell(self, key: str, claim: Claim | None, at: float, ended_at: float | None = None) -> list[Incident]:
        """Enter what a rule holds true, or that it is over (None; `ended_at`, or now): what is to be told."""
        told = self.end(key, at, at if ended_at is None else ended_at) if claim is None else self.say(key, claim, at)
        return [told] if told else []

    def tell_all(self, rule: str, claims: Iterable[tuple[str, Claim | None]], at: float) -> list[Incident]:
        """The same for all that one rule says now."""
        return [told for key, claim in claims for told in self.tell(f"{rule}/{key}", claim, at)]

    def reminders(self, at: float) -> list[Incident]:
        """What is serious, lasts, and was not spoken of for long, by its rule either: nobody has taken care of it."""
        due = [one.id for one in self._open.values() if at >= self._due(one)]
        return [told for incident in due for told in self.mark(incident, "reminder", at, {})]

    def _due(self, one: Incident) -> float:
        """When somebody must be reminded of it."""
        serious = one.severity in ("critical", "major") and one.state == "confirmed"
        quiet = one.acknowledged_by or one.shelved_until is not None or one.explained_by is not None
        return one.at + self._remind_s if serious and not quiet else NEVER

    def end(self, key: str, at: float, ended_at: float, evidence: str = "") -> Incident | None:
        """Close what lasts under a key: cleared when it was confirmed, cancelled when it was only suspected."""
        was = self._open.pop(key, None)
        if was is None:
            return None
        self._changed.add(key)
        return _ended(was, at, ended_at, evidence)

    def mark(self, incident: str, reason: Reason, at: float, marks: Mapping[str, Any]) -> tuple[Incident, ...]:
        """Set fields of `BY_HAND` in what lasts under an id; empty when nothing does."""
        for key, was in self._open.items():
            if was.id == incident:
                self._changed.add(key)
                self._open[key] = replace(was, reason=reason, at=at, **marks)
                return (self._open[key],)
        return ()

    def unshelved(self, at: float) -> list[Incident]:
        """What was shelved until now or earlier, to be told again."""
        due = [one.id for one in self._open.values() if one.shelved_until is not None and one.shelved_until <= at]
        marks = {"shelved_by": "", "shelved_until": None}
        return [told for incident in due for told in self.mark(incident, "unshelved", at, marks)]

    def deadline(self) -> float:
        """When the next shelf is over, or somebody must be reminded."""
        return min((min(one.shelved_until or NEVER, self._due(one)) for one in self._open.values()), default=NEVER)

    def get(self, key: str) -> Incident | None:
        """What lasts under a key."""
        return self._open.get(key)

    def goes_on(self, kind: str, key: str) -> Incident | None:
        """What lasts of a kind under another key goes on under this one, with its id: its cause is seen better now."""
        before = next((own for own, one in self._open.items() if one.type == kind and own != key), None)
        if before is None or key in self._open:
            return None
        self._open[key] = self._open.pop(before)
        self._changed |= {before, key}
        return self._open[key]

    def active(self) -> tuple[Incident, ...]:
        """All that lasts, oldest first."""
        return tuple(sorted(self._open.values(), key=lambda incident: (incident.started_at, incident.id)))

    def items(self) -> tuple[tuple[str, Incident], ...]:
        """All that lasts, by key."""
        return tuple(self._open.items())

    def abandon(self, key: str) -> None:
        """What lasts under a key does not, as nobody can tell any more. It stays saved until its last word."""
        self._abandoned[key] = self._open.pop(key)

    def last_words(self, at: float, why: str) -> list[Incident]:
        """The end of what was abandoned."""
        abandoned, self._abandoned = self._abandoned, {}
        self._changed |= abandoned.keys()
        return [_ended(was, at, at, why) for was in abandoned.values()]

    def changes(self) -> dict[str, object | None]:
        """State items that changed since the last call."""
        if not self._changed:
            return {}
        items: dict[str, object | None] = {
            f"incident/{key}": asdict(self._open[key]) if key in self._open else None for key in sorted(self._changed)
        }
        items["incidents"] = self._count
        self._changed.clear()
        return items

    def load(self, saved: Mapping[str, object]) -> None:
        """Take up saved items."""
        count = saved.get("incidents", 0)
        self._count = count if isinstance(count, int) else 0
        for name, kept in saved.items():
            if name.startswith("incident/") and isinstance(kept, dict):
                self._open[name.removeprefix("incident/")] = incident_of(kept)


def _ended(was: Incident, at: float, ended_at: float, evidence: str) -> Incident:
    state: State = "cancelled" if was.state == "suspected" else "cleared"
    reason: Reason = "cancelled" if was.state == "suspected" else "cleared"
    said = (*was.evidence, evidence) if evidence else was.evidence
    return replace(was, state=state, reason=reason, at=at, ended_at=ended_at, evidence=said)


def _graver(claim: Claim, was: Incident) -> bool:
    return GRAVE.index(claim.severity) < GRAVE.index(was.severity)


def _reason(was: Incident | None, claim: Claim) -> Reason | None:
    """Why to speak now; None: nothing worth a message."""
    if was is None:
        return "first"
    if claim.state != was.state:
        return _BY_STATE[claim.state]
    if (claim.node, claim.type) != (was.node, was.type):
        return "moved"
    before, now = {*was.devices, *was.phases}, {*claim.devices, *claim.phases}
    if now - before:
        return "grew"
    if before - now:
        return "shrank"
    if claim.explained_by != was.explained_by:
        return "explained" if claim.explained_by else "reminder"
    if claim.severity != was.severity:
        return "worsened" if _graver(claim, was) else "eased"
    return None


_BY_STATE: Mapping[State, Reason] = {
    "suspected": "reminder",
    "confirmed": "confirmed",
    "cleared": "cleared",
    "cancelled": "cancelled",
    "explained": "explained",
}
