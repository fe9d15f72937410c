"""How Modbus breakers are told: by what their profile says of their switch."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from drivers import registry
from drivers.api import Conversation
from drivers.modbus.switch import switch_of
from gateway.control.action import Action
from gateway.control.way import Carry, Look, Reply
from gateway.settings.models import Device
from gateway.south.poll import Lane
from gateway.verbs.request import RefusedRequestError


@runtime_checkable
class Writing(Protocol):
    """A driver that can write registers."""

    def write(self, address: str, place: str, values: Sequence[int]) -> Conversation:
        """Write coils or words at a place in the driver's own notation, once. Raises RequestError."""


class Breaker:
    """A Modbus device whose profile has a `switch`: where to write what, and the point that shows it."""

    shown = True

    def __init__(self, action: Action, device: Device, carry: Carry) -> None:
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
        shown = self._switch.shown_by
        return Look(True, bool(value) is self._open, f"{shown} = {value}", {shown: float(bool(value))})

    async def act(self) -> Reply:
        talk = self._driver.write(self._device.address, self._switch.where, [self._value])
        poll = await self._carry(self._device, lambda: talk, Lane.CONTROL)
        if poll.fault == "refused":
            return Reply(False, poll.says)
        return Reply(True, "the device accepted it") if poll.fault is None else Reply(None, poll.says or "no answer")
