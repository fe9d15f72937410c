"""Which frames read the points that are wanted: blocks where they are cheaper than single items."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from drivers.api import Point
from drivers.dlt645.catalog import places
from drivers.dlt645.frame import OVERHEAD
from drivers.dlt645.value import Format, parse_format

IDENTIFIER_BYTES = 4
TURNAROUND_BYTES = 30  # what the silence of one exchange costs, in bytes: some 30 ms at 9600, 130 ms at 2400 baud
EXCHANGE_BYTES = 2 * (OVERHEAD + IDENTIFIER_BYTES) + TURNAROUND_BYTES


class Wanted(NamedTuple):
    """One point, and where its bytes are in the answer."""

    point: Point
    format: Format
    at: int | None = None  # in a block: which of its items; None: the whole answer


class Ask(NamedTuple):
    """One thing to ask for. Several identifiers: their data follow each other and are read together."""

    identifiers: tuple[str, ...]
    wanted: tuple[Wanted, ...]
    singles: tuple["Ask", ...] = ()  # other ways to the same points, should the meter refuse or not answer fully


def plan(points: Iterable[Point], refused: Collection[str] = ()) -> list[Ask]:
    """The asks for these points, without what the device has refused before."""
    singles = _singles(points)
    asks = []
    for block, members in _blocks(list(singles), refused).items():
        taken = {identifier: singles.pop(identifier) for identifier in members}
        wanted = [one._replace(at=members[key]) for key, ask in taken.items() for one in ask.wanted]
        allowed = tuple(ask for ask in taken.values() if ask.identifiers[0] not in refused)
        asks.append(Ask((block,), tuple(wanted), allowed))
    for ask in singles.values():
        if not any(identifier in refused for identifier in ask.identifiers):
            asks.append(ask)
        elif (parts := _in_parts(ask)) and not any(identifier in refused for identifier in parts.identifiers):
            asks.append(parts)
    return asks


def _singles(points: Iterable[Point]) -> dict[str, Ask]:
    """One ask per identifier, with all points that are read from it."""
    singles: dict[str, Ask] = {}
    for point in points:
        wanted = Wanted(point, parse_format(point.format, point.signed))
        where = point.where.upper()
        before = singles.get(where, Ask((where,), ()))
        ask = before._replace(wanted=(*before.wanted, wanted))
        parts = _in_parts(ask)
        if parts and parts.identifiers[0] == where:  # the meter has them in parts only
            ask = parts
        elif parts:
            ask = ask._replace(singles=(parts,))
        singles[where] = ask
    return singles


def _in_parts(ask: Ask) -> Ask | None:
    """The same data out of several identifiers, when the profile says which (`parts`)."""
    parts = ask.wanted[0].point.options.get("parts")
    return Ask(tuple(str(part).upper() for part in parts), ask.wanted) if isinstance(parts, list) else None


def _blocks(identifiers: Sequence[str], refused: Collection[str]) -> dict[str, dict[str, int]]:
    """The blocks worth asking for, with the place of each wanted identifier; no identifier is in two of them."""
    sizes: dict[str, int] = {}
    members: dict[str, dict[str, int]] = {}
    for identifier in identifiers:
        for place in places(identifier):
            if place.block not in refused:
                members.setdefault(place.block, {})[identifier] = place.at
                sizes[place.block] = place.usual
    chosen: dict[str, dict[str, int]] = {}
    taken: set[str] = set()
    for block in sorted(members, key=lambda block: -len(members[block])):
        free = {identifier: index for identifier, index in members[block].items() if identifier not in taken}
        if _saves(len(free), max(sizes[block], *free.values(), 1) if free else 0):
            chosen[block] = free
            taken.update(free)
    return chosen


def _saves(singles: int, rounds: int) -> bool:
    """Whether a block of so many items costs less of the line than asking for the singles; four bytes an item."""
    return singles > 1 and EXCHANGE_BYTES + 4 * rounds < singles * (EXCHANGE_BYTES + 4)
