"""The identifiers of DL/T 645: what each one holds. The facts are in identifiers/*.toml; here they are found and read.

A row of those files is a family: `0001ttss` stands for every identifier that has a tariff and a settlement period in
those places. Families are never expanded; an identifier is matched when somebody asks for it.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from itertools import product
from typing import Any, Literal, NamedTuple

from drivers.api import Value
from drivers.dlt645.value import Format, parse_format, without_separators
from drivers.dlt645.whole import Labelled, read_parts
from drivers.errors import BadReplyError, RequestError

Edition = Literal["1997", "2007"]

_LETTERS = re.compile(r"([g-z])\1*")  # letters that are no hex digits, in a row: an axis


class Field(NamedTuple):
    """One value inside the data of an identifier."""

    name: str  # empty when it is the item itself
    format: Format
    unit: str
    notation: str


@dataclass(frozen=True, slots=True)
class Item:
    """One identifier: its name, what it is in words, and how its data are read."""

    identifier: str
    name: str
    title: str
    edition: Edition
    fields: tuple[Field, ...]
    labels: tuple[str, ...] = ()  # when the fields are repeated: what each round adds to the name
    writable: bool = False
    bits: Mapping[int, str] = field(default_factory=dict)  # of a word: what a 1 means
    readable: bool = True
    parts: tuple[str, ...] = ()  # identifiers whose data it holds one after the other
    _read: Callable[[bytes], Value] = field(init=False, repr=False, compare=False)  # of the first field
    _first: int = field(init=False, repr=False, compare=False)  # its bytes

    def __post_init__(self) -> None:
        object.__setattr__(self, "_read", self.fields[0].format.read)
        object.__setattr__(self, "_first", self.fields[0].format.size)

    @property
    def size(self) -> int:
        """Bytes of one round of the fields; 0 when a field takes whatever there is."""
        sizes = [one.format.size for one in self.fields]
        return sum(sizes) if all(sizes) else 0

    def value(self, data: bytes) -> Value:
        """The value of an item that is one. Raises BadReplyError when the length cannot be right."""
        if len(data) != self._first and self._first:
            raise BadReplyError(f"{self.identifier}: {len(data)} data bytes, {self.name} is {self._first}")
        return self._read(data)

    def read(self, data: bytes) -> list[Labelled]:
        """All values in an answer's data. Raises BadReplyError when the length cannot be right."""
        if self.parts:
            return read_parts(self.identifier, [part for name in self.parts if (part := find(name))], data)
        size = self.size
        if not size or (len(self.fields) == 1 and not self.labels):
            return [Labelled(self.fields[0].name or self.name, self.value(data), self.fields[0].unit)]
        if self.labels:
            data = without_separators(data, size)
        rounds, rest = divmod(len(data), size)
        if rest or (rounds != 1 and not 0 < rounds <= len(self.labels)):
            raise BadReplyError(f"{self.identifier}: {len(data)} data bytes, {self.name} is made of {size}")
        values = []
        for turn in range(rounds):
            at = turn * size
            for name, how, unit, _ in self.fields:
                values.append(Labelled(self._label(name, turn), how.read(data[at : at + how.size]), unit))
                at += how.size
        return values

    def write(self, values: Sequence[Value]) -> bytes:
        """The data of an answer or of a write. Raises RequestError for a value its format cannot hold."""
        rounds, rest = divmod(len(values), len(self.fields))
        if rest or not 0 < rounds <= max(1, len(self.labels)):
            raise RequestError(f"{self.identifier}: {len(values)} values, {self.name} has {len(self.fields)}")
        return b"".join(self.fields[at % len(self.fields)].format.write(value) for at, value in enumerate(values))

    def _label(self, name: str, turn: int) -> str:
        suffix = self.labels[turn] if self.labels else ""
        return f"{self.name}{suffix}" if not name else f"{name}{suffix}"


class Code(NamedTuple):
    """One code of an axis."""

    digits: str
    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Axis:
    """What letters in an identifier stand for."""

    codes: Mapping[str, Code]
    block: bool
    usual: int  # how many a meter gives in a block

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(code.name for code in self.codes.values())


@dataclass(frozen=True, slots=True)
class Family:
    """One row of the catalogue."""

    where: str
    name: str
    title: str
    edition: Edition
    fields: tuple[Field, ...]
    repeat: str
    writable: bool
    readable: bool
    bits: Mapping[str, Any]
    parts: tuple[str, ...]  # what stands in place of FF, in the order of an answer
    shape: re.Pattern[str]
    axes: tuple[str, ...]

    def item(self, identifier: str) -> Item | None:
        """What this identifier is, when it belongs to the family."""
        match = self.shape.fullmatch(identifier)
        if not match:
            return None
        name, words, labels = self.name, [self.title], axes()[self.repeat].labels if self.repeat else ()
        for letters in self.axes:
            axis, digits = axes()[letters], match[letters]
            if axis.block and not digits.strip("F"):
                if labels:
                    return None  # two blocks at once: nobody says how they follow each other
                labels = axis.labels
                words.append("block")
            elif code := axis.codes.get(digits):
                name += code.name
                words.append(code.title)
            else:
                return None
        title = ", ".join(word for word in words if word)
        bits = self.bits.get(identifier, self.bits)
        parts = tuple(f"{identifier[:4]}{part}{identifier[6:]}" for part in self.parts)
        told = (self.writable, _numbered(bits), self.readable, parts)
        return Item(identifier, name, title, self.edition, self.fields, labels, *told)


class Place(NamedTuple):
    """Where an identifier stands in the block that holds it."""

    block: str
    at: int
    usual: int  # how many the block is likely to hold


