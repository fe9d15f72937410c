"""Calls, plans, dips and last gasps in recordings, and the truth about them."""

import json
import random
from pathlib import Path

import pytest

from gateway.recording import open_recording
from gateway.simulate.calls import random_calls, reached
from gateway.simulate.chance import random_area, random_scenario
from gateway.simulate.fault import Fault
from gateway.simulate.network import build
from gateway.simulate.observing import Polling, observe
from gateway.simulate.record import Play, write
from gateway.simulate.scenario import Episode, Expectation, Scenario
from tests.gateway.simulate.areas import small_area

START = 1_760_000_000.0
POLLING = Polling(START, length_s=3600, period_s=60, timeouts=0.0, garbled=0.0)


def one(fault: Fault, begin: float = 600, end: float = 2400, planned: str = "") -> Scenario:
    types = ("planned_outage",) if planned else ("box_outage",)
    return Scenario("", 3600, (Episode("E1", fault, begin, end, "", Expectation(types, (fault.where,)), planned),))


REACHED: dict[str, tuple[Fault, set[str]]] = {
    "a box reaches its meters": (Fault("breaker_tripped", "B4"), {"B4A", "B4B", "B4C", "B4X"}),
    "a fuse reaches its phase": (Fault("fuse_blown", "B4", "B"), {"B4B", "B4X"}),
    "a meter reaches itself": (Fault("relay_open", "B4A"), {"B4A"}),
    "a line reaches whom it reads": (
        Fault("collector_dead", "RS2"),
        {device.id for device in small_area().devices if device.bus == "RS2"},
    ),
}


@pytest.mark.parametrize(("fault", "meters"), REACHED.values(), ids=REACHED.keys())
def test_whom_a_fault_reaches(fault: Fault, meters: set[str]) -> None:
    assert {device.id for device in reached(small_area(), one(fault).episodes[0])} == meters


@pytest.mark.parametrize(
    ("fault", "planned", "best"),
    [
        (Fault("breaker_tripped", "B4"), "", "network_fault"),
        (Fault("breaker_tripped", "B4"), "maintenance", "planned_outage"),
        (Fault("relay_open", "B4A"), "", "arrears_disconnect"),
        (Fault("customer_off", "B4A"), "", "customer_side_fault"),
        (Fault("neutral_broken", "B4"), "", "voltage_quality"),
        (Fault("meter_dead", "B4A"), "", "unknown"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else value,
)
def test_a_call_from_within_a_fault_has_its_answer(fault: Fault, planned: str, best: str) -> None:
    scenario = one(fault, planned=planned)
    calls = random_calls(random.Random(1), small_area(), scenario, POLLING, 60)
    inside = {device.id for device in reached(small_area(), scenario.episodes[0])}
    about = [call for call in calls if call.report.device in inside and 600 < call.report.at - START < 2400]
    assert {call.accept[0] for call in about} == {best}
    assert all(call.report.at - START >= 600 + 3 * 60 for call in about)


def test_calls_about_nothing_come_from_those_who_have_supply() -> None:
    scenario = one(Fault("breaker_tripped", "B4"))
    calls = random_calls(random.Random(2), small_area(), scenario, POLLING, 100)
    fine = [call for call in calls if call.accept[0] == "no_network_fault"]
    assert fine
    assert not any(call.report.device.startswith("B4") and 600 <= call.report.at - START < 2400 for call in fine)


def test_when_two_faults_meet_nobody_is_asked_for_one_answer() -> None:
    first, second = one(Fault("breaker_tripped", "B4")).episodes[0], one(Fault("relay_open", "B4A")).episodes[0]
    calls = random_calls(random.Random(3), small_area(), Scenario("", 3600, (first, second)), POLLING, 100)
    assert not [call for call in calls if call.report.device == "B4A"]


def test_meters_that_can_say_when_their_supply_goes_and_comes() -> None:
    gasping = Polling(START, length_s=3600, period_s=60, timeouts=0.0, garbled=0.0, gasps=1.0)
    seen = list(observe(build(small_area()), one(Fault("breaker_tripped", "B4"), 601.5, 1202.5), gasping))
    assert [row.at for row in seen] == sorted(row.at for row in seen)
    said = {kind: {row.device for row in seen if row.notice == kind} for kind in ("last_gasp", "power_on")}
    assert said == {kind: {"B4A", "B4B", "B4C", "B4X"} for kind in said}
    assert {round(row.at - START, -1) for row in seen if row.notice == "last_gasp"} == {600.0}


def test_on_a_dead_line_nobody_is_heard_gasping() -> None:
    gasping = Polling(START, length_s=3600, period_s=60, gasps=1.0)
    dead = Episode("E2", Fault("collector_dead", "RS1"), 300, 3000, "", Expectation((), ("RS1",)))
    both = Scenario("", 3600, (*one(Fault("breaker_tripped", "B4")).episodes, dead))
    assert not [row for row in observe(build(small_area()), both, gasping) if row.notice]


def test_a_dip_of_a_second_is_seen_by_those_who_are_read_in_it() -> None:
    dip = one(Fault("dip", "MV", share=0.4), 600.5, 601.5)
    seen = [row for row in observe(build(small_area()), dip, POLLING) if 600 <= row.at - START < 660]
    low = {row.device for row in seen if 100 < (row.values.get("voltage") or 230) < 150}
    assert 3 <= len(low) < 12


def test_a_planned_outage_is_announced_and_labelled_as_such(tmp_path: Path) -> None:
    play = Play(build(small_area()), one(Fault("line_broken", "L2"), planned="new poles"), POLLING)
    write(tmp_path, play)
    (plan,) = open_recording(tmp_path).planned
    (label,) = json.loads((tmp_path / "truth" / "labels.json").read_text())["labels"]
    assert (plan.node, plan.reason) == ("L2", "new poles")
    assert plan.start < label["t_start"] < label["t_end"] < plan.end
    assert (label["type"], label["accept"]) == ("planned_outage", ["planned_outage"])


def test_two_faults_at_a_time_are_on_different_feeders() -> None:
    for seed in range(40):
        rng = random.Random(seed)
        area = random_area(rng, 60)
        episodes = random_scenario(rng, area, hours=6, faults=4).episodes
        assert len({episode.id for episode in episodes}) == len(episodes)
        for first in episodes:
            for second in episodes:
                if first is not second and first.begin_s <= second.begin_s < (first.end_s or 0):
                    shared = {device.id for device in reached(area, first)} & {d.id for d in reached(area, second)}
                    assert not shared
