"""What the voltages below one node say of the neutral in front of it: broken, or not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from statistics import median

from rules.area import Area
from rules.displacement import Shift, shift, shifted, shifts_of_two, unshifted
from rules.halves import SILENT_BELOW
from rules.loads import Load, loads
from rules.thresholds import Limits
from rules.topology import Tree
from rules.witness import Witness

SILENT_SHARE = 0.40  # of the healthy voltage: what two phases have, about, on which every meter fell silent
SILENCE = 3.0  # nats that a silent meter says
MOST = 8.0  # nats that one meter may say
LOST = 0.15  # of the healthy voltage: lines take no more than this
UNKNOWN_CURRENT = 0.2  # of the meters below a node: with more of them their sum says nothing
LEAST_A = 0.1  # what meters do not measure
FEWEST = 3  # voltages and silences below a node that can tell of its neutral

Phases = tuple[list[float], list[float], list[float]]
Seen = dict[str, list[tuple[int, float]]]
"""Phases (0, 1, 2) and their voltages, V, by device."""


@dataclass(frozen=True, slots=True)
class View:
    """All that is seen in one look at an area, and of those that moved later."""

    seen: Seen
    below: dict[str, Phases]  # the same voltages at and below each node
    gone: dict[str, list[int]]  # single-phase meters there that have fallen silent, by phase
    healthy: float  # voltage of the source
    loads: dict[str, Load] = field(default_factory=dict)  # at and below a node, once it was asked for


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


class NeutralPoint:
    """The judgement of one node after another in one view of an area."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._limits = limits["neutral"]
        self._nominal = area.nominal_voltage

    def judge(self, node: str, view: View, apart: float) -> tuple[float, Shift] | None:
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
        if sum(map(len, volts)) + sum(gone) < FEWEST:
            return None
        known = [median(phase) if phase else 0.0 for phase in volts]
        high = max(known)
        if high < self._limits["spread"] * min(known):
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
            join(volts, here(up, view.seen, self._tree))
            for child in self._tree.children[up]:
                if child != last:
                    join(volts, view.below[child])
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
        if place.top not in view.loads:
            view.loads.update(loads(self._tree, self._witnesses, place.top))
        inner = view.loads[place.node]
        behind = inner.current(place.level, by)
        most = LEAST_A
        for up in self._tree.upward[place.node]:
            here = view.loads[up]
            most = max(most, abs(behind + here.current(place.level) - inner.current(place.level)))
            if up == place.top:
                break
        return most if here.unknown <= UNKNOWN_CURRENT * here.meters else None


def here(node: str, seen: Seen, tree: Tree) -> Phases:
    """The voltages of the devices at a node, by phase."""
    volts: Phases = ([], [], [])
    for device in tree.here[node]:
        for place, volt in seen.get(device.id, ()):
            volts[place].append(volt)
    return volts


def join(volts: Phases, more: Phases) -> None:
    """Add what is seen in one more place."""
    for phase in range(3):
        volts[phase].extend(more[phase])


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
