"""Fuzzing of everything that bytes from a Modbus line reach. `make fuzz PROTOCOL=modbus`; the tests a little.

Run as `python -m tests.drivers.modbus.fuzz [CORPUS_FOLDER] [libFuzzer's options]`; it wants PyPI's atheris.
"""

from collections.abc import Callable, Iterator

from drivers.api import Conversation
from drivers.errors import DriverError
from drivers.modbus.driver import ModbusRtu, ModbusTcp
from drivers.modbus.wire import mbap_frame, rtu_frame
from drivers.profile import product_profiles, read_profile
from drivers.sim.modbus import SimulatedModbus
from tests.drivers.fuzzing import fuzz

PROFILES = [
    read_profile(name, product_profiles()[name])
    for name in ("eastron-sdm630", "ttu-modbus", "sunspec-203", "drytype-bwdk", "lx47le125", "abb-b23-b24")
]
RTU, TCP = ModbusRtu(), ModbusTcp()
UNIT = 7
COMMANDS: list[Callable[[ModbusRtu | ModbusTcp], Conversation]] = [
    lambda driver: driver.read(str(UNIT), "coil 3+12"),
    lambda driver: driver.write(str(UNIT), "holding 1+2", [1, 2]),
    lambda driver: driver.write_and_read(str(UNIT), "holding 1", [1], "holding 0+2"),
    lambda driver: driver.identify(str(UNIT)),
]


def one_input(data: bytes) -> None:
    """Whatever the bytes: nothing but a DriverError is raised, and a good answer among them is one of the unit's."""
    for driver in (RTU, TCP):
        for found in driver.explain(data):
            assert found.raw in data
        for talk in _talks(driver):
            _answered(talk, data)
    profile = PROFILES[data[0] % len(PROFILES) if data else 0]
    SimulatedModbus(profile, str(UNIT)).answer(data)
    SimulatedModbus(profile, str(UNIT), framing="tcp").answer(data)
    SimulatedModbus(profile, str(UNIT)).answer(rtu_frame(UNIT, data[:250] or b"\x03"))


def _talks(driver: ModbusRtu | ModbusTcp) -> Iterator[Conversation]:
    for profile in PROFILES:
        yield driver.converse(profile, str(UNIT), tuple(profile.points))
    for begin in COMMANDS:
        yield begin(driver)


def _answered(talk: Conversation, data: bytes) -> None:
    """The bytes as the line's answer, and as what stands in a good frame that answers; then the next request."""
    for _ in range(12):
        request = talk.next_request()
        if request is None:
            break
        on_tcp = request[2:4] == b"\0\0" and request[6] == UNIT
        pdu = bytes([request[7 if on_tcp else 1] | (data[-1] & 0x80 if data else 0)]) + data[:252]
        framed = mbap_frame(int.from_bytes(request[:2], "big"), UNIT, pdu) if on_tcp else rtu_frame(UNIT, pdu)
        for heard in (data[:100], data[100:], framed):
            try:
                if talk.feed(heard) is not None:
                    break
            except DriverError:
                break
        talk.give_up()


def corpus() -> list[bytes]:
    """Requests and answers of real shape, on both wires."""
    frames = [vector.reply for profile in PROFILES for vector in profile.vectors]
    frames += [vector.request for profile in PROFILES for vector in profile.vectors if vector.request]
    return frames + [mbap_frame(1, frame[0], frame[1:-2]) for frame in frames]


if __name__ == "__main__":
    fuzz(one_input, corpus())
