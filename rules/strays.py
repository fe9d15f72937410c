"""Incidents that lasted when the gateway stopped and that nothing holds any more: other files, or another version."""

from collections.abc import Callable, Iterator, Mapping

from rules.book import Book
from rules.incident import Incident

SAYS = "nothing holds it any more since the gateway began anew, on other files or as another version"

Holds = Callable[[str], bool]
"""Whether what a rule told under a key lasts, as far as it remembers."""


def strays(book: Book, holders: Mapping[str, Holds]) -> Iterator[str]:
    """Keys of what lasts and has no holder. `holders`: by what their keys begin with."""
    for key in book.lasting():
        rule, _, rest = key.partition("/")
        if rule not in holders or not holders[rule](rest):
            yield key


def last_words(book: Book, keys: list[str], at: float) -> list[Incident]:
    """Ends what lasts under these keys, and empties the list."""
    told = [book.end(key, at, at, SAYS) for key in keys]
    keys.clear()
    return [incident for incident in told if incident is not None]
