"""Devices are read every 15 s or every 15 min, also mixed on one line; what fails is found at any spacing."""

from collections.abc import Iterable, Iterator, Mapping

import pytest

from gateway.simulate.fault import Fault
from rules.area import Area
from rules.engine import Engine
from rules.incident import Incident
from rules.observation import Observation
from tests.rules.areas import START, found, readings, run, village

BOX = Fault("breaker_tripped", "B2")
BRANCH = Fault("line_broken", "L2")
LINE = Fault("collector_dead", "RS2")
SUPPLY = Fault("transformer_off", "T1")


def seldom(area: Area, seen: Iterable[Observation], every: Mapping[int, int]) -> Iterator[Observation]:
    """Of the device in place n of its box only one reading in `every[n]`, for those that it names."""
    count: dict[str, int] = {}
    kinds = {device.id: device.kind for device in area.devices}
    for one in seen:
        place = int(one.device[-1]) if kinds[one.device] == "meter" else -1
        count[one.device] = count.get(one.device, 0) + 1
        if (count[one.device] - 1) % every.get(place, 1) == 0:
            yield one


def told(said: Iterable[Incident]) -> list[tuple[str, str]]:
    return [(one.type, one.node) for one in found(list(said)) if one.severity != "info"]


FAULTS = {
    "a box": (BOX, [("box_outage", "B2")]),
    "a branch": (BRANCH, [("branch_outage", "L2")]),
    "a line": (LINE, [("comm_bus", "RS2")]),
    "the transformer": (SUPPLY, [("transformer_outage", "T1")]),
    "one phase of a feeder": (Fault("fuse_blown", "F2", "B"), [("feeder_phase_loss", "F2")]),
}


