"""What a simulated device is: bytes heard in, bytes said out, and knobs that scenarios turn."""

from typing import Protocol

from drivers.api import Value


class SimulatedDevice(Protocol):
    """One device on a line. It hears everything on the line and answers what is meant for it."""

    address: str
    powered: bool
    """False: it is silent."""

    def answer(self, heard: bytes) -> bytes:
        """What it says to these bytes; b'' when it stays silent. Keeps cut frames until the rest comes."""

    def set(self, point: str, value: Value) -> None:
        """Turn a knob: from now on the device holds this value for the profile's point."""
