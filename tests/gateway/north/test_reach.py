"""How long a message the broker takes: found out without ever taking a bad link for a narrow broker."""

import asyncio
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.north.reach import CALM_S, LONGEST, PLAUSIBLE, PROOFS, Reach
from gateway.pipeline import observed, told
from gateway.settings.models import Mqtt
from gateway.store import Stream
from gateway.store.look import look
from tests.gateway.north.site import desk, incident, observation
from tests.proxy import wire_to
from tests.servers import Listener, Server, mosquitto_server, started

BIG = 20_000


def test_what_is_as_long_as_something_that_passed_is_never_suspected() -> None:
    reach = Reach()
    reach.landed(BIG, 0)
    for _ in range(10):
        reach.lost(BIG, alone=True, now=0)
    assert reach.takes(BIG)
    assert not reach.doubts(BIG)
    assert reach.ceiling == LONGEST


def test_only_a_message_that_was_alone_so_often_is_known_to_be_too_long() -> None:
    reach = Reach()
    for _ in range(10):
        reach.lost(BIG, alone=False, now=0)
    assert reach.takes(BIG)
    assert reach.doubts(BIG)
    for _ in range(PROOFS):
        assert reach.takes(BIG)
        reach.lost(BIG, alone=True, now=0)
    assert not reach.takes(BIG)
    assert reach.takes(BIG - 1)
    assert not reach.doubts(BIG)


@pytest.mark.parametrize(
    ("lengths", "why"),
    [((BIG, BIG, BIG + 1, BIG, BIG), "another one"), ((PLAUSIBLE,) * 10, "so short")],
    ids=["different messages prove nothing", "a short one is refused for another reason"],
)
def test_no_message_is_given_up_without_proof(lengths: tuple[int, ...], why: str) -> None:
    reach = Reach()
    for length in lengths:
        reach.lost(length, alone=True, now=0)
    assert reach.takes(max(lengths)), why


def test_messages_become_longer_again_a_day_after_the_last_suspicion() -> None:
    reach = Reach()
    reach.lost(BIG, alone=False, now=0)
    reach.landed(PLAUSIBLE, CALM_S - 1)
    assert reach.ceiling == BIG // 2
    reach.landed(PLAUSIBLE, CALM_S)
    assert reach.ceiling == BIG
    reach.lost(BIG, alone=False, now=CALM_S + 1)
    assert reach.ceiling == BIG // 2


def huge(name: str) -> str:
    return name + ": " + "the evidence in very many words, " * (BIG // 33)


@pytest.mark.broker
@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_a_row_that_no_broker_takes_is_set_aside_and_everything_else_arrives(
    tmp_path: Path, version: str
) -> None:
    path = tmp_path / "a.db"
    server = mosquitto_server(tmp_path, "allow_anonymous true\nmax_packet_size 15000\n")
    with started(server) as broker, closing(Listener(broker.port)) as listener:
        settings = Mqtt(port=broker.port, version=version, together_s=0.05)  # type: ignore[arg-type]
        async with desk(path, settings) as gateway:
            gateway.store.put([told(replace(incident("i1"), cause=huge("i1"))), told(incident("i2"))])
            gateway.store.put(observed(observation(number)) for number in range(300))
            await gateway.until(lambda: gateway.waiting() == 0 and gateway.store.figures().set_aside == 1)
        heard = await asyncio.to_thread(listener.topic, "event/critical")
    assert [one.data["subject"] for one in heard] == ["i2"]
    [aside] = look(path).set_aside
    assert (aside.stream, aside.row, "too long for the broker" in aside.why) == ("event", 1, True)


@pytest.mark.broker
async def test_an_alarm_that_no_broker_takes_does_not_keep_the_others_from_standing(tmp_path: Path) -> None:
    server = mosquitto_server(tmp_path, "allow_anonymous true\nmax_packet_size 15000\n")
    active = [replace(incident("i1"), cause=huge("i1")), incident("i2")]
    with started(server) as broker:
        async with desk(tmp_path / "a.db", Mqtt(port=broker.port), active) as gateway:
            gateway.store.put([told(incident("i3"))])
            await gateway.until(lambda: gateway.waiting() == 0 and gateway.sender.report.sent > 0)
        with closing(Listener(broker.port)) as listener:
            await asyncio.to_thread(listener.topic, "alarm/i2")
            assert not [message for message in listener.heard if message.topic.endswith("alarm/i1")]


@pytest.mark.broker
async def test_on_a_link_that_ends_again_and_again_a_long_row_is_kept(nats: Server, tmp_path: Path) -> None:
    with wire_to(nats.port) as wire, closing(Listener(nats.port)) as listener:
        async with desk(tmp_path / "a.db", Mqtt(port=wire.port, together_s=0.05)) as gateway:
            gateway.store.put([told(replace(incident("i1"), cause=huge("i1")))])
            for cuts in range(1, 6):
                await gateway.until(lambda: gateway.sender.report.connected)
                wire.cut()
                await gateway.until(lambda: gateway.sender.report.failures >= cuts)  # noqa: B023
            await asyncio.to_thread(listener.topic, "event/critical")
            await gateway.until(lambda: gateway.waiting() == 0)
            assert gateway.store.figures().set_aside == 0
            assert gateway.store.outbox("mqtt").newest(Stream.EVENT) == 1
