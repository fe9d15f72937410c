"""The guarantee: what is on disk arrives, at least once, in order, over dead links and over kill -9 at any moment.

`TORTURE=200 pytest tests/gateway/north/test_guarantee.py` kills as often as that.
"""

import asyncio
import os
import random
import re
import subprocess
import sys
from collections import defaultdict
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.pipeline import observed, told
from gateway.settings.models import Mqtt
from gateway.store import Stream
from tests.gateway.north.site import desk, incident, observation
from tests.gateway.store.running import rows_on_disk
from tests.proxy import wire_to
from tests.servers import Heard, Listener, Server, free_port, nats_server, started

pytestmark = pytest.mark.broker
KILLS = int(os.environ.get("TORTURE", "6"))


def arrived(heard: list[Heard]) -> list[tuple[str, int]]:
    """Device and number of every observation that came, in order, repeats and all."""
    return [
        (row["device"], int(row["values"]["voltage"]))
        for message in heard
        if message.topic.split("/")[3] in ("data", "hist")
        for row in message.data["observations"]
    ]


def first_times(numbers: list[int]) -> list[int]:
    return list(dict.fromkeys(numbers))


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


async def test_an_incident_does_not_wait_behind_a_backlog_on_a_slow_link(nats: Server, tmp_path: Path) -> None:
    async with desk(tmp_path / "a.db", Mqtt(port=free_port())) as gateway:
        gateway.store.put(observed(observation(number)) for number in range(4000))
    with wire_to(nats.port) as wire, closing(Listener(nats.port)) as listener:
        wire.bytes_per_s = 100_000
        async with desk(tmp_path / "a.db", Mqtt(port=wire.port, together_s=0.1)) as gateway:
            await gateway.until(lambda: gateway.sender.report.sent > 800)  # by now it knows the link
            before = len(wire.said)
            gateway.store.put([told(incident("i1"))])
            await asyncio.to_thread(listener.topic, "event/critical")
            assert wire.said.index(b'"specversion"') - before < 20_000  # 0.2 s of this link, and what its ends hold
            assert gateway.waiting() > 2000
            wire.bytes_per_s = 0
            await gateway.until(lambda: gateway.waiting() == 0)
            await asyncio.to_thread(listener.until, lambda heard: len(arrived(heard)) == 4000)


def lives_of_a_source(path: Path, port: int, broker: Server, both: bool, chance: random.Random) -> int:
    """Start, kill at a random moment, start again; the highest number that was said to be on disk."""
    command = [sys.executable, "-m", "tests.gateway.north.source", str(path), str(port)]
    stored = 0
    for life in range(KILLS):
        if both and life % 2:
            broker.kill()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as source:
            assert source.stdout is not None
            for _ in range(chance.randrange(1, 60)):
                stored = max(stored, int(source.stdout.readline() or f"{stored}"))
            if both and life % 2:
                broker.start()
            source.kill()
            rest, says = source.communicate()
            stored = max([stored, *map(int, rest.split())])
            assert "Traceback" not in says
    return stored


@pytest.mark.parametrize("both", [False, True], ids=["gateway", "gateway and broker"])
async def test_kill_nine_at_random_moments_loses_nothing_and_keeps_the_order(tmp_path: Path, both: bool) -> None:
    path = tmp_path / "a.db"
    with (
        started(nats_server(tmp_path)) as broker,
        wire_to(broker.port) as wire,
        closing(Listener(broker.port)) as listener,
    ):
        stored = await asyncio.to_thread(lives_of_a_source, path, wire.port, broker, both, random.Random(9))
        assert rows_on_disk(path)[-1] >= stored
        async with desk(path, Mqtt(port=wire.port, together_s=0.05)) as gateway:
            made = gateway.store.outbox("mqtt").newest(Stream.LIVE)
            await gateway.until(lambda: gateway.waiting() == 0)
            await asyncio.to_thread(listener.until, lambda heard: len({n for _, n in arrived(heard)}) >= made)
        said = bytes(wire.said)
    assert made >= stored
    assert {number for _, number in arrived(listener.heard)} == set(range(1, made + 1))
    assert broken_stores(tmp_path) == []
    # What a killed broker held for a listener it gives later and out of order: so order is watched on the wire.
    events = first_times([int(number) for number in re.findall(rb'"sequence":"(\d{12})"', said)])
    assert len(events) >= stored // 10
    assert all(before < after for before, after in pairwise(events))
    if not both:
        in_order_of_devices(listener.heard)


def broken_stores(folder: Path) -> list[Path]:
    return list(folder.glob("*.broken*"))


def in_order_of_devices(heard: list[Heard]) -> None:
    """Live data of a device never goes back in time, nor does its history."""
    for kind in ("data", "hist"):
        by_device = defaultdict[str, list[int]](list)
        for device, number in arrived([message for message in heard if f"/{kind}/" in message.topic]):
            by_device[device].append(number)
        for numbers in by_device.values():
            assert all(before < after for before, after in pairwise(first_times(numbers)))
