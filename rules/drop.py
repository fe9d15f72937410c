"""Load that vanished at the terminals when devices fell silent, and how well it fits that some of them lost supply."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, hypot, log, log1p, sqrt
from statistics import median, pstdev
from typing import NamedTuple

from rules.area import Area
from rules.evidence import WHOLE
from rules.topology import Tree
from rules.witness import DEAD, Witness

SLIGHT = 3.0
"""Silence that weighs less, in nats, is by chance more often than not: on a noisy line there is always some."""
STEADY = 4
"""Readings of a terminal that say what usually goes unaccounted for."""
LEAST_KW, LEAST_SHARE = 0.03, 0.005
"""What a terminal's reading is uncertain by at least, however quiet the last minutes were: lamps, and its own class."""
SWITCH_S, SWITCH_KW = 1200.0, 0.7
"""How often a household switches an appliance that counts, and by how much that changes its load."""
TAIL = 3.0
"""How fast surprise grows with distance: loads jump more than a bell curve lets them."""
PEAK = 0.3465
"""Height of such a curve of width 1 at its middle."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Load at one terminal that no answering meter accounts for, before devices fell silent and after; by phase, or
    all phases together."""

    observed_kw: tuple[float, ...]  # what vanished, if all that the silent devices drew did
    noise_kw: tuple[float, ...]  # by how much that usually changes from reading to reading
    load_kw: Mapping[str, tuple[float, ...]]  # last load by silent device below it
    switches: Mapping[str, float]  # how often each has switched something since, as is to be expected
    unread: Collection[str] = ()  # of them, not silent: they were not read since, and may be without supply as well

    def nats(self, lost: Collection[str]) -> float:
        """Log-likelihood of the drop when these devices are without supply, and the other silent ones are not."""
        expected, switches = [0.0] * len(self.observed_kw), [0.0] * len(self.observed_kw)
        for device, load in self.load_kw.items():
            gone = device in lost
            if not gone and device in self.unread:
                continue  # what those switch who are read seldom is in the noise
            often = self.switches[device] / 2 if gone else self.switches[device]  # the lost ones had half the time
            for part, kw in enumerate(load):
                if kw:
                    expected[part] += kw if gone else 0.0
                    switches[part] += often
        parts = zip(self.observed_kw, expected, self.noise_kw, switches, strict=True)
        return sum([_nats(observed - kw, noise, often) for observed, kw, noise, often in parts])


def _nats(kw: float, noise: float, switches: float) -> float:
    """Log-likelihood that a load differs so much from what it should be: nobody has switched anything, or somebody."""
    nobody = exp(-switches)
    switched = hypot(noise, SWITCH_KW * sqrt(max(1.0, switches)))
    return log(nobody * _likely(kw, noise) + (1 - nobody) * _likely(kw, switched))


def _likely(kw: float, width: float) -> float:
    return PEAK / width * exp(-TAIL * log1p((kw / width) ** 2 / (2 * TAIL)))


class _Unaccounted(NamedTuple):
    """Load at a terminal that no meter accounts for, kW by phase."""

    before: list[list[float]]  # all its readings before
    after: list[float]  # its first one after
    at: float  # when that was, epoch seconds


