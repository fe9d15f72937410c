"""A device is changed in two steps by who may, once, and within limits."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from drivers.dlt645.services.write import RELAY
from gateway.clock import local
from gateway.settings.models import ControlSettings, Permit
from tests.gateway.control.scene import EVERYTHING, Scene, refusal, said, tell


def test_a_customer_is_disconnected_in_two_steps_and_the_meter_shows_it(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            token = await scene.arm(control, "disconnect")
            assert said(scene, RELAY) == 0
            answer = await scene.confirm(control, token, "disconnect")
            assert (answer["result"], answer["verified"]) == ("done", True)
            assert (answer["before"], answer["after"]) == (
                "relay closed, told to be closed",
                "relay open, told to be open",
            )
            assert scene.meters["M1"].commands.relay.is_open
            assert not scene.meters["M2"].commands.relay.is_open
            assert scene.customers.heard == ["order M1"]
            assert scene.customers.relays == [("M1", {"relay_open": 0.0}), ("M1", {"relay_open": 1.0})]

    scene = tell(story, tmp_path)
    armed, executing, executed = scene.log()[1:]
    assert scene.steps() == ["armed", "executing", "executed"]
    assert armed.told["reason"] == executing.told["reason"] == "arrears 4711"
    assert (executing.told["armed"], executed.told["executing"]) == (armed.seq, executing.seq)
    assert {one.told["operator"] for one in (armed, executing, executed)} == {"li"}
    assert [one.hash for one in scene.told] == [one.hash for one in scene.log()]


def test_he_is_reconnected_and_the_order_is_withdrawn(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            await scene.both(control, "disconnect")
            await scene.both(control, "reconnect")
            assert scene.customers.ordered == set()
            assert scene.customers.relays[-1] == ("M1", {"relay_open": 0.0}), "before the order is withdrawn"
        assert not scene.meters["M1"].commands.relay.is_open

    tell(story, tmp_path)


@dataclass(slots=True)
class Case:
    action: str
    shows: str
    more: dict[str, Any]
    device: str = "M1"
    result: str = "done"


DONE = {
    "the customer may close the relay himself": Case("permit_reconnect", "relay open, told to be closed", {}),
    "a relay is kept from tripping": Case("keep_power", "relay closed, told to be closed, keeps power on", {}),
    "a parameter is written": Case("write", "04000E03 = 253.0 V", {"parameter": "04000e03", "values": ["253.0"]}),
    "a clock is set": Case("set_clock", "its clock is off by 0 s", {}),
    "a demand is reset": Case("clear_demand", "maximum demand 0.0000 kW", {}),
    "an alarm is given": Case("alarm_on", "", {}, result="accepted"),
    "energies are kept": Case("freeze", "", {}, result="accepted"),
    "energies will be kept": Case("freeze", "", {"values": ["99999930"]}, result="accepted"),
    "a breaker is opened": Case("disconnect", "relay_open = 1", {}, "SWITCH"),
}


@pytest.mark.parametrize("case", DONE.values(), ids=DONE.keys())
def test_what_is_permitted_is_done_and_seen(tmp_path: Path, case: Case) -> None:
    async def story(scene: Scene) -> None:
        scene.meters["M1"].memory.set_parameter("04000E03", bytes.fromhex("0024"))
        if case.action == "permit_reconnect":
            relay = scene.meters["M1"].commands.relay
            relay.is_open = relay.told_open = True
        async with scene.gateway() as control:
            token = await scene.arm(control, case.action, case.device, **case.more)
            scene.meters["M1"].memory.registers.demands[0] = Decimal("3.2"), local(scene.clock.wall())
            if case.action == "set_clock":
                scene.meters["M1"].memory.drift = timedelta(hours=1)
            answer = await scene.confirm(control, token, case.action, case.device)
            assert answer["after"] == case.shows
            assert (answer["result"], answer["verified"]) == (case.result, case.result == "done")

    tell(story, tmp_path)


def test_what_is_so_already_is_not_told_to_the_meter(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            answer = await scene.both(control, "reconnect")
            assert (answer["result"], said(scene, RELAY)) == ("already so", 0)

    tell(story, tmp_path)


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "a device that nobody knows": ({"device": "M9"}, "there is no device 'M9' in area TQ1"),
    "an action that nobody knows": ({"action": "explode"}, "'action' must be one of disconnect, reconnect"),
    "no reason": ({"reason": ""}, "'reason' is missing"),
    "nobody": ({"by": ""}, "who changes a device has to be known"),
    "somebody whom no permit names": ({"by": "chen"}, "no [[control.permit]] allows chen to disconnect on M1"),
    "a device that no permit names": ({"device": "M2"}, "allows li to disconnect on M2"),
    "an action that no permit names": ({"action": "reconnect"}, "allows li to reconnect on M1"),
    "a parameter that no permit names": (
        {"action": "write", "parameter": "04000101", "values": ["1"]},
        "allows li to write 04000101 = 1 on M1",
    ),
    "a parameter nobody knows": (
        {"action": "write", "parameter": "04000EFF", "values": ["1"]},
        "'04000EFF' is no parameter that can be written and read back",
    ),
    "a value that does not fit": (
        {"action": "write", "parameter": "04000E03", "values": ["9999"]},
        "does not fit",
    ),
    "a password, which nobody could read back": (
        {"action": "write", "parameter": "04000C03", "values": ["02765432"]},
        "'04000C03' is no parameter that can be written and read back",
    ),
    "values where there is nothing to write": ({"values": ["1"]}, "go with the action write"),
    "a freeze at no time": ({"action": "freeze", "values": ["noon"]}, "one time: MMDDhhmm, with 99 for every"),
    "writing nothing": ({"action": "write"}, "go with the action write"),
    "a meter of the old edition": ({"device": "OLD"}, "the edition of 1997, which has no relay commands"),
    "a terminal that has no switch": ({"device": "TERMINAL"}, "ttu-modbus has no switch that can be written"),
    "what a breaker cannot": ({"device": "SWITCH", "action": "keep_power"}, "disconnect and reconnect, not keep_power"),
}
NARROW = (
    Permit(("li",), ("M1", "OLD", "TERMINAL", "M9"), ("disconnect", "freeze")),
    Permit(("li",), ("M1",), ("write",), ("04000e??", "04000c03")),
    Permit(("li",), ("SWITCH",), ("keep_power",)),
)


@pytest.mark.parametrize(("asked", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_may_not_be_armed_is_refused_and_written_down(tmp_path: Path, asked: dict[str, object], says: str) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            by, arguments = str(asked.get("by", "li")), {key: value for key, value in asked.items() if key != "by"}
            request = scene.request(by, **({"device": "M1", "action": "disconnect", "reason": "why"} | arguments))
            assert says in await refusal(control.arm(request))
            assert control.report.armed == 0

    scene = tell(story, tmp_path, ControlSettings(permit=NARROW))
    assert scene.steps() == ["refused"]
    assert scene.line.sent == []
    assert "02765432" not in (tmp_path / "audit-1.log").read_text()


TOKENS: dict[str, tuple[dict[str, Any], str]] = {
    "a wrong one": ({"token": "x" * 22}, "the token is wrong, used, void since a restart, or older than 60 s"),
    "none": ({"token": ""}, "'token' is missing"),
    "for another device": ({"device": "M2"}, "the token is for another device or another action"),
    "for another action": ({"action": "reconnect"}, "the token is for another device or another action"),
    "of another operator": ({"by": "wang"}, "the token is another operator's"),
}


@pytest.mark.parametrize(("wrong", "says"), TOKENS.values(), ids=TOKENS.keys())
def test_a_token_confirms_what_was_armed_and_nothing_else(tmp_path: Path, wrong: dict[str, Any], says: str) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            token = await scene.arm(control, "disconnect")
            given = {"token": token, "action": "disconnect", "device": "M1", "by": "li"} | wrong
            assert says in await refusal(scene.confirm(control, **given))
            assert said(scene, RELAY) == 0
            assert (await scene.confirm(control, token, "disconnect"))["verified"], "it is not lost by that"

    scene = tell(story, tmp_path)
    assert scene.steps() == ["armed", "refused", "executing", "executed"]


def test_a_token_is_good_once(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            token = await scene.arm(control, "disconnect")
            await scene.confirm(control, token, "disconnect")
            assert "the token is wrong, used" in await refusal(scene.confirm(control, token, "disconnect"))
            assert said(scene, RELAY) == 1

    tell(story, tmp_path)


def test_a_token_that_comes_late_is_void(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            token = await scene.arm(control, "disconnect")
            scene.clock.step(-1e7)  # the time of day has no say in it
            await asyncio.sleep(59)
            assert control.report.armed == 1
            await asyncio.sleep(2)
            assert "older than 60 s" in await refusal(scene.confirm(control, token, "disconnect"))
            assert (control.report.armed, said(scene, RELAY)) == (0, 0)

    tell(story, tmp_path)


def test_a_restart_voids_what_was_armed(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            token = await scene.arm(control, "disconnect")
        async with scene.gateway() as control:
            assert "void since a restart" in await refusal(scene.confirm(control, token, "disconnect"))

    tell(story, tmp_path)


def test_who_changes_his_mind_gives_the_token_back(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            token = await scene.arm(control, "disconnect")
            await control.disarm(scene.request(token=token, action="disconnect", device="M1"))
            assert "the token is wrong" in await refusal(scene.confirm(control, token, "disconnect"))

    assert tell(story, tmp_path).steps() == ["armed", "disarmed", "refused"]


def test_an_operator_has_one_thing_armed_on_a_device(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            first = await scene.arm(control, "disconnect")
            second = await scene.arm(control, "reconnect")
            assert control.report.armed == 1
            assert await refusal(scene.confirm(control, first, "disconnect"))
            assert not await refusal(scene.confirm(control, second, "reconnect"))

    tell(story, tmp_path)


LIMITED = ControlSettings(permit=(EVERYTHING,), per_hour=3, per_device_per_hour=2)


def test_a_device_is_switched_so_often_in_an_hour_and_no_more(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            for action in ("disconnect", "reconnect"):
                await scene.both(control, action)
            assert "M1: per_device_per_hour" in await refusal(scene.both(control, "disconnect"))
            await scene.both(control, "disconnect", "M2")
            assert "3 actions within an hour: per_hour" in await refusal(scene.both(control, "reconnect", "M2"))
            await asyncio.sleep(3600)
            assert not await refusal(scene.both(control, "reconnect", "M2"))

    tell(story, tmp_path, LIMITED)


def test_a_limit_that_is_reached_after_arming_holds_too(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            token = await scene.arm(control, "disconnect", by="wang")
            for action in ("disconnect", "reconnect"):
                await scene.both(control, action)
            assert "per_device_per_hour" in await refusal(scene.confirm(control, token, "disconnect", by="wang"))

    tell(story, tmp_path, LIMITED)


@pytest.mark.parametrize("step", [0.0, -86_400.0], ids=["soon", "with its clock set back a day"])
def test_limits_hold_over_a_restart(tmp_path: Path, step: float) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            for action in ("disconnect", "reconnect"):
                await scene.both(control, action)
            scene.clock.step(step)
            assert await refusal(scene.both(control, "disconnect"))
        scene.clock.step(-step)
        async with scene.gateway() as control:
            assert "per_device_per_hour" in await refusal(scene.both(control, "disconnect"))
            await asyncio.sleep(3600)
            assert not await refusal(scene.both(control, "disconnect"))

    tell(story, tmp_path, LIMITED)
