"""A meter that was not heard for a time tells what it remembers, with its own times."""

from datetime import timedelta
from typing import Any

import pytest

from drivers.dlt645.frame import Frame, encode
from drivers.sim.dlt645_habits import Habits
from gateway.backfill.ledger import CLASSES
from gateway.clock import from_local, local
from gateway.store import Stream
from tests.gateway.backfill.scene import HOUR_S, MINUTE_S, VALUES, Scene, Stubborn, meter_row
from tests.virtual import NOON, virtual

DAY_S = 24 * HOUR_S
LOAD_PROFILE, WHOLE_BLOCKS = "06", "0600"  # as its identifiers begin


def quarters(start: float, end: float) -> list[float]:
    """The quarters of the hour between two moments."""
    first = -(-start // 900) * 900
    return [at for at in (first + 900 * index for index in range(1000)) if start < at < end]


def curve(rows: list[dict[str, Any]]) -> list[float]:
    """The times of what came from a load profile."""
    return [row["at"] for row in rows if "voltage" in row.get("values", {}) or "voltage_a" in row.get("values", {})]


async def away(scene: Scene, seconds: float) -> tuple[float, float]:
    """The gateway runs, is gone for so long, and fills what it missed; the span between its two lives."""
    async with scene.gateway():
        await scene.wait(10 * MINUTE_S)
        left = scene.clock.wall()
    await scene.wait(seconds)
    async with scene.gateway() as pipeline:
        back = scene.clock.wall()
        await scene.wait(10 * MINUTE_S)
        assert pipeline.history.ledger.figures().waiting == 0
    return left, back


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


@virtual
@pytest.mark.parametrize("profile", ["dlt645-2007-1p", "dlt645-2007-3p"])
async def test_what_a_gateway_missed_comes_from_the_load_profile_once_under_the_devices_own_names(profile: str) -> None:
    scene = Scene([meter_row(1, profile), meter_row(2, profile)])
    left, back = await away(scene, 3 * HOUR_S)
    for device in ("M1", "M2"):
        rows = scene.disk.recalled(device)
        assert curve(rows) == quarters(left, back)
        phase = "voltage" if profile.endswith("1p") else "voltage_b"
        assert {row["values"][phase] for row in rows} == {VALUES["voltage"]}
        assert {row["values"]["active_power"] for row in rows} == {VALUES["active_power"]}
        assert {row["source"] for row in rows} == {"backfill"}


@virtual
async def test_daily_freezes_come_with_the_days_that_were_missed() -> None:
    scene = Scene([meter_row(1)])
    left, back = await away(scene, 2.5 * DAY_S)
    rows = scene.disk.recalled("M1")
    midnights = [row["at"] for row in rows if "voltage" not in row.get("values", {})]
    day = local(left).replace(hour=0, minute=0, second=0, microsecond=0)
    expected = [from_local(day + timedelta(days=number)) for number in range(1, 5)]
    assert sorted(midnights) == [at for at in expected if left < at < back]
    assert {row["values"]["energy_import"] for row in rows if row["at"] in midnights} == {VALUES["energy_import"]}


@virtual
async def test_what_the_meter_no_longer_has_ends_the_gap_all_the_same() -> None:
    scene = Scene([meter_row(1)])
    _, back = await away(scene, 5 * DAY_S)
    times = curve(scene.disk.recalled("M1"))
    assert len(times) < 97, "a simulated meter keeps a day of blocks"
    assert times[-1] == quarters(back - HOUR_S, back)[-1]


@virtual
async def test_killed_after_any_transaction_nothing_is_lost_and_nothing_comes_twice() -> None:
    whole = Scene([meter_row(1), meter_row(2)])
    async with whole.gateway():
        await whole.wait(10 * MINUTE_S)
    before = whole.disk.transactions
    await whole.wait(2 * HOUR_S)
    async with whole.gateway():
        await whole.wait(5 * MINUTE_S)
    steps = range(before + 1, whole.disk.transactions, 3)
    assert len(steps) > 5
    wanted = [sorted(row["at"] for row in whole.disk.recalled(device)) for device in ("M1", "M2")]
    for kill_after in steps:
        scene = Scene([meter_row(1), meter_row(2)])
        async with scene.gateway():
            await scene.wait(10 * MINUTE_S)
        await scene.wait(2 * HOUR_S)
        scene.disk.last = kill_after
        async with scene.gateway():
            await scene.wait(MINUTE_S)
        scene.disk.last = float("inf")
        async with scene.gateway() as pipeline:
            await scene.wait(10 * MINUTE_S)
            assert pipeline.history.ledger.figures().waiting == 0
        got = [sorted(row["at"] for row in scene.disk.recalled(device)) for device in ("M1", "M2")]
        ours = [[at for at in times if at - NOON < 2 * HOUR_S + 10 * MINUTE_S] for times in got]
        assert [times[: len(want)] for times, want in zip(ours, wanted, strict=True)] == wanted, kill_after


@virtual
async def test_live_polls_are_never_late_by_more_than_a_second_while_a_day_is_filled() -> None:
    scene = Scene([meter_row(number) for number in range(1, 6)])
    async with scene.gateway():
        await scene.wait(10 * MINUTE_S)
    await scene.wait(DAY_S)
    async with scene.gateway() as pipeline:
        begun = scene.clock.wall()
        await scene.wait(10 * MINUTE_S)
        assert pipeline.history.ledger.figures().waiting == 0
    for device in scene.meters:
        times = [row["at"] for row in scene.disk.of(Stream.LIVE) if row["device"] == device and row["at"] > begun]
        grid = [(at - times[1] + 30) % 60 - 30 for at in times[1:]]  # the first is off the grid
        assert len(times) >= 9
        assert max(grid) - min(grid) < 1.0


@virtual
async def test_a_refused_service_is_not_asked_for_again_for_a_day_not_even_after_a_restart() -> None:
    scene = Scene([meter_row(1)])
    meter = scene.meters["M1"]
    scene.seats["M1"] = stubborn = Stubborn(meter, LOAD_PROFILE, encode(Frame(meter.address, 0xD1, b"\x02")))
    await away(scene, HOUR_S)
    assert stubborn.asked == 1 + CLASSES, "the whole, and then its parts"
    await away(scene, HOUR_S)
    assert stubborn.asked == 1 + CLASSES
    await away(scene, DAY_S)
    assert stubborn.asked == 2 * (1 + CLASSES)
    assert curve(scene.disk.recalled("M1")) == []


@virtual
async def test_a_meter_that_refuses_whole_blocks_gives_them_in_parts() -> None:
    scene = Scene([meter_row(1)])
    meter = scene.meters["M1"]
    scene.seats["M1"] = Stubborn(meter, WHOLE_BLOCKS, encode(Frame(meter.address, 0xD1, b"\x02")))
    left, back = await away(scene, 2 * HOUR_S)
    for point in VALUES:
        rows = [row for row in scene.disk.recalled("M1") if point in row["values"]]
        assert [row["at"] for row in rows] == quarters(left, back)
        assert {row["values"][point] for row in rows} == {VALUES[point]}


@virtual
async def test_a_meter_that_is_silent_about_a_service_is_asked_ever_more_rarely_and_then_left_in_peace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene([meter_row(1)])
    scene.seats["M1"] = Stubborn(scene.meters["M1"], LOAD_PROFILE, b"")
    async with scene.gateway():
        await scene.wait(10 * MINUTE_S)
    await scene.wait(HOUR_S)
    async with scene.gateway() as pipeline:
        await scene.wait(HOUR_S)
        figures = pipeline.history.ledger.figures()
    assert (figures.waiting, figures.refused) == (0, 1 + CLASSES)
    live = [row for row in scene.disk.of(Stream.LIVE) if row["device"] == "M1" and row.get("fault")]
    assert live == [], "its silence about the past must not cost a poll"
    assert "M1: down" not in caplog.text


@virtual
async def test_a_meter_whose_edition_the_polls_find_out_tells_what_it_remembers() -> None:
    scene = Scene([meter_row(1, "dlt645-auto-1p"), meter_row(2)])
    left, back = await away(scene, 2 * HOUR_S)
    assert curve(scene.disk.recalled("M1")) == quarters(left, back)


@virtual
async def test_one_that_turns_out_to_speak_the_old_edition_is_not_asked_for_a_memory() -> None:
    scene = Scene([meter_row(1, "dlt645-auto-1p")], habits=Habits(edition="1997"))
    await away(scene, 2 * HOUR_S)
    assert scene.disk.recalled("M1") == []
    counts = scene.disk.saved()["gaps"]
    assert isinstance(counts, dict)
    assert counts["counts"]["unreadable"] == 1
    assert "refused" not in counts["counts"]
