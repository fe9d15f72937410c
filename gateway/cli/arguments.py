"""Arguments of a request as people type them: NAME=VALUE is a text, NAME:=VALUE is JSON (a number, a list)."""

from collections.abc import Iterable, Mapping

import orjson


class ArgumentError(Exception):
    """A word is no argument: says which one, and what it should look like."""


def arguments_of(words: Iterable[str]) -> Mapping[str, object]:
    """The arguments by name. Raises ArgumentError."""
    found: dict[str, object] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip(":"):
            raise ArgumentError(f"{word!r} is no argument; write NAME=VALUE, or NAME:=VALUE for a number or a list")
        if name.rstrip(":") in found:
            raise ArgumentError(f"{name.rstrip(':')!r} is said twice")
        found[name.rstrip(":")] = _json(word, value) if name.endswith(":") else value
    return found


def _json(word: str, value: str) -> object:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise ArgumentError(f'{word!r}: {value!r} is no JSON; write NAME:=12 or \'NAME:=["a","b"]\'') from error
