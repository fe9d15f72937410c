"""The audit log as it is written: on disk before the action, in order, bounded, and never cut without a word.

Calls block (they fsync): on the event loop they are made through `Audit`.
"""

import asyncio
import errno
import fcntl
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson

from gateway.clock import Clock, iso
from gateway.control.chain import (
    CONTINUED,
    NOTHING,
    ChainError,
    Record,
    files,
    hashed,
    line,
    number,
    records,
    whole_lines,
)

FILES = 4
"""Files that share the bound; the oldest goes, on the record, when a fifth begins."""


TOPIC = "audit"
"""Where every record is published; the last one stands there, and its hash is the anchor of the log."""


class AuditError(Exception):
    """Nothing can be written down, so nothing may be done: says why."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last record: what is published, so that nobody can cut the log unnoticed."""

    seq: int
    hash: str


def published(record: Record) -> bytes:
    """A record as it is published: the fields of its line, and its hash."""
    fields = {"seq": record.seq, "at": record.at, "previous": record.previous, "what": record.what}
    return orjson.dumps({**fields, **record.told, "hash": record.hash})


class AuditFile:
    """The log in a folder, held by one process."""

    def __init__(self, folder: Path, clock: Clock, max_bytes: int) -> None:
        self.head = Head(0, NOTHING)
        self._folder, self._clock, self._most = folder, clock, max_bytes // FILES
        self._file = -1
        self._number = self._size = 0

    def open(self, known: Head | None = None, heard: Callable[[Record], None] = lambda _: None) -> None:
        """Check the whole chain, tell every record, and take the log for writing.

        `known` is a head that was published before: it has to stand in the log. A torn last line is taken off, and
        that is a record. Raises AuditError.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            paths = files(self._folder)
            self._take(number(paths[-1]) if paths else 1)
            for record in records(paths):
                self._compare(known, record)
                self.head = Head(record.seq, record.hash)
                heard(record)
            if known is not None and self.head.seq < known.seq:
                raise ChainError(f"{self._folder}: record {known.seq} was published and is gone: the end was cut off")
            torn = self._mend()
        except ChainError as error:
            self.close()
            raise AuditError(f"the audit log is broken: {error}") from error
        except OSError as error:
            self.close()
            place = error.filename or self._folder
            raise AuditError(f"the audit log cannot be used: {place}: {error.strerror}") from error
        if torn:
            heard(self.append("torn", bytes=torn))

    def begin_anew(self, known: Head, reason: str) -> Record:
        """Set a broken log aside and begin a file that follows the head that was published. Raises AuditError.

        That is a record itself, so whoever listens hears of it.
        """
        try:
            aside = files(self._folder)
            for path in aside:
                path.rename(path.with_name(f"{path.name}.broken"))
            self._take(number(aside[-1]) + 1 if aside else 1)
            self.head = known
            return self._write(CONTINUED, {"file": [f"{path.name}.broken" for path in aside], "anew": reason})
        except OSError as error:
            raise AuditError(f"{error.filename or self._folder}: {error.strerror}") from error

    def append(self, what: str, **told: object) -> Record:
        """One more record, on disk when this returns. Raises AuditError; the log then is as it was."""
        try:
            if self._size > self._most:
                self._roll()
            if self._size == 0 and self.head.seq:
                self._write(CONTINUED, {"file": self._path(self._number - 1).name})
                self._bound()
            return self._write(what, told)
        except OSError as error:
            says = f"{self._path(self._number)}: {error.strerror}"
            raise AuditError(f"nothing can be written down, so nothing is done: {says}") from error

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, what: str, told: Mapping[str, object]) -> Record:
        at = iso(self._clock.wall())
        raw = line(self.head.seq + 1, at, self.head.hash, what, told)
        os.ftruncate(self._file, self._size)  # what a full disk left of an attempt before
        if os.pwrite(self._file, raw, self._size) != len(raw):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(self._file)
        self._size += len(raw)
        record = Record(self.head.seq + 1, at, self.head.hash, what, told, hashed(raw))
        self.head = Head(record.seq, record.hash)
        return record

    def _roll(self) -> None:
        os.ftruncate(self._file, self._size)
        self._take(self._number + 1)

    def _bound(self) -> None:
        """Take the oldest files away, each on the record."""
        for path in files(self._folder)[:-FILES]:
            *_, last = records([path])
            self._write("removed", {"file": path.name, "seq_of_last": last.seq, "hash_of_last": last.hash})
            path.unlink()

    def _take(self, count: int) -> None:
        """Hold a file for writing. Raises AuditError when another process does."""
        path = self._path(count)
        taken = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(taken, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(taken)
            raise AuditError(f"{path} is in use by another process") from error
        self.close()
        self._file, self._number, self._size = taken, count, os.fstat(taken).st_size
        folder = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)  # that there is such a file
        finally:
            os.close(folder)

    def _mend(self) -> int:
        """Take a torn last line off; how many bytes it had."""
        torn = self._size - whole_lines(os.pread(self._file, self._size, 0))
        self._size -= torn
        os.ftruncate(self._file, self._size)
        return torn

    def _compare(self, known: Head | None, record: Record) -> None:
        """A log that does not hold the published head must follow it: what was published last is never taken away."""
        if known is None:
            return
        forged = record.seq == known.seq and record.hash != known.hash
        forged = forged or (record.seq == known.seq + 1 and record.previous != known.hash)
        if forged or (self.head.seq == 0 and record.seq > known.seq + 1):
            raise ChainError(f"{self._folder}: record {known.seq} is not the one that was published")

    def _path(self, count: int) -> Path:
        return self._folder / f"audit-{count}.log"


class Audit:
    """The log as the event loop sees it: records one after the other, each on disk before `append` returns."""

    def __init__(self, file: AuditFile, tell: Callable[[Record], None]) -> None:
        """`tell`: every record that was made, in order."""
        self.trouble = ""  # why nothing can be written down; '' while it can
        self._file, self._tell = file, tell
        self._last: Record | None = None
        self._missed: list[Record] = []
        self._writer = ThreadPoolExecutor(1, "audit-writer")

    @property
    def head(self) -> Head:
        """The last record."""
        return self._file.head

    def standing(self) -> dict[str, bytes]:
        """What a broker that has forgotten everything must be told again."""
        return {TOPIC: published(self._last)} if self._last is not None else {}

    def open(self, known: Head | None, heard: Callable[[Record], None]) -> None:
        """As `AuditFile.open`, but a log that cannot be used is `trouble` from then on. Blocks."""

        def hear(record: Record) -> None:
            heard(record)
            if known is not None and record.seq > known.seq:
                self._missed.append(record)

        try:
            self._file.open(known, hear)
        except AuditError as error:
            self.trouble = str(error)

    def catch_up(self) -> list[Record]:
        """Tell what nobody was told: records made right before a crash, or from the command line."""
        missed, self._missed = self._missed, []
        for record in missed:
            self._tell(record)
        return missed

    async def append(self, what: str, **told: object) -> Record:
        """Write a record down. Raises AuditError."""
        if self.trouble:
            raise AuditError(self.trouble)
        work = partial(self._file.append, what, **told)
        record = await asyncio.get_running_loop().run_in_executor(self._writer, work)
        self._last = record
        self._tell(record)
        return record

    def close(self) -> None:
        """Let go of the file, after what is being written."""
        self._writer.shutdown()
        self._file.close()
