"""A relay that is, or is to be, open and that no poll shows is read until it is known what became of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from gateway.relays import Relays
from gateway.south.poll import Lane, Poll
from rules.incident import Incident
from rules.observation import Fault
from rules.pool import Entry
from tests.gateway.north.site import device, incident
from tests.virtual import NOON, virtual

POLLED, UNPOLLED = device(1), replace(device(2), points=("voltage", "current"))
PLAIN = replace(device(3), profile=replace(device(3).profile, points={}))
ORDERS = [Entry(f"order-{one.id}", "arrears", "announced", one.id, NOON) for one in (POLLED, UNPOLLED, PLAIN)]


def relay(kind: str) -> Incident:
    return replace(incident("i1"), type=kind, node="M2")


@virtual
async def test_only_relays_that_no_poll_shows_are_read_soon_while_in_doubt_and_seldom_when_open_by_order() -> None:
    pool, active, read, loop = list(ORDERS), list[Incident](), list[tuple[int, str]](), asyncio.get_running_loop()
    faults: list[Fault | None] = [None, None, None, "timeout", None]

    async def ask(name: str, points: Sequence[str]) -> Poll:
        assert tuple(points) == ("relay_open",)
        read.append((round(loop.time() - started), name))
        return Poll(name, "rs485-1", NOON, 0.1, Lane.DEMAND, fault=faults.pop(0))

    started = loop.time()
    looking = asyncio.create_task(Relays([POLLED, UNPOLLED, PLAIN], lambda: pool, lambda: active, ask).run())
    await asyncio.sleep(65)
    assert read == [(0, "M2"), (60, "M2")], "announced"
    pool.clear()
    active[:] = [relay("arrears_disconnect"), replace(relay("relay_open"), node="M1")]
    await asyncio.sleep(300)
    assert read[2:] == [(360, "M2")], "open by order"
    active[:] = [relay("relay_open")]
    await asyncio.sleep(900)
    assert read[3:] == [(420, "M2")], "open without an order, and silent then"
    await asyncio.sleep(65)
    assert read[4:] == [(1320, "M2")]
    active.clear()
    await asyncio.sleep(3600)
    assert len(read) == 5
    looking.cancel()


@virtual
async def test_where_every_relay_is_polled_nobody_looks() -> None:
    async def ask(_name: str, _points: Sequence[str]) -> Poll:
        raise AssertionError

    await Relays([POLLED, PLAIN], lambda: ORDERS, list, ask).run()
