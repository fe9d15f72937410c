"""Loss of one MV phase in front of a delta-star transformer: two phases near half, adding up to the third."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field

from rules.area import Area
from rules.halves import LOW_SHARE, WELL, half_phases, shared_by_meters
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


class MvPhase:
    """Watches every three-phase device for the pattern."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._nominal = area.nominal_voltage
        self._tolerance = limits["outage"]["mv_loss_tolerance"]
        self._confirm_s = min(limits["outage"]["confirm_s"], limits["outage"]["confirm_polls"] * area.poll_period_s)
        self._poll = area.poll_period_s
        self._three = [w for w in witnesses.values() if len(w.places) == 3 and w.device.kind in ("ttu", "ltu", "meter")]
        self._single = [w for w in witnesses.values() if w.single]
        self._neighbours = [device.id for device in area.devices if device.kind == "neighbour_ttu"]
        self.seen: HalfPhases | None = None

    def look(self, witness: Witness) -> bool:
        """A three-phase device was read; whether the pattern changed."""
        if witness.device.kind == "neighbour_ttu":
            own = self._three if self.seen is None and self._elsewhere() else ()
            return any(self._see(one) for one in own if one.alive_at > witness.at - witness.interval)
        return self._see(witness)

    def _see(self, witness: Witness) -> bool:
        if self.seen is None and witness.is_well and not witness.odd:
            return False
        volts = [volt or 0.0 for volt in witness.volts]
        elsewhere = (self._elsewhere() or self._known()) if min(volts) < LOW_SHARE * self._nominal else ()
        places = half_phases(witness.volts, self._nominal, self._tolerance, elsewhere)
        if places is None:
            return self._healthy(witness)
        return self._is_seen(places, volts, witness.at, witness.at - witness.interval)

    def gather(self, now: float) -> bool:
        """Where no three-phase device answers, single-phase meters show the pattern together; whether it changed."""
        if not self._single or any(w.alive_at and not w.is_silent for w in self._three):
            return False
        found = shared_by_meters(self._single, self._nominal, self._tolerance, self._elsewhere())
        if found is not None:
            return self._is_seen(*found, now, max(w.at - w.interval for w in self._single))
        if self.seen is None:
            return False
        well = [w for w in self._single if w.places[0] in self.seen.places and w.alive_at > self.seen.seen_at]
        back = [w for w in well if not w.is_silent and (w.volts[w.places[0]] or 0.0) >= WELL * self._nominal]
        if back and len(back) >= min(2, len(well)):
            self.seen.healthy_at, self.seen.healthy = min(w.alive_at for w in back), ["", *(w.device.id for w in back)]
        return self.over

    def _is_seen(self, places: list[int], volts: list[float], at: float, after: float) -> bool:
        if self.seen is None:
            self.seen = HalfPhases(places, at, after, at, node=self._place(), volts=volts)
            return True
        self.seen.node = self.seen.node if self.seen.node != self._transformer() else self._place()
        self.seen.seen_at, self.seen.healthy_at, self.seen.healthy = at, 0.0, []
        if not self.seen.confirmed and at - self.seen.since >= self._confirm_s:
            self.seen.confirmed = True
            return True
        return False

    def goes_on(self, since: float, after: float, *, sure: bool) -> None:
        """What is seen has begun before, as a phase that seemed dead."""
        assert self.seen is not None
        self.seen.since, self.seen.after = min(self.seen.since, since), min(self.seen.after, after)
        self.seen.confirmed = self.seen.confirmed or sure

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

    def _elsewhere(self) -> Collection[int]:
        """The phases that a neighbour on the same feeder sees shared; nothing when none does."""
        seen = (self._witnesses[name] for name in self._neighbours)
        shared = (half_phases(w.volts, self._nominal, self._tolerance) for w in seen if not w.is_silent)
        return next((places for places in shared if places), ())

    def _known(self) -> Collection[int]:
        """Those that were seen sharing before: how they share it moves with their loads."""
        return self.seen.places if self.seen is not None else ()

    def _place(self) -> str:
        """The MV feeder when a neighbour shows the same, else the transformer."""
        top = self._tree.transformer()
        if top is not None and top.parent is not None and self._elsewhere():
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

    def holds(self, _: str) -> bool:
        """Whether the pattern is seen."""
        return self.seen is not None

    def dump(self) -> object:
        """Its state as plain data."""
        return asdict(self.seen) if self.seen else None

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        seen = HalfPhases(**kept) if isinstance(kept, dict) else None
        self.seen = seen if seen is not None and seen.node in self._tree.nodes else None
