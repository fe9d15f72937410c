"""How well it explains what is said below a node that the node failed: at a moment, on some phases or on all."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rules.area import Device
from rules.evidence import WHOLE, Sign

EVERY = (0, 1, 2, WHOLE)
NO_PHASE = (0.0, 0.0, 0.0)
UNHEARD = 0.5  # nats that a living device costs that was last read shortly before the fault


@dataclass(slots=True)
class Sum:
    """What the devices below one node say about its failing at a moment; by phase, and WHOLE."""

    nats: list[float]
    began: float  # nobody below answered later, or it speaks against it
    since: float  # when it was first seen, as far as most can tell
    grown: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 0.0])  # by faults that were there before
    early: bool = False  # some were silent before it began
    dead: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    terminals: list[int] = field(default_factory=lambda: [0, 0, 0, 0])  # of the dead
    devices: int = 0  # dead, each counted once

    def count(self, device: Device, signs: tuple[Sign, ...], alive_weight: float) -> None:
        """Add what a device says that is not well; what it was silent before, it was by chance."""
        is_dead = False
        for sign in signs:
            place, nats = sign.place, sign.weight
            if nats > 0 and sign.heard > self.began:  # it lived: until its silence says more
                nats = min(nats, sign.whole - alive_weight)
            elif nats > 0:
                nats = sign.after(self.began)
                self.early = self.early or nats < sign.weight
            elif sign.at <= self.began:
                nats = -UNHEARD
            self.nats[place] += nats
            if nats > 0:
                is_dead = True
                self.dead[place] += 1
                self.terminals[place] += device.kind != "meter"
        self.devices += is_dead

    def tells(self, place: int) -> bool:
        """Whether several devices are dead, or one terminal, which stands for the node itself."""
        if place == WHOLE:
            return self.devices > 1 or any(self.terminals)
        return self.dead[place] > 1 or self.terminals[place] > 0

    def worth(self, places: Sequence[int], prior: float) -> float:
        """How much better than nothing its failing on these phases, or on EVERY, explains, nats."""
        grown = self.grown[WHOLE] if WHOLE in places else sum([self.grown[place] for place in places])
        return sum([self.nats[place] for place in places]) + grown - prior


@dataclass(slots=True)
class Suspect:
    """A node that could have failed, or has one below that could, while it is weighed."""

    node: str
    prior: float  # rarity of its failing, nats
    alone: float  # what the dead devices at it weigh, each as a fault of its own supply
    sums: Sequence[Sum]  # at the moments at which it can have failed
    total: Sum | None = None  # at the likeliest of them
    below: list["Suspect"] = field(default_factory=list)
    phase: tuple[float, ...] = NO_PHASE  # best score at and below it, phase by phase
    best: float = 0.0  # the same for all phases together
    opened: tuple[int, ...] = ()  # what fails at it, of what is best
    paid: float = 0.0  # for the rarest of the faults that make the best, nats

    def weigh(self) -> None:
        """Find what is best here; all that is below has been weighed."""
        self.best = max(0.0, sum([child.best for child in self.below]) + self.alone)
        self.paid = max([child.paid for child in self.below], default=0.0)
        phase = list(NO_PHASE)
        for child in self.below:
            if child.phase is not NO_PHASE:
                phase = [own + more for own, more in zip(phase, child.phase, strict=True)]
                self.phase = tuple(phase)
        if not self.sums:
            return
        self.total = total = max(self.sums, key=self._likely) if len(self.sums) > 1 else self.sums[0]
        opened = []
        for place in range(3):
            here = total.worth((place,), self.prior)
            if total.tells(place) and here > max(phase[place], 0.0):
                opened.append(place)
                phase[place] = here
                self.phase = tuple(phase)
        if opened and sum(phase) > self.best:
            self.best, self.opened, self.paid = sum(phase), tuple(opened), self.prior
        whole = total.worth(EVERY, self.prior)
        if total.tells(WHOLE) and whole > 0 and whole >= self.best - 1e-9:
            self.best, self.opened, self.paid = whole, (0, 1, 2), self.prior  # on a draw: simpler than some phases

    def _likely(self, one: Sum) -> float:
        return max([one.worth(places, self.prior) for places in (EVERY, (0,), (1,), (2,))])

    def opened_of(self, places: tuple[int, ...]) -> tuple[int, ...]:
        """Which of these phases fail here, when something above fails on the others."""
        total = self.total
        if total is None:
            return ()
        return tuple(p for p in places if total.tells(p) and 0 < self.phase[p] == total.worth((p,), self.prior))
