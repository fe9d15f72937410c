"""Reading what is no point: parameters, status words, event records, freezes, the load profile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from drivers.api import Value
from drivers.dlt645.catalog import axes, families, find
from drivers.dlt645.frame import READ, READ_1997, READ_NEXT, READ_NEXT_1997, Frame
from drivers.dlt645.load import Block, read_blocks
from drivers.dlt645.poll import wire
from drivers.dlt645.services.dialogue import Question, Script
from drivers.dlt645.value import parse_format
from drivers.dlt645.whole import Labelled
from drivers.errors import BadReplyError, RefusedError, RequestError

RECORDS = 10  # a meter keeps the last ten of each kind
PARTS = 255  # an answer has at most so many frames


def read_data(address: str, identifier: str, more: bytes = b"") -> Script[bytes | None]:
    """The data of an identifier, put together from as many frames as the meter takes; None for silence.

    `more` is what a load profile's question carries behind the identifier.
    """
    old, asked = len(identifier) == 4, wire(identifier)
    first, following = (READ_1997, READ_NEXT_1997) if old else (READ, READ_NEXT)
    frame = yield Question(Frame(address, first, asked + more), begins=asked)
    if frame is None:
        return None
    data = frame.data[len(asked) :]
    for number in range(1, PARTS + 1):
        if not frame.more:
            return data
        ends = b"" if old else bytes([number])
        frame = yield Question(Frame(address, following, asked + ends), begins=asked, ends=ends)
        if frame is None:
            return None
        data += frame.data[len(asked) : len(frame.data) - len(ends)]
    raise BadReplyError(f"{identifier}: the meter never comes to the last frame")


def read_item(address: str, identifier: str) -> Script[list[Labelled] | None]:
    """The values of an identifier, named by the catalogue; None for silence. Raises RequestError, RefusedError."""
    item = find(identifier)
    if item is None:
        raise RequestError(f"{identifier!r} is no identifier the catalogue knows")
    if not item.readable:
        raise RequestError(f"{identifier}: {item.title} can be written and is never told")
    data = yield from read_data(address, item.identifier)
    return None if data is None else item.read(data)


@dataclass(frozen=True, slots=True)
class Event:
    """One record of an event; `number` 1 is the last."""

    identifier: str
    number: int
    values: Sequence[Labelled]


@cache
def event_kinds() -> Mapping[str, str]:
    """Every kind of event record, by name, with the identifier of its newest."""
    kinds = {}
    for family in families():
        if family.where.startswith("03") and "nn" in family.axes:
            for phase in axes()["pp"].codes if "pp" in family.axes else ("",):
                identifier = family.where.replace("pp", phase).replace("nn", "01")
                if item := find(identifier):
                    kinds[item.name.removesuffix("_1")] = identifier
    return kinds


def read_events(address: str, first: str, count: int = RECORDS) -> Script[list[Event]]:
    """The last records of a kind, newest first: `first` is the identifier of the newest, such as 03110001.

    Ends at the first record that the meter refuses, does not answer or holds nothing in.
    """
    item = find(first)
    if item is None or not first.endswith("01"):
        raise RequestError(f"{first!r} is not the newest record of an event; those end in 01, such as 03110001")
    events: list[Event] = []
    for number in range(1, count + 1):
        identifier = f"{first[:-2]}{number:02X}"
        try:
            values = yield from read_item(address, identifier)
        except RefusedError:
            break
        if values is None or not any(_says(one.value) for one in values):
            break
        events.append(Event(identifier, number, values))
    return events


def _says(value: Value) -> bool:
    """Meters that have no record give zeros, which are no time, no number and no operator."""
    return value is not None and str(value).strip("0.-") != ""


MOST_BLOCKS = 10  # asked for at a time: some 90 bytes each, in several frames
_SINCE = parse_format("YYMMDDhhmm")


def read_load_profile(address: str, kind: int, since: datetime, until: datetime) -> Script[list[Block]]:
    """The recorded blocks of class `kind` (1 to 6, 0 for all) from one time to another, both of the meter's clock."""
    blocks: list[Block] = []
    while since <= until:
        found = (yield from read_blocks_since(address, kind, since, MOST_BLOCKS)) or []
        last = max((datetime.fromisoformat(str(block.at)) for block in found), default=None)
        if last is None or last < since:
            break
        blocks += [block for block in found if datetime.fromisoformat(str(block.at)) <= until]
        since = last + timedelta(minutes=1)
    return blocks


def read_blocks_since(address: str, kind: int, since: datetime, count: int) -> Script[list[Block] | None]:
    """The first `count` blocks that the meter recorded at or after a time of its clock; None for silence."""
    if not 0 <= kind <= 6:
        raise RequestError(f"{kind} is no class of the load profile; they are 1 to 6, and 0 for all")
    asked = bytes.fromhex(f"{count:02d}") + _SINCE.write(since.isoformat(timespec="minutes"))
    data = yield from read_data(address, f"060{kind}0001", asked)
    return None if data is None else [block for block in read_blocks(data) if block.at]
