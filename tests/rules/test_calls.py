"""A customer's call is judged by what is known of the meter, not by what the line made of it."""

import pytest

from gateway.simulate.fault import Fault
from rules.area import Report
from rules.engine import Engine
from rules.observation import Observation
from tests.rules.areas import START, readings, run, village

POLLS = {
    "its last poll was lost as well": ("timeout", "unknown"),
    "it answers": (None, "no_network_fault"),
}


@pytest.mark.parametrize(("fault", "verdict"), POLLS.values(), ids=POLLS.keys())
def test_a_call_from_a_line_that_loses_answers(fault: str | None, verdict: str) -> None:
    area = village()
    engine = Engine(area)
    run(engine, readings(area, (Fault("line_noisy", "RS1", share=0.4), 300.0, 3600.0), minutes=40))
    assert [incident.type for incident in engine.active()] == ["comm_noise"]
    values = {} if fault else {"voltage": 225.0, "current": 1.0, "active_power": 0.225}
    said = run(engine, [Observation("B2-1", START + 2401, values, "timeout" if fault else None, bus="RS1")])
    assert not said
    judged = engine.judge(Report("R", START + 2405, "B2-1", "no_power"))
    assert judged.verdict == verdict
