"""The pool knows of every outage that is announced, ordered or found, and how far it is; also after a restart."""

import json
from dataclasses import replace

import pytest

from gateway.simulate.fault import Fault
from rules.area import DisconnectOrder, PlannedOutage
from rules.engine import Engine
from rules.incident import Incident
from rules.pool import MOST_ORDERS, Pool
from rules.thresholds import complete
from rules.topology import Tree
from tests.rules.areas import START, found, readings, run, village

AREA = village()
PLAN = PlannedOutage("P7", "L2", START + 300, START + 1500, "new cable")
ORDERLY = PlannedOutage("P7", "L2", START + 300, START + 1500, "short of power", "orderly")
ORDER = DisconnectOrder("B2-2", START + 250)
LATE = PLAN.end + 1800
TORN, SHORT = (Fault("line_broken", "L2"), 310.0, 5000.0), (Fault("line_broken", "L2"), 310.0, 900.0)
RELAY = (Fault("relay_open", "B2-2"), 300.0, 5000.0)
CLOSED = (RELAY[0], 300.0, 900.0)
Faults = list[tuple[Fault, float, float]]

POOLS: dict[str, tuple[list[PlannedOutage], list[DisconnectOrder], Faults, float, list[tuple[str, str]]]] = {
    "nothing": ([], [], [], 600, []),
    "a plan whose time has not come": ([PLAN], [], [], 200, [("planned", "announced")]),
    "a plan that runs": ([PLAN], [], [TORN], 600, [("planned", "running")]),
    "orderly consumption that runs": ([ORDERLY], [], [TORN], 600, [("orderly", "running")]),
    "a plan that ended early": ([PLAN], [], [SHORT], 1400, [("planned", "over")]),
    "a plan that overruns": ([PLAN], [], [TORN], 3600, [("planned", "overrun")]),
    "a plan that nothing came of": ([PLAN], [], [], 3600, [("planned", "not executed")]),
    "a fault": ([], [], [TORN], 600, [("fault", "running")]),
    "a fault that is over": ([], [], [SHORT], 1400, []),
    "a fault beside a plan": (
        [PlannedOutage("P8", "F2", START + 300, START + 1500)], [], [TORN], 600,
        [("fault", "running"), ("planned", "announced")],
    ),
    "a plan inside what was dark all its time": (
        [PlannedOutage("P9", "B3", START + 600, START + 1500)], [], [TORN], 3600,
        [("fault", "running"), ("planned", "over")],
    ),
    "a plan inside what was dark for a part of its time": (
        [PlannedOutage("P9", "B3", START + 600, START + 2500)], [], [SHORT], 4000, [("planned", "not executed")],
    ),
    "an order that waits": ([], [ORDER], [], 280, [("arrears", "announced")]),
    "an order that was carried out": ([], [ORDER], [RELAY], 600, [("arrears", "running")]),
    "an order that was carried out and undone": ([], [ORDER], [CLOSED], 1400, []),
    "an order of yesterday that nobody carried out": (
        [], [DisconnectOrder("B2-2", START - 86_500)], [], 280, [("arrears", "not executed")],
    ),
    "an order of long ago": ([], [DisconnectOrder("B2-2", START - 180_000)], [], 280, []),
}  # fmt: skip


@pytest.mark.parametrize(("plans", "orders", "faults", "after", "entries"), POOLS.values(), ids=POOLS.keys())
@pytest.mark.parametrize("restart", [False, True], ids=["running on", "after a restart"])
def test_the_pool_says_how_far_everything_is(
    plans: list[PlannedOutage],
    orders: list[DisconnectOrder],
    faults: Faults,
    after: float,
    entries: list[tuple[str, str]],
    restart: bool,
) -> None:
    engine = Engine(AREA, planned=plans, orders=orders)
    run(engine, (seen for seen in readings(AREA, *faults, minutes=after / 60) if seen.at < START + after))
    if restart:
        saved = {key: value for key, value in engine.changes().items() if value is not None}
        engine = Engine(AREA, planned=plans, orders=orders, saved=json.loads(json.dumps(saved)))
    assert [(entry.kind, entry.state) for entry in engine.desk.pool(START + after)] == entries


def test_what_is_only_suspected_is_not_in_the_pool_and_what_waits_concerns_nobody_yet() -> None:
    engine = Engine(AREA, planned=[PLAN], orders=[ORDER])
    run(
        engine,
        (seen for seen in readings(AREA, (Fault("breaker_tripped", "B4"), 100.0, 5000.0)) if seen.at < START + 170),
    )
    suspected = [one.type for one in engine.active()]
    entries = [(entry.kind, entry.state, entry.customers, entry.incident) for entry in engine.desk.pool(START + 170)]
    assert suspected
    assert "confirmed" not in {one.state for one in engine.active()}
    assert entries == [("planned", "announced", 0, None), ("arrears", "announced", 0, None)]


def test_a_plan_is_shown_for_a_day_after_its_end() -> None:
    engine = Engine(AREA, planned=[PLAN])
    assert [entry.id for entry in engine.desk.pool(LATE + 80_000)] == ["P7"]
    assert engine.desk.pool(LATE + 90_000) == ()


