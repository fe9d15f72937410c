"""A TOML file as a table that knows on which line each of its keys stands."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.settings.fault import Fault

KeyPath = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_AT_LINE = re.compile(r"\(at line (\d+), column (\d+)\)")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """What a file holds, and where in it."""

    path: Path
    table: dict[str, Any]
    lines: dict[KeyPath, int]
    faults: tuple[Fault, ...] = ()  # why it could not be read at all

    def line(self, path: Sequence[str | int]) -> int:
        """The line of a key, or of the closest table around it; 0 when nothing of it stands in the file."""
        for end in range(len(path), 0, -1):
            if (line := self.lines.get(tuple(path[:end]))) is not None:
                return line
        return 0

    def fault(self, path: Sequence[str | int], says: str) -> Fault:
        return Fault(self.path, self.line(path), field_name(path), says)


def read_toml(path: Path) -> TomlFile:
    """Never raises: a file that is missing or no TOML has its fault inside and an empty table."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        return _unreadable(path, 0, f"cannot be read: {error.strerror}. Create it or correct its name.")
    except UnicodeDecodeError as error:
        return _unreadable(path, 0, f"is not UTF-8 at byte {error.start}. Save it as UTF-8.")
    try:
        return TomlFile(path, tomllib.loads(text), _lines(text))
    except tomllib.TOMLDecodeError as error:
        at = _AT_LINE.search(str(error))
        says = _AT_LINE.sub("", str(error)).strip()
        column = f" at column {at[2]}" if at else ""
        return _unreadable(path, int(at[1]) if at else 0, f"is no TOML{column}: {says}. Texts need quotes.")


def field_name(path: Sequence[str | int]) -> str:
    """('line', 0, 'port') as people count: line[1].port."""
    return "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _unreadable(path: Path, line: int, says: str) -> TomlFile:
    return TomlFile(path, {}, {}, (Fault(path, line, "", says),))


def _lines(text: str) -> dict[KeyPath, int]:
    """Line numbers of all headers and of keys at the start of a line; inline tables count as their first line."""
    found: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _resolve(_parts(header[2]), counts)
            if header[1] == "[[":
                index = counts.get(table, -1) + 1
                counts[table] = index
                found.setdefault(table, number)
                table = (*table, index)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, *_parts(key[1])), number)
    return found


def _resolve(parts: KeyPath, counts: dict[KeyPath, int]) -> KeyPath:
    """A header's path with the index of the array entry that it continues, except for its last part."""
    path: KeyPath = ()
    for part in parts[:-1]:
        path = (*path, part)
        if path in counts:
            path = (*path, counts[path])
    return (*path, parts[-1])


def _parts(dotted: str) -> KeyPath:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
