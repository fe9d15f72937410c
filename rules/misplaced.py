"""Devices that lose supply with a fault which the topology does not put them behind: they hang elsewhere."""

from collections.abc import Iterable, Mapping

from rules.case import Case
from rules.doubt import Doubt
from rules.thresholds import Limits
from rules.topology import Tree
from rules.witness import Witness

FEW = 3
"""Fewer devices without supply at once are no fault that another is counted to."""


class Misplaced:
    """Finds the fault that such a device belongs to, and remembers the device."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, doubt: Doubt) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._together_polls = limits["outage"]["settle_polls"]
        self._doubt = doubt
        self.found: dict[str, list[str]] = {}
        """By device: what the topology says of it, and with what it lost supply."""
        self.refuted: set[str] = set()
        """Since the last step: devices that fell silent by themselves after all."""

    def host(self, want: Case, cases: Iterable[Case]) -> Case | None:
        """The fault that began with this, when it is more likely than two at once."""
        sure = (case for case in cases if case.of_node and case.stage == "confirmed")
        return next((case for case in sure if self._is_on_phase(want, case) or self._fell_with(want, case)), None)

    def take(self, want: Case, host: Case) -> None:
        """Count these devices to a fault."""
        host.devices += [device for device in want.devices if device not in host.devices]
        where = host.node if host.whole else f"phase {host.letters} of {host.node}"
        self.found |= {device: [self._said(device), where] for device in want.devices}

    def left_behind(self) -> set[str]:
        """Those that are silent. When what they were counted to is over, their silence is their own."""
        return {device for device in self.found if self._witnesses[device].silent}

    def refute(self, device: str) -> None:
        """It did not come back with what it was counted to."""
        if self.found.pop(device, None) is not None:
            self.refuted.add(device)

    def _is_on_phase(self, want: Case, case: Case) -> bool:
        """Whether a lost phase above these devices is theirs, though they are said to be on another."""
        if case.whole or want.kind == "bus":
            return False
        together = abs(want.since - case.since) <= self._together_polls * self._doubt.cycle(want.devices)
        small = 3 * len(want.devices) <= len(case.devices)
        return together and small and all(self._tree.covers(case.node, device) for device in want.devices)

    def _fell_with(self, want: Case, case: Case) -> bool:
        """Whether a meter lost its voice at the very moment when others of its line lost supply elsewhere."""
        if want.kind != "device" or not case.whole or len(case.devices) < FEW:
            return False
        (device,) = want.devices
        witness, line = self._witnesses[device], self._tree.devices[device].bus
        at_once = witness.alive_at <= case.since and case.after <= witness.silent_since
        known = witness.silent_since - witness.alive_at <= 2 * witness.period  # else it may have been at any time
        near = any(self._tree.devices[other].bus == line for other in case.devices)
        return witness.needs_supply and at_once and known and near

    def _said(self, device: str) -> str:
        return f"{self._tree.devices[device].node} {self._tree.devices[device].phases}"

    def dump(self) -> object:
        """Its state as plain data."""
        return self.found

    def load(self, kept: Mapping[str, list[str]]) -> None:
        """Take up the state that `dump` gave, as far as the topology still says the same."""
        known = {device: row for device, row in kept.items() if device in self._tree.devices}
        self.found = {device: row for device, row in known.items() if row[0] == self._said(device)}
