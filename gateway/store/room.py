"""Keeps the store within its bounds in bytes and days, a little at a time, between two commits.

What every sink has goes first, then the oldest backfill, then the oldest observations, an event last of all. Everything
here raises sqlite3.Error.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from typing import TypeVar

from gateway.settings.models import Store as Settings
from gateway.store.disk import Disk
from gateway.store.outbox import Outbox
from gateway.store.rows import Stream

ROWS = 1_000
"""Rows of a stream thrown away at once: some 10 ms between two commits."""

TURNS = 5
"""How often that may be done for one stream after one commit."""

COMMITS = 50
"""How many commits pass before delivered rows are looked for."""

PATIENCE = 1.2
"""How far the bound in bytes may be passed while an event waits for the next commit."""

T = TypeVar("T")


class Room:
    """What is thrown away, and the count of what somebody waited for."""

    def __init__(
        self,
        settings: Settings,
        keep: bool,
        disk: Disk,
        writer: Executor,
        outboxes: Collection[Outbox],
        stored: Mapping[Stream, int],
        urgent: asyncio.Event,
    ) -> None:
        """`keep`: delivered rows stay. `stored`: the last ids on disk, as they become. `urgent`: an event waits."""
        self.used = 0  # bytes of the file
        self.shed = dict.fromkeys(Stream, 0)  # rows that somebody waited for
        self._settings, self._keep, self._disk, self._writer = settings, keep, disk, writer
        self._outboxes, self._stored, self._urgent = outboxes, stored, urgent
        self._untidy = False

    def delivered(self) -> dict[Stream, int]:
        """Rows up to these ids are wanted by no sink."""
        return {
            stream: min([last, *(box.ranges[stream].lowest - 1 for box in self._outboxes)])
            for stream, last in self._stored.items()
        }

    async def tidy(self, commits: int) -> None:
        """Throw away what nobody needs, or what the bound does not allow: a little after a commit."""
        if self.used > self._settings.max_bytes:
            await self._make_room()
        elif not self._keep and not self._urgent.is_set() and (self._untidy or commits % COMMITS == 0):
            self._untidy = await self._delete(self.delivered())

    async def retain(self) -> None:
        """Throw away what is older than the bound in days."""
        old = await self._in_writer(self._disk.older_than, self._settings.max_days)
        while await self._delete(old):
            continue

    async def _make_room(self) -> None:
        wholly = (Stream.BACKFILL, Stream.LIVE, Stream.EVENT)
        turns = [self.delivered(), *({stream: self._stored[stream]} for stream in wholly)]
        for upto in turns:
            for _ in range(TURNS):
                if not await self._delete(upto):
                    break
                self.used = await self._in_writer(self._disk.used_bytes)
                if self.used <= self._settings.max_bytes * (PATIENCE if self._urgent.is_set() else 1):
                    return

    async def _delete(self, upto: Mapping[Stream, int]) -> bool:
        """Delete some of the oldest rows up to these ids, counting those that somebody waited for."""
        gone = await self._in_writer(self._disk.delete, upto, ROWS)
        before = sum(self.shed.values())
        for stream, last in gone.items():
            unsent = (box.ranges[stream].remove(0, last) for box in self._outboxes if last)
            self.shed[stream] += max(unsent, default=0)
        if sum(self.shed.values()) > before:
            await self._in_writer(self._disk.note_shed, dict(self.shed))
        return any(gone.values())

    async def _in_writer(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work, *args)
