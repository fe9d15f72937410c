"""The sender against a real database: every point comes back as it was observed, and no answer loses one."""

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from gateway.clock import SystemClock
from gateway.north.influx import InfluxSender
from gateway.north.influx_answer import Answer as Said
from gateway.north.influx_answer import Meaning, meaning
from gateway.north.influx_write import InfluxWriter
from gateway.pipeline import observed, told
from gateway.settings.models import Influx
from gateway.settings.models import Store as StoreSettings
from gateway.store import Draft, Store, Stream
from tests.front import Answer, Front
from tests.gateway.north.site import incident, observation, site
from tests.servers import Database, free_port


@dataclass(slots=True)
class Desk:
    store: Store
    sender: InfluxSender

    def waiting(self) -> int:
        return sum(self.store.figures().waiting["influx"].values())

    async def until(self, true: Callable[[], bool]) -> None:
        """Return when it is so."""
        for _ in range(3000):
            if true():
                return
            await asyncio.sleep(0.02)  # a database's answer comes when it comes
        raise TimeoutError(f"{self.sender.report}")

    async def delivered(self, rows: int) -> None:
        await self.until(lambda: self.sender.report.sent + self.sender.report.set_aside >= rows)
        assert self.waiting() == 0


@contextlib.asynccontextmanager
async def desk(path: Path, settings: Influx, write: Callable[[bytes], Said] | None = None) -> AsyncIterator[Desk]:
    """A sender at work; `write`: what answers in place of a database."""
    store = Store(StoreSettings(path=path, commit_ms=20), SystemClock(), ("influx",), keep=False)
    store.open()
    sender = InfluxSender(site(), settings, store.outbox("influx"), write or InfluxWriter(settings).write)
    try:
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(store.run()), tasks.create_task(sender.run())]
            yield Desk(store, sender)
            for task in running:
                task.cancel()
    finally:
        await store.close()


@pytest.fixture
def token(tmp_path: Path) -> str:
    path = tmp_path / "token"
    path.write_text("a-token\n")
    return str(path)


def v2(front: Front, token: str, batch: int = 5000) -> Influx:
    return Influx(url=front.url, org="grid", bucket="area", token_file=token, batch=batch)


def seen(database: Database) -> list[float]:
    return [row["voltage"] for row in database.query("SELECT voltage FROM meter", "area")]


@pytest.mark.influx
@pytest.mark.parametrize("api", ["v1", "v2"])
async def test_every_point_comes_back_as_it_was_observed(
    influx_v2: Front, tmp_path: Path, token: str, api: str
) -> None:
    database = influx_v2.database
    settings = v2(influx_v2, token) if api == "v2" else Influx(url=database.url, api="v1", database="area")
    values = {
        "voltage": 230.1,
        "current": 0.1 + 0.2,
        "active_power": -1.5e-7,
        "energy_import": 123456.78,
        "clock": None,
    }
    async with desk(tmp_path / "a.db", settings) as gateway:
        gateway.store.put([observed(observation(1, at=1_800_000_000.123, values=dict(values)))])
        gateway.store.put([told(incident("i1"))])
        await gateway.delivered(2)
    row = database.query("SELECT * FROM meter", "area")[0]
    tags = {"gateway": "gw1", "area": "TQ1", "node": "B1", "device": "M1", "phase": "A", "profile": "meter-1p"}
    measured = {name: value for name, value in values.items() if value is not None}
    assert row == {"time": 1_800_000_001_123_000_000, "took_ms": 50, **tags, **measured}
    said = database.query("SELECT * FROM incident", "area")[0]
    assert (said["id"], said["type"], said["node"], said["devices"]) == ("i1", "box_outage", "B1", 2)


@pytest.mark.influx
async def test_a_database_that_is_killed_in_between_gets_everything(
    influx_v2: Front, tmp_path: Path, token: str
) -> None:
    async with desk(tmp_path / "a.db", v2(influx_v2, token)) as gateway:
        gateway.store.put(observed(observation(number)) for number in range(100))
        await gateway.delivered(100)
        influx_v2.database.kill()
        gateway.store.put(observed(observation(number)) for number in range(100, 200))
        await gateway.until(lambda: not gateway.sender.report.connected)
        assert gateway.waiting() == 100
        await asyncio.to_thread(influx_v2.database.start)
        await gateway.delivered(200)
    assert seen(influx_v2.database) == [float(number) for number in range(200)]


POISON = Draft(Stream.LIVE, 1.0, "rs485-1", b'{"at":1800000055.5,"device":"M1","took_ms":1,"values":{"bad name":1}}')


@pytest.mark.influx
async def test_a_poison_line_is_set_aside_and_the_others_are_stored(
    influx_v2: Front, tmp_path: Path, token: str
) -> None:
    async with desk(tmp_path / "a.db", v2(influx_v2, token)) as gateway:
        rows = [observed(observation(number)) for number in range(100)]
        gateway.store.put([*rows[:33], POISON, *rows[33:]])
        await gateway.delivered(101)
        assert gateway.sender.report.set_aside == 1
    assert seen(influx_v2.database) == [float(number) for number in range(100)]


@pytest.mark.influx
async def test_a_batch_that_is_too_large_is_halved(influx_v2: Front, tmp_path: Path, token: str) -> None:
    influx_v2.longest = 2_000
    async with desk(tmp_path / "a.db", v2(influx_v2, token)) as gateway:
        gateway.store.put(observed(observation(number)) for number in range(100))
        await gateway.delivered(100)
    assert seen(influx_v2.database) == [float(number) for number in range(100)]


