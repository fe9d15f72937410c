"""Commands: guarded, said once, and looked after."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from drivers.dlt645.frame import EVERYONE, frames
from drivers.dlt645.services.clock import read_clock, read_clock_either
from drivers.dlt645.services.dialogue import Script
from drivers.dlt645.services.read import read_item
from drivers.dlt645.services.write import (
    Authority,
    Command,
    RelayState,
    broadcast_clock,
    clear_demand,
    freeze,
    relay,
    set_clock,
    write_item,
)
from drivers.errors import RefusedError, RequestError
from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter
from tests.drivers.dlt645.services.line import Line

ADDRESS = "000000000042"
NOW = datetime.fromisoformat("2026-11-22T09:00")
GOOD, WRONG = Authority("123456"), Authority("654321")
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def meter() -> SimulatedMeter:
    profile = read_profile("dlt645-2007-1p", product_profiles()["dlt645-2007-1p"])
    meter = SimulatedMeter(profile, ADDRESS, {"relay_open": 0}, passwords={"02": "123456", "04": "123456"})
    meter.set("clock", NOW.isoformat())
    return meter


def test_a_relay_is_tripped_and_the_status_word_confirms_it(meter: SimulatedMeter) -> None:
    state = Line(meter).carry(relay(ADDRESS, Command.TRIP, LATER, GOOD))
    assert state == RelayState(accepted=True, relay_open=True, told_open=True, kept_powered=False)
    state = Line(meter).carry(relay(ADDRESS, Command.CLOSE_PERMIT, LATER, GOOD))
    assert state == RelayState(True, True, False, False), "permitted: the customer has to press the button"
    state = Line(meter).carry(relay(ADDRESS, Command.CLOSE, LATER, GOOD))
    assert state == RelayState(True, False, False, False)


NOT_DONE = {
    "a wrong password": (WRONG, LATER),
    "another level": (Authority("123456", level="04"), LATER),
    "a time that is over": (GOOD, NOW - timedelta(minutes=1)),
}


@pytest.mark.parametrize(("authority", "until"), NOT_DONE.values(), ids=NOT_DONE.keys())
def test_the_meter_refuses_and_the_state_is_told(meter: SimulatedMeter, authority: Authority, until: datetime) -> None:
    assert Line(meter).carry(relay(ADDRESS, Command.TRIP, until, authority)) == RelayState(False, False, False, False)


def test_keep_power_forbids_a_trip(meter: SimulatedMeter) -> None:
    line = Line(meter)
    assert line.carry(relay(ADDRESS, Command.KEEP_POWER_ON, LATER, GOOD)) == RelayState(True, False, False, True)
    assert line.carry(relay(ADDRESS, Command.TRIP, LATER, GOOD)) == RelayState(False, False, False, True)


def test_a_command_that_got_no_answer_is_not_repeated_but_looked_after(meter: SimulatedMeter) -> None:
    line = Line(meter)
    line.deaf = 1
    assert line.carry(relay(ADDRESS, Command.TRIP, LATER, GOOD)) == RelayState(None, False, False, False)
    functions = [frame.function for request in line.requests for _, frame in frames(request)]
    assert functions == [0x1C, 0x11], "said once, then the status word"


def test_a_dead_meter_leaves_everything_open() -> None:
    assert Line().carry(relay(ADDRESS, Command.TRIP, LATER, GOOD)) == RelayState(None, None, None, None)


def test_a_parameter_is_written_and_read_back(meter: SimulatedMeter) -> None:
    line = Line(meter)
    assert line.carry(write_item(ADDRESS, "04000E03", [253.0], GOOD)) is True
    held = line.carry(read_item(ADDRESS, "04000E03"))
    assert held
    assert str(held[0].value) == "253.0"


WRONG_WRITES: dict[str, Callable[[], Script[bool]]] = {
    "what cannot be written": lambda: write_item(ADDRESS, "02010100", [230], GOOD),
    "an identifier nobody knows": lambda: write_item(ADDRESS, "0499FFFF", [1], GOOD),
    "a value that does not fit": lambda: write_item(ADDRESS, "04000E03", [1000], GOOD),
    "a password that is none": lambda: write_item(ADDRESS, "04000E03", [253], Authority("12345")),
    "an operator that is none": lambda: write_item(ADDRESS, "04000E03", [253], Authority("123456", operator="me")),
    "a freeze time that is none": lambda: freeze(ADDRESS, "99"),
}


@pytest.mark.parametrize("script", WRONG_WRITES.values(), ids=WRONG_WRITES.keys())
def test_what_cannot_be_asked_is_not_asked(meter: SimulatedMeter, script: Callable[[], Script[bool]]) -> None:
    line = Line(meter)
    with pytest.raises(RequestError):
        line.carry(script())
    assert line.requests == []


def test_a_write_with_a_wrong_password_is_refused(meter: SimulatedMeter) -> None:
    with pytest.raises(RefusedError, match="password"):
        Line(meter).carry(write_item(ADDRESS, "04000E03", [253.0], WRONG))


def test_a_clock_is_set(meter: SimulatedMeter) -> None:
    meter.memory.drift = timedelta(hours=-3)
    line = Line(meter)
    line.carry(set_clock(ADDRESS, NOW, Authority("123456", level="04")))
    assert line.carry(read_clock(ADDRESS)) == "2026-11-22T09:00:00"


def test_a_clock_of_the_old_edition_is_set_and_read() -> None:
    profile = read_profile("dlt645-1997-3p", product_profiles()["dlt645-1997-3p"])
    old = SimulatedMeter(profile, ADDRESS, passwords={"02": "123456"})
    old.advance(NOW - timedelta(hours=2))
    line = Line(old)
    assert line.carry(set_clock(ADDRESS, NOW, GOOD, "1997")) is True
    assert line.carry(read_clock_either(ADDRESS)) == NOW.isoformat()
    with pytest.raises(RefusedError, match="wrong password"):
        line.carry(set_clock(ADDRESS, NOW, WRONG, "1997"))


def test_a_broadcast_sets_all_clocks_of_a_line_once_a_day(meter: SimulatedMeter) -> None:
    line = Line(meter)
    for drift, expected in ((timedelta(minutes=4), "09:00:00"), (timedelta(minutes=3), "09:03:00")):
        meter.memory.drift = drift
        line.carry(broadcast_clock(NOW, timedelta(minutes=4)))
        assert line.carry(read_clock(ADDRESS)) == f"2026-11-22T{expected}"


def test_a_broadcast_is_not_repeated_and_waits_for_nobody(meter: SimulatedMeter) -> None:
    line = Line(meter)
    line.carry(broadcast_clock(NOW, timedelta(minutes=1)))
    assert [frame.address for request in line.requests for _, frame in frames(request)] == [EVERYONE]


TOO_LATE = {
    "a clock too far off": lambda: broadcast_clock(NOW, timedelta(minutes=6)),
    "shortly after midnight": lambda: broadcast_clock(NOW.replace(hour=0, minute=4), timedelta()),
    "shortly before midnight": lambda: set_clock(ADDRESS, NOW.replace(hour=23, minute=56), GOOD),
}


@pytest.mark.parametrize("script", TOO_LATE.values(), ids=TOO_LATE.keys())
def test_no_clock_is_set_outside_the_standards_limits(script: Callable[[], Script[None]]) -> None:
    with pytest.raises(RequestError):
        Line().carry(script())


def test_a_demand_is_reset(meter: SimulatedMeter) -> None:
    assert Line(meter).carry(clear_demand(ADDRESS, GOOD)) is True
    with pytest.raises(RefusedError):
        Line(meter).carry(clear_demand(ADDRESS, WRONG))
