"""A broken neutral, from voltage magnitudes: one shift of the neutral point must explain every meter below a node."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from statistics import median

from rules.area import Area
from rules.breaks import Breaks
from rules.displacement import Shift, unshifted
from rules.neutral_point import NeutralPoint
from rules.pace import LONGEST_BEAT_S, spacing
from rules.thresholds import Limits
from rules.topology import Tree
from rules.witness import Witness

PLAIN = 2.0  # times the least shift: so large a one need not last for a whole round of polls
SOURCE = 0.15  # of the nominal voltage: the source is no further off


@dataclass(slots=True)
class Break:
    """A neutral that seems broken."""

    node: str
    since: float
    after: float
    seen_at: float
    shift_v: float
    times: int = 1
    counted_at: float = 0.0  # when it was last seen so that it counted
    confirmed: bool = False
    quiet_at: float = 0.0  # since when nothing is displaced any more
    calm: bool = False  # everything is close to the healthy voltage
    wanted: str = ""  # another node that explains it better
    wanted_at: float = 0.0  # since when; 0: none does


class Neutral:
    """The lives of all breaks of an area; it looks for them whenever a meter stands far from the healthy voltage."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._limits = limits["neutral"]
        self._nominal = area.nominal_voltage
        self._poll = area.poll_period_s
        self._slow_s = limits["outage"]["slow_poll_s"]
        self._every = area.poll_period_s  # how often most devices are read, s
        point = NeutralPoint(tree, witnesses, limits, area)
        self._breaks = Breaks(tree, witnesses, limits, area, point)
        self._three = [
            [w for w in witnesses.values() if w.device.kind in kinds and len(w.places) == 3]
            for kinds in (("ttu", "ltu"), ("meter",))
        ]  # devices on all phases, those first that tell better of the source
        self.found: dict[str, Break] = {}  # by key
        self._count = 0
        self._looked = 0.0

    @property
    def busy(self) -> bool:
        return bool(self.found)

    def due(self, now: float) -> bool:
        """Whether it is time to look again: before silences, however rare the polls, are told as a lost phase."""
        return now - self._looked >= min(self._every / 15, LONGEST_BEAT_S)

    def look(self, now: float, skip: Collection[str]) -> None:
        """Weigh all fresh voltages. `skip`: devices that something else explains."""
        self._looked, self._every = now, spacing(self._witnesses.values(), self._poll)
        healthy = self._healthy()
        shown = self._breaks.explain(now, healthy, skip)
        for found in sorted(self.found.values(), key=lambda one: not one.confirmed):
            self._match(found, shown, now)
        for node, by in shown.items():
            if not any(self._are_one(node, found.node) for found in self.found.values()):
                self._count += 1
                after = min((w.at - w.interval for w in self._below(node)), default=now)
                self.found[f"{self._count}"] = Break(node, now, after, now, by.size, counted_at=now)
        for found in self.found.values():
            if found.seen_at < now:
                self._calm(found, now, healthy)

    def _match(self, found: Break, shown: Mapping[str, Shift], now: float) -> None:
        """What a known break is now. It moves up at once while it is not sure, and later when a whole round of polls
        agrees; down only before it is sure: loads move the shift, and meters are not all read at one time."""
        node = next((one for one in shown if self._are_one(one, found.node)), None)
        if node is None:
            return
        self._seen(found, shown[node], now)
        up = self._tree.is_within(found.node, node)
        if node == found.node or (up and not self._is_shared(node, found)):
            found.wanted_at = 0.0
            return
        if node != found.wanted or not found.wanted_at:
            found.wanted, found.wanted_at = node, now
        lasts = now - found.wanted_at
        if (up and (not found.confirmed or lasts >= self._every)) or (not found.confirmed and lasts >= self._every / 2):
            found.node, found.wanted_at = node, 0.0

    def _is_shared(self, node: str, found: Break) -> bool:
        """Whether what hangs between a break and a node above it shows a wrong voltage, and not for another break."""
        others = [one.node for one in self.found.values() if one.confirmed and one is not found]
        if found.confirmed and any(self._tree.is_within(other, node) for other in others):
            return False
        within = {w.device.id for w in self._below(found.node)}
        return any(w.odd or w.is_silent for w in self._below(node) if w.device.id not in within)

    def _are_one(self, node: str, other: str) -> bool:
        return self._tree.is_within(node, other) or self._tree.is_within(other, node)

    def _seen(self, found: Break, by: Shift, now: float) -> None:
        """A break shows itself once more; with readings of another round of polls that counts."""
        found.quiet_at, found.seen_at, found.shift_v = 0.0, now, max(found.shift_v, by.size)
        half, read = self._every / 2, max((w.at for w in self._below(found.node)), default=0.0)
        plain = found.shift_v >= PLAIN * self._limits["shift_share"] * self._nominal
        if now - found.counted_at >= half and read > found.counted_at + (0.0 if plain else half):
            found.times, found.counted_at = found.times + 1, now
        enough = found.times >= (1 if self._every > self._slow_s else self._limits["polls"])
        enough = enough and now - found.since >= self._every / 15  # more of this round may have been read since
        found.confirmed |= enough and not found.wanted_at and not self._may_be_one(found, now)

    def _may_be_one(self, found: Break, now: float) -> bool:
        """Whether others began with it: two breaks at once are rarer than meters that were not all read since."""
        young = [one.since for one in self.found.values() if one is not found and not one.confirmed]
        return any(abs(since - found.since) <= self._every and now - since < self._every for since in young)

    def over(self) -> list[tuple[str, Break]]:
        """Those behind which nothing has been displaced for long enough, and those that have turned out to be part of
        another one; `forget` them then."""
        return [(key, found) for key, found in self.found.items() if self._is_over(found) or self._is_part(found)]

    def _is_part(self, found: Break) -> bool:
        around = [other for other in self.found.values() if self._tree.is_within(found.node, other.node)]
        within = [other for other in self.found.values() if self._tree.is_within(other.node, found.node)]
        if not found.confirmed and any(other.confirmed for other in within):
            return True  # that one moves up to here when a whole round agrees
        return min(around, key=lambda other: not other.confirmed) is not found

    def _is_over(self, found: Break) -> bool:
        if not found.confirmed:
            return self._looked - found.seen_at > self._every
        if not found.quiet_at:
            return False
        polls = self._limits["calm_polls" if found.calm else "quiet_polls"]
        return self._looked - found.quiet_at > polls * self._every

    def forget(self, key: str) -> None:
        """The end was told."""
        del self.found[key]

    def masked(self) -> Collection[str]:
        """Devices whose voltage or silence the breaks explain."""
        nodes = [
            node for found in self.found.values() for node in (found.node, found.wanted_at and found.wanted) if node
        ]
        return {device.id for node in nodes for device in self._tree.below[node]}

    def _healthy(self) -> float:
        """Voltage of the source: as three-phase devices tell it, terminals first, or the nominal one."""
        for three in self._three:
            told = [unshifted([v for v in w.volts if v is not None]) for w in three if not w.is_silent]
            near = [volt for volt in told if abs(volt - self._nominal) < SOURCE * self._nominal]
            if near:
                return median(near)
        return 1.03 * self._nominal

    def _below(self, node: str) -> list[Witness]:
        return [self._witnesses[device.id] for device in self._tree.below[node]]

    def _calm(self, found: Break, now: float, healthy: float) -> None:
        """A break does not show: its loads may balance, so wait until every meter below is near the healthy voltage."""
        near = 0.6 * self._limits["displaced_share"] * healthy
        volts = [v for w in self._below(found.node) for v in w.volts if v is not None and not w.is_silent]
        if any(abs(volt - healthy) > near and volt > healthy for volt in volts):
            found.quiet_at = 0.0
        else:
            found.quiet_at = found.quiet_at or now
        found.calm = all(abs(volt - healthy) < self._limits["calm_share"] * healthy for volt in volts)

    def dump(self) -> object:
        """Its state as plain data."""
        found = {key: asdict(one) for key, one in self.found.items()}
        return [found, self._count, self._looked, self._every]

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, list)
        found, self._count, self._looked, self._every = kept
        self.found = {key: Break(**one) for key, one in found.items() if one["node"] in self._tree.nodes}

    def holds(self, key: str) -> bool:
        """Whether the break that is told under this key lasts."""
        return key in self.found
