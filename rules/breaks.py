"""Which broken neutrals explain an area's voltages: shifts of the neutral point, each shared by all below a node."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from math import sqrt
from statistics import median

from rules.area import Area
from rules.displacement import Shift, shift, shifted, shifts_of_two, unshifted
from rules.halves import SILENT_BELOW
from rules.loads import Load, loads
from rules.thresholds import Limits
from rules.topology import Tree
from rules.witness import ALIVE, HALF, Witness

SILENT_SHARE = 0.40  # of the healthy voltage: what two phases have, about, on which every meter fell silent
SILENCE = 3.0  # nats that a silent meter says
MOST = 8.0  # nats that one meter may say
LOST = 0.15  # of the healthy voltage: lines take no more than this
UNKNOWN_CURRENT = 0.2  # of the meters below a node: with more of them their sum says nothing
LEAST_A = 0.1  # what meters do not measure
MOVED = 0.5  # of what is displaced: a voltage that changes by less changes no judgement for half a round of polls
FEWEST = 3  # voltages and silences below a node that can tell of its neutral

Phases = tuple[list[float], list[float], list[float]]
Seen = dict[str, list[tuple[int, float]]]
"""Phases (0, 1, 2) and their voltages, V, by device."""


@dataclass(frozen=True, slots=True)
class View:
    """All that is seen in one look at an area."""

    seen: Seen
    below: Mapping[str, Phases]  # the same voltages at and below each node
    gone: Mapping[str, list[int]]  # single-phase meters there that have fallen silent, by phase
    healthy: float  # voltage of the source
    loads: dict[str, Load] = field(default_factory=dict)  # at and below each node, once one was asked for


@dataclass(frozen=True, slots=True)
class Place:
    """What is seen below a node, and next to it towards the transformer."""

    node: str
    volts: Phases  # below it
    gone: list[int]  # meters that fell silent, by phase
    known: list[float]  # the voltage of each phase below it; 0: unknown
    outside: list[float]  # the same at the next place above it that shows all phases
    level: float  # what the three phases have there without a shift
    top: str  # the last node before that place

    def step(self, by: Shift) -> float:
        """How far a shift is from the one outside, V."""
        return by.beyond(shift(self.outside, self.level))


class Breaks:
    """The search: those breaks, none behind another, that explain most; each must be worth its rarity."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._limits = limits["neutral"]
        self._nominal = area.nominal_voltage
        self._poll = area.poll_period_s
        self._whole: Seen = {}  # displaced voltages when they were last judged, and no neutral was broken
        self.judged_at = 0.0
        """When voltages were last judged, not taken for judged."""
        self._places = {
            node.id for node in area.nodes if node.kind != "mv_feeder" and not _is_seen_as_its_child(node.id, tree)
        }

    def explain(self, now: float, healthy: float, skip: Collection[str]) -> dict[str, Shift]:
        """Nodes with a broken neutral in front, none below another, and their shifts.

        `healthy`: voltage of the source; `skip`: devices that something else explains. Where long lines stand far from
        it for hours and no neutral is broken, they are not judged anew all the time.
        """
        far = self._limits["displaced_share"] * healthy
        odd = [w for w in self._witnesses.values() if w.odd and w.device.kind != "neighbour_ttu"]
        if not any(abs(v - healthy) > far for w in odd for p in w.places if (v := w.volts[p]) is not None):
            return {}
        seen = self._fresh(now, skip)
        displaced = {name: volts for name, volts in seen.items() if any(abs(volt - healthy) > far for _, volt in volts)}
        if sum(len(volts) for volts in displaced.values()) < 2 or self._is_known(displaced, now, MOVED * far):
            return {}
        found = self._worth_most(displaced, self._view(seen, skip, healthy))
        self._whole, self.judged_at = {} if found else displaced, now
        return found

    def _is_known(self, displaced: Seen, now: float, near: float) -> bool:
        """Whether these voltages were about the same when they were judged, not long ago, and no break was found."""
        if now - self.judged_at >= self._poll / 2:
            return False
        for name, volts in displaced.items():
            before = self._whole.get(name, ())
            if len(before) != len(volts) or any(
                abs(v - b) > near for (_, v), (_, b) in zip(volts, before, strict=True)
            ):
                return False
        return True

    def _worth_most(self, displaced: Iterable[str], view: View) -> dict[str, Shift]:
        """Bottom up: either one break at a node explains most, or those that were found below it."""
        nodes = {node for name in displaced for node in self._tree.upward[self._tree.devices[name].node]}
        worth: dict[str, tuple[float, dict[str, Shift]]] = {}
        for node in sorted(nodes, key=self._tree.rank.__getitem__):
            below = [worth[child] for child in self._tree.children[node] if child in worth]
            apart = sum(score for score, _ in below)
            whole = self._score(node, view, apart) if node in self._places else None
            if whole is not None:
                worth[node] = whole[0], {node: whole[1]}
            else:
                worth[node] = apart, {inner: by for _, found in below for inner, by in found.items()}
            last = worth[node][1]
        return last

    def _fresh(self, now: float, skip: Collection[str]) -> Seen:
        return {
            name: [(p, v) for p in w.places if (v := w.volts[p]) is not None and w.state[p] in (ALIVE, HALF)]
            for name, w in self._witnesses.items()
            if w.device.kind != "neighbour_ttu"
            and not w.is_silent
            and name not in skip
            and now - w.at < w.pause(self._poll)
        }

    def _view(self, seen: Seen, skip: Collection[str], healthy: float) -> View:
        """Fresh voltages, and who fell silent, by node."""
        below: dict[str, Phases] = {}
        for node in self._tree.bottom_up:
            below[node] = self._here(node, seen)
            for child in self._tree.children[node]:
                _join(below[node], below[child])
        gone: dict[str, list[int]] = {}
        for name, w in self._witnesses.items():
            if w.single and w.is_silent and w.alive_at and name not in skip:
                for node in self._tree.upward[w.device.node]:
                    gone.setdefault(node, [0, 0, 0])[w.places[0]] += 1
        return View(seen, below, gone, healthy)

    def _here(self, node: str, seen: Seen) -> Phases:
        volts: Phases = ([], [], [])
        for device in self._tree.here[node]:
            for place, volt in seen.get(device.id, ()):
                volts[place].append(volt)
        return volts

    def _score(self, node: str, view: View, apart: float) -> tuple[float, Shift] | None:
        """How much better a shift at a node explains its voltages than none, in nats, and the shift; None where that is
        no more than what breaks below it explain."""
        place = self._place(node, view)
        if place is None:
            return None
        by = _fit(place)
        if by is None or not self._is_displaced(place, by):
            return None
        score = -self._limits["prior"]
        sigma = 2 * (self._limits["tolerance_share"] * view.healthy) ** 2
        for phase, volts in enumerate(place.volts):
            expected = shifted(phase, by, place.level)
            for volt in volts:
                score += max(-MOST, min(MOST, ((volt - place.level) ** 2 - (volt - expected) ** 2) / sigma))
            score += place.gone[phase] * (SILENCE if expected < SILENT_BELOW * view.healthy else -SILENCE)
        return (score, by) if score > apart and self._is_open(place, by, view) else None

    def _place(self, node: str, view: View) -> Place | None:
        """What is seen of a node; None where that can be no broken neutral anyway."""
        volts, gone = view.below[node], view.gone.get(node, [0, 0, 0])
        known = [median(phase) if phase else 0.0 for phase in volts]
        high, few = max(known), sum(len(phase) for phase in volts) + sum(gone) < FEWEST
        if few or high < self._limits["spread"] * min(known):
            return None
        if high < (1 + self._limits["rise_share"]) * (1 - LOST) * view.healthy:
            return None
        outside, top = self._outside(node, view)
        level = unshifted(outside)
        if abs(level - view.healthy) > LOST * view.healthy:
            outside, level = [view.healthy] * 3, view.healthy
        return Place(node, volts, gone, known, outside, level, top)

    def _outside(self, node: str, view: View) -> tuple[list[float], str]:
        """The phases at the next place above a node where others show all of them, empty without one; and the last
        node before it."""
        volts: Phases = ([], [], [])
        last = node
        for up in self._tree.upward[node][1:]:
            _join(volts, self._here(up, view.seen))
            for child in self._tree.children[up]:
                if child != last:
                    _join(volts, view.below[child])
            if all(volts):
                return [median(phase) for phase in volts], last
            last = up
        return [], last

    def _is_displaced(self, place: Place, by: Shift) -> bool:
        """Whether the phases stand as far from each other, and from those outside, as a broken neutral lets them."""
        limits, known, level = self._limits, place.known, place.level
        high, low = max(known), min(volt or shifted(phase, by, level) for phase, volt in enumerate(known))
        if high < (1 + limits["rise_share"]) * level or high < limits["spread"] * low:
            return False
        off = max(abs(volt - usual) for volt, usual in zip(known, place.outside, strict=True) if volt)
        return off > limits["displaced_share"] * level and place.step(by) > limits["shift_share"] * self._nominal

    def _is_open(self, place: Place, by: Shift, view: View) -> bool:
        """Whether a whole neutral could not do the same.

        A load takes d volts in its phase and again in the neutral: its phase falls by 2 d and each other one rises by
        d / 2. That looks like a shift U, and takes 0.4 U/E of the mean of their squares away; a broken neutral takes
        nothing and adds (U/E)2. Where the currents are known, the neutral that carries their sum from the next place
        outside would have to have an impedance that no line has: behind a break they add up to nothing.
        """
        size = by.size / place.level
        volts = [volt or shifted(phase, by, place.level) for phase, volt in enumerate(place.known)]
        added = sum(volt * volt for volt in volts) / (3 * place.level**2) - 1
        halfway = (size * size - 0.4 * size) / 2
        if added < min(halfway, 0.0):
            return False
        amps = self._neutral_current(place, by, view)
        if amps is None:
            return all(place.known) and added >= 0
        return added >= halfway and place.step(by) > self._limits["least_ohm"] * amps

    def _neutral_current(self, place: Place, by: Shift, view: View) -> float | None:
        """The most that the neutral would carry from a place to the one outside by the meters there, were it whole, A;
        None where too many tell nothing."""
        if not view.loads:
            view.loads.update(loads(self._tree, self._witnesses))
        inner = view.loads[place.node]
        behind = inner.current(place.level, by)
        most = LEAST_A
        for up in self._tree.upward[place.node]:
            here = view.loads[up]
            most = max(most, abs(behind + here.current(place.level) - inner.current(place.level)))
            if up == place.top:
                break
        return most if here.unknown <= UNKNOWN_CURRENT * here.meters else None


