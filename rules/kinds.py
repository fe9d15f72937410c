"""Every type of incident that the rules tell: what it means, how grave it is, and what is done about it."""

from collections.abc import Mapping
from dataclasses import dataclass

from rules.incident import Severity


@dataclass(frozen=True, slots=True)
class Kind:
    """What a type of incident stands for."""

    says: str
    severities: tuple[Severity, ...]  # that it may have
    remedy: str  # what a dispatcher has done about it
    code: str = ""  # IEC 61968-9: device type, domain, subdomain, event or action


LOSSES: Mapping[str, Kind] = {
    "mv_outage": Kind(
        "the medium-voltage feeder is dead, and other areas with it",
        ("critical",),
        "the feeder's own protection and its operator; nothing to mend in this area",
        "13.26.0.85",
    ),
    "transformer_outage": Kind(
        "the transformer gives nothing, its medium-voltage feeder is alive",
        ("critical",),
        "a crew to the transformer: fuses, switch, the transformer itself",
        "8.26.0.85",
    ),
    "area_outage": Kind(
        "the whole area is dark; no neighbour's terminal tells feeder from transformer",
        ("critical",),
        "a crew to the transformer; ask the feeder's operator first",
        "8.26.0.85",
    ),
    "feeder_outage": Kind(
        "a low-voltage feeder is dead", ("major",), "a crew to the feeder's breaker or fuses", "13.26.0.85"
    ),
    "branch_outage": Kind(
        "a line and all behind it is dead", ("major",), "a crew along the line, from its head on", "13.26.0.85"
    ),
    "box_outage": Kind(
        "a meter box is dead", ("major",), "a crew to the box: its breaker, its service cable", "3.26.0.85"
    ),
    "meter_outage": Kind(
        "one meter is without supply",
        ("minor",),
        "ask the customer; then the meter's own breaker and its service",
        "3.26.0.85",
    ),
    "mv_phase_loss": Kind(
        "a phase of the medium voltage is missing",
        ("critical",),
        "the feeder's operator: a fuse or a conductor on the medium voltage; motors are in danger",
    ),
    "feeder_phase_loss": Kind(
        "phases of a feeder are missing", ("major",), "a crew to the feeder's fuse of that phase"
    ),
    "branch_phase_loss": Kind(
        "phases of a line are missing", ("major",), "a crew along the line: a broken conductor or joint of that phase"
    ),
    "box_phase_loss": Kind(
        "phases of a meter box are missing", ("major",), "a crew to the box: a fuse or terminal of that phase"
    ),
    "phase_loss": Kind(
        "phases of one meter are missing", ("major",), "a crew to the meter: a fuse or terminal of that phase"
    ),
    "neutral_break": Kind(
        "the neutral is broken: voltages of the phases behind it drift apart",
        ("critical",),
        "switch off what lies behind at once, it gets up to 380 V; then find the open neutral",
    ),
    "planned_outage": Kind(
        "an announced outage, planned or orderly",
        ("info", "major"),
        "nothing; when it overruns (major), ask the crew",
    ),
    "planned_not_executed": Kind(
        "an announced outage did not come",
        ("info",),
        "ask whether it was put off; withdraw the announcement or change it",
    ),
    "arrears_disconnect": Kind("a relay is open by order", ("info",), "nothing"),
    "relay_open": Kind(
        "a relay is open, and nobody ordered it",
        ("minor",),
        "find out who opened it; give the order (`order`) or have it closed",
    ),
    "momentary_interruption": Kind(
        "devices were silent together for a moment, and answer again",
        ("info",),
        "nothing; when it comes again, look for a loose contact or a reclosing breaker",
    ),
    "repeated_outages": Kind(
        "a place has lost its supply again and again", ("info",), "an inspection of the place before it fails for good"
    ),
    "customer_side_fault": Kind(
        "a meter has voltage and all its load, the base load too, is gone at once",
        ("info",),
        "tell the customer to look at the own breaker",
    ),
}
VOLTAGES: Mapping[str, Kind] = {
    "low_voltage": Kind(
        "voltages stay below the limit",
        ("minor", "major", "critical"),
        "tap changer, load on the phase, cross-section of the line; at a critical one look for a bad contact",
        "3.26.38.223",
    ),
    "over_voltage": Kind(
        "voltages stay above the limit",
        ("minor", "major", "critical"),
        "tap changer, feed-in behind the node; at a critical one look for a broken neutral",
        "3.26.38.248",
    ),
    "dip": Kind(
        "one low voltage between good ones",
        ("info",),
        "nothing; many of them tell of starting motors or of faults elsewhere",
    ),
    "voltage_unbalance": Kind(
        "the phases' voltages differ", ("info",), "move single-phase load from the low phase to the high one"
    ),
    "voltage_distortion": Kind("harmonics above the limit", ("info",), "find the customer whose device distorts"),
    "frequency_deviation": Kind(
        "the frequency is off", ("minor",), "an island or a generator; otherwise the device that measures"
    ),
    "reverse_sequence": Kind(
        "the phases come in the wrong order", ("info",), "swap two phases at the meter; motors behind it turn backwards"
    ),
    "low_power_factor": Kind("a power factor below the limit", ("info",), "check the compensation at the transformer"),
    "voltage_misfit": Kind(
        "a voltage is off its neighbours' whatever is drawn: wrong phase, place or meter",
        ("info",),
        "set the row in `devices.csv` right, or check the meter",
    ),
    "loose_connection": Kind(
        "a voltage falls with the current more than its neighbours' does",
        ("info",),
        "have the meter's terminals and its service tightened: it gets hot",
    ),
}
EQUIPMENT: Mapping[str, Kind] = {
    "heavy_load": Kind(
        "the transformer is nearly fully loaded", ("minor",), "watch it; plan to move load or for a larger transformer"
    ),
    "overload": Kind(
        "the transformer is overloaded",
        ("major", "critical"),
        "move or shed load; when critical, within the minutes that the overload curve allows",
    ),
    "current_unbalance": Kind(
        "the phases' currents differ",
        ("info", "minor"),
        "move single-phase customers to the phase with least load",
    ),
    "reverse_power": Kind(
        "power flows back into the medium voltage",
        ("info",),
        "nothing, when there is feed-in; otherwise check the current transformers",
    ),
    "oil_temperature_high": Kind(
        "hot oil",
        ("major", "critical"),
        "reduce the load, check the cooling; when critical, at once",
    ),
    "oil_temperature_unexplained": Kind(
        "oil hotter than load and air explain", ("minor",), "check oil level, cooling and the sensor"
    ),
    "winding_temperature_high": Kind(
        "hot windings",
        ("major", "critical"),
        "reduce the load, check the fans; when critical, at once",
    ),
    "residual_current_high": Kind(
        "current leaks to earth", ("minor",), "look for damaged insulation behind the device, phase by phase"
    ),
    "device_alarm": Kind("a device's own alarm contact is closed", ("minor",), "read the device's own log"),
    "device_trip": Kind(
        "a device's own trip contact is closed", ("critical",), "find what tripped it before it is closed again"
    ),
    "sensor_fault": Kind("one of a device's sensors is broken", ("minor",), "check or replace the sensor"),
}
METERING: Mapping[str, Kind] = {
    "comm_meter": Kind(
        "one device is silent, and its supply is not in doubt",
        ("minor",),
        "check the meter's communication port, its address, its wiring",
    ),
    "comm_bus": Kind(
        "a line or its collector is dead, and the supply is not in doubt",
        ("major",),
        "check the line, its collector or serial server, and their supply",
    ),
    "comm_noise": Kind(
        "a line garbles answers", ("minor",), "check shielding, termination, a second master, a device that babbles"
    ),
    "clock_drift": Kind(
        "a meter's clock is off",
        ("info", "minor"),
        "have the clock set (`[clock]`, or `arm` with `set_clock`); replace its battery",
    ),
    "register_backwards": Kind(
        "a register counts backwards",
        ("info",),
        "was the meter replaced or reset? Note its register, check the row in `devices.csv`",
    ),
    "register_frozen": Kind("a register stands still while power is drawn", ("info",), "replace the meter"),
    "consumption_misfit": Kind(
        "energy, power and current of a meter do not fit each other",
        ("info",),
        "check the meter's wiring and current transformers; look for a bypass",
    ),
    "line_loss": Kind(
        "the energy that the transformer gave and that the meters took do not match",
        ("info",),
        "look for energy that flows past the meters, and for a wrong ratio or a foreign meter",
    ),
    "topology_suspect": Kind(
        "a device hangs elsewhere than the topology says",
        ("info",),
        "set the device's node or phase right in `devices.csv`, then `reload`",
    ),
    "unknown_device": Kind(
        "somebody answers whom no file knows", ("info",), "put it into `devices.csv`, or find out whose line is heard"
    ),
}
KINDS: Mapping[str, Kind] = {**LOSSES, **VOLTAGES, **EQUIPMENT, **METERING}
"""All of them. A rule that tells another type fails when it does: consumers must be able to know them all."""
