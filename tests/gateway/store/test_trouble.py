"""A file that breaks, a disk that is full, a folder that cannot be: said, survived, and nothing else is lost."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.settings.models import Store as Settings
from gateway.store import Store, StoreError, Stream
from tests.gateway.north.ordeal import fill
from tests.gateway.store.running import bodies, event, live, rows_on_disk, running, tear
from tests.virtual import VirtualClock, virtual


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "taiqu.db"


@pytest.mark.parametrize("damage", ["garbage", "torn"])
def test_a_broken_file_is_set_aside_and_a_new_one_is_begun(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    @virtual
    async def before() -> str:
        async with running(path) as store:
            store.put(live(number, 500) for number in range(200))
            return store.id

    @virtual
    async def after() -> None:
        async with running(path) as store:
            assert store.id != identity
            store.put([live(1)])
            await store.flush()
            assert bodies(await store.outbox("mqtt").peek(Stream.LIVE, 10)) == [1]
            assert store.figures().broken == 1

    identity = before()
    if damage == "garbage":
        path.write_bytes(os.urandom(8192))
    else:
        tear(path)
    after()
    assert len(list(path.parent.glob("taiqu.db.broken-*"))) == 1
    assert "set aside as" in caplog.text


@virtual
async def test_a_file_that_breaks_in_use_costs_what_was_in_it_and_nothing_else(path: Path) -> None:
    async with running(path) as store:
        store.put((live(number, 500) for number in range(300)), {"outage": "F1"})
        await store.flush()
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        tear(path)
        for number in range(300, 304):
            store.put([live(number)])
            await store.flush()
        await store.outbox("mqtt").peek(Stream.LIVE, 1000)
        store.put([live(304)])
        await store.flush()
        rows = await store.outbox("mqtt").peek(Stream.LIVE, 1000)
        assert bodies(rows)[-1] == 304
        assert store.figures().trouble == ""
        assert store.figures().lost > 0
    assert len(list(path.parent.glob("taiqu.db.broken-*"))) == 1
    again = Store(Settings(path=path), VirtualClock(), ("mqtt",))
    assert again.open() == {"outage": "F1"}
    await again.close()


def test_two_gateways_on_one_file_are_refused(path: Path) -> None:
    @virtual
    async def both() -> None:
        async with running(path):
            with pytest.raises(StoreError, match="another gateway runs on it"):
                Store(Settings(path=path), VirtualClock()).open()

    both()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    @virtual
    async def opened() -> None:
        Store(Settings(path=tmp_path / "file" / "taiqu.db"), VirtualClock()).open()

    with pytest.raises(StoreError, match=r"file/taiqu\.db"):
        opened()


@virtual
async def test_a_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer version"):
        Store(Settings(path=path), VirtualClock()).open()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("a small file system can only be mounted by root: a full disk is untested")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def enlarge(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=20m", str(folder)], check=True)


@virtual
async def test_a_full_disk_is_said_once_and_what_comes_meanwhile_is_kept(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, ballast = small_disk / "taiqu.db", small_disk / "ballast"
    async with running(path) as store:
        store.put([live(0)])
        await store.flush()
        ballast.write_bytes(bytes(700_000))
        for number in range(1, 1001):
            store.put([live(number, 1000)])
            await asyncio.sleep(0.05)
        assert store.figures().trouble
        store.put([event(1)])
        await asyncio.sleep(1)
        assert bodies(await store.outbox("mqtt").peek(Stream.EVENT, 10)) == [1]  # news get out all the same
        assert caplog.text.count("disk is full") == 1
        caplog.clear()
        ballast.unlink()
        store.outbox("mqtt").done(Stream.LIVE, range(1, 1002))
        enlarge(small_disk)
        await asyncio.sleep(60)
        assert store.figures().trouble == ""
        assert len(rows_on_disk(path)) == 1001
        assert store.figures().lost == 0


@virtual
async def test_a_start_on_a_full_disk_goes_on_where_it_was(small_disk: Path) -> None:
    path = small_disk / "taiqu.db"
    async with running(path) as store:
        store.put([live(1), live(2), event(1)], {"outage": "F1"})
        identity = store.id
    fill(small_disk)
    store = Store(Settings(path=path), VirtualClock(), ("mqtt",))
    assert store.open() == {"outage": "F1"}
    task = asyncio.create_task(store.run())
    outbox = store.outbox("mqtt")
    store.put([live(3), event(2)], {"outage": "F2"})
    await asyncio.sleep(1)
    assert "full" in store.figures().trouble
    assert bodies(await outbox.peek(Stream.LIVE, 10)) == [1, 2, 3]
    assert bodies(await outbox.peek(Stream.EVENT, 10)) == [1, 2]
    outbox.done(Stream.EVENT, [1, 2])
    enlarge(small_disk)
    await asyncio.sleep(60)
    assert store.figures().trouble == ""
    assert rows_on_disk(path) == [1, 2, 3]  # another process can open it again, too
    assert bodies(await outbox.peek(Stream.LIVE, 10)) == [1, 2, 3]
    assert store.id == identity
    task.cancel()
    await store.close()
    assert Store(Settings(path=path), VirtualClock()).open() == {"outage": "F2"}


@pytest.mark.parametrize("before", ["no file yet", "a broken file"])
@virtual
async def test_a_start_with_nothing_on_a_full_disk_makes_the_file_later(small_disk: Path, before: str) -> None:
    path = small_disk / "taiqu.db"
    if before == "a broken file":
        path.write_bytes(os.urandom(8192))
    fill(small_disk)
    store = Store(Settings(path=path), VirtualClock(), ("mqtt",))
    assert store.open() == {}
    assert "full" in store.figures().trouble
    task = asyncio.create_task(store.run())
    identity = store.id
    store.put([live(1), event(1)], {"outage": "F1"})
    await asyncio.sleep(1)
    assert bodies(await store.outbox("mqtt").peek(Stream.EVENT, 10)) == [1]
    enlarge(small_disk)
    await asyncio.sleep(60)
    assert (store.figures().trouble, store.figures().lost, store.id) == ("", 0, identity)
    task.cancel()
    await store.close()
    again = Store(Settings(path=path), VirtualClock(), ("mqtt",))
    assert again.open() == {"outage": "F1"}
    assert (again.id, rows_on_disk(path)) == (identity, [1])


@virtual
async def test_memory_is_bounded_while_the_disk_takes_nothing(small_disk: Path) -> None:
    path = small_disk / "taiqu.db"
    async with running(path) as store:
        (small_disk / "ballast").write_bytes(bytes(800_000))
        store.put([event(1)])
        for number in range(0, 30_000, 1000):
            store.put(live(one, 100) for one in range(number, number + 1000))
            await asyncio.sleep(60)
        figures = store.figures()
        assert figures.unwritten <= 20_000
        assert figures.lost >= 5_000
        assert bodies(await store.outbox("mqtt").peek(Stream.EVENT, 10)) == [1]
