"""The audit log as it is read: each line is a record that holds the hash of the line before it.

A line is a JSON object; its hash is the SHA-256 of its bytes without the line's end, so that any tool can check it.
Whoever changes, adds or takes out a line breaks the chain behind it; whoever cuts off its end is found out by the last
hash that was published.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

NOTHING = "0" * 64
"""What the very first record follows."""

HASH = re.compile(r"[0-9a-f]{64}")

CONTINUED = "continued"
"""The kind of a file's first record when another file came before."""

_NAME = re.compile(r"^audit-(\d+)\.log$")
_FIXED = ("seq", "at", "previous", "what")


@dataclass(frozen=True, slots=True)
class Record:
    """One line."""

    seq: int  # counted from 1, on from file to file
    at: str  # ISO 8601, by the gateway's clock
    previous: str
    what: str
    told: Mapping[str, Any]  # the other fields
    hash: str


class ChainError(Exception):
    """A line does not follow from the one before it: says the file, the line, and what is wrong with it."""


def line(seq: int, at: str, previous: str, what: str, told: Mapping[str, object]) -> bytes:
    """A record as bytes, with the line's end."""
    return orjson.dumps({"seq": seq, "at": at, "previous": previous, "what": what, **told}) + b"\n"


def hashed(raw: bytes) -> str:
    """The hash of a line, with or without its end."""
    return hashlib.sha256(raw.removesuffix(b"\n")).hexdigest()


def files(folder: Path) -> list[Path]:
    """The files of a log, the oldest first."""
    return sorted((path for path in folder.glob("audit-*.log") if _NAME.match(path.name)), key=number)


def number(path: Path) -> int:
    """Which file of the log this is; 0 for a name of another kind."""
    found = _NAME.match(path.name)
    return int(found[1]) if found else 0


def whole_lines(raw: bytes) -> int:
    """How many bytes of a file are lines that ended; what follows was being written when the power went."""
    return raw.rfind(b"\n") + 1


def records(paths: Sequence[Path]) -> Iterator[Record]:
    """The records of these files, one after the other. Raises ChainError at the first that is wrong, and OSError.

    The first of all is taken on trust when another file came before it. A torn last line is left out: nothing was
    done on the strength of it.
    """
    last: Record | None = None
    for path in paths:
        raw = path.read_bytes()
        for count, text in enumerate(raw[: whole_lines(raw)].splitlines(), start=1):
            last = _next(f"{path}:{count}", text, last)
            yield last
        torn = raw[whole_lines(raw) :]
        if torn and path != paths[-1]:
            raise ChainError(f"{path}: ends in the middle of a record, and another file follows")


def _next(place: str, text: bytes, last: Record | None) -> Record:
    try:
        table = orjson.loads(text)
        seq, at, previous, what = (table.pop(key) for key in _FIXED)
    except (orjson.JSONDecodeError, KeyError, AttributeError, TypeError) as error:
        raise ChainError(f"{place}: is no record of an audit log") from error
    expected = (last.hash, last.seq + 1) if last is not None else (previous, seq)
    if last is None and what != CONTINUED:
        expected = NOTHING, 1
    if seq != expected[1]:
        raise ChainError(f"{place}: is record {seq} where {expected[1]} should be: lines were taken out or put in")
    if previous != expected[0]:
        raise ChainError(f"{place}: does not follow the record before it: one of the two was changed")
    return Record(seq, at, previous, what, table, hashed(text))
