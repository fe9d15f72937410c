"""Writes are sent once; every function finds its own answer."""

from collections.abc import Callable

import pytest

from drivers.api import Conversation
from drivers.errors import BadReplyError, DeviceSilentError, RefusedError, RequestError
from drivers.modbus.driver import ModbusRtu, ModbusTcp
from drivers.sim.modbus import SimulatedModbus
from tests.drivers.modbus.profiles import profile, rtu

RTU = ModbusRtu()
DEVICE = profile(
    "".join(f'[points.c{n}]\nwhere = "coil {n}"\nformat = "bit"\n' for n in range(10))
    + "".join(f'[points.h{n}]\nwhere = "holding {n}"\nformat = "uint16"\n' for n in range(4))
)

REQUESTS: dict[str, tuple[Callable[[], Conversation], str]] = {
    "5: one coil on": (lambda: RTU.write("7", "coil 3", [1]), "07 05 00 03 FF 00"),
    "5: one coil off": (lambda: RTU.write("7", "coil 3", [0]), "07 05 00 03 00 00"),
    "6: one register": (lambda: RTU.write("7", "holding 1", [0x1234]), "07 06 00 01 12 34"),
    "15: coils": (lambda: RTU.write("7", "coil 0+10", [1, 0, 1, 1, 0, 0, 1, 1, 1, 0]), "07 0F 00 00 00 0A 02 CD 01"),
    "16: registers": (lambda: RTU.write("7", "holding 1+2", [10, 258]), "07 10 00 01 00 02 04 00 0A 01 02"),
    "16: one register for a device that knows no 6": (
        lambda: RTU.write("7", "holding 1", [10], one_by_function_16=True),
        "07 10 00 01 00 01 02 00 0A",
    ),
    "23: write and read": (
        lambda: RTU.write_and_read("7", "holding 1", [255], "holding 0+2"),
        "07 17 00 00 00 02 00 01 00 01 02 00 FF",
    ),
    "43/14: who are you": (lambda: RTU.identify("7"), "07 2B 0E 01 00"),
    "1: coils": (lambda: RTU.read("7", "coil 0+10"), "07 01 00 00 00 0A"),
    "3: registers": (lambda: RTU.read("7", "holding 0+4"), "07 03 00 00 00 04"),
}


@pytest.mark.parametrize(("begin", "frame"), REQUESTS.values(), ids=REQUESTS.keys())
def test_the_request_is_the_standards_and_its_answer_ends_it(begin: Callable[[], Conversation], frame: str) -> None:
    talk = begin()
    request = talk.next_request()
    assert request == rtu(frame)
    assert talk.feed(SimulatedModbus(DEVICE, "7").answer(request)) is not None
    assert talk.next_request() is None


def test_what_is_written_is_read_back() -> None:
    device = SimulatedModbus(DEVICE, "7")
    for talk in (RTU.write("7", "coil 2+2", [1, 1]), RTU.write("7", "holding 1+2", [10, 258])):
        talk.feed(device.answer(talk.next_request() or b""))
    coils, words = RTU.read("7", "coil 1+4"), RTU.write_and_read("7", "holding 3", [9], "holding 0+4")
    readings = [*(coils.feed(device.answer(coils.next_request() or b"")) or ())]
    assert [(reading.point, reading.value) for reading in readings] == [
        ("coil 1", 0),
        ("coil 2", 1),
        ("coil 3", 1),
        ("coil 4", 0),
    ]
    assert [reading.value for reading in words.feed(device.answer(words.next_request() or b"")) or ()] == [
        0,
        10,
        258,
        9,
    ]


def test_the_identification_is_put_together_from_any_pieces() -> None:
    device = SimulatedModbus(DEVICE, "7", identity={0: "Acme", 1: "M1", 2: "v3"})
    talk = RTU.identify("7")
    said = device.answer(talk.next_request() or b"")
    pieces = [talk.feed(bytes([byte])) for byte in said]
    assert pieces[:-1] == [None] * (len(said) - 1)
    assert {reading.point: reading.value for reading in pieces[-1] or ()} == {
        "vendor": "Acme",
        "product": "M1",
        "revision": "v3",
    }


def test_the_identification_is_read_over_tcp() -> None:
    device = SimulatedModbus(DEVICE, "7", framing="tcp")
    talk = ModbusTcp().identify("7")
    readings = talk.feed(device.answer(talk.next_request() or b"")) or ()
    assert [reading.point for reading in readings] == ["vendor", "product", "revision"]


@pytest.mark.parametrize(
    "begin",
    [lambda: RTU.write("7", "coil 3", [1]), lambda: RTU.write_and_read("7", "holding 1", [1], "holding 0")],
    ids=["a write", "a write and read"],
)
def test_a_write_is_never_sent_twice(begin: Callable[[], Conversation]) -> None:
    talk = begin()
    assert talk.next_request() is not None
    assert talk.next_request() is None


def test_a_question_may_be_repeated() -> None:
    talk = RTU.identify("7")
    assert talk.next_request() == talk.next_request()
    talk.give_up()
    assert talk.next_request() is None


def test_the_answer_to_another_write_is_not_ours() -> None:
    talk = RTU.write("7", "holding 1", [10])
    talk.next_request()
    assert talk.feed(rtu("07 06 00 01 00 0B") + rtu("07 06 00 02 00 0A")) is None
    assert talk.feed(rtu("07 06 00 01 00 0A")) == []


def test_a_refused_write_and_a_busy_device_are_told_apart() -> None:
    talk = RTU.write("7", "holding 1", [10])
    talk.next_request()
    with pytest.raises(BadReplyError, match="busy"):
        talk.feed(rtu("07 86 06"))
    with pytest.raises(RefusedError, match="does not accept"):
        talk.feed(rtu("07 86 03"))


def test_a_device_that_is_silent_behind_its_gateway_is_not_said_to_refuse() -> None:
    talk = RTU.identify("7")
    talk.next_request()
    with pytest.raises(DeviceSilentError, match="dead or off"):
        talk.feed(rtu("07 AB 0B"))
    assert talk.next_request() is None


WRONG: dict[str, Callable[[], Conversation]] = {
    "an input register": lambda: RTU.write("7", "input 1", [1]),
    "a value too large": lambda: RTU.write("7", "holding 1", [65536]),
    "a coil that is 2": lambda: RTU.write("7", "coil 1", [2]),
    "fewer values than places": lambda: RTU.write("7", "holding 1+2", [1]),
    "more than one request holds": lambda: RTU.write("7", "holding 0+124", [0] * 124),
    "a read longer than an answer": lambda: RTU.read("7", "input 0+126"),
    "a broadcast": lambda: RTU.write("0", "coil 1", [1]),
    "coils by function 23": lambda: RTU.write_and_read("7", "coil 1", [1], "holding 0"),
}


@pytest.mark.parametrize("begin", WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_asked_is_refused_before_it_is_sent(begin: Callable[[], Conversation]) -> None:
    with pytest.raises(RequestError):
        begin()
