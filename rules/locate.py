"""Where supply is lost: the set of nodes that explains best, phase by phase, which devices are dead and which live.

Every device gives evidence in nats. A node that fails explains all dead devices below it and pays for its own rarity
and for every living device below it. The cheapest set of failed nodes is found bottom-up, so several faults at once
cost nothing extra.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from rules.area import Device
from rules.evidence import WHOLE, Evidence, Sign
from rules.failing import EVERY, NO_PHASE, UNHEARD, Sum, Suspect
from rules.topology import Tree

STALE = 0.05  # the same, of one whose last reading is too old to say that it lives


@dataclass(frozen=True, slots=True)
class Found:
    """One node, or one device, that must have failed."""

    node: str
    places: tuple[int, ...]  # phases, as 0, 1, 2
    whole: bool  # all phases that anything below is on
    devices: tuple[str, ...]  # dead, explained by this
    since: float  # when the first of them was seen dead
    score: float = 0.0  # how much better than nothing failed here, in nats
    alone: bool = False  # `node` is a device


@dataclass(slots=True)
class _Dead:
    """All that speaks for a failure at or above a node, whenever it was."""

    nats: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 0.0])  # by phase, and WHOLE
    voices: int = 0  # devices; a terminal counts for two, as it stands for the node itself
    said: list[tuple[Device, tuple[Sign, ...]]] = field(default_factory=list)  # by all that are not well
    times: list[tuple[float, float]] = field(default_factory=list)  # since when each is dead, and its newest answer
    latest: float = 0.0  # of all of these: no fault that they tell of began later
    refused: float = inf  # the rarity of a fault that all this could not pay for, at a node below with the same dead

    def join(self, below: "_Dead") -> None:
        """Add what comes from below."""
        a, b, c, whole = self.nats
        more_a, more_b, more_c, more = below.nats
        self.nats = [a + more_a, b + more_b, c + more_c, whole + more]
        self.voices, self.refused = self.voices + below.voices, inf
        self.said += below.said
        self.times += below.times
        if below.latest > self.latest:
            self.latest = below.latest

    def outweighs(self, living: Sequence[float], prior: float) -> bool:
        """Whether it can be more than the rarity of a fault and what the living say, phase by phase or in all."""
        a, b, c, whole = self.nats
        a, b, c = a + living[0], b + living[1], c + living[2]
        return max(a, b, c) > prior or a + b + c + whole > prior


class _Search:
    """One search over the tree: scores going up, the chosen nodes going down.

    It costs what is not well: such a device is looked at once for every node above it that may have failed, and the
    living below a node are a few operations on bits.
    """

    def __init__(self, tree: Tree, evidence: Evidence, priors: Mapping[str, float]) -> None:
        self._tree = tree
        self._evidence = evidence
        self._priors = priors
        self._dead: dict[str, _Dead] = {}
        self._alone: dict[str, float] = {}  # what the dead at a node weigh, each as a fault of its own supply

    def run(self) -> tuple[float, tuple[Found, ...]]:
        self._gather()
        suspects = {suspect.node: suspect for suspect in self._suspects()}
        top: list[Suspect] = []
        for node, suspect in suspects.items():
            for one in suspect.sums:
                if one.early:
                    self._grow(one, suspect.below)
            suspect.weigh()
            if suspect.best > 0.0 or suspect.phase is not NO_PHASE:
                above = next((suspects[n] for n in self._tree.upward[node][1:] if n in suspects), None)
                (top if above is None else above.below).append(suspect)
        score = sum([suspect.best for suspect in top])
        return score, tuple(found for suspect in top if suspect.best > 0.0 for found in self._chosen(suspect, EVERY))

    def _gather(self) -> None:
        """Sum up by node what speaks for an outage."""
        own = self._priors["meter"]
        for name, signs in self._evidence.said.items():
            if not signs:
                continue
            device, gone = self._tree.devices[name], 0.0
            here = self._dead.get(device.node)
            if here is None:
                here = self._dead[device.node] = _Dead()
            here.said.append((device, signs))
            for place, weight, at, heard, *_ in signs:
                if weight > 0:
                    here.nats[place] += weight
                    gone += weight
                    here.times.append((at, heard))
                    here.latest = max(here.latest, at, heard)
            if gone:
                here.voices += 1 if device.kind == "meter" else 2
            if gone > own:
                self._alone[device.node] = self._alone.get(device.node, 0.0) + gone - own

    def _suspects(self) -> Iterator[Suspect]:
        """Nodes that may have failed, or at which a device may, children before parents."""
        for node in self._tree.bottom_up:
            dead = self._dead.get(node)
            if dead is None:
                continue
            place, alone = self._tree.nodes[node], self._alone.get(node, 0.0)
            prior = self._priors[place.kind] * self._evidence.rarity.get(node, 1.0)
            sums = self._sums(node, dead, prior) if prior < dead.refused and self._may_fail(node, dead, prior) else []
            if not sums:
                dead.refused = min(prior, dead.refused)  # more of the living stand above
            if sums or alone:
                yield Suspect(node, prior, alone, sums)
            if place.parent is None:
                return
            if place.parent in self._dead:
                self._dead[place.parent].join(dead)
            else:
                self._dead[place.parent] = dead  # nobody asks for it below any more

    def _may_fail(self, node: str, dead: _Dead, prior: float) -> bool:
        """Whether its failing can explain anything: the later it was, the less of the living speaks against it."""
        if dead.voices < 2 or sum(dead.nats) <= prior:
            return False
        return dead.outweighs(self._lives(node, dead.latest), prior)

    def _sums(self, node: str, dead: _Dead, prior: float) -> list[Sum]:
        """What is said at and below a node of its failing at the moments at which it can have failed."""
        times = sorted(dead.times)
        since = times[len(times) // 5][0]  # a device that was lost before does not date the fault
        heard = [at for _, at in times]
        moments = [(since, max([at for at in heard if at <= since], default=since))]
        if (last := max(heard)) > since:
            moments.append((last, last))
        sums: list[Sum] = []
        for seen, began in moments:
            nats = self._lives(node, seen)
            if dead.outweighs(nats, prior):
                one = Sum([*nats, 0.0], began, seen)
                for device, signs in dead.said:
                    one.count(device, signs, self._evidence.alive_weight)
                sums.append(one)
        return sums

    def _grow(self, one: Sum, below: Sequence[Suspect]) -> None:
        """What was silent below before had a fault of its own, maybe, which grew into this one.

        Beside other faults below at the same time it is one cause, so its rarity is not paid for once more.
        """
        several = sum([child.paid > 0.0 for child in below]) > 1
        for child in below:
            part = Sum([0.0, 0.0, 0.0, 0.0], one.began, one.since)
            for device in self._tree.below[child.node]:
                if signs := self._evidence.said.get(device.id):
                    part.count(device, signs, self._evidence.alive_weight)
            if part.early:
                one.grown[WHOLE] += max(0.0, child.best + child.paid * several - sum(part.nats))
                for place in range(3):
                    one.grown[place] += max(0.0, child.phase[place] - part.nats[place])

    def _lives(self, node: str, moment: float) -> list[float]:
        """What the devices that are well say of a fault of this node at a moment, by phase."""
        most, (heard, lately, others) = self._evidence.alive_weight, self._evidence.living.at(moment)
        return [
            -most * (phase & heard).bit_count()
            - UNHEARD * (phase & lately).bit_count()
            - STALE * (phase & others).bit_count()
            for phase in self._tree.bits_below[node]
        ]

    def _chosen(self, suspect: Suspect, places: tuple[int, ...]) -> Iterator[Found]:
        """The failed nodes at and below a node, as far as these phases go."""
        opened = suspect.opened if WHOLE in places else suspect.opened_of(places)
        if opened == (0, 1, 2) and WHOLE in places:
            yield self._found(suspect, opened, EVERY)
            return
        for place in opened:
            yield self._found(suspect, (place,), (place,))
        rest = places
        if opened:
            rest = tuple(place for place in places if place not in opened and place != WHOLE)
        for child in suspect.below if rest else ():
            if child.best > 0.0:
                yield from self._chosen(child, rest)
        if suspect.alone and WHOLE in rest:
            yield from self._alone_found(suspect.node)

    def _alone_found(self, node: str) -> Iterator[Found]:
        for device in self._tree.here[node]:
            dead = [sign for sign in self._evidence.said.get(device.id, ()) if sign.weight > 0]
            if (score := sum(sign.weight for sign in dead) - self._priors["meter"]) > 0:
                places = tuple(sorted({sign.place for sign in dead} - {WHOLE})) or (0, 1, 2)
                yield Found(device.id, places, True, (device.id,), min(sign.at for sign in dead), score, alone=True)

    def _found(self, suspect: Suspect, places: tuple[int, ...], heard: tuple[int, ...]) -> Found:
        total = suspect.total
        assert total is not None
        below = self._tree.below[suspect.node]
        dead = [
            device.id
            for device in below
            if any(sign.weight > 0 and sign.place in heard for sign in self._evidence.said.get(device.id, ()))
        ]
        return Found(
            node=suspect.node,
            places=places,
            whole=len(places) == 3 or len({phase for device in below for phase in device.phases}) == 1,
            devices=tuple(dead),
            since=total.since,
            score=total.worth(heard, suspect.prior),
        )


def locate(tree: Tree, evidence: Evidence, priors: Mapping[str, float]) -> tuple[float, tuple[Found, ...]]:
    """The failed nodes that explain the evidence best, and how much better than 'nothing failed', in nats.

    `priors` are the rarities of a fault by kind of node, and `meter`.
    """
    return _Search(tree, evidence, priors).run()
