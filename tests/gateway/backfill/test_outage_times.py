"""The story of an outage ends with the seconds that the meters wrote down."""

from typing import Any

import pytest

from gateway.store import Stream
from tests.gateway.backfill.scene import HOUR_S, MINUTE_S, SECOND, Scene, meter_row
from tests.virtual import virtual

BOX = ("M1", "M2", "M3")


async def outage(scene: Scene, drift_s: float = 0.0) -> tuple[float, float]:
    """Box B1 is without supply for half an hour; true begin and end."""
    for meter in BOX:
        scene.meters[meter].memory.drift += drift_s * SECOND
    async with scene.gateway():
        await scene.wait(10 * MINUTE_S + 23)
        scene.power(False, *BOX)
        began = scene.clock.wall()
        await scene.wait(HOUR_S / 2)
        scene.power(True, *BOX)
        ended = scene.clock.wall()
        await scene.wait(15 * MINUTE_S)
    return began, ended


def told(scene: Scene) -> list[dict[str, Any]]:
    return [row for row in scene.disk.of(Stream.EVENT) if row["type"] == "box_outage"]


@virtual
async def test_the_outage_is_told_again_with_the_meters_times() -> None:
    scene = Scene([meter_row(number) for number in range(1, 7)])
    began, ended = await outage(scene)
    rows = told(scene)
    by_polls = next(row for row in rows if row["reason"] == "cleared")
    last = rows[-1]
    assert (last["reason"], last["state"], last["id"], last["node"]) == ("corrected", "cleared", by_polls["id"], "B1")
    assert last["started_at"] == pytest.approx(began, abs=1)
    assert last["ended_at"] == pytest.approx(ended, abs=1)
    assert abs(by_polls["started_at"] - began) > 5, "polls alone do not know it that well"
    assert sum(row["reason"] == "corrected" for row in rows) <= len(BOX)


@virtual
@pytest.mark.parametrize("drift_s", [-200.0, 90.0, 3 * HOUR_S], ids=["slow", "fast", "of another zone"])
async def test_meters_whose_clocks_are_wrong_still_know_how_long_it_was(drift_s: float) -> None:
    scene = Scene([meter_row(number) for number in range(1, 7)])
    began, ended = await outage(scene, drift_s)
    last = told(scene)[-1]
    assert last["reason"] == "corrected"
    assert last["started_at"] == pytest.approx(began, abs=2)
    assert last["ended_at"] == pytest.approx(ended, abs=2)


@virtual
async def test_the_statistics_know_the_same_seconds() -> None:
    scene = Scene([meter_row(number) for number in range(1, 7)])
    start = scene.clock.wall()
    began, ended = await outage(scene)
    supply = scene.rules.interruptions.supply(start, scene.clock.wall(), scene.clock.wall())
    minutes = supply.saidi_min
    assert minutes.least == minutes.best == minutes.most
    assert minutes.best == pytest.approx(len(BOX) * (ended - began) / 60 / 6, abs=0.05)
    assert supply.saifi.best == len(BOX) / 6


@virtual
async def test_an_outage_while_the_gateway_was_off_counts_as_well() -> None:
    scene = Scene([meter_row(number) for number in range(1, 7)])
    start = scene.clock.wall()
    async with scene.gateway():
        await scene.wait(10 * MINUTE_S)
    scene.power(False, *BOX)
    await scene.wait(HOUR_S / 3)
    scene.power(True, *BOX)
    await scene.wait(10 * MINUTE_S)
    async with scene.gateway():
        await scene.wait(15 * MINUTE_S)
    supply = scene.rules.interruptions.supply(start, scene.clock.wall(), scene.clock.wall())
    assert supply.saidi_min.best == pytest.approx(len(BOX) * 20 / 6, abs=0.05)
    assert sorted(supply.interrupted) == sorted(BOX)
