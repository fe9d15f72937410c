"""What a line loses by chance makes no fault, dates none and moves none."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.simulate import network
from gateway.simulate.fault import Fault
from gateway.simulate.observing import Polling, observe
from rules import observation
from rules.area import Area, Bus, Device, Node
from rules.engine import Engine
from rules.incident import Incident
from rules.observation import Observation
from rules.thresholds import complete
from rules.wire import wires_of
from rules.witness import Witness
from tests.rules.areas import START, found, readings, run, scenario, village

NODES = (Node("T1", "transformer"), Node("F1", "feeder", "T1"), Node("B1", "box", "F1"), Node("B2", "box", "F1"))
METERS = {"M1": "A", "M2": "A", "M3": "A", "N1": "A", "N2": "B", "N3": "C"}
MARKS: dict[str, observation.Fault | None] = {".": None, "-": "timeout", "?": "crc"}


def two_boxes() -> Area:
    devices = [Device(name, "meter", f"B{1 + (name > 'N')}", phases, "RS1") for name, phases in METERS.items()]
    return Area("two boxes", NODES, tuple(devices), (Bus("RS1"),), poll_period_s=60.0)


def polled(minutes: dict[str, str]) -> Iterator[Observation]:
    """One poll a minute of every meter: `.` a good answer, `-` none, `?` a garbled one; `.` where nothing is said."""
    for minute in range(max(map(len, minutes.values()))):
        for place, name in enumerate(METERS):
            mark = minutes.get(name, "")[minute : minute + 1] or "."
            at = START + 60 * minute + 0.5 * place
            values = {"voltage": 221.0, "current": 1.0, "active_power": 0.2} if mark == "." else {}
            yield Observation(name, at, values, MARKS[mark], bus="RS1")


CASES = {
    "silences with garbled answers between them are a bad line, no outage": (
        {"M1": ".........-?-?-?-?", "M2": ".........?-?-?-?-", "M3": ".........-?-?-?-?"},
        [],
    ),
    "an answer lost a minute before a dip makes no outage of it": (
        {"M1": ".........--.", "M2": "..........-.", "M3": "..........-."},
        [],
    ),
    "one answer lost beside a dark box does not move the fault to the feeder": (
        {"M1": ".........-----", "M2": ".........-----", "M3": ".........-----", "N1": ".........-...."},
        [("box_outage", "B1")],
    ),
    "one answer lost lately leaves another meter's silence plain": (
        {"M1": ".........................-.........", "N1": "............................------"},
        [("comm_meter", "N1")],
    ),
    "a box of which all meters stay silent is dark": (
        {"N1": ".........-----", "N2": ".........-----", "N3": ".........-----"},
        [("box_outage", "B2")],
    ),
}


@pytest.mark.parametrize(("minutes", "faults"), CASES.values(), ids=CASES.keys())
def test_lost_answers(minutes: dict[str, str], faults: list[tuple[str, str]]) -> None:
    said = run(Engine(two_boxes()), polled(minutes))
    sure = [(incident.type, incident.node) for incident in said if incident.state == "confirmed"]
    assert [fault for fault in sure if fault[0] != "comm_noise"] == faults


@pytest.mark.parametrize("seed", range(4))
def test_a_line_that_loses_most_answers_makes_up_no_outage_and_hides_none(seed: int) -> None:
    area = village()
    noise = (Fault("line_noisy", "RS1", share=0.6), 600.0, 7200.0)
    dark = (Fault("breaker_tripped", "B1"), 3610.0, 6600.0)
    polling = Polling(START, 7200.0, area.poll_period_s, apart_s=0.5, timeouts=0.003, garbled=0.002)
    said = run(Engine(area), observe(network.build(area, seed), scenario(noise, dark), polling, seed))
    assert [(incident.type, incident.node) for incident in found(said) if incident.type != "comm_noise"] == [
        ("box_outage", "B1")
    ]
    assert len(suspicions(said)) < 12


@pytest.mark.parametrize(("losses", "faults"), [(True, []), (False, ["comm_meter"])], ids=["loses a few", "is good"])
def test_three_silences_are_a_dead_meter_unless_its_line_always_loses_a_few(losses: bool, faults: list[str]) -> None:
    usual = dict.fromkeys(("M1", "M2", "M3"), ("." * 49 + "-" if losses else "." * 50) * 8)
    said = run(Engine(two_boxes()), polled({**usual, "N1": "." * 420 + "---.."}))
    assert [incident.type for incident in found(said)] == faults


def test_a_garbled_answer_does_not_date_the_end() -> None:
    minutes = {"N1": ".........------...", "N2": "..........-----...", "N3": "..........---?-..."}
    (box,) = found(run(Engine(two_boxes()), polled(minutes)))
    assert box.ended_at is not None
    assert box.ended_at > START + 15 * 60


def test_silence_weighs_by_the_polls_after_a_time() -> None:
    area = two_boxes()
    meter = Witness(area.devices[0], wires_of(area)["RS1"], complete({}), 220.0)
    for seen in polled({"M1": "...--"}):
        if seen.device == "M1":
            meter.take(seen)
            if meter.silent == 1:
                assert meter.weight_since(seen.at + 1.0) == 0.0
    assert 0.0 < meter.weight_since(meter.silent_since + 1.0) < meter.weight == meter.weight_since(START)


def suspicions(said: list[Incident]) -> set[str]:
    """Incidents that were never sure."""
    return {incident.id for incident in said} - {incident.id for incident in said if incident.state == "confirmed"}


def test_a_garbled_answer_on_a_dead_line_does_not_make_its_boxes_dark() -> None:
    area = village()
    seen = list(readings(area, (Fault("collector_dead", "RS2"), 900.0, 2400.0), minutes=60))
    first = next(place for place, one in enumerate(seen) if one.device == "B5-5" and one.fault)
    seen[first] = seen[first]._replace(fault="crc")
    sure = [(incident.type, incident.node) for incident in found(run(Engine(area), seen))]
    assert sure == [("comm_bus", "RS2")]


def test_an_answer_that_a_last_gasp_overtook_does_not_undo_it() -> None:
    before = list(polled(dict.fromkeys(METERS, "........")))
    gasps = [Observation(name, START + 466, notice="last_gasp", bus="RS1") for name in ("M1", "M2", "M3")]
    after = list(polled(dict.fromkeys(("M1", "M2", "M3"), "." * 8 + "-" * 4)))[len(before) :]
    late = before[-len(METERS) :]
    sure = [
        (one.type, one.node) for one in found(run(Engine(two_boxes()), before[: -len(late)] + gasps + late + after))
    ]
    assert sure == [("box_outage", "B1")]


def test_who_fell_silent_a_moment_ago_is_asked_once_more_and_who_did_just_now_is_not() -> None:
    area = village()
    engine = Engine(area)
    run(engine, (one for one in readings(area, minutes=20) if one.at < START + 1140))
    for device, at in (("B2-1", START + 1150), ("B5-1", START + 1170)):
        engine.take(Observation(device, at, fault="timeout", bus=area.devices[0].bus))
    assert [wish.device for wish in engine.tick(START + 1171).wishes] == ["B2-1"]


def test_one_lost_answer_beside_a_dead_meter_makes_no_dead_line_of_two() -> None:
    meters = tuple(one for one in two_boxes().devices if one.id in ("M1", "N1"))
    area = replace(two_boxes(), devices=(*meters, Device("TTU", "ttu", "T1", bus="TTU", backup_s=1800)))
    polls = [
        one for one in polled({"M1": ".........------------..", "N1": "..........-"}) if one.device in ("M1", "N1")
    ]
    polls = [one._replace(at=one.at + 20 * (one.device == "N1")) for one in polls]
    well = {f"voltage_{phase}": 221.0 for phase in "abc"} | {"active_power": 0.4}
    polls += [Observation("TTU", START + 60 * minute + 30, well, bus="TTU") for minute in range(23)]
    said = run(Engine(area), sorted(polls, key=lambda one: one.at))
    assert [(one.type, one.node) for one in found(said)] == [("comm_meter", "M1")]
