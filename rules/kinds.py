"""Every type of incident that the rules tell: what it means, and its code after IEC 61968-9 where there is one."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """What a type of incident stands for."""

    says: str
    code: str = ""  # IEC 61968-9: device type, domain, subdomain, event or action


LOSSES: Mapping[str, Kind] = {
    "mv_outage": Kind("the medium-voltage feeder is dead, and other areas with it", "13.26.0.85"),
    "transformer_outage": Kind("the transformer gives nothing, its medium-voltage feeder is alive", "8.26.0.85"),
    "area_outage": Kind("the whole area is dark; no neighbour's terminal tells feeder from transformer", "8.26.0.85"),
    "feeder_outage": Kind("a low-voltage feeder is dead", "13.26.0.85"),
    "branch_outage": Kind("a line and all behind it is dead", "13.26.0.85"),
    "box_outage": Kind("a meter box is dead", "3.26.0.85"),
    "meter_outage": Kind("one meter is without supply", "3.26.0.85"),
    "mv_phase_loss": Kind("a phase of the medium voltage is missing"),
    "feeder_phase_loss": Kind("phases of a feeder are missing"),
    "branch_phase_loss": Kind("phases of a line are missing"),
    "box_phase_loss": Kind("phases of a meter box are missing"),
    "phase_loss": Kind("phases of one meter are missing"),
    "neutral_break": Kind("the neutral is broken: voltages of the phases behind it drift apart"),
    "planned_outage": Kind("an announced outage, planned or orderly"),
    "planned_not_executed": Kind("an announced outage did not come"),
    "arrears_disconnect": Kind("a relay is open by order"),
    "relay_open": Kind("a relay is open, and nobody ordered it"),
    "momentary_interruption": Kind("devices were silent together for a moment, and answer again"),
    "repeated_outages": Kind("a place has lost its supply again and again"),
    "customer_side_fault": Kind("a meter has voltage and all its load, the base load too, is gone at once"),
}
VOLTAGES: Mapping[str, Kind] = {
    "low_voltage": Kind("voltages stay below the limit", "3.26.38.223"),
    "over_voltage": Kind("voltages stay above the limit", "3.26.38.248"),
    "dip": Kind("one low voltage between good ones"),
    "voltage_unbalance": Kind("the phases' voltages differ"),
    "voltage_distortion": Kind("harmonics above the limit"),
    "frequency_deviation": Kind("the frequency is off"),
    "reverse_sequence": Kind("the phases come in the wrong order"),
    "low_power_factor": Kind("a power factor below the limit"),
    "voltage_misfit": Kind("a voltage is off its neighbours' whatever is drawn: wrong phase, place or meter"),
    "loose_connection": Kind("a voltage falls with the current more than its neighbours' does"),
}
EQUIPMENT: Mapping[str, Kind] = {
    "heavy_load": Kind("the transformer is nearly fully loaded"),
    "overload": Kind("the transformer is overloaded"),
    "current_unbalance": Kind("the phases' currents differ"),
    "reverse_power": Kind("power flows back into the medium voltage"),
    "oil_temperature_high": Kind("hot oil"),
    "oil_temperature_unexplained": Kind("oil hotter than load and air explain"),
    "winding_temperature_high": Kind("hot windings"),
    "residual_current_high": Kind("current leaks to earth"),
    "device_alarm": Kind("a device's own alarm contact is closed"),
    "device_trip": Kind("a device's own trip contact is closed"),
    "sensor_fault": Kind("one of a device's sensors is broken"),
}
METERING: Mapping[str, Kind] = {
    "comm_meter": Kind("one device is silent, and its supply is not in doubt"),
    "comm_bus": Kind("a line or its collector is dead, and the supply is not in doubt"),
    "comm_noise": Kind("a line garbles answers"),
    "clock_drift": Kind("a meter's clock is off"),
    "register_backwards": Kind("a register counts backwards"),
    "register_frozen": Kind("a register stands still while power is drawn"),
    "consumption_misfit": Kind("energy, power and current of a meter do not fit each other"),
    "line_loss": Kind("the energy that the transformer gave and that the meters took do not match"),
    "topology_suspect": Kind("a device hangs elsewhere than the topology says"),
    "unknown_device": Kind("somebody answers whom no file knows"),
}
KINDS: Mapping[str, Kind] = {**LOSSES, **VOLTAGES, **EQUIPMENT, **METERING}
"""All of them. A rule that tells another type fails when it does: consumers must be able to know them all."""
