"""Which reads would settle a doubt, and soon: of whom nothing was heard since, and of the dead the least certain."""

from collections.abc import Iterable, Iterator, Mapping

from rules.area import Area
from rules.case import Case
from rules.doubt import Doubt
from rules.incident import Wish
from rules.pace import NEVER
from rules.thresholds import Limits
from rules.weighing import Weighing
from rules.witness import Witness

MOST = 3  # reads of a kind that are asked for at once: a dead device keeps its line busy for seconds


class Questions:
    """Asks for reads while something is suspected; not for what the next polls tell within `confirm_s` anyway."""

    def __init__(
        self,
        witnesses: Mapping[str, Witness],
        limits: Limits,
        area: Area,
        weighing: Weighing,
        doubt: Doubt,
        cases: Mapping[str, Case],
    ) -> None:
        self._witnesses = witnesses
        self._certain, self._noisy = limits["comm"]["certainty"], limits["comm"]["noise_share"]
        self._confirm_s = limits["outage"]["confirm_s"]
        self._pause_s = max(3.0, min(area.poll_period_s / 8, self._confirm_s / 3))
        self._weighing = weighing
        self._doubt = doubt
        self._cases = cases
        self.due = NEVER
        """When to look again, though nothing new came until then."""

    def wishes(self, unwell: Iterable[Witness], now: float) -> Iterator[Wish]:
        """Reads of what just fell silent by itself, and of what would confirm, move or refute a suspicion."""
        taken = {device for case in self._cases.values() for device in case.devices}
        lone = [w for w in unwell if w.silent and w.device.id not in taken and self._is_in_doubt(w, now)]
        self.due = min((at for w in lone if (at := w.at + self._pause_s) > now), default=NEVER)
        for witness in sorted((w for w in lone if w.at + self._pause_s <= now), key=lambda w: w.at)[:MOST]:
            yield Wish(witness.device.id, "is it silent, or was one answer lost?")
        for case in self._cases.values():
            if case.stage == "suspected" and now - case.pinged >= self._pause_s:
                case.pinged = now
                yield from self._about(case, now)

    def _is_in_doubt(self, witness: Witness, now: float) -> bool:
        unsure = not witness.excused and witness.wire.rate < self._noisy and witness.weight < self._certain
        return unsure and not self._is_soon(witness, now)

    def _is_soon(self, witness: Witness, now: float) -> bool:
        """Whether its next poll tells soon enough. Of one that was left out nobody knows when it is polled again."""
        left_out = 0 < witness.pause(0.0) < now - witness.at
        return not left_out and witness.at + witness.period <= now + self._confirm_s - self._pause_s

    def _about(self, case: Case, now: float) -> Iterator[Wish]:
        for name in sorted(self._weighing.untold):
            if case.kind != "device" and not self._is_soon(self._witnesses[name], now):
                yield Wish(name, f"did the load of {case.node} vanish?")
        others = [w for w in self._doubt.unheard(case) if not self._is_soon(w, now)]
        for witness in sorted(others, key=lambda w: (w.at, w.device.id))[:MOST]:
            yield Wish(witness.device.id, f"does the fault at {case.node} reach further?")
        dead = [w for d in case.devices if not self._is_soon(w := self._witnesses[d], now) and now - w.at > 2.0]
        for witness in sorted(dead, key=lambda w: (w.weight, w.at))[: self._doubt.lacks(case, now)]:
            yield Wish(witness.device.id, f"is {case.node} without supply?")
