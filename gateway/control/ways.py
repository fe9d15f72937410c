"""How a device is told to do something, and where it shows that it did: DL/T 645 meters and Modbus breakers.

A way is made for one action on one device. What cannot be done is refused when it is made, before anything is armed.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from drivers import registry
from drivers.api import Conversation
from drivers.dlt645.catalog import find
from drivers.dlt645.services.clock import drift, read_clock, read_clock_1997, read_clock_either
from drivers.dlt645.services.dialogue import Dialogue, Script
from drivers.dlt645.services.read import read_data, read_item
from drivers.dlt645.services.write import (
    KEPT_POWERED,
    RELAY_OPEN,
    RELAY_TOLD_OPEN,
    STATUS_WORD_3,
    Authority,
    Command,
    relay,
    set_clock,
    write_item,
)
from drivers.errors import BadReplyError, DriverError, RefusedError, RequestError
from gateway.clock import Clock, local
from gateway.control.action import Action, secret_file
from gateway.north.secret import private
from gateway.settings.control_tables import PASSWORD
from gateway.settings.models import ActionName, ControlSettings, Device
from gateway.south.poll import Lane, Poll
from gateway.verbs.request import RefusedRequestError

Carry = Callable[[Device, Callable[[], Conversation], Lane], Awaitable[Poll]]

VALID = timedelta(minutes=10)
"""How long a relay command is good for by the meter's own clock: one that is further ahead makes the meter refuse."""

CLOCK_GOOD_S = 10.0
"""A clock that is off by less is set."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a device shows of itself."""

    answered: bool
    done: bool | None  # whether it is as the action wants it; None: it does not show
    shows: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a device said to being told."""

    accepted: bool | None  # None: no answer came; it may have heard all the same
    says: str


class Way(Protocol):
    """One action on one device."""

    async def look(self) -> Look:
        """Read where it would show."""

    async def act(self) -> Reply:
        """Tell the device, once."""


@runtime_checkable
class Writing(Protocol):
    """A driver that can write registers."""

    def write(self, address: str, place: str, values: Sequence[int]) -> Conversation:
        """Write coils or words at a place in the driver's own notation, once. Raises RequestError."""


def way(action: Action, device: Device, settings: ControlSettings, clock: Clock, carry: Carry) -> Way:
    """How this is done. Raises RefusedRequestError when it cannot be."""
    if device.driver != "dlt645":
        return _Breaker(action, device, carry)
    meter = _Meter(device, carry, secret_file(settings, action), "02" if action.name in RELAY else "04")
    meter.authority()  # a password that is not there is told now
    if action.name in RELAY:
        return _Relay(action, meter, clock)
    return _MeterClock(meter, clock) if action.name == "set_clock" else _Parameter(action, meter)


class _Meter:
    """A DL/T 645 meter and its password, which is read when it is needed and kept nowhere."""

    def __init__(self, device: Device, carry: Carry, file: str, level: str) -> None:
        self.device, self.address = device, device.address
        self.edition = str(device.profile.options.get("edition", "2007"))
        self._carry, self._file, self._level = carry, file, level

    def authority(self) -> Authority:
        """Raises RefusedRequestError; never with the secret in it."""
        if not self._file:
            where = "switch_file" if self._level == "02" else "write_file"
            raise RefusedRequestError(f"no {where} in [[control.meters]] is for {self.device.id}")
        try:
            found = PASSWORD.fullmatch(private(self._file))
        except OSError as error:
            raise RefusedRequestError(f"the password of {self.device.id} cannot be read: {error}") from error
        if found is None:
            raise RefusedRequestError(f"{self._file} does not hold six digits")
        return Authority(found[1], self._level, found[2] or "00000000")

    async def say(self, script: Script[Any]) -> tuple[Any, DriverError | None, str]:
        """A script to its end: its result, the error that ended it, and what went wrong on the way."""
        talk = Dialogue(script)
        poll = await self._carry(self.device, lambda: talk, Lane.CONTROL)
        return talk.result, talk.error, poll.says or "no answer"

    async def read(self, script: Script[Any]) -> tuple[Any, Look | None]:
        """A script that reads: its result, or what there is to say instead."""
        result, error, says = await self.say(script)
        if error is not None:
            return None, Look(isinstance(error, RefusedError), None, str(error))
        return (result, None) if result is not None else (None, Look(False, None, says))


RELAY: Mapping[ActionName, Command] = {
    "disconnect": Command.TRIP,
    "reconnect": Command.CLOSE,
    "permit_reconnect": Command.CLOSE_PERMIT,
    "keep_power": Command.KEEP_POWER_ON,
    "release_power": Command.KEEP_POWER_OFF,
}
"""What a meter's relay is told."""


