"""What all devices say of their supply: by signs those that are not well, and of all others when they last answered."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import accumulate
from operator import attrgetter, or_
from typing import NamedTuple

from rules.hearing import polls_after
from rules.topology import Tree
from rules.witness import Witness

WHOLE = 3
STALE_S = 180.0  # a last reading that is older does not say that its device lives


class Sign(NamedTuple):
    """Evidence of one device on one phase (0, 1, 2), or on all of its phases together (3)."""

    place: int
    weight: float  # positive: dead; negative: living
    at: float  # dead: since when; alive: newest answer
    heard: float = 0.0  # by silence: its newest answer
    newest: float = 0.0  # by silence: its newest poll
    polls: int = 0  # by silence: how many
    whole: float = 0.0  # by silence: what all of it weighs, however much is believed

    def after(self, moment: float) -> float:
        """What of it speaks for a fault that began at a moment, nats."""
        if self.at > moment or not self.polls:
            return self.weight
        return min(self.weight, self.whole / self.polls * polls_after(moment, self.polls, self.at, self.newest))


class Living:
    """Devices that are well, as bits of `Tree.bits`: how many below a node answered after a time is one operation."""

    def __init__(self, tree: Tree, witnesses: Iterable[Witness], unwell: Iterable[str] = ()) -> None:
        newest_first = sorted(witnesses, key=attrgetter("alive_at"), reverse=True)
        bits = tree.bits
        self._ages = [-witness.alive_at for witness in newest_first]
        # none, the newest, the two newest, ...; those who are not well as well
        self._heard: list[int] = [0, *accumulate([bits[witness.device.id] for witness in newest_first], or_)]
        self._well = self._heard[-1] & ~reduce(or_, [bits[name] for name in unwell], 0)
        self._at: dict[float, tuple[int, int, int]] = {}  # what was asked before: many nodes share a moment

    def at(self, moment: float) -> tuple[int, int, int]:
        """Those that answered later than this (epoch seconds), those that had done so lately, and all others."""
        known = self._at.get(moment)
        if known is None:
            heard, ages = self._heard, self._ages
            after = heard[bisect_left(ages, -moment)] & self._well
            lately = heard[bisect_left(ages, STALE_S - moment)] & self._well
            known = self._at[moment] = after, lately ^ after, lately ^ self._well
        return known


@dataclass(frozen=True, slots=True)
class Evidence:
    """Nearly all devices are well at any time: nothing is made for each of them, so a search costs what is wrong."""

    said: Mapping[str, tuple[Sign, ...]]  # by device that is not well
    living: Living
    alive_weight: float  # nats that an answer since a fault speaks against it, for each phase of a device
    rarity: Mapping[str, float] = field(default_factory=dict)  # share left of it, by node that is likelier to fail

    def without(self, devices: Collection[str]) -> "Evidence":
        """The same with some that are not well unheard: they may live or not."""
        unheard = {
            device: tuple(Sign(sign.place, -1.0, 0.0) for sign in signs)
            for device, signs in self.said.items()
            if device in devices
        }
        return replace(self, said={**self.said, **unheard})
