"""A meter that hangs in another box than the topology says falls silent with that box, and is no fault of its own."""

from dataclasses import replace

import pytest

from gateway.simulate.fault import Fault
from rules.area import Report
from rules.engine import Engine
from rules.incident import Incident
from tests.rules.areas import START, found, readings, village

AREA = village()
SAID = replace(AREA, devices=tuple(replace(one, node="B5") if one.id == "B2-3" else one for one in AREA.devices))
BOX, ALONE = Fault("breaker_tripped", "B2"), Fault("meter_dead", "B2-3")

COURSES = {
    "it comes back with the box": (
        [(BOX, 615.0, 1815.0)],
        [("box_outage", "B2", "cleared"), ("topology_suspect", "B2-3", "confirmed")],
    ),
    "it stays silent: it failed by itself": (
        [(BOX, 615.0, 1215.0), (ALONE, 615.0, 3000.0)],
        [("box_outage", "B2", "cleared"), ("topology_suspect", "B2-3", "cleared"), ("comm_meter", "B2-3", "cleared")],
    ),
    "it falls silent before the box": (
        [(ALONE, 435.0, 2415.0), (BOX, 615.0, 1815.0)],
        [("comm_meter", "B2-3", "cleared"), ("box_outage", "B2", "cleared")],
    ),
}


@pytest.mark.parametrize(("faults", "expected"), COURSES.values(), ids=COURSES.keys())
def test_who_falls_silent_with_others_of_its_line_hangs_where_they_do(
    faults: list[tuple[Fault, float, float]], expected: list[tuple[str, str, str]]
) -> None:
    assert [(one.type, one.node, one.state) for one in found(_run(Engine(SAID), faults))] == expected


def test_its_customer_is_told_of_the_outage() -> None:
    engine = Engine(SAID)
    said = _run(engine, [(BOX, 615.0, 3000.0)], until=1500.0)
    assert "B2-3" in next(one for one in found(said) if one.type == "box_outage").devices
    verdict = engine.judge(Report("R1", START + 1500, "B2-3", "no_power"))
    assert (verdict.verdict, verdict.node) == ("network_fault", "B2")


def _run(engine: Engine, faults: list[tuple[Fault, float, float]], until: float = 3900.0) -> list[Incident]:
    seen = (one for one in readings(AREA, *faults, minutes=65) if one.at < START + until)
    return [incident for one in seen for incident in engine.take(one).incidents]
