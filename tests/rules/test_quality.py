"""Values beyond plain limits are said once, as what they are, and are over when they are well inside again."""

from collections.abc import Mapping, Sequence

import pytest

from rules.area import Area, Device, Node
from rules.engine import Engine
from rules.incident import Incident
from rules.observation import Observation
from tests.rules.areas import START, found

NODES = (Node("T1", "transformer", rated_kva=100.0), Node("F1", "feeder", "T1"), Node("B1", "box", "F1"))
DEVICES = (
    Device("TTU", "ttu", "T1", bus="TTU", backup_s=1800),
    Device("LTU", "ltu", "F1", bus="LTU"),
    Device("M0", "meter", "B1", "ABC", "RS1"),
    Device("M1", "meter", "B1", "A", "RS1"),
    Device("M2", "meter", "B1", "B", "RS1"),
)
AREA = Area("quality", NODES, DEVICES)

Row = Mapping[str, Mapping[str, float]]


def told(rounds: Sequence[Row], thresholds: Mapping[str, Mapping[str, float]] | None = None) -> list[Incident]:
    """What is said for sure when these values are read, a round a minute; saved and loaded half way."""
    engine = Engine(AREA, thresholds)
    said: list[Incident] = []
    for number, row in enumerate(rounds):
        if number == len(rounds) // 2:
            engine = Engine(AREA, thresholds, saved=engine.changes())
        for place, (device, values) in enumerate(row.items()):
            said += engine.take(Observation(device, START + 60 * number + place * 0.5, values)).incidents
        said += engine.tick(START + 60 * number + 30).incidents
    return found(said)


def phases(point: str, *values: float) -> dict[str, float]:
    return {f"{point}_{phase}": value for phase, value in zip("abc", values, strict=True)}


def terminal(volts: float = 230.0, oil: float = 50.0, **more: float) -> dict[str, float]:
    """A terminal at a transformer that is half loaded."""
    return {
        **phases("voltage", volts, volts, volts),
        **phases("current", 72.0, 72.0, 72.0),
        "active_power": 45.0,
        "oil_temperature": oil,
        **more,
    }


LASTING: dict[str, tuple[str, dict[str, float], list[tuple[str, str, str]]]] = {
    "even voltages at the transformer": ("TTU", terminal(voltage_c=227.0), []),
    "uneven voltages at the transformer": (
        "TTU",
        terminal(voltage_c=214.0),
        [("voltage_unbalance", "T1", "info")],
    ),
    "what is uneven at a transformer is common at a customer": ("M0", phases("voltage", 230.0, 230.0, 214.0), []),
    "very uneven voltages at a customer": (
        "M0",
        phases("voltage", 232.0, 232.0, 200.0),
        [("voltage_unbalance", "M0", "info")],
    ),
    "a lost phase is no unbalance": ("TTU", terminal(voltage_c=131.0, voltage_b=130.0), []),
    "the nominal frequency": ("TTU", terminal(frequency=50.05), []),
    "a frequency that is off": ("TTU", terminal(frequency=49.6), [("frequency_deviation", "T1", "minor")]),
    "a terminal on its battery has no frequency": ("TTU", terminal(0.0, frequency=0.0), []),
    "a good power factor": ("TTU", terminal(power_factor=0.95), []),
    "a bad one": ("TTU", terminal(power_factor=-0.7), [("low_power_factor", "T1", "info")]),
    "a bad one without load": ("TTU", terminal(power_factor=0.3, active_power=1.0), []),
    "a clean voltage": ("M1", {"voltage": 225.0, "voltage_thd": 3.0}, []),
    "a distorted one": ("M1", {"voltage": 225.0, "voltage_thd": 7.0}, [("voltage_distortion", "M1", "info")]),
    "a distorted phase": ("M0", phases("voltage_thd", 3.0, 3.0, 7.0), [("voltage_distortion", "M0", "info")]),
    "a meter that reports a reversed sequence": (
        "M0",
        {"status_word_7": 5.0},
        [("reverse_sequence", "M0", "info")],
    ),
    "a meter that reports something else": ("M0", {"status_word_7": 4.0}, []),
}


