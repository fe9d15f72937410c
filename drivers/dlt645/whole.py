"""Answers that hold all of a kind: their parts are told apart by their sizes, with AA between them or without."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol

from drivers.api import Value
from drivers.errors import BadReplyError

SEPARATOR = b"\xaa"
MOST_ROUNDS = 64  # the total and 63 tariffs


class Labelled(NamedTuple):
    """One value of an answer, with its name."""

    name: str
    value: Value
    unit: str


class Part(Protocol):
    """An identifier whose data are a part of the answer: its fields once, or as often as there are tariffs."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    def read(self, data: bytes) -> list[Labelled]:
        """Its values."""


def read_parts(identifier: str, parts: Sequence[Part], data: bytes) -> list[Labelled]:
    """The values of all parts, each under the name of its part. Raises BadReplyError when no way to split it fits."""
    pieces = _separated(parts, data) if SEPARATOR in data else _joined(parts, data)
    if not pieces:
        raise BadReplyError(f"{identifier}: {len(data)} data bytes do not split into what it is made of")
    return [one for part, piece in zip(parts, pieces, strict=True) if piece for one in _named(part, piece)]


def _named(part: Part, piece: bytes) -> Iterator[Labelled]:
    for one in part.read(piece):
        yield one if one.name.startswith(part.name) else one._replace(name=f"{part.name}.{one.name}")


def _separated(parts: Sequence[Part], data: bytes) -> list[bytes]:
    """Between AA, which is no byte of a number or a time; nothing between two of them is a part left out."""
    pieces = data.split(SEPARATOR)
    if len(pieces) == len(parts) + 1 and not pieces[-1]:
        pieces.pop()  # behind the last part too
    return pieces if len(pieces) == len(parts) and any(pieces) else []


def _joined(parts: Sequence[Part], data: bytes) -> list[bytes]:
    """All parts, with as many tariffs as use up the data."""
    once = sum(part.size for part in parts if not part.labels)
    repeated = sum(part.size for part in parts if part.labels)
    rounds, rest = divmod(len(data) - once, repeated)
    if rest or not 0 < rounds <= MOST_ROUNDS:
        return []
    ends = list(accumulate(part.size * (rounds if part.labels else 1) for part in parts))
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