def _fit(place: Place) -> Shift | None:
    """The shift that gives the phases their voltages; None where too little is known."""
    known, gone, level = place.known, place.gone, place.level
    phases = [phase for phase in range(3) if known[phase]]
    if len(phases) == 3:
        return shift(known, level)
    if len(phases) == 2:
        far, near = shifts_of_two((phases[0], phases[1]), (known[phases[0]], known[phases[1]]), level)
        return near if gone[3 - sum(phases)] else min(far, near, key=place.step)
    fallen = [phase for phase in range(3) if gone[phase] and not known[phase]]
    if len(phases) == 1 and len(fallen) == 2:
        return shift([volt or SILENT_SHARE * level for volt in known], level)
    if len(phases) == 1 and fallen and (left := sqrt(3) * level - known[phases[0]]) > 0:
        # two phases alone: behind the break their loads lie in series between two phases
        return shifts_of_two((phases[0], fallen[0]), (known[phases[0]], left), level)[0]
    return None


def _join(volts: Phases, more: Phases) -> None:
    for phase, others in zip(volts, more, strict=True):
        phase += others


def _is_seen_as_its_child(node: str, tree: Tree) -> bool:
    """Whether all its devices are one child's: then the child stands for both, and is looked at alone."""
    return any(len(tree.below[child]) == len(tree.below[node]) for child in tree.children[node])
