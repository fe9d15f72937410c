"""Where supply is lost: the set of nodes that explains best, phase by phase, which devices are dead and which live.

Every device gives evidence in nats. A node that fails explains all dead devices below it and pays for its own rarity
and for every living device below it. The cheapest set of failed nodes is found bottom-up, so several faults at once
cost nothing extra.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rules.area import Device
from rules.evidence import WHOLE, Evidence, Sign
from rules.topology import Tree

UNHEARD = 0.5  # nats that a living device costs that has not been read since the fault


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
class _Sum:
    """What the devices below one node say about its failing; by phase, and WHOLE."""

    nats: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 0.0])
    dead: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    terminals: list[int] = field(default_factory=lambda: [0, 0, 0, 0])  # of the dead
    since: float = 0.0
    devices: int = 0  # dead, each counted once

    def count(self, device: Device, signs: tuple[Sign, ...]) -> None:
        """Add what a device says that is not well."""
        is_dead = False
        for place, weight, at in signs:
            if weight > 0:
                is_dead = True
                self.nats[place] += weight
                self.dead[place] += 1
                self.terminals[place] += device.kind != "meter"
            else:
                self.nats[place] += weight if at > self.since else -UNHEARD
        self.devices += is_dead

    def tells(self, place: int) -> bool:
        """Whether several devices are dead, or one terminal, which stands for the node itself."""
        if place == WHOLE:
            return self.devices > 1 or any(self.terminals)
        return self.dead[place] > 1 or self.terminals[place] > 0


class _Search:
    """One search over the tree: scores going up, the chosen nodes going down."""

    def __init__(self, tree: Tree, evidence: Evidence, priors: Mapping[str, float]) -> None:
        self._tree = tree
        self._evidence = evidence
        self._priors = priors
        self._said: dict[str, list[tuple[Device, tuple[Sign, ...]]]] = {}  # what is not well at and below a node
        self._dead: dict[str, float] = {}  # what all of these weigh that speak for an outage, nats
        self._times: dict[str, list[float]] = {}  # since when each of these does
        self._alone: dict[str, float] = {}  # what its dead devices weigh, each as a fault of its own supply
        self._below: dict[str, list[str]] = {}  # suspected children by node
        self._sums: dict[str, _Sum] = {}
        self._phase: dict[str, list[float]] = {}  # best score of each phase at and below a node
        self._best: dict[str, float] = {}
        self._opened: dict[str, tuple[int, ...]] = {}  # what fails at a node, of what is best there

    def run(self) -> tuple[float, tuple[Found, ...]]:
        suspects = self._suspects()
        if not suspects:
            return 0.0, ()
        for node in suspects:
            self._weigh(node)
            if (parent := self._tree.nodes[node].parent) is not None:
                self._below.setdefault(parent, []).append(node)
        root = suspects[-1]
        return self._best[root], tuple(self._chosen(root, (0, 1, 2, WHOLE)))

    def _suspects(self) -> list[str]:
        """Nodes that could have failed, or have one below that could, children before parents.

        Where all that speaks for an outage weighs no more than the rarity of the commonest fault, none can be found.
        """
        tree, dead = self._tree, self._dead
        for name, signs in self._evidence.said.items():
            device, entry = tree.devices[name], (tree.devices[name], signs)
            times = [sign[2] for sign in signs if sign[1] > 0]
            gone = sum([sign[1] for sign in signs if sign[1] > 0])
            for above in tree.upward[device.node] if signs else ():
                self._said.setdefault(above, []).append(entry)
                self._times.setdefault(above, []).extend(times)
                dead[above] = dead.get(above, 0.0) + gone
            if gone:
                alone = max(0.0, gone - self._priors["meter"])
                self._alone[device.node] = self._alone.get(device.node, 0.0) + alone
        least = min(self._priors.values())
        return sorted([node for node, gone in dead.items() if gone > least], key=tree.rank.__getitem__)

    def _weigh(self, node: str) -> None:
        prior = self._priors[self._tree.nodes[node].kind]
        children = self._below.get(node, ())
        below = sum([self._best[child] for child in children]) + self._alone.get(node, 0.0)
        phases = [sum([self._phase[child][place] for child in children]) for place in range(3)]
        self._phase[node] = phases
        self._best[node], self._opened[node] = max(below, 0.0), ()
        total = self._sum(node, prior)
        if total is None:
            return
        self._sums[node] = total
        opened = []
        for place in range(3):
            here = total.nats[place] - prior
            if total.tells(place) and here > max(phases[place], 0.0):
                opened.append(place)
                phases[place] = here
        if opened and sum(phases) > self._best[node]:
            self._best[node], self._opened[node] = sum(phases), tuple(opened)
        whole = sum(total.nats) - prior
        if total.tells(WHOLE) and whole > 0 and whole >= self._best[node] - 1e-9:
            self._best[node], self._opened[node] = whole, (0, 1, 2)  # on a draw, all phases are simpler than some

    def _sum(self, node: str, prior: float) -> _Sum | None:
        """What is said at and below a node; None when too many live there for it to have failed."""
        living, times = self._evidence.living, sorted(self._times[node])
        since = times[len(times) // 5]  # a device that was lost before does not date the fault
        heard, every, alive_weight = living.since(since), living.all, self._evidence.alive_weight
        nats = []
        for below in self._tree.bits_below[node]:
            answered = (below & heard).bit_count()
            nats.append(-alive_weight * answered - UNHEARD * ((below & every).bit_count() - answered))
        if self._dead[node] + max(nats) <= prior:
            return None
        total = _Sum([*nats, 0.0], since=since)
        for device, signs in self._said[node]:
            total.count(device, signs)
        return total

    def _chosen(self, node: str, places: tuple[int, ...]) -> Iterator[Found]:
        """The failed nodes at and below a node, as far as these phases go."""
        if self._best.get(node, 0.0) <= 0.0:
            return
        opened = self._opened[node] if WHOLE in places else self._opened_phases(node, places)
        if opened == (0, 1, 2) and WHOLE in places:
            yield self._found(node, opened, (*opened, WHOLE))
            return
        for place in opened:
            yield self._found(node, (place,), (place,))
        rest = tuple(place for place in places if place not in opened and (place != WHOLE or not opened))
        for child in self._below.get(node, ()) if rest else ():
            yield from self._chosen(child, rest)
        if WHOLE in rest:
            yield from self._alone_found(node)

    def _opened_phases(self, node: str, places: tuple[int, ...]) -> tuple[int, ...]:
        total = self._sums.get(node)
        if total is None:
            return ()
        prior = self._priors[self._tree.nodes[node].kind]
        best = self._phase[node]
        return tuple(p for p in places if total.tells(p) and 0 < best[p] == total.nats[p] - prior)

    def _alone_found(self, node: str) -> Iterator[Found]:
        for device in self._tree.here[node]:
            dead = [sign for sign in self._evidence.said.get(device.id, ()) if sign.weight > 0]
            if (score := sum(sign.weight for sign in dead) - self._priors["meter"]) > 0:
                places = tuple(sorted({sign.place for sign in dead} - {WHOLE})) or (0, 1, 2)
                yield Found(device.id, places, True, (device.id,), min(sign.at for sign in dead), score, alone=True)

    def _found(self, node: str, places: tuple[int, ...], heard: tuple[int, ...]) -> Found:
        total = self._sums[node]
        below = self._tree.below[node]
        dead = [
            device.id
            for device in below
            if any(sign.weight > 0 and sign.place in heard for sign in self._evidence.said.get(device.id, ()))
        ]
        return Found(
            node=node,
            places=places,
            whole=len(places) == 3 or len({phase for device in below for phase in device.phases}) == 1,
            devices=tuple(dead),
            since=total.since,
            score=sum(total.nats[place] for place in heard) - self._priors[self._tree.nodes[node].kind],
        )


def locate(tree: Tree, evidence: Evidence, priors: Mapping[str, float]) -> tuple[float, tuple[Found, ...]]:
    """The failed nodes that explain the evidence best, and how much better than 'nothing failed', in nats.

    `priors` are the rarities of a fault by kind of node, and `meter`.
    """
    return _Search(tree, evidence, priors).run()
