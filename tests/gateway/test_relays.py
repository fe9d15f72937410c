"""A relay that was ordered open and that no poll shows is read until the pool knows what came of the order."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from gateway.relays import Relays
from gateway.south.poll import Lane, Poll
from rules.observation import Fault
from rules.pool import Entry
from tests.gateway.north.site import device
from tests.virtual import NOON, virtual

POLLED, UNPOLLED = device(1), replace(device(2), points=("voltage", "current"))
PLAIN = replace(device(3), profile=replace(device(3).profile, points={}))
ORDERS = [Entry(f"order-{one.id}", "arrears", "announced", one.id, NOON) for one in (POLLED, UNPOLLED, PLAIN)]


@virtual
async def test_only_ordered_relays_that_no_poll_shows_are_read_soon_at_first_and_seldom_later() -> None:
    pool, read, loop = list(ORDERS), list[tuple[int, str]](), asyncio.get_running_loop()
    faults: list[Fault | None] = [None, None, "timeout", None]

    async def ask(name: str, points: Sequence[str]) -> Poll:
        assert tuple(points) == ("relay_open",)
        read.append((round(loop.time() - started), name))
        if len(read) == 1:
            pool[1] = replace(pool[1], state="running")
        return Poll(name, "rs485-1", NOON, 0.1, Lane.DEMAND, fault=faults.pop(0))

    started = loop.time()
    looking = asyncio.create_task(Relays([POLLED, UNPOLLED, PLAIN], lambda: pool, ask).run())
    await asyncio.sleep(1500)
    assert read == [(0, "M2"), (60, "M2"), (360, "M2"), (1260, "M2")], "at last after a silence"
    pool.clear()
    await asyncio.sleep(1500)
    assert len(read) == 4
    looking.cancel()


@virtual
async def test_where_every_relay_is_polled_nobody_looks() -> None:
    async def ask(_name: str, _points: Sequence[str]) -> Poll:
        raise AssertionError

    await Relays([POLLED, PLAIN], lambda: ORDERS, ask).run()
