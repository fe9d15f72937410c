"""The thread side of the store: everything here blocks, and belongs to the writer's or the reader's thread."""

import logging
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.store.file import StoreFile, is_corrupt, is_full
from gateway.store.ranges import Span
from gateway.store.rows import Batch, Contents, Row, Stream

log = logging.getLogger(__name__)


class Disk:
    """The file at a path, whatever happens to it: a broken one is set aside and another one begun."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.broken = 0  # files that were set aside
        self._writing: StoreFile | None = None
        self._reading: StoreFile | None = None
        self._date = ""
        self._next_id = secrets.token_hex(4)  # of the next file that is made

    @property
    def alone(self) -> bool:
        """Whether one connection has to do for writing and reading, in the writer's thread: see StoreFile."""
        return self._writing is not None and self._writing.alone

    def open(self, now: str) -> Contents:
        """Open or make the file. A disk that takes nothing is no reason not to: see `trouble` of what comes back.

        Raises sqlite3.Error when there is no file to be had.
        """
        try:
            return self._file.contents()
        except sqlite3.Error as error:
            if is_corrupt(error):
                return self.start_anew(error, now)
            return self._nothing_yet(error)

    def start_anew(self, error: sqlite3.Error, now: str) -> Contents:
        """Set the broken file aside, under a name that says when, and begin another."""
        self.close()
        aside = self.path.with_name(f"{self.path.name}.broken-{now.replace(':', '')}")
        for ending in ("", "-wal", "-shm"):
            part = Path(f"{self.path}{ending}")
            if part.exists():
                part.rename(f"{aside}{ending}")
        self.broken += 1
        log.error("%s is broken (%s): set aside as %s, a new one is started", self.path, error, aside)
        self._date = ""
        self._next_id = secrets.token_hex(4)
        try:
            return self._file.contents()
        except sqlite3.Error as another:
            return self._nothing_yet(another)

    def write(self, batch: Batch, date: str) -> int:
        """The batch, durable on return; bytes of the file that are in use."""
        self._file.write(batch, date if date != self._date else "")
        self._date = date
        used = self._file.used_bytes()
        if self.alone:  # there is room again: open as always
            self.close()
        return used

    def read(self, stream: Stream, spans: Sequence[Span], limit: int) -> list[Row]:
        """Rows of these spans. The one function for the reader's thread."""
        if self._writing is not None and self._writing.alone:
            return self._writing.read(stream, spans, limit)
        if self._reading is None:
            self._reading = StoreFile(self.path)
        return self._reading.read(stream, spans, limit)

    def delete(self, upto: Mapping[Stream, int], limit: int) -> dict[Stream, int]:
        """Throw away the oldest rows of each stream up to an id, at most `limit`; the last ids that went."""
        return self._file.delete(upto, limit)

    def used_bytes(self) -> int:
        """Bytes of the file that hold something."""
        return self._file.used_bytes()

    def older_than(self, days: float) -> dict[Stream, int]:
        """Last ids of what is older than the bound."""
        return self._file.older_than(days)

    def note_shed(self, shed: Mapping[Stream, int]) -> None:
        """Keep the counts of rows thrown away unsent."""
        self._file.note_shed(shed)

    def forget_sinks(self, known: Sequence[str]) -> None:
        """Nobody waits at sinks that are not configured any more."""
        self._file.forget_sinks(known)

    def close(self) -> None:
        """Let go of the file; the writer last, who alone can fold what is beside the file into it."""
        for file in (self._reading, self._writing):
            if file is not None:
                file.close()
        self._writing = self._reading = None

    @property
    def _file(self) -> StoreFile:
        if self._writing is None:
            self._writing = self._opened()
        return self._writing

    def _nothing_yet(self, error: sqlite3.Error) -> Contents:
        """What there is as long as no file can be made. To begin without one that is there would number rows twice."""
        if (self.path.exists() and self.path.stat().st_size) or not is_full(error, self.path):
            raise error
        return Contents(self._next_id, trouble=error)

    def _opened(self) -> StoreFile:
        try:
            return StoreFile(self.path, make=self._next_id)
        except sqlite3.Error as error:
            if not is_full(error, self.path):
                raise
            return StoreFile(self.path, make=self._next_id, alone=True)
