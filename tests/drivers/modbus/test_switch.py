"""A profile's switch is checked before anybody can use it."""

from collections.abc import Mapping

import pytest

from drivers.api import Point, Profile
from drivers.modbus.switch import Switch, switch_faults, switch_of
from drivers.profile import product_profiles, read_profile

GOOD: dict[str, object] = {"where": "holding 13", "open": 0, "close": 0xFF00, "shown_by": "breaker_open"}


def profile(switch: object) -> Profile:
    points = {"breaker_open": Point("breaker_open", "input 0", "uint16")}
    return Profile(
        "breaker", "modbus", "a breaker", "meter", points, options={} if switch is None else {"switch": switch}
    )


def test_a_breaker_of_the_product_has_a_switch() -> None:
    breaker = read_profile("lx47le125", product_profiles()["lx47le125"])
    assert switch_of(breaker) == Switch("holding 13", open=0, close=0xFF00, shown_by="relay_open")


@pytest.mark.parametrize(
    "switch", [None, GOOD, GOOD | {"where": "coil 3", "close": 1}], ids=["none", "register", "coil"]
)
def test_what_is_right_has_no_fault(switch: object) -> None:
    assert list(switch_faults(profile(switch))) == []


FAULTY: dict[str, tuple[Mapping[str, object], str]] = {
    "a key that is missing": (
        {key: GOOD[key] for key in ("where", "open", "close")},
        "must be a table with close, open",
    ),
    "a key that nobody knows": (GOOD | {"toggle": 1}, "must be a table with close, open"),
    "a register that cannot be written": (GOOD | {"where": "input 13"}, "one coil or one holding register"),
    "two registers": (GOOD | {"where": "holding 13+2"}, "one coil or one holding register"),
    "no place": (GOOD | {"where": "somewhere"}, "switch: where: "),
    "a value that does not fit": (GOOD | {"open": 0x10000}, "open: 65536 must be a whole number from 0 to 65535"),
    "a coil that is 0xFF00": (GOOD | {"where": "coil 1"}, "close: 65280 must be a whole number from 0 to 1"),
    "the same for both": (GOOD | {"open": 0xFF00}, "open and close are the same"),
    "a point that is not there": (GOOD | {"shown_by": "relay"}, "'relay' is no point of this profile"),
}


@pytest.mark.parametrize(("switch", "says"), FAULTY.values(), ids=FAULTY.keys())
def test_what_is_wrong_is_said(switch: Mapping[str, object], says: str) -> None:
    assert any(says in fault for fault in switch_faults(profile(switch)))
