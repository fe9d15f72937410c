"""A meter that was not heard for an hour tells what it remembers, with its own times."""


import pytest

from tests.gateway.backfill.scene import HOUR_S, MINUTE_S, Scene, meter_row
from tests.virtual import virtual


@virtual
async def test_after_an_outage_of_an_hour_the_ledger_empties_and_the_times_are_the_meters() -> None:
    scene = Scene([meter_row(1), meter_row(2)])
    async with scene.gateway() as pipeline:
        await scene.wait(10 * MINUTE_S)
        scene.power(False, "M1")
        lost_at = scene.clock.wall()
        await scene.wait(HOUR_S)
        assert pipeline.history.ledger.figures().open == 1
        scene.power(True, "M1")
        back_at = scene.clock.wall()
        await scene.wait(5 * MINUTE_S)
        figures = pipeline.history.ledger.figures()
    assert (figures.open, figures.waiting, figures.filled) == (0, 0, 1)
    notices = {row["notice"]: row["at"] for row in scene.disk.recalled("M1") if "notice" in row}
    assert notices == {"last_gasp": pytest.approx(lost_at, abs=1), "power_on": pytest.approx(back_at, abs=1)}
    assert scene.disk.recalled("M2") == []
