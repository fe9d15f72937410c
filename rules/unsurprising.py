"""Nodes whose loss of supply would be no surprise: they lost phases, or were dark until now, or it is announced."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rules.area import Device
from rules.case import Case
from rules.topology import Tree
from rules.witness import Witness

PLANNED = 0.5
"""What an announcement leaves of the rarity: one cause with it is likelier than another, two at once are not."""


class Unsurprising:
    """Remembers who was not heard again when an outage ended, and names all nodes that may well be without supply."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness]) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self.left: set[str] = set()
        """Devices of outages that have ended, silent ever since: what was restored was a part, maybe."""

    def ended(self, case: Case) -> None:
        """An outage of a node is over."""
        own = self._tree.below[case.node]
        self.left.update(d.id for d in own if d.id in case.devices and self._witnesses[d.id].silent)

    def rarities(self, lasting: Iterable[Case], planned: Iterable[str]) -> dict[str, float]:
        """All of them now, with the share of its rarity that is left of each.

        `lasting`: failed nodes that nothing will change but their end.
        """
        found = set(self._dark())
        for case in lasting:
            if not case.whole and not case.back_at:
                found.update(self._like(case))
        return dict.fromkeys(planned, PLANNED) | dict.fromkeys(found, 0.0)

    def _dark(self) -> Iterator[str]:
        """The highest nodes below which nobody was heard since an outage ended that they were part of."""
        self.left = {device for device in self.left if self._witnesses[device].silent}
        for start in {self._tree.devices[device].node for device in self.left}:
            dark = [node for node in self._tree.upward[start] if self._is_dark(self._tree.below[node])]
            if dark:
                yield self._tree.common(self.left.intersection(d.id for d in self._tree.below[dark[-1]]))

    def _is_dark(self, below: Sequence[Device]) -> bool:
        telling = [device.id for device in below if self._witnesses[device.id].needs_supply]
        return len(telling) > 1 and self.left.issuperset(telling)

    def _like(self, case: Case) -> Iterator[str]:
        """The node of a case, and all others that its phases cannot tell from it."""
        below = self._tree.bits_below
        own = [below[case.node][place] for place in case.places]
        return (node for node in below if [below[node][place] for place in case.places] == own)
