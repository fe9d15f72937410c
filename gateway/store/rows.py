"""What the store keeps: three streams of rows, and the state of the rules."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Stream(StrEnum):
    """Rows of one stream are numbered without a hole and sent in that order; the first stream is sent first."""

    EVENT = "event"  # incidents' changes, notices, statistics
    LIVE = "live"  # observations as they are made
    BACKFILL = "backfill"  # observations that devices remembered


class Draft(NamedTuple):
    """A row before the store gave it its number. A tuple, as rows are: there is one for every observation."""

    stream: Stream
    at: float  # epoch seconds of what it tells
    key: str  # of an observation: the line it came over; of an event: the end of its topic
    body: bytes  # JSON


class Row(NamedTuple):
    """A row of a stream, its columns in the order of the table."""

    id: int
    at: float
    key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Aside:
    """What a sink can never deliver: kept for people, out of the way."""

    sink: str
    stream: Stream
    row: int
    why: str
    body: bytes


@dataclass(slots=True)
class Batch:
    """What goes to disk in one transaction."""

    rows: dict[Stream, list[Row]] = field(default_factory=lambda: {stream: [] for stream in Stream})
    state: dict[str, bytes | None] = field(default_factory=dict)  # None: forget the key
    pending: dict[tuple[str, Stream], str] = field(default_factory=dict)  # by sink: encoded ranges
    aside: list[Aside] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(map(len, self.rows.values()))

    def __bool__(self) -> bool:
        return bool(len(self) or self.state or self.pending or self.aside)

    def followed_by(self, later: "Batch") -> "Batch":
        """This batch and a later one as one."""
        return Batch(
            {stream: self.rows[stream] + later.rows[stream] for stream in Stream},
            self.state | later.state,
            self.pending | later.pending,
            self.aside + later.aside,
        )


@dataclass(frozen=True, slots=True)
class Contents:
    """What a store held when it was opened; nothing, as long as the disk has no room for a file."""

    id: str  # of this file; a file started anew has another one
    first: Mapping[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))  # number of the oldest row
    next: Mapping[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 1))  # number of the next row
    state: Mapping[str, bytes] = field(default_factory=dict)
    pending: Mapping[tuple[str, Stream], str] = field(default_factory=dict)
    shed: Mapping[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))  # unsent, since it began
    trouble: sqlite3.Error | None = None  # why nothing can be written now


@dataclass(frozen=True, slots=True)
class Figures:
    """The store in numbers, for metrics and people."""

    waiting: Mapping[str, Mapping[str, int]]  # by sink and stream: rows it has not got yet
    unwritten: int  # rows in memory, not on disk yet
    commits: int
    slowest_commit_s: float
    bytes: int  # of the file that are in use
    shed: Mapping[str, int]  # by stream: rows thrown away although somebody waited for them
    lost: int  # rows that the memory could not hold while the disk took nothing
    set_aside: int
    trouble: str  # why nothing can be written now; empty when all is well
    broken: int = 0  # files that were set aside in this life of the gateway
