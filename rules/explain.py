"""Power or line: whether silence means lost supply, a dead line, or a dead line because its collector lost supply.

The load that vanished at the terminals decides where the topology alone cannot.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from rules.drop import Drop
from rules.evidence import Evidence
from rules.locate import Found, locate
from rules.topology import PHASES, Tree

CLEAR = 20.0  # nats by which one explanation is better than the next: more needs no telling
HELD = 3.0  # nats by which another explanation must be better than one that was said for sure


@dataclass(frozen=True, slots=True)
class SilentBus:
    """A line of which no device answers."""

    id: str
    weights: Mapping[str, float]  # by device: what its silence weighs, in nats
    since: float
    collector_node: str | None = None

    @property
    def devices(self) -> Collection[str]:
        """Those that are silent on it."""
        return self.weights.keys()

    @property
    def weight(self) -> float:
        """What the silence of all of them weighs, in nats."""
        return sum(self.weights.values())


@dataclass(frozen=True, slots=True)
class Explanation:
    """What has failed."""

    score: float
    found: tuple[Found, ...] = ()  # without supply
    buses: tuple[SilentBus, ...] = ()  # dead by themselves
    consequent: tuple[SilentBus, ...] = ()  # dead because their collector is without supply
    drops: tuple[Drop, ...] = ()
    lead: float = CLEAR  # how much better than the next best with other nodes or lines, nats

    def names(self) -> tuple[set[str], set[str]]:
        """The nodes and lines that have failed by themselves."""
        return {found.node for found in self.found}, {bus.id for bus in self.buses}


def explain(
    tree: Tree,
    evidence: Evidence,
    buses: Sequence[SilentBus],
    priors: Mapping[str, float],
    drops: tuple[Drop, ...],
    held: Collection[str] = (),
) -> Explanation:
    """The failed nodes and lines that explain the evidence best. `priors`: see `locate`, and `bus`, `fed_bus`.

    `held` are nodes and lines that were said for sure: they are given up for something clearly better only.
    """

    def better(one: Explanation, other: Explanation) -> Explanation:
        ahead = _standing(one, held) - _standing(other, held)
        winner = one if ahead >= 0 else other
        return winner if one.names() == other.names() else replace(winner, lead=min(winner.lead, abs(ahead)))

    score, found = locate(tree, evidence, priors)
    best = Explanation(score + _drop_nats(tree, found, drops), found, drops=drops)
    doubtful = [bus for bus in buses if not _beside_the_point(bus, best)]
    collectors = {bus.id: tree.upward[bus.collector_node] for bus in doubtful if bus.collector_node is not None}
    for node in dict.fromkeys(node for above in collectors.values() for node in above):
        group = tuple(bus for bus in doubtful if node in collectors.get(bus.id, ()))
        best = better(best, _collectors_dead(tree, evidence, group, node, priors, drops))
    open_lines = list(buses)
    while bus := next((bus for bus in open_lines if not _beside_the_point(bus, best)), None):
        open_lines.remove(bus)
        others = replace(best, consequent=tuple(other for other in best.consequent if other is not bus))
        best = better(best, _line_dead(tree, evidence, bus, others, priors))
    return best


def _standing(option: Explanation, held: Collection[str]) -> float:
    nodes, lines = option.names()
    return option.score + HELD * len((nodes | lines).intersection(held))


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
    total = score + explained - rarity + _drop_nats(tree, found, so_far.drops)
    if fed_dead:
        return Explanation(total, found, so_far.buses, (*so_far.consequent, bus), so_far.drops)
    return Explanation(total, found, lost, so_far.consequent, so_far.drops)


def _collectors_dead(
    tree: Tree,
    evidence: Evidence,
    group: Sequence[SilentBus],
    node: str,
    priors: Mapping[str, float],
    drops: tuple[Drop, ...],
) -> Explanation:
    """This node feeds the collectors of these lines and is without supply; their devices elsewhere are only unheard."""
    unheard = {d: nats for bus in group for d, nats in bus.weights.items() if not tree.covers(node, d)}
    score, found = locate(tree, evidence.without(unheard), priors)
    if not all(_feeds(tree, found, bus) for bus in group):
        return Explanation(float("-inf"))
    explained = sum(unheard.values())
    return Explanation(score + explained + _drop_nats(tree, found, drops), found, (), tuple(group), drops)


def _feeds(tree: Tree, found: Sequence[Found], bus: SilentBus) -> bool:
    """Whether the line's collector hangs on something that is found without supply."""
    return bus.collector_node is not None and any(tree.is_within(bus.collector_node, f.node) for f in found)


def _without(evidence: Evidence, *buses: SilentBus) -> Evidence:
    """The evidence with these lines' devices unheard: they may live or not."""
    return evidence.without([device for bus in buses for device in bus.devices])


def _drop_nats(tree: Tree, found: Sequence[Found], drops: tuple[Drop, ...]) -> float:
    """A device that is silent alone may have lost its supply or only its voice: what fits the drop better."""
    if not drops:
        return 0.0
    lost, alone = set[str](), set[str]()
    for drop in drops:
        for one in found:
            (alone if one.alone else lost).update(device for device in drop.load_kw if _lost(tree, one, device))
    nats = sum([drop.nats(lost) for drop in drops])
    return max(nats, sum([drop.nats(lost | alone) for drop in drops])) if alone - lost else nats


def _lost(tree: Tree, found: Found, device: str) -> bool:
    """Whether a silent device is without supply under this finding, be it heard of or not."""
    if not tree.covers(found.node, device):
        return False
    if len(found.places) == 3 or device in found.devices:
        return True
    return all(PHASES.index(phase) in found.places for phase in tree.devices[device].phases)