class _Relay:
    def __init__(self, action: Action, meter: _Meter, clock: Clock) -> None:
        if meter.edition == "1997":
            raise RefusedRequestError(f"{meter.device.id} speaks the edition of 1997, which has no relay commands")
        self._action, self._meter, self._clock = action, meter, clock
        self._was_told_open = False

    async def look(self) -> Look:
        values, instead = await self._meter.read(read_item(self._meter.address, STATUS_WORD_3))
        if instead is not None:
            return instead
        if not values or values[0].value is None:
            return Look(True, None, "its status word holds no value")
        word = int(str(values[0].value), 16)
        is_open, told_open, kept = (bool(word >> bit & 1) for bit in (RELAY_OPEN, RELAY_TOLD_OPEN, KEPT_POWERED))
        done = {
            "disconnect": is_open,
            "reconnect": not is_open,
            "permit_reconnect": not is_open or (self._was_told_open and not told_open),
            "keep_power": kept,
            "release_power": not kept,
        }[self._action.name]
        self._was_told_open = self._was_told_open or told_open
        shows = f"relay {'open' if is_open else 'closed'}, told to be {'open' if told_open else 'closed'}"
        return Look(True, done, shows + (", keeps power on" if kept else ""))

    async def act(self) -> Reply:
        meter, until = self._meter, local(self._clock.wall()) + VALID
        script = relay(meter.address, RELAY[self._action.name], until, meter.authority())
        state, error, says = await meter.say(script)
        if error is not None:
            return Reply(False, str(error))
        if state.accepted is False:
            return Reply(False, "the meter refuses: a wrong password, a clock far ahead, or it may not be switched now")
        return Reply(True, "the meter accepted it") if state.accepted else Reply(None, says)


class _Parameter:
    def __init__(self, action: Action, meter: _Meter) -> None:
        item = find(action.parameter)
        if item is None or not item.writable or not item.readable:
            raise RefusedRequestError(f"{action.parameter!r} is no parameter that can be written and read back")
        try:
            self._wanted = item.write(action.values)
        except RequestError as error:
            raise RefusedRequestError(str(error)) from error
        self._action, self._meter, self._item = action, meter, item

    async def look(self) -> Look:
        data, instead = await self._meter.read(read_data(self._meter.address, self._action.parameter))
        if instead is not None:
            return instead
        try:
            held = ", ".join(f"{one.value} {one.unit}".strip() for one in self._item.read(data))
        except BadReplyError:
            held = data.hex()
        return Look(True, data == self._wanted, f"{self._action.parameter} = {held}")

    async def act(self) -> Reply:
        meter, action = self._meter, self._action
        script = write_item(meter.address, action.parameter, action.values, meter.authority())
        done, error, says = await meter.say(script)
        if error is not None:
            return Reply(False, str(error))
        return Reply(True, "the meter holds it") if done else Reply(None, says)


class _MeterClock:
    def __init__(self, meter: _Meter, clock: Clock) -> None:
        self._meter, self._clock = meter, clock

    async def look(self) -> Look:
        read = {"1997": read_clock_1997, "auto": read_clock_either}.get(self._meter.edition, read_clock)
        asked = self._now()
        shown, instead = await self._meter.read(read(self._meter.address))
        if instead is not None:
            return instead
        try:
            off = drift(shown, asked, self._now()).total_seconds()
        except ValueError:
            return Look(True, None, f"its clock shows {shown}")
        return Look(True, abs(off) <= CLOCK_GOOD_S, f"its clock is off by {round(off)} s")

    async def act(self) -> Reply:
        meter = self._meter
        done, error, says = await meter.say(self._script())
        if error is not None:
            return Reply(False, str(error))
        return Reply(True, "the meter accepted it") if done else Reply(None, says)

    def _script(self) -> Script[bool]:
        """The time is looked at when the line is free, not before."""
        return (yield from set_clock(self._meter.address, self._now(), self._meter.authority(), self._meter.edition))

    def _now(self) -> datetime:
        return local(self._clock.wall())


class _Breaker:
    """A Modbus device whose profile has a `switch`: where to write what, and the point that shows it."""

    def __init__(self, action: Action, device: Device, carry: Carry) -> None:
        from drivers.modbus.switch import switch_of  # a site without Modbus devices does without pymodbus

        switch, driver = switch_of(device.profile), registry.driver(device.driver)
        if switch is None or not isinstance(driver, Writing):
            raise RefusedRequestError(
                f"{device.id}: the profile {device.profile.name} has no switch that can be written"
            )
        values = {"disconnect": switch.open, "reconnect": switch.close}
        if action.name not in values:
            raise RefusedRequestError(f"{device.id} can be told disconnect and reconnect, not {action.name}")
        self._value, self._open = values[action.name], action.name == "disconnect"
        self._device, self._switch, self._carry, self._driver = device, switch, carry, driver

    async def look(self) -> Look:
        device = self._device
        driver = registry.driver(device.driver)
        talk = driver.converse(device.profile, device.address, [self._switch.shown_by])
        poll = await self._carry(device, lambda: talk, Lane.CONTROL)
        if not poll.readings:
            return Look(poll.fault == "refused", None, poll.says or "no answer")
        value = poll.readings[0].value
        if value is None:
            return Look(True, None, f"{self._switch.shown_by} holds no value")
        return Look(True, bool(value) is self._open, f"{self._switch.shown_by} = {value}")

    async def act(self) -> Reply:
        talk = self._driver.write(self._device.address, self._switch.where, [self._value])
        poll = await self._carry(self._device, lambda: talk, Lane.CONTROL)
        if poll.fault == "refused":
            return Reply(False, poll.says)
        return Reply(True, "the device accepted it") if poll.fault is None else Reply(None, poll.says or "no answer")
