"""The engine finds each fault once, at its place."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.simulate.fault import Fault
from rules.area import DisconnectOrder, PlannedOutage, Report
from rules.engine import Engine
from rules.incident import Incident
from rules.observation import Observation
from tests.rules.areas import START, found, readings, run, village

FAULTS: dict[str, tuple[Fault, str, str, str]] = {
    "a fuse of one phase at a feeder": (Fault("fuse_blown", "F1", "B"), "feeder_phase_loss", "F1", "B"),
    "a fuse of one phase at a box": (Fault("fuse_blown", "B4", "A"), "box_phase_loss", "B4", "A"),
    "a box breaker": (Fault("breaker_tripped", "B2"), "box_outage", "B2", ""),
    "a line torn behind the first box": (Fault("line_broken", "L2"), "branch_outage", "L2", ""),
    "a whole feeder": (Fault("breaker_tripped", "F2"), "feeder_outage", "F2", ""),
    "the transformer, its neighbours well": (Fault("transformer_off", "T1"), "transformer_outage", "T1", ""),
    "the medium voltage, its neighbours dark too": (Fault("mv_outage", "MV"), "mv_outage", "MV", ""),
    "one phase of the medium voltage": (Fault("mv_phase_loss", "MV", "A"), "mv_phase_loss", "MV", "AC"),
    "a broken neutral": (Fault("neutral_broken", "L2"), "neutral_break", "L2", ""),
    "a dead line": (Fault("collector_dead", "RS1"), "comm_bus", "RS1", ""),
    "a dead meter": (Fault("meter_dead", "B5-3"), "comm_meter", "B5-3", ""),
}


@pytest.mark.parametrize("poll_s", [2.0, 60.0], ids=["read every 2 s", "read every minute"])
@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS.keys())
def test_one_fault_is_one_incident_at_its_place(case: tuple[Fault, str, str, str], poll_s: float) -> None:
    fault, kind, node, phases = case
    area = village(poll_s=poll_s)
    said = run(Engine(area), readings(area, (fault, 5.2 * poll_s, 25 * poll_s), minutes=40 * poll_s / 60))
    (incident,) = found(said)
    assert (incident.type, incident.phases) == (kind, phases)
    assert node in (incident.node, *incident.equivalents)
    assert incident.state == "cleared"
    begun, ended = START + 5.2 * poll_s, START + 25 * poll_s
    assert incident.started_after <= begun <= incident.started_at <= begun + 2.1 * poll_s
    assert incident.ended_at is not None
    assert ended <= incident.ended_at <= ended + 2 * poll_s


def test_customers_behind_the_fault_are_named() -> None:
    area = village()
    (incident,) = found(run(Engine(area), readings(area, (Fault("breaker_tripped", "B2"), 300, 1500))))
    assert incident.customers == tuple(f"C-B2-{number}" for number in range(6))


def test_a_quiet_day_with_a_few_lost_answers_says_nothing_for_sure() -> None:
    area = village()
    assert found(run(Engine(area), readings(area, minutes=120, timeouts=0.01))) == []


def test_a_collector_that_dies_with_its_box_is_a_box_outage() -> None:
    area = village(collector="B1")
    (incident,) = found(run(Engine(area), readings(area, (Fault("breaker_tripped", "B1"), 300, 1500))))
    assert (incident.type, incident.node) == ("box_outage", "B1")
    assert any("RS1" in sentence for sentence in incident.evidence)


def test_an_announced_outage_is_that_plan() -> None:
    area = village()
    plan = PlannedOutage("P7", "L2", START + 200, START + 1800, "new cable")
    engine = Engine(area, planned=[plan])
    (incident,) = found(run(engine, readings(area, (Fault("line_broken", "L2"), 300, 1500))))
    assert (incident.type, incident.severity, incident.node) == ("planned_outage", "info", "L2")
    assert any("P7" in sentence for sentence in incident.evidence)


def test_an_outage_beside_the_plan_is_none_of_it() -> None:
    area = village()
    engine = Engine(area, planned=[PlannedOutage("P7", "F2", START + 200, START + 1800)])
    (incident,) = found(run(engine, readings(area, (Fault("line_broken", "L2"), 300, 1500))))
    assert incident.type == "branch_outage"


def test_a_plan_that_overruns_is_serious() -> None:
    area = village()
    engine = Engine(area, planned=[PlannedOutage("P7", "L2", START + 200, START + 600)])
    said = run(engine, readings(area, (Fault("line_broken", "L2"), 300, 2900), minutes=60))
    severities = [incident.severity for incident in said if incident.state == "confirmed"]
    assert severities == ["info", "major"]


def test_a_plan_that_nothing_comes_of_is_said() -> None:
    area = village()
    engine = Engine(area, planned=[PlannedOutage("P7", "L2", START + 200, START + 600)])
    said = run(engine, readings(area, minutes=60))
    assert [(incident.type, incident.severity) for incident in found(said)] == [("planned_not_executed", "info")]


def test_a_box_that_was_dark_before_its_feeder_hides_behind_it() -> None:
    area = village()
    faults = [(Fault("breaker_tripped", "B2"), 300.0, 3000.0), (Fault("breaker_tripped", "F1"), 1200.0, 2400.0)]
    said = run(Engine(area), readings(area, *faults, minutes=60))
    assert [(incident.type, incident.node) for incident in found(said)] == [
        ("box_outage", "B2"),
        ("feeder_outage", "F1"),
    ]
    (feeder,) = {incident.id for incident in said if incident.node == "F1"}
    assert feeder in [incident.explained_by for incident in said if incident.node == "B2"]


@pytest.mark.parametrize("ordered", [True, False], ids=["by order", "without order"])
def test_an_open_relay_is_no_outage(ordered: bool) -> None:
    area = village()
    orders = [DisconnectOrder("B2-2", START + 250)] if ordered else []
    said = found(run(Engine(area, orders=orders), readings(area, (Fault("relay_open", "B2-2"), 300, 1500))))
    assert [incident.type for incident in said] == ["arrears_disconnect" if ordered else "relay_open"]


def test_a_later_fault_inside_a_dark_feeder_outlives_it() -> None:
    area = village()
    faults = [(Fault("breaker_tripped", "F1"), 300.0, 1500.0), (Fault("breaker_tripped", "B2"), 900.0, 2700.0)]
    said = found(run(Engine(area), readings(area, *faults, minutes=60)))
    assert [(incident.type, incident.node) for incident in said] == [("feeder_outage", "F1"), ("box_outage", "B2")]
    assert all(incident.state == "cleared" for incident in said)


def test_what_comes_back_beside_a_dark_box_tells_that_it_is_not_their_line() -> None:
    area = village()
    faults = [(Fault("breaker_tripped", "B2"), 300.0, 1800.0), (Fault("breaker_tripped", "B3"), 900.0, 3000.0)]
    said = found(run(Engine(area), readings(area, *faults, minutes=60)))
    assert [(incident.type, incident.node) for incident in said] == [("box_outage", "B2"), ("box_outage", "B3")]


def test_who_lives_below_a_failed_node_moves_the_fault_down() -> None:
    area = village()
    faults = [(Fault("breaker_tripped", "B1"), 300.0, 1800.0), (Fault("breaker_tripped", "L2"), 900.0, 3000.0)]
    said = run(Engine(area), readings(area, *faults, minutes=60))
    assert [(incident.type, incident.node) for incident in found(said)] == [
        ("box_outage", "B1"),
        ("branch_outage", "L2"),
    ]


def test_a_meter_on_another_phase_than_said_is_named_and_hides_nothing() -> None:
    area = village(meters_in_box=12)
    true = next(device for device in area.devices if device.id == "B2-2")
    wrong = replace(true, phases="A" if true.phases != "A" else "B")
    said_so = replace(area, devices=tuple(wrong if device.id == "B2-2" else device for device in area.devices))
    said = found(run(Engine(said_so), readings(area, (Fault("fuse_blown", "F1", true.phases), 300, 1500))))
    assert [(incident.type, incident.node) for incident in said] == [
        ("feeder_phase_loss", "F1"),
        ("topology_suspect", "B2-2"),
    ]


def test_two_faults_at_once_are_two_incidents() -> None:
    area = village()
    faults = [(Fault("breaker_tripped", "B4"), 300.0, 1500.0), (Fault("fuse_blown", "F1", "C"), 320.0, 1500.0)]
    said = found(run(Engine(area), readings(area, *faults)))
    assert sorted((incident.type, incident.node) for incident in said) == [
        ("box_outage", "B4"),
        ("feeder_phase_loss", "F1"),
    ]


def test_a_suspicion_asks_for_the_reads_that_settle_it() -> None:
    area = village()
    engine = Engine(area)
    wished: set[str] = set()
    for seen in readings(area, (Fault("breaker_tripped", "B2"), 300, 1500)):
        wished |= {wish.device for wish in engine.take(seen).wishes}
        if wishes := engine.tick(seen.at + 10).wishes if seen.device == "B5-5" else ():
            wished |= {wish.device for wish in wishes}
    assert wished & {f"B2-{number}" for number in range(6)}


def test_answers_to_wishes_confirm_within_half_a_minute() -> None:
    area = village()
    engine = Engine(area)
    dark, confirmed = {f"B2-{number}" for number in range(6)}, 0.0
    for seen in readings(area, (Fault("breaker_tripped", "B2"), 300, 1500), minutes=10):
        said = list(engine.take(seen).incidents)
        for second in range(1, 50) if seen.device == "B5-5" else ():
            outcome = engine.tick(seen.at + second)
            said += outcome.incidents
            for wish in outcome.wishes:
                fault = "timeout" if wish.device in dark and seen.at > START + 300 else None
                values = {} if fault else {"voltage": 225.0, "voltage_a": 225.0, "voltage_b": 225.0, "voltage_c": 225.0}
                verified = Observation(wish.device, seen.at + second + 0.5, values, fault, source="verify")  # type: ignore[arg-type]
                said += engine.take(verified).incidents
        for incident in said:
            if incident.state == "confirmed":
                confirmed = confirmed or incident.at
    assert START + 300 < confirmed <= START + 360 + 45


def test_what_comes_late_or_out_of_order_changes_nothing() -> None:
    area = village()
    stream = list(readings(area, (Fault("breaker_tripped", "B2"), 300, 1500)))
    rng = random.Random(7)
    mixed: list[Observation] = []
    for seen in stream:
        mixed.append(seen)
        if rng.random() < 0.1:
            mixed.append(rng.choice(mixed))  # an old one once more
    assert _told(run(Engine(area), mixed)) == _told(run(Engine(area), stream))


def test_an_unknown_device_is_no_reason_to_fail() -> None:
    assert Engine(village()).take(Observation("who", START, {"voltage": 220.0})).incidents == ()


def test_one_step_changes_little_state() -> None:
    area = village()
    engine = Engine(area)
    stream = list(readings(area, minutes=10))
    sizes = []
    for seen in stream:
        engine.take(seen)
        sizes.append(len(json.dumps(engine.changes())))
    assert sorted(sizes)[len(sizes) // 2] < 600
    assert max(sizes) < 5000


def test_a_call_is_judged_by_what_is_known() -> None:
    area = village()
    engine = Engine(area, orders=[DisconnectOrder("B5-2", START + 100)])
    faults = [(Fault("breaker_tripped", "B2"), 300.0, 1500.0), (Fault("relay_open", "B5-2"), 300.0, 1500.0)]
    faults += [(Fault("collector_dead", "RS3"), 0.0, 1.0)]
    run(engine, readings(area, *faults[:2], minutes=15))
    verdicts = {
        device: engine.judge(Report("R", START + 900, device, "no_power")).verdict
        for device in ("B2-1", "B5-2", "B1-1", "nobody")
    }
    assert verdicts == {
        "B2-1": "network_fault",
        "B5-2": "arrears_disconnect",
        "B1-1": "no_network_fault",
        "nobody": "unknown",
    }


def _told(said: Sequence[Incident]) -> list[tuple[str, str, str, str]]:
    return [(incident.type, incident.node, incident.phases, incident.state) for incident in said]
