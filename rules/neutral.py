"""A broken neutral, from voltage magnitudes: one shift of the neutral point must explain every meter below a node."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import cos, hypot, pi, sin, sqrt
from statistics import median

from rules.area import Area
from rules.halves import SILENT_BELOW
from rules.pace import spacing
from rules.thresholds import Limits
from rules.topology import Tree
from rules.witness import ALIVE, HALF, Witness

_ANGLES = (0.0, -2 * pi / 3, 2 * pi / 3)
_COS = tuple(cos(angle) for angle in _ANGLES)
_SIN = tuple(sin(angle) for angle in _ANGLES)
SOURCE = 0.15  # of the nominal voltage: the source is no further off
SILENT_SHARE = 0.40  # of the healthy voltage: what a phase has, about, on which every meter fell silent
SILENCE = 3.0  # nats that a silent meter says
MOST = 8.0  # nats that one meter may say


Phases = tuple[list[float], list[float], list[float]]


@dataclass(slots=True)
class Break:
    """A neutral that seems broken."""

    node: str
    since: float
    after: float
    seen_at: float
    shift_v: float
    times: int = 1
    confirmed: bool = False
    quiet_at: float = 0.0  # since when nothing is displaced any more
    calm: bool = False  # everything is close to the healthy voltage


def shift(volts: Sequence[float], healthy: float) -> tuple[float, float]:
    """The neutral point's shift (x, y) in volts for the voltages of phases A, B, C and the healthy voltage."""
    square = sum(volt * volt for volt in volts) / 3 - healthy * healthy
    along = [(healthy * healthy + square - volt * volt) / (2 * healthy) for volt in volts]
    x = 2 / 3 * sum(part * c for part, c in zip(along, _COS, strict=True))
    y = 2 / 3 * sum(part * s for part, s in zip(along, _SIN, strict=True))
    return x, y


def shifted(place: int, x: float, y: float, healthy: float) -> float:
    """The voltage of a phase when the neutral point is shifted by (x, y)."""
    return hypot(healthy * _COS[place] - x, healthy * _SIN[place] - y)


def unshifted(volts: Sequence[float]) -> float:
    """The voltage that all three phases have when the neutral point is not shifted; 0 without all three.

    With E that voltage and U the shift, the mean of the squares is E2 + U2, and what each is off it adds up to (E U)2.
    """
    if len(volts) != 3:
        return 0.0
    mean = sum(volt * volt for volt in volts) / 3
    product = sum(((mean - volt * volt) / 2) ** 2 for volt in volts) * 2 / 3
    return sqrt((mean + sqrt(max(0.0, mean * mean - 4 * product))) / 2)


def _is_seen_as_its_child(node: str, tree: Tree) -> bool:
    """Whether all its devices are one child's: then the child stands for both, and is looked at alone."""
    return any(len(tree.below[child]) == len(tree.below[node]) for child in tree.children[node])


