"""Power or line: whether silence means lost supply, a dead line, or a dead line because its collector lost supply.

The load that vanished at the terminals decides where the topology alone cannot.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log

from rules.evidence import Evidence
from rules.locate import Found, locate
from rules.topology import Tree

SPREAD = 0.35  # share by which the load of one device may differ from its last reading
HELD = 3.0  # nats by which another explanation must be better than one that was said for sure
TAIL = 3.0  # how fast surprise grows with distance: loads jump more than a bell curve lets them


@dataclass(frozen=True, slots=True)
class SilentBus:
    """A line of which no device answers."""

    id: str
    devices: tuple[str, ...]
    weight: float  # what the silence of all of them weighs, in nats
    since: float
    collector_node: str | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Load that vanished at the terminals when devices went silent."""

    observed_kw: tuple[float, ...]  # by phase
    noise_kw: tuple[float, ...]
    load_kw: Mapping[str, tuple[float, ...]]  # last load by silent device, of those that the terminals see

    def nats(self, lost: Collection[str]) -> float:
        """Log-likelihood of the drop when these devices are without supply."""
        loads = [kw for device, kw in self.load_kw.items() if device in lost]
        fed = [
            kw for device, kw in self.load_kw.items() if device not in lost
        ]  # these draw something else by now; the lost ones had half the time for it
        nats = 0.0
        for place, (observed, noise) in enumerate(zip(self.observed_kw, self.noise_kw, strict=True)):
            expected = sum(kw[place] for kw in loads)
            variance = noise**2 + SPREAD**2 * sum(kw[place] ** 2 for kw in fed)
            variance += SPREAD**2 / 2 * sum(kw[place] ** 2 for kw in loads)
            nats -= TAIL * log(1 + (observed - expected) ** 2 / variance / (2 * TAIL)) + 0.5 * log(variance)
        return nats


@dataclass(frozen=True, slots=True)
class Explanation:
    """What has failed."""

    score: float
    found: tuple[Found, ...] = ()  # without supply
    buses: tuple[SilentBus, ...] = ()  # dead by themselves
    consequent: tuple[SilentBus, ...] = ()  # dead because their collector is without supply
    drop: Drop | None = None


def explain(
    tree: Tree,
    evidence: Evidence,
    buses: Sequence[SilentBus],
    priors: Mapping[str, float],
    drop: Drop | None,
    held: Collection[str] = (),
) -> Explanation:
    """The failed nodes and lines that explain the evidence best. `priors`: see `locate`, and `bus`, `fed_bus`.

    `held` are nodes and lines that were said for sure: they are given up for something clearly better only.
    """

    def standing(option: Explanation) -> float:
        places = {*(found.node for found in option.found), *(bus.id for bus in option.buses)}
        return option.score + HELD * len(places.intersection(held))

    score, found = locate(tree, evidence, priors)
    best = Explanation(score + _drop_nats(tree, found, drop), found, drop=drop)
    doubtful = [bus for bus in buses if not _beside_the_point(bus, best)]
    collectors = {bus.id: tree.upward[bus.collector_node] for bus in doubtful if bus.collector_node is not None}
    for node in dict.fromkeys(node for above in collectors.values() for node in above):
        group = tuple(bus for bus in doubtful if node in collectors.get(bus.id, ()))
        best = max(best, _collectors_dead(tree, evidence, group, node, priors, drop), key=standing)
    open_lines = list(buses)
    while bus := next((bus for bus in open_lines if not _beside_the_point(bus, best)), None):
        open_lines.remove(bus)
        others = replace(best, consequent=tuple(other for other in best.consequent if other is not bus))
        best = max(best, _line_dead(tree, evidence, bus, others, priors), key=standing)
    return best


def _beside_the_point(bus: SilentBus, so_far: Explanation) -> bool:
    """Whether every node that holds the line's devices must have failed anyway, for devices on other lines."""
    own = set(bus.devices)
    holding = [found for found in so_far.found if own.intersection(found.devices)]
    return bool(holding) and all(len(set(found.devices) - own) > 1 for found in holding)


def _line_dead(
    tree: Tree, evidence: Evidence, bus: SilentBus, so_far: Explanation, priors: Mapping[str, float]
) -> Explanation:
    """The line is dead by itself, or because something that is dead anyway feeds its collector."""
    lost = (*so_far.buses, bus)
    rest = _without(evidence, *lost, *so_far.consequent)
    score, found = locate(tree, rest, priors)
    if not all(_feeds(tree, found, other) for other in so_far.consequent):
        return Explanation(float("-inf"))
    explained = sum(b.weight for b in (*lost, *so_far.consequent))
    fed_dead = _feeds(tree, found, bus)
    rarity = sum(priors["bus" if each.collector_node is None else "fed_bus"] for each in lost)
    rarity -= priors["bus" if bus.collector_node is None else "fed_bus"] * fed_dead
    total = score + explained - rarity + _drop_nats(tree, found, so_far.drop)
    if fed_dead:
        return Explanation(total, found, so_far.buses, (*so_far.consequent, bus), so_far.drop)
    return Explanation(total, found, lost, so_far.consequent, so_far.drop)


def _collectors_dead(
    tree: Tree,
    evidence: Evidence,
    group: Sequence[SilentBus],
    node: str,
    priors: Mapping[str, float],
    drop: Drop | None,
) -> Explanation:
    """This node feeds the collectors of these lines and is without supply; their devices elsewhere are only unheard."""
    unheard = [
        SilentBus(bus.id, tuple(d for d in bus.devices if not tree.covers(node, d)), 0.0, bus.since) for bus in group
    ]
    score, found = locate(tree, _without(evidence, *unheard), priors)
    if not all(_feeds(tree, found, bus) for bus in group):
        return Explanation(float("-inf"))
    explained = sum(
        bus.weight * len(silent.devices) / len(bus.devices) for bus, silent in zip(group, unheard, strict=True)
    )
    return Explanation(score + explained + _drop_nats(tree, found, drop), found, (), tuple(group), drop)


def _feeds(tree: Tree, found: Sequence[Found], bus: SilentBus) -> bool:
    """Whether the line's collector hangs on something that is found without supply."""
    return bus.collector_node is not None and any(tree.is_within(bus.collector_node, f.node) for f in found)


def _without(evidence: Evidence, *buses: SilentBus) -> Evidence:
    """The evidence with these lines' devices unheard: they may live or not."""
    return evidence.without([device for bus in buses for device in bus.devices])


def _drop_nats(tree: Tree, found: Sequence[Found], drop: Drop | None) -> float:
    """A device that is silent alone may have lost its supply or only its voice: what fits the drop better."""
    if drop is None:
        return 0.0
    lost, alone = set[str](), set[str]()
    for one in found:
        (alone if one.alone else lost).update(device for device in drop.load_kw if _lost(tree, one, device))
    return max(drop.nats(lost), drop.nats(lost | alone)) if alone - lost else drop.nats(lost)


def _lost(tree: Tree, found: Found, device: str) -> bool:
    """Whether a silent device is without supply under this finding, be it heard of or not."""
    if not tree.covers(found.node, device):
        return False
    return len(found.places) == 3 or device in found.devices
