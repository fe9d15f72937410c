"""The store as the event loop sees it: `put` never waits, a writer commits in groups, sinks take what is on disk.

Guarantee: a row is given to a sink only when it is on disk, and waits for that sink until the sink said `done`. There
is one exception, because news must get out: while the disk takes nothing (full, read-only) rows are kept in memory,
up to a bound, and handed out from there.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import orjson

from gateway.clock import Clock, iso
from gateway.settings.models import Store as Settings
from gateway.store.disk import Disk
from gateway.store.file import Lock, StoreError, is_corrupt
from gateway.store.outbox import Outbox
from gateway.store.ranges import Ranges, Span
from gateway.store.recent import Recent
from gateway.store.room import Room
from gateway.store.rows import Aside, Batch, Draft, Figures, Row, Stream
from gateway.store.unwritten import MOST, State, Unwritten

log = logging.getLogger(__name__)

SAVE_DONE_S = 5.0
"""How long a confirmation may wait for a commit of its own; it usually travels with the next observation."""

RETRY_S = (1.0, 30.0)
"""First and longest wait before the disk is tried again."""

T = TypeVar("T")


class Store:
    """One file, its writer and its outboxes. `open` before `run`, `close` after it."""

    def __init__(self, settings: Settings, clock: Clock, sinks: Sequence[str] = (), keep: bool = True) -> None:
        """`keep`: rows stay, as the embedded time series, after every sink has them."""
        self.id = ""  # of the file; with stream and row number it names a row for ever
        self._settings, self._clock = settings, clock
        self._disk = Disk(settings.path)
        self._lock: Lock | None = None
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._reader = ThreadPoolExecutor(1, "store-reader")
        self._outboxes = {name: Outbox(name, self) for name in sinks}
        self._state: dict[str, bytes] = {}
        self._stored = dict.fromkeys(Stream, 0)  # last ids on disk
        self._unwritten = Unwritten()
        self._recent = Recent()
        self._flushed: list[asyncio.Future[None]] = []
        self._wake, self._urgent = asyncio.Event(), asyncio.Event()
        self._save_done: asyncio.TimerHandle | None = None
        self._room = Room(settings, keep, self._disk, self._writer, self._outboxes.values(), self._stored, self._urgent)
        self._commits = self._lost = self._set_aside = 0
        self._slowest = 0.0
        self._trouble: sqlite3.Error | None = None

    # ---- the life of the store

    def open(self) -> Mapping[str, object]:
        """Open or make the file and give the saved state of the rules. Blocks. Raises StoreError."""
        self._lock = Lock(self._settings.path)
        try:
            contents = self._disk.open(iso(self._clock.wall()))
            if contents.trouble is None and not self._disk.alone:
                self._disk.forget_sinks(list(self._outboxes))
        except sqlite3.Error as error:
            self._lock.release()
            raise StoreError(f"{self._settings.path}: {error}; the store needs a disk it can write to") from error
        except StoreError:
            self._lock.release()
            raise
        self.id = contents.id
        self._state = dict(contents.state)
        self._unwritten.next = dict(contents.next)
        self._stored.update((stream, number - 1) for stream, number in contents.next.items())
        self._room.shed = dict(contents.shed)
        for name, outbox in self._outboxes.items():
            for stream in Stream:
                saved = contents.pending.get((name, stream))
                ranges = Ranges.decode(saved) if saved is not None else Ranges(contents.next[stream])
                ranges.remove(0, contents.first[stream] - 1)  # delivered and deleted, but not noted before a crash
                outbox.ranges[stream] = ranges
        if contents.trouble is not None:
            self._suffer(contents.trouble)
        return {key: orjson.loads(value) for key, value in contents.state.items()}

    async def run(self) -> None:
        """Commit what is put, until cancelled."""
        retry = RETRY_S[0]
        while True:
            await self._something()
            if await self._commit():
                retry = RETRY_S[0]
                await self._tidy()
            else:
                await asyncio.sleep(retry)
                retry = min(retry * 2, RETRY_S[1])

    async def close(self) -> None:
        """Write what is left and let go of the file. Call it after `run` has ended."""
        self._unwritten.put_back()
        if not await self._commit():
            log.error("%s: %d rows could not be stored: %s", self._settings.path, len(self._unwritten), self._trouble)
        if self._save_done is not None:
            self._save_done.cancel()
        self._writer.shutdown()
        self._reader.shutdown()
        self._disk.close()
        if self._lock is not None:
            self._lock.release()

    # ---- in

    def put(self, drafts: Iterable[Draft], state: State | Callable[[], State] | None = None) -> None:
        """Take rows and changes of state, to be on disk together within `commit_ms`; with an event, at once.

        A function is asked for the changes when the commit begins: once for all rows that come until then.
        """
        if self._unwritten.add(drafts):
            self._urgent.set()
        if state is not None:
            self._unwritten.change(state)
        self._wake.set()

    async def flush(self) -> None:
        """Return when everything that was put so far is on disk."""
        future = asyncio.get_running_loop().create_future()
        self._flushed.append(future)
        self._wake.set()
        self._urgent.set()
        await future

    # ---- out

    def outbox(self, sink: str) -> Outbox:
        """What waits for one of the sinks that the store was made with."""
        return self._outboxes[sink]

    def offered(self, stream: Stream) -> int:
        """The last row that a sink may have now."""
        return self._unwritten.next[stream] - 1 if self._trouble else self._stored[stream]

    async def read(self, stream: Stream, ranges: Ranges, after: int, upto: int, limit: int) -> list[Row]:
        """Rows that `ranges` waits for, in order, of the ids after `after` and not beyond `upto`."""
        upto = min(upto, self.offered(stream))
        on_disk = min(upto, self._stored[stream])
        rows: list[Row] = []
        if spans := list(ranges.between(after, on_disk)):
            held = self._recent.read(stream, spans, limit)
            try:
                rows = await self._from_disk(stream, spans, limit) if held is None else held
            except sqlite3.Error as error:
                self._suffer(error)
                return []
        if len(rows) < limit and upto > on_disk:
            unwritten = self._unwritten.rows(stream)
            rows += [row for row in unwritten if max(after, on_disk) < row.id <= upto and ranges.has(row.id)]
        return rows[:limit]

    async def _from_disk(self, stream: Stream, spans: Sequence[Span], limit: int) -> list[Row]:
        thread = self._writer if self._disk.alone else self._reader
        return await asyncio.get_running_loop().run_in_executor(thread, self._disk.read, stream, spans, limit)

    def confirmed(self) -> None:
        """A sink has confirmed rows: noted on disk with the next commit, or with one of its own a little later."""
        if self._save_done is None:
            self._save_done = asyncio.get_running_loop().call_later(SAVE_DONE_S, self._wake.set)

    def set_aside(self, item: Aside) -> None:
        """Keep what a sink can never deliver, for people."""
        self._set_aside += 1
        self._unwritten.set_aside(item)
        self._wake.set()

    def figures(self) -> Figures:
        """The store in numbers."""
        return Figures(
            waiting={
                name: {stream.value: outbox.waiting(stream) for stream in Stream}
                for name, outbox in self._outboxes.items()
            },
            unwritten=len(self._unwritten),
            commits=self._commits,
            slowest_commit_s=self._slowest,
            bytes=self._room.used,
            shed={stream.value: count for stream, count in self._room.shed.items()},
            lost=self._lost,
            set_aside=self._set_aside,
            trouble=str(self._trouble or ""),
            broken=self._disk.broken,
        )

    # ---- the writer

    async def _something(self) -> None:
        """Wait for something to write, and then a little longer for company."""
        await self._wake.wait()
        try:
            async with asyncio.timeout(self._settings.commit_ms / 1000):
                await self._urgent.wait()
        except TimeoutError:
            log.debug("commit: nothing urgent")
        self._wake.clear()
        self._urgent.clear()

    async def _commit(self) -> bool:
        """Write one batch; False when the disk did not take it."""
        for outbox in self._outboxes.values():
            self._unwritten.confirm(outbox.unsaved())
        if self._save_done is not None:
            self._save_done.cancel()
            self._save_done = None
        asked = len(self._flushed)
        batch = self._unwritten.begin()
        started = self._clock.monotonic()
        try:
            if batch:
                self._room.used = await self._in_writer(self._disk.write, batch, iso(self._clock.wall())[:10])
        except sqlite3.Error as error:
            await self._refused(error)
            return False
        self._slowest = max(self._slowest, self._clock.monotonic() - started)
        self._written(batch)
        for future in self._flushed[:asked]:
            if not future.done():
                future.set_result(None)
        del self._flushed[:asked]
        return True

    def _written(self, batch: Batch) -> None:
        self._unwritten.written()
        self._commits += 1
        for key, value in batch.state.items():
            if value is None:
                self._state.pop(key, None)
            else:
                self._state[key] = value
        for stream, rows in batch.rows.items():
            if rows:
                self._stored[stream] = rows[-1].id
        self._recent.add(batch.rows, {stream: last + 1 for stream, last in self._room.delivered().items()})
        if self._trouble is not None:
            log.info("%s: usable again", self._settings.path)
            self._trouble = None
        self._announce()

    async def _refused(self, error: sqlite3.Error) -> None:
        """The disk did not take a batch: keep it in memory, as much as may be, and try again later."""
        self._unwritten.put_back()
        for stream, number in self._unwritten.shed():
            self._lost += 1
            for outbox in self._outboxes.values():
                outbox.ranges[stream].remove(number, number)
        self._suffer(error)
        if is_corrupt(error):
            await self._start_anew(error)
        self._announce()

    def _suffer(self, error: sqlite3.Error) -> None:
        """Say once what is wrong; the next commit finds out whether it still is."""
        if self._trouble is None:
            log.error("%s: %s; at most %d rows are kept in memory meanwhile", self._settings.path, error, MOST)
        self._trouble = error
        self._wake.set()

    async def _start_anew(self, error: sqlite3.Error) -> None:
        """The file broke in use: begin another one, with the state and the numbering that memory holds."""
        contents = await self._in_writer(self._disk.start_anew, error, iso(self._clock.wall()))
        self.id = contents.id
        self._recent = Recent()
        for stream, last in self._stored.items():
            self._lost += max((outbox.ranges[stream].remove(0, last) for outbox in self._outboxes.values()), default=0)
        whole = Batch(state=dict(self._state))
        for outbox in self._outboxes.values():
            whole.pending |= {(outbox.name, stream): outbox.ranges[stream].encode() for stream in Stream}
        self._unwritten.follow(whole)

    def _announce(self) -> None:
        for outbox in self._outboxes.values():
            outbox.news.set()

    async def _in_writer(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work, *args)

    # ---- bounds

    async def _tidy(self) -> None:
        try:
            await self._room.tidy(self._commits)
        except sqlite3.Error as error:
            self._suffer(error)

    async def retain(self) -> None:
        """Throw away what is older than the bound in days: for an hourly job."""
        try:
            await self._room.retain()
        except sqlite3.Error as error:
            self._suffer(error)
