"""The one file: SQLite, written by one thread, a transaction at a time. Blocks; never called on the event loop."""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Literal

from gateway.store.ranges import Span
from gateway.store.rows import Batch, Contents, Row, Stream

VERSION = 1
TOGETHER = 50
"""Rows in one statement."""

_MARKS = "(?, ?, ?, ?)"
_ROWS = "(id INTEGER PRIMARY KEY, at REAL NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL)"
SCHEMA = f"""
CREATE TABLE event {_ROWS};
CREATE TABLE live {_ROWS};
CREATE TABLE backfill {_ROWS};
CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE pending (sink TEXT, stream TEXT, ranges TEXT NOT NULL, PRIMARY KEY (sink, stream)) WITHOUT ROWID;
CREATE TABLE aside (sink TEXT, stream TEXT, row INTEGER, why TEXT, body BLOB, PRIMARY KEY (sink, stream, row));
CREATE TABLE day (date TEXT PRIMARY KEY, event INTEGER, live INTEGER, backfill INTEGER);
CREATE TABLE note (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
PRAGMA user_version = {VERSION};
"""


class StoreError(Exception):
    """The store cannot be used at all: says which file, and what to do."""


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken, so that trying again cannot help."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_full(error: sqlite3.Error, path: Path) -> bool:
    """Whether the disk takes nothing now, and may again: it is full, fails, or was mounted read-only after errors."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return True
    return path.parent.is_dir() and bool(os.statvfs(path.parent).f_flag & os.ST_RDONLY)


class Lock:
    """Held while a gateway uses the store: two gateways on one file would number rows twice."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = self._made(path)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}; the store needs a folder it can write to") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise StoreError(f"{path} is in use: another gateway runs on it; stop it first") from error

    def release(self) -> None:
        os.close(self._file)

    @staticmethod
    def _made(path: Path) -> int:
        """A descriptor to lock. Where nothing can be made the folder itself has to do."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EROFS):
                raise
            return os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)


class StoreFile:
    """Connections to the file are cheap: the writer has one and the reader has one."""

    def __init__(self, path: Path, *, make: str = "", alone: bool = False) -> None:
        """`make`: for the writer: the id of the file, if there is none yet; the reader has ''.

        `alone`: nobody else can open the file, and SQLite needs no index beside it, for which a full disk has no room.
        Raises sqlite3.Error; StoreError for a file that a newer version wrote.
        """
        self.alone = alone
        mode = "rwc" if make else "ro"
        self._db = sqlite3.connect(f"file:{path}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(path, make)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, path: Path, make: str) -> None:
        if self.alone:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA busy_timeout = 10000")
        self._db.execute("PRAGMA cache_size = -1024")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise StoreError(f"{path} was written by a newer version of the gateway; move it away or update")
        if make:
            self._db.execute("PRAGMA page_size = 2048")  # a quarter less is written than with 4096 when one row comes
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA wal_autocheckpoint = 2000")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA journal_size_limit = 8000000")
            if version == 0:
                name = f"INSERT INTO note VALUES ('id', '{make}');"
                self._db.executescript(f"BEGIN;{SCHEMA}{name}COMMIT;")

    def close(self) -> None:
        self._db.close()

    def contents(self) -> Contents:
        """Everything that is kept in memory while the gateway runs."""
        notes: dict[str, object] = dict(self._db.execute("SELECT key, value FROM note"))
        pending = self._db.execute("SELECT sink, stream, ranges FROM pending").fetchall()
        return Contents(
            id=str(notes["id"]),
            first={stream: self._edge(stream, "min") for stream in Stream},
            next={stream: self._edge(stream, "max") + 1 for stream in Stream},
            state=dict(self._db.execute("SELECT key, value FROM state")),
            pending={(sink, Stream(stream)): ranges for sink, stream, ranges in pending},
            shed={stream: int(str(notes.get(f"shed {stream}", 0))) for stream in Stream},
        )

    def write(self, batch: Batch, date: str = "") -> None:
        """The whole batch, durable on return. Writing the same batch again changes nothing."""
        with _Transaction(self._db):
            for stream, rows in batch.rows.items():
                self._insert(stream, rows)
            for key, value in batch.state.items():
                if value is None:
                    self._db.execute("DELETE FROM state WHERE key = ?", (key,))
                else:
                    self._db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))
            self._db.executemany(
                "INSERT OR REPLACE INTO pending VALUES (?, ?, ?)",
                ((sink, stream, ranges) for (sink, stream), ranges in batch.pending.items()),
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO aside VALUES (?, ?, ?, ?, ?)",
                ((item.sink, item.stream, item.row, item.why, item.body) for item in batch.aside),
            )
            if date:
                first = (
                    next((row.id for row in batch.rows[stream]), self._edge(stream, "max") + 1) for stream in Stream
                )
                self._db.execute("INSERT OR IGNORE INTO day VALUES (?, ?, ?, ?)", (date, *first))

    def _insert(self, stream: Stream, rows: Sequence[Row]) -> None:
        """Many rows with one statement, as long as there are many: each one lets other threads in between."""
        many = f"INSERT OR IGNORE INTO {stream} VALUES {', '.join([_MARKS] * TOGETHER)}"
        rest = len(rows) - len(rows) % TOGETHER
        for first in range(0, rest, TOGETHER):
            self._db.execute(many, tuple(chain.from_iterable(rows[first : first + TOGETHER])))
        self._db.executemany(f"INSERT OR IGNORE INTO {stream} VALUES {_MARKS}", rows[rest:])

    def read(self, stream: Stream, spans: Iterable[Span], limit: int) -> list[Row]:
        """The first rows of these spans."""
        rows: list[Row] = []
        for first, last in spans:
            found = self._db.execute(
                f"SELECT id, at, key, body FROM {stream} WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?",
                (first, last, limit - len(rows)),
            )
            rows += map(Row._make, found)
            if len(rows) >= limit:
                break
        return rows

    def used_bytes(self) -> int:
        """Bytes of the file that hold something; the rest is used again."""
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def delete(self, upto: Mapping[Stream, int], limit: int) -> dict[Stream, int]:
        """Throw away the oldest rows up to an id, at most `limit` of each stream; the last ids that went, 0 for none.

        The newest row always stays: it remembers where the numbering is.
        """
        bounds = {stream: self._oldest(stream, last, limit) for stream, last in upto.items()}
        if not any(bounds.values()):
            return bounds
        with _Transaction(self._db):  # one for all: an event may be waiting for the next commit
            for stream, last in bounds.items():
                self._db.execute(f"DELETE FROM {stream} WHERE id <= ?", (last,))
        return bounds

    def _oldest(self, stream: Stream, upto: int, limit: int) -> int:
        """The last of the oldest rows that may go; 0 when none may."""
        row = self._db.execute(f"SELECT id FROM {stream} ORDER BY id LIMIT 1 OFFSET ?", (limit - 1,)).fetchone()
        newest = self._edge(stream, "max")
        last = min(upto, newest - 1, row[0] if row else newest)
        return last if last >= self._edge(stream, "min") else 0

    def note_shed(self, shed: Mapping[Stream, int]) -> None:
        """Keep the counts of rows thrown away unsent."""
        self._db.executemany(
            "INSERT OR REPLACE INTO note VALUES (?, ?)", ((f"shed {stream}", count) for stream, count in shed.items())
        )

    def forget_sinks(self, known: Sequence[str]) -> None:
        """Nobody waits any more at sinks that are not configured."""
        marks = ",".join("?" * len(known))
        self._db.execute(f"DELETE FROM pending WHERE sink NOT IN ({marks})", tuple(known))

    def older_than(self, days: float) -> dict[Stream, int]:
        """Last row ids of what is older than so many days on which the gateway wrote.

        Days are counted, not subtracted: a clock that stands years ahead for a moment adds one day, no more.
        """
        keep = max(1, round(days) + 1)  # the day that runs, and the whole ones before it
        query = "SELECT rowid, event, live, backfill FROM day ORDER BY rowid DESC LIMIT 1 OFFSET ?"
        oldest = self._db.execute(query, (keep - 1,)).fetchone()
        if oldest is None:
            return {}
        self._db.execute("DELETE FROM day WHERE rowid < ?", (oldest[0],))
        return {stream: first - 1 for stream, first in zip(Stream, oldest[1:], strict=True)}

    def _edge(self, stream: Stream, which: Literal["min", "max"]) -> int:
        """The oldest or newest row's id; 0 when there is no row."""
        return int(self._db.execute(f"SELECT coalesce({which}(id), 0) FROM {stream}").fetchone()[0])


class _Transaction:
    """BEGIN to COMMIT, or nothing at all."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
