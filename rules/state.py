"""The state of all rules as named items of plain data: which have changed, and how they are taken up again."""

from collections.abc import Mapping
from functools import partial
from typing import Protocol

from rules.book import Book
from rules.memory import Loader, Saved, items, take_up
from rules.statistics import Statistics
from rules.wire import Wire
from rules.witness import Witness


class Part(Protocol):
    """A rule with a memory."""

    def dump(self) -> object:
        """Its state as plain data."""

    def load(self, kept: object, /) -> None:
        """Take up the state that `dump` gave."""


class State:
    """Everything that one engine remembers."""

    def __init__(
        self,
        witnesses: Mapping[str, Witness],
        wires: Mapping[str, Wire],
        parts: Mapping[str, Part],
        statistics: Statistics,
        book: Book,
    ) -> None:
        self._owners: Mapping[str, Mapping[str, Witness | Wire]] = {"device": witnesses, "bus": wires}
        self._parts = parts
        self._statistics = statistics
        self._book = book
        self.unsaved: set[str] = set()  # parts that changed since the last call of `changes`
        self.stirred = False  # any of them may have
        self._gone: list[str] = []  # items of devices and lines that are no longer there

    def changes(self) -> dict[str, object | None]:
        """Items that changed since the last call; None: the item is gone."""
        changed: dict[str, object | None] = dict.fromkeys(self._gone)
        self._gone.clear()
        for kind, owners in self._owners.items():
            for name, owner in owners.items():
                if owner.unsaved:
                    owner.unsaved = False
                    changed[f"{kind}/{name}"] = owner.dump()
        if changed:
            self.unsaved.add("pace")
        changed |= self._statistics.changes()
        changed |= {name: self._parts[name].dump() for name in (self._parts if self.stirred else self.unsaved)}
        if self.stirred:
            changed |= self._book.changes()
        self.unsaved.clear()
        self.stirred = False
        return changed

    def load(self, saved: Saved) -> None:
        """Take up what was saved. Raises StateError for what does not fit."""
        loaders: list[Loader] = [
            *(((kind,), partial(_load_each, kind, owners)) for kind, owners in self._owners.items()),
            *(((name,), partial(_load_part, name, part)) for name, part in self._parts.items()),
            (("statistics", "carried"), self._statistics.load),
            (("interruption",), lambda kept: self._statistics.load_interruptions(items(kept, "interruption"))),
            (("incident", "incidents"), self._book.load),
        ]
        take_up(loaders, saved)
        for kind, owners in self._owners.items():
            self._gone += [f"{kind}/{name}" for name, _ in items(saved, kind) if name not in owners]


def _load_each(kind: str, owners: Mapping[str, Part], saved: Saved) -> None:
    for name, kept in items(saved, kind):
        if name in owners:
            owners[name].load(kept)


def _load_part(name: str, part: Part, saved: Saved) -> None:
    part.load(saved[name])
