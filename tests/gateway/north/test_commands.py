"""Operators' requests: obeyed once, answered always, and nothing in them can hurt."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.clock import SystemClock
from gateway.north.answers import REMEMBERED, Answers
from gateway.north.commands import A_SECOND, BURST, Asked, Commands
from gateway.settings.models import Mqtt
from gateway.verbs import RefusedRequestError, Request
from tests.gateway.north.site import desk
from tests.gateway.verbs.office import BOX, Disk, Office, answered, refused
from tests.servers import Listener, Server
from tests.virtual import NOON, VirtualClock, virtual


@virtual
async def test_a_request_that_comes_twice_is_obeyed_once() -> None:
    office = Office()
    commands = office.commands()
    request = {"id": "r1", "device": "M1"}
    first, second = await asyncio.gather(*(answered(commands, "read", request) for _ in range(2)))
    third = await answered(commands, "read", request)
    assert first == second == third
    assert office.reads == 1


PLAN = {"id": "p1", "outage": "W-17", "node": "B1", "start": NOON, "end": NOON + 3600}


@virtual
async def test_a_request_is_obeyed_once_in_all_lives_of_the_gateway() -> None:
    office, disk = Office(), Disk()
    first = await answered(disk.life(office), "plan", PLAN)
    read = await answered(disk.life(office), "read", {"id": "r1", "device": "M1"})
    office.rules.planned.clear()
    assert await answered(disk.life(office), "plan", PLAN) == first
    assert await answered(disk.life(office), "read", {"id": "r1", "device": "M1"}) == read
    assert (office.rules.planned, office.reads) == ({}, 1)


@virtual
async def test_a_request_that_was_cut_off_is_not_obeyed_again_and_nobody_pretends_to_know_what_came_of_it() -> None:
    office, disk = Office(), Disk()
    verbs = dict(disk.life(office).verbs)

    async def forever(_request: Request) -> object:
        return await asyncio.get_running_loop().create_future()

    cut = Commands(verbs | {"plan": forever}, VirtualClock(), answers=Answers(disk.items, disk.keep, disk.flush))
    asking = asyncio.ensure_future(answered(cut, "plan", PLAN))
    await asyncio.sleep(1)
    assert not asking.done()
    again = await answered(disk.life(office), "plan", PLAN)  # the first life ended with kill -9
    asking.cancel()
    assert (again["id"], again["ok"]) == ("p1", False)
    assert again["error"].startswith("was being obeyed when the gateway stopped: what came of it is unknown")
    assert office.rules.planned == {}


@virtual
async def test_only_the_newest_answers_are_kept_and_long_ones_not_over_a_restart() -> None:
    office, disk = Office(), Disk()
    office.figures = {"lines": "x" * 10_000}
    commands = disk.life(office)
    for number in range(REMEMBERED + 10):
        await answered(commands, "unplan", {"id": str(number), "outage": "W"})
    figures = await answered(commands, "figures", {"id": "f"})
    assert figures["result"] == office.figures
    assert await answered(commands, "figures", {"id": "f"}) == figures
    assert len(disk.items) == REMEMBERED + 1
    kept = await answered(disk.life(office), "figures", {"id": "f"})
    assert (kept["ok"], kept["result"], kept["says"]) == (True, None, "the answer was too long to be kept")


@virtual
async def test_who_looks_often_does_not_push_out_what_may_not_be_obeyed_twice() -> None:
    office, disk = Office(), Disk()
    office.figures = {"lines": "x" * 100_000}
    commands = disk.life(office)
    plan = await answered(commands, "plan", PLAN)
    for number in range(REMEMBERED + 10):
        await answered(commands, "figures", {"id": str(number)})
    office.rules.planned.clear()
    assert await answered(commands, "plan", PLAN) == plan
    assert office.rules.planned == {}
    newest = await answered(commands, "figures", {"id": str(REMEMBERED + 9)})
    older = await answered(commands, "figures", {"id": str(REMEMBERED - 9)})
    assert (newest["result"], older["result"], older["says"]) == (
        office.figures, None, "the answer was too long to be kept",
    )  # fmt: skip


@virtual
async def test_what_the_disk_does_not_take_is_obeyed_all_the_same_and_that_is_said() -> None:
    office = Office()
    answer = await answered(Disk(full=True).life(office), "plan", PLAN)
    assert (answer["ok"], answer["kept"]) == (True, False)
    assert "W-17" in office.rules.planned


@virtual
async def test_a_fault_in_a_verb_is_answered_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_request: Request) -> object:
        raise ZeroDivisionError("by nothing")

    answer = await answered(Commands({"figures": broken}, VirtualClock()), "figures", {"id": "f1"})
    assert "failed in the gateway, whose journal says more: ZeroDivisionError('by nothing')" in answer["error"]
    assert "command figures f1 failed" in caplog.text


@virtual
async def test_who_waits_no_longer_than_a_moment_is_told_when_it_is_over() -> None:
    office = Office()
    late = await answered(office.commands(), "read", {"id": "r1", "device": "M1", "expires": NOON + 0.05})
    assert late["error"] == "expired before it could be answered"
    by_broker = json.loads(await office.commands().answer("read", b'{"id":"r2","device":"M1"}', within_s=0.05))
    assert by_broker["error"] == "expired before it could be answered"


@virtual
async def test_what_expires_is_not_obeyed_by_a_gateway_that_does_not_know_the_time() -> None:
    office, clock = Office(), VirtualClock(trust=False)
    commands = Commands(office.verbs(clock), clock)
    refused = await answered(commands, "read", {"id": "r1", "device": "M1", "expires": NOON + 60})
    assert "does not know the time" in refused["error"]
    assert (await answered(commands, "read", {"id": "r2", "device": "M1"}))["ok"]


@virtual
async def test_more_than_some_requests_a_second_are_not_listened_to(caplog: pytest.LogCaptureFixture) -> None:
    commands = Office().commands()
    assert sum(commands.listens() for _ in range(1000)) == BURST
    await asyncio.sleep(1)
    assert sum(commands.listens() for _ in range(1000)) == A_SECOND
    assert commands.report.unheard == 2000 - BURST - A_SECOND
    await asyncio.sleep(3600)
    assert sum(commands.listens() for _ in range(1000)) == BURST
    assert caplog.text.count("more than 10 a second") == 2, "once for each crowd"


@virtual
async def test_a_check_says_who_asks_and_takes_its_own_out_of_the_request() -> None:
    def check(verb: str, body: Mapping[str, Any]) -> Asked:
        if body.get("seal") != f"li's {verb}":
            raise RefusedRequestError("the seal is not of this request")
        return Asked({key: value for key, value in body.items() if key != "seal"}, "Li")

    office, clock = Office(), VirtualClock()
    commands = Commands(office.verbs(clock), clock, check)
    forged = await answered(commands, "acknowledge", {"id": "a1", "incident": BOX, "seal": "li's read"})
    assert forged["error"] == "the seal is not of this request"
    assert (await answered(commands, "acknowledge", {"id": "a2", "incident": BOX, "seal": "li's acknowledge"}))["ok"]
    assert [told.acknowledged_by for told in office.told] == ["Li"]


@virtual
async def test_operators_who_sign_have_ids_of_their_own() -> None:
    def check(_verb: str, body: Mapping[str, Any]) -> Asked:
        return Asked({"id": body["id"], "device": body["device"]}, body["operator"])

    office, disk, clock = Office(), Disk(), VirtualClock()
    commands = Commands(office.verbs(clock), clock, check, Answers(disk.items, disk.keep, disk.flush))
    for operator in ("li", "wang", "li"):
        answer = await answered(commands, "unorder", {"id": "1", "device": "M0", "operator": operator})
        assert answer["id"] == "1"
    assert commands.report.repeated == 1
    cut = Answers({"answer/plan/li\n7": {"at": "then", "answer": None}})
    assert json.loads(cut.get(("plan", "li\n7")) or b"")["id"] == "7"


REFUSED: dict[str, tuple[str, object, str]] = {
    "no JSON": ("read", b"\xff\xfe{", "is no JSON"),
    "no object": ("read", ["id"], "must be an object"),
    "no id": ("read", {"device": "M1"}, "'id' is missing"),
    "an id that nobody can read": ("read", {"id": "li\n1", "device": "M1"}, "'id' is missing"),
    "an id that is endless": ("read", {"id": "x" * 101}, "'id' is missing"),
    "too long": ("read", b'{"id":"' + b"x" * 20_000 + b'"}', "too long"),
    "a verb that nobody knows": ("explode", {"id": "1"}, "; there are acknowledge, backfill, configuration, figures, "),
    "expired": ("read", {"id": "1", "device": "M1", "expires": NOON - 1}, "expired at 2026-06-01T11:59:59.000Z"),
    "expired before time began": ("read", {"id": "1", "device": "M1", "expires": -1e300}, "expired at 1970-01-01"),
    "an expiry that is no time": ("read", {"id": "1", "expires": "soon"}, "'expires' must be epoch seconds"),
    "an argument that the verb has not": (
        "read", {"id": "1", "device": "M1", "pointz": []}, "read has no argument 'pointz'; it has device, points",
    ),
    "an argument of a verb that has none": ("figures", {"id": "1", "all": True}, "'all'; it has none"),
}  # fmt: skip


@pytest.mark.parametrize(("verb", "request_", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_is_refused_with_a_sentence(verb: str, request_: object, says: str) -> None:
    refused(verb, request_, says)


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
    verbs = office.verbs(clock)
    settings = Mqtt(port=mosquitto.port, together_s=0.05)
    operator = paho.Client(CallbackAPIVersion.VERSION2)
    with closing(Listener(mosquitto.port)) as listener:
        async with desk(tmp_path / "a.db", settings, commands=Commands(verbs, clock)) as gateway:
            await gateway.until(lambda: gateway.sender.report.connected)
            operator.connect("127.0.0.1", mosquitto.port)
            operator.loop_start()
            operator.publish("taiqu/v1/gw1/cmd/read", b'{"id":"r1","device":"M1"}', qos=1)
            answer = (await asyncio.to_thread(listener.topic, "gw1/rsp/read"))[0].data
        operator.disconnect()
        operator.loop_stop()
    assert (answer["id"], answer["result"]["values"]) == ("r1", {"voltage": 230.5})
