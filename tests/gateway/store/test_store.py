"""The store: on disk before anything is sent, gone only when confirmed, bounded, counted, and never in the way."""

import asyncio
from pathlib import Path

import pytest

from gateway.settings.models import Store as Settings
from gateway.store import Store, Stream
from tests.gateway.store.running import backfill, bodies, event, live, rows_on_disk, running
from tests.virtual import VirtualClock, virtual


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "taiqu.db"


@virtual
async def test_an_observation_is_on_disk_within_the_commit_time(path: Path) -> None:
    async with running(path) as store:
        store.put([live(1)])
        assert rows_on_disk(path) == []
        await asyncio.sleep(0.3)
        assert rows_on_disk(path) == [1]


@virtual
async def test_what_comes_close_together_shares_a_commit(path: Path) -> None:
    async with running(path) as store:
        for number in range(50):
            store.put([live(number)])
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.3)
        assert len(rows_on_disk(path)) == 50
        assert store.figures().commits == 1


@virtual
async def test_state_is_told_once_for_all_rows_of_a_commit(path: Path) -> None:
    seen: list[int] = []
    told: list[int] = []

    def changes() -> dict[str, object]:
        told.append(len(seen))
        return {"seen": len(seen)}

    async with running(path) as store:
        for number in range(50):
            seen.append(number)
            store.put([live(number)], changes)
        await asyncio.sleep(0.3)
        assert told == [50]
    reopened = Store(Settings(path=path), VirtualClock())
    assert reopened.open() == {"seen": 50}
    await reopened.close()


