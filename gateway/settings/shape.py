"""Checks a table against records, with pydantic, and says each fault in words that a fitter can act on."""

import difflib
from collections.abc import Sequence
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from gateway.settings.fault import Fault, SettingsError
from gateway.settings.toml_file import TomlFile

T = TypeVar("T")
_NAMED = 12
"""So many known words are listed when none is near to what was written."""


def shaped(adapter: TypeAdapter[T], file: TomlFile) -> T:
    """The file as records. Raises SettingsError with all faults that stand in the way."""
    if file.faults:
        raise SettingsError(file.faults)
    try:
        # by way of JSON, so that strict checking still takes arrays for tuples and texts for paths
        return adapter.validate_json(orjson.dumps(file.table))
    except ValidationError as error:
        raise SettingsError([_fault(file, detail) for detail in error.errors()]) from error


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
            return f"{given!r} must not contain + or #, nor / in an id (it becomes part of MQTT topics)."
        case "string_type":
            return f"{given!r} must be a text: put it in quotes."
        case "int_type" | "float_type" if isinstance(given, str):
            return f"{given!r} must be a number: take the quotes away."
        case "dataclass_type":
            return "must be a table with keys of its own."
        case _:
            return f"{given!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}."
