"""A look into a store from outside, while a gateway runs on it or after: reads only."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from gateway.store.file import VERSION, StoreError, is_corrupt
from gateway.store.ranges import Ranges
from gateway.store.rows import Stream


@dataclass(frozen=True, slots=True)
class Kept:
    """One stream."""

    rows: int
    oldest: float | None  # epoch seconds of the first and last row
    newest: float | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one sink still has to get of one stream."""

    sink: str
    stream: str
    rows: int
    since: float | None  # epoch seconds of the oldest row that waits


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that a sink can never take."""

    sink: str
    stream: str
    row: int
    why: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """What a store holds."""

    path: str
    id: str
    file_bytes: int  # with what a running gateway keeps beside the file
    used_bytes: int
    state_items: int  # of the rules
    streams: Mapping[str, Kept]
    waiting: tuple[Waiting, ...]
    shed: Mapping[str, int]
    set_aside: tuple[SetAside, ...]


def look(path: Path) -> Look:
    """Everything but the rows. Raises StoreError for what is no store."""
    with _opened(path) as db:
        notes: dict[str, Any] = dict(db.execute("SELECT key, value FROM note"))
        pages = {
            name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        }
        pending = db.execute("SELECT sink, stream, ranges FROM pending ORDER BY sink, stream").fetchall()
        return Look(
            path=str(path),
            id=str(notes["id"]),
            file_bytes=sum(part.stat().st_size for part in (path, Path(f"{path}-wal")) if part.exists()),
            used_bytes=(pages["page_count"] - pages["freelist_count"]) * pages["page_size"],
            state_items=db.execute("SELECT count(*) FROM state").fetchone()[0],
            streams={stream.value: _kept(db, stream) for stream in Stream},
            waiting=tuple(_waiting(db, *row) for row in pending),
            shed={stream.value: int(notes.get(f"shed {stream}", 0)) for stream in Stream},
            set_aside=tuple(
                SetAside(sink, stream, number, why, orjson.loads(body))
                for sink, stream, number, why, body in db.execute("SELECT sink, stream, row, why, body FROM aside")
            ),
        )


def state_items(path: Path, *prefixes: str) -> dict[str, object]:
    """Items of the saved state whose keys begin so. Raises StoreError."""
    with _opened(path) as db:
        rows = db.execute("SELECT key, value FROM state").fetchall()
    return {key: orjson.loads(value) for key, value in rows if key.startswith(prefixes)}


def series(path: Path, device: str, since: float, until: float) -> Iterator[Mapping[str, Any]]:
    """Observations of one device, as recordings have them, in the order they were made. Raises StoreError."""
    with _opened(path) as db:
        query = "SELECT key, body FROM {} WHERE at BETWEEN ? AND ? AND instr(body, ?) ORDER BY id"
        needle = b'"device":' + orjson.dumps(device)
        for stream in (Stream.BACKFILL, Stream.LIVE):
            for line, body in db.execute(query.format(stream), (since, until, needle)):
                yield {**orjson.loads(body), "bus": line}


def observations(path: Path, since: float, until: float) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What all devices gave between two moments, by the time of the poll: the line and the row. Raises StoreError."""
    with _opened(path) as db:
        query = f"SELECT key, body FROM {Stream.LIVE} WHERE at BETWEEN ? AND ? ORDER BY at, id"
        for line, body in db.execute(query, (since, until)):
            yield line, orjson.loads(body)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise StoreError(f"{path}: there is no store; a gateway makes it when it starts")
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version != VERSION:
                raise StoreError(f"{path}: is no store of this version of the gateway")
            db.execute("BEGIN")
            yield db
    except sqlite3.Error as error:
        says = "is broken; the gateway sets it aside when it starts" if is_corrupt(error) else "cannot be read"
        raise StoreError(f"{path}: {says} ({error})") from error


def _kept(db: sqlite3.Connection, stream: Stream) -> Kept:
    rows = db.execute(f"SELECT count(*) FROM {stream}").fetchone()[0]
    first, last = (
        db.execute(f"SELECT at FROM {stream} ORDER BY id {order} LIMIT 1").fetchone() for order in ("ASC", "DESC")
    )
    return Kept(rows, first and first[0], last and last[0])


def _waiting(db: sqlite3.Connection, sink: str, stream: str, text: str) -> Waiting:
    ranges = Ranges.decode(text)
    newest = db.execute(f"SELECT coalesce(max(id), 0) FROM {Stream(stream)}").fetchone()[0]
    oldest = db.execute(
        f"SELECT at FROM {Stream(stream)} WHERE id >= ? ORDER BY id LIMIT 1", (ranges.lowest,)
    ).fetchone()
    return Waiting(sink, stream, ranges.count(newest), oldest and oldest[0])
