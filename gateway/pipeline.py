"""The way of a reading: poll -> observation -> rules -> store, in one transaction, on the event loop."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.backfill.history import History
from gateway.backfill.steps import Past
from gateway.clock import Clock
from gateway.settings.models import Device, Site
from gateway.silence import Silences
from gateway.slim import slim_json
from gateway.south.poll import Lane, Poll
from gateway.stamp import Stamp
from gateway.store import Draft, Stream
from rules.area import PlannedOutage
from rules.correction import PowerDown
from rules.incident import Incident, Outcome, Wish
from rules.observation import Observation
from rules.topology import Tree

log = logging.getLogger(__name__)


class Rules(Protocol):
    """The part of `rules.engine.Engine` that the way of a reading needs."""

    def take(self, observation: Observation) -> Outcome:
        """One more observation."""

    def tick(self, at: float) -> Outcome:
        """Time passed."""

    def active(self) -> Sequence[Incident]:
        """Incidents that last."""

    def correct(self, downs: Iterable[PowerDown]) -> None:
        """Meters' own records of their supply."""

    def plan_for(self, nodes: Iterable[str], since: float) -> PlannedOutage | None:
        """The announced outage that an outage of one of these nodes belongs to."""

    def changes(self) -> Mapping[str, object | None]:
        """State that changed since the last call; None: forget it."""


class Keeper(Protocol):
    """The part of the store that the way of a reading needs."""

    def put(self, drafts: Iterable[Draft], state: Callable[[], Mapping[str, object | None]]) -> None:
        """To disk, together with the state as it is then."""


@dataclass(slots=True)
class Pipeline:
    """What happens to every poll, top to bottom."""

    site: Site
    rules: Rules
    store: Keeper
    clock: Clock
    verify: Callable[[Wish], None]  # asks the device's line for a read that would settle a doubt
    stamp: Stamp
    history: History
    silences: Silences
    observations: int = 0

    @classmethod
    def of(
        cls,
        site: Site,
        rules: Rules,
        store: Keeper,
        clock: Clock,
        verify: Callable[[Wish], None],
        saved: Mapping[str, object] | None = None,
    ) -> "Pipeline":
        """The pipeline of a site, with the state that it had."""
        history, silences = History(site, clock, saved, rules.plan_for), Silences(Tree(site.area), saved)
        return cls(site, rules, store, clock, verify, Stamp(site, clock), history, silences)

    def take(self, *polls: Poll) -> None:
        """Polls in order, good or failed. A service's conversation belongs to who asked for it; the past: `recall`."""
        self.observe(*[self.stamp(poll) for poll in polls if Lane.VERIFY <= poll.lane <= Lane.PERIODIC])

    def observe(self, *observations: Observation) -> None:
        """Observations of the present, in order. Those that nobody has anything to say about are kept together."""
        rows: list[Draft] = []
        for seen in observations:
            self.observations += 1
            self.history.take(seen)
            outcome = self.rules.take(seen)
            rows.append(observed(seen))
            if outcome.incidents or outcome.wishes:
                self._keep(rows, outcome)
                rows = []
        if rows:
            self._keep(rows, Outcome())

    def recall(self, device: Device, past: Sequence[Past], downs: Sequence[PowerDown]) -> None:
        """What a device remembered: kept, but judged by nobody, its time is over. Its power-downs set times right."""
        polls = (Poll(device.id, device.line, one.at, 0.0, Lane.BACKFILL, one.readings) for one in past)
        seen = [self.stamp(poll)._replace(notice=one.notice) for poll, one in zip(polls, past, strict=True)]
        for one in seen:
            self.history.take(one)
        self.rules.correct(downs)
        self._keep([observed(one) for one in seen], Outcome(tuple(self.history.correct(downs))))

    def tell(self, draft: Draft) -> None:
        """Something for the operators that is no incident."""
        self._keep([draft], Outcome())

    def tick(self) -> None:
        """A second passed."""
        now = self.clock.wall()
        self._keep([], self.rules.tick(now))
        for incident in self.silences.tick(now, self.rules.active):
            self.tell(told(incident))

    def active(self) -> Sequence[Incident]:
        """Incidents that last and that somebody has heard of."""
        return self.silences.known(self.rules.active())

    def changes(self) -> Mapping[str, object | None]:
        """State that changed since the last call."""
        return {**self.rules.changes(), **self.history.changes(), **self.silences.changes()}

    def _keep(self, rows: list[Draft], outcome: Outcome) -> None:
        incidents = self.silences.told([*outcome.incidents, *self.history.hear(outcome.incidents)])
        drafts = rows + [told(incident) for incident in incidents]
        if drafts:
            self.store.put(drafts, self.changes)
        elif changes := self.changes():
            self.store.put((), lambda: changes)
        for incident in incidents:
            _write_down(incident)
        for wish in outcome.wishes:
            self.verify(wish)


def _write_down(incident: Incident) -> None:
    """Two lines in the journal for each incident that matters, for whoever stands in front of the box."""
    if incident.reason in ("confirmed", "cleared") and incident.severity != "info":
        where = f"{incident.node} {incident.phases}".strip()
        says = f": {incident.evidence[0]}" if incident.evidence and incident.reason == "confirmed" else ""
        log.info("%s: %s %s at %s%s", incident.state, incident.severity, incident.type, where, says)


def observed(seen: Observation) -> Draft:
    """An observation as a row: the columns of a recording, without the line, which is the row's key."""
    # ms and tenths of a ms: to the nearest; a quarter of the price of `round`
    at, took_ms = int(seen.at * 1000 + 0.5) / 1000, int(seen.took_ms * 10 + 0.5) / 10
    row: dict[str, object] = {"at": at, "device": seen.device, "took_ms": took_ms}
    if seen.fault:
        row["fault"] = seen.fault
    if seen.notice:
        row["notice"] = seen.notice
    if seen.values:
        row["values"] = seen.values
    if seen.source != "poll":
        row["source"] = seen.source
    stream = Stream.BACKFILL if seen.source == "backfill" else Stream.LIVE
    return Draft(stream, seen.at, seen.bus or "", slim_json(row))


def told(incident: Incident) -> Draft:
    """A change of an incident as a row; its key is the end of its topic."""
    return Draft(Stream.EVENT, incident.at, f"event/{incident.severity}", slim_json(incident))
