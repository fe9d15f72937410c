"""Cases of lost supply and lost contact as incidents: which hides behind which, how long each lasted."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from rules.book import Book, Claim
from rules.case import Case
from rules.incident import Incident, is_outage
from rules.pool import Pool
from rules.statistics import Statistics
from rules.supply import Supply
from rules.thresholds import Limits
from rules.topology import Tree
from rules.witness import Witness
from rules.words import case_claim, misplaced_claim, momentary_claim


class CaseTeller:
    """Enters the cases into the book of incidents and into the statistics."""

    def __init__(
        self,
        tree: Tree,
        witnesses: Mapping[str, Witness],
        limits: Limits,
        supply: Supply,
        pool: Pool,
        book: Book,
        statistics: Statistics,
    ) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._limits = limits["outage"]
        self._supply = supply
        self._pool = pool
        self._book = book
        self._statistics = statistics

    def say(self, now: float) -> list[Incident]:
        """What is new of every case after a step of the supply rule."""
        said: list[Incident] = []
        for case in self._supply.ended:
            said += self._ended(case, now)
            self._statistics.ended(case.key, case.back_at)
        for case in self._interruptions():
            claim = momentary_claim(case, self._tree, now)
            said += self._book.tell(f"momentary/{case.key}", claim, now)
            said += self._book.tell(f"momentary/{case.key}", None, now)
            self._count(case, claim)
            self._statistics.ended(case.key, case.back_at)
        for case in self._supply.cases.values():
            if not case.back_at:
                claim = case_claim(case, self._witnesses, self._tree, self._pool, now)
                hidden = self._explained_by(case)
                said += self._book.tell(case.key, replace(claim, explained_by=hidden), now)
                if case.of_node and case.whole and claim.state == "confirmed":
                    self._pool.hide(case.node, case.since, now)
                if claim.state == "confirmed" and is_outage(claim.type) and hidden is None:
                    self._count(case, claim)
        self._statistics.lasting(self._supply.cases.keys(), now)
        said += self._misplaced(now)
        return said

    def _interruptions(self) -> Iterator[Case]:
        """Supply that was back before anything was sure. What may have been lost at one moment, and is back at one, is
        one interruption: polls find only some of those whom it takes, and they seem scattered."""
        back = [case for case in self._supply.ended if case.stage == "suspected" and self._came_back(case)]
        back.sort(key=lambda case: case.since)
        while back:
            first = back[0]
            together = [case for case in back if case is first or case.after <= first.since]
            back = [case for case in back if case not in together]
            if len(together) == 1:
                yield first
                continue
            devices = list(dict.fromkeys(device for case in together for device in case.devices))
            yield replace(first, kind="supply", node=self._tree.common(devices), devices=devices)

    def _misplaced(self, now: float) -> list[Incident]:
        said: list[Incident] = []
        for device, (_, where) in sorted(self._supply.misplaced.found.items()):
            if self._book.get(f"phase/{device}") is None:
                said += self._book.tell(f"phase/{device}", misplaced_claim(device, where, now), now)
        for device in sorted(self._supply.misplaced.refuted):
            said += self._book.tell(f"phase/{device}", None, now)
        self._supply.misplaced.refuted.clear()
        return said

    def _count(self, case: Case, claim: Claim) -> None:
        planned = claim.type == "planned_outage"
        self._statistics.began(case.key, case.since, case.after, claim.devices, phases=claim.phases, planned=planned)

    def _explained_by(self, case: Case) -> str | None:
        """The incident that a confirmed case further up the tree is, when one is: this one hides behind it."""
        for other in self._supply.cases.values():
            if other is case or other.stage != "confirmed" or other.kind != "supply" or other.alone:
                continue
            inside = all(self._tree.covers(other.node, device) for device in case.devices)
            larger = len(other.devices) > len(case.devices)
            if inside and larger and (incident := self._book.get(other.key)):
                return incident.id
        return None

    def _came_back(self, case: Case) -> bool:
        """Whether a suspicion ended because its devices answer again, not because something else explains them."""
        enough = len(case.devices) >= self._limits["momentary_meters"]
        return enough and not any(self._witnesses[device].is_silent for device in case.devices)

    def _lasted(self, case: Case) -> str:
        if case.kind != "supply":
            return ""
        seconds = case.back_at - case.since
        kind = "momentary" if seconds < self._limits["sustained_s"] else "sustained"
        return f"lasted {seconds:.0f} s as far as readings tell: {kind}"

    def _ended(self, case: Case, now: float) -> list[Incident]:
        told = self._book.end(case.key, now, case.back_at, self._lasted(case))
        return [told] if told else []
