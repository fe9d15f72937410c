"""What can go wrong in a simulated area, and what it means electrically."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from gateway.simulate.powerflow import CONDUCTORS, PHASES, N, Switching

FaultKind = Literal[
    "fuse_blown",  # the named phases of a node are open
    "breaker_tripped",  # all phases of a node are open, the neutral stays
    "line_broken",  # all conductors of a node are open
    "neutral_broken",  # the neutral of a node is open
    "transformer_off",  # all drop-out fuses of the transformer are open
    "mv_phase_loss",  # one medium-voltage phase is gone; at the feeder: for the neighbours too
    "mv_outage",  # medium voltage is gone, for the neighbours too
    "dip",  # medium voltage sags by `share` for seconds
    "overload",  # a load of `kw` more at a node (past the meters) or at a device (through its meter)
    "meter_dead",  # a meter's electronics fail; its customer has supply
    "supply_lost",  # one customer's service is open ahead of the meter
    "relay_open",  # a meter's relay is open
    "customer_off",  # the customer's own breaker, behind the meter
    "collector_dead",  # nothing on a line answers; everybody has supply
    "line_noisy",  # answers on a line get lost or garbled with probability `share`
]
KINDS: tuple[str, ...] = get_args(FaultKind)
AT_A_NODE = ("fuse_blown", "breaker_tripped", "line_broken", "neutral_broken")
AT_A_DEVICE = ("meter_dead", "supply_lost", "relay_open", "customer_off")
AT_A_LINE = ("collector_dead", "line_noisy")
SWITCHED_AT_THE_SOURCE = ("transformer_off", "mv_phase_loss", "mv_outage")
AT_THE_SOURCE = (*SWITCHED_AT_THE_SOURCE, "dip")
NEEDS_PHASES = ("fuse_blown", "mv_phase_loss")
NEEDS_A_SHARE = ("dip", "line_noisy")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong now."""

    kind: FaultKind
    where: str  # a node, a device, or a line, as the kind demands
    phases: str = ""
    kw: float = 0.0  # overload
    share: float = 0.0  # line_noisy: of polls that get no good answer; dip: of the voltage that is missing


def switching(faults: Iterable[Fault], buses: Mapping[str, int]) -> Switching:
    """What the faults open in the network. `buses`: bus by node."""
    branches: set[tuple[int, int]] = set()
    source: set[int] = set()
    for fault in faults:
        if fault.kind in AT_A_NODE:
            branches |= {(buses[fault.where], conductor) for conductor in _opened(fault)}
        elif fault.kind in SWITCHED_AT_THE_SOURCE:
            source |= set(conductors(fault.phases) if fault.kind == "mv_phase_loss" else PHASES)
    return Switching(frozenset(branches), frozenset(source))


def sag(faults: Iterable[Fault]) -> float:
    """Share of the medium voltage that is left."""
    return 1.0 - max((fault.share for fault in faults if fault.kind == "dip"), default=0.0)


def _opened(fault: Fault) -> Iterable[int]:
    match fault.kind:
        case "fuse_blown":
            return conductors(fault.phases)
        case "breaker_tripped":
            return PHASES
        case "neutral_broken":
            return (N,)
        case _:
            return CONDUCTORS


def conductors(phases: str) -> tuple[int, ...]:
    """Indices of phases written as letters."""
    return tuple("ABC".index(letter) for letter in phases)
