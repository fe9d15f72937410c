"""What the rules remember over a restart and over an update: plain data by kind, each kind of which may be forgotten.

An update may change the shape of an item. Then that kind is forgotten, and said, and everything else goes on; a
service that cannot start because of its own past would be worse.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

Saved = Mapping[str, object]
Loader = tuple[tuple[str, ...], Callable[[Saved], None]]
"""The kinds of items that a part of the rules reads, and how it takes them up."""

T = TypeVar("T")

UNFIT = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""What a loader raises that meets an item of another shape."""


class StateError(Exception):
    """Saved items of these kinds do not fit this version."""

    def __init__(self, kinds: tuple[str, ...]) -> None:
        super().__init__(", ".join(kinds))
        self.kinds = kinds


def kind_of(name: str) -> str:
    """`device/M1` is of the kind `device`."""
    return name.partition("/")[0]


def items(saved: Saved, kind: str) -> Iterator[tuple[str, Any]]:
    """All items of a kind, by what follows the stroke."""
    for name, kept in saved.items():
        if kind_of(name) == kind:
            yield name.partition("/")[2], kept


def take_up(loaders: Iterable[Loader], saved: Saved) -> None:
    """Give every part its items. Raises StateError at the first part that cannot use them."""
    there = {kind_of(name) for name in saved}
    for kinds, load in loaders:
        if there.isdisjoint(kinds):
            continue
        try:
            load(saved)
        except UNFIT as error:
            raise StateError(kinds) from error


def revived(make: Callable[[Saved], T], saved: Saved) -> tuple[T, list[str]]:
    """`make` from as much of the saved state as fits, and the kinds that had to be forgotten.

    After each failure it is made anew, so that nothing is left half loaded.
    """
    forgotten: list[str] = []
    while True:
        kept = {name: item for name, item in saved.items() if kind_of(name) not in forgotten}
        try:
            return make(kept), forgotten
        except StateError as error:
            forgotten += error.kinds
