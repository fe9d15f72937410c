"""Where supply is lost: the set of nodes that explains best, phase by phase, which devices are dead and which live.

Every device gives evidence in nats. A node that fails explains all dead devices below it and pays for its own rarity
and for every living device below it. The cheapest set of failed nodes is found bottom-up, so several faults at once
cost nothing extra.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rules.topology import Tree


class Sign(NamedTuple):
    """Evidence of one device on one phase (0, 1, 2), or on all of its phases together (3)."""

    place: int
    weight: float  # positive: dead; negative: living
    at: float  # dead: since when; alive: newest answer


Evidence = Mapping[str, tuple[Sign, ...]]
"""Signs by device; a device that says nothing is not in it."""

WHOLE = 3
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
        self._most: dict[str, list[float]] = {}  # by node and place: no sum of its signs can be higher
        self._alone: dict[str, float] = {}  # what its dead devices weigh, each as a fault of its own supply
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
        root = suspects[-1]
        return self._best[root], tuple(self._chosen(root, (0, 1, 2, WHOLE)))

    def _suspects(self) -> list[str]:
        """Nodes that could have failed, or have one below that could, children before parents.

        Where all that speaks for an outage weighs no more than the rarity of the commonest fault, none can be found.
        """
        tree, dead, most = self._tree, dict[str, float](), self._most
        for device, signs in self._evidence.items():
            node = tree.devices[device].node
            weights = most.setdefault(node, [0.0, 0.0, 0.0, 0.0])
            gone = 0.0
            for place, weight, _ in signs:
                if weight > 0:
                    weights[place] += weight
                    gone += weight
                else:
                    weights[place] -= UNHEARD  # the least that a living device costs
            if gone:
                dead[node] = dead.get(node, 0.0) + gone
                self._alone[node] = self._alone.get(node, 0.0) + max(0.0, gone - self._priors["meter"])
        for node in tree.bottom_up:
            parent = tree.nodes[node].parent
            if parent is None or node not in most:
                continue
            above, own = most.setdefault(parent, [0.0, 0.0, 0.0, 0.0]), most[node]
            above[0] += own[0]
            above[1] += own[1]
            above[2] += own[2]
            above[3] += own[3]
            if node in dead:
                dead[parent] = dead.get(parent, 0.0) + dead[node]
        least = min(self._priors.values())
        return [node for node in tree.bottom_up if dead.get(node, 0.0) > least]

    def _weigh(self, node: str) -> None:
        tree = self._tree
        prior = self._priors[tree.nodes[node].kind]
        children = [child for child in tree.children[node] if child in self._best]
        below = sum([self._best[child] for child in children]) + self._alone.get(node, 0.0)
        phases = [sum([self._phase[child][place] for child in children]) for place in range(3)]
        self._phase[node] = phases
        self._best[node], self._opened[node] = max(below, 0.0), ()
        most = self._most[node]
        if max(most) <= prior and sum(most) <= prior:
            return  # too many live here for it to have failed, whatever their signs say in detail
        total, opened = self._sum(node), []
        self._sums[node] = total
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

    def _sum(self, node: str) -> _Sum:
        evidence = self._evidence
        said = [(device, sign) for device in self._tree.below[node] for sign in evidence.get(device.id, ())]
        times = sorted([sign[2] for _, sign in said if sign[1] > 0])
        total = _Sum(since=times[len(times) // 5])  # a device that was lost before does not date the fault
        since, nats = total.since, total.nats
        last = None
        for device, (place, weight, at) in said:
            if weight > 0:
                nats[place] += weight
                total.dead[place] += 1
                total.devices += device is not last
                total.terminals[place] += device.kind != "meter"
                last = device
            elif at > since:
                nats[place] += weight
            else:
                nats[place] -= UNHEARD
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
        for child in self._tree.children[node] if rest else ():
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
            dead = [sign for sign in self._evidence.get(device.id, ()) if sign.weight > 0]
            if (score := sum(sign.weight for sign in dead) - self._priors["meter"]) > 0:
                places = tuple(sorted({sign.place for sign in dead} - {WHOLE})) or (0, 1, 2)
                yield Found(device.id, places, True, (device.id,), min(sign.at for sign in dead), score, alone=True)

    def _found(self, node: str, places: tuple[int, ...], heard: tuple[int, ...]) -> Found:
        total = self._sums[node]
        below = self._tree.below[node]
        dead = [
            device.id
            for device in below
            if any(sign.weight > 0 and sign.place in heard for sign in self._evidence.get(device.id, ()))
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
