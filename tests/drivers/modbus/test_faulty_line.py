"""Whatever a line does to the bytes, a value is right or it is not there.

Every register holds its own address, so an answer that is taken for another one shows at once. The line loses, cuts,
garbles and merges answers, echoes requests, puts noise and foreign frames of two protocols in between. Late answers are
thrown away by the bus before the next request; here they are simply lost. The seed is fixed: of 65 536 frames with
bytes put into them, the 16 bits of a CRC let one pass as good, and no driver can tell.
"""

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from drivers.api import Driver, Value
from drivers.errors import BadReplyError
from drivers.modbus.driver import ModbusRtu, ModbusTcp
from drivers.profile import read_profile
from drivers.sim.modbus import SimulatedModbus
from tests.drivers.modbus.profiles import HEAD, answer, profile, rtu

UNITS = ("1", "2", "104", "247")  # 104 is 0x68, the byte that begins a DL/T 645 frame
STARTS = (0, 3, 0x68, 0x110, 0x468, 0x6810)
DLT645 = bytes.fromhex("FEFEFEFE681200000000006891063334343538 56D716")


def map_of(unit: str) -> str:
    """Points whose value is made of unit and address; one of them 32 bits long in each row."""
    rows = [
        f'[points.p{start + n}]\nwhere = "input {start + n}"\nformat = "uint16"\n' for start in STARTS for n in range(3)
    ]
    return "\n".join(rows) + f'\n[points.unit]\nwhere = "holding {unit}"\nformat = "uint16"\n'


FORMS = {unit: profile(map_of(unit)) for unit in UNITS}


def truth(unit: str) -> dict[str, Value]:
    values: dict[str, Value] = {f"p{start + n}": start + n ^ int(unit) << 7 for start in STARTS for n in range(3)}
    return values | {"unit": int(unit)}


class FaultyLine:
    """Half-duplex, with the given share of exchanges spoilt in one of many ways."""

    def __init__(self, seed: int, share: float, *, tcp: bool) -> None:
        self._chance = random.Random(seed)
        self._share = share
        self._tcp = tcp
        framing = "tcp" if tcp else "rtu"
        self._devices = [SimulatedModbus(FORMS[unit], unit, truth(unit), framing=framing) for unit in UNITS]  # type: ignore[arg-type]
        self.faults: Counter[str] = Counter()

    def exchange(self, request: bytes) -> Iterator[bytes]:
        """What is heard after a request, in the pieces in which it comes."""
        said = b"".join(device.answer(request) for device in self._devices)
        if self._chance.random() < self._share:
            said = self._spoilt(request, said)
        while said:
            size = self._chance.choice([1, 3, 8, 16, 256])
            yield said[:size]
            said = said[size:]

    def _spoilt(self, request: bytes, said: bytes) -> bytes:
        chance = self._chance
        noise = chance.randbytes(chance.randrange(1, 20))
        place = chance.randrange(len(said)) if said else 0
        foreign = self._foreign()
        ways = {
            "lost": b"",
            "cut at the end": said[:place],
            "cut at the beginning": said[place:],
            "noise in front": noise + said,
            "noise behind": said + noise,
            "foreign frame in front": foreign + said,
            "foreign frame behind": said + foreign,
            "DL/T 645 in front": DLT645 + said,
            "twice": said + said,
        }
        if not self._tcp:  # TCP itself sees to it that no byte changes inside a frame, and nothing echoes
            flipped = bytes([said[place] ^ 1 << chance.randrange(8)]) if said else b""
            ways |= {
                "a bit flipped": said[:place] + flipped + said[place + 1 :],
                "noise inside": said[:place] + noise + said[place:],
                "foreign frame inside": said[:place] + foreign + said[place:],
                "echo": request + said,
            }
        way = chance.choice(sorted(ways))
        self.faults[way] += 1
        return ways[way]

    def _foreign(self) -> bytes:
        unit, words = self._chance.choice([3, 5, 103]), self._chance.choice([2, 3, 4])
        frame = answer(unit, 4, *(self._chance.randrange(65536) for _ in range(words)))
        if self._tcp:
            pdu = frame[1:-2]
            return b"\x00\x00\x00\x00" + (len(pdu) + 1).to_bytes(2, "big") + bytes([unit]) + pdu
        return frame + (rtu(f"{unit:02X} 04 00 00 00 02") if self._chance.random() < 0.5 else b"")


def poll(driver: Driver, unit: str, line: FaultyLine, counts: Counter[str]) -> dict[str, Value]:
    """One poll as the bus does it: a request without a good answer is repeated once, then given up."""
    talk = driver.converse(FORMS[unit], unit, tuple(FORMS[unit].points))
    values: dict[str, Value] = {}
    tried = 0
    while (request := talk.next_request()) is not None:
        readings = None
        try:
            for piece in line.exchange(request):
                readings = talk.feed(piece)
                if readings is not None:
                    break
            counts["silent"] += readings is None
        except BadReplyError:
            counts["bad"] += 1
        counts["asked"] += 1
        if readings is None:
            tried += 1
            if tried > 1:
                talk.give_up()
                tried = 0
            continue
        counts["answered"] += 1
        values |= {reading.point: reading.value for reading in readings}
        tried = 0
    return values


@pytest.mark.parametrize("driver", [ModbusRtu(), ModbusTcp()], ids=["RTU", "TCP"])
def test_no_value_is_ever_wrong(driver: Driver) -> None:
    line = FaultyLine(seed=2026, share=0.15, tcp=isinstance(driver, ModbusTcp))
    counts: Counter[str] = Counter()
    for turn in range(1000):
        unit = UNITS[turn % len(UNITS)]
        values = poll(driver, unit, line, counts)
        assert values == {point: truth(unit)[point] for point in values}
    assert counts["asked"] > 6000
    # Of the ways to spoil an exchange less than half leave no whole answer; in all the others it is found.
    assert counts["answered"] / counts["asked"] > 0.92
    assert min(line.faults.values()) > 40


def test_the_simulated_points_say_who_and_where_they_are() -> None:
    assert read_profile("x", HEAD + map_of("104")).points["unit"].where == "holding 104"
    assert len({tuple(truth(unit).values()) for unit in UNITS}) == len(UNITS)
