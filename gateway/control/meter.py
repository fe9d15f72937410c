"""How DL/T 645 meters are told: relay, parameters, clock, demands, freezes. A meter's password is kept nowhere."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

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
    clear_demand,
    freeze,
    relay,
    set_clock,
    write_item,
)
from drivers.errors import BadReplyError, DriverError, RefusedError, RequestError
from gateway.clock import Clock, local
from gateway.control.action import Action
from gateway.control.way import Carry, Look, Reply
from gateway.north.secret import private
from gateway.settings.control_tables import PASSWORD
from gateway.settings.models import ActionName, Device
from gateway.south.poll import Lane
from gateway.verbs.request import RefusedRequestError

VALID = timedelta(minutes=10)
"""How long a relay command is good for by the meter's own clock: one that is further ahead makes the meter refuse."""

MAX_DEMAND, NOW = "01010000", "99999999"

CLOCK_GOOD_S = 10.0
"""A clock that is off by less is set."""


RELAY: Mapping[ActionName, Command] = {
    "disconnect": Command.TRIP,
    "reconnect": Command.CLOSE,
    "permit_reconnect": Command.CLOSE_PERMIT,
    "keep_power": Command.KEEP_POWER_ON,
    "release_power": Command.KEEP_POWER_OFF,
    "alarm_on": Command.ALARM_ON,
    "alarm_off": Command.ALARM_OFF,
}
"""What a meter's relay is told."""


class Meter:
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


class Relay:
    """The switch in a meter, and what its status word says of it."""

    def __init__(self, action: Action, meter: Meter, clock: Clock) -> None:
        if meter.edition == "1997":
            raise RefusedRequestError(f"{meter.device.id} speaks the edition of 1997, which has no relay commands")
        self._action, self._meter, self._clock = action, meter, clock
        self.shown = action.name not in ("alarm_on", "alarm_off")
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
        }.get(self._action.name)
        self._was_told_open = self._was_told_open or told_open
        shows = f"relay {'open' if is_open else 'closed'}, told to be {'open' if told_open else 'closed'}"
        return Look(True, done, shows + (", keeps power on" if kept else ""), {"relay_open": float(is_open)})

    async def act(self) -> Reply:
        meter, until = self._meter, local(self._clock.wall()) + VALID
        script = relay(meter.address, RELAY[self._action.name], until, meter.authority())
        state, error, says = await meter.say(script)
        if error is not None:
            return Reply(False, str(error))
        if state is None:  # the line was lost: it may have been said all the same
            return Reply(None, says)
        if state.accepted is False:
            return Reply(False, "the meter refuses: a wrong password, a clock far ahead, or it may not be switched now")
        return Reply(True, "the meter accepted it") if state.accepted else Reply(None, says)


class Parameter:
    """A parameter that can be read back."""

    shown = True

    def __init__(self, action: Action, meter: Meter) -> None:
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


class Demand:
    """The maximum demands, which are zero when they were reset and nothing was used since."""

    shown = True

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    async def look(self) -> Look:
        values, instead = await self._meter.read(read_item(self._meter.address, MAX_DEMAND))
        if instead is not None:
            return instead
        demand = values[0].value
        return Look(True, None if demand is None else float(demand) == 0, f"maximum demand {demand} {values[0].unit}")

    async def act(self) -> Reply:
        done, error, says = await self._meter.say(clear_demand(self._meter.address, self._meter.authority()))
        if error is not None:
            return Reply(False, str(error))
        return Reply(True, "the meter accepted it") if done else Reply(None, says)


class Freeze:
    """Energies kept now or later. It changes nothing that is billed, and wants no password."""

    shown = False

    def __init__(self, action: Action, meter: Meter) -> None:
        self._meter, self._when = meter, action.values[0] if action.values else NOW
        if len(action.values) > 1 or len(self._when) != len(NOW) or not self._when.isdigit():
            raise RefusedRequestError("'values' of a freeze is one time: MMDDhhmm, with 99 for every")

    async def look(self) -> Look:
        _, instead = await self._meter.read(read_item(self._meter.address, STATUS_WORD_3))
        return Look(instead is None or instead.answered, None, "" if instead is None else instead.shows)

    async def act(self) -> Reply:
        done, error, says = await self._meter.say(freeze(self._meter.address, self._when))
        if error is not None:
            return Reply(False, str(error))
        return Reply(True, "the meter agreed") if done else Reply(None, says)


class MeterClock:
    """Date and time."""

    shown = True

    def __init__(self, meter: Meter, clock: Clock) -> None:
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
