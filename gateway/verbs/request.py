"""A request as the verbs get it: who asks for what; and how its arguments are read, or refused with a sentence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

LONGEST_TEXT = 1000
Word = TypeVar("Word", bound=str)


class RefusedRequestError(Exception):
    """The request is not obeyed: says why, and what a right one looks like."""


def _untold(_progress: object) -> None:
    """Nobody wants to know how far it is."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for."""

    id: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    operator: str = ""  # as a signature has proved; '' where nobody has to prove who he is
    progress: Callable[[object], None] = _untold  # tells who asked how far it is


def text(request: Request, name: str, otherwise: str | None = None) -> str:
    """A text of the request. Raises RefusedRequestError."""
    value = request.arguments.get(name, otherwise)
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or (otherwise is None and not value):
        raise RefusedRequestError(f"'{name}' is missing or no text")
    return value


def number(request: Request, name: str, otherwise: float | None = None) -> float:
    """A number of the request. Raises RefusedRequestError."""
    value = request.arguments.get(name, otherwise)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise RefusedRequestError(f"'{name}' is missing or no number")
    return float(value)


def one_of(request: Request, name: str, choices: Sequence[Word], otherwise: Word | None = None) -> Word:
    """One of some words. Raises RefusedRequestError."""
    value = text(request, name, otherwise)
    for choice in choices:
        if choice == value:
            return choice
    raise RefusedRequestError(f"'{name}' must be one of {', '.join(choices)}")


def texts(request: Request, name: str) -> list[str]:
    """A list of texts, empty when there is none. Raises RefusedRequestError."""
    value = request.arguments.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise RefusedRequestError(f"'{name}' must be a list of names")
    return value
