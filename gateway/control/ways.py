"""Which way there is for an action on a device. What cannot be done is refused here, before anything is armed."""

from gateway.clock import Clock
from gateway.control.action import Action, secret_file
from gateway.control.meter import RELAY, Demand, Freeze, Meter, MeterClock, Parameter, Relay
from gateway.control.way import Carry, Way
from gateway.settings.models import ControlSettings, Device


def way_of(action: Action, device: Device, settings: ControlSettings, clock: Clock, carry: Carry) -> Way:
    """How this is done. Raises RefusedRequestError when it cannot be."""
    if device.driver != "dlt645":
        from gateway.control.breaker import Breaker  # a site without Modbus devices does without pymodbus

        return Breaker(action, device, carry)
    meter = Meter(device, carry, secret_file(settings, action), "02" if action.name in RELAY else "04")
    if action.name == "freeze":
        return Freeze(action, meter)
    meter.authority()  # a password that is not there is told now
    match action.name:
        case "write":
            return Parameter(action, meter)
        case "set_clock":
            return MeterClock(meter, clock)
        case "clear_demand":
            return Demand(meter)
        case _:
            return Relay(action, meter, clock)
