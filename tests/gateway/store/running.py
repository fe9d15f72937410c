"""A store that runs for the length of a `with`, and rows to put into it."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from gateway.settings.models import Store as Settings
from gateway.store import Draft, Row, Store, Stream
from tests.virtual import NOON, VirtualClock


def live(number: int, size: int = 0) -> Draft:
    """An observation that can be told from the others."""
    return Draft(Stream.LIVE, NOON + number, "rs485-1", b'{"n":%d%s}' % (number, b" " * size))


def event(number: int) -> Draft:
    return Draft(Stream.EVENT, NOON + number, "event/major", b'{"n":%d}' % number)


def backfill(number: int, size: int = 0) -> Draft:
    return Draft(Stream.BACKFILL, NOON - number, "rs485-1", b'{"n":%d%s}' % (number, b" " * size))


def bodies(rows: Sequence[Row]) -> list[int]:
    """The numbers that `live` and the others were called with."""
    return [int(row.body.removeprefix(b'{"n":').rstrip(b" }")) for row in rows]


@contextlib.asynccontextmanager
async def running(
    path: Path, sinks: Sequence[str] = ("mqtt",), keep: bool = True, settings: Settings | None = None
) -> AsyncIterator[Store]:
    """Opened, committing, and closed in good order at the end."""
    store = Store(settings or Settings(path=path), VirtualClock(), sinks, keep)
    store.open()
    try:
        async with asyncio.TaskGroup() as tasks:  # a writer that fails ends the test
            task = tasks.create_task(store.run())
            yield store
            task.cancel()
    finally:
        await store.close()


def rows_on_disk(path: Path, stream: Stream = Stream.LIVE) -> list[int]:
    """Row numbers as another process sees them, while the store runs or after."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return [row[0] for row in db.execute(f"SELECT id FROM {stream} ORDER BY id")]


def tear(path: Path) -> None:
    """Overwrite the middle of the file as a dying flash chip does."""
    with path.open("r+b") as file:
        for offset in range(0, path.stat().st_size, 4096):
            file.seek(offset + 200 if offset else 0)
            file.write(os.urandom(2000))