def test_orderly_consumption_is_no_fault_and_says_what_it_is() -> None:
    (incident,) = found(run(Engine(AREA, planned=[ORDERLY]), readings(AREA, SHORT)))
    assert (incident.type, incident.cause, incident.severity) == ("planned_outage", "orderly", "info")


def test_an_order_that_comes_after_the_relay_was_found_open_explains_it_and_its_withdrawal_does_not() -> None:
    engine = Engine(AREA)
    run(engine, (seen for seen in readings(AREA, RELAY) if seen.at < START + 900))
    assert [one.type for one in engine.active()] == ["relay_open"]
    (said,) = engine.desk.order(ORDER)
    assert (said.type, said.severity) == ("arrears_disconnect", "info")
    (said,) = engine.desk.unorder("B2-2") or ()
    assert said.type == "relay_open"
    assert engine.desk.unorder("B2-2") is None, "there is none any more"
    assert engine.desk.order(DisconnectOrder("B4-2", START)) == ()


def test_a_plan_that_came_to_nothing_may_be_announced_again_for_another_day() -> None:
    engine = Engine(village())
    engine.desk.plan(PlannedOutage("W-1", "F1", START, START + 3600))
    engine.tick(START + 8 * 3600)
    assert [entry.state for entry in engine.desk.pool(START + 8 * 3600)] == ["not executed"]
    engine.desk.plan(PlannedOutage("W-1", "F1", START + 9 * 3600, START + 10 * 3600))
    assert [(entry.state, entry.start) for entry in engine.desk.pool(START + 8 * 3600)] == [
        ("announced", START + 9 * 3600)
    ]
    outcome = engine.tick(START + 20 * 3600)
    assert [one.type for one in outcome.incidents if one.reason == "first"] == ["planned_not_executed"]


def test_a_plan_that_is_announced_twice_alike_stays_what_became_of_it() -> None:
    engine, plan = Engine(village()), PlannedOutage("W-1", "F1", START, START + 3600)
    for _ in range(2):
        engine.desk.plan(plan)
        engine.tick(START + 8 * 3600)
    assert [entry.state for entry in engine.desk.pool(START + 8 * 3600)] == ["not executed"]


OUTSIDE: dict[str, tuple[float, float, str]] = {
    "well before the plan": (START + 3600, START + 7200, "P7 is announced here, but this began 54 min before its time"),
    "after the plan": (START - 9000, START - 3300, "P7 is announced here, but this began 61 min after its time"),
    "a day away": (START + 90_000, START + 93_600, ""),
}


@pytest.mark.parametrize(("start", "end", "says"), OUTSIDE.values(), ids=OUTSIDE.keys())
def test_an_outage_that_began_outside_the_time_of_its_plan_is_a_fault_and_says_so(
    start: float, end: float, says: str
) -> None:
    engine = Engine(AREA, planned=[PlannedOutage("P7", "L2", start, end)])
    (incident,) = [one for one in found(run(engine, readings(AREA, SHORT))) if one.type != "planned_not_executed"]
    assert incident.type == "branch_outage"
    assert [sentence for sentence in incident.evidence if "P7" in sentence] == ([says] if says else [])


def test_an_outage_that_began_too_early_and_lasts_into_its_plan_is_what_came_of_it() -> None:
    engine = Engine(AREA, planned=[PlannedOutage("P7", "L2", START + 1800, START + 2400)])
    said = run(engine, readings(AREA, (Fault("line_broken", "L2"), 310.0, 3000.0), minutes=90))
    assert {one.type for one in said} == {"branch_outage"}, "and not: not executed"


def test_an_outage_inside_a_plan_for_more_is_that_plan_and_one_beside_it_is_not() -> None:
    plan = PlannedOutage("P7", "F1", START + 300, START + 1500)
    inside, beside = Fault("breaker_tripped", "B2"), Fault("breaker_tripped", "B4")
    said = found(run(Engine(AREA, planned=[plan]), readings(AREA, (inside, 310.0, 900.0), (beside, 310.0, 900.0))))
    assert sorted((one.node, one.type) for one in said) == [("B2", "planned_outage"), ("B4", "box_outage")]


@pytest.mark.parametrize("announced", ["F2", "L3"])
def test_where_no_reading_can_tell_an_announced_outage_is_where_it_was_announced(announced: str) -> None:
    alike = replace(AREA, devices=tuple(one for one in AREA.devices if one.node != "F2"))
    plan = PlannedOutage("P7", announced, START + 300, START + 1500)
    said = found(run(Engine(alike, planned=[plan]), readings(alike, (Fault("line_broken", "L3"), 310.0, 900.0))))
    assert [(one.type, one.node, set(one.equivalents)) for one in said] == [
        ("planned_outage", announced, {"F2", "L3"} - {announced})
    ]


LONG_ENOUGH: dict[str, tuple[float, float, str]] = {
    "two minutes": (180, 120, "momentary"),
    "four minutes": (180, 240, "sustained"),
    "four minutes where five are the limit": (300, 240, "momentary"),
    "seven minutes where five are the limit": (300, 420, "sustained"),
}


