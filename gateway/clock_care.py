"""The meters' clocks: read every night, told as the point `clock_offset`, and set where the site's file says so.

A broadcast moves the clocks of a line by five minutes at most, once a day; a clock that is further off needs the
meter's password. Nothing is done while the gateway's own clock cannot be trusted.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from drivers.api import Conversation, LineSettings
from drivers.dlt645.services.clock import drift, read_clock, read_clock_1997, read_clock_either
from drivers.dlt645.services.dialogue import Dialogue, Script
from drivers.dlt645.services.write import BROADCAST_LIMIT, Authority, broadcast_clock, set_clock
from drivers.errors import DriverError
from gateway.clock import Clock, local
from gateway.north.secret import private
from gateway.settings.models import ClockCare, Device
from gateway.south.poll import Lane, Poll
from rules.observation import Observation

log = logging.getLogger(__name__)

READ = {"1997": read_clock_1997, "auto": read_clock_either}  # by edition; the others have it in one piece
LEVEL = "04"
"""The password's level for parameters; date and time are two."""

LONGEST_S = 3.0
"""A reading that took longer says too little about where the clock stood meanwhile."""

Carry = Callable[[Device, Callable[[], Conversation], Lane], Awaitable[Poll]]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is to be set: one device, or all that hear a broadcast."""

    device: Device
    everyone: bool


@dataclass(frozen=True, slots=True)
class Offset:
    """How far a device's clock is off."""

    device: Device
    seconds: float  # its clock minus ours


def settings_for(offsets: Iterable[Offset], care: ClockCare) -> Iterator[Setting]:
    """Which clocks are set, and how: by broadcast within five minutes, one each line and line setting; else one by one.

    A clock that is further off is left alone where no password is configured.
    """
    if not care.set:
        return
    limit = BROADCAST_LIMIT.total_seconds()
    called: set[tuple[str, LineSettings]] = set()
    for offset in offsets:
        device, off = offset.device, abs(offset.seconds)
        if off <= care.tolerance_s:
            continue
        hearing = (device.line, device.wire)
        if off <= limit and hearing not in called:
            called.add(hearing)
            yield Setting(device, everyone=True)
        elif off > limit and care.password_file:
            yield Setting(device, everyone=False)


async def _unnoted(_whom: str, _how: str) -> bool:
    """Nobody wants it in writing."""
    return True


class ClockKeeper:
    """Reads, tells and sets the clocks of a site's DL/T 645 meters."""

    def __init__(
        self,
        care: ClockCare,
        devices: Sequence[Device],
        clock: Clock,
        carry: Carry,
        observe: Callable[[Observation], None],
        note: Callable[[str, str], Awaitable[bool]] = _unnoted,
    ) -> None:
        """`observe`: where an offset goes, as an observation like any other. `note` writes down, before it is done,
        what is done to which device or line; False when it cannot.
        """
        self._care, self._clock, self._carry, self._observe, self._note = care, clock, carry, observe, note
        self._devices = [device for device in devices if device.driver == "dlt645"]

    async def round(self) -> None:
        """Read all clocks, set what is to be set, and read those again."""
        if not self._clock.trusted():
            log.warning("clocks: not looked at, the gateway's own clock cannot be trusted")
            return
        offsets = await self.measure(self._devices)
        todo = list(settings_for(offsets, self._care))
        for setting in todo:
            await self._set(setting)
        if todo:
            far = [one.device for one in offsets if abs(one.seconds) > self._care.tolerance_s]
            for left in await self.measure(far):
                if abs(left.seconds) > self._care.tolerance_s:
                    log.warning("device %s: its clock is still off by %.0f s", left.device.id, left.seconds)

    async def measure(self, devices: Iterable[Device]) -> list[Offset]:
        """Read clocks and tell their offsets: lines at the same time, the devices of a line one after the other."""
        lines: dict[str, list[Device]] = {}
        for device in devices:
            lines.setdefault(device.line, []).append(device)
        found = await asyncio.gather(*(self._measure_line(group) for group in lines.values()))
        return [offset for offsets in found for offset in offsets]

    async def _measure_line(self, devices: Iterable[Device]) -> list[Offset]:
        return [offset for device in devices if (offset := await self._offset(device)) is not None]

    async def _offset(self, device: Device) -> Offset | None:
        read = READ.get(str(device.profile.options.get("edition")), read_clock)
        try:
            shown, poll = await self._say(device, read(device.address))
            if shown is None or poll.took_s > LONGEST_S:
                return None
            off = drift(shown, local(poll.at), local(poll.at + poll.took_s)).total_seconds()
        except (DriverError, ValueError) as error:
            log.info("device %s: its clock cannot be read: %s", device.id, error)
            return None
        values = {"clock_offset": round(off, 1)}
        self._observe(
            Observation(device.id, poll.at, values, bus=device.line, took_ms=poll.took_s * 1000, source="read")
        )
        return Offset(device, off)

    async def _set(self, setting: Setting) -> None:
        device = setting.device
        whom, how = (device.line, "broadcast") if setting.everyone else (device.id, "password")
        if not await self._note(whom, how):
            log.warning("%s: its clock was not set: that cannot be written down", whom)
            return
        try:
            if setting.everyone:
                await self._say(device, self._broadcast())
                log.info("line %s: its clocks were set by broadcast", device.line)
            else:
                authority = Authority(private(self._care.password_file), LEVEL)
                done, _ = await self._say(device, self._single(device, authority))
                log.info("device %s: its clock was set: %s", device.id, "it agreed" if done else "no answer")
        except (DriverError, OSError, ValueError) as error:
            log.warning("device %s: its clock was not set: %s", device.id, error)

    def _broadcast(self) -> Script[None]:
        """The time is looked at when the line is free, not before. A meter that is further off does not obey."""
        yield from broadcast_clock(local(self._clock.wall()), timedelta(0))

    def _single(self, device: Device, authority: Authority) -> Script[bool]:
        edition = str(device.profile.options.get("edition"))
        return (yield from set_clock(device.address, local(self._clock.wall()), authority, edition))

    async def _say(self, device: Device, script: Script[Any]) -> tuple[Any, Poll]:
        """A script to its end. Raises what ended it."""
        talk = Dialogue(script)
        poll = await self._carry(device, lambda: talk, Lane.BACKFILL)
        if talk.error:
            raise talk.error
        return talk.result, poll
