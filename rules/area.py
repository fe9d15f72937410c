"""A transformer area as records: what feeds what, and which device watches which part of it."""

from dataclasses import dataclass
from typing import Literal

NodeKind = Literal["mv_feeder", "transformer", "feeder", "line", "box"]
PlanKind = Literal["planned", "orderly"]
OrderKind = Literal["arrears"]
"""Why a customer is disconnected: his notice says so."""
DeviceKind = Literal["meter", "ttu", "ltu", "neighbour_ttu", "sensor"]
"""ttu: terminal at the transformer. ltu: unit at a feeder's head. neighbour_ttu: another area's terminal.
sensor: what measures beside the supply, such as temperatures or residual current; it is on no phase."""


@dataclass(frozen=True, slots=True)
class Node:
    """A part of the network that can fail as one: everything behind it loses supply with it."""

    id: str
    kind: NodeKind
    parent: str | None = None
    phases: str = "ABC"
    name: str = ""  # what the dispatcher calls it
    rated_kva: float | None = None  # transformers
    vector_group: str = ""  # transformers
    length_m: float | None = None  # lines


@dataclass(frozen=True, slots=True)
class Device:
    """A meter or terminal and the node that it hangs on."""

    id: str
    kind: DeviceKind
    node: str
    phases: str = "ABC"  # '' for a sensor
    bus: str | None = None  # the line it is read over
    customer: str = ""
    backup_s: float = 0.0  # how long it answers after its supply is gone


@dataclass(frozen=True, slots=True)
class Bus:
    """A line that devices are read over."""

    id: str
    collector_node: str | None = None  # the node that powers its collector; None: it does not depend on the area


@dataclass(frozen=True, slots=True)
class Area:
    """One transformer area, complete."""

    id: str
    nodes: tuple[Node, ...]
    devices: tuple[Device, ...]
    buses: tuple[Bus, ...] = ()
    nominal_voltage: float = 220.0
    poll_period_s: float = 60.0


@dataclass(frozen=True, slots=True)
class PlannedOutage:
    """An outage that the utility announced; orderly: to share power that is short."""

    id: str
    node: str
    start: float  # epoch seconds
    end: float
    reason: str = ""
    kind: PlanKind = "planned"


@dataclass(frozen=True, slots=True)
class DisconnectOrder:
    """An order to open or close one customer's relay."""

    device: str
    at: float  # epoch seconds
    kind: OrderKind = "arrears"


@dataclass(frozen=True, slots=True)
class Report:
    """A customer's call."""

    id: str
    at: float  # epoch seconds
    device: str
    complaint: str = ""
