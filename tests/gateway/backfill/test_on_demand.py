"""Operators may have a device's memory read, without any gap."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.north.commands import Commands
from gateway.pipeline import Pipeline
from gateway.verbs import spoken
from gateway.verbs.asking import Asking
from gateway.verbs.names import Names
from rules.engine import Engine
from tests.gateway.backfill.scene import HOUR_S, MINUTE_S, Scene, meter_row
from tests.virtual import virtual


def desk(scene: Scene, pipeline: Pipeline) -> Commands:
    """Where operators' requests come in."""
    site, rules = pipeline.site, Engine(pipeline.site.area)
    asking = Asking(Names(site), rules, scene.clock, scene.bus.ask, pipeline.history.ledger.want)
    return Commands(spoken(asking), scene.clock)


async def asked(commands: Commands, **request: object) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = json.loads(await commands.answer("backfill", json.dumps(request).encode()))
    return answer


@virtual
async def test_a_span_is_read_when_an_operator_asks_for_it() -> None:
    scene = Scene([meter_row(1), meter_row(2)])
    async with scene.gateway() as pipeline:
        await scene.wait(2 * HOUR_S)
        end = scene.clock.wall()
        answer = await asked(desk(scene, pipeline), id="b1", device="M1", start=end - HOUR_S, end=end)
        await scene.wait(5 * MINUTE_S)
    assert answer["ok"]
    assert len(scene.disk.recalled("M1")) in (4, 5)  # the quarters of an hour, with one of its edges or both
    assert scene.disk.recalled("M2") == []


@virtual
@pytest.mark.parametrize(
    ("device", "start", "end", "says"),
    [
        ("M2", -60, 0, "keeps no history"),
        ("M1", 0, -60, "later than 'start'"),
        ("M1", -60, 60, "in the past"),
        ("M9", -60, 0, "no device 'M9'"),
    ],
)
async def test_what_cannot_be_read_is_refused_with_a_sentence(device: str, start: int, end: int, says: str) -> None:
    scene = Scene([meter_row(1), meter_row(2, "dlt645-1997-3p")])
    async with scene.gateway() as pipeline:
        now = scene.clock.wall()
        answer = await asked(desk(scene, pipeline), id="b1", device=device, start=now + start, end=now + end)
    assert not answer["ok"]
    assert says in answer["error"]
