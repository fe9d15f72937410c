"""The quick search for what has failed agrees with one that does nothing to be quick."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from gateway.simulate import chance
from rules.evidence import WHOLE, Evidence, Living, Sign
from rules.failing import UNHEARD
from rules.locate import locate
from rules.thresholds import complete
from rules.topology import Tree
from rules.wire import wires_of
from rules.witness import Witness

LIMITS = complete({})
PRIORS = {name.removeprefix("prior_"): nats for name, nats in LIMITS["outage"].items() if "prior_" in name}
ALIVE_WEIGHT = LIMITS["outage"]["alive_weight"]
NOW = 1_760_000_000.0
Signs = Mapping[str, tuple[Sign, ...]]


def costs(at: float, since: float) -> float:
    """Nats that one living phase costs who says that it failed since then."""
    return ALIVE_WEIGHT if at > since else UNHEARD


@dataclass(frozen=True, slots=True)
class Slow:
    """Asks every device below every node on every phase, and leaves nothing out."""

    tree: Tree
    signs: Signs  # of every device that says something

    def best(self, node: str) -> tuple[float, list[float]]:
        """The best score at and below a node: of all phases together, and of each."""
        below = [self.best(child) for child in self.tree.children[node]]
        phases = [sum(phase[place] for _, phase in below) for place in range(3)]
        best = sum(score for score, _ in below) + sum(self.alone(device.id) for device in self.tree.here[node])
        failing = {place: nats for place in (0, 1, 2, WHOLE) if (nats := self.failing(node, place)) > 0}
        opened = {place: nats for place, nats in failing.items() if place != WHOLE and nats > phases[place]}
        phases = [opened.get(place, phases[place]) for place in range(3)]
        return max(best, failing.get(WHOLE, 0.0), sum(phases) if opened else 0.0, 0.0), phases

    def failing(self, node: str, place: int) -> float:
        """How well it explains everything that the node failed on a phase, or as a whole; 0: it does not."""
        said = [(device, sign) for device in self.tree.below[node] for sign in self.signs.get(device.id, ())]
        dead = [(device, sign) for device, sign in said if sign.weight > 0 and place in (sign.place, WHOLE)]
        several = len({device.id for device, _ in dead}) > 1 or any(device.kind != "meter" for device, _ in dead)
        if not several:
            return 0.0
        times = sorted(sign.at for _, sign in said if sign.weight > 0)
        since = times[len(times) // 5]
        nats = sum(
            sign.weight if sign.weight > 0 else -costs(sign.at, since)
            for _, sign in said
            if place in (sign.place, WHOLE)
        )
        return nats - PRIORS[self.tree.nodes[node].kind]

    def alone(self, device: str) -> float:
        """How well it explains a device that it failed by itself."""
        gone = sum(sign.weight for sign in self.signs.get(device, ()) if sign.weight > 0)
        return max(0.0, gone - PRIORS["meter"])


def sayings(rng: random.Random, tree: Tree) -> tuple[dict[str, Witness], dict[str, tuple[Sign, ...]]]:
    """Witnesses that are well, and what the others say: some by chance, some because a node has failed."""
    wires, well, said = wires_of(tree.area), dict[str, Witness](), dict[str, tuple[Sign, ...]]()
    failed = {device.id for device in tree.below[rng.choice(tree.bottom_up)] if rng.random() < 0.8}
    for device in tree.area.devices:
        witness = Witness(device, wires[device.bus or ""], LIMITS, tree.area.nominal_voltage)
        witness.alive_at = NOW - rng.uniform(0, 120)
        if device.id not in failed and rng.random() > 0.15:
            well[device.id] = witness
            continue
        at, weight = NOW - rng.uniform(0, 120), rng.choice([0.7, 1.4, 6.0, 8.0])
        if len(witness.places) == 1 or rng.random() < 0.5:
            said[device.id] = (Sign(witness.places[0] if len(witness.places) == 1 else WHOLE, weight, at),)
        else:
            dead = rng.choice(witness.places)
            said[device.id] = tuple(
                Sign(p, weight if p == dead else -ALIVE_WEIGHT, at if p == dead else NOW) for p in witness.places
            )
    return well, said


@pytest.mark.parametrize("seed", range(60))
def test_nothing_is_lost_by_being_quick(seed: int) -> None:
    rng = random.Random(seed)
    tree = Tree(chance.random_area(rng, meters=rng.choice([3, 12, 40])))
    well, said = sayings(rng, tree)
    score, found = locate(tree, Evidence(said, Living(tree, well.values()), ALIVE_WEIGHT), PRIORS)
    alive = {n: tuple(Sign(p, -ALIVE_WEIGHT, w.alive_at) for p in w.places) for n, w in well.items()}
    assert score == pytest.approx(Slow(tree, {**said, **alive}).best(tree.bottom_up[-1])[0])
    assert sum(one.score for one in found) == pytest.approx(score)
    assert all(said[device] for one in found for device in one.devices)
