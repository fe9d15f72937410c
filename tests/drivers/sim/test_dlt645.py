"""The simulated meter answers as a good one does, and is silent where a good one is."""

import pytest

from drivers.api import Profile, Value
from drivers.dlt645.explain import explain
from drivers.dlt645.frame import Frame, encode, frames
from drivers.profile import product_profiles, prove, read_profile
from drivers.registry import driver
from drivers.sim.dlt645 import SimulatedMeter

ADDRESS = "000000000042"


def profile(name: str = "dlt645-2007-3p") -> Profile:
    return read_profile(name, product_profiles()[name])


@pytest.fixture
def meter() -> SimulatedMeter:
    return SimulatedMeter(profile(), ADDRESS, {"voltage_a": 231.2, "voltage_c": 230.5, "energy_import": 1234.56})


def read(identifier: str, address: str = ADDRESS) -> bytes:
    return encode(Frame(address, 0x11, bytes.fromhex(identifier)[::-1]))


ANSWERED = {
    "its own address": (read("02010100"), "answers read 02010100 (voltage, phase A) = 231.2 V"),
    "all wildcards": (read("02010100", "A" * 12), f"meter {ADDRESS} answers"),
    "a shortened address": (read("02010100", "AAAAAAAA0042"), f"meter {ADDRESS} answers"),
    "a preamble in front": (b"\xfe" * 4 + read("02010100"), "231.2 V"),
    "a block with an absent phase": (read("0201FF00"), "voltage_a 231.2 V, voltage_b no value, voltage_c 230.5 V"),
    "a block of tariffs": (read("0001FF00"), "energy_import 1234.56 kWh, energy_import_t1 no value"),
    "an identifier it does not know": (read("04000306"), "refuses read: no such data"),
    "a search for its address": (encode(Frame("A" * 12, 0x13)), f"answers read address: {ADDRESS}"),
    "a baud rate it does not have": (encode(Frame(ADDRESS, 0x17, b"\x18")), "refuses change baud"),
    "a function it does not have": (
        encode(Frame(ADDRESS, 0x03, bytes(4))),
        "refuses security: identity authentication failed",
    ),
}


@pytest.mark.parametrize(("heard", "says"), ANSWERED.values(), ids=ANSWERED.keys())
def test_it_answers(meter: SimulatedMeter, heard: bytes, says: str) -> None:
    [answer] = explain(meter.answer(heard))
    assert says in answer.summary
    assert answer.fields["address"] == ADDRESS


SILENT = {
    "to another address": read("02010100", "000000000043"),
    "to the broadcast address": read("02010100", "999999999999"),
    "to wildcards that are not its own": read("02010100", "AAAAAAAA0043"),
    "to a broken checksum": read("02010100")[:-2] + b"\x00\x16",
    "to another meter's answer": encode(Frame(ADDRESS, 0x91, bytes.fromhex("00010102 0523"))),
    "to half a frame": read("02010100")[:9],
    "to a vendor's own function": encode(Frame(ADDRESS, 0x1F)),
    "to a question of the old edition": encode(Frame(ADDRESS, 0x01, bytes.fromhex("1090"))),
    "to noise": b"\x68\x68\x16\xfe",
}


@pytest.mark.parametrize("heard", SILENT.values(), ids=SILENT.keys())
def test_it_is_silent(meter: SimulatedMeter, heard: bytes) -> None:
    assert meter.answer(heard) == b""


def test_it_puts_a_request_together_from_its_pieces(meter: SimulatedMeter) -> None:
    request = read("02010100")
    assert meter.answer(request[:7]) == b""
    assert meter.answer(request[7:]) != b""


def test_a_request_that_was_cut_does_not_hide_the_next(meter: SimulatedMeter) -> None:
    assert meter.answer(read("02010100")[:10]) == b""
    assert meter.answer(read("02010100")) != b""


def test_without_power_it_is_silent(meter: SimulatedMeter) -> None:
    meter.powered = False
    assert meter.answer(read("02010100")) == b""
    meter.powered = True
    assert meter.answer(read("02010100")) != b""


KNOBS: dict[str, tuple[str, Value, str, str]] = {
    "a number is rounded to the digits it has": ("voltage_b", 229.8499, "02010200", "229.8"),
    "a number too large stays at the last digit": ("current_a", 5000, "02020100", "799.999"),
    "an unsigned number does not go below zero": ("voltage_a", -3, "02010100", "0.0"),
    "a signed one does": ("active_power", -1.5, "02030000", "-1.5000"),
    "no value": ("voltage_a", None, "02010100", "no value"),
    "a bit": ("relay_open", 1, "04000503", "relay open"),
    "a clock": ("clock", "2026-11-22T09:15:30", "04000102", "09:15:30"),
}


@pytest.mark.parametrize(("point", "value", "identifier", "says"), KNOBS.values(), ids=KNOBS.keys())
def test_a_knob_is_seen_on_the_line(
    meter: SimulatedMeter, point: str, value: Value, identifier: str, says: str
) -> None:
    meter.set(point, value)
    assert says in explain(meter.answer(read(identifier)))[0].summary


def test_a_knob_that_does_not_exist_is_an_error(meter: SimulatedMeter) -> None:
    with pytest.raises(LookupError, match="loudness"):
        meter.set("loudness", 1)


def test_a_long_answer_comes_in_counted_parts() -> None:
    rows = "\n".join(
        f'[points.energy_import_t{tariff}]\nwhere = "0001{tariff:02X}00"\nformat = "XXXXXX.XX"'
        for tariff in range(1, 64)
    )
    meter = SimulatedMeter(read_profile("many", f'protocol = "dlt645"\ntitle = "t"\n{rows}'), ADDRESS)
    for tariff in range(1, 64):
        meter.set(f"energy_import_t{tariff}", tariff)
    [(_, first)] = frames(meter.answer(read("0001FF00")))
    assert (first.more, len(first.data)) == (True, 200)
    again = encode(Frame(ADDRESS, 0x12, bytes.fromhex("00FF0100 01")))
    [(_, last)] = frames(meter.answer(again))
    assert not last.more
    assert meter.answer(again) == encode(last), "asked again, it gives the same part"
    data = first.data[4:] + last.data[4:-1]
    assert len(data) == 4 * 64
    assert data[-4:].hex() == "00630000"


@pytest.mark.parametrize("name", ["dlt645-2007-1p", "dlt645-2007-3p"])
def test_it_answers_what_the_proving_frames_answer(name: str) -> None:
    """A meter that holds a vector's values gives a reply from which the driver reads just these."""
    known = profile(name)
    for vector in known.vectors:
        meter = SimulatedMeter(known, vector.address, vector.expect)
        talk = driver("dlt645").converse(known, vector.address, list(vector.expect))
        said = meter.answer(talk.next_request() or b"")
        renewed = type(vector)(vector.origin, vector.address, said, vector.expect, vector.request)
        assert prove(driver("dlt645"), known, renewed) == ""