@pytest.mark.parametrize(("limit", "lasts", "kind"), LONG_ENOUGH.values(), ids=LONG_ENOUGH.keys())
def test_what_is_sustained_is_configuration(limit: float, lasts: float, kind: str) -> None:
    engine = Engine(AREA, {"outage": {"sustained_s": limit}})
    (incident,) = found(run(engine, readings(AREA, (Fault("breaker_tripped", "B2"), 310.0, 310.0 + lasts))))
    assert incident.evidence[-1].endswith(kind)
    supply = engine.interruptions.supply(START, START + 3600, START + 3600)
    counted = {"momentary": supply.maifi.best, "sustained": supply.saifi.best}
    assert counted[kind] == pytest.approx(0.2)
    assert sum(counted.values()) == pytest.approx(0.2)


DAY_S = 86_400.0


def test_what_is_over_for_weeks_is_forgotten_with_the_next_announcement() -> None:
    engine = Engine(AREA)
    for day in range(100):
        start = START + day * DAY_S
        forgotten = engine.desk.plan(PlannedOutage(f"W-{day}", "F1", start, start + 3600))
        assert forgotten == ([f"W-{day - 42}"] if day >= 42 else [])
        engine.tick(start + 8 * 3600)
    plans = engine.changes()["plans"]
    assert isinstance(plans, dict)
    assert len(plans["executed"]) == len(plans["idle"]) == 42


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ([SHORT, (SHORT[0], 1810.0, 3000.0)], ["planned_outage", "branch_outage"]),
        ([SHORT, (SHORT[0], 1210.0, 1450.0)], ["planned_outage", "planned_outage"]),
        ([(SHORT[0], 1810.0, 3000.0)], ["planned_outage"]),
    ],
    ids=["once more after its end", "twice within its time", "late"],
)
@pytest.mark.parametrize("restart", [False, True], ids=["running on", "after a restart"])
def test_a_plan_may_begin_late_but_not_when_it_was_carried_out(faults: Faults, told: list[str], restart: bool) -> None:
    engine = Engine(AREA, planned=[PLAN])
    said: list[Incident] = []
    for seen in readings(AREA, *faults, minutes=60):
        if restart and seen.at > START + 1700:
            saved = {key: value for key, value in engine.changes().items() if value is not None}
            engine, restart = Engine(AREA, planned=[PLAN], saved=json.loads(json.dumps(saved))), False
        said += engine.take(seen).incidents
    assert [incident.type for incident in found(said)] == told


def test_what_came_of_plans_that_stand_in_no_file_any_more_is_forgotten() -> None:
    engine = Engine(AREA, planned=[PLAN])
    engine.tick(LATE + 60)
    saved = {"plans": engine.changes()["plans"]}
    assert saved["plans"] == {"executed": ["P7"], "begun": {}, "idle": ["P7"], "carried_out": []}
    again = Engine(AREA, saved=saved)
    again.desk.plan(PLAN)
    assert again.changes()["plans"] == {"executed": [], "begun": {}, "idle": [], "carried_out": []}, (
        "of another of that name"
    )


@pytest.mark.parametrize(
    ("later_s", "told"),
    [(3600.0, ["planned_not_executed"] * 2), (30 * DAY_S, [])],
    ids=["an hour ago", "a month ago"],
)
def test_of_a_plan_that_was_over_before_the_rules_began_nothing_is_said_when_it_is_long_ago(
    later_s: float, told: list[str]
) -> None:
    said = Engine(AREA, planned=[PLAN]).tick(PLAN.end + later_s).incidents
    assert [incident.type for incident in said] == told


def test_an_order_that_is_given_again_and_again_is_kept_a_few_times_beside_the_one_that_was_carried_out() -> None:
    pool = Pool(Tree(AREA), complete({}), [], [ORDER])
    for number in range(50):
        assert pool.order_for("B2-2", ORDER.at + 50) == ORDER
        pool.give(DisconnectOrder("B2-2", START + 10_000 + number))
        pool.give(ORDER)
    newest = [DisconnectOrder("B2-2", START + 10_000 + number) for number in range(50 - MOST_ORDERS, 50)]
    assert pool.orders == [ORDER, *newest]
    assert pool.order_for("B2-2", START + 10_100) == newest[-1]
    pool.give(DisconnectOrder("B2-2", START + 20_000))
    assert pool.orders == [*newest[1:], DisconnectOrder("B2-2", START + 20_000)], "the first order is history"


@pytest.mark.parametrize(("node", "kind"), [("B1", "planned_outage"), ("F1", "comm_meter")], ids=["its box", "more"])
def test_a_meter_that_falls_silent_alone_is_the_plan_for_all_that_hangs_there(node: str, kind: str) -> None:
    only = replace(AREA, devices=tuple(one for one in AREA.devices if one.node != "B1" or one.id == "B1-1"))
    engine = Engine(only, planned=[PlannedOutage("P9", node, START + 300, START + 1500)])
    said = run(engine, readings(only, (Fault("breaker_tripped", "B1"), 317.0, 1500.0)))
    assert [one.type for one in found(said) if one.type != "planned_not_executed"] == [kind]
