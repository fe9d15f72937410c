"""Load profile blocks: what a meter recorded at one moment, six classes of values behind a time.

    A0 A0  length  mm hh DD MM YY  class 1 AA  class 2 AA ... class 6 AA  check  E5

A class that is not recorded is only its AA. Blocks are parsed by the sizes of the classes, never by looking for AA.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from drivers.dlt645.catalog import Field, parse_field
from drivers.dlt645.value import parse_format
from drivers.dlt645.whole import Labelled
from drivers.errors import BadReplyError

GOOD, SPOILT, END, SEPARATOR = b"\xa0\xa0", b"\xe0\xe0", 0xE5, 0xAA
_AT = parse_format("YYMMDDhhmm")
_HEAD = 3 + _AT.size  # two marks, the length, the time


@dataclass(frozen=True, slots=True)
class Block:
    """What was recorded at one moment."""

    at: str | None  # ISO 8601, the meter's own time
    values: Sequence[Labelled]
    spoilt: bool = False  # the meter itself says that the block is bad


class Class(NamedTuple):
    """One of the six parts of a block."""

    fields: tuple[Field, ...]
    size: int


@cache
def classes() -> tuple[Class, ...]:
    """The six parts in their order."""
    text = files("drivers.dlt645").joinpath("identifiers", "load.toml").read_text(encoding="utf-8")
    rows = [tuple(parse_field(line) for line in row["fields"]) for row in tomllib.loads(text)["classes"]]
    return tuple(Class(fields, sum(field.format.size for field in fields)) for fields in rows)


def read_blocks(data: bytes) -> list[Block]:
    """All blocks of an answer. Raises BadReplyError where one breaks off or its check byte is wrong."""
    blocks = []
    start = 0
    while start < len(data):
        block, start = _block(data, start)
        blocks.append(block)
    return blocks


def write_block(at: str, recorded: Sequence[Sequence[str | None]]) -> bytes:
    """One block as a meter sends it: a time, and the values of each class, none for a class it does not record."""
    body = _AT.write(at)
    for group, values in zip(classes(), recorded, strict=True):
        body += b"".join(field.format.write(value) for field, value in zip(group.fields, values, strict=False))
        body += bytes([SEPARATOR])
    whole = GOOD + bytes([len(body)]) + body
    return whole + bytes([sum(whole) & 0xFF, END])


def _block(data: bytes, start: int) -> tuple[Block, int]:
    if data[start : start + 2] not in (GOOD, SPOILT):
        raise BadReplyError(f"load profile: no block begins at byte {start}")
    at = start + _HEAD
    values: list[Labelled] = []
    for group in classes():
        if data[at : at + 1] == bytes([SEPARATOR]):
            at += 1
            continue
        if data[at + group.size : at + group.size + 1] != bytes([SEPARATOR]):
            raise BadReplyError(f"load profile: no class of values ends at byte {at + group.size}")
        for name, how, unit, _ in group.fields:
            values.append(Labelled(name, how.read(data[at : at + how.size]), unit))
            at += how.size
        at += 1
    if data[at : at + 2] != bytes([sum(data[start:at]) & 0xFF, END]):
        raise BadReplyError(f"load profile: the check byte at {at} is wrong")
    moment = _AT.read(data[start + 3 : start + _HEAD])
    return Block(str(moment) if moment else None, values, data[start : start + 2] == SPOILT), at + 2
