"""Event records, freezes, load profile, parameters: read from a meter that has lived through something."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from drivers.api import Profile
from drivers.dlt645.services.clock import drift, read_clock
from drivers.dlt645.services.read import read_events, read_item, read_load_profile
from drivers.dlt645.services.write import freeze
from drivers.errors import RefusedError, RequestError
from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter
from tests.drivers.dlt645.services.line import Line

ADDRESS = "000000000042"
START = datetime.fromisoformat("2026-11-22T09:00")


def profile(name: str = "dlt645-2007-3p") -> Profile:
    return read_profile(name, product_profiles()[name])


@pytest.fixture
def meter() -> SimulatedMeter:
    meter = SimulatedMeter(
        profile(), ADDRESS, {"voltage_a": 231.2, "current_a": 5, "energy_import": 100, "active_power": 1.5}
    )
    meter.set("clock", START.isoformat())
    return meter


def wait(meter: SimulatedMeter, minutes: float) -> None:
    assert meter.memory.now
    meter.set("clock", (meter.memory.now + timedelta(minutes=minutes)).isoformat())


def test_the_last_power_downs_come_with_their_times_newest_first(meter: SimulatedMeter) -> None:
    for _ in range(3):
        wait(meter, 10)
        meter.powered = False
        wait(meter, 2)
        meter.powered = True
    events = Line(meter).carry(read_events(ADDRESS, "03110001"))
    assert events
    assert [[one.value for one in event.values] for event in events] == [
        ["2026-11-22T09:34:00", "2026-11-22T09:36:00"],
        ["2026-11-22T09:22:00", "2026-11-22T09:24:00"],
        ["2026-11-22T09:10:00", "2026-11-22T09:12:00"],
    ]
    count = Line(meter).carry(read_item(ADDRESS, "03110000"))
    assert count
    assert count[0].value == Decimal(3)


def test_a_meter_keeps_the_last_ten(meter: SimulatedMeter) -> None:
    for _ in range(14):
        meter.powered = False
        wait(meter, 1)
        meter.powered = True
        wait(meter, 1)
    events = Line(meter).carry(read_events(ADDRESS, "03110001"))
    assert events
    assert len(events) == 10


def test_a_meter_without_events_has_an_empty_list(meter: SimulatedMeter) -> None:
    assert Line(meter).carry(read_events(ADDRESS, "03110001")) == []


def test_a_daily_freeze_is_read_by_its_number(meter: SimulatedMeter) -> None:
    wait(meter, 15 * 60)
    meter.set("energy_import", 150)
    wait(meter, 24 * 60)
    times = [Line(meter).carry(read_item(ADDRESS, f"0506000{number}")) for number in (1, 2)]
    assert [one[0].value for one in times if one] == ["2026-11-24T00:00", "2026-11-23T00:00"]
    energies = [Line(meter).carry(read_item(ADDRESS, f"0506010{number}")) for number in (1, 2)]
    assert [one[0].value for one in energies if one] == [Decimal("150.00"), Decimal("100.00")]


def test_a_freeze_on_command_is_there_at_once(meter: SimulatedMeter) -> None:
    line = Line(meter)
    assert line.carry(freeze(ADDRESS)) is True
    frozen = line.carry(read_item(ADDRESS, "05010101"))
    assert frozen
    assert frozen[0].value == Decimal("100.00")


def test_a_timed_freeze_happens_when_it_was_told_to(meter: SimulatedMeter) -> None:
    line = Line(meter)
    assert line.carry(freeze(ADDRESS, "99999930")) is True
    wait(meter, 31)
    frozen = line.carry(read_item(ADDRESS, "05000001"))
    assert frozen
    assert frozen[0].value == "2026-11-22T09:30"


def test_the_load_profile_is_read_for_a_span_of_time(meter: SimulatedMeter) -> None:
    wait(meter, 6 * 60)
    line = Line(meter)
    blocks = line.carry(
        read_load_profile(
            ADDRESS, 1, datetime.fromisoformat("2026-11-22T10:00"), datetime.fromisoformat("2026-11-22T14:00")
        )
    )
    assert blocks
    assert [block.at for block in blocks][:2] == ["2026-11-22T10:00", "2026-11-22T10:15"]
    assert [block.at for block in blocks][-1] == "2026-11-22T14:00"
    assert len(blocks) == 17
    values = {one.name: one.value for one in blocks[0].values}
    assert (values["voltage_a"], values["current_a"], values["voltage_b"]) == (Decimal("231.2"), Decimal("5.000"), None)
    assert len(line.requests) > 2, "more than one question, each in several frames"


def test_a_span_without_records_is_empty(meter: SimulatedMeter) -> None:
    assert Line(meter).carry(read_load_profile(ADDRESS, 1, START - timedelta(days=2), START - timedelta(days=1))) == []


def test_a_lost_frame_of_a_long_answer_is_asked_for_again(meter: SimulatedMeter) -> None:
    wait(meter, 6 * 60)
    line = Line(meter)
    whole = line.carry(read_load_profile(ADDRESS, 0, START, START + timedelta(hours=6)))
    lossy = Line(meter)
    lossy.deaf = 1
    assert lossy.carry(read_load_profile(ADDRESS, 0, START, START + timedelta(hours=6))) == whole


def test_silence_is_none() -> None:
    assert Line().carry(read_item(ADDRESS, "00010000")) is None
    assert Line().carry(read_clock(ADDRESS)) is None


def test_a_refusal_is_raised_with_what_was_refused(meter: SimulatedMeter) -> None:
    with pytest.raises(RefusedError, match="04000306"):
        Line(meter).carry(read_item(ADDRESS, "04000306"))


@pytest.mark.parametrize("identifier", ["", "0001", "FFFFFFFF", "word"])
def test_an_identifier_nobody_knows_is_a_request_error(identifier: str) -> None:
    with pytest.raises(RequestError):
        Line().carry(read_item(ADDRESS, identifier))


@pytest.mark.parametrize("identifier", ["03110000", "03110002", "00010000000"])
def test_events_begin_with_the_newest(identifier: str) -> None:
    with pytest.raises(RequestError, match="newest"):
        Line().carry(read_events(ADDRESS, identifier))


def test_the_clock_is_read_whole_or_in_parts(meter: SimulatedMeter) -> None:
    assert Line(meter).carry(read_clock(ADDRESS)) == "2026-11-22T09:00:00"


def test_the_drift_has_the_round_trip_taken_out() -> None:
    asked = datetime.fromisoformat("2026-11-22T09:00:10")
    assert drift("2026-11-22T09:00:10", asked, asked + timedelta(seconds=1)) == timedelta()
    assert drift("2026-11-22T09:05:10", asked, asked + timedelta(seconds=1)) == timedelta(minutes=5)
    assert drift("2026-11-22T08:59:55", asked, asked + timedelta(seconds=3)) == timedelta(seconds=-16)
