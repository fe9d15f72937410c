"""A customer's call, judged from what is known: network, plan, arrears, voltage, or the customer's own side."""

from collections.abc import Callable, Iterable
from typing import Literal

from rules.area import Report
from rules.incident import Incident, Verdict
from rules.thresholds import Limits, of_class
from rules.witness import ALIVE, Witness

VOLTAGE = ("low_voltage", "over_voltage")
CONTACT = ("meter_outage", "comm_meter", "comm_bus")

Kind = Literal["network_fault", "planned_outage", "voltage_quality", "unknown"]

_BY_CAUSE: tuple[tuple[Callable[[str], bool], Kind], ...] = (
    (lambda kind: kind == "planned_outage", "planned_outage"),
    (lambda kind: kind.endswith(("outage", "phase_loss")) and kind != "meter_outage", "network_fault"),
    (lambda kind: kind == "neutral_break", "voltage_quality"),
)


def judge(
    report: Report,
    active: Iterable[Incident],
    witness: Witness | None,
    limits: Limits,
    nominal: float,
    *,
    ordered: bool = False,
) -> Verdict:
    """The verdict on a call at this moment. `ordered`: an order to open this customer's relay is known."""
    if witness is None:
        says = f"there is no device {report.device}"
        return Verdict(report.id, report.at, "unknown", evidence=(says,), confidence=0.0)
    told = [incident for incident in active if report.device in incident.devices and incident.state == "confirmed"]
    for explains, kind in _BY_CAUSE:
        cause = next((incident for incident in told if explains(incident.type)), None)
        if cause is not None:
            return _from(report, kind, cause)
    if not witness.alive_at or (witness.is_silent and not _lately(witness, limits)):
        lost = next((incident for incident in told if incident.type in CONTACT), None)
        if lost is not None:
            return _from(report, "unknown", lost)
        says = "the meter does not answer and nothing else tells of its supply"
        return Verdict(report.id, report.at, "unknown", report.device, evidence=(says,), confidence=0.3)
    return _answering(report, told, witness, limits, nominal, ordered=ordered)


def _lately(witness: Witness, limits: Limits) -> bool:
    """Whether it missed one answer only, and not for want of supply, so that its last answer still counts."""
    certain = limits["comm"]["certainty"]
    return witness.gasp_at <= witness.alive_at and witness.silent <= 1 and witness.weight < certain / 2


def _from(report: Report, verdict: Kind, incident: Incident) -> Verdict:
    return Verdict(report.id, report.at, verdict, incident.node, incident.id, incident.evidence, incident.confidence)


def _answering(
    report: Report,
    told: list[Incident],
    witness: Witness,
    limits: Limits,
    nominal: float,
    *,
    ordered: bool,
) -> Verdict:
    """The meter answers, so it has supply: what does it read?"""
    if witness.relay_open:
        says = "the relay is open, as ordered" if ordered else "the relay is open and no order is known"
        return Verdict(
            report.id,
            report.at,
            "arrears_disconnect",
            report.device,
            evidence=(says,),
            confidence=0.95 if ordered else 0.6,
        )
    own = of_class(limits, "voltage", witness.device.kind)
    volts = [v for p in witness.places if witness.state[p] == ALIVE and (v := witness.volts[p]) is not None]
    outside = [v for v in volts if not own["low_share"] * nominal <= v <= own["high_share"] * nominal]
    lately = report.complaint == "voltage" and report.at - witness.odd_at < limits["report"]["voltage_memory_s"]
    if outside or lately:
        voltage = next((incident for incident in told if incident.type in VOLTAGE), None)
        says = f"the meter reads {outside[0]:.1f} V" if outside else "its voltage has been outside the limits lately"
        node = voltage.node if voltage else report.device
        return Verdict(
            report.id,
            report.at,
            "voltage_quality",
            node,
            voltage.id if voltage else None,
            evidence=(says,),
            confidence=0.9,
        )
    usual, least = witness.usual or 0.0, limits["report"]["no_load_a"]
    seen = f"the meter has {volts[0]:.1f} V" if volts else "the meter answers"
    if (witness.amps or 0.0) < least and usual * 1000 / nominal > least:
        says = f"{seen} and no load, usually {usual:.2f} kW"
        return Verdict(report.id, report.at, "customer_side_fault", report.device, evidence=(says,), confidence=0.8)
    says = f"{seen} and a load of {witness.amps or 0.0:.2f} A"
    return Verdict(report.id, report.at, "no_network_fault", report.device, evidence=(says,), confidence=0.9)
