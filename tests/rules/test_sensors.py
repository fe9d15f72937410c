"""Sensors beside the supply: what they measure is told, and nothing they do passes for a loss of supply."""

from collections.abc import Mapping

import pytest

from rules.area import Area, Device, Node
from rules.engine import Engine
from rules.incident import Incident
from rules.observation import Fault, Observation
from tests.rules.areas import START, found

NODES = (Node("T1", "transformer", rated_kva=100.0), Node("F1", "feeder", "T1"), Node("B1", "box", "F1"))
DEVICES = (
    Device("TTU", "ttu", "T1", bus="TTU", backup_s=1800),
    *(Device(f"M{n}", "meter", "B1", "ABC"[n], "RS1") for n in range(3)),
    Device("S1", "sensor", "T1", "", "RS1"),
)
AREA = Area("sensors", NODES, DEVICES)

Values = Mapping[str, float | None]


def told(rounds: list[tuple[str, Values | None]], period: float = 60.0) -> list[Incident]:
    """What is said for sure; None is a poll without an answer. Saved and loaded half way."""
    engine = Engine(AREA)
    said: list[Incident] = []
    for number, (device, values) in enumerate(rounds):
        if number == len(rounds) // 2:
            engine = Engine(AREA, saved=engine.changes())
        at = START + period * number
        for place, meter in enumerate(("M0", "M1", "M2")):
            said += engine.take(Observation(meter, at + place, {"voltage": 230.0}, bus="RS1")).incidents
        fault: Fault | None = "timeout" if values is None else None
        said += engine.take(Observation(device, at + 5, values or {}, fault, bus="RS1")).incidents
        said += engine.tick(at + 30).incidents
    return found(said)


SAID: dict[str, tuple[str, Values, list[tuple[str, str, str]]]] = {
    "a winding that is warm": ("S1", {"winding_temperature_a": 120.0}, []),
    "a winding that is hot": (
        "S1",
        {"winding_temperature_a": 95.0, "winding_temperature_b": 135.0, "winding_temperature_c": None},
        [("winding_temperature_high", "T1", "major")],
    ),
    "a winding that is too hot": (
        "S1",
        {"winding_temperature_c": 155.0},
        [("winding_temperature_high", "T1", "critical")],
    ),
    "a winding that the terminal measures": (
        "TTU",
        {"winding_temperature_a": 135.0},
        [("winding_temperature_high", "T1", "major")],
    ),
    "hot oil": ("S1", {"oil_temperature": 90.0}, [("oil_temperature_high", "T1", "major")]),
    "a residual current": ("S1", {"residual_current": 450.0}, [("residual_current_high", "T1", "minor")]),
    "a small residual current": ("S1", {"residual_current": 250.0}, []),
    "an alarm contact": ("S1", {"alarm": 1.0}, [("device_alarm", "T1", "minor")]),
    "a trip contact": ("S1", {"trip": 1.0, "alarm": 0.0}, [("device_trip", "T1", "critical")]),
    "a broken sensor": ("S1", {"sensor_fault": 1.0}, [("sensor_fault", "T1", "minor")]),
    "a breaker that is open": ("S1", {"relay_open": 1.0}, [("relay_open", "S1", "minor")]),
    "a voltage that is gone, which only meters and terminals can tell": ("S1", {"voltage": 0.0, "voltage_a": 0.0}, []),
    "a power factor, which is no sensor's business": ("S1", {"power_factor": 0.2, "frequency": 48.0}, []),
}


@pytest.mark.parametrize(("device", "values", "said"), SAID.values(), ids=SAID.keys())
@pytest.mark.parametrize("period", [60.0, 300.0], ids=["read each minute", "read every five minutes"])
def test_what_a_sensor_reads_for_half_an_hour(
    device: str, values: Values, said: list[tuple[str, str, str]], period: float
) -> None:
    last = told([(device, values)] * round(1800 / period + 2), period)
    assert [(one.type, one.node, one.severity) for one in last] == said
    assert all(one.state == "confirmed" for one in last)


def test_a_peak_is_nothing_and_what_is_over_is_said_to_be() -> None:
    warm, hot = ("S1", {"winding_temperature_a": 90.0}), ("S1", {"winding_temperature_a": 140.0})
    assert told([warm, hot, hot, *[warm] * 20]) == []
    [last] = told([warm, *[hot] * 10, *[warm] * 20])
    assert (last.type, last.state, last.evidence) == (
        "winding_temperature_high",
        "cleared",
        ("S1 reads 140 degC, the limit is 130 degC",),
    )


def test_a_sensor_that_falls_silent_is_a_device_that_failed_and_no_outage() -> None:
    good: tuple[str, Values | None] = ("S1", {"winding_temperature_a": 90.0})
    [last] = told([*[good] * 20, *[("S1", None)] * 30])
    assert (last.type, last.node, last.state) == ("comm_meter", "S1", "confirmed")
