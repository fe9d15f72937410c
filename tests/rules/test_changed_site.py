"""What the rules remember is taken up on changed files: what they tell of places that are gone ends with a word."""

import json
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import pytest

from gateway.simulate.fault import Fault
from rules.area import Area
from rules.engine import Engine
from rules.incident import Incident
from rules.memory import kind_of, revived
from rules.observation import Observation
from rules.strays import NOT_HELD, PATIENCE_S
from tests.rules.areas import START, readings, village
from tests.rules.test_restart import THRESHOLDS

AREA = village()
CUT = START + 2400


def without(*devices: str) -> Area:
    """The village after these devices were taken out of the list."""
    return replace(AREA, devices=tuple(device for device in AREA.devices if device.id not in devices))


def with_node(old: str, new: str) -> Area:
    """The village with another name for a node."""
    nodes = tuple(
        replace(node, id=new if node.id == old else node.id, parent=new if node.parent == old else node.parent)
        for node in AREA.nodes
    )
    devices = tuple(replace(device, node=new if device.node == old else device.node) for device in AREA.devices)
    return replace(AREA, nodes=nodes, devices=devices)


def with_line(old: str, new: str) -> Area:
    """The village with another name for a line."""
    buses = tuple(replace(bus, id=new if bus.id == old else bus.id) for bus in AREA.buses)
    devices = tuple(replace(device, bus=new if device.bus == old else device.bus) for device in AREA.devices)
    return replace(AREA, buses=buses, devices=devices)


def stream(*faults: Fault) -> list[Observation]:
    """Seventy minutes with faults from the sixth minute on."""
    return list(readings(AREA, *((fault, 310.0, 1e9) for fault in faults), minutes=70))


def remembered(seen: list[Observation], area: Area = AREA) -> tuple[list[Incident], dict[str, Any]]:
    """What lasts after forty minutes, and what is saved by then."""
    engine, items = Engine(area, THRESHOLDS), dict[str, object]()
    for one in (one for one in seen if one.at < CUT):
        engine.take(one)
        items |= engine.changes()
    return list(engine.active()), {name: json.loads(json.dumps(kept)) for name, kept in items.items()}


