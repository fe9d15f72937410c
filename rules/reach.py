"""How far a fault reaches: whether those that were heard since bound it, so that nobody still to be heard can move it.

The nearest others that feel a fault further up answer well; on every line somebody beyond it answers; every phase that
it takes shows so, and every other lives. To wait for the rest of a round would only cost time.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from rules.area import Device
from rules.case import Case
from rules.topology import Tree
from rules.witness import ALIVE, DEAD, Witness

TWO = 2
"""Devices that must live where a fault ends: one may hang elsewhere, or on another phase, than the topology says."""
FEW = 3
"""Fewer devices without supply, on lines that are well, leave open whether the others' lines are; fewer of another
fault leave open whether it is one."""


class Reach:
    """Judges the cases of one area."""

    def __init__(
        self,
        tree: Tree,
        witnesses: Mapping[str, Witness],
        lines: Mapping[str, Sequence[str]],
        cases: Mapping[str, Case],
    ) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._lines = lines
        self._cases = cases

    def is_bounded(self, case: Case, since: float) -> bool:
        """Whether no device that is still to be heard could move a failed node, which was seen at `since` first."""
        ends = self._is_whole(case, since) and self._ends_above(case, since)
        return ends and not self._may_be_lines(case, since) and not self._may_be_noise(case)

    def _is_whole(self, case: Case, since: float) -> bool:
        """Whether it shows on every phase that it takes, and all others below its node live."""
        below, dead = self._tree.below[case.node], set(case.devices)
        for place, phase in enumerate("ABC"):
            on_it = [device for device in below if phase in device.phases]
            if not on_it:
                continue
            if place in case.places and dead.isdisjoint(device.id for device in on_it):
                return False
            if place not in case.places and not self._live(on_it, (place,), since):
                return False
        return True

    def _ends_above(self, case: Case, since: float) -> bool:
        """Whether what feeds the node lives: those do that would be dead as well."""
        size = len(self._tree.below[case.node])
        above = (node for node in self._tree.upward[case.node] if len(self._tree.below[node]) > size)
        node = next(above, None)
        if node is None:
            return True
        beside = [device for device in self._tree.below[node] if not self._tree.covers(case.node, device.id)]
        return self._live(beside, case.places, since)

    def _live(self, devices: Collection[Device], places: Iterable[int], since: float) -> bool:
        """Whether these phases are alive at some of these devices, or at the only one."""
        heard = [w for device in devices if (w := self._witnesses[device.id]).alive_at > since and not w.is_silent]
        return all(
            sum([w.state[place] == ALIVE for w in heard])
            >= min(TWO, sum(["ABC"[place] in device.phases for device in devices]))
            for place in places
        )

    def _may_be_lines(self, case: Case, since: float) -> bool:
        """Whether its devices may be silent because their lines are: of one nobody answers as far as was heard."""
        dead = [self._witnesses[device] for device in case.devices]
        if any(not w.is_silent and DEAD in w.state for w in dead):
            return False
        lines = {line: self._lines.get(line, ()) for line in {w.device.bus or "" for w in dead}}
        silent = {line for line, on_it in lines.items() if all(self._witnesses[d].alive_at <= since for d in on_it)}
        is_open = any(0 < self._witnesses[device].at < since for line in silent for device in lines[line])
        return is_open and sum((w.device.bus or "") not in silent for w in dead) < FEW

    def _may_be_noise(self, case: Case) -> bool:
        """Whether others on its lines fell silent that no fault explains: a line that loses answers makes up faults."""
        known = {d for one in self._cases.values() if len(one.devices) >= FEW for d in one.devices}.union(case.devices)
        lines = {self._tree.devices[device].bus or "" for device in case.devices}
        silent = (self._witnesses[d] for line in lines for d in self._lines.get(line, ()) if d not in known)
        return sum(w.silent > 0 and not w.excused for w in silent) >= TWO