@virtual
async def test_an_event_does_not_wait_for_company(path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with running(path, settings=Settings(path=path, commit_ms=60_000)) as store:
        store.put([live(1)])
        store.put([event(2)])
        started = loop.time()
        await store.outbox("mqtt").news.wait()
        assert loop.time() == started
        assert bodies(await store.outbox("mqtt").peek(Stream.EVENT, 10)) == [2]


@virtual
async def test_nothing_is_offered_before_it_is_on_disk(path: Path) -> None:
    async with running(path) as store:
        outbox = store.outbox("mqtt")
        store.put([live(1)])
        assert await outbox.peek(Stream.LIVE, 10) == []
        await store.flush()
        assert bodies(await outbox.peek(Stream.LIVE, 10)) == [1]


@virtual
async def test_a_row_waits_until_it_is_done_and_each_sink_has_its_own_view(path: Path) -> None:
    async with running(path, sinks=("mqtt", "influx")) as store:
        store.put(live(number) for number in range(1, 6))
        await store.flush()
        mqtt, influx = store.outbox("mqtt"), store.outbox("influx")
        mqtt.done(Stream.LIVE, [2, 3])
        assert bodies(await mqtt.peek(Stream.LIVE, 10)) == [1, 4, 5]
        assert bodies(await mqtt.peek(Stream.LIVE, 1, after=1)) == [4]
        assert bodies(await influx.peek(Stream.LIVE, 10, upto=4)) == [1, 2, 3, 4]
        assert store.figures().waiting["mqtt"] == {"event": 0, "live": 3, "backfill": 0}


@virtual
async def test_a_restart_goes_on_where_it_was(path: Path) -> None:
    async with running(path) as store:
        store.put([live(1), live(2), live(3), event(1)], {"outage": {"node": "F1"}, "voltage": [1, 2]})
        store.put([], {"voltage": None})
        await store.flush()
        store.outbox("mqtt").done(Stream.LIVE, [1, 2])
        identity = store.id
    again = Store(Settings(path=path), VirtualClock(), ("mqtt",))
    assert again.open() == {"outage": {"node": "F1"}}
    assert again.id == identity
    assert bodies(await again.outbox("mqtt").peek(Stream.LIVE, 10)) == [3]
    assert bodies(await again.outbox("mqtt").peek(Stream.EVENT, 10)) == [1]
    again.put([live(4)])
    await again.close()
    assert rows_on_disk(path) == [1, 2, 3, 4]


@virtual
async def test_numbering_goes_on_although_everything_was_delivered_and_deleted(path: Path) -> None:
    for round_ in range(3):
        async with running(path, keep=False) as store:
            for _ in range(120):
                store.put([live(1)])
                await store.flush()
                newest = store.outbox("mqtt").newest(Stream.LIVE)
                store.outbox("mqtt").done(Stream.LIVE, [newest])
            assert newest == (round_ + 1) * 120
    assert len(rows_on_disk(path)) < 60


@virtual
async def test_a_sink_that_was_not_configured_starts_with_what_comes(path: Path) -> None:
    async with running(path, sinks=()) as store:
        store.put([live(1)])
    async with running(path, sinks=("mqtt",)) as store:
        store.put([live(2)])
        await store.flush()
        assert bodies(await store.outbox("mqtt").peek(Stream.LIVE, 10)) == [2]


@virtual
async def test_what_can_never_be_delivered_is_kept_apart(path: Path) -> None:
    async with running(path) as store:
        store.put([live(1), live(2)])
        await store.flush()
        outbox = store.outbox("mqtt")
        outbox.set_aside(Stream.LIVE, (await outbox.peek(Stream.LIVE, 1))[0], "unable to parse")
        assert bodies(await outbox.peek(Stream.LIVE, 10)) == [2]
        assert store.figures().set_aside == 1


@virtual
async def test_the_bound_in_bytes_sheds_backfill_before_live_and_events_last(path: Path) -> None:
    async with running(path, settings=Settings(path=path, commit_ms=1, max_bytes=4_000_000)) as store:
        for number in range(0, 6000, 100):
            store.put(live(one, 1000) for one in range(number, number + 100))
            store.put(backfill(one, 1000) for one in range(number, number + 50))
            store.put([event(number)])
            await store.flush()
        figures = store.figures()
        assert figures.bytes < 6_500_000
        assert figures.shed["event"] == 0
        assert figures.shed["backfill"] > 2000  # all of it but the newest
        left = rows_on_disk(path)
        assert figures.shed["live"] == 6000 - len(left)
        assert store.outbox("mqtt").waiting(Stream.LIVE) == len(left)
        assert store.outbox("mqtt").waiting(Stream.EVENT) == 60
    async with running(path) as again:
        assert again.figures().shed == figures.shed, "it is counted on over a restart"


@virtual
async def test_what_everybody_has_goes_first_and_is_no_loss(path: Path) -> None:
    async with running(path, settings=Settings(path=path, commit_ms=1, max_bytes=2_000_000)) as store:
        for number in range(0, 6000, 100):
            store.put(live(one, 1000) for one in range(number, number + 100))
            await store.flush()
            store.outbox("mqtt").done(Stream.LIVE, range(number + 1, number + 101))
        assert store.figures().bytes < 5_000_000
        assert store.figures().shed == {"event": 0, "live": 0, "backfill": 0}


@virtual
async def test_the_bound_in_days_counts_days_on_which_something_was_written(path: Path) -> None:
    clock = VirtualClock()
    store = Store(Settings(path=path, max_days=2), clock, ())
    store.open()
    task = asyncio.create_task(store.run())
    for number in range(1, 7):
        store.put([live(number)])
        await store.flush()
        if number == 3:
            clock.step(20 * 365 * 86400)  # the clock is wrong by years for a day
        if number == 4:
            clock.step(-20 * 365 * 86400)
        clock.step(86400)
        await store.retain()
    assert rows_on_disk(path) == [4, 5, 6]
    task.cancel()
    await store.close()


@virtual
async def test_a_stopped_store_is_one_file(path: Path) -> None:
    async with running(path) as store:
        store.put([live(1)])
        await store.flush()
        assert bodies(await store.outbox("mqtt").peek(Stream.LIVE, 1)) == [1]
    assert [name.name for name in path.parent.iterdir() if name.name.startswith("taiqu.db-")] == []