@pytest.mark.parametrize(("device", "values", "expected"), LASTING.values(), ids=LASTING.keys())
def test_what_lasts_is_said(device: str, values: dict[str, float], expected: list[tuple[str, str, str]]) -> None:
    outages = {"area_outage", "transformer_outage", "mv_phase_loss"}  # other rules may well speak of lost phases
    said = [incident for incident in told([{device: values}] * 30) if incident.type not in outages]
    assert [(incident.type, incident.node, incident.severity) for incident in said] == expected


@pytest.mark.parametrize(("hours", "count"), [(1, 0), (3, 1)], ids=["for an hour", "for three hours"])
def test_a_feeder_whose_currents_are_uneven(hours: int, count: int) -> None:
    values = phases("voltage", 230.0, 230.0, 230.0) | phases("current", 100.0, 90.0, 20.0)
    said = told([{"LTU": values}] * (60 * hours + 2))
    assert [(incident.type, incident.node) for incident in said] == [("current_unbalance", "F1")] * count


def test_it_is_over_when_it_is_well_inside() -> None:
    hertz = [50.0] * 3 + [49.5] * 6 + [49.81] * 6
    said = told([{"TTU": terminal(frequency=value)} for value in hertz])
    assert [incident.state for incident in said] == ["confirmed"]
    said = told([{"TTU": terminal(frequency=value)} for value in [*hertz, *[50.0] * 4]])
    assert [incident.state for incident in said] == ["cleared"]


def volts(*values: float) -> dict[str, list[float]]:
    return {device: list(values) for device in ("M1", "M2")}


DIPS: dict[str, tuple[dict[str, list[float]], list[tuple[str, str, int]]]] = {
    "one meter": ({"M1": [225.0, 225.0, 150.0, 225.0]}, [("dip", "M1", 1)]),
    "one meter, deeper": ({"M1": [225.0, 225.0, 80.0, 225.0]}, [("dip", "M1", 1)]),
    "two meters of a moment are one dip": (volts(225.0, 225.0, 170.0, 225.0), [("dip", "B1", 2)]),
    "two low readings are something else": ({"M1": [225.0, 180.0, 180.0, 225.0]}, []),
    "a little low is no dip": ({"M1": [225.0, 225.0, 190.0, 225.0]}, []),
    "low and then less low is no dip": ({"M1": [225.0, 180.0, 190.0, 225.0]}, []),
}


@pytest.mark.parametrize(("series", "expected"), DIPS.values(), ids=DIPS.keys())
def test_dips(series: dict[str, list[float]], expected: list[tuple[str, str, int]]) -> None:
    rows = [
        {device: {"voltage": values[min(n, len(values) - 1)]} for device, values in series.items()} for n in range(9)
    ]
    said = told(rows)
    assert [(incident.type, incident.node, len(incident.devices)) for incident in said] == expected
    assert all(incident.severity == "info" and incident.state == "cleared" for incident in said)


def test_oil_that_is_warmer_than_load_and_air_explain() -> None:
    rows = [{"TTU": terminal(oil=50.0 + min(24.0, 0.2 * minute), ambient_temperature=25.0)} for minute in range(240)]
    (incident,) = told(rows)
    assert (incident.type, incident.node, incident.severity) == ("oil_temperature_unexplained", "T1", "minor")


@pytest.mark.parametrize(
    ("oil", "severity"), [(84.0, ""), (90.0, "major"), (96.0, "critical")], ids=["warm", "hot", "beyond what it bears"]
)
def test_hot_oil_of_the_transformer(oil: float, severity: str) -> None:
    said = told([{"TTU": terminal(oil=oil)}] * 20)
    assert "".join(one.severity for one in said if one.type == "oil_temperature_high") == severity


def test_oil_that_load_explains() -> None:
    """Rated load warms the oil of the model by 55 K, with three hours of lag."""
    rise, rows = 16.0, []
    for _ in range(400):
        rise += (55.0 - rise) / 180
        rows.append({"TTU": terminal(oil=25.0 + rise, ambient_temperature=25.0) | phases("current", 144, 144, 144)})
    assert "oil_temperature_unexplained" not in [incident.type for incident in told(rows)]


