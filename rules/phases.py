"""Loss of one MV phase in front of a delta-star transformer: two phases near half, adding up to the third."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field

from rules.area import Area
from rules.thresholds import Limits
from rules.topology import Tree
from rules.witness import Witness


@dataclass(slots=True)
class HalfPhases:
    """The pattern, as long as it is seen."""

    places: list[int]
    since: float
    after: float
    seen_at: float
    confirmed: bool = False
    healthy_at: float = 0.0
    node: str = ""
    healthy: list[str] = field(default_factory=list)
    volts: list[float] = field(default_factory=list)


def half_phases(volts: list[float | None], nominal: float, tolerance: float) -> list[int] | None:
    """The two phases (0, 1, 2) that are near half while the third is well; None when this is not the pattern."""
    a, b, c = volts
    well = 0.85 * nominal
    if a is None or b is None or c is None or (a >= well) + (b >= well) + (c >= well) != 1:
        return None
    known = (a, b, c)
    low, mid, top = sorted(known)
    if not 0.12 * nominal < low:
        return None
    order = sorted(range(3), key=known.__getitem__)
    return sorted(order[:2]) if abs(low + mid - top) <= tolerance * top else None


class MvPhase:
    """Watches every three-phase device for the pattern."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._nominal = area.nominal_voltage
        self._tolerance = limits["outage"]["mv_loss_tolerance"]
        self._confirm_s = min(limits["outage"]["confirm_s"], limits["outage"]["confirm_polls"] * area.poll_period_s)
        self._poll = area.poll_period_s
        self._neighbours = [device.id for device in area.devices if device.kind == "neighbour_ttu"]
        self.seen: HalfPhases | None = None

    def look(self, witness: Witness) -> bool:
        """A three-phase device was read; whether the pattern changed."""
        if len(witness.places) != 3 or witness.device.kind == "neighbour_ttu":
            return False
        places = half_phases(witness.volts, self._nominal, self._tolerance)
        if places is None:
            return self._healthy(witness)
        volts = [volt or 0.0 for volt in witness.volts]
        if self.seen is None:
            after = witness.at - witness.interval
            self.seen = HalfPhases(places, witness.at, after, witness.at, node=self._place(), volts=volts)
            return True
        self.seen.node = self.seen.node if self.seen.node != self._transformer() else self._place()
        self.seen.seen_at, self.seen.healthy_at, self.seen.healthy = witness.at, 0.0, []
        if not self.seen.confirmed and witness.at - self.seen.since >= self._confirm_s:
            self.seen.confirmed = True
            return True
        return False

    def _healthy(self, witness: Witness) -> bool:
        """Two devices that are well again, or one a poll later, end it."""
        seen = self.seen
        if seen is None or not all((volt or 0.0) > 0.8 * self._nominal for volt in witness.volts):
            return False
        seen.healthy_at = seen.healthy_at or witness.at
        seen.healthy.append(witness.device.id)
        return len(set(seen.healthy)) > 1 or witness.at - seen.healthy_at > 0

    @property
    def over(self) -> bool:
        """Whether it has ended; `forget` then."""
        return self.seen is not None and len(self.seen.healthy) > 1

    def forget(self) -> None:
        """The end was told."""
        self.seen = None

    def _transformer(self) -> str:
        top = self._tree.transformer()
        return top.id if top is not None else self._tree.bottom_up[-1]

    def _place(self) -> str:
        """The MV feeder when a neighbour shows the same, else the transformer."""
        top = self._tree.transformer()
        same = [
            name
            for name in self._neighbours
            if half_phases(self._witnesses[name].volts, self._nominal, self._tolerance) is not None
        ]
        if same and top is not None and top.parent is not None:
            return top.parent
        return self._transformer()

    def masked(self) -> Collection[str]:
        """Devices whose silence or low voltage it explains."""
        if self.seen is None:
            return ()
        places = set(self.seen.places)
        since = self.seen.since  # whoever fell silent with it is on one of these phases, whatever is said
        return [
            name
            for name, w in self._witnesses.items()
            if len(w.places) == 1
            and (places.intersection(w.places) or (w.silent and w.silent_since >= since - max(self._poll, w.period)))
        ]

    def dump(self) -> object:
        """Its state as plain data."""
        return asdict(self.seen) if self.seen else None

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        self.seen = HalfPhases(**kept) if isinstance(kept, dict) else None
