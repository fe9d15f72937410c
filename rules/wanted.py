"""From the best explanation of the evidence to the cases that it calls for."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Set

from rules.case import Case
from rules.doubt import Doubt
from rules.explain import Explanation, SilentBus
from rules.locate import Found
from rules.topology import Tree
from rules.witness import Witness


class Wanted:
    """The cases that should be open, by what explains the evidence now."""

    def __init__(
        self,
        tree: Tree,
        witnesses: Mapping[str, Witness],
        doubt: Doubt,
        lines: Mapping[str, list[str]],
        certain: float,
        cases: Mapping[str, Case],
    ) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._doubt = doubt
        self._lines = lines
        self._certain = certain
        self._cases = cases

    def cases(self, explanation: Explanation, unwell: Iterable[Witness], owned: Collection[str]) -> list[Case]:
        """All of them, without keys yet; those that hold most devices first."""
        wanted: list[Case] = [*self._supply(explanation), *map(self._bus, explanation.buses)]
        for case in wanted:
            if case.consequent or case.kind == "bus":
                case.lead = explanation.lead
        wanted += self._unheard(unwell, owned, {device for case in wanted for device in case.devices})
        return sorted(wanted, key=lambda case: -len(case.devices))

    def _supply(self, explanation: Explanation) -> Iterator[Case]:
        by_node: dict[tuple[str, bool], list[Found]] = {}
        for found in explanation.found:
            by_node.setdefault((found.node, found.alone), []).append(found)
        for (node, alone), parts in by_node.items():
            devices = list(dict.fromkeys(device for part in parts for device in part.devices))
            if alone and not self._doubt.speaks_alone(devices[0]):
                continue
            consequent = [
                b.id for b in explanation.consequent if self._tree.is_within(b.collector_node or "", node)
            ] if not alone else []  # fmt: skip
            dead = [self._witnesses[device] for device in devices]
            after = max((w.alive_at for w in dead if w.is_silent and w.alive_at <= parts[0].since), default=0.0)
            yield Case(
                key="",
                kind="device" if alone and not self._doubt.is_read_dead(devices[0]) else "supply",
                node=node,
                places=sorted({place for part in parts for place in part.places}),
                whole=any(part.whole for part in parts),
                devices=devices,
                since=min(part.since for part in parts),
                after=after,
                consequent=consequent,
                load_kw=sum(sum(drop.observed_kw) for drop in explanation.drops) if explanation.drops else None,
                score=sum(part.score for part in parts),
                alone=alone,
            )

    def _bus(self, bus: SilentBus) -> Case:
        after = max((a for d in bus.devices if (a := self._witnesses[d].alive_at) <= bus.since), default=0.0)
        return Case("", "bus", bus.id, [0, 1, 2], True, list(bus.devices), bus.since, after, score=bus.weight)

    def _unheard(self, unwell: Iterable[Witness], owned: Collection[str], wanted: Set[str]) -> Iterator[Case]:
        """Devices whose silence says nothing of their supply: never heard, or living on a battery."""
        for witness in unwell:
            name = witness.device.id
            if witness.needs_supply or witness.weight < self._certain or name in owned or name in wanted:
                continue
            if witness.device.kind == "neighbour_ttu" or any(self._explains(c, name) for c in self._cases.values()):
                continue
            places = list(witness.places)
            yield Case("", "device", name, places, True, [name], witness.silent_since, witness.alive_at, alone=True)

    def _explains(self, case: Case, device: str) -> bool:
        below = case.of_node and self._tree.covers(case.node, device)
        unheard = any(device in self._lines.get(bus, ()) for bus in case.consequent)
        return below or unheard or (case.kind == "bus" and device in case.devices)
