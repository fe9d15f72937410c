"""The sender against real brokers: what was stored arrives, in order, whatever happens to the broker in between."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.board import Board
from gateway.pipeline import observed, told
from gateway.settings.models import Mqtt
from rules.pool import Entry
from tests.gateway.north.site import desk, incident, observation
from tests.servers import Listener, Server, free_port, mosquitto_server, nats_server, started

pytestmark = pytest.mark.broker


@pytest.fixture(params=[nats_server, mosquitto_server], ids=["nats-server", "mosquitto"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with started(request.param(tmp_path)) as server:
        yield server


def to(broker: Server, together_s: float = 0.2) -> Mqtt:
    return Mqtt(port=broker.port, together_s=together_s, keepalive_s=5)


def voltages(listener: Listener, kinds: tuple[str, ...] = ("data", "hist")) -> list[float]:
    """Every observation that came, by its voltage, repeats and all."""
    return [
        row["values"]["voltage"]
        for message in listener.heard
        if message.topic.split("/")[3] in kinds
        for row in message.data["observations"]
    ]


async def test_what_is_stored_arrives_and_then_waits_no_more(broker: Server, tmp_path: Path) -> None:
    with closing(Listener(broker.port)) as listener:
        async with desk(tmp_path / "a.db", to(broker)) as gateway:
            gateway.store.put([observed(observation(number)) for number in range(50)])
            gateway.store.put([told(incident("i1"))])
            await asyncio.to_thread(listener.until, lambda _: len(voltages(listener)) == 50)
            await gateway.until(lambda: gateway.waiting() == 0)
            event = (await asyncio.to_thread(listener.topic, "event/critical"))[0].data
            alarm = (await asyncio.to_thread(listener.topic, "alarm/i1"))[0].data
            birth = (await asyncio.to_thread(listener.topic, "gw1/state"))[-1].data
        assert voltages(listener) == [float(number) for number in range(50)]
        assert len([message for message in listener.heard if "/data/" in message.topic]) < 5
        assert (event["specversion"], event["subject"], event["data"]["node"]) == ("1.0", "i1", "B1")
        assert alarm == event["data"]
        assert {**birth, "devices": ""} == {"state": "online", "boot": "b1", "version": "0.1.0", "devices": ""}
        end = await asyncio.to_thread(listener.until, lambda heard: b"offline" in heard[-1].payload)
        assert end[-1].topic == "taiqu/v1/gw1/state"


async def test_a_device_is_described_once_for_all(broker: Server, tmp_path: Path) -> None:
    with closing(Listener(broker.port)) as listener:
        for _ in range(3):
            async with desk(tmp_path / "a.db", to(broker)) as gateway:
                await gateway.until(lambda: gateway.sender.report.connected)
        await asyncio.to_thread(listener.until, lambda heard: sum(b"offline" in one.payload for one in heard) == 3)
        assert len([message for message in listener.heard if "/meta/" in message.topic]) == 2  # one for each device
    with closing(Listener(broker.port)) as late:
        meta = (await asyncio.to_thread(late.topic, "meta/M1"))[0]
    assert meta.retained
    assert meta.data["points"]["voltage"] == "V"
    assert (meta.data["node"], meta.data["phases"], meta.data["profile"]) == ("B1", "A", "meter-1p")


async def test_a_customer_is_told_as_long_as_it_lasts(broker: Server, tmp_path: Path) -> None:
    begun = replace(incident("i1"), customers=("C1",), cause="the box lost its supply")
    with closing(Listener(broker.port)) as listener:
        async with desk(tmp_path / "a.db", to(broker)) as gateway:
            gateway.store.put([told(begun)])
            gateway.store.put([told(replace(begun, state="cleared", reason="cleared"))])
            notices = await asyncio.to_thread(listener.topic, "notice/C1", 3)
    assert [message.data["state"] for message in notices[:2]] == ["lasting", "over"]
    assert notices[0].data["cause"] == "the box lost its supply"
    assert notices[2].payload == b""


async def test_nothing_is_lost_when_the_broker_is_killed_in_between(tmp_path: Path) -> None:
    with started(nats_server(tmp_path)) as broker, closing(Listener(broker.port)) as listener:
        async with desk(tmp_path / "a.db", to(broker, together_s=0.02)) as gateway:
            for number in range(300):
                gateway.store.put([observed(observation(number))])
                if number == 100:
                    await asyncio.to_thread(broker.kill)
                if number == 200:
                    await asyncio.to_thread(broker.start)
                await asyncio.sleep(0.003)
            await gateway.until(lambda: gateway.waiting() == 0)
            await asyncio.to_thread(listener.until, lambda _: len(set(voltages(listener))) == 300)
    assert sorted(set(voltages(listener))) == [float(number) for number in range(300)]


async def test_a_broker_that_is_not_there_stops_nothing_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with desk(tmp_path / "a.db", Mqtt(port=free_port())) as gateway:
        gateway.store.put([observed(observation(1)), told(incident("i1"))])
        await gateway.store.flush()
        await gateway.until(lambda: gateway.sender.report.failures > 2)
        assert gateway.waiting() == 2
        assert not gateway.sender.report.connected
    assert caplog.text.count("what there is to say waits in the store") == 1


async def test_what_waited_for_the_link_comes_as_history_and_live_data_does_not_wait_for_it(
    broker: Server, tmp_path: Path
) -> None:
    nobody = Mqtt(port=free_port())
    async with desk(tmp_path / "a.db", nobody) as gateway:
        gateway.store.put([observed(observation(number)) for number in range(500)])
        gateway.store.put([told(incident("i1"))])
    with closing(Listener(broker.port)) as listener:
        async with desk(tmp_path / "a.db", to(broker)) as gateway:
            gateway.store.put([observed(observation(number)) for number in range(500, 510)])
            await gateway.until(lambda: gateway.waiting() == 0)
            await asyncio.to_thread(listener.until, lambda _: len(voltages(listener)) == 510)
    assert voltages(listener, ("hist",)) == [float(number) for number in range(500)]
    assert voltages(listener, ("data",)) == [float(number) for number in range(500, 510)]
    kinds = [message.topic.split("/")[3] for message in listener.heard]
    assert kinds.index("event") < kinds.index("hist")


async def test_alarms_that_stand_on_the_broker_are_true_after_a_crash(broker: Server, tmp_path: Path) -> None:
    stale, standing = incident("stale"), incident("standing")
    async with desk(tmp_path / "a.db", to(broker), active=[stale]) as gateway:
        await gateway.until(lambda: gateway.sender.report.connected)
        with closing(Listener(broker.port)) as listener:
            await asyncio.to_thread(listener.topic, "alarm/stale")
    async with desk(tmp_path / "a.db", to(broker), active=[standing]) as gateway:
        await gateway.until(lambda: gateway.sender.report.connected)
    with closing(Listener(broker.port)) as listener:
        await asyncio.to_thread(listener.topic, "alarm/standing")
        alarms = [message.topic for message in listener.heard if "/alarm/" in message.topic and message.payload]
    assert alarms == ["taiqu/v1/gw1/alarm/standing"]


async def test_the_pool_on_the_broker_is_true_after_a_crash(broker: Server, tmp_path: Path) -> None:
    for name in ("stale", "standing"):
        board = Board({})
        board.step(0.0, [Entry(name, "planned", "announced", "B1", 60.0, 120.0)])
        async with desk(tmp_path / "a.db", to(broker), pool=board.standing) as gateway:
            await gateway.until(lambda: gateway.sender.report.connected)
    with closing(Listener(broker.port)) as listener:
        await asyncio.to_thread(listener.topic, "pool/standing")
        pool = [message.topic for message in listener.heard if "/pool/" in message.topic and message.payload]
    assert pool == ["taiqu/v1/gw1/pool/standing"]


async def test_an_incident_that_ends_takes_its_alarm_away(broker: Server, tmp_path: Path) -> None:
    with closing(Listener(broker.port)) as listener:
        async with desk(tmp_path / "a.db", to(broker)) as gateway:
            gateway.store.put([told(incident("i1"))])
            gateway.store.put([told(incident("i1", state="cleared", reason="cleared"))])
            alarms = await asyncio.to_thread(listener.topic, "alarm/i1", 2)
            events = await asyncio.to_thread(listener.topic, "event/critical", 2)
    assert [bool(message.payload) for message in alarms] == [True, False]
    assert [message.data["data"]["state"] for message in events] == ["confirmed", "cleared"]
    assert events[0].data["sequence"] < events[1].data["sequence"]


async def test_a_broker_that_freezes_is_left_and_nothing_is_lost(tmp_path: Path) -> None:
    with started(mosquitto_server(tmp_path)) as broker, closing(Listener(broker.port)) as listener:
        async with desk(tmp_path / "a.db", Mqtt(port=broker.port, together_s=0.05, keepalive_s=2)) as gateway:
            gateway.store.put([observed(observation(1))])
            await gateway.until(lambda: gateway.sender.report.sent == 1)
            broker.freeze()
            gateway.store.put([observed(observation(2))])
            await gateway.until(lambda: not gateway.sender.report.connected)
            assert gateway.waiting() == 1
            broker.thaw()
            await gateway.until(lambda: gateway.waiting() == 0)
            await asyncio.to_thread(listener.until, lambda _: set(voltages(listener)) == {1.0, 2.0})


async def test_the_second_broker_is_taken_while_the_first_cannot_be_had(tmp_path: Path) -> None:
    with started(nats_server(tmp_path)) as first, started(mosquitto_server(tmp_path)) as second:
        settings = Mqtt(
            port=first.port, fallback_host="127.0.0.1", fallback_port=second.port, together_s=0.05, keepalive_s=5
        )
        async with desk(tmp_path / "a.db", settings) as gateway:
            gateway.store.put([observed(observation(1))])
            await gateway.until(lambda: gateway.sender.report.sent == 1)
            await asyncio.to_thread(first.kill)
            with closing(Listener(second.port)) as listener:
                gateway.store.put([observed(observation(2))])
                await asyncio.to_thread(listener.until, lambda _: voltages(listener) == [2.0])


async def test_the_first_broker_is_taken_again_when_it_is_back(tmp_path: Path) -> None:
    with started(nats_server(tmp_path)) as first, started(mosquitto_server(tmp_path)) as second:
        first.kill()
        settings = Mqtt(
            port=first.port, fallback_host="127.0.0.1", fallback_port=second.port, first_again_s=0.5, together_s=0.05
        )
        async with desk(tmp_path / "a.db", settings) as gateway:
            with closing(Listener(second.port)) as listener:
                gateway.store.put([observed(observation(1))])
                await asyncio.to_thread(listener.until, lambda _: voltages(listener) == [1.0])
                await asyncio.to_thread(first.start)
                state = await asyncio.to_thread(listener.topic, "gw1/state", 2)
                assert [one.data["state"] for one in state] == ["online", "offline"]
            with closing(Listener(first.port)) as listener:
                gateway.store.put([observed(observation(2))])
                await asyncio.to_thread(listener.until, lambda _: voltages(listener) == [2.0])


async def test_a_broker_that_takes_only_short_messages_gets_short_ones(tmp_path: Path) -> None:
    server = mosquitto_server(tmp_path, "allow_anonymous true\nmax_packet_size 3000\n")
    with started(server) as broker, closing(Listener(broker.port)) as listener:
        async with desk(tmp_path / "a.db", to(broker)) as gateway:
            gateway.store.put(observed(observation(number)) for number in range(500))
            await gateway.until(lambda: gateway.waiting() == 0 and gateway.sender.report.sent >= 500)
            await asyncio.to_thread(listener.until, lambda _: len(set(voltages(listener))) == 500)
            assert gateway.sender.report.failures < 4


async def test_a_root_that_is_no_topic_is_said_and_kills_nobody(mosquitto: Server, tmp_path: Path) -> None:
    async with desk(tmp_path / "a.db", Mqtt(port=mosquitto.port, root="grid/#/taiqu")) as gateway:
        gateway.store.put([observed(observation(1))])
        await gateway.until(lambda: gateway.sender.report.failures > 1)
        assert gateway.waiting() == 1


async def test_packed_observations_are_the_same_in_fewer_bytes(mosquitto: Server, tmp_path: Path) -> None:
    sizes = {}
    for packed in (False, True):
        with closing(Listener(mosquitto.port)) as listener:
            settings = Mqtt(port=mosquitto.port, together_s=0.2, gzip=packed)
            async with desk(tmp_path / f"{packed}.db", settings) as gateway:
                gateway.store.put(observed(observation(number)) for number in range(50))
                await asyncio.to_thread(listener.until, lambda _: len(voltages(listener)) == 50)
            sizes[packed] = sum(len(message.payload) for message in listener.heard if "/data/" in message.topic)
    assert sizes[True] * 5 < sizes[False]


async def test_mqtt_5_delivers_too(mosquitto: Server, tmp_path: Path) -> None:
    with closing(Listener(mosquitto.port)) as listener:
        settings = Mqtt(port=mosquitto.port, version="5", together_s=0.05)
        async with desk(tmp_path / "a.db", settings) as gateway:
            gateway.store.put([observed(observation(1)), told(incident("i1"))])
            await gateway.until(lambda: gateway.sender.report.sent == 2)
        await asyncio.to_thread(listener.until, lambda _: voltages(listener) == [1.0])


async def test_mqtt_5_says_what_a_broker_refuses_and_the_row_stays(tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic readwrite taiqu/v1/gw1/echo\ntopic read #\ntopic write taiqu/v1/gw1/state\n")
    server = mosquitto_server(tmp_path, f"allow_anonymous true\nacl_file {rules}\n")
    with started(server) as broker:
        async with desk(tmp_path / "a.db", Mqtt(port=broker.port, version="5", together_s=0.05)) as gateway:
            gateway.store.put([observed(observation(1))])
            await gateway.store.flush()
            await gateway.until(lambda: "Not authorized" in gateway.sender.report.says)
            assert gateway.waiting() == 1


async def test_a_gateway_that_may_only_write_is_told_so_in_its_settings(tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic write taiqu/v1/gw1/#\n")
    server = mosquitto_server(tmp_path, f"allow_anonymous true\nacl_file {rules}\n")
    with started(server) as broker:
        settings = Mqtt(port=broker.port, together_s=0.05, echo=False)
        async with desk(tmp_path / "a.db", settings) as gateway:
            gateway.store.put([observed(observation(1))])
            await gateway.until(lambda: gateway.sender.report.sent == 1)


async def test_a_broker_that_accepts_and_throws_away_is_found_out(tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic read #\n")
    server = mosquitto_server(tmp_path, f"allow_anonymous true\nacl_file {rules}\n")
    with started(server) as broker:
        async with desk(tmp_path / "a.db", to(broker)) as gateway:
            gateway.store.put([observed(observation(1))])
            await gateway.until(lambda: "check its ACL" in gateway.sender.report.says)
            assert gateway.waiting() == 1
