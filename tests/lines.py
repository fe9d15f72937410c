"""A simulated half-duplex line: devices, bytes that take their time, and every fault a field line has, by chance.

Time is the loop's own, so on a virtual loop an hour of a bad line passes in a moment and the same seed gives the same
hour. A device is anything with `answer(heard) -> said`, such as those of `drivers.sim`.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Protocol

from drivers.api import LineSettings
from gateway.south.link.api import LinkError


class Hearing(Protocol):
    """A device as the wire sees it."""

    def answer(self, heard: bytes) -> bytes:
        """What it says to these bytes; b'' when it stays silent."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Chances of each fault per answer, 0 to 1."""

    loss: float = 0.0
    late: float = 0.0
    late_s: tuple[float, float] = (0.0, 0.0)  # how much later than it should be
    noise_before: float = 0.0
    noise_after: float = 0.0
    cut: float = 0.0
    checksum: float = 0.0  # one byte arrives wrong
    foreign: float = 0.0  # another master's conversation is heard in front, in one piece with the answer
    slow: float = 0.0  # byte by byte, 20 ms apart
    merged: float = 0.0  # the line's answer before this one is heard once more, in one piece with it
    doubled: float = 0.0  # it is said twice, the second time right behind the first

    @property
    def total(self) -> float:
        """Chance that an answer has a fault, all kinds together."""
        spoilt = self.loss + self.late + self.noise_before + self.noise_after
        return spoilt + self.cut + self.checksum + self.foreign + self.slow + self.merged + self.doubled


FAULTS = tuple(kind.name for kind in fields(Faults) if kind.name != "late_s")
"""Every kind of fault."""


@dataclass(slots=True)
class Seat:
    """A device on the line and how it listens: at another setting it hears nothing."""

    device: Hearing
    settings: LineSettings = LineSettings()
    delay_s: float = 0.03  # from the last byte heard to the first byte said
    alive: bool = True


@dataclass(slots=True)
class SimulatedLine:
    """A link with a line behind it. Turn `unplugged` on and the port is gone."""

    seats: list[Seat]
    faults: Faults = Faults()
    seed: int = 0
    echo: bool = False
    foreign_frames: Sequence[bytes] = (bytes.fromhex("63 03 04 00 01 00 02 0a 33"),)
    paced: bool = True
    unplugged: bool = False
    babble: bytes = b""  # said again and again by a device gone mad
    opened: int = 0
    sent: list[tuple[float, bytes]] = field(default_factory=list)
    suffered: dict[str, int] = field(default_factory=dict)  # faults that happened, by kind
    settings: LineSettings = LineSettings()
    _open: bool = False
    _held: bytes = b""
    _said: bytes = b""  # the answer before
    _waiter: asyncio.Future[None] | None = None
    _chance: random.Random = field(default_factory=random.Random)

    @property
    def is_open(self) -> bool:
        return self._open

    async def open(self) -> None:
        if self.unplugged:
            raise LinkError("the simulated port is not there")
        if self.opened == 0:
            self._chance.seed(self.seed)
        self.opened += 1
        self._open = True
        self._held = b""
        self.start_babbling()

    def configure(self, settings: LineSettings) -> None:
        self.settings = settings

    def send(self, data: bytes) -> None:
        if not self._open or self.unplugged:
            self._lose()
            raise LinkError("the simulated port is gone")
        loop = asyncio.get_running_loop()
        self.sent.append((loop.time(), data))
        heard_at = loop.time() + self._seconds(len(data))
        if self.echo:
            loop.call_at(heard_at, self._put, data)
        for seat in self.seats:
            if seat.alive and (not self.paced or seat.settings == self.settings):
                self._say(heard_at + seat.delay_s, seat.device.answer(data))

    async def receive(self, until: float) -> bytes:
        loop = asyncio.get_running_loop()
        if not self._held and self._open and loop.time() < until:
            self._waiter = loop.create_future()
            timer = loop.call_at(until, self._rouse)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        if not self._held and not self._open:
            raise LinkError("the simulated port is gone")
        return self.drain()

    def drain(self) -> bytes:
        data, self._held = self._held, b""
        return data

    def close(self) -> None:
        self._lose()

    def unplug(self) -> None:
        """The adapter is pulled out."""
        self.unplugged = True
        self._lose()

    def _seconds(self, size: int) -> float:
        return self.settings.seconds(size) if self.paced else 0.0

    def _say(self, at: float, answer: bytes) -> None:
        fault = self._pick() if answer else "loss"
        if fault == "loss":
            return
        if fault == "slow":
            for index in range(len(answer)):
                self._deliver(at + 0.02 * (index + 1), answer[index : index + 1])
            return
        if fault == "late":
            at += self._chance.uniform(*self.faults.late_s)
        if fault == "doubled":
            self._deliver(at + 2 * self._seconds(len(answer)), answer)
        spoilt = self._spoilt(fault, answer)
        self._said = answer
        self._deliver(at + self._seconds(len(spoilt)), spoilt)

    def _spoilt(self, fault: str | None, answer: bytes) -> bytes:
        chance = self._chance
        match fault:
            case "noise_before":
                return self._noise() + answer
            case "noise_after":
                return answer + self._noise()
            case "cut":
                return answer[: chance.randrange(1, len(answer))]
            case "checksum":
                place = chance.randrange(len(answer))
                return answer[:place] + bytes([answer[place] ^ 1 << chance.randrange(8)]) + answer[place + 1 :]
            case "foreign":
                return chance.choice(self.foreign_frames) + answer
            case "merged":
                return self._said + answer
        return answer

    def _pick(self) -> str | None:
        """At most one fault an answer."""
        roll = self._chance.random()
        for kind in FAULTS:
            chance: float = getattr(self.faults, kind)
            if roll < chance:
                self.suffered[kind] = self.suffered.get(kind, 0) + 1
                return kind
            roll -= chance
        return None

    def _noise(self) -> bytes:
        return self._chance.randbytes(self._chance.randrange(1, 6))

    def _deliver(self, at: float, data: bytes) -> None:
        asyncio.get_running_loop().call_at(at, self._put, data)

    def _put(self, data: bytes) -> None:
        if self._open:
            self._held += data
            self._rouse()

    def start_babbling(self) -> None:
        """A device goes mad, or a motor beside the line starts; it ends when `babble` is empty."""
        if self._open and self.babble:
            self._put(self.babble)
            asyncio.get_running_loop().call_later(max(0.001, self._seconds(len(self.babble))), self.start_babbling)

    def _lose(self) -> None:
        self._open = False
        self._rouse()

    def _rouse(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