DEAD_METER, DARK_BOX, DARK_PHASE = (
    Fault("meter_dead", "B5-3"),
    Fault("breaker_tripped", "B2"),
    Fault("fuse_blown", "F1", "B"),
)
CHANGES: dict[str, tuple[list[Fault], Area, list[str], list[str]]] = {
    "nothing": ([DARK_BOX], AREA, [], ["box_outage at B2"]),
    "a dead meter is taken out": ([DEAD_METER], without("B5-3"), ["comm_meter at B5-3"], []),
    "a dead meter beside a dark box is taken out": (
        [DEAD_METER, DARK_BOX], without("B5-3"), ["comm_meter at B5-3"], ["box_outage at B2"],
    ),
    "a meter of a dark box is taken out": ([DARK_BOX], without("B2-2"), [], ["box_outage at B2"]),
    "a dark box is taken out": (
        [DARK_BOX], without(*(f"B2-{number}" for number in range(6))), ["box_outage at B2"], [],
    ),
    "a dark box has another name": ([DARK_BOX], with_node("B2", "B9"), ["box_outage at B2"], ["box_outage at B9"]),
    "a feeder without a phase has another name": (
        [DARK_PHASE], with_node("F1", "F9"), ["feeder_phase_loss at F1"],
        ["feeder_phase_loss at F9", "current_unbalance at F9"],
    ),
    "a line whose collector is dead has another name": (
        [Fault("collector_dead", "RS2")], with_line("RS2", "RS9"), ["comm_bus at RS2"], ["comm_bus at RS9"],
    ),
    "a noisy line has another name": (
        [Fault("line_noisy", "RS2", share=0.35)], with_line("RS2", "RS9"), ["comm_noise at RS2"], ["comm_noise at RS9"],
    ),
    "a node without its neutral has another name": (
        [Fault("neutral_broken", "L3")], with_node("L3", "L9"), ["neutral_break at L3"], ["neutral_break at L9"],
    ),
    "the medium voltage without a phase has another name": (
        [Fault("mv_phase_loss", "MV", "A")], with_node("MV", "MV9"), ["mv_phase_loss at MV"], ["mv_phase_loss at MV9"],
    ),
    "a meter with an open relay is taken out": (
        [Fault("relay_open", "B1-3")], without("B1-3"), ["relay_open at B1-3"], [],
    ),
    "a loaded transformer has another name": (
        [Fault("overload", "T1", kw=260.0)], with_node("T1", "T9"), ["overload at T1"], ["overload at T9"],
    ),
    "a feeder with low voltage has another name": (
        [Fault("overload", "B3", kw=320.0)], with_node("F1", "F9"), ["low_voltage at L2"],
        ["overload at T1", "low_voltage at L2"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("faults", "area", "strays", "lasting"), CHANGES.values(), ids=CHANGES.keys())
def test_what_is_told_follows_the_files(faults: list[Fault], area: Area, strays: list[str], lasting: list[str]) -> None:
    seen = stream(*faults)
    told, saved = remembered(seen)
    assert told
    engine, forgotten = revived(partial(Engine, area, THRESHOLDS, (), ()), saved)
    assert forgotten == []
    known = {device.id for device in area.devices}
    rest = [one for one in seen if one.at >= CUT and one.device in known]
    said = [incident for one in rest for incident in engine.take(one).incidents]
    assert [_brief(one) for one in said if one.evidence[-1] == NOT_HELD] == strays
    assert [_brief(one) for one in engine.active()] == lasting


def test_an_unknown_device_that_is_put_on_the_list_is_known() -> None:
    seen = stream()
    told, saved = remembered(seen, without("B5-3"))
    assert list(map(_brief, told)) == ["unknown_device at B5-3"]
    engine = Engine(AREA, THRESHOLDS, saved=saved)
    last, *others = [incident for one in seen if one.at >= CUT for incident in engine.take(one).incidents]
    assert (_brief(last), last.state, last.evidence[-1]) == ("unknown_device at B5-3", "cleared", NOT_HELD)
    assert "unknown_device" not in {one.type for one in others}


def test_a_phase_that_was_set_right_is_suspected_no_more() -> None:
    wrong = replace(AREA, devices=tuple(replace(one, phases="C") if one.id == "B2-1" else one for one in AREA.devices))
    seen = list(readings(AREA, (DARK_PHASE, 310.0, 1500.0), minutes=70))
    told, saved = remembered(seen, wrong)
    assert list(map(_brief, told)) == ["topology_suspect at B2-1"]
    assert [_brief(one) for one in Engine(wrong, THRESHOLDS, saved=saved).tick(CUT).incidents] == []
    (last,) = Engine(AREA, THRESHOLDS, saved=saved).tick(CUT).incidents
    assert (last.id, last.evidence[-1]) == (told[0].id, NOT_HELD)


OLD_KEYS = ("weak/contact/B1-1", "sensor", "gone/and/gone")


@pytest.mark.parametrize("key", OLD_KEYS)
def test_what_an_earlier_version_told_under_a_key_of_its_own_ends_with_a_word(key: str) -> None:
    (lasting,), saved = remembered(stream(DARK_BOX))
    saved[f"incident/{key}"] = asdict(replace(lasting, id="old", type="loose_connection", node="B1-1"))
    engine = Engine(AREA, THRESHOLDS, saved=saved)
    (last,) = engine.tick(CUT).incidents
    assert (last.id, last.state, last.reason, last.ended_at) == ("old", "cleared", "cleared", CUT)
    assert last.evidence[-1] == NOT_HELD
    assert engine.changes()[f"incident/{key}"] is None
    assert engine.active() == (lasting,)


@pytest.mark.parametrize(
    ("repaired_s", "forgotten", "ends"),
    [(2405.0, ("supply", "device"), ["cleared"]), (1e9, ("supply",), [])],
    ids=["that is over", "that lasts"],
)
def test_an_outage_whose_memory_did_not_fit_is_found_again_or_ends(
    repaired_s: float, forgotten: tuple[str, ...], ends: list[str]
) -> None:
    seen = list(readings(AREA, (DARK_BOX, 310.0, repaired_s), minutes=40 + PATIENCE_S / 60 + 10))
    _, saved = remembered(seen)
    fitting = {name: kept for name, kept in saved.items() if kind_of(name) not in forgotten}
    engine, said = Engine(AREA, THRESHOLDS, saved=fitting), list[Incident]()
    for one in seen:
        if one.at >= CUT:
            said += engine.take(one).incidents
    given_up = [one for one in said if one.evidence[-1] == NOT_HELD]
    assert [one.state for one in given_up] == ends
    assert all(one.at > CUT + PATIENCE_S - 60 for one in given_up)
    assert [_brief(one) for one in engine.active()] == ([] if ends else ["box_outage at B2"])


def test_what_was_remembered_of_a_device_that_is_gone_is_forgotten() -> None:
    _, saved = remembered(stream(DEAD_METER))
    assert "device/B5-3" in saved
    engine = Engine(without("B5-3"), THRESHOLDS, saved=saved)
    engine.tick(CUT)
    assert engine.changes()["device/B5-3"] is None
    assert "device/B5-3" not in engine.changes()


def _brief(incident: Incident) -> str:
    return f"{incident.type} at {incident.node}"
