"""From what the rules hold true to what a dispatcher reads: types, severities, sentences."""

from collections.abc import Mapping
from dataclasses import replace
from math import exp

from rules.area import PlannedOutage
from rules.book import Claim
from rules.case import Case
from rules.incident import Severity
from rules.neutral import Break
from rules.phases import HalfPhases
from rules.pool import Pool
from rules.topology import Tree
from rules.witness import Witness

OUTAGES = {
    "mv_feeder": "mv_outage",
    "transformer": "transformer_outage",
    "feeder": "feeder_outage",
    "line": "branch_outage",
    "box": "box_outage",
}
PHASE_LOSSES = {
    "mv_feeder": "mv_phase_loss",
    "transformer": "mv_phase_loss",
    "feeder": "feeder_phase_loss",
    "line": "branch_phase_loss",
    "box": "box_phase_loss",
}
SEVERITIES: Mapping[str, Severity] = {
    "mv_outage": "critical",
    "transformer_outage": "critical",
    "area_outage": "critical",
    "mv_phase_loss": "critical",
    "neutral_break": "critical",
    "meter_outage": "minor",
    "comm_meter": "minor",
    "planned_outage": "info",
}

CLOSE = 2.0
"""Nats by which one explanation is better than the next, below which the next is as good as it."""


def case_claim(case: Case, witnesses: Mapping[str, Witness], tree: Tree, pool: Pool, at: float) -> Claim:
    """A case of lost supply or lost contact, in words."""
    kind = _case_type(case, witnesses, tree)
    lost = case.devices if case.kind == "bus" else list(_affected(case, tree))
    claim = Claim(
        type=kind,
        node=case.node,
        state="confirmed" if case.stage == "confirmed" else "suspected",
        severity=SEVERITIES.get(kind, "major"),
        started_at=case.since,
        started_after=min(case.after, case.since),
        phases="" if case.whole else case.letters,
        devices=tuple(device for device in lost if tree.devices[device].kind == "meter"),
        equivalents=() if case.kind == "bus" or case.alone else tree.equivalents(case.node),
        confidence=_confidence(case),
        evidence=tuple(_case_evidence(case, tree, lost)),
        figures={"silent_devices": float(len(case.devices))},
    )
    if plan := _plan(case, claim.equivalents, witnesses, tree, pool):
        says = f"announced as {plan.id}" + (f": {plan.reason}" if plan.reason else "")
        alike = (claim.node, *claim.equivalents)
        node = plan.node if plan.node in alike else claim.node  # no reading can tell, but the utility has said
        claim = replace(
            claim,
            type="planned_outage",
            severity="info",
            node=node,
            equivalents=tuple(other for other in alike if other != node),
            cause=plan.kind,
            evidence=(*claim.evidence, says),
        )
        if pool.overrun(plan, at):
            says = f"{plan.id} should have ended {(at - plan.end) / 60:.0f} min ago"
            claim = replace(claim, severity="major", evidence=(*claim.evidence, says))
    elif case.kind == "supply" and (plan := pool.missed((case.node, *claim.equivalents), case.since, at)):
        early = case.since < plan.start
        off = plan.start - case.since if early else case.since - plan.end
        says = (
            f"{plan.id} is announced here, but this began {off / 60:.0f} min {'before' if early else 'after'} its time"
        )
        claim = replace(claim, evidence=(*claim.evidence, says))
    return claim


def _plan(
    case: Case, equivalents: tuple[str, ...], witnesses: Mapping[str, Witness], tree: Tree, pool: Pool
) -> PlannedOutage | None:
    """The plan that a case is what came of; a silent meter is, when nothing else hangs on what was announced."""
    if case.kind == "supply":
        return pool.plan_for((case.node, *equivalents), case.since)
    if case.kind != "device" or not witnesses[case.node].needs_supply:
        return None
    only = [node for node in tree.upward[tree.devices[case.node].node] if len(tree.below[node]) == 1]
    return pool.plan_for((case.node, *only), case.since, alone=True)


def half_claim(half: HalfPhases, tree: Tree) -> Claim:
    """A lost MV phase, in words."""
    node = half.node
    letters = "".join("ABC"[place] for place in half.places)
    volts = ", ".join("too little to answer" if volt < 0 else f"{volt:.0f} V" for volt in half.volts)
    return Claim(
        type="mv_phase_loss",
        node=node,
        state="confirmed" if half.confirmed else "suspected",
        severity="critical",
        started_at=half.since,
        started_after=half.after,
        phases=letters,
        devices=tree.meters_below(node),
        equivalents=tree.equivalents(node),
        cause=f"phase {_lost_mv_phase(half, tree)} on the MV side is missing",
        evidence=(f"phases read {volts}: two near half, adding up to the third",),
    )


def _lost_mv_phase(half: HalfPhases, tree: Tree) -> str:
    """A, B or C where the transformer's vector group tells; Dyn11 winds phase a between A and B, b B-C, c C-A."""
    top = tree.transformer()
    if top is None or top.vector_group != "Dyn11":
        return "A, B or C"
    return {(0, 2): "A", (0, 1): "B", (1, 2): "C"}[half.places[0], half.places[1]]


