"""Operators' requests: obeyed once, answered always, and nothing in them can hurt."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from drivers.api import Reading
from gateway.clock import SystemClock
from gateway.north.commands import Commands
from gateway.settings.models import Mqtt
from gateway.south.poll import Lane, Poll
from gateway.verbs import Verbs, announced
from rules.area import PlannedOutage, Report
from rules.incident import Incident, Verdict
from tests.gateway.north.site import desk, incident, site
from tests.servers import Listener, Server
from tests.virtual import NOON, VirtualClock, virtual


@dataclass(slots=True)
class Judge:
    """Rules that remember what they were told."""

    planned: dict[str, PlannedOutage] = field(default_factory=dict)

    def judge(self, report: Report) -> Verdict:
        return Verdict(report.id, report.at, "network_fault", node="B1", incident="i1")

    def plan(self, outage: PlannedOutage) -> None:
        self.planned[outage.id] = outage

    def unplan(self, outage: str) -> None:
        self.planned.pop(outage, None)

    def active(self) -> Sequence[Incident]:
        return [incident("i1")]


@dataclass(slots=True)
class Office:
    """The verbs of a small site, and what they did."""

    rules: Judge = field(default_factory=Judge)
    reads: int = 0
    kept: dict[str, object | None] = field(default_factory=dict)

    async def ask(self, device: str, points: Sequence[str]) -> Poll:
        self.reads += 1
        await asyncio.sleep(0.1)
        return Poll(
            device, "rs485-1", NOON, 0.1, Lane.DEMAND, [Reading(point, 230.5) for point in points or ["voltage"]]
        )

    def keep(self, items: Mapping[str, object | None]) -> None:
        self.kept |= items

    def commands(self) -> Commands:
        clock = VirtualClock()
        return Commands(Verbs(site(), self.rules, clock, self.ask, self.keep, lambda: {"observations": 7}).table, clock)


async def answered(commands: Commands, verb: str, request: object) -> dict[str, Any]:
    raw = request if isinstance(request, bytes) else json.dumps(request).encode()
    answer: dict[str, Any] = json.loads(await commands.answer(verb, raw))
    return answer


@virtual
async def test_a_device_is_read_on_demand() -> None:
    answer = await answered(Office().commands(), "read", {"id": "r1", "device": "M1", "points": ["current"]})
    assert (answer["id"], answer["ok"]) == ("r1", True)
    assert answer["result"]["values"] == {"current": 230.5}


@virtual
async def test_a_request_that_comes_twice_is_obeyed_once() -> None:
    office = Office()
    commands = office.commands()
    request = {"id": "r1", "device": "M1"}
    first, second = await asyncio.gather(*(answered(commands, "read", request) for _ in range(2)))
    third = await answered(commands, "read", request)
    assert first == second == third
    assert office.reads == 1


@virtual
async def test_a_call_is_judged() -> None:
    answer = await answered(Office().commands(), "judge", {"id": "call-7", "device": "M1", "complaint": "no light"})
    assert (answer["result"]["verdict"], answer["result"]["report"]) == ("network_fault", "call-7")


@virtual
async def test_an_announced_outage_survives_the_gateway() -> None:
    office = Office()
    commands = office.commands()
    plan = {"id": "p1", "outage": "W-17", "node": "B1", "start": NOON, "end": NOON + 3600, "reason": "new cable"}
    assert (await answered(commands, "plan", plan))["ok"]
    assert office.rules.planned["W-17"].reason == "new cable"
    stored = json.loads(json.dumps(office.kept))
    assert announced(stored) == (office.rules.planned["W-17"],)
    assert (await answered(commands, "unplan", {"id": "p2", "outage": "W-17"}))["ok"]
    assert (office.rules.planned, office.kept["plan/W-17"]) == ({}, None)


REFUSED: dict[str, tuple[str, object, str]] = {
    "no JSON": ("read", b"\xff\xfe{", "is no JSON"),
    "no object": ("read", ["id"], "must be an object"),
    "no id": ("read", {"device": "M1"}, "'id' is missing"),
    "an id that is endless": ("read", {"id": "x" * 101}, "'id' is missing"),
    "too long": ("read", b'{"id":"' + b"x" * 20_000 + b'"}', "too long"),
    "a verb that nobody knows": ("explode", {"id": "1"}, "there are backfill, figures, incidents, judge, plan, read, unplan"),
    "expired": ("read", {"id": "1", "device": "M1", "expires": NOON - 1}, "expired at 2026-06-01T11:59:59.000Z"),
    "an expiry that is no time": ("read", {"id": "1", "expires": "soon"}, "'expires' must be epoch seconds"),
    "a device of another area": ("read", {"id": "1", "device": "M99"}, "there is no device 'M99' in area TQ1"),
    "no device": ("read", {"id": "1"}, "'device' is missing"),
    "a point that the device has not": (
        "read", {"id": "1", "device": "M1", "points": ["voltage_z"]}, "M1 has no voltage_z; it has voltage, ",
    ),
    "points that are no list": ("read", {"id": "1", "device": "M1", "points": "all"}, "must be a list"),
    "an outage nowhere": (
        "plan", {"id": "1", "outage": "W", "node": "X", "start": 1, "end": 2}, "there is no node 'X'",
    ),
    "an outage that ends before it begins": (
        "plan", {"id": "1", "outage": "W", "node": "B1", "start": 2, "end": 1}, "later than",
    ),
    "an outage without a time": ("plan", {"id": "1", "outage": "W", "node": "B1", "start": True}, "'start'"),
}  # fmt: skip


@pytest.mark.parametrize(("verb", "request_", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_is_refused_with_a_sentence(verb: str, request_: object, says: str) -> None:
    @virtual
    async def refused() -> None:
        office = Office()
        answer = await answered(office.commands(), verb, request_)
        assert answer["ok"] is False
        assert says in answer["error"]
        assert (office.reads, office.kept) == (0, {})

    refused()


@virtual
async def test_a_crowd_of_requests_is_refused_and_not_queued() -> None:
    office = Office()
    commands = office.commands()
    answers = await asyncio.gather(
        *(answered(commands, "read", {"id": str(number), "device": "M1"}) for number in range(50))
    )
    assert sum(answer["ok"] for answer in answers) == 8
    assert {answer["error"] for answer in answers if not answer["ok"]} == {"busy with 8 requests; ask again"}


@pytest.mark.broker
async def test_an_operator_asks_over_the_broker_and_is_answered(mosquitto: Server, tmp_path: Path) -> None:
    office, clock = Office(), SystemClock()
    verbs = Verbs(site(), office.rules, clock, office.ask, office.keep, dict)
    settings = Mqtt(port=mosquitto.port, together_s=0.05)
    operator = paho.Client(CallbackAPIVersion.VERSION2)
    with closing(Listener(mosquitto.port)) as listener:
        async with desk(tmp_path / "a.db", settings, commands=Commands(verbs.table, clock)) as gateway:
            await gateway.until(lambda: gateway.sender.report.connected)
            operator.connect("127.0.0.1", mosquitto.port)
            operator.loop_start()
            operator.publish("taiqu/v1/gw1/cmd/read", b'{"id":"r1","device":"M1"}', qos=1)
            answer = (await asyncio.to_thread(listener.topic, "gw1/rsp/read"))[0].data
        operator.disconnect()
        operator.loop_stop()
    assert (answer["id"], answer["result"]["values"]) == ("r1", {"voltage": 230.5})
