"""A customer's call, judged from what is known: network, plan, arrears, voltage, or the customer's own side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from rules.area import Area, Report
from rules.book import Book
from rules.incident import Incident, Verdict, is_outage
from rules.pool import Pool
from rules.thresholds import Limits, of_class
from rules.topology import Tree
from rules.witness import ALIVE, Witness

VOLTAGE = ("low_voltage", "over_voltage")
CONTACT = ("meter_outage", "comm_meter", "comm_bus", "comm_noise")

Kind = Literal["network_fault", "planned_outage", "voltage_quality", "unknown"]

_BY_CAUSE: tuple[tuple[Callable[[str], bool], Kind], ...] = (
    (lambda kind: kind == "planned_outage", "planned_outage"),
    (lambda kind: is_outage(kind) and kind != "meter_outage", "network_fault"),
    (lambda kind: kind == "neutral_break", "voltage_quality"),
)


class Calls:
    """Judges calls from what the rules know of one area, and says whose reading would tell more."""

    def __init__(
        self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area, pool: Pool, book: Book
    ) -> None:
        self._tree, self._witnesses, self._limits = tree, witnesses, limits
        self._nominal = area.nominal_voltage
        self._pool, self._book = pool, book

    def whom_to_ask(self, report: Report) -> tuple[str, ...]:
        """Devices to be read before a call is judged: the customer's meter, and beside it when it does not answer."""
        witness = self._witnesses.get(report.device)
        if witness is None:
            return ()
        beside = self._beside(witness) if _mute(witness) else ()
        return (report.device, *(one.device.id for one in beside))

    def judge(self, report: Report) -> Verdict:
        """The verdict on a call at this moment."""
        witness = self._witnesses.get(report.device)
        if witness is None:
            says = f"there is no device {report.device}"
            return Verdict(report.id, report.at, "unknown", evidence=(says,), confidence=0.0)
        lasting = [incident for incident in self._book.active() if report.device in incident.devices]
        told = [incident for incident in lasting if incident.state == "confirmed"]
        for explains, kind in _BY_CAUSE:
            cause = next((incident for incident in told if explains(incident.type)), None)
            if cause is not None:
                return _from(report, kind, cause)
        noisy = any(one.type == "comm_noise" for one in told)
        if _mute(witness) and (noisy or not _lately(witness, self._limits)):
            return self._silent(report, lasting, witness)
        if witness.relay_open:
            return _relay(report, ordered=self._pool.order_for(report.device, witness.relay_at) is not None)
        poor = _poor_voltage(report, told, witness, self._limits, self._nominal)
        return _drawn(report, witness, self._limits, self._nominal) if poor is None else poor

    def _silent(self, report: Report, lasting: Sequence[Incident], witness: Witness) -> Verdict:
        """The meter does not answer, and no confirmed fault explains it."""
        lost = next((one for one in lasting if one.state == "confirmed" and one.type in CONTACT), None)
        if lost is not None:
            return _from(report, "unknown", lost)
        for one in lasting:
            if one.state == "suspected" and is_outage(one.type) and one.type not in CONTACT:
                return replace(_from(report, "network_fault", one), evidence=(*one.evidence, "not confirmed yet"))
        near = [one.device.id for one in self._beside(witness) if not _mute(one)]
        beside = f", while {' and '.join(near)} beside it {'do' if len(near) > 1 else 'does'}" if near else ""
        rest = "its own supply, or the meter itself" if near else "nothing else tells of its supply"
        says = f"the meter does not answer{beside}: {rest}"
        return Verdict(report.id, report.at, "unknown", report.device, evidence=(says,), confidence=0.3)

    def _beside(self, witness: Witness) -> list[Witness]:
        """Two meters at the same node; first those on its phases, among them those heard longest ago."""
        own = witness.device
        near = [self._witnesses[device.id] for device in self._tree.below[own.node] if device.kind == "meter"]
        near = [one for one in near if one.device.node == own.node and one is not witness]
        return sorted(near, key=lambda one: (not set(one.device.phases) & set(own.phases), one.at))[:2]


def _mute(witness: Witness) -> bool:
    """Whether its newest poll brought nothing to judge by."""
    return not witness.alive_at or witness.is_silent or witness.at > witness.alive_at


def _lately(witness: Witness, limits: Limits) -> bool:
    """Whether it missed one answer only, and not for want of supply, so that its last answer still counts."""
    certain = limits["comm"]["certainty"]
    return witness.gasp_at <= witness.alive_at and witness.silent <= 1 and witness.weight < certain / 2


def _from(report: Report, verdict: Kind, incident: Incident) -> Verdict:
    return Verdict(report.id, report.at, verdict, incident.node, incident.id, incident.evidence, incident.confidence)


def _relay(report: Report, *, ordered: bool) -> Verdict:
    """The meter answers and has switched the customer off."""
    says = "the relay is open, as ordered" if ordered else "the relay is open and no order is known"
    sure = 0.95 if ordered else 0.6
    return Verdict(report.id, report.at, "arrears_disconnect", report.device, evidence=(says,), confidence=sure)


def _poor_voltage(
    report: Report, told: Sequence[Incident], witness: Witness, limits: Limits, nominal: float
) -> Verdict | None:
    """A voltage, now or lately, that explains the complaint; None: there is none."""
    own = of_class(limits, "voltage", witness.device.kind)
    severe = "severe_" if report.complaint == "no_power" else ""  # with a few volts less, nobody is without power
    low, high = own[f"{severe}low_share"] * nominal, own[f"{severe}high_share"] * nominal
    outside = [volt for volt in _volts(witness) if not low <= volt <= high]
    lately = report.complaint == "voltage" and report.at - witness.odd_at < limits["report"]["voltage_memory_s"]
    if not outside and not lately:
        return None
    voltage = next((incident for incident in told if incident.type in VOLTAGE), None)
    says = f"the meter reads {outside[0]:.1f} V" if outside else "its voltage has been outside the limits lately"
    node, incident = (voltage.node, voltage.id) if voltage else (report.device, None)
    return Verdict(report.id, report.at, "voltage_quality", node, incident, evidence=(says,), confidence=0.9)


def _drawn(report: Report, witness: Witness, limits: Limits, nominal: float) -> Verdict:
    """The meter has a good supply: is anything drawn?"""
    volts = _volts(witness)
    least = limits["report"]["no_load_a"]
    usual = (witness.usual or 0.0) * 1000 / nominal > least
    seen = f"the meter has {volts[0]:.1f} V" if volts else "the meter answers"
    load = witness.drawn_amps(nominal)
    if load is not None and load < least and (usual or witness.idle_at):  # hours later no load is what is usual
        before = f"usually {witness.usual:.2f} kW" if usual else f"for {(witness.at - witness.idle_at) / 60:.0f} min"
        says = f"{seen} and no load, {before}"
        return Verdict(report.id, report.at, "customer_side_fault", report.device, evidence=(says,), confidence=0.8)
    says = seen if load is None else f"{seen} and a load of {load:.2f} A"
    return Verdict(report.id, report.at, "no_network_fault", report.device, evidence=(says,), confidence=0.9)


def _volts(witness: Witness) -> list[float]:
    """What it reads on phases with supply, V."""
    return [v for p in witness.places if witness.state[p] == ALIVE and (v := witness.volts[p]) is not None]
