"""Profiles and frames that the Modbus tests share."""

import struct

from drivers.api import Profile
from drivers.profile import read_profile

HEAD = 'protocol = "modbus"\ntitle = "a device of the tests"\n'


def profile(text: str, head: str = HEAD) -> Profile:
    """A profile from its points, and what stands before them."""
    return read_profile("test", head + text)


def crc(frame: bytes) -> bytes:
    """The CRC of the Modbus specification, bit by bit, low byte first."""
    register = 0xFFFF
    for byte in frame:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ 0xA001 if register & 1 else register >> 1
    return struct.pack("<H", register)


def rtu(text: str) -> bytes:
    """A frame from its hex digits, with the CRC put behind."""
    frame = bytes.fromhex(text)
    return frame + crc(frame)


def answer(unit: int, function: int, *registers: int) -> bytes:
    """An RTU answer to a read of registers."""
    frame = struct.pack(f">BBB{len(registers)}H", unit, function, 2 * len(registers), *registers)
    return frame + crc(frame)


REGISTERS = """
[points.voltage]
where = "input 0"
format = "uint16"
scale = 0.1
unit = "V"
[points.current]
where = "input 1"
format = "uint32"
scale = 0.001
unit = "A"
[points.energy_import]
where = "input 5"
format = "uint32"
scale = 0.01
unit = "kWh"
"""
METER = profile(f"max_gap = 4{REGISTERS}")
