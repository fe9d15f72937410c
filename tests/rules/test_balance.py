"""What the transformer gives is held against what the meters take, and the meter that explains a loss is named."""

import random
from collections.abc import Callable, Iterator, Mapping

import pytest

from rules.area import Area, Device, Node
from rules.engine import Engine
from rules.incident import Incident
from rules.observation import Observation
from tests.rules.areas import START, found

NODES = (Node("T1", "transformer", rated_kva=100.0), Node("F1", "feeder", "T1"), Node("B1", "box", "F1"))
NAMES = tuple(f"M{number}" for number in range(8))
DEVICES = (
    Device("TTU", "ttu", "T1", bus="TTU", backup_s=1800),
    *(Device(name, "meter", "B1", "ABC"[number % 3], "RS1") for number, name in enumerate(NAMES)),
)
DAY_S = 86_400.0
Seen = Callable[[float, str, float, float], tuple[float, float] | None]
"""What a meter shows: day, meter, its true register and power -> register and power; None: it does not answer."""


def true(_: float, __: str, kwh: float, kw: float) -> tuple[float, float]:
    return kwh, kw


def readings(
    days: float, every_s: float, seen: Seen, past_kw: float = 0.0, foreign: str = "", scale: float = 1.0
) -> Iterator[Observation]:
    """Eight houses whose load changes every half hour; 2 % is lost on the way. `past_kw` flows past all meters;
    `foreign` is fed from elsewhere."""
    rng = random.Random(7)
    registers, given, loads = dict.fromkeys(NAMES, 1000.0), 5000.0, dict.fromkeys(NAMES, 0.5)
    for number in range(int(days * DAY_S / every_s)):
        at = START + number * every_s
        if number * every_s % 1800 < every_s:
            busy = 1.6 if number * every_s % DAY_S > 0.7 * DAY_S else 0.6
            loads = {name: busy * scale * rng.choice([0.2, 0.6, 2.0]) for name in NAMES}
        drawn = sum(kw for name, kw in loads.items() if name != foreign) * 1.02 + past_kw
        given += drawn * every_s / 3600
        yield Observation("TTU", at, {"energy_import": round(given, 2), "active_power": round(drawn, 3)}, bus="TTU")
        for place, name in enumerate(NAMES, 1):
            registers[name] += loads[name] * every_s / 3600
            shown = seen((at - START) / DAY_S, name, registers[name], loads[name])
            later = at + place * 0.5
            if shown is None:
                yield Observation(name, later, fault="timeout", bus="RS1")
            else:
                yield Observation(name, later, values(*shown), bus="RS1")


def values(kwh: float, kw: float) -> Mapping[str, float]:
    return {"voltage": 225.0, "current": kw / 0.225, "active_power": round(kw, 3), "energy_import": round(kwh, 2)}


def told(stream: Iterator[Observation]) -> list[Incident]:
    """What was said of energy for sure."""
    engine, said = Engine(Area("box", NODES, DEVICES, poll_period_s=900.0)), list[Incident]()
    for seen in stream:
        said += engine.take(seen).incidents
    return [one for one in found(said) if one.type in ("line_loss", "consumption_misfit", "register_backwards")]


def only(name: str, change: Callable[[float, float, float], tuple[float, float] | None]) -> Seen:
    """One meter that shows something else; the others show the truth."""
    return lambda day, meter, kwh, kw: change(day, kwh, kw) if meter == name else (kwh, kw)


LOSSES: dict[str, tuple[float, bool]] = {
    "that no meter counts": (0.6, True),
    "as cables always do": (0.0, False),
}


@pytest.mark.parametrize(("past_kw", "expected"), LOSSES.values(), ids=LOSSES.keys())
@pytest.mark.parametrize("every_s", [60.0, 900.0], ids=["every minute", "every 15 min"])
def test_energy_is_lost(every_s: float, past_kw: float, expected: bool) -> None:
    said = told(readings(1.2, every_s, true, past_kw))
    assert [(one.type, one.node) for one in said] == [("line_loss", "T1")] * expected


@pytest.mark.parametrize("past_kw", [0.0, 0.05], ids=["every meter counts", "one is bypassed"])
def test_where_little_flows_lost_energy_is_told_by_the_day(past_kw: float) -> None:
    said = told(readings(1.3, 900.0, true, past_kw, scale=0.1))
    assert ["in the last day" in one.evidence[0] for one in said] == [True] * bool(past_kw)


STOPPED = 1088.62  # what its register has after five days
MISCOUNTS: dict[str, tuple[Seen, str, str]] = {
    "counts half of what it draws": (only("M3", lambda _, kwh, kw: (kwh / 2, kw / 2)), "", "counts 50%"),
    "counts twice what it draws": (only("M3", lambda _, kwh, kw: (kwh * 2, kw * 2)), "", "more than it draws"),
    "is fed from another area": (true, "M3", "fed from another area"),
    "stops after five days": (only("M3", lambda day, kwh, kw: (kwh, kw) if day < 5 else (STOPPED, 0.0)), "", "still"),
}


@pytest.mark.parametrize(("seen", "foreign", "cause"), MISCOUNTS.values(), ids=MISCOUNTS.keys())
def test_the_meter_is_named_that(seen: Seen, foreign: str, cause: str) -> None:
    said = told(readings(8.5, 900.0, seen, foreign=foreign))
    (named,) = [one for one in said if one.type == "consumption_misfit"]
    assert named.node == "M3"
    assert cause in named.cause


def test_energy_that_was_not_given_is_told_as_that() -> None:
    said = told(readings(1.2, 900.0, true, foreign="M3"))
    assert said
    assert all("fed from another area" in one.cause and one.figures["share"] < 0 for one in said)


WELL: dict[str, Seen] = {
    "a meter that is replaced": only("M3", lambda day, kwh, kw: (kwh if day < 2.02 else kwh - 1040.0, kw)),
    "a meter that is dead for three days": only("M3", lambda day, kwh, kw: None if 2 < day < 5 else (kwh, kw)),
    "a meter that is replaced by one that counts on elsewhere": only(
        "M3", lambda day, kwh, kw: (kwh if day < 2.02 else kwh + 5000.0, kw)
    ),
}


@pytest.mark.parametrize("seen", WELL.values(), ids=WELL.keys())
def test_no_energy_is_missed_for(seen: Seen) -> None:
    assert [one for one in told(readings(6.5, 900.0, seen)) if one.type == "line_loss"] == []


def test_a_night_without_the_gateway_hides_no_loss_and_makes_none() -> None:
    def but_for_a_night(past_kw: float) -> Iterator[Observation]:
        return (one for one in readings(3.2, 900.0, true, past_kw) if not 1.0 < (one.at - START) / DAY_S < 1.4)

    assert told(but_for_a_night(0.0)) == []
    assert [one.type for one in told(but_for_a_night(0.6))] == ["line_loss"]
