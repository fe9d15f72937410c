"""The far end of a real pty, in a thread of its own: a simulated device that answers while the loop is busy."""

import os
import select
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from drivers.sim.api import SimulatedDevice


@contextmanager
def on_pty(*devices: SimulatedDevice) -> Iterator[str]:
    """Put devices on a pty and give the name of its port."""
    far, near = os.openpty()
    tty.setraw(near)
    stop_reading, stop = os.pipe()
    thread = threading.Thread(target=_answer, args=(far, stop_reading, devices))
    thread.start()
    try:
        yield os.ttyname(near)
    finally:
        os.write(stop, b"x")
        thread.join()
        for descriptor in (far, near, stop_reading, stop):
            os.close(descriptor)


def _answer(far: int, stop: int, devices: tuple[SimulatedDevice, ...]) -> None:
    while stop not in select.select([far, stop], [], [])[0]:
        heard = os.read(far, 300)
        for device in devices:
            if said := device.answer(heard):
                os.write(far, said)
