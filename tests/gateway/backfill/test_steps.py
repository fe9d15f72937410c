"""What a meter's answers make of a gap, whatever the meter makes of its times."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from drivers.api import LineSettings
from drivers.dlt645.load import Block
from drivers.dlt645.services.history import Freeze, PowerDowns
from drivers.dlt645.whole import Labelled
from gateway.backfill.ledger import Gap, Stage
from gateway.backfill.steps import Asked, Found, portion, step
from gateway.clock import from_local
from tests.gateway.backfill.scene import meter_row

BEGAN = datetime.fromisoformat("2026-06-01T10:07")
GAP = Gap("M1", from_local(BEGAN), from_local(BEGAN) + 7200.0)
HOURS_OFF = 3 * 3600.0


def at(minutes: float) -> str:
    """Minutes after the beginning of the gap, as a meter writes it."""
    return (BEGAN + timedelta(minutes=minutes)).isoformat()


def found(gap: Gap, answer: object) -> Found:
    return step(gap, meter_row(1)).found(answer, Asked(gap.end, 0.4))


def minutes(times: Sequence[float]) -> list[float]:
    return [round((time - GAP.start) / 60, 3) for time in times]


@pytest.mark.parametrize(
    ("shown", "offset"),
    [(120.0, 0.3), (121.0, 60.3), (120.0 - 180, -10799.7)],
    ids=["right", "a minute fast", "three hours slow"],
)
def test_the_clock_is_read_first_and_its_offset_kept(shown: float, offset: float) -> None:
    left = found(GAP, at(shown)).gap
    assert left is not None
    assert left.stage is Stage.EVENTS
    assert left.offset == pytest.approx(offset, abs=0.11)


def test_a_clock_that_cannot_be_is_no_answer() -> None:
    with pytest.raises(ValueError):
        found(GAP, "2026-02-30T10:00:00")


POWER_DOWNS = {
    "within the gap": (PowerDowns(3, at(1), at(100)), 0.0, [1.0, 100.0], Stage.EVENTS),
    "the only one there ever was": (PowerDowns(1, at(1), at(100)), 0.0, [1.0, 100.0], Stage.PROFILE),
    "a minute fast, and put right": (PowerDowns(3, at(2), at(101)), 60.0, [1.0, 100.0], Stage.EVENTS),
    "hours fast": (PowerDowns(3, at(181), at(280)), HOURS_OFF, [1.0, 100.0], Stage.EVENTS),
    "newer than the gap": (PowerDowns(3, at(130), at(140)), 0.0, [], Stage.EVENTS),
    "older than the gap ends the search": (PowerDowns(3, at(-30), at(-20)), 0.0, [], Stage.PROFILE),
    "reaching far beyond the gap": (PowerDowns(3, at(-30), at(100)), 0.0, [], Stage.EVENTS),
    "ends before it begins": (PowerDowns(3, at(100), at(1)), 0.0, [], Stage.EVENTS),
    "without an end": (PowerDowns(3, at(1), None), 0.0, [], Stage.EVENTS),
    "an empty record ends the search": (PowerDowns(3, None, None), 0.0, [], Stage.PROFILE),
    "none ever": (PowerDowns(0, None, None), 0.0, [], Stage.PROFILE),
}


@pytest.mark.parametrize(("record", "offset", "times", "stage"), POWER_DOWNS.values(), ids=POWER_DOWNS.keys())
def test_power_downs(record: PowerDowns, offset: float, times: list[float], stage: Stage) -> None:
    got = found(replace(GAP, stage=Stage.EVENTS, offset=offset), record)
    assert minutes([one.at for one in got.past]) == times
    assert [one.notice for one in got.past] == ["last_gasp", "power_on"][: len(times)]
    assert minutes([time for down in got.downs for time in (down.start, down.end)]) == times
    assert got.gap is not None
    assert got.gap.stage is stage


def test_after_ten_records_there_are_no_more() -> None:
    left = found(replace(GAP, stage=Stage.EVENTS, cursor=9.0), PowerDowns(None, at(1), at(100))).gap
    assert left is not None
    assert left.stage is Stage.PROFILE


def block(minute: float, spoilt: bool = False) -> Block:
    values = [
        Labelled("voltage_a", Decimal("230.1"), "V"),
        Labelled("voltage_b", None, "V"),
        Labelled("active_power", Decimal("1.25"), "kW"),
        Labelled("active_power_a", None, "kW"),
        Labelled("demand", Decimal("2"), "kW"),
    ]
    return Block(at(minute), values, spoilt)


CURVES = {
    "blocks in the gap, more to come": ([block(8), block(23)], 0.0, 0.0, [8, 23], "on"),
    "the last block lies behind the gap": ([block(113), block(128)], 0.0, 0.0, [113], "done"),
    "no blocks at all": ([], 0.0, 0.0, [], "done"),
    "a spoilt block is left out": ([block(8, spoilt=True), block(23)], 0.0, 0.0, [23], "on"),
    "a meter that does not care what it is asked for": ([block(-500)], 0.0, 0.0, [], "done"),
    "a meter that gives the same again": ([block(8)], 0.0, 60 * 23, [8], "done"),
    "a clock within five minutes keeps its quarters": ([block(8)], 200.0, 0.0, [8], "on"),
    "a clock three hours fast is shifted": ([block(188)], HOURS_OFF, 0.0, [8], "on"),
}


@pytest.mark.parametrize(("blocks", "offset", "read", "times", "then"), CURVES.values(), ids=CURVES.keys())
def test_curves(blocks: list[Block], offset: float, read: float, times: list[float], then: str) -> None:
    gap = replace(GAP, stage=Stage.PROFILE, offset=offset, cursor=GAP.start + read if read else 0.0)
    got = found(gap, blocks)
    assert minutes([one.at for one in got.past]) == times
    assert (got.gap is None) == (then == "done")
    if got.gap is not None:
        assert got.gap.cursor > gap.cursor


def test_a_curve_has_the_points_of_the_device_and_no_others() -> None:
    got = found(replace(GAP, stage=Stage.PROFILE), [block(8)])
    [past] = got.past
    assert {reading.point: reading.value for reading in past.readings} == {
        "voltage": Decimal("230.1"),
        "active_power": Decimal("1.25"),
    }


NIGHT = replace(GAP, end=GAP.start + 2.5 * 86_400, stage=Stage.FREEZES)
ENERGY = {"energy_import": Decimal("100.5")}
FREEZES = {
    "of a missed midnight": (Freeze("2026-06-02T00:00:00", ENERGY), 0.0, 1, "on"),
    "newer than the gap": (Freeze("2026-06-05T00:00:00", {}), 0.0, 0, "on"),
    "older than the gap": (Freeze("2026-06-01T00:00:00", {}), 0.0, 0, "done"),
    "no such record": (Freeze(None, {}), 0.0, 0, "done"),
    "read already, a midnight passed meanwhile": (
        Freeze("2026-06-02T00:00:00", ENERGY),
        from_local(datetime.fromisoformat("2026-06-02T00:00")),
        0,
        "on",
    ),
}


@pytest.mark.parametrize(("freeze", "before", "count", "then"), FREEZES.values(), ids=FREEZES.keys())
def test_daily_freezes(freeze: Freeze, before: float, count: int, then: str) -> None:
    got = found(replace(NIGHT, before=before), freeze)
    assert len(got.past) == count
    assert (got.gap is None) == (then == "done")


def test_a_gap_without_a_midnight_has_no_freezes() -> None:
    assert replace(GAP, stage=Stage.PROFILE).next() is None
    after = replace(NIGHT, stage=Stage.PROFILE).next()
    assert after is not None
    assert after.stage is Stage.FREEZES


@pytest.mark.parametrize(("baud", "blocks"), [(1200, 1), (2400, 1), (9600, 7), (115200, 10)])
def test_a_portion_passes_the_line_in_about_a_second(baud: int, blocks: int) -> None:
    assert portion(replace(meter_row(1), wire=LineSettings(baud, parity="even"))) == blocks
