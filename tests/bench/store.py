"""Store and delivery: observations a second, bytes on disk, memory and delay under a backlog. Real broker and database.

`python -m tests.bench.store` runs every part in a process of its own, so that none pays for another's memory. CPU
seconds are this process's own, all its threads; the servers' are not counted. Together they say what one core could do.
"""

import asyncio
import itertools
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.clock import SystemClock
from gateway.north.influx import InfluxSender
from gateway.north.influx_write import InfluxWriter
from gateway.north.mqtt import MqttSender
from gateway.pipeline import observed, told
from gateway.settings.models import Influx, Mqtt, Site
from gateway.settings.models import Store as StoreSettings
from gateway.store import Draft, Store, Stream
from rules.area import Area
from rules.incident import Incident
from rules.observation import Observation
from tests.bench.report import row
from tests.servers import influx_server, nats_server, started

SITE = Site("bench", Area("TQ", (), ()), (), ())
LINES = 8
START = 1_800_000_000.0
POINTS = {f"point_{number:02d}": 230.25 + number / 7 for number in range(20)}


def drafts(first: int, count: int, a_second: int = 100) -> Iterator[Draft]:
    """Observations of 20 points by 100 devices on 8 lines."""
    for number in range(first, first + count):
        values: dict[str, float | None] = {name: round(value + number % 97, 3) for name, value in POINTS.items()}
        at = START + number / a_second
        yield observed(Observation(f"M{number % 100:03d}", at, values, bus=f"line-{number % LINES}", took_ms=81.2))


@asynccontextmanager
async def working(path: Path, sinks: tuple[str, ...], **bounds: int) -> AsyncIterator[Store]:
    """A store that commits."""
    store = Store(replace(StoreSettings(path=path), **bounds), SystemClock(), sinks, keep=False)  # type: ignore[arg-type]
    store.open()
    task = asyncio.create_task(store.run())
    try:
        yield store
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()


async def delivered(store: Store, sink: str) -> None:
    """Return when nothing waits for the sink."""
    await _until(lambda: not sum(store.figures().waiting[sink].values()))


def mqtt_sender(store: Store, port: int) -> MqttSender:
    settings = Mqtt(port=port, together_s=1.0)
    return MqttSender(SITE, settings, store.outbox("mqtt"), lambda: store.id, list, dict, dict)


def one_by_one(folder: Path) -> float:
    """Reference: what SQLite does when every observation is its own transaction. Observations a second."""
    db = sqlite3.connect(folder / "reference.db", isolation_level=None)
    db.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB)"
    )
    bodies = [draft.body for draft in drafts(0, 2000)]
    began = time.perf_counter()
    for body in bodies:
        db.execute("INSERT INTO t (b) VALUES (?)", (body,))
    return len(bodies) / (time.perf_counter() - began)


async def durable(folder: Path) -> None:
    """Observations onto the disk, nobody listening."""
    count, rounds = 1000, 40
    async with working(folder / "a.db", ()) as store:
        began, cpu = time.perf_counter(), time.process_time()
        for number in range(rounds):
            store.put(drafts(number * count, count))
            await store.flush()
        took, spent = time.perf_counter() - began, time.process_time() - cpu
    row("store", "durable, 20 points, groups of 1000", count * rounds / took, "obs/s", one_by_one(folder))
    row("store", "durable, CPU", 1e6 * spent / (count * rounds), "us/obs")


async def together(folder: Path) -> None:
    """Onto the disk, to the broker and into the database at the same time."""
    count, rounds = 500, 60
    database = influx_server(folder)
    with started(nats_server(folder)) as broker, started(database):
        database.query("CREATE DATABASE area")
        settings = Influx(url=database.url, api="v1", database="area")
        async with working(folder / "a.db", ("mqtt", "influx")) as store:
            influx = InfluxSender(SITE, settings, store.outbox("influx"), InfluxWriter(settings).write)
            sender = mqtt_sender(store, broker.port)
            tasks = [asyncio.create_task(influx.run()), asyncio.create_task(sender.run())]
            store.put(drafts(0, 10))
            await store.flush()
            await asyncio.gather(delivered(store, "mqtt"), delivered(store, "influx"))
            began, cpu = time.perf_counter(), time.process_time()
            for number in range(rounds):
                store.put(drafts(10 + number * count, count))
                await store.flush()
            await asyncio.gather(delivered(store, "mqtt"), delivered(store, "influx"))
            took, spent = time.perf_counter() - began, time.process_time() - cpu
            await _ended(*tasks)
        stored = database.query("SELECT count(point_00) FROM meter", "area")[0]["count"]
    total = count * rounds
    row("store", "disk + MQTT + InfluxDB, one core of CPU", total / spent, "obs/s", 5000)
    row("store", "disk + MQTT + InfluxDB, wall, servers beside", total / took, "obs/s")
    row("store", "of those in the database", 100 * stored / (total + 10), "%")


