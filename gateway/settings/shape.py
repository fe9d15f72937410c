"""Checks a table against records, with pydantic, and says each fault in words that a fitter can act on."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from gateway.settings.fault import Fault
from gateway.settings.toml_file import KeyPath, TomlFile

T = TypeVar("T")
_TURNS = 3
"""So often a faulty file is patched: what took a wrong value's place may be wrong in its turn."""

_NAMED = 12
"""So many known words are listed when none is near to what was written."""


@dataclass(frozen=True, slots=True)
class Shaped(Generic[T]):
    """A file as records, and its faults. With faults, what was wrong is left out or replaced, so that the rest can be
    checked too; None when that cannot be done.
    """

    found: T | None
    faults: list[Fault]


def shaped(adapter: TypeAdapter[T], file: TomlFile) -> Shaped[T]:
    """The file as records; every fault that is not about two places at once."""
    faults = list(file.faults)
    if faults:
        return Shaped(None, faults)
    # by way of JSON, so that strict checking still takes arrays for tuples and texts for paths
    try:
        table = orjson.loads(orjson.dumps(file.table))
    except orjson.JSONEncodeError:
        return Shaped(None, [file.fault(path, "is larger than any number here may be.") for path in _huge(file.table)])
    for _ in range(_TURNS):
        try:
            return Shaped(adapter.validate_json(orjson.dumps(table)), faults)
        except ValidationError as error:
            details = error.errors()
        faults = faults or [_fault(file, detail) for detail in details]
        for detail in details:
            _patch(table, detail)
    return Shaped(None, faults)


def _huge(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Where integers stand that do not fit into 64 bits."""
    if isinstance(value, int) and abs(value) >= 1 << 63:
        yield path
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _huge(part, (*path, key))


def fresh(known: Sequence[Fault], more: Iterable[Fault]) -> list[Fault]:
    """Both, without a second fault of a key that has one: it would be about what took the wrong value's place."""
    taken = {(fault.line, fault.field) for fault in known}
    return [*known, *(fault for fault in more if (fault.line, fault.field) not in taken)]


def _patch(table: dict[str, Any], detail: ErrorDetails) -> None:
    """Something passable in place of a wrong value: the first word allowed, the text of a number, else the default."""
    *way, key = detail["loc"]
    place: Any = table
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place.get(part)
        if not isinstance(place, dict | list):
            return
    match detail["type"]:
        case "missing" | "missing_argument":
            place[key] = "?"
        case "literal_error":
            place[key] = str(detail["ctx"]["expected"]).split("'")[1]
        case "string_type":
            place[key] = str(detail["input"])
        case _ if isinstance(place, dict):
            place.pop(str(key), None)


def closest(word: str, known: Sequence[str]) -> str:
    """What the writer may have meant, or what there is."""
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return f"there is {', '.join(map(repr, known[:_NAMED]))}{more}" if known else "there is none"


def _fault(file: TomlFile, detail: ErrorDetails) -> Fault:
    path = tuple(part for part in detail["loc"])
    return file.fault(path, _words(detail))


def _words(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    given: Any = detail["input"]
    match kind:
        case "missing" | "missing_argument":
            return "is missing. Add it."
        case "extra_forbidden" | "unexpected_keyword_argument":
            return "is not known here. Check the spelling, or take it out."
        case "literal_error":
            return f"{given!r} is not one of {context['expected']}."
        case "predicate_failed":
            return (
                f"{given!r} must be printable, without + and #, an id also without / (it becomes part of MQTT topics)."
            )
        case "tuple_type" | "list_type":
            return f"{given!r} must be a list: put it in brackets."
        case "dict_type" | "dataclass_type" if not isinstance(given, dict):
            return f"{given!r} must be a table with keys of its own."
        case "string_type":
            return f"{given!r} must be a text: put it in quotes."
        case "int_type" | "float_type" if isinstance(given, str):
            return f"{given!r} must be a number: take the quotes away."
        case "dataclass_type":
            return "must be a table with keys of its own."
        case _:
            return f"{given!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}."
