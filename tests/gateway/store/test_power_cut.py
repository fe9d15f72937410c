"""A power cut leaves files that end anywhere: the store opens, holds a beginning of what was put, and goes on."""

import random
import shutil
from pathlib import Path

import pytest

from gateway.settings.models import Store as Settings
from gateway.store import Store, Stream
from tests.gateway.store.running import bodies, event, live, rows_on_disk, running
from tests.virtual import VirtualClock, virtual

COMMITS = 40


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a power cut finds it: the log of the database was not folded in yet."""
    folder = tmp_path_factory.mktemp("cut")

    @virtual
    async def life() -> None:
        async with running(folder / "running.db") as store:
            for number in range(1, COMMITS + 1):
                store.put([live(number, 300), event(number)], {"last": number})
                await store.flush()
            for ending in ("", "-wal"):
                shutil.copy(f"{folder / 'running.db'}{ending}", f"{folder / 'cut.db'}{ending}")

    life()
    return folder / "cut.db"


@pytest.mark.parametrize("damage", ["nothing", "truncated", "torn", "log lost"])
def test_what_a_power_cut_leaves_is_a_beginning_and_the_store_goes_on(cut: Path, tmp_path: Path, damage: str) -> None:
    chance = random.Random(damage)
    for round_ in range(1 if damage in ("nothing", "log lost") else 12):
        path = tmp_path / f"{round_}.db"
        for ending in ("", "-wal"):
            shutil.copy(f"{cut}{ending}", f"{path}{ending}")
        log = Path(f"{path}-wal")
        size = log.stat().st_size
        if damage == "truncated":
            with log.open("r+b") as file:
                file.truncate(chance.randrange(size))
        elif damage == "torn":
            with log.open("r+b") as file:
                file.seek(chance.randrange(size))
                file.write(chance.randbytes(700))
        elif damage == "log lost":
            log.unlink()
        kept = after_the_cut(path)
        assert kept == list(range(1, len(kept) + 1))
        assert damage != "nothing" or len(kept) == COMMITS


@virtual
async def after_the_cut(path: Path) -> list[int]:
    """Open, check that rows, events and state are of the same moment, and put more. The rows that were kept."""
    store = Store(Settings(path=path), VirtualClock(), ("mqtt",))
    state = store.open()
    kept = bodies(await store.outbox("mqtt").peek(Stream.LIVE, 1000))
    assert bodies(await store.outbox("mqtt").peek(Stream.EVENT, 1000)) == kept
    assert state.get("last", 0) == len(kept)
    store.put([live(len(kept) + 1)])
    await store.close()
    assert rows_on_disk(path)[-1] == len(kept) + 1
    return kept