async def written(folder: Path) -> None:
    """Bytes that go to the device for one observation of 20 points, by how many share a commit."""
    size = len(next(drafts(0, 1)).body)
    for group, rounds in ((1, 2000), (10, 500), (100, 100)):
        async with working(folder / f"{group}.db", (), commit_ms=1) as store:
            await store.flush()
            before = _written_bytes()
            for number in range(rounds):
                store.put(drafts(number * group, group))
                await store.flush()
            grown = _written_bytes() - before
        row("store", f"written, {group} to a commit (row: {size} bytes)", grown / (group * rounds), "bytes/obs")


async def backlog(folder: Path) -> None:
    """Ten million points wait for a broker that is not there."""
    async with working(folder / "a.db", ("mqtt",), max_bytes=2_000_000_000) as store:
        sender = asyncio.create_task(mqtt_sender(store, 1).run())
        for number in range(500):
            store.put(drafts(number * 1000, 1000))
            await store.flush()
        waiting = store.figures().waiting["mqtt"]["live"]
        row("store", f"RSS with {waiting * 20 / 1e6:.0f} M points waiting", _rss_mb(), "MB", 120, 120 / _rss_mb())
        await _ended(sender)


async def drain(folder: Path) -> None:
    """An hour of 100 devices at 1 s waits; then the broker is there, and incidents and new observations come."""
    count = 360_000
    with started(nats_server(folder)) as broker:
        async with working(folder / "a.db", ("mqtt",)) as store:
            sender = mqtt_sender(store, broker.port)
            task = asyncio.create_task(sender.run())
            await _until(lambda: sender.report.connected)
            calm = [await _told(store, number) for number in range(100)]
            await _ended(task)
            for number in range(0, count, 2000):
                store.put(drafts(number, 2000))
                await store.flush()
            outbox, busy, live = store.outbox("mqtt"), list[Delay](), list[Delay]()
            sender = mqtt_sender(store, broker.port)
            task = asyncio.create_task(sender.run())
            await _until(lambda: sender.report.connected)
            began = time.perf_counter()
            polling = asyncio.create_task(_poll(store, live))
            while outbox.ranges[Stream.LIVE].lowest <= count:
                busy.append(await _told(store, 100 + len(busy)))
                await asyncio.sleep(0.02)
            took = time.perf_counter() - began
            await _ended(polling, task)
    row("store", "an hour of 100 devices at 1 s, drained in", took, "s")
    for name, delays in (("without a backlog", calm), ("during that", busy)):
        row("store", f"incident to disk, {name}, median", 1000 * statistics.median(one.disk for one in delays), "ms")
        row("store", f"incident to disk, {name}, worst", 1000 * max(one.disk for one in delays), "ms")
        row("store", f"from disk to PUBACK, {name}, median", 1000 * statistics.median(one.wire for one in delays), "ms")
    worst = 1000 * max(one.wire for one in busy)
    row("store", "from disk to PUBACK, during that, worst", worst, "ms", 100, 100 / worst)
    worst = max(one.disk + one.wire for one in live)
    row("store", "observation to PUBACK, during that, worst", worst, "s", 2, 2 / worst)


@dataclass(frozen=True, slots=True)
class Delay:
    """How long a row took, in seconds."""

    disk: float  # until it was on disk: two fsyncs of a disk that others use too
    wire: float  # from then on, until the broker had it


async def _told(store: Store, number: int) -> Delay:
    return await _followed(store, told(_incident(number)))


async def _poll(store: Store, delays: list[Delay]) -> None:
    while True:
        delays.append(await _followed(store, next(drafts(0, 1))))


async def _followed(store: Store, draft: Draft) -> Delay:
    """Put a row and see what becomes of it."""
    put, outbox = time.perf_counter(), store.outbox("mqtt")
    store.put([draft])
    await store.flush()
    stored, number = time.perf_counter(), outbox.newest(draft.stream)
    await _until(lambda: not outbox.ranges[draft.stream].has(number))
    return Delay(stored - put, time.perf_counter() - stored)


async def _ended(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _until(true: Callable[[], bool]) -> None:
    for _ in itertools.count():
        if true():
            return
        await asyncio.sleep(0.002)


def _incident(number: int) -> Incident:
    return Incident(
        f"i{number}", "box_outage", "confirmed", "first", "critical", START, "B1", START, START, devices=("M1", "M2")
    )


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _written_bytes() -> int:
    """Bytes this process sent to the storage layer."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["write_bytes"])


PARTS: dict[str, Callable[[Path], Awaitable[None]]] = {
    part.__name__: part for part in (durable, together, written, backlog, drain)
}


def main(names: list[str]) -> int:
    """One part in this process, or every part in a process of its own."""
    if not names:
        runs = [subprocess.run([sys.executable, "-m", "tests.bench.store", part], check=False) for part in PARTS]
        return int(any(run.returncode for run in runs))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_run(PARTS[names[0]], Path(folder)))
    return 0


async def _run(part: Callable[[Path], Awaitable[None]], folder: Path) -> None:
    await part(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