class Neutral:
    """Looks for a break whenever a meter stands far from the healthy voltage."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._limits = limits["neutral"]
        self._nominal = area.nominal_voltage
        self._poll = area.poll_period_s
        self._slow_s = limits["outage"]["slow_poll_s"]
        self._every = area.poll_period_s  # how often most devices are read, s
        self._places = {
            node.id for node in area.nodes if node.kind != "mv_feeder" and not _is_seen_as_its_child(node.id, tree)
        }
        self.found: Break | None = None
        self._looked = 0.0

    @property
    def busy(self) -> bool:
        return self.found is not None

    def due(self, now: float) -> bool:
        """Whether it is time to look again."""
        return now - self._looked >= self._every / 15

    def look(self, now: float, skip: Collection[str]) -> bool:
        """Weigh all fresh voltages; whether something about the break changed. `skip`: explained otherwise."""
        self._looked, self._every = now, spacing(self._witnesses.values(), self._poll)
        healthy = self._healthy()
        best = self._best(now, healthy, skip)
        found = self.found
        if best is None:
            return self._calm(now, healthy)
        node, size = best
        if found is None:
            after = min((w.at - w.interval for w in self._below(node)), default=now)
            self.found = Break(node, now, after, now, size)
            return True
        found.quiet_at = 0.0
        if now - found.seen_at >= self._every / 2:
            found.times, found.seen_at = found.times + 1, now
        found.shift_v = max(found.shift_v, size)
        moved = node != found.node and (not found.confirmed or self._tree.is_within(found.node, node))
        if moved:
            found.node = node
        if not found.confirmed and found.times >= (1 if self._every > self._slow_s else self._limits["polls"]):
            found.confirmed = True
            return True
        return moved

    @property
    def over(self) -> bool:
        """Whether nothing has been displaced for long enough; `forget` then."""
        found = self.found
        if found is None or not found.quiet_at:
            return False
        polls = self._limits["calm_polls"] if found.calm or not found.confirmed else self._limits["quiet_polls"]
        return self._looked - found.quiet_at > polls * self._every

    def forget(self) -> None:
        """The end was told."""
        self.found = None

    def masked(self) -> Collection[str]:
        """Devices whose voltage or silence the break explains."""
        if self.found is None:
            return ()
        return [device.id for device in self._tree.below[self.found.node]]

    def _healthy(self) -> float:
        """Voltage of the source: as three-phase devices tell it, terminals first, or the nominal one."""
        for kinds in (("ttu", "ltu"), ("meter",)):
            three = [w for w in self._witnesses.values() if w.device.kind in kinds and not w.is_silent]
            told = [unshifted([v for v in w.volts if v is not None]) for w in three if len(w.places) == 3]
            near = [volt for volt in told if abs(volt - self._nominal) < SOURCE * self._nominal]
            if near:
                return median(near)
        return 1.03 * self._nominal

    def _best(self, now: float, healthy: float, skip: Collection[str]) -> tuple[str, float] | None:
        far = self._limits["displaced_share"] * healthy
        odd = [w for w in self._witnesses.values() if w.odd and w.device.kind != "neighbour_ttu"]
        if not any(abs(v - healthy) > far for w in odd for p in w.places if (v := w.volts[p]) is not None):
            return None
        fresh = {
            name: [
                (p, v)
                for p in w.places
                if (v := w.volts[p]) is not None and (w.state[p] in (ALIVE, HALF) or len(w.places) == 3)
            ]
            for name, w in self._witnesses.items()
            if w.device.kind != "neighbour_ttu"
            and not w.is_silent
            and name not in skip
            and now - w.at < w.pause(self._poll)
        }
        displaced = [name for name, volts in fresh.items() if any(abs(v - healthy) > far for _, v in volts)]
        if sum(len(fresh[name]) for name in displaced) < 2:
            return None
        nodes = {node for name in displaced for node in self._tree.upward[self._tree.devices[name].node]}
        silent = self._silent(skip)
        best, best_score = None, 0.0
        for node in sorted(nodes & self._places, key=self._tree.rank.__getitem__):
            seen: Phases = ([], [], [])
            gone = [0, 0, 0]
            for device in self._tree.below[node]:
                for place, volt in fresh.get(device.id, ()):
                    seen[place].append(volt)
                if device.id in silent:
                    gone[silent[device.id]] += 1
            scored = self._score(seen, gone, healthy)
            if scored is not None and scored[0] > best_score:
                best, best_score = (node, scored[1]), scored[0]
        return best

    def _score(self, seen: Phases, gone: Sequence[int], healthy: float) -> tuple[float, float] | None:
        """How much better a shifted neutral explains these voltages than none, and the shift in volts.

        `gone`: by phase, how many meters have fallen silent.
        """
        known = [
            median(volts) if volts else SILENT_SHARE * healthy if number else 0.0
            for volts, number in zip(seen, gone, strict=True)
        ]
        if 0.0 in known or max(known) < self._limits["spread"] * min(known):
            return None
        if all(seen) and sum(volt * volt for volt in known) < 3 * healthy * healthy:
            return None  # a shift adds to the squares; loads on a long line, uneven as they may be, take away
        x, y = shift(known, healthy)
        size = hypot(x, y)
        rise = max(known) - healthy
        if min(size / self._nominal - self._limits["shift_share"], rise / healthy - self._limits["rise_share"]) < 0:
            return None
        sigma = 2 * (self._limits["tolerance_share"] * healthy) ** 2
        score = -self._limits["prior"]
        for place, volts in enumerate(seen):
            expected = shifted(place, x, y, healthy)
            for volt in volts:
                score += max(-MOST, min(MOST, ((volt - healthy) ** 2 - (volt - expected) ** 2) / sigma))
            score += gone[place] * (SILENCE if expected < SILENT_BELOW * healthy else -SILENCE)
        return (score, size) if score > 0 else None

    def _silent(self, skip: Collection[str]) -> dict[str, int]:
        """Single-phase meters that have fallen silent, and the place of their phase."""
        return {
            name: w.places[0]
            for name, w in self._witnesses.items()
            if w.single and w.is_silent and w.alive_at and name not in skip
        }

    def _below(self, node: str) -> list[Witness]:
        return [self._witnesses[device.id] for device in self._tree.below[node]]

    def _calm(self, now: float, healthy: float) -> bool:
        """No break fits now: it may be balanced loads, so wait until every meter below is near the healthy voltage."""
        found = self.found
        if found is None:
            return False
        near = 0.6 * self._limits["displaced_share"] * healthy
        volts = [v for w in self._below(found.node) for v in w.volts if v is not None and not w.is_silent]
        if any(abs(volt - healthy) > near and volt > healthy for volt in volts):
            found.quiet_at = 0.0
        else:
            found.quiet_at = found.quiet_at or now
        found.calm = all(abs(volt - healthy) < self._limits["calm_share"] * healthy for volt in volts)
        return self.over

    def holds(self, _: str) -> bool:
        """Whether a break lasts."""
        return self.found is not None

    def dump(self) -> object:
        """Its state as plain data."""
        return [asdict(self.found) if self.found else None, self._looked, self._every]

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, list)
        found = Break(**kept[0]) if kept[0] else None
        self.found = found if found is not None and found.node in self._tree.nodes else None
        self._looked, self._every = kept[1:]
