"""A Modbus TCP slave made of libmodbus, as a program: unit 7, a few input registers, silence about everything else.

    python libmodbus_slave.py REGISTER...

Prints the port it listens on, serves one connection and ends with it.
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


def main(registers: list[int]) -> None:
    modbus = ctypes.CDLL(LIBRARY)
    modbus.modbus_new_tcp.restype = ctypes.c_void_p
    modbus.modbus_mapping_new.restype = ctypes.POINTER(Mapping)
    link = ctypes.c_void_p(modbus.modbus_new_tcp(b"127.0.0.1", 0))
    mapping = modbus.modbus_mapping_new(0, 0, 0, len(registers))
    for index, word in enumerate(registers):
        mapping.contents.tab_input_registers[index] = word
    modbus.modbus_set_slave(link, 7)
    listener = ctypes.c_int(modbus.modbus_tcp_listen(link, 1))
    with socket.socket(fileno=os.dup(listener.value)) as listening:
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()
    modbus.modbus_tcp_accept(link, ctypes.byref(listener))
    query = ctypes.create_string_buffer(LONGEST)
    while (got := modbus.modbus_receive(link, query)) != -1:
        if got > 0:
            modbus.modbus_reply(link, query, got, mapping)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]])