def break_claim(found: Break, tree: Tree) -> Claim:
    """A broken neutral, in words."""
    return Claim(
        type="neutral_break",
        node=found.node,
        state="confirmed" if found.confirmed else "suspected",
        severity="critical",
        started_at=found.since,
        started_after=min(found.after, found.since),
        devices=tree.meters_below(found.node),
        equivalents=tree.equivalents(found.node),
        cause="the neutral conductor in front of this node is open",
        evidence=(f"one shift of the neutral point by {found.shift_v:.0f} V explains every meter below {found.node}",),
        figures={"shift_v": round(found.shift_v, 1)},
    )


def relay_claim(device: str, at: float, before: float, ordered: bool) -> Claim:
    """An open relay, in words."""
    says = "its relay is open, as ordered" if ordered else "its relay is open and no order is known"
    return Claim(
        type="arrears_disconnect" if ordered else "relay_open",
        node=device,
        state="confirmed",
        severity="info" if ordered else "minor",
        started_at=at,
        started_after=before,
        devices=(device,),
        cause="arrears" if ordered else "",
        evidence=(says,),
    )


def noise_claim(bus: str, devices: tuple[str, ...], at: float, share: float) -> Claim:
    """A line that loses answers, in words."""
    return Claim(
        type="comm_noise",
        node=bus,
        state="confirmed",
        severity="minor",
        started_at=at,
        started_after=at,
        devices=devices,
        evidence=(f"{share:.0%} of the answers on line {bus} get lost",),
        figures={"lost_share": round(share, 3)},
    )


def misplaced_claim(device: str, where: str, at: float) -> Claim:
    """A device that lost supply with something which the topology does not put it behind, in words."""
    return Claim(
        type="topology_suspect",
        node=device,
        state="confirmed",
        severity="info",
        started_at=at,
        started_after=at,
        devices=(device,),
        evidence=(f"it lost supply together with {where}, behind which the topology does not put it",),
    )


def idle_plan_claim(plan: PlannedOutage, at: float) -> Claim:
    """A plan that nothing came of, in words."""
    return Claim(
        type="planned_not_executed",
        node=plan.node,
        state="confirmed",
        severity="info",
        started_at=plan.start,
        started_after=plan.start,
        cause="planned",
        evidence=(f"{plan.id} was announced until {(at - plan.end) / 60:.0f} min ago and nothing lost supply",),
    )


def momentary_claim(case: Case, tree: Tree, until: float) -> Claim:
    """Devices that were silent together and came back before anything could be confirmed, in words."""
    meters = tuple(device for device in case.devices if tree.devices[device].kind == "meter")
    return Claim(
        type="momentary_interruption",
        node=case.node if case.kind == "supply" else tree.common(case.devices),
        state="confirmed",
        severity="info",
        started_at=case.since,
        started_after=min(case.after, case.since),
        devices=meters,
        evidence=(f"{len(case.devices)} devices were silent together and answer again",),
        figures={"seconds_at_most": round(until - case.after, 1)} if case.after else {},
    )


def _case_type(case: Case, witnesses: Mapping[str, Witness], tree: Tree) -> str:
    if case.kind == "bus":
        return "comm_bus"
    if case.alone:
        if len(case.places) < len(tree.devices[case.node].phases):
            return "phase_loss"
        witness = witnesses[case.node]
        gasped = witness.gasp_at > witness.alive_at
        return "meter_outage" if case.kind == "supply" or gasped else "comm_meter"
    kind = tree.nodes[case.node].kind
    if not case.whole:
        return PHASE_LOSSES[kind]
    neighbours = any(w.device.kind == "neighbour_ttu" and w.alive_at for w in witnesses.values())
    if kind == "transformer" and not neighbours:
        return "area_outage"
    return OUTAGES[kind]


def _affected(case: Case, tree: Tree) -> tuple[str, ...]:
    if case.kind == "bus":
        return tuple(device.id for device in tree.area.devices if device.bus == case.node)
    if case.alone:
        return tuple(case.devices)
    below = tree.meters_below(case.node, case.letters)
    return (
        *below,
        *(device for device in case.devices if device not in below and tree.devices[device].kind == "meter"),
    )


def _confidence(case: Case) -> float:
    if case.stage == "suspected":
        return 0.5
    if case.kind == "device":
        return 0.7
    by_many = min(0.99, 0.8 + 0.03 * len(case.devices))
    return by_many if case.lead is None else min(by_many, 1 / (1 + exp(-case.lead)))


def _case_evidence(case: Case, tree: Tree, lost: list[str]) -> list[str]:
    if case.kind == "device":
        return [f"{case.node} has stopped answering while devices around it answer"]
    if case.kind == "bus":
        says = [f"none of the {len(case.devices)} devices on line {case.node} answers"]
    else:
        meters = sum(tree.devices[device].kind == "meter" for device in case.devices)
        says = [f"{meters} of {len(lost)} meters at {case.node} show no supply"]
    if case.load_kw is not None and case.load_kw > 0:
        says.append(f"the load at the terminals fell by {case.load_kw:.1f} kW")
    says += [f"line {bus} is silent with it: its collector is fed from there" for bus in case.consequent]
    if case.lead is not None and case.lead < CLOSE:
        says.append("it is not clear whether power or a line failed: the load at the terminals fits either")
    return says
