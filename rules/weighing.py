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

SELDOM = 2.0
"""Polls of the silent devices of a line within which another must have its turn to be waited for."""
APPLIANCE_KW = 0.1
"""A small appliance more or less is nothing to wonder at, however quiet the last minutes were."""
SLIGHT = 3.0
"""Silence that weighs less, in nats, is by chance more often than not: on a noisy line there is always some."""
STEADY = 4
"""Readings of a terminal that say what usually goes unaccounted for."""


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
        self._below = {
            device.id: [witnesses[other.id] for other in tree.below[device.node] if other.kind == "meter"]
            for device in area.devices
            if device.kind in ("ttu", "ltu")
        }
        self._single = {name: _by_place(meters) for name, meters in self._below.items()}
        self._terminals = [device.id for device in area.devices if device.kind in ("ttu", "ltu")]
        self._priors = {name.removeprefix("prior_"): nats for name, nats in self._limits.items() if "prior_" in name}
        self.waiting: set[str] = set()
        """Silent lines whose load no terminal has told of yet, though one will."""

    def signs(self, witness: Witness) -> tuple[Sign, ...]:
        """What a device says, phase by phase."""
        is_silent = witness.is_silent
        if is_silent:
            if witness.needs_supply:
                whole = witness.weight
                weight = min(self._most, whole)
                if witness.gasp_at > witness.alive_at:
                    weight, whole = weight + self._most, whole + self._most
                place = witness.places[0] if len(witness.places) == 1 else WHOLE
                if all(witness.state[own] == DEAD for own in witness.places):  # it told so before its battery was empty
                    return (Sign(place, weight, max(witness.dead_at)),)
                return (Sign(place, weight, witness.silent_since, witness.alive_at, witness.at, witness.silent, whole),)
            if witness.device.kind == "meter":
                return ()
        signs = []
        for place in witness.places:
            if witness.state[place] == DEAD:
                signs.append(Sign(place, self._limits["dead_weight"], witness.dead_at[place]))
            elif witness.state[place] == ALIVE and not is_silent:
                signs.append(Sign(place, -self._alive, witness.alive_at))
        return tuple(signs)

    def weigh(self, unwell: Sequence[Witness], owned: Collection[str], held: Collection[str]) -> Explanation:
        """The best explanation of what the devices say that are not well; `owned` ones are explained already.

        `held`: see `explain`.
        """
        free = [witness for witness in unwell if witness.device.id not in owned]
        if not any(witness.is_silent or DEAD in witness.state for witness in free):
            for wire in self._wires.values():
                wire.blame(0.0)
            return Explanation(0.0)
        explanation = self._explained(free, owned, held)
        if self._blame_noise(free, explanation):
            explanation = self._explained(free, owned, held)
        return explanation

    def _blame_noise(self, free: list[Witness], explanation: Explanation) -> bool:
        """What no fault explains tells how noisy its line is right now; whether one got much noisier.

        That is silence, and beside it answers that came garbled.
        """
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
            if count:
                count += sum(self._witnesses[device].is_garbled for device in self.lines[bus])
            if count or wire.now:
                was = wire.miss
                wire.blame(count / len(self.lines[bus]) if count > 2 else 0.0)
                worse = worse or wire.miss > 1.5 * was
        return worse

    def _explained(self, free: list[Witness], owned: Collection[str], held: Collection[str]) -> Explanation:
        evidence, drop = self._evidence(free, owned), None
        self.waiting = set()
        if buses := list(self._silent_buses(free, owned)):
            silent = [w for w in free if w.needs_supply and not _heard(w)]
            on_lines = {device for bus in buses for device in bus.devices}
            if doubtful := [w for w in silent if w.device.id in on_lines]:
                drop = self._drop(doubtful, silent)
            if drop is None and self._drop_to_come(doubtful):
                self.waiting = {bus.id for bus in buses}
        return explain(self._tree, evidence, buses, self._priors, drop, held)

    def _evidence(self, unwell: Iterable[Witness], owned: Collection[str]) -> Evidence:
        said = {witness.device.id: self.signs(witness) for witness in unwell}
        silent = said.keys() | owned
        well = [witness for name, witness in self._witnesses.items() if name not in silent]
        return Evidence(said, Living(self._tree, well), self._limits["alive_weight"])

    def _silent_buses(self, free: Iterable[Witness], owned: Collection[str]) -> Iterator[SilentBus]:
        silent: dict[str, list[Witness]] = {}
        for witness in free:
            if witness.silent and witness.device.bus is not None:
                silent.setdefault(witness.device.bus, []).append(witness)
        for bus in self.lines:
            devices = silent.get(bus, [])
            if len(devices) < 2 or self._somebody_answers(bus, devices, owned):
                continue
            weight = sum(min(self._most, witness.weight) for witness in devices)
            names = tuple(witness.device.id for witness in devices)
            since = min(witness.silent_since for witness in devices)
            yield SilentBus(bus, names, weight, since, self._collectors.get(bus))

    def _somebody_answers(self, bus: str, silent: list[Witness], owned: Collection[str]) -> bool:
        """Whether a device of a line is heard on which these are silent.

        Not of one that is read so seldom that its turn has not come since: that says nothing.
        """
        since = min([witness.silent_since for witness in silent])
        often = SELDOM * min([witness.period for witness in silent])
        for device in self.lines[bus]:
            other = self._witnesses[device]
            if other.silent or not (other.at >= since or other.period <= often):
                continue
            if other.at and not other.is_garbled and device not in owned:
                return True
        return False

    def account(self, terminal: Witness) -> None:
        """A terminal was read: what its meters, read since the reading before, took of that one."""
        if len(terminal.history) > 1 and len(terminal.history[-2]) == 4 and terminal.device.id in self._single:
            terminal.history[-2][4:] = self._metered(terminal)

    def _metered(self, terminal: Witness) -> list[float]:
        """What the meters below a terminal that are heard draw, kW by phase."""
        single = self._single[terminal.device.id]
        shared = sum([m.power for m in single[WHOLE] if m.power and _heard(m)]) / 3
        return [shared + sum([m.power for m in single[place] if m.power and _heard(m)]) for place in range(3)]

    def _drop(self, doubtful: list[Witness], silent: list[Witness]) -> Drop | None:
        """Load that vanished at the terminals above the doubtful ones of the silent devices; None when none can tell.

        What counts is the load that no answering meter accounts for: it stays what it was when silent meters are
        without supply, and grows by what they draw when only their line is dead.
        """
        since = sorted(w.silent_since for w in doubtful)[len(doubtful) // 5]
        terminals = self._terminals_above(doubtful)
        if not terminals:
            return None
        seen = {meter.device.id: meter for terminal in terminals for meter in self._below[terminal.device.id]}
        fed_in = any((meter.power or 0.0) < 0 for meter in seen.values())
        lump = _summed if fed_in else list  # currents do not tell which of the phases it is that feeds in
        load = {
            w.device.id: tuple(lump([w.power / len(w.places) if place in w.places else 0.0 for place in range(3)]))
            for w in silent
            if w.power is not None and w.device.id in seen
        }
        observed = [sum(kw) for kw in zip(*load.values(), strict=True)]
        noise = [0.0] * len(observed)
        for terminal in terminals:
            rest = self._unaccounted(terminal, since, silent)
            if rest is None or DEAD in terminal.state:
                return None
            before, after = [lump(row) for row in rest[0]], lump(rest[1])
            all_load = lump(terminal.history[-1][1:4])
            for part in range(len(observed)):
                usual = [kw[part] for kw in before]
                observed[part] -= after[part] - median(usual[-STEADY:])
                noise[part] += _restless(usual, all_load[part]) ** 2
        return Drop(tuple(observed), tuple(part**0.5 for part in noise), load)

    def _unaccounted(
        self, terminal: Witness, since: float, silent: list[Witness]
    ) -> tuple[list[list[float]], list[float]] | None:
        """Load at a terminal that no meter accounts for, kW by phase: its readings before, its first one after."""
        before = [
            [row[1 + place] - row[4 + place] for place in range(3)]
            for row, later in pairwise(terminal.history)
            if later[0] <= since and len(row) > 4
        ]
        after = [row for row in terminal.history if row[0] >= since][:2]
        if not before or not after:
            return None
        rest = [
            load - metered for load, metered in zip(after[0][1:4], after[0][4:] or self._metered(terminal), strict=True)
        ]
        if len(after) == 2:
            here = self._single[terminal.device.id]
            for late in [w for w in silent if w.weight - w.weight_since(after[1][0]) < SLIGHT]:
                for place in late.places if late in here[WHOLE] or late in here[late.places[0]] else ():
                    rest[place] += (late.power or 0.0) / len(late.places)  # it was still taken for heard
        return before, rest

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

    def surprise(self, witness: Witness, since: float) -> float:
        """How unlikely what a dead device shows is by chance, in nats. Of silence only what came after `since` counts:
        before that, its fault was not there."""
        if witness.is_silent and witness.needs_supply:
            gasp = self._limits["silence_weight"] if witness.gasp_at > witness.alive_at else 0.0
            return witness.weight_since(since) + gasp
        dated = [witness.dead_at[place] for place in witness.places if witness.state[place] == DEAD]
        if not dated:
            return 0.0
        return self._certain if witness.at > min(dated) else self._limits["dead_weight"]

    def fails(self, node: str, others: Collection[str]) -> bool:
        """Whether the evidence without `others` says that this node has failed, and not only a part of it."""
        unwell = [w for name, w in self._witnesses.items() if not w.is_well and name not in others]
        evidence = self._evidence(unwell, others)
        return any(found.node == node for found in explain(self._tree, evidence, (), self._priors, None).found)


def _heard(meter: Witness) -> bool:
    """Whether it answers, but for what gets lost by chance."""
    return not meter.silent or meter.weight < SLIGHT


def _by_place(meters: Sequence[Witness]) -> list[list[Witness]]:
    """Meters on one phase by that phase; the others under WHOLE."""
    places: list[list[Witness]] = [[], [], [], []]
    for meter in meters:
        places[meter.places[0] if len(meter.places) == 1 else WHOLE].append(meter)
    return places


def _summed(kw: list[float]) -> list[float]:
    return [sum(kw)]


def _restless(kw: list[float], load: float) -> float:
    """How much of a load goes unaccounted for from one reading to the next by itself, kW; `load`: all of it."""
    steps = [after - before for before, after in pairwise(kw)]
    usual = 1.5 * pstdev(steps) if len(steps) > 3 else 0.08 * abs(load)
    return hypot(usual, 0.02 * load, APPLIANCE_KW)
