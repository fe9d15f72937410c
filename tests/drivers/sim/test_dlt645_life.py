"""The simulated meter lives: it counts, freezes, records and obeys by its own clock, and has habits of its own."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from drivers.api import Value
from drivers.dlt645.explain import explain
from drivers.dlt645.frame import Frame, encode
from drivers.dlt645.load import read_blocks
from drivers.dlt645.services.read import event_kinds, read_events, read_item
from drivers.dlt645.services.write import Authority, clear_demand, set_clock
from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter
from drivers.sim.dlt645_habits import Habits
from tests.drivers.dlt645.services.line import Line

ADDRESS = "000000000042"
PROFILES = {name: read_profile(name, product_profiles()[name]) for name in product_profiles() if "dlt645" in name}
START = datetime.fromisoformat("2026-11-22T09:00")
GOOD, HIGH, WRONG = Authority("123456"), Authority("123456", level="04"), Authority("654321")
HELD: dict[str, Value] = {
    **{f"voltage_{phase}": 230 for phase in "abc"},
    **{f"current_{phase}": 5 for phase in "abc"},
    "active_power": 3,
    "reactive_power": 1,
    "energy_import": 100,
    "energy_import_t2": 40,
    "energy_import_t3": 30,
}


def meter(habits: Habits = Habits(counts=True), name: str = "dlt645-2007-3p") -> SimulatedMeter:  # noqa: B008
    known = {point: value for point, value in HELD.items() if point in PROFILES[name].points}
    made = SimulatedMeter(PROFILES[name], ADDRESS, known, {"02": "123456", "04": "123456"}, habits)
    made.advance(START)
    return made


def wait(meter: SimulatedMeter, **time: float) -> None:
    assert meter.memory.now
    meter.advance(meter.memory.now + timedelta(**time))


def values(meter: SimulatedMeter, identifier: str) -> dict[str, Value]:
    item = Line(meter).carry(read_item(meter.address, identifier))
    assert item is not None
    return {one.name: one.value for one in item}


def told(meter: SimulatedMeter, function: int, data: str, address: str = ADDRESS) -> str:
    """What it says to a command."""
    answers = explain(meter.answer(encode(Frame(address, function, bytes.fromhex(data)))))
    return answers[0].summary if answers else ""


def command(authority: Authority, more: str = "") -> str:
    return authority.wire().hex() + more


def test_energies_grow_by_power_and_clock_in_total_and_by_tariff() -> None:
    counting = meter()
    wait(counting, hours=4)  # two hours of peak, two of flat
    assert values(counting, "00010000") == {"energy_import": Decimal("112.00")}
    assert values(counting, "00010200") == {"energy_import_t2": Decimal("46.00")}
    assert values(counting, "00010300") == {"energy_import_t3": Decimal("36.00")}
    counting.powered = False
    wait(counting, hours=1)
    counting.powered = True
    assert values(counting, "00010000") == {"energy_import": Decimal("112.00")}


def test_small_powers_are_not_lost_between_two_looks() -> None:
    counting = meter()
    counting.set("active_power", 0.018)
    for _ in range(3600):
        wait(counting, seconds=1)
    assert values(counting, "00010000") == {"energy_import": Decimal("100.02")}


def test_power_that_flows_back_counts_as_export() -> None:
    counting = meter()
    counting.set("energy_export", 0)
    counting.set("active_power", -2)
    wait(counting, hours=1)
    assert values(counting, "00020000") == {"energy_export": Decimal("2.00")}


def test_the_highest_demand_is_kept_with_its_time_until_it_is_reset() -> None:
    counting = meter()
    wait(counting, minutes=15)
    counting.set("active_power", 6)
    wait(counting, minutes=15)
    counting.set("active_power", 1)
    wait(counting, minutes=30)
    assert (
        values(counting, "01010000")
        == {"max_demand": None}
        | {
            "max_demand": Decimal("6.0000"),
            "at": "2026-11-22T09:30",
        }
        or values(counting, "01010000")["at"] == "2026-11-22T09:30"
    )
    assert Line(counting).carry(clear_demand(ADDRESS, GOOD)) is True
    assert values(counting, "01010000")["at"] is None
    [record] = Line(counting).carry(read_events(ADDRESS, event_kinds()["demand_clear"])) or []
    assert record.values[0].value == "2026-11-22T10:00:00"


def test_freezes_come_by_calendar() -> None:
    counting = meter()
    wait(counting, hours=16)
    assert list(values(counting, "05060001").values()) == ["2026-11-23T00:00"]
    assert list(values(counting, "05040001").values()) == ["2026-11-23T01:00"]
    assert list(values(counting, "05040002").values()) == ["2026-11-23T00:00"]
    assert next(iter(values(counting, "05060101").values())) == Decimal("145.00")


def test_a_daily_freeze_comes_when_its_parameter_says() -> None:
    counting = meter()
    assert "answers" in told(counting, 0x14, "03120004" + command(HIGH, "3018"))
    wait(counting, hours=24)
    assert list(values(counting, "05060001").values()) == ["2026-11-22T18:30"]


def test_the_load_profile_keeps_the_interval_that_was_set() -> None:
    counting = meter()
    for number in range(2, 8):
        told(counting, 0x14, f"{number:02x}0a0004" + command(HIGH, "3000"))
    wait(counting, hours=2)
    answer = counting.answer(encode(Frame(ADDRESS, 0x11, bytes.fromhex("00000106") + b"\x10")))
    data = explain(answer)[0].fields["records"]
    assert isinstance(data, list)
    assert [row["at"][-5:] for row in data] == ["09:30", "10:00", "10:30", "11:00"]
    assert read_blocks(b"") == []


VOLTAGES = {
    "a phase without voltage whose current flows": (150, 5, "voltage_loss_a"),
    "a phase without voltage and current": (20, 0, "phase_break_a"),
    "a voltage below its limit": (190, 5, "undervoltage_a"),
    "a voltage above its limit": (250, 5, "overvoltage_a"),
}


@pytest.mark.parametrize(("voltage", "current", "kind"), VOLTAGES.values(), ids=VOLTAGES.keys())
def test_events_of_the_voltage_are_recorded(voltage: int, current: int, kind: str) -> None:
    living = meter()
    wait(living, minutes=2)
    living.set("voltage_a", voltage)
    living.set("current_a", current)
    wait(living, minutes=3)
    living.set("voltage_a", 230)
    wait(living, minutes=2)
    kinds = event_kinds()
    [record] = Line(living).carry(read_events(ADDRESS, kinds[kind])) or []
    told_of = {one.name: one.value for one in record.values}
    assert (told_of["start"], told_of["end"]) == ("2026-11-22T09:03:00", "2026-11-22T09:06:00")
    assert told_of["voltage_a"] == Decimal(voltage)
    assert told_of["voltage_b"] == Decimal(230)
    counts = values(living, kinds[kind][:4] + "0000")
    assert (counts["count_a"], counts["minutes_a"], counts["count_b"]) == (1, 3, 0)
    others = [name for name, (_, _, name) in VOLTAGES.items() if name != kind]
    assert [other for other in others if Line(living).carry(read_events(ADDRESS, kinds[other]))] == []


def test_the_quality_of_the_voltage_is_kept_by_month() -> None:
    living = meter()
    living.set("voltage_b", 240)
    wait(living, minutes=30)
    living.set("voltage_b", 230)
    wait(living, minutes=30)
    told_of = values(living, "03100200")
    assert told_of["monitored"] == Decimal(60)
    assert told_of["qualified"] == Decimal("50.00")
    assert told_of["over_limit"] == Decimal(30)
    assert (told_of["voltage_max"], told_of["voltage_max_at"]) == (Decimal("240.0"), "11-22T09:01")
    assert values(living, "03100000")["monitored"] == Decimal(180)
    wait(living, days=9)
    assert values(living, "03100201")["over_limit"] == Decimal(30)


def test_a_meter_takes_a_new_address_and_answers_from_it() -> None:
    living = meter()
    assert told(living, 0x15, "43 00 00 00 00 00", "A" * 12) == "meter 000000000043 answers write address"
    assert told(living, 0x11, "00010102") == ""
    assert told(living, 0x11, "00010102", "000000000043") != ""


COMMANDS = {
    "a baud rate": (0x17, "20", "answers change baud: 9600"),
    "a baud rate that is none": (0x17, "21", "refuses change baud: baud rate cannot be changed"),
    "a new password": (0x18, "050c0004 04563412 04111111", "answers change password"),
    "a new password with a wrong one": (0x18, "050c0004 04000000 04111111", "refuses change password"),
    "clearing all": (0x1A, command(GOOD), "answers clear meter"),
    "clearing all with a wrong password": (0x1A, command(WRONG), "refuses clear meter: wrong password"),
    "clearing all events": (0x1B, command(GOOD, "ffffffff"), "answers clear events"),
    "clearing one kind of event": (0x1B, command(GOOD, "ff001103"), "answers clear events"),
    "clearing what is no kind": (0x1B, command(GOOD, "01001103"), "refuses clear events: no such data"),
}


@pytest.mark.parametrize(("function", "data", "says"), COMMANDS.values(), ids=COMMANDS.keys())
def test_it_obeys(function: int, data: str, says: str) -> None:
    assert says in told(meter(), function, data)


def test_a_changed_password_is_the_one_that_counts() -> None:
    living = meter()
    told(living, 0x18, "050c0004 04563412 04111111")
    assert "wrong password" in told(living, 0x14, "030e0004" + command(HIGH, "3025"))
    assert "answers" in told(living, 0x14, "030e0004" + command(Authority("111111", level="04"), "3025"))


def test_clearing_leaves_nothing_but_who_did_it() -> None:
    living = meter()
    living.powered = False
    wait(living, minutes=5)
    living.powered = True
    told(living, 0x1A, command(GOOD))
    assert values(living, "03110000") == {"count": Decimal(0)}
    assert values(living, "00010000") == {"energy_import": Decimal("0.00")}
    assert values(living, "03300100") == {"count": Decimal(1)}


def test_clearing_one_kind_of_event_leaves_the_others() -> None:
    living = meter()
    living.powered = False
    wait(living, minutes=5)
    living.powered = True
    told(living, 0x1B, command(GOOD, "ff000103"))
    assert values(living, "03110000") == {"count": Decimal(1)}
    told(living, 0x1B, command(GOOD, "ff001103"))
    assert values(living, "03110000") == {"count": Decimal(0)}


def test_who_set_the_clock_is_recorded() -> None:
    living = meter()
    living.memory.drift = timedelta(hours=-1)
    Line(living).carry(set_clock(ADDRESS, START, Authority("123456", "04", "00000007")))
    records = Line(living).carry(read_events(ADDRESS, event_kinds()["time_set"])) or []
    assert [one.value for one in records[0].values] == ["00000007", "2026-11-22T08:00:00", "2026-11-22T09:00:00"]


def test_too_many_wrong_passwords_lock_it_until_tomorrow() -> None:
    living = meter(Habits(lock_after=3))
    for _ in range(3):
        told(living, 0x1A, command(WRONG))
    assert "wrong password" in told(living, 0x1A, command(GOOD))
    wait(living, days=1)
    assert "answers" in told(living, 0x1A, command(GOOD))


def test_absent_phases_are_ff_or_zeros() -> None:
    for habits, expected in ((Habits(), [None] * 3), (Habits(absent="00"), [Decimal("0.0")] * 3)):
        poor = SimulatedMeter(PROFILES["dlt645-2007-3p"], ADDRESS, habits=habits)
        assert list(values(poor, "0201FF00").values()) == expected


def test_a_meter_may_need_a_preamble() -> None:
    sleepy, request = meter(Habits(needs_preamble=True)), encode(Frame(ADDRESS, 0x11, bytes.fromhex("00010102")))
    assert sleepy.answer(request) == b""
    assert sleepy.answer(b"\xfe" + request) != b""
    assert sleepy.answer(request) == b""


def test_a_meter_of_both_profiles_answers_one_edition() -> None:
    new, old = (Frame(ADDRESS, *asked) for asked in ((0x11, bytes.fromhex("00000100")), (0x01, bytes.fromhex("1090"))))
    for edition, answered, ignored in (("2007", new, old), ("1997", old, new)):
        both = meter(Habits(edition=edition), "dlt645-auto-3p")
        assert both.answer(encode(answered)) != b""
        assert both.answer(encode(ignored)) == b""


def test_the_old_edition_sets_its_clock_with_a_password() -> None:
    old = meter(name="dlt645-1997-3p")
    assert "refuses write: wrong password" in told(old, 0x04, "11c0 02654321 303008")
    assert "answers write" in told(old, 0x04, "11c0 02563412 303008")
    assert values(old, "C011") == {"time": "08:30:30"}
    assert "wrong identifier" in told(old, 0x04, "30c0 02563412 000001")


def test_parameters_that_mean_nothing_change_nothing() -> None:
    living = meter()
    for identifier, nothing in (("020a0004", "ffff"), ("030e0004", "ffff"), ("040e0004", "ffff"), ("03120004", "ffff")):
        assert "answers" in told(living, 0x14, identifier + command(HIGH, nothing))
    wait(living, hours=16)
    assert list(values(living, "05060001").values()) == ["2026-11-23T00:00"]
    assert len(living.memory.blocks) == 64