async def test_after_a_413_requests_grow_again(tmp_path: Path) -> None:
    sizes: list[int] = []

    def write(lines: bytes) -> Said:
        sizes.append(lines.count(b"\n") + 1)
        return Said(413 if len(sizes) == 1 else 204)

    async with desk(tmp_path / "a.db", Influx(api="v1", database="area", batch=64), write) as gateway:
        gateway.store.put(observed(observation(number)) for number in range(3000))
        await gateway.delivered(3000)
    assert sizes[:4] == [64, 32, 32, 32]
    assert max(sizes[4:]) > 32


async def test_on_a_slow_link_the_past_is_written_in_small_parts(tmp_path: Path) -> None:
    sizes: list[int] = []

    def write(lines: bytes) -> Said:
        sizes.append(lines.count(b"\n") + 1)
        threading.Event().wait(sizes[-1] / 1000)  # a thousand lines a second
        return Said(204)

    settings = Influx(api="v1", database="area", batch=2000)
    async with desk(tmp_path / "a.db", settings, lambda _: Said(503)) as gateway:
        gateway.store.put(observed(observation(number)) for number in range(5000))
    async with desk(tmp_path / "a.db", settings, write) as gateway:
        await gateway.delivered(5000)
    assert sizes[0] == 2000
    assert max(sizes[2:]) <= 500


def day(devices: int) -> Draft:
    """A day's coverage: one row, a line for each device and one for the area."""
    share = {"expected": 96, "live": 96, "backfilled": 0, "share": 1.0}
    table = {**share, "devices": {f"M{number}": share for number in range(devices)}}
    return Draft(Stream.EVENT, 1.0, "stats/day", orjson.dumps({"date": "2027-01-15", "coverage": table}))


@pytest.mark.parametrize(("longest", "aside"), [(1000, 0), (60, 1)], ids=["is cut in two", "is set aside"])
async def test_a_row_that_is_too_long(
    tmp_path: Path, longest: int, aside: int, caplog: pytest.LogCaptureFixture
) -> None:
    written: set[bytes] = set()

    def write(lines: bytes) -> Said:
        if len(lines) > longest:
            return Said(413, "body too large")
        written.update(lines.splitlines())
        return Said(204)

    async with desk(tmp_path / "a.db", Influx(api="v1", database="area"), write) as gateway:
        gateway.store.put([day(50)])
        await gateway.until(lambda: gateway.waiting() == 0 and gateway.store.outbox("influx").newest(Stream.EVENT) == 1)
        assert gateway.store.figures().set_aside == gateway.sender.report.set_aside == aside
    assert len(written) == (0 if aside else 51)
    assert ("event 1 is set aside: body too large" in caplog.text) is bool(aside)


def test_a_database_that_says_nothing_does_not_keep_the_service_from_ending() -> None:
    program = (
        "import threading\nfrom gateway.north.unattended import Unattended\n"
        "thread = Unattended('influx')\nprint(thread.submit(str.upper, 'done').result())\n"
        "thread.submit(threading.Event().wait)\nthread.shutdown()"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout == "DONE\n"


@pytest.mark.influx
async def test_a_busy_database_is_given_the_time_it_asks_for(influx_v2: Front, tmp_path: Path, token: str) -> None:
    influx_v2.next += [Answer(503), Answer(429, "busy", (("Retry-After", "1"),)), Answer(500)]
    async with desk(tmp_path / "a.db", v2(influx_v2, token)) as gateway:
        gateway.store.put([observed(observation(1))])
        await gateway.delivered(1)
    assert len(influx_v2.requests) == 4
    assert all(headers["content-encoding"] == "gzip" for headers in influx_v2.requests)


@pytest.mark.influx
@pytest.mark.parametrize("wrong", ["token", "bucket"])
async def test_what_is_forbidden_is_kept_and_said(
    influx_v2: Front, tmp_path: Path, token: str, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    influx_v2.token, influx_v2.bucket = ("other", "area") if wrong == "token" else ("a-token", "other")
    async with desk(tmp_path / "a.db", v2(influx_v2, token)) as gateway:
        gateway.store.put([observed(observation(1))])
        await gateway.until(lambda: "check token and names" in gateway.sender.report.says)
        assert gateway.waiting() == 1
    assert "check token and names" in caplog.text
    assert "a-token" not in caplog.text


async def test_a_database_that_is_not_there_stops_nothing(tmp_path: Path) -> None:
    settings = Influx(url=f"http://127.0.0.1:{free_port()}", api="v1", database="area")
    async with desk(tmp_path / "a.db", settings) as gateway:
        gateway.store.put([observed(observation(1))])
        await gateway.until(lambda: "not tried" not in gateway.sender.report.says)
        assert gateway.waiting() == 1


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (204, "", Meaning.STORED),
        (400, "unable to parse 'x': missing fields", Meaning.POISON),
        (400, "partial write: unable to parse 'x' dropped=0", Meaning.POISON),
        (400, "partial write: points beyond retention policy dropped=3", Meaning.PARTLY),
        (400, '{"error":"partial write of line protocol occurred","data":[{"line_number":2}]}', Meaning.POISON),
        (401, "", Meaning.FORBIDDEN),
        (403, "", Meaning.FORBIDDEN),
        (404, "", Meaning.FORBIDDEN),
        (413, "", Meaning.TOO_LARGE),
        (422, "field type conflict", Meaning.PARTLY),
        (408, "", Meaning.LATER),
        (429, "", Meaning.LATER),
        (500, "", Meaning.LATER),
        (503, "", Meaning.LATER),
        (0, "connection refused", Meaning.LATER),
        (200, "a proxy's page", Meaning.LATER),
    ],
)
def test_meaning_of_an_answer(status: int, message: str, expected: Meaning) -> None:
    assert meaning(Said(status, message)) is expected