@pytest.mark.parametrize(("fault", "expected"), FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("poll_s", [15.0, 900.0], ids=["every 15 s", "every 15 min"])
def test_a_fault_is_found_at_any_spacing(poll_s: float, fault: Fault, expected: list[tuple[str, str]]) -> None:
    area = village(poll_s=poll_s)
    begin, end = 21.5 * poll_s, 29.5 * poll_s
    assert told(run(Engine(area), readings(area, (fault, begin, end), minutes=40 * poll_s / 60))) == expected


@pytest.mark.parametrize(("fault", "expected"), FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("said_s", [15.0, 900.0], ids=["said to be 15 s", "said to be 15 min"])
def test_spacings_mixed_on_one_line_tell_the_same(said_s: float, fault: Fault, expected: list[tuple[str, str]]) -> None:
    every = {2: 4, 3: 15, 4: 15}
    area = village(poll_s=said_s)
    seen = seldom(area, readings(village(poll_s=60.0), (fault, 3000.0, 5400.0), minutes=150), every)
    assert told(run(Engine(area), seen)) == expected


def test_seldom_polls_confirm_in_the_first_round_what_no_dip_explains() -> None:
    area = village(poll_s=900.0)
    said = run(Engine(area), readings(area, (BOX, 9100.0, 14_000.0), minutes=300))
    first = next(one for one in said if one.state == "confirmed")
    assert first.at - START < 9900 + 90


def test_what_fails_after_a_fault_was_confirmed_is_another_one() -> None:
    area = village(poll_s=900.0)
    faults = ((BOX, 9100.0, 16_000.0), (Fault("breaker_tripped", "B3"), 10_900.0, 16_000.0))
    assert told(run(Engine(area), readings(area, *faults, minutes=330))) == [("box_outage", "B2"), ("box_outage", "B3")]


@pytest.mark.parametrize("poll_s", [60.0, 900.0], ids=["every minute", "every 15 min"])
@pytest.mark.parametrize("seed", range(3))
def test_a_line_dead_with_what_feeds_its_collector_leaves_nothing_behind(seed: int, poll_s: float) -> None:
    area = village(poll_s=poll_s, collector="B1")
    fault = (Fault("breaker_tripped", "B1"), 21.5 * poll_s, 24.5 * poll_s)
    said = told(run(Engine(area), readings(area, fault, minutes=40 * poll_s / 60, seed=seed)))
    assert said == [("box_outage", "B1")]


@pytest.mark.parametrize("seed", range(3))
def test_a_collector_that_fails_by_itself_is_no_outage_of_what_feeds_it(seed: int) -> None:
    area = village(collector="B1")
    fault = (Fault("collector_dead", "RS1"), 1290.0, 2400.0)
    assert told(run(Engine(area), readings(area, fault, seed=seed))) == [("comm_bus", "RS1")]


def test_a_last_gasp_in_a_dip_does_not_date_the_outage_that_comes_later() -> None:
    area, gasped = village(), []
    for one in readings(area, (BOX, 1290.0, 2400.0)):
        if one.device == "B2-1" and one.at < START + 60:
            gasped += [Observation("B2-1", one.at - 0.1, notice="last_gasp", bus=one.bus)]
        gasped.append(one)
    (outage,) = found(run(Engine(area), gasped))
    assert outage.started_at - START >= 1290.0


def test_a_meter_that_failed_and_an_answer_that_a_terminal_lost_are_no_outage() -> None:
    area, seen = village(4, poll_s=900.0), []
    for one in readings(area, (Fault("meter_dead", "B2-3"), 4600.0, 20_000.0), minutes=200):
        seen.append(one)
        for later in (300.0, 360.0) if one.device == "B5-3" else ():
            lost = later > 300.0 and START + 8100 < one.at < START + 9000
            seen.append(Observation("LTU1", one.at + later, fault="timeout" if lost else None, bus="LTU"))
    said = [one for one in run(Engine(area), seen) if one.state == "confirmed"]
    assert {(one.type, one.node) for one in said} == {("comm_meter", "B2-3")}


@pytest.mark.parametrize("said_s", [15.0, 60.0, 900.0], ids=["said to be 15 s", "said to be 60 s", "said to be 15 min"])
@pytest.mark.parametrize("every_s", [15.0, 60.0, 900.0], ids=["every 15 s", "every minute", "every 15 min"])
def test_a_low_voltage_is_confirmed_after_its_hour_whatever_the_spacing_is_said_to_be(
    every_s: float, said_s: float
) -> None:
    engine, said = Engine(village(poll_s=said_s)), []
    for number in range(int(10_800 / every_s)):
        volts = 192.0 if number * every_s >= 3600 else 221.0
        seen = Observation("B1-1", START + number * every_s, {"voltage": volts}, bus="RS1")
        said += [*engine.take(seen).incidents, *engine.tick(seen.at + every_s / 2).incidents]
    first = next(one for one in said if one.state == "confirmed")
    assert first.type == "low_voltage"
    assert 3600 <= first.at - START - 3600 <= 3600 + 2 * max(every_s, said_s / 4)


WITHIN = {
    "a noisy line": (Fault("line_noisy", "RS2", share=0.4), "comm_noise", 600.0),
    "a broken neutral": (Fault("neutral_broken", "L3"), "neutral_break", 240.0),
    "one phase of the medium voltage": (Fault("mv_phase_loss", "MV", "A"), "mv_phase_loss", 120.0),
}


@pytest.mark.parametrize(("fault", "kind", "within_s"), WITHIN.values(), ids=WITHIN.keys())
@pytest.mark.parametrize("said_s", [15.0, 60.0, 900.0], ids=["said to be 15 s", "said to be 60 s", "said to be 15 min"])
def test_devices_read_every_minute_tell_as_soon_whatever_is_said(
    said_s: float, fault: Fault, kind: str, within_s: float
) -> None:
    said = run(Engine(village(poll_s=said_s)), readings(village(poll_s=60.0), (fault, 930.0, 4530.0), minutes=120))
    (one,) = [one for one in found(said) if one.severity != "info"]
    assert (one.type, one.state) == (kind, "cleared")
    assert next(other.at for other in said if other.state == "confirmed") - START - 930 <= within_s


def test_a_meter_read_seldom_says_nothing_of_a_phase_that_came_back_meanwhile() -> None:
    area = village(poll_s=60.0)
    fuse = (Fault("fuse_blown", "F2", "B"), 3000.0, 5460.0)
    seen = seldom(area, readings(area, fuse, minutes=150), {0: 15})
    assert told(run(Engine(area), seen)) == [("feeder_phase_loss", "F2")]
