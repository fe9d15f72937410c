"""Which broken neutrals explain an area's voltages: shifts of the neutral point, each shared by all below a node."""

from collections.abc import Collection, Iterable, Mapping

from rules.area import Area
from rules.displacement import Shift
from rules.neutral_point import NeutralPoint, Phases, Seen, View, here, join
from rules.thresholds import Limits
from rules.topology import Tree
from rules.witness import ALIVE, HALF, Witness

MOVED = 0.5  # of what is displaced: a voltage that changes by less changes no judgement of it


class Breaks:
    """The search: those breaks, none behind another, that explain most; each must be worth its rarity."""

    def __init__(
        self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area, point: NeutralPoint
    ) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._limits = limits["neutral"]
        self._point = point
        self._poll = area.poll_period_s
        self._others = [w for w in witnesses.values() if w.device.kind != "neighbour_ttu"]
        self._read_at = [0.0] * len(self._others)  # their newest readings at the last look
        self._view: View | None = None  # what was judged last; None: too little was displaced
        self._stood: Seen = {}  # the voltages that it was judged by
        self._skipped: Collection[str] = ()
        self._worth: dict[str, tuple[float, dict[str, Shift]]] = {}  # by node: what best explains it and all below
        self._found: dict[str, Shift] = {}
        self._judged_at = 0.0  # all voltages, last
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
        if not self._found and not self._is_any(healthy, far):
            return {}
        moved = [w for w in self._read() if w.device.id not in skip and self._has_moved(w, healthy, far)]
        lasts_s = self._poll / 2 if self._found else self._poll
        stands = now - self._judged_at < lasts_s and skip == self._skipped
        if stands and not moved:
            return self._found
        if stands and self._view is not None and not self._found and not self._shows(moved, self._view):
            return {}
        self._judge_all(now, healthy, skip, far)
        return self._found

    def _is_any(self, healthy: float, far: float) -> bool:
        """Whether any voltage is displaced: while none is, no neutral is looked at."""
        odd = [witness for witness in self._others if witness.odd]
        return any(abs(volt - healthy) > far for witness in odd for volt in witness.volts if volt is not None)

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
        self._stood, self._skipped, self._judged_at = seen, skip, now
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
            whole = self._point.judge(node, view, apart) if node in self._places else None
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
        below[node] = here(node, seen, self._tree)
        for child in self._tree.children[node]:
            join(below[node], below[child])


def _volts(witness: Witness) -> list[tuple[int, float]]:
    """What a device reads, phase by phase, where it has supply."""
    volts, state = witness.volts, witness.state
    return [(p, v) for p in witness.places if (v := volts[p]) is not None and (state[p] == ALIVE or state[p] == HALF)]


def _is_seen_as_its_child(node: str, tree: Tree) -> bool:
    """Whether all its devices are one child's: then the child stands for both, and is looked at alone."""
    return any(len(tree.below[child]) == len(tree.below[node]) for child in tree.children[node])
