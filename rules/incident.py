"""What the rules say: incidents with a life, wishes for reads that would settle a doubt, verdicts on reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["suspected", "confirmed", "cleared", "cancelled", "explained"]
Reason = Literal[
    "first", "confirmed", "grew", "shrank", "moved", "worsened", "eased", "reminder", "cleared", "cancelled",
    "explained", "corrected", "acknowledged", "shelved", "unshelved", "progress",
]  # fmt: skip
"""worsened, eased: its severity changed. reminder: it lasts, nothing is new. corrected: begin and end of what is over,
set right by records that devices kept. The last four: an operator's hand, or a shelf whose time is over."""
Severity = Literal["critical", "major", "minor", "info"]
Work = Literal["dispatched", "arrived", "repaired"]
"""How far the crew is."""


def is_outage(kind: str) -> bool:
    """Whether incidents of a type are a loss of supply, which a meter's memory can tell about."""
    return kind.endswith(("_outage", "phase_loss"))


@dataclass(frozen=True, slots=True)
class Incident:
    """One cause and what it does, as of `at`. Said again, with the same id, at every change."""

    id: str
    type: str
    state: State
    reason: Reason
    severity: Severity
    at: float  # epoch seconds of this change
    node: str  # a node, or a device where the trouble is its own
    started_at: float  # best estimate
    started_after: float  # the last moment it was surely not there
    ended_at: float | None = None
    phases: str = ""
    devices: tuple[str, ...] = ()  # that it affects
    customers: tuple[str, ...] = ()
    equivalents: tuple[str, ...] = ()  # nodes that no reading can tell from `node`
    cause: str = ""
    confidence: float = 1.0  # 0 to 1
    evidence: tuple[str, ...] = ()  # sentences for a dispatcher
    figures: Mapping[str, float] = field(default_factory=dict)  # numbers for an engineer
    explained_by: str | None = None
    code: str = ""  # IEC 61968-9 event code
    acknowledged_by: str = ""  # an operator: no more reminders
    shelved_by: str = ""
    shelved_until: float | None = None  # silent until then, unless it ends or grows in severity
    progress: Work | None = None
    expected_end: float | None = None  # as the crew says


def incident_of(row: Mapping[str, Any]) -> Incident:
    """An incident from plain data, as it comes back from disk."""
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Incident(**fields)


@dataclass(frozen=True, slots=True)
class Wish:
    """A read that would settle a doubt; the gateway puts it at the head of the line's queue."""

    device: str
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement on a customer's report."""

    report: str
    at: float
    verdict: Literal[
        "network_fault",
        "planned_outage",
        "arrears_disconnect",
        "voltage_quality",
        "customer_side_fault",
        "no_network_fault",
        "unknown",
    ]
    node: str | None = None
    incident: str | None = None
    evidence: tuple[str, ...] = ()
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step of the rules gave."""

    incidents: tuple[Incident, ...] = ()
    wishes: tuple[Wish, ...] = ()
