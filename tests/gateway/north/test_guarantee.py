"""The guarantee: what is on disk arrives, at least once, in order, over dead links and over kill -9 at any moment.

The short form of `make torture`.
"""

import asyncio
import random
from contextlib import closing
from pathlib import Path

import pytest

from gateway.pipeline import observed, told
from gateway.settings.models import Mqtt
from tests.gateway.north.ordeal import FAULTS, endure
from tests.gateway.north.site import desk, incident, observation
from tests.gateway.north.stage import kill_and_kill
from tests.proxy import wire_to
from tests.servers import Heard, Listener, Server, free_port

pytestmark = pytest.mark.broker
KILLS = 6


def arrived(heard: list[Heard]) -> list[tuple[str, int]]:
    """Device and number of every observation that came, in order, repeats and all."""
    return [
        (row["device"], int(row["values"]["voltage"]))
        for message in heard
        if message.topic.split("/")[3] in ("data", "hist")
        for row in message.data["observations"]
    ]


@pytest.mark.parametrize("fault", ["cut", "swallow", "swallow, then kill the broker"])
async def test_a_link_that_dies_loses_nothing(nats: Server, tmp_path: Path, fault: str) -> None:
    with wire_to(nats.port) as wire, closing(Listener(nats.port)) as desk_of_operator:
        settings = Mqtt(port=wire.port, together_s=0.02, keepalive_s=1)
        async with desk(tmp_path / "a.db", settings) as gateway:
            for number in range(200):
                gateway.store.put([observed(observation(number))])
                await gateway.store.flush()
                if number == 50 and fault == "cut":
                    wire.cut()
                elif number == 50:
                    wire.swallows = True
            if fault == "swallow, then kill the broker":
                await asyncio.to_thread(nats.kill)
                await asyncio.to_thread(nats.start)
            if fault != "cut":
                await gateway.until(lambda: gateway.sender.report.failures > 0)
                assert gateway.waiting() > 0
            wire.swallows = False
            await gateway.until(lambda: gateway.waiting() == 0)
            await asyncio.to_thread(
                desk_of_operator.until, lambda heard: len({number for _, number in arrived(heard)}) == 200
            )


async def test_neither_an_incident_nor_live_data_waits_behind_a_backlog_on_a_slow_link(
    nats: Server, tmp_path: Path
) -> None:
    async with desk(tmp_path / "a.db", Mqtt(port=free_port())) as gateway:
        gateway.store.put(observed(observation(number)) for number in range(8000))
    with wire_to(nats.port) as wire, closing(Listener(nats.port)) as listener:
        wire.bytes_per_s = 100_000
        async with desk(tmp_path / "a.db", Mqtt(port=wire.port, together_s=0.1)) as gateway:
            await gateway.until(lambda: gateway.sender.report.sent > 800)  # by now it knows the link
            before = len(wire.said)
            gateway.store.put([told(incident("i1"))])
            await asyncio.to_thread(listener.topic, "event/critical")
            assert wire.said.index(b'"specversion"') - before < 20_000  # 0.2 s of this link, and what its ends hold
            before = len(wire.said)
            gateway.store.put([observed(observation(123_456))])
            await asyncio.to_thread(listener.until, lambda heard: 123_456 in {number for _, number in arrived(heard)})
            assert wire.said.index(b'"voltage":123456') - before < 100_000  # a second of this link
            assert gateway.waiting() > 2000
            wire.bytes_per_s = 0
            await gateway.until(lambda: gateway.waiting() == 0)
            await asyncio.to_thread(listener.until, lambda heard: len(arrived(heard)) == 8001)


@pytest.mark.parametrize("both", [False, True], ids=["gateway", "gateway and broker"])
def test_kill_nine_at_random_moments_loses_nothing_and_keeps_the_order(tmp_path: Path, both: bool) -> None:
    toll = kill_and_kill(tmp_path, KILLS, both, random.Random(9))
    assert (toll.lost, toll.incidents_lost, toll.broken) == (0, 0, 0), toll
    assert toll.sound, toll
    assert toll.in_order, toll
    assert toll.made >= 10 * KILLS


CHOSEN = (
    ("the link dies without a word", "the gateway is killed"),
    ("the broker refuses", "the store is corrupted"),
    ("the broker stalls", "the power is cut"),
    ("the disk is full", "the clock is 20 years ahead"),
    ("the clock is 20 years back", "the broker is killed"),
)
"""Pairs in which each fault has its turn; `make torture` puts a gateway through all of them."""


@pytest.mark.parametrize("names", CHOSEN, ids=" and ".join)
def test_two_faults_at_a_time_lose_nothing_and_keep_the_order(tmp_path: Path, names: tuple[str, str]) -> None:
    try:
        toll = endure(tmp_path, names)
    except PermissionError as error:
        pytest.skip(str(error))
    assert (toll.lost, toll.incidents_lost, toll.counted) == (0, 0, 0), toll
    assert toll.in_order, toll
    assert toll.sound, toll
    assert toll.broken == ("the store is corrupted" in names)


def test_every_fault_has_its_turn() -> None:
    assert {name for pair in CHOSEN for name in pair} == set(FAULTS)
