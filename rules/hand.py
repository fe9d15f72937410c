"""Operators' hand on incidents that last: acknowledged, shelved, worked on. It changes nothing that rules hold."""

from collections.abc import Callable

from rules.book import Book
from rules.incident import Incident, Work


class Hand:
    """Each deed gives the incident as it is to be told; nothing when none lasts under that id."""

    def __init__(self, book: Book, stir: Callable[[], None]) -> None:
        """`stir`: the engine's state changed, and when it has to look again may have."""
        self._book, self._stir = book, stir

    def acknowledge(self, incident: str, by: str, at: float) -> tuple[Incident, ...]:
        """Somebody takes care of it: no more reminders."""
        self._stir()
        return self._book.mark(incident, "acknowledged", at, {"acknowledged_by": by})

    def shelve(self, incident: str, until: float, by: str, at: float) -> tuple[Incident, ...]:
        """Silence until a time, unless it ends or grows in severity."""
        told = self._book.mark(incident, "shelved", at, {"shelved_by": by, "shelved_until": until})
        self._stir()
        return told

    def unshelve(self, incident: str, at: float) -> tuple[Incident, ...]:
        """An end to the silence, with what changed meanwhile."""
        self._stir()
        return self._book.mark(incident, "unshelved", at, {"shelved_by": "", "shelved_until": None})

    def progress(self, incident: str, work: Work, expected_end: float | None, at: float) -> tuple[Incident, ...]:
        """How far the crew is, and when supply is expected back."""
        self._stir()
        return self._book.mark(incident, "progress", at, {"progress": work, "expected_end": expected_end})
