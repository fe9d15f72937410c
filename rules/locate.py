"""Where supply is lost: the set of nodes that explains best, phase by phase, which devices are dead and which live.

Every device gives evidence in nats. A node that fails explains all dead devices below it and pays for its own rarity
and for every living device below it. The cheapest set of failed nodes is found bottom-up, so several faults at once
cost nothing extra.
"""

from collections.abc import Iterable, Mapping
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
    pending: int = 0  # living devices that were last read before that
    against: int = 0  # living devices that speak against it


@dataclass(slots=True)
class _Sum:
    """What the devices below one node say about its failing."""

    by_phase: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 0.0])
    dead: list[list[str]] = field(default_factory=lambda: [[], [], [], []])
    pending: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    against: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    since: float = 0.0
    tells: bool = False  # several devices are dead, or one terminal, which stands for the node itself


class _Best(NamedTuple):
    score: float
    found: tuple[Found, ...]


_NOTHING = _Best(0.0, ())


def locate(tree: Tree, evidence: Evidence, priors: Mapping[str, float]) -> tuple[float, tuple[Found, ...]]:
    """The failed nodes that explain the evidence best, and how much better than 'nothing failed', in nats.

    `priors` are the rarities of a fault by kind of node, and `meter`.
    """
    suspects = _suspects(tree, evidence)
    if not suspects:
        return 0.0, ()
    best: dict[str, _Best] = {}
    by_phase: dict[tuple[str, int], _Best] = {}
    for node in suspects:
        summed = _sum(tree, node, evidence)
        prior = priors[tree.nodes[node].kind]
        for place in range(3):
            by_phase[node, place] = _phase_best(tree, node, place, summed, prior, by_phase)
        below = _joined(best.get(child, _NOTHING) for child in tree.children[node])
        below = _joined((below, *(_alone(device.id, evidence, priors) for device in tree.here[node])))
        phases = _joined(by_phase[node, place] for place in range(3))
        whole = _NOTHING
        if summed.tells:
            score = sum(summed.by_phase) - prior
            whole = _Best(score, (_found(tree, node, (0, 1, 2), summed, score),))
        best[node] = max((below, phases, whole), key=lambda option: option.score)
        if whole.score >= best[node].score - 1e-9 and whole.score > 0:
            best[node] = whole  # on a draw all phases of a node are simpler than some
    return best[suspects[-1]]


def _suspects(tree: Tree, evidence: Evidence) -> list[str]:
    """Nodes with a dead device below, children before parents."""
    nodes: set[str] = set()
    for device, signs in evidence.items():
        if any(sign.weight > 0 for sign in signs):
            nodes.update(tree.upward[tree.devices[device].node])
    return sorted(nodes, key=tree.rank.__getitem__)


def _sum(tree: Tree, node: str, evidence: Evidence) -> _Sum:
    said = [(device.id, sign) for device in tree.below[node] for sign in evidence.get(device.id, ())]
    total = _Sum()
    times = sorted(sign.at for _, sign in said if sign.weight > 0)
    total.since = times[len(times) // 5]  # a device that was lost before does not date the fault
    for device, (place, weight, at) in said:
        if weight > 0:
            total.by_phase[place] += weight
            total.dead[place].append(device)
        elif at > total.since:
            total.by_phase[place] += weight
            total.against[place] += 1
        else:
            total.pending[place] += 1
            total.by_phase[place] -= UNHEARD
    dead = {device for devices in total.dead for device in devices}
    total.tells = len(dead) > 1 or any(tree.devices[device].kind in ("ttu", "ltu") for device in dead)
    return total


def _phase_best(
    tree: Tree, node: str, place: int, summed: _Sum, prior: float, by_phase: Mapping[tuple[str, int], _Best]
) -> _Best:
    below = _joined(by_phase.get((child, place), _NOTHING) for child in tree.children[node])
    here = summed.by_phase[place] - prior
    dead = summed.dead[place]
    tells = len(dead) > 1 or any(tree.devices[device].kind in ("ttu", "ltu") for device in dead)
    if not tells or here <= max(below.score, 0.0):
        return below
    return _Best(here, (_found(tree, node, (place,), summed, here),))


def _alone(device: str, evidence: Evidence, priors: Mapping[str, float]) -> _Best:
    dead = [sign for sign in evidence.get(device, ()) if sign.weight > 0]
    score = sum(sign.weight for sign in dead) - priors["meter"]
    if score <= 0:
        return _NOTHING
    places = tuple(sorted({sign.place for sign in dead} - {WHOLE})) or (0, 1, 2)
    return _Best(score, (Found(device, places, True, (device,), min(sign.at for sign in dead), score, alone=True),))


def _found(tree: Tree, node: str, places: tuple[int, ...], summed: _Sum, score: float) -> Found:
    heard = places if len(places) == 1 else (*places, WHOLE)
    dead = dict.fromkeys(device for place in heard for device in summed.dead[place])
    return Found(
        node=node,
        places=places,
        whole=len(places) == 3 or len({p for device in tree.below[node] for p in device.phases}) == 1,
        devices=tuple(dead),
        since=summed.since,
        score=score,
        pending=sum(summed.pending[place] for place in heard),
        against=sum(summed.against[place] for place in heard),
    )


def _joined(parts: Iterable[_Best]) -> _Best:
    score: float = 0.0
    found: tuple[Found, ...] = ()
    for part in parts:
        score += part.score
        found += part.found
    return _Best(score, found)