class Terminals:
    """The terminals of one area, and what the meters below each account for."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], area: Area) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._below = {
            device.id: [witnesses[other.id] for other in tree.below[device.node] if other.kind == "meter"]
            for device in area.devices
            if device.kind in ("ttu", "ltu")
        }
        self._names = {name: {meter.device.id for meter in meters} for name, meters in self._below.items()}
        self._by_place = {name: _by_place(meters) for name, meters in self._below.items()}

    def account(self, terminal: Witness) -> None:
        """A terminal was read: what its meters, read since the reading before, took of that one."""
        if len(terminal.history) > 1 and len(terminal.history[-2]) == 4 and terminal.device.id in self._by_place:
            terminal.history[-2][4:] = self._metered(terminal)

    def _metered(self, terminal: Witness) -> list[float]:
        """What the meters below a terminal that are heard draw, kW by phase."""
        places = self._by_place[terminal.device.id]
        shared = sum([m.power for m in places[WHOLE] if m.power and heard(m)]) / 3
        return [shared + sum([m.power for m in places[place] if m.power and heard(m)]) for place in range(3)]

    def drops(self, doubtful: Sequence[Witness], silent: Sequence[Witness]) -> tuple[Drop, ...]:
        """What vanished at each terminal above the doubtful ones of the silent devices; nothing when one cannot tell.

        What counts is the load that no answering meter accounts for: it stays what it was when silent meters are
        without supply, and grows by what they draw when only their line is dead.
        """
        since = sorted(w.silent_since for w in doubtful)[len(doubtful) // 5]
        lived = max([w.alive_at for w in doubtful if w.alive_at <= since], default=since)
        drops = [self._drop(terminal, (lived, since), silent) for terminal in self.above(doubtful)]
        return () if None in drops else tuple(drop for drop in drops if drop is not None)

    def _drop(self, terminal: Witness, between: tuple[float, float], silent: Sequence[Witness]) -> Drop | None:
        below, names = self._below[terminal.device.id], self._names[terminal.device.id]
        unread = [m for m in below if m.at < between[1] and not m.silent and m.power]
        told = self._unaccounted(terminal, between, silent, unread)
        if told is None or DEAD in terminal.state:
            return None
        fed_in = any((meter.power or 0.0) < 0 for meter in below)
        lump = _summed if fed_in else tuple  # currents do not tell which of the phases it is that feeds in
        load, switches = {}, {}
        for meter in (*silent, *unread):
            if meter.power is not None and meter.device.id in names:
                kw = meter.power / len(meter.places)
                load[meter.device.id] = lump([kw if place in meter.places else 0.0 for place in range(3)])
                switches[meter.device.id] = max(0.0, told.at - meter.alive_at) / SWITCH_S
        before, after = [lump(row) for row in told.before], lump(told.after)
        whole = lump(terminal.history[-1][1:4])
        observed, noise = [], []
        for part, kw in enumerate(after):
            usual = [row[part] for row in before]
            observed.append(sum([row[part] for row in load.values()]) + median(usual[-STEADY:]) - kw)
            noise.append(_restless(usual, whole[part]))
        return Drop(tuple(observed), tuple(noise), load, switches, {meter.device.id for meter in unread})

    def _unaccounted(
        self, terminal: Witness, between: tuple[float, float], silent: Sequence[Witness], unread: Sequence[Witness]
    ) -> _Unaccounted | None:
        """Load at a terminal that no meter accounts for, before and after it vanished between two times."""
        lived, since = between
        before = [
            [row[1 + place] - row[4 + place] for place in range(3)]
            for row, later in pairwise(terminal.history)
            if row[0] <= lived and later[0] <= since and len(row) > 4
        ]
        after = [row for row in terminal.history if row[0] >= since][:2]
        if not before or not after:
            return None
        rest = [
            load - metered for load, metered in zip(after[0][1:4], after[0][4:] or self._metered(terminal), strict=True)
        ]
        names, late = self._names[terminal.device.id], after[1][0] if len(after) == 2 else None
        taken = [m for m in silent if m.device.id in names and _seemed_heard(m, late)]  # though they were not
        for meter in (*taken, *unread):
            for place in meter.places:
                rest[place] += (meter.power or 0.0) / len(meter.places)
        return _Unaccounted(before, rest, after[0][0])

    def is_to_tell(self, silent: Sequence[Witness]) -> bool:
        """Whether a living terminal above the silent devices has not been read since they fell silent."""
        since = sorted(w.silent_since for w in silent)[len(silent) // 5] if silent else 0.0
        above = self.above(silent)
        return bool(above) and all(t.at < since and DEAD not in t.state and t.history for t in above)

    def above(self, silent: Iterable[Witness]) -> list[Witness]:
        """The nearest answering terminals that together see all of these devices."""
        chosen: dict[str, Witness] = {}
        for witness in silent:
            path = self._tree.upward[witness.device.node]
            near = [t for t in self._below if self._tree.devices[t].node in path and not self._witnesses[t].silent]
            if not near:
                return []
            nearest = min(near, key=lambda t: path.index(self._tree.devices[t].node))
            chosen[nearest] = self._witnesses[nearest]
        tops = [w for w in chosen.values() if w.device.kind == "ttu"]
        return tops[:1] if tops else list(chosen.values())


def heard(meter: Witness) -> bool:
    """Whether it answers, but for what gets lost by chance."""
    return not meter.silent or meter.weight < SLIGHT


def _seemed_heard(meter: Witness, at: float | None) -> bool:
    """Whether so little of a meter's silence was known at a time, or is now, that it was taken for heard."""
    return (meter.weight if at is None else meter.weight - meter.weight_since(at)) < SLIGHT


def _by_place(meters: Sequence[Witness]) -> list[list[Witness]]:
    """Meters on one phase by that phase; the others under WHOLE."""
    places: list[list[Witness]] = [[], [], [], []]
    for meter in meters:
        places[meter.places[0] if len(meter.places) == 1 else WHOLE].append(meter)
    return places


def _summed(kw: Sequence[float]) -> tuple[float, ...]:
    return (sum(kw),)


def _restless(kw: list[float], load: float) -> float:
    """How much of a load goes unaccounted for from one reading to the next by itself, kW; `load`: all of it."""
    steps = [after - before for before, after in pairwise(kw)]
    usual = pstdev(steps) if len(steps) > 3 else 0.08 * abs(load)
    return hypot(usual, LEAST_SHARE * load, LEAST_KW)
