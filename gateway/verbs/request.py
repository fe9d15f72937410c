"""A request as the verbs get it: who asks for what; and how its arguments are read, or refused with a sentence."""

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Any, TypeVar

import orjson

from gateway.clock import on_calendar

LONGEST_TEXT = 1000
SPAN = re.compile(r"([+-]\d{1,6})([smhd])")
UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Signs that no text has, and that a broker or a terminal takes for something else."""

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


def json_object(payload: bytes | str, what: str) -> Mapping[str, Any]:
    """The object that stands in a payload; `what` it is stands in front of a refusal. Raises RefusedRequestError."""
    try:
        body = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise RefusedRequestError(f"{what} is no JSON ({error})") from error
    if not isinstance(body, dict):
        raise RefusedRequestError(f'{what} must be an object: {{"id": "...", ...}}')
    return body


def text(request: Request, name: str, otherwise: str | None = None) -> str:
    """A text of the request. Raises RefusedRequestError."""
    value = request.arguments.get(name, otherwise)
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or (otherwise is None and not value):
        raise RefusedRequestError(f"'{name}' is missing or no text")
    if CONTROL.search(value):
        raise RefusedRequestError(f"'{name}' holds signs that cannot be printed")
    return value


def number(request: Request, name: str, otherwise: float | None = None) -> float:
    """A number of the request, or a text that is one. Raises RefusedRequestError."""
    value = _number(request.arguments.get(name, otherwise))
    if value is None:
        raise RefusedRequestError(f"'{name}' is missing or no number")
    return value


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if isfinite(found) else None


def moment(request: Request, name: str, now: float, otherwise: float | None = None) -> float:
    """A time of the request, in epoch seconds. Raises RefusedRequestError.

    It may be given as such, as ISO 8601 with its zone, or as a span from now: +90m, +2h, -1d.
    """
    at = _moment(request.arguments.get(name, otherwise), now)
    if at is None:
        raise RefusedRequestError(
            f"'{name}' is missing or no time: epoch seconds, 2026-06-01T14:00:00+08:00, or +90m for 90 minutes from now"
        )
    if not on_calendar(at):
        raise RefusedRequestError(f"'{name}' must be a time from 1970 to 2199; epoch seconds are not milliseconds")
    return at


def _moment(value: object, now: float) -> float | None:
    if (at := _number(value)) is not None and not str(value).startswith(("+", "-")):
        return at
    if isinstance(value, str):
        if span := SPAN.fullmatch(value):
            return now + float(span[1]) * UNITS_S[span[2]]
        with contextlib.suppress(ValueError):
            when = datetime.fromisoformat(value)
            if when.tzinfo is not None:
                return when.timestamp()
    return None


def one_of(request: Request, name: str, choices: Sequence[Word], otherwise: Word | None = None) -> Word:
    """One of some words. Raises RefusedRequestError."""
    value = text(request, name, otherwise)
    for choice in choices:
        if choice == value:
            return choice
    raise RefusedRequestError(f"'{name}' must be one of {', '.join(choices)}")


def texts(request: Request, name: str) -> list[str]:
    """A list of texts, or one text with commas; empty when there is none. Raises RefusedRequestError."""
    value = request.arguments.get(name, [])
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise RefusedRequestError(f"'{name}' must be a list of names")
    return value
