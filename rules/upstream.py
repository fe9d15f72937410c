"""Faults that leave voltage, but a wrong one: a lost MV phase, a broken neutral. Other rules skip what they explain."""

from collections.abc import Callable, Collection, Mapping

from rules.area import Area
from rules.book import Book
from rules.incident import Incident
from rules.neutral import Neutral
from rules.phases import MvPhase
from rules.thresholds import Limits
from rules.topology import Tree
from rules.witness import Witness
from rules.words import break_claim, half_claim


class Upstream:
    """Tells of both, and keeps the devices whose voltage or silence they explain from the other rules."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area, book: Book) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._book = book
        self._mask_polls, self._poll = limits["outage"]["restore_polls"], area.poll_period_s
        self._three_phase = {device.id for device in area.devices if len(device.phases) == 3}
        self.neutral = Neutral(tree, witnesses, limits, area)
        self.half = MvPhase(tree, witnesses, limits, area)
        self.masked: dict[str, float] = {}  # devices, and until when
        self.uneven = False  # voltages outside the limits came since the neutral was last looked at

    @property
    def busy(self) -> bool:
        """Whether time alone may change something."""
        return self.half.seen is not None or bool(self.masked)

    def look(self, witness: Witness) -> bool:
        """A device answered; whether a lost MV phase changed."""
        return witness.device.id in self._three_phase and self.half.look(witness)

    def step(self, now: float, settled: Callable[[float], Collection[str]]) -> list[Incident]:
        """What is new of both. `settled`: the devices that cases of lost supply hold for good."""
        return [*self._half_step(now), *self._neutral_step(now, settled)]

    def _half_step(self, now: float) -> list[Incident]:
        half = self.half
        if self.uneven or half.seen is not None:
            half.gather(now)
        if half.seen is None:
            return []
        if half.over:
            healthy_at = half.seen.healthy_at
            half.forget()
            return self._book.tell("half", None, now, healthy_at)
        if before := self._book.goes_on(half_claim(half.seen, self._tree).type, "half"):
            half.goes_on(before.started_at, before.started_after, sure=before.state == "confirmed")
        return self._book.tell("half", half_claim(half.seen, self._tree), now)

    def _neutral_step(self, now: float, settled: Callable[[float], Collection[str]]) -> list[Incident]:
        neutral = self.neutral
        if not (self.uneven or neutral.busy) or not neutral.due(now):
            return []
        neutral.look(now, {*self.half.masked(), *settled(now)})
        self.uneven = self.uneven and neutral.busy
        said = []
        for key, found in neutral.over():
            neutral.forget(key)
            said += self._book.tell(f"neutral/{key}", None, now, found.quiet_at or now)
        for key, found in neutral.found.items():
            said += self._book.tell(f"neutral/{key}", break_claim(found, self._tree), now)
        return said

    def mask(self, now: float) -> Collection[str]:
        """Mask what both explain now, and for a while after; the devices that were not masked before."""
        masked = {*self.half.masked(), *self.neutral.masked()}
        if self.half.seen is not None:
            masked.update(self._three_phase)
        new = masked - self.masked.keys()
        for device in [name for name, end in self.masked.items() if end < now and name not in masked]:
            del self.masked[device]
            self._witnesses[device].forgive(now)
        for device in masked:
            self.masked[device] = now + self._mask_polls * (self._witnesses[device].period or self._poll)
        return new

    def dump(self) -> object:
        """Its own state as plain data; the neutral and the MV phase keep theirs."""
        return [self.masked, self.uneven]

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, list)
        masked, self.uneven = kept
        self.masked.update((name, until) for name, until in masked.items() if name in self._witnesses)
