"""A meter that nobody here wrote: the server of PyPI's dlt645 3.2.0, as a process of its own. Prints its port.

It takes an address in the order of the wire, the reverse of what is printed on a meter.
"""

import sys

from dlt645 import MeterServerService

ADDRESS = "123456789012"


def main() -> None:
    service = MeterServerService.new_tcp_server("127.0.0.1", 0, 5.0)
    service.set_address("".join(reversed([ADDRESS[at : at + 2] for at in range(0, 12, 2)])))
    service.set_00(0x00010000, 1234.56)
    service.set_00(0x00020000, 0.07)
    service.set_02(0x02010100, 230.5)
    service.set_02(0x02010200, 229.8)
    service.set_02(0x02010300, 0.0)
    service.set_02(0x02020100, -12.345)
    service.set_02(0x02030000, -3.3333)
    service.set_02(0x02060000, 0.501)
    service.set_02(0x02800002, 49.98)
    service.set_04(0x04000503, "0050")
    service.server.start()
    sys.stdout.write(f"port {service.server.port}\n")
    sys.stdout.flush()
    sys.stdin.read()  # until the test closes it
    service.server.stop()


if __name__ == "__main__":
    main()
