"""SunSpec meters are found wherever their model stands, and nothing is read from anywhere else."""

import struct
from dataclasses import replace

import pytest

from drivers.errors import DeviceSilentError, RefusedError, RequestError
from drivers.modbus.driver import ModbusRtu
from drivers.profile import product_profiles, read_profile
from tests.drivers.modbus.profiles import answer, profile, rtu

METER = read_profile("sunspec-203", product_profiles()["sunspec-203"])
POINTS = ("voltage_a", "current_a")
SUNS = (0x5375, 0x6E53)


class Registers:
    """A slave of bare holding registers: what it lacks it refuses."""

    def __init__(self, words: dict[int, int]) -> None:
        self.words = words
        self.asked: list[tuple[int, int]] = []

    def answer(self, request: bytes) -> bytes:
        unit, function, start, count = struct.unpack(">BBHH", request[:6])
        self.asked.append((start, count))
        wanted = range(start, start + count)
        if any(register not in self.words for register in wanted):
            return rtu(f"{unit:02X} {function | 0x80:02X} 02")
        return answer(unit, function, *(self.words[register] for register in wanted))


def device(marker: int, *models: tuple[int, int]) -> Registers:
    """A chain of models with their lengths; a meter model holds 230.5 V and 5.25 A."""
    words = {marker: SUNS[0], marker + 1: SUNS[1]}
    at = marker + 2
    for number, length in models:
        words |= {at: number, at + 1: length} | dict.fromkeys(range(at + 2, at + 2 + length), 0)
        if number in (201, 202, 203, 204):
            words |= {at + 3: 525, at + 6: 0xFFFE, at + 8: 2305, at + 15: 0xFFFF}
        at += 2 + length
    return Registers(words | {at: 0xFFFF, at + 1: 0})


def poll(slave: Registers) -> dict[str, object]:
    talk = ModbusRtu().converse(METER, "1", POINTS)
    values: dict[str, object] = {}
    while (request := talk.next_request()) is not None:
        values |= {reading.point: reading.value for reading in talk.feed(slave.answer(request)) or ()}
    return values


CHAINS = {
    "where it usually stands": (device(40000, (1, 66), (203, 105)), 1),
    "behind a common model of 65": (device(40000, (1, 65), (203, 105)), 4),
    "behind other models": (device(40000, (1, 66), (103, 50), (120, 26), (203, 105)), 6),
    "in a chain at 50000": (device(50000, (1, 66), (203, 105)), 5),
    "in a chain at 0": (device(0, (1, 66), (203, 105)), 6),
    "as the single-phase model": (device(40000, (1, 66), (201, 105)), 1),
}


@pytest.mark.parametrize(("slave", "requests"), CHAINS.values(), ids=CHAINS.keys())
def test_the_meter_is_found(slave: Registers, requests: int) -> None:
    assert poll(slave) == {"voltage_a": 230.5, "current_a": 5.25}
    assert len(slave.asked) == requests


def test_a_place_that_was_searched_for_is_kept_and_a_device_that_was_changed_is_found_again() -> None:
    def learned(slave: Registers, known: frozenset[str]) -> tuple[frozenset[str], int]:
        talk, before = ModbusRtu().converse(METER, "1", POINTS, known), len(slave.asked)
        while (request := talk.next_request()) is not None:
            talk.feed(slave.answer(request))
        return talk.learned, len(slave.asked) - before

    far, usual = device(40000, (1, 65), (203, 105)), device(40000, (1, 66), (203, 105))
    assert learned(far, frozenset()) == (frozenset({"sunspec@40069"}), 4)
    assert learned(far, frozenset({"sunspec@40069"})) == (frozenset({"sunspec@40069"}), 1)
    assert learned(usual, frozenset({"sunspec@40069"})) == (frozenset({"sunspec@40070"}), 4)
    assert learned(usual, frozenset()) == (frozenset(), 1)


def test_what_a_shorter_model_lacks_is_found_out_and_no_longer_asked_for() -> None:
    points = ("current_sum", "energy_export", "energy_import")  # the exponent of both energies stands at 54
    slave = device(40000, (1, 66), (203, 105))
    for register in range(40070 + 46, 40070 + 108):
        slave.words.pop(register, None)
    small = replace(METER, options={**METER.options, "max_registers": 20})
    driver, known = ModbusRtu(), frozenset[str]()
    asked = []
    for _ in range(4):
        slave.asked.clear()
        talk = driver.converse(small, "1", points, known)
        while (request := talk.next_request()) is not None:
            try:
                talk.feed(slave.answer(request))
            except RefusedError as refusal:
                known |= {refusal.where}
        asked.append(len(slave.asked))
    assert asked[-1] == 1
    assert all(word.startswith("holding ") for word in known)


STRANGERS = {
    "a device without the marker": (Registers(dict.fromkeys(range(40000, 40200), 7)), "marker"),
    "a device that refuses everything": (Registers({}), "marker"),
    "an inverter without a meter": (device(40000, (1, 66), (103, 50)), "no model"),
    "a chain that never ends": (
        Registers({**dict.fromkeys(range(65536), 0), 40000: SUNS[0], 40001: SUNS[1]}),
        "no model",
    ),
    "a chain that leads out of the registers": (
        Registers(dict.fromkeys(range(65529, 65536), 203) | device(40000, (1, 65527 - 40002)).words | {65529: 203}),
        "beyond the last register",
    ),
}


@pytest.mark.parametrize(("slave", "words"), STRANGERS.values(), ids=STRANGERS.keys())
def test_what_is_no_such_meter_is_refused_in_words(slave: Registers, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        poll(slave)


def test_a_dead_device_ends_the_search() -> None:
    talk = ModbusRtu().converse(METER, "1", POINTS)
    talk.next_request()
    with pytest.raises(DeviceSilentError, match="dead or off"):
        talk.feed(rtu("01 83 0B"))
    assert talk.next_request() is None


def test_giving_up_before_the_header_is_known_gives_up_the_poll() -> None:
    talk = ModbusRtu().converse(METER, "1", POINTS)
    talk.next_request()
    talk.give_up()
    assert talk.next_request() is None


FAULTS = {
    "no models": ('sunspec = []\n[points.x]\nwhere = "holding 2"\nformat = "int16"', "sunspec"),
    "a place that is none": (
        'sunspec = [203]\nsunspec_at = 70000\n[points.x]\nwhere = "holding 2"\nformat = "int16"',
        "sunspec_at",
    ),
    "a place without models": ('sunspec_at = 40070\n[points.x]\nwhere = "holding 2"\nformat = "int16"', "sunspec_at"),
    "a model that is none": ('sunspec = [203, "a"]\n[points.x]\nwhere = "holding 2"\nformat = "int16"', "list of"),
    "a register beyond the last": (
        'sunspec = [203]\n[points.x]\nwhere = "holding 60000"\nformat = "int16"',
        "beyond the last register",
    ),
    "an input register": ('sunspec = [203]\n[points.x]\nwhere = "input 2"\nformat = "int16"', "holding"),
}


@pytest.mark.parametrize(("text", "word"), FAULTS.values(), ids=FAULTS.keys())
def test_a_wrong_sunspec_profile_is_refused(text: str, word: str) -> None:
    [fault] = ModbusRtu().check(profile(text))
    assert word in fault
    with pytest.raises(RequestError):
        ModbusRtu().converse(profile(text), "1", ("x",))
