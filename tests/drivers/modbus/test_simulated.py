"""The simulated device is a slave as the standard has it."""

from dataclasses import replace

import pytest

from drivers.api import Profile, Value
from drivers.errors import RequestError
from drivers.modbus.driver import ModbusRtu
from drivers.profile import product_profiles, prove, read_profile
from drivers.sim.modbus import SimulatedModbus
from tests.drivers.modbus.profiles import METER, answer, profile, rtu

SWITCH = profile(
    '[points.relay_open]\nwhere = "coil 3"\nformat = "bit"\n'
    '[points.x]\nwhere = "holding 0"\nformat = "uint16"\n[points.y]\nwhere = "holding 1"\nformat = "uint16"\n'
)

TALKS: dict[str, tuple[str, str]] = {
    "a register beyond its map": ("07 04 00 06 00 02", "07 84 02"),
    "more than one answer holds": ("07 04 00 00 00 7E", "07 84 03"),
    "nothing at all": ("07 04 00 00 00 00", "07 84 03"),
    "a table that it has not": ("07 01 00 00 00 01", "07 81 02"),
    "a function that it has not": ("07 07", "07 87 01"),
    "another unit": ("08 04 00 00 00 02", ""),
    "everybody": ("00 04 00 00 00 02", ""),
}


@pytest.mark.parametrize(("asked", "said"), TALKS.values(), ids=TALKS.keys())
def test_it_answers_or_is_silent(asked: str, said: str) -> None:
    assert SimulatedModbus(METER, "7").answer(rtu(asked)) == (rtu(said) if said else b"")


def test_a_cut_request_is_answered_when_the_rest_comes() -> None:
    device = SimulatedModbus(METER, "7", {"voltage": 230.5})
    request = rtu("07 04 00 00 00 01")
    said = [device.answer(bytes([byte])) for byte in b"\xff\x07" + request]
    assert said == [b""] * 9 + [answer(7, 4, 2305)]


def test_a_broken_request_is_not_answered_and_spoils_nothing() -> None:
    device = SimulatedModbus(METER, "7", {"voltage": 230.5})
    request = rtu("07 04 00 00 00 01")
    assert device.answer(request[:-1] + b"\x00") == b""
    assert device.answer(request) == answer(7, 4, 2305)


def test_without_power_it_is_silent_and_answers_nothing_old_later() -> None:
    device = SimulatedModbus(METER, "7", {"voltage": 230.5})
    device.powered = False
    assert device.answer(rtu("07 04 00 00 00 01")) == b""
    device.powered = True
    assert device.answer(b"") == b""
    assert device.answer(rtu("07 04 00 00 00 01")) == answer(7, 4, 2305)


WRITES: dict[str, tuple[str, str]] = {
    "one coil": ("07 05 00 03 FF 00", "07 05 00 03 FF 00"),
    "one register": ("07 06 00 01 12 34", "07 06 00 01 12 34"),
    "registers": ("07 10 00 00 00 02 04 00 0A 01 02", "07 10 00 00 00 02"),
    "coils": ("07 0F 00 03 00 01 01 01", "07 0F 00 03 00 01"),
    "write and read at once": ("07 17 00 00 00 01 00 00 00 01 02 12 34", "07 17 02 12 34"),
    "a coil that is neither on nor off": ("07 05 00 03 12 34", "07 85 03"),
    "a register that it has not": ("07 06 00 09 12 34", "07 86 02"),
}


@pytest.mark.parametrize(("asked", "said"), WRITES.values(), ids=WRITES.keys())
def test_it_can_be_written(asked: str, said: str) -> None:
    assert SimulatedModbus(SWITCH, "7").answer(rtu(asked)) == rtu(said)


def test_it_says_who_it_is() -> None:
    device = SimulatedModbus(SWITCH, "7", identity={0: "Acm", 1: "M1"})
    assert device.answer(rtu("07 2B 0E 01 00")) == rtu("07 2B 0E 01 81 00 00 02 00 03 41 63 6D 01 02 4D 31")
    assert device.answer(rtu("07 2B 0E 04 01")) == rtu("07 2B 0E 04 81 00 00 01 01 02 4D 31")
    assert device.answer(rtu("07 2B 0E 04 07")) == rtu("07 AB 02")


@pytest.mark.parametrize("value", [1e9, -1.0, None, "on"], ids=str)
def test_a_value_that_its_registers_cannot_say_is_refused(value: Value) -> None:
    with pytest.raises(RequestError, match="voltage"):
        SimulatedModbus(METER, "7", {"voltage": value})


MODBUS = [form for form in (read_profile(*row) for row in product_profiles().items()) if form.protocol == "modbus"]


@pytest.mark.parametrize("form", MODBUS, ids=lambda form: form.name)
def test_a_product_profile_can_be_simulated_and_read_back(form: Profile) -> None:
    for vector in form.vectors:
        device = SimulatedModbus(form, vector.address, vector.expect)
        talk = ModbusRtu().converse(form, vector.address, tuple(vector.expect))
        said = device.answer(talk.next_request() or b"")
        assert prove(ModbusRtu(), form, replace(vector, reply=said)) == ""


def test_a_value_too_large_for_its_scale_factor_raises_the_factor_and_keeps_the_others() -> None:
    form = read_profile("sunspec-203", product_profiles()["sunspec-203"])
    device = SimulatedModbus(form, "1", {"active_power_a": 0.12, "active_power": 187.6})
    points = ("active_power", "active_power_a")
    talk = ModbusRtu().converse(form, "1", points)
    readings = talk.feed(device.answer(talk.next_request() or b"")) or ()
    assert {reading.point: reading.value for reading in readings} == {"active_power": 187.6, "active_power_a": 0.12}
