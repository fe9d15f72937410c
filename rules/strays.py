"""Incidents that lasted when the gateway stopped and that nothing holds any more: other files, or another version."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from rules.book import Book
from rules.incident import Incident
from rules.pace import NEVER
from rules.topology import Tree

PATIENCE_S = 7200.0
"""How long a rule whose memory did not fit this version may take to find again what lasts."""

NOT_HELD = "nothing holds it any more since the gateway began anew, on other files or as another version"


class Holder(NamedTuple):
    """A rule that tells of incidents."""

    memory: str  # the kind of saved items in which it remembers them
    holds: Callable[[str], bool]  # whether one lasts, by its key without the rule's name, as far as is remembered


class Strays:
    """Found once, when everything that was saved is taken up, and ended."""

    def __init__(self, tree: Tree, book: Book, holders: Mapping[str, Holder], remembered: Collection[str]) -> None:
        """`holders`: by what their keys begin with; `remembered`: the kinds of saved items that were taken up."""
        self._book, self._holders = book, holders
        self.deadline = NEVER  # when those must be looked at again that a rule may still find; epoch seconds
        self._doubtful: list[str] = []
        places = {*tree.nodes, *tree.devices, *(device.bus for device in tree.area.devices)}
        unheld = [(key, one) for key, one in book.items() if not self._is_held(key)]
        for key, one in unheld:
            holder = holders.get(key.partition("/")[0])
            if holder is not None and holder.memory not in remembered and one.node in places:
                self._doubtful.append(key)
            else:
                book.abandon(key)
        self.waiting = bool(unheld)  # for the next step

    def step(self, at: float) -> list[Incident]:
        """Last words on what is due."""
        if not self.waiting and at < self.deadline:
            return []
        said = self._book.last_words(at, NOT_HELD)
        if self.waiting:
            self.waiting, self.deadline = False, at + PATIENCE_S if self._doubtful else NEVER
            return said
        lost = [key for key in self._doubtful if not self._is_held(key)]
        self._doubtful, self.deadline = [], NEVER
        return [told for key in lost if (told := self._book.end(key, at, at, NOT_HELD)) is not None]

    def _is_held(self, key: str) -> bool:
        rule, _, rest = key.partition("/")
        return rule in self._holders and self._holders[rule].holds(rest)
