"""A device with the bad manners of the field: it forgets, stutters, mumbles and talks in between, by chance and seed.

What happens in time (late answers, byte by byte) is the line's to do; this is what is said.
"""

from collections.abc import Mapping
from random import Random

from drivers.api import Value
from drivers.sim.api import SimulatedDevice

MANNERS = ("silent", "cut", "spoilt", "noise_before", "noise_after", "echo", "twice", "repeats_last")
"""What may happen to an answer: nothing of it is said, its end is missing, one byte is wrong, noise around it, the
question is heard again before it, it is said twice, the answer before it is said in its place."""


class Unruly:
    """Puts bad manners on a well-behaved device. `chances` are per answer and kind, 0 to 1."""

    def __init__(self, device: SimulatedDevice, chances: Mapping[str, float], seed: int = 0) -> None:
        if unknown := sorted(chances.keys() - set(MANNERS)):
            raise ValueError(f"there is no manner {', '.join(unknown)}; there are {', '.join(MANNERS)}")
        self._device = device
        self._chances = chances
        self._chance = Random(seed)
        self._last = b""

    @property
    def address(self) -> str:
        return self._device.address

    @address.setter
    def address(self, address: str) -> None:
        self._device.address = address

    @property
    def powered(self) -> bool:
        return self._device.powered

    @powered.setter
    def powered(self, on: bool) -> None:
        self._device.powered = on

    def set(self, point: str, value: Value) -> None:
        self._device.set(point, value)

    def answer(self, heard: bytes) -> bytes:
        said = self._device.answer(heard)
        if not said:
            return b""
        before, self._last = self._last, said
        for manner in MANNERS:
            if self._chance.random() < self._chances.get(manner, 0.0):
                said = self._behave(manner, heard, said, before)
        return said

    def _behave(self, manner: str, heard: bytes, said: bytes, before: bytes) -> bytes:
        chance = self._chance
        match manner:
            case "silent":
                return b""
            case "cut":
                return said[: chance.randrange(len(said))] if said else b""
            case "spoilt" if said:
                place = chance.randrange(len(said))
                return said[:place] + bytes([said[place] ^ chance.randrange(1, 256)]) + said[place + 1 :]
            case "noise_before":
                return chance.randbytes(chance.randrange(1, 8)) + said
            case "noise_after":
                return said + chance.randbytes(chance.randrange(1, 8))
            case "echo":
                return heard + said
            case "twice":
                return said + said
            case "repeats_last":
                return before
        return said
