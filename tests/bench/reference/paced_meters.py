"""DL/T 645 meters on a pty that is paced like a wire, in a process that does nothing else. Prints the port's name.

A meter answers 30 ms after the last byte of a request has left the wire; bytes arrive on an absolute schedule.
"""

import os
import select
import sys
import time
import tty

from drivers.api import LineSettings
from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter
from gateway.simulate.wires import pace

DELAY_S = 0.03


def serve(baud: int, meters: int) -> None:
    """Answer until standard input ends. Meters have the addresses 0, 1, 2 ..."""
    wire = LineSettings(baud, 8, "even", 1)
    profile = read_profile("dlt645-2007-3p", product_profiles()["dlt645-2007-3p"])
    held = {point: 1 for point in profile.points if point != "clock"}
    by_address = {f"{number:012d}": SimulatedMeter(profile, f"{number:012d}", held) for number in range(meters)}
    far, near = os.openpty()
    tty.setraw(near)
    print(os.ttyname(near), flush=True)
    while sys.stdin not in (ready := select.select([far, sys.stdin], [], [])[0]) or far in ready:
        heard = os.read(far, 300)
        begin = time.perf_counter() + wire.seconds(len(heard)) + DELAY_S
        meter = by_address.get(heard[heard.find(0x68) + 1 :][:6][::-1].hex())
        for due, piece in pace(meter.answer(heard) if meter else b"", wire, begin):
            while (left := due - time.perf_counter()) > 0:
                time.sleep(left)
            os.write(far, piece)


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
