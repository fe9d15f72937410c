"""A case: one cause of lost supply or lost contact, from the first sign of it to its end."""

from dataclasses import dataclass, field

from rules.topology import PHASES

CASE = "supply/"
"""As the keys of cases begin."""


@dataclass(slots=True)
class Case:
    """One cause of silence, as long as it lasts."""

    key: str
    kind: str  # supply, bus, device
    node: str
    places: list[int]
    whole: bool
    devices: list[str]
    since: float  # first evidence
    after: float  # last moment it was surely not there
    stage: str = "suspected"
    changed_at: float = 0.0  # node or devices changed
    confirmed_at: float = 0.0
    back_at: float = 0.0  # one of its devices answered again; 0: none did
    back_seen: float = 0.0
    refuted_at: float = 0.0  # something below its node answered, of which it was not known that it had failed
    consequent: list[str] = field(default_factory=list)  # lines that are dead because of it
    load_kw: float | None = None  # that vanished with it
    settled: bool = False  # it has not changed for long
    closed: bool = False  # what fell silent since lived after it was confirmed: nothing can change it but its end
    pinged: float = 0.0
    score: float = 0.0  # weight of the evidence, nats
    alone: bool = False  # `node` is a device
    lead: float | None = None  # of a line's silence: how much better this explains it than the next best, nats

    @property
    def letters(self) -> str:
        """Its phases as letters; '' for a line."""
        return "" if self.kind == "bus" else "".join(PHASES[place] for place in self.places)

    @property
    def of_node(self) -> bool:
        """Whether a node of the tree has failed, with all that hangs below it."""
        return self.kind == "supply" and not self.alone