@lru_cache(maxsize=4096)
def find(identifier: str) -> Item | None:
    """What an identifier (eight digits, or four of edition 1997) holds, or None when nobody has said."""
    identifier = identifier.upper()
    for family in _shelves().get((len(identifier), identifier[:2]), ()):
        if item := family.item(identifier):
            return item
    return None


@lru_cache(maxsize=4096)
def carried(wire: bytes) -> Item | None:
    """The same for an identifier as frames carry it, low byte first."""
    return find(wire[::-1].hex())


@lru_cache(maxsize=4096)
def places(identifier: str) -> tuple[Place, ...]:
    """The blocks that hold this identifier among others."""
    found = []
    for family in _shelves().get((len(identifier), identifier[:2]), ()):
        match = family.shape.fullmatch(identifier)
        if not match or not family.item(identifier) or family.repeat:
            continue
        for letters in family.axes:
            axis, digits = axes()[letters], match[letters]
            if axis.block and digits in axis.codes:
                block = identifier[: match.start(letters)] + "F" * len(letters) + identifier[match.end(letters) :]
                found.append(Place(block, list(axis.codes).index(digits), axis.usual))
        break
    return tuple(found)


@lru_cache(maxsize=256)
def members(block: str) -> tuple[str, ...]:
    """The identifiers that a block holds, in its order; empty when it is no block."""
    for family in _shelves().get((len(block), block[:2]), ()):
        match = family.shape.fullmatch(block)
        if not match or not family.item(block) or family.repeat:
            continue
        for letters in family.axes:
            if not match[letters].strip("F") and axes()[letters].block:
                head, tail = block[: match.start(letters)], block[match.end(letters) :]
                return tuple(f"{head}{digits}{tail}" for digits in axes()[letters].codes)
    return ()


@cache
def families() -> tuple[Family, ...]:
    """Every row of the catalogue; those with fewer letters first, so that the particular wins over the general."""
    rows: list[Family] = []
    for entry in sorted(files("drivers.dlt645").joinpath("identifiers").iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml") and entry.name != "axes.toml":
            rows += _families(tomllib.loads(entry.read_text(encoding="utf-8")))
    return tuple(sorted(rows, key=lambda family: sum(len(letters) for letters in family.axes)))


@cache
def axes() -> Mapping[str, Axis]:
    """The axes by their letters."""
    text = files("drivers.dlt645").joinpath("identifiers", "axes.toml").read_text(encoding="utf-8")
    return {letters: _axis(letters, table) for letters, table in tomllib.loads(text).items()}


def _axis(letters: str, table: Mapping[str, Any]) -> Axis:
    codes = {code.digits: code for row in table["values"] for code in _codes(letters, row)}
    return Axis(codes, table["block"], table.get("usual", len(codes)))


def _codes(letters: str, row: Mapping[str, Any]) -> Iterator[Code]:
    for number in range(row["at"], row.get("to", row["at"]) + 1):
        yield Code(f"{number:0{len(letters)}X}", row["name"].format(number), row["title"].format(number))


def _families(table: Mapping[str, Any]) -> Iterator[Family]:
    groups = table.get("groups", {})
    for name, row in table["items"].items():
        fields = tuple(parsed for text in row["fields"] for parsed in _fields(text, groups))
        write_only = row.get("access") == "write only"
        for where, suffix, words in _variants(row):
            yield Family(
                where,
                name + suffix,
                f"{row['title']}{words}",
                table["edition"],
                fields,
                row.get("repeat", ""),
                row.get("writable", False) or write_only,
                not write_only,
                row.get("bits", {}),
                tuple(row.get("parts", ())),
                re.compile(_LETTERS.sub(lambda run: f"(?P<{run[0]}>[0-9A-F]{{{len(run[0])}}})", where)),
                tuple(run[0] for run in _LETTERS.finditer(where)),
            )


def _variants(row: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The identifiers of a row: itself, and where the same is kept per phase (2007) or per month (1997)."""
    where: str = row["where"]
    yield where, "", ""
    first = row.get("by_phase") and int(where[2:4], 16)
    if first:
        for step, phase in enumerate("abc", 1):
            yield f"{where[:2]}{first + 0x14 * step:02X}00{where[6:]}", f"_{phase}", f", phase {phase.upper()}"
    if row.get("by_month"):
        for step, suffix, words in ((4, "_m1", ", last month"), (8, "_m2", ", the month before last")):
            yield f"{int(where[:2], 16) + step:02X}{where[2:]}", suffix, words


def _fields(text: str, groups: Mapping[str, Any]) -> Iterator[Field]:
    if text.startswith("*"):
        group = groups[text[1:]]
        numbers = product(*(range(1, times + 1) for times in group.get("times", [])))
        for suffix in group.get("each") or ["".join(f"_{number}" for number in row) for row in numbers]:
            for line in group["fields"]:
                yield parse_field(line, suffix)
    else:
        yield parse_field(text)


def parse_field(text: str, suffix: str = "") -> Field:
    """`voltage XXX.X V`: a name unless the field is the item itself, a format, a unit where there is one."""
    words = text.split()
    try:
        how, name = parse_format(words[0]), ""
    except RequestError:
        name, words = words[0] + suffix, words[1:]
        how = parse_format(words[0])
    return Field(name, how, " ".join(words[1:]), words[0])


@cache
def _shelves() -> Mapping[tuple[int, str], Sequence[Family]]:
    """Families by length and first two digits, which no row leaves open."""
    shelves: dict[tuple[int, str], list[Family]] = {}
    for family in families():
        shelves.setdefault((len(family.where), family.where[:2]), []).append(family)
    return shelves


def _numbered(bits: Mapping[str, Any]) -> Mapping[int, str]:
    return {int(bit): words for bit, words in bits.items() if isinstance(words, str)}
