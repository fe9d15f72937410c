"""All evidence on the scales: what devices say, which lines are silent, how much load vanished, what explains it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import hypot
from statistics import median, pstdev

from rules.area import Area
from rules.evidence import WHOLE, Evidence, Living, Sign
from rules.explain import Drop, Explanation, SilentBus, explain
from rules.thresholds import Limits
from rules.topology import Tree
from rules.witness import ALIVE, DEAD, Witness

APPLIANCE_KW = 0.4
"""One appliance more or less is nothing to wonder at, however quiet the last minutes were."""


class Weighing:
    """Turns what the witnesses remember into the best explanation."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._limits = limits["outage"]
        self._certain = limits["comm"]["certainty"]
        self._most, self._alive = self._limits["silence_weight"], self._limits["alive_weight"]
        self.lines: dict[str, list[str]] = {}
        for device in area.devices:
            if device.bus is not None:
                self.lines.setdefault(device.bus, []).append(device.id)
        self._wires = {bus: witnesses[devices[0]].wire for bus, devices in self.lines.items()}
        self._collectors = {bus.id: bus.collector_node for bus in area.buses}
        self._terminals = [device.id for device in area.devices if device.kind in ("ttu", "ltu")]
        self._priors = {name.removeprefix("prior_"): nats for name, nats in self._limits.items() if "prior_" in name}
        self.waiting: set[str] = set()
        """Silent lines whose load no terminal has told of yet, though one will."""

    def signs(self, witness: Witness) -> tuple[Sign, ...]:
        """What a device says, phase by phase."""
        is_silent = witness.is_silent
        if is_silent:
            if witness.needs_supply:
                weight = min(self._most, witness.weight)
                if witness.gasp_at > witness.alive_at:
                    weight += self._most
                place = witness.places[0] if len(witness.places) == 1 else WHOLE
                return (Sign(place, weight, witness.silent_since),)
            if witness.device.kind == "meter":
                return ()
        signs = []
        for place in witness.places:
            if witness.state[place] == DEAD:
                signs.append(Sign(place, self._limits["dead_weight"], witness.dead_at[place]))
            elif witness.state[place] == ALIVE and not is_silent:
                signs.append(Sign(place, -self._alive, witness.alive_at))
        return tuple(signs)

    def weigh(self, unwell: Sequence[Witness], owned: Collection[str]) -> Explanation:
        """The best explanation of what the devices say that are not well; `owned` ones are explained already."""
        free = [witness for witness in unwell if witness.device.id not in owned]
        if not any(witness.is_silent or DEAD in witness.state for witness in free):
            for wire in self._wires.values():
                wire.blame(0.0)
            return Explanation(0.0)
        explanation = self._explained(free, owned)
        if self._blame_noise(free, explanation):
            explanation = self._explained(free, owned)
        return explanation

    def _blame_noise(self, free: list[Witness], explanation: Explanation) -> bool:
        """Silence that no fault explains tells how noisy its line is right now; whether one got much noisier."""
        known = {device for found in explanation.found if not found.alone for device in found.devices}
        known.update(device for bus in (*explanation.buses, *explanation.consequent) for device in bus.devices)
        stray: dict[str, int] = {}
        for witness in free:
            bus = witness.device.bus
            if bus is not None and 0 < witness.silent <= 3 and witness.device.id not in known:
                stray[bus] = stray.get(bus, 0) + 1
        worse = False
        for bus, wire in self._wires.items():
            count = stray.get(bus, 0)
            if count or wire.now:
                was = wire.miss
                wire.blame(count / len(self.lines[bus]) if count > 2 else 0.0)
                worse = worse or wire.miss > 1.5 * was
        return worse

    def _explained(self, free: list[Witness], owned: Collection[str]) -> Explanation:
        evidence = self._evidence(free, owned)
        buses = list(self._silent_buses(owned))
        silent = [w for w in free if w.silent and w.needs_supply]
        drop = self._drop(silent) if buses and silent else None
        waits = bool(buses) and drop is None and self._drop_to_come(silent)
        self.waiting = {bus.id for bus in buses} if waits else set()
        return explain(self._tree, evidence, buses, self._priors, drop)

    def _evidence(self, unwell: Iterable[Witness], owned: Collection[str]) -> Evidence:
        said = {witness.device.id: self.signs(witness) for witness in unwell}
        silent = said.keys() | owned
        well = [witness for name, witness in self._witnesses.items() if name not in silent]
        return Evidence(said, Living(self._tree, well), self._limits["alive_weight"])

    def _silent_buses(self, owned: Collection[str]) -> Iterator[SilentBus]:
        for bus, devices in self.lines.items():
            heard = [self._witnesses[d] for d in devices if d not in owned and self._witnesses[d].at]
            if len(heard) < 2 or any(not witness.silent for witness in heard):
                continue
            weight = sum(min(self._limits["silence_weight"], witness.weight) for witness in heard)
            names = tuple(witness.device.id for witness in heard)
            since = min(witness.silent_since for witness in heard)
            yield SilentBus(bus, names, weight, since, self._collectors.get(bus))

    def _drop(self, silent: list[Witness]) -> Drop | None:
        """Load that vanished at the terminals above the silent devices; None when no terminal can tell."""
        since = sorted(w.silent_since for w in silent)[len(silent) // 5]
        before_at = min(since, median(w.alive_at for w in silent))
        terminals = self._terminals_above(silent)
        observed, noise = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
        for terminal in terminals:
            before = [kw for at, *kw in terminal.history if at <= before_at]
            after = [kw for at, *kw in terminal.history if at >= since]
            if not before or not after or DEAD in terminal.state:
                return None
            for place in range(3):
                observed[place] += before[-1][place] - after[0][place]
                noise[place] += _restless([kw[place] for kw in before]) ** 2
        if not terminals:
            return None
        names = {device.id for terminal in terminals for device in self._tree.below[terminal.device.node]}
        load = {
            w.device.id: tuple(w.power / len(w.places) if place in w.places else 0.0 for place in range(3))
            for w in silent
            if w.power is not None and w.device.id in names and w.device.kind == "meter"
        }
        return Drop(tuple(observed), tuple(part**0.5 for part in noise), load)

    def _drop_to_come(self, silent: list[Witness]) -> bool:
        """Whether a living terminal above the silent devices has not been read since they fell silent."""
        since = sorted(w.silent_since for w in silent)[len(silent) // 5] if silent else 0.0
        above = self._terminals_above(silent)
        return bool(above) and all(t.at < since and DEAD not in t.state and t.history for t in above)

    def _terminals_above(self, silent: list[Witness]) -> list[Witness]:
        """The nearest answering terminals that together see all of these devices."""
        chosen: dict[str, Witness] = {}
        for witness in silent:
            path = self._tree.upward[witness.device.node]
            near = [t for t in self._terminals if self._tree.devices[t].node in path and not self._witnesses[t].silent]
            if not near:
                return []
            nearest = min(near, key=lambda t: path.index(self._tree.devices[t].node))
            chosen[nearest] = self._witnesses[nearest]
        tops = [w for w in chosen.values() if w.device.kind == "ttu"]
        return tops[:1] if tops else list(chosen.values())

    def surprise(self, witness: Witness) -> float:
        """How unlikely what a dead device shows is by chance, in nats."""
        if witness.is_silent and witness.needs_supply:
            gasp = self._limits["silence_weight"] if witness.gasp_at > witness.alive_at else 0.0
            return witness.weight + gasp
        dated = [witness.dead_at[place] for place in witness.places if witness.state[place] == DEAD]
        if not dated:
            return 0.0
        return self._certain if witness.at > min(dated) else self._limits["dead_weight"]

    def fails(self, node: str, others: Collection[str]) -> bool:
        """Whether the evidence without `others` says that this node has failed, and not only a part of it."""
        unwell = [w for name, w in self._witnesses.items() if not w.is_well and name not in others]
        evidence = self._evidence(unwell, others)
        return any(found.node == node for found in explain(self._tree, evidence, (), self._priors, None).found)


def _restless(kw: list[float]) -> float:
    """How much a load moves from one reading to the next by itself, kW."""
    steps = [after - before for before, after in pairwise(kw)]
    usual = 1.5 * pstdev(steps) if len(steps) > 3 else 0.08 * kw[-1]
    return hypot(usual, 0.05 * kw[-1], APPLIANCE_KW)
