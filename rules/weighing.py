"""All evidence on the scales: what devices say, which lines are silent, how much load vanished, what explains it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from rules.area import Area
from rules.drop import Drop, Terminals, heard
from rules.evidence import WHOLE, Evidence, Living, Sign
from rules.explain import Explanation, SilentBus, explain
from rules.thresholds import Limits
from rules.topology import Tree
from rules.witness import ALIVE, DEAD, Witness, unwell_of

SELDOM = 2.0
"""Polls of the silent devices of a line within which another must have its turn to be waited for."""

NOTHING: Mapping[str, float] = MappingProxyType({})


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
        self._on = {bus: [witnesses[device] for device in devices] for bus, devices in self.lines.items()}
        self._collectors = {bus.id: bus.collector_node for bus in area.buses}
        self.terminals = Terminals(tree, witnesses, area)
        self._priors = {name.removeprefix("prior_"): nats for name, nats in self._limits.items() if "prior_" in name}
        self.waiting: set[str] = set()
        """Silent lines whose load no terminal has told of yet, though one will."""
        self.untold: set[str] = set()
        """Those terminals."""

    def signs(self, witness: Witness) -> tuple[Sign, ...]:
        """What a device says, phase by phase."""
        is_silent, gasped = witness.is_silent, witness.gasp_at > witness.alive_at
        if is_silent:
            if witness.needs_supply:
                whole = witness.weight
                weight = whole if whole < self._most else self._most
                if gasped:
                    weight, whole = weight + self._most, whole + self._most
                place = witness.places[0] if len(witness.places) == 1 else WHOLE
                if witness.is_dead:  # it told so before its battery was empty
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

    def weigh(
        self,
        unwell: Sequence[Witness],
        owned: Collection[str],
        held: Collection[str],
        rarity: Mapping[str, float],
    ) -> Explanation:
        """The best explanation of what the devices say that are not well; `owned` ones are explained already.

        `held`: see `explain`; `rarity`: see `Evidence`.
        """
        free = [witness for witness in unwell if witness.device.id not in owned]
        if not any(witness.is_silent or DEAD in witness.state for witness in free):
            for wire in self._wires.values():
                wire.blame(0.0)
            return Explanation(0.0)
        explanation = self._explained(free, owned, held, rarity)
        if self._blame_noise(free, explanation):
            explanation = self._explained(free, owned, held, rarity)
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
                count += sum([witness.is_garbled for witness in self._on[bus]])
            if count or wire.now:
                was = wire.miss
                wire.blame(count / len(self.lines[bus]) if count > 2 else 0.0)
                worse = worse or wire.miss > 1.5 * was
        return worse

    def _explained(
        self, free: list[Witness], owned: Collection[str], held: Collection[str], rarity: Mapping[str, float]
    ) -> Explanation:
        evidence = self._evidence(free, owned, rarity)
        drops: tuple[Drop, ...] = ()
        self.waiting, self.untold = set(), set()
        if buses := list(self._silent_buses(free, owned)):
            sure = {device for bus in buses if bus.weight >= self._certain for device in bus.devices}
            silent = [w for w in free if w.needs_supply and (not heard(w) or w.device.id in sure)]
            on_lines = {device for bus in buses for device in bus.devices}
            if doubtful := [w for w in silent if w.device.id in on_lines]:
                drops = self.terminals.drops(doubtful, silent)
            if not drops and self.terminals.is_to_tell(doubtful):
                self.waiting = {bus.id for bus in buses}
                self.untold = {terminal.device.id for terminal in self.terminals.above(doubtful)}
        return explain(self._tree, evidence, buses, self._priors, drops, held)

    def _evidence(
        self, unwell: Iterable[Witness], owned: Collection[str], rarity: Mapping[str, float] = NOTHING
    ) -> Evidence:
        said = {witness.device.id: self.signs(witness) for witness in unwell}
        living = Living(self._tree, self._witnesses.values(), said.keys() | owned)
        return Evidence(said, living, self._alive, rarity)

    def _silent_buses(self, free: Iterable[Witness], owned: Collection[str]) -> Iterator[SilentBus]:
        silent: dict[str, list[Witness]] = {}
        for witness in free:
            if witness.silent and witness.device.bus is not None:
                silent.setdefault(witness.device.bus, []).append(witness)
        for bus in self.lines:
            devices = silent.get(bus, [])
            if len(devices) < 2 or self._somebody_answers(bus, devices, owned):
                continue
            weights = {witness.device.id: min(self._most, witness.weight) for witness in devices}
            since = min(witness.silent_since for witness in devices)
            yield SilentBus(bus, weights, since, self._collectors.get(bus))

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
        unwell = [witness for witness in unwell_of(self._witnesses.values()) if witness.device.id not in others]
        evidence = self._evidence(unwell, others)
        return any(found.node == node for found in explain(self._tree, evidence, (), self._priors, ()).found)