LOW = {"voltage_ltu": {"low_share": 0.98, "severe_low_share": 0.97}}


@pytest.mark.parametrize(
    ("thresholds", "expected"),
    [({}, []), (LOW, [("low_voltage", "F1")])],
    ids=["limits for all", "tighter limits for feeder units"],
)
def test_limits_by_class(thresholds: Mapping[str, Mapping[str, float]], expected: list[tuple[str, str]]) -> None:
    even = phases("voltage", 211.0, 211.0, 211.0)
    said = told([{"LTU": even, "M0": even, "TTU": terminal(211.0)}] * 10, thresholds)
    assert [(incident.type, incident.node) for incident in said] == expected


CLASSES: dict[str, tuple[dict[str, dict[str, float]], str, dict[str, float], list[tuple[str, str]]]] = {
    "a limit of meters does not hold for the terminal": (
        {"quality_meter": {"voltage_thd_percent": 2.0}}, "TTU", terminal(voltage_thd_a=3.0), [],
    ),
    "it holds for meters": (
        {"quality_meter": {"voltage_thd_percent": 2.0}}, "M1", {"voltage": 230.0, "voltage_thd": 3.0},
        [("voltage_distortion", "M1")],
    ),
    "a terminal's clock may be held to a second": (
        {"weak_ttu": {"clock_s": 1.0}}, "TTU", terminal(clock_offset=2.0), [("clock_drift", "TTU")],
    ),
    "a meter's not with it": ({"weak_ttu": {"clock_s": 1.0}}, "M1", {"voltage": 230.0, "clock_offset": 2.0}, []),
    "meters may call a phase dead earlier": (
        {"outage_meter": {"dead_share": 0.3}}, "M0", phases("voltage", 230.0, 230.0, 50.0), [("phase_loss", "M0")],
    ),
    "that does not hold for other devices": (
        {"outage_ttu": {"dead_share": 0.3}}, "M0", phases("voltage", 230.0, 230.0, 50.0), [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("thresholds", "device", "values", "expected"), CLASSES.values(), ids=CLASSES.keys())
def test_a_class_of_devices_has_limits_of_its_own(
    thresholds: dict[str, dict[str, float]], device: str, values: dict[str, float], expected: list[tuple[str, str]]
) -> None:
    well = {**phases("voltage", 230.0, 230.0, 230.0), "voltage": 230.0}
    said = told([*[{"M2": well, device: well}] * 3, *[{"M2": well, device: values}] * 25], thresholds)
    assert [(one.type, one.node) for one in said] == expected


LOADS: dict[str, tuple[float, int, list[tuple[str, str]]]] = {
    "the rating for two hours is heavy": (0.99, 124, [("heavy_load", "minor")]),
    "110 % for an hour and a half is none yet": (1.10, 90, []),
    "110 % for two hours": (1.10, 124, [("overload", "major")]),
    "132 % for three quarters of an hour is allowed": (1.32, 45, []),
    "132 % for over an hour": (1.32, 64, [("overload", "critical")]),
    "160 % for a quarter of an hour": (1.61, 17, [("overload", "critical")]),
    "160 % for ten minutes is allowed": (1.61, 11, []),
    "200 % for five minutes": (2.01, 6, [("overload", "critical")]),
    "200 % for three minutes is allowed": (2.01, 4, []),
}


@pytest.mark.parametrize(("share", "minutes", "expected"), LOADS.values(), ids=LOADS.keys())
def test_a_load_is_allowed_for_as_long_as_the_transformer_bears_it(
    share: float, minutes: int, expected: list[tuple[str, str]]
) -> None:
    amps = share * 100_000 / 3 / 230
    rows = [{"TTU": terminal(**phases("current", amps, amps, amps), active_power=95 * share)}] * minutes
    said = [one for one in told([{"TTU": terminal()}] * 2 + rows) if one.type in ("overload", "heavy_load")]
    assert [(one.type, one.severity) for one in said] == expected
