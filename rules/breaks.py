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
MOVED = 0.5  # of what is displaced: a voltage that changes by less changes no judgement of it
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


class Breaks:
    """The search: those breaks, none behind another, that explain most; each must be worth its rarity."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._limits = limits["neutral"]
        self._nominal = area.nominal_voltage
        self._poll = area.poll_period_s
        self._others = [w for w in witnesses.values() if w.device.kind != "neighbour_ttu"]
        self._read_at = [0.0] * len(self._others)  # their newest readings at the last look
        self._view: View | None = None  # what was judged last; None: too little was displaced
        self._stood: Seen = {}  # the voltages that it was judged by
        self._skipped: Collection[str] = ()
        self._worth: dict[str, tuple[float, dict[str, Shift]]] = {}  # by node: what best explains it and all below
        self._found: dict[str, Shift] = {}
        self.judged_at = 0.0
        """When all voltages were last judged."""
        self._places = {
            node.id for node in area.nodes if node.kind != "mv_feeder" and not _is_seen_as_its_child(node.id, tree)
        }

    def explain(self, now: float, healthy: float, skip: Collection[str]) -> dict[str, Shift]:
        """Nodes with a broken neutral in front, none below another, and their shifts.

        `healthy`: voltage of the source; `skip`: devices that something else explains. A whole area is judged once in a
        round of polls; between, only the nodes above voltages that moved: that costs what was read, times the depth.
        While a break lasts all of it is judged at every move, and twice in a round: breaks change each other's picture.
        """
        far = self._limits["displaced_share"] * healthy
        moved = [w for w in self._read() if w.device.id not in skip and self._has_moved(w, healthy, far)]
        lasts_s = self._poll / 2 if self._found else self._poll
        stands = now - self.judged_at < lasts_s and skip == self._skipped
        if stands and not moved:
            return self._found
        if stands and self._view is not None and not self._found and not self._shows(moved, self._view):
            return {}
        self._judge_all(now, healthy, skip, far)
        return self._found

    def _read(self) -> list[Witness]:
        """Who was read since the last look."""
        before, self._read_at = self._read_at, [w.at for w in self._others]
        return [w for w, at, was in zip(self._others, self._read_at, before, strict=True) if at != was]

    def _has_moved(self, witness: Witness, healthy: float, far: float) -> bool:
        """Whether a voltage that is displaced, or was when it was judged, is clearly another one now, or none.

        While a break lasts smaller moves count, and those of all voltages: where it is may hang on them.
        """
        before = dict(self._stood.get(witness.device.id, ()))
        if witness.is_silent:
            return bool(before)
        least, near = (0.0, MOVED * far / 2) if self._found else (far, MOVED * far)
        for place, volt in _volts(witness):
            was = before.get(place, healthy)
            if abs(volt - was) > near and (abs(volt - healthy) > least or abs(was - healthy) > least):
                return True
        return False

    def _judge_all(self, now: float, healthy: float, skip: Collection[str], far: float) -> None:
        seen = self._fresh(now, skip)
        displaced = [name for name, volts in seen.items() if any(abs(volt - healthy) > far for _, volt in volts)]
        enough = sum(len(seen[name]) for name in displaced) > 1
        odd = enough and any(self._witnesses[name].odd for name in displaced)
        self._stood, self._skipped, self.judged_at = seen, skip, now
        self._worth, self._found = {}, {}
        self._view = self._view_of(seen, skip, healthy) if odd else None
        if self._view is not None:
            self._judge(displaced, self._view)

    def _shows(self, moved: Iterable[Witness], view: View) -> bool:
        """Whether a break shows now that these voltages moved, and with them what is seen at the nodes above them."""
        devices = [witness.device.id for witness in moved]
        view.seen.update({w.device.id: [] if w.is_silent else _volts(w) for w in moved})
        for node in self._above(devices):
            self._gather(node, view.seen, view.below)
        view.gone.clear()
        view.gone.update(self._gone(self._skipped))
        view.loads.clear()
        self._judge(devices, view)
        return bool(self._found)

    def _judge(self, devices: Iterable[str], view: View) -> None:
        """Bottom up from these devices: either one break at a node explains most, or those found below it."""
        worth = self._worth
        for node in self._above(devices):
            below = [worth[child] for child in self._tree.children[node] if child in worth]
            apart = sum([score for score, _ in below])
            whole = self._score(node, view, apart) if node in self._places else None
            if whole is not None:
                worth[node] = whole[0], {node: whole[1]}
            else:
                worth[node] = apart, {inner: by for _, found in below for inner, by in found.items()}
            self._found = worth[node][1]

    def _above(self, devices: Iterable[str]) -> list[str]:
        """The nodes above these devices, children before parents: the last is the root."""
        nodes = {node for name in devices for node in self._tree.upward[self._tree.devices[name].node]}
        return sorted(nodes, key=self._tree.rank.__getitem__)

    def _fresh(self, now: float, skip: Collection[str]) -> Seen:
        return {
            name: _volts(w)
            for w in self._others
            if not w.is_silent and (name := w.device.id) not in skip and now - w.at < w.pause(self._poll)
        }

    def _view_of(self, seen: Seen, skip: Collection[str], healthy: float) -> View:
        """Fresh voltages, and who fell silent, by node."""
        below: dict[str, Phases] = {}
        for node in self._tree.bottom_up:
            self._gather(node, seen, below)
        return View(seen, below, self._gone(skip), healthy)

    def _gone(self, skip: Collection[str]) -> dict[str, list[int]]:
        """Single-phase meters at and below each node that have fallen silent, by phase."""
        gone: dict[str, list[int]] = {}
        for w in self._others:
            if w.single and w.is_silent and w.alive_at and w.device.id not in skip:
                for node in self._tree.upward[w.device.node]:
                    gone.setdefault(node, [0, 0, 0])[w.places[0]] += 1
        return gone

    def _gather(self, node: str, seen: Seen, below: dict[str, Phases]) -> None:
        """What is seen at and below a node, by its devices and by what is seen below each child."""
        below[node] = self._here(node, seen)
        for child in self._tree.children[node]:
            _join(below[node], below[child])

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


def _volts(witness: Witness) -> list[tuple[int, float]]:
    """What a device reads, phase by phase, where it has supply."""
    volts, state = witness.volts, witness.state
    return [(p, v) for p in witness.places if (v := volts[p]) is not None and (state[p] == ALIVE or state[p] == HALF)]


def _join(volts: Phases, more: Phases) -> None:
    for phase in range(3):
        volts[phase].extend(more[phase])


def _is_seen_as_its_child(node: str, tree: Tree) -> bool:
    """Whether all its devices are one child's: then the child stands for both, and is looked at alone."""
    return any(len(tree.below[child]) == len(tree.below[node]) for child in tree.children[node])
