"""A master that nobody here wrote: the client of PyPI's dlt645 3.2.0, as a process of its own.

Run with a port; prints what it read as one JSON object. It takes an address in the order of the wire.
"""

import json
import sys

import dlt645

ADDRESS = "123456789012"


def main() -> None:
    dlt645.disable_logging()
    client = dlt645.MeterClientService.new_tcp_client("127.0.0.1", int(sys.argv[1]), 5.0)
    client.set_address("".join(reversed([ADDRESS[at : at + 2] for at in range(0, 12, 2)])))
    read = {
        "energy_import": client.read_00(0x00010000),
        "voltage_a": client.read_02(0x02010100),
        "current_a": client.read_02(0x02020100),
        "active_power": client.read_02(0x02030000),
        "frequency": client.read_02(0x02800002),
        "not_held": client.read_02(0x02800007),
    }
    sys.stdout.write(json.dumps({name: item.value if item else None for name, item in read.items()}))


if __name__ == "__main__":
    main()
