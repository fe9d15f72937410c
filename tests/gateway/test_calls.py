"""A customer's call is answered from a reading that is made because of it, within a bound."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from gateway.north.commands import Commands
from gateway.south.poll import Poll
from gateway.verbs import spoken
from gateway.verbs.asking import LOOK_S, WEIGH_S, Asking
from gateway.verbs.names import Names
from rules.area import Report
from tests.gateway.backfill.scene import MINUTE_S, Scene, meter_row, site
from tests.virtual import virtual

BOX, ALL = ("M1", "M2", "M3"), tuple(f"M{number}" for number in range(1, 7))
Change = Callable[[Scene], None]


def without_supply(*meters: str) -> Change:
    return lambda scene: scene.power(False, *meters)


def low_voltage(scene: Scene) -> None:
    scene.meters["M1"].set("voltage", 180.0)


def opened_relay(scene: Scene) -> None:
    scene.meters["M1"].commands.relay.is_open = True


async def called(change: Change) -> tuple[str, Mapping[str, Any], float]:
    """What was known before, the answer to a call right after a change that no poll has seen, and seconds it took."""
    scene = Scene([meter_row(number) for number in range(1, 7)])
    async with scene.gateway():
        await scene.wait(10 * MINUTE_S + 40)
        change(scene)
        known = scene.rules.judge(Report("r", scene.clock.wall(), "M1")).verdict
        asking = Asking(Names(site(scene.rows)), scene.rules, scene.clock, scene.bus.ask)
        began = scene.clock.monotonic()
        request = {"id": "call-1", "device": "M1", "complaint": "no light"}
        answer = json.loads(await Commands(spoken(asking), scene.clock).answer("judge", json.dumps(request).encode()))
    assert answer["ok"], answer
    return known, answer["result"], scene.clock.monotonic() - began


SILENT = "timeout"
CALLS: dict[str, tuple[Change, str, dict[str, str], str]] = {
    "nothing is wrong": (lambda _: None, "no_network_fault", {"M1": "answered"}, "the meter has 231.0 V and a load"),
    "the voltage is low since a moment ago": (
        low_voltage, "voltage_quality", {"M1": "answered"}, "the meter reads 180.0 V",
    ),
    "the relay has opened since a moment ago": (
        opened_relay, "arrears_disconnect", {"M1": "answered"}, "the relay is open and no order is known",
    ),
    "the box has lost its supply a moment ago": (
        without_supply(*BOX), "network_fault", dict.fromkeys(BOX, SILENT), "not confirmed yet",
    ),
    "only this supply is gone": (
        without_supply("M1"), "unknown", {"M1": SILENT, "M2": "answered", "M3": "answered"},
        "the meter does not answer, while M2 and M3 beside it do: its own supply, or the meter itself",
    ),
}  # fmt: skip


@virtual
@pytest.mark.parametrize(("change", "verdict", "read", "says"), CALLS.values(), ids=CALLS.keys())
async def test_a_call_is_judged_by_what_the_meters_say_now(
    change: Change, verdict: str, read: dict[str, str], says: str
) -> None:
    known, answer, took = await called(change)
    assert known == "no_network_fault"
    assert (answer["verdict"], answer["read"]) == (verdict, read)
    assert says in " ".join(answer["evidence"])
    assert took <= LOOK_S


@virtual
async def test_the_answer_does_not_wait_for_ever() -> None:
    scene = Scene([meter_row(number) for number in range(1, 7)])
    async with scene.gateway():
        await scene.wait(10 * MINUTE_S)

        async def ask(*_: object) -> Poll:
            return await asyncio.Future()  # the line is busy for good

        asking = Asking(Names(site(scene.rows)), scene.rules, scene.clock, ask)
        began = scene.clock.monotonic()
        answer = json.loads(await Commands(spoken(asking), scene.clock).answer("judge", b'{"id": "1", "device": "M1"}'))
        assert scene.clock.monotonic() - began == pytest.approx(LOOK_S)
    assert answer["result"]["verdict"] == "no_network_fault"
    assert answer["result"]["read"] == {"M1": "no time"}
    assert WEIGH_S < LOOK_S
