"""A Modbus slave made of libmodbus, as a program: input and holding registers, silence about everything else.

    python libmodbus_slave.py tcp|PORT UNIT REGISTER...

Over TCP it prints the port it listens on, serves one connection and ends with it. On a serial port (9600 8N1) it
prints `ready` and serves until it is ended.
"""

import ctypes
import os
import socket
import sys

LIBRARY = "libmodbus.so.5"
LONGEST = 260  # bytes of a request on Modbus TCP


class Mapping(ctypes.Structure):
    """libmodbus's tables (modbus_mapping_new(3))."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("nb_bits", "start_bits", "nb_input_bits", "start_input_bits")),
        *((name, ctypes.c_int) for name in ("nb_input_registers", "start_input_registers")),
        *((name, ctypes.c_int) for name in ("nb_registers", "start_registers")),
        *((name, ctypes.POINTER(ctypes.c_uint8)) for name in ("tab_bits", "tab_input_bits")),
        *((name, ctypes.POINTER(ctypes.c_uint16)) for name in ("tab_input_registers", "tab_registers")),
    )


def main(where: str, unit: int, registers: list[int]) -> None:
    modbus = ctypes.CDLL(LIBRARY)
    modbus.modbus_new_tcp.restype = modbus.modbus_new_rtu.restype = ctypes.c_void_p
    modbus.modbus_mapping_new.restype = ctypes.POINTER(Mapping)
    mapping = modbus.modbus_mapping_new(0, 0, len(registers), len(registers))
    for index, word in enumerate(registers):
        mapping.contents.tab_input_registers[index] = mapping.contents.tab_registers[index] = word
    link = tcp(modbus, unit) if where == "tcp" else serial(modbus, where, unit)
    query = ctypes.create_string_buffer(LONGEST)
    while (got := modbus.modbus_receive(link, query)) != -1 or where != "tcp":
        if got > 0:
            modbus.modbus_reply(link, query, got, mapping)


def tcp(modbus: ctypes.CDLL, unit: int) -> ctypes.c_void_p:
    link = ctypes.c_void_p(modbus.modbus_new_tcp(b"127.0.0.1", 0))
    modbus.modbus_set_slave(link, unit)
    listener = ctypes.c_int(modbus.modbus_tcp_listen(link, 1))
    with socket.socket(fileno=os.dup(listener.value)) as listening:
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()
    modbus.modbus_tcp_accept(link, ctypes.byref(listener))
    return link


def serial(modbus: ctypes.CDLL, port: str, unit: int) -> ctypes.c_void_p:
    link = ctypes.c_void_p(modbus.modbus_new_rtu(port.encode(), 9600, ctypes.c_char(b"N"), 8, 1))
    modbus.modbus_set_slave(link, unit)
    if modbus.modbus_connect(link) == -1:
        sys.exit(f"{port} cannot be opened")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    return link


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), [int(word) for word in sys.argv[3:]])
