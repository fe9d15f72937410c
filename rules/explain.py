"""Power or line: whether silence means lost supply, a dead line, or a dead line because its collector lost supply.

The load that vanished at the terminals decides where the topology alone cannot.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import log

from rules.locate import Evidence, Found, Sign, locate
from rules.topology import Tree

SPREAD = 0.5  # share by which the load of one device may differ from its last reading
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

    observed_kw: float
    noise_kw: float
    load_kw: Mapping[str, float]  # last load by silent device, of those that the terminals see

    def nats(self, lost: Collection[str]) -> float:
        """Log-likelihood of the drop when these devices are without supply."""
        loads = [kw for device, kw in self.load_kw.items() if device in lost]
        expected = sum(loads)
        variance = self.noise_kw**2 + sum((SPREAD * kw) ** 2 for kw in loads)
        return -TAIL * log(1 + (self.observed_kw - expected) ** 2 / variance / (2 * TAIL)) - 0.5 * log(variance)

    @property
    def tells(self) -> bool:
        """Whether the load of the silent devices stands out from the noise at all."""
        return sum(self.load_kw.values()) > 2 * self.noise_kw


@dataclass(frozen=True, slots=True)
class Explanation:
    """What has failed."""

    score: float
    found: tuple[Found, ...] = ()  # without supply
    buses: tuple[SilentBus, ...] = ()  # dead by themselves
    consequent: tuple[SilentBus, ...] = ()  # dead because their collector is without supply
    drop: Drop | None = None


def explain(
    tree: Tree, evidence: Evidence, buses: Sequence[SilentBus], priors: Mapping[str, float], drop: Drop | None
) -> Explanation:
    """The failed nodes and lines that explain the evidence best. `priors`: see `locate`, and `bus`."""
    score, found = locate(tree, evidence, priors)
    best = Explanation(score + _drop_nats(tree, found, drop), found, drop=drop)
    for bus in buses:
        if _beside_the_point(bus, best):
            continue
        options = [best, _line_dead(tree, evidence, bus, best, priors)]
        if bus.collector_node is not None:
            above = tree.upward[bus.collector_node]
            options += [_collector_dead(tree, evidence, bus, node, best, priors) for node in above]
        best = max(options, key=lambda option: option.score)
    return best


def _beside_the_point(bus: SilentBus, so_far: Explanation) -> bool:
    """Whether every node that holds the line's devices must have failed anyway, for devices on other lines."""
    own = set(bus.devices)
    holding = [found for found in so_far.found if own.intersection(found.devices)]
    return bool(holding) and all(len(set(found.devices) - own) > 1 for found in holding)


def _line_dead(
    tree: Tree, evidence: Evidence, bus: SilentBus, so_far: Explanation, priors: Mapping[str, float]
) -> Explanation:
    lost = (*so_far.buses, bus)
    rest = _without(evidence, lost, so_far.consequent)
    score, found = locate(tree, rest, priors)
    explained = sum(b.weight for b in (*lost, *so_far.consequent))
    fed_dead = bus.collector_node is not None and any(tree.is_within(bus.collector_node, f.node) for f in found)
    rarity = sum(priors["bus"] for b in lost if not (b is bus and fed_dead))
    total = score + explained - rarity + _drop_nats(tree, found, so_far.drop)
    if fed_dead:
        return Explanation(total, found, so_far.buses, (*so_far.consequent, bus), so_far.drop)
    return Explanation(total, found, lost, so_far.consequent, so_far.drop)


def _collector_dead(
    tree: Tree, evidence: Evidence, bus: SilentBus, node: str, so_far: Explanation, priors: Mapping[str, float]
) -> Explanation:
    """This node, which powers the collector, is without supply; the line's devices elsewhere are only unheard."""
    unheard = SilentBus(bus.id, tuple(d for d in bus.devices if not tree.covers(node, d)), 0.0, bus.since, node)
    consequent = (*so_far.consequent, bus)
    rest = _without(evidence, so_far.buses, (*so_far.consequent, unheard))
    score, found = locate(tree, rest, priors)
    if not any(tree.is_within(node, f.node) for f in found):
        return Explanation(float("-inf"))
    explained = sum(b.weight for b in (*so_far.buses, *so_far.consequent))
    explained += bus.weight * len(unheard.devices) / len(bus.devices)
    total = score + explained - priors["bus"] * len(so_far.buses) + _drop_nats(tree, found, so_far.drop)
    return Explanation(total, found, so_far.buses, consequent, so_far.drop)


def _without(evidence: Evidence, *groups: Sequence[SilentBus]) -> Evidence:
    """The evidence with these lines' devices unheard: they may live or not."""
    gone = {device for group in groups for bus in group for device in bus.devices}
    return {
        device: tuple(Sign(sign.place, -1.0, 0.0) for sign in signs) if device in gone else signs
        for device, signs in evidence.items()
    }


def _drop_nats(tree: Tree, found: Sequence[Found], drop: Drop | None) -> float:
    if drop is None or not drop.tells:
        return 0.0
    lost = {device for one in found for device in drop.load_kw if _lost(tree, one, device)}
    return drop.nats(lost)


def _lost(tree: Tree, found: Found, device: str) -> bool:
    """Whether a silent device is without supply under this finding, be it heard of or not."""
    if not tree.covers(found.node, device):
        return False
    return len(found.places) == 3 or device in found.devices
