"""Loss of supply and loss of contact: from evidence to cases that begin, grow, move, settle and end.

A case is one cause: a failed node (all phases or some), a dead line, or one device that fell silent. While a case is
young, newly dead devices may move it up the tree; once settled, they are a fault of their own.
"""

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import asdict

from rules.area import Area
from rules.case import CASE, Case
from rules.doubt import Doubt
from rules.incident import Wish
from rules.misplaced import Misplaced
from rules.questions import Questions
from rules.restoration import Restoration
from rules.thresholds import Limits
from rules.topology import Tree
from rules.unsurprising import Unsurprising
from rules.wanted import Wanted
from rules.weighing import Weighing
from rules.witness import ALIVE, DEAD, Witness, unwell_of


class Supply:
    """All cases of one area."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._limits = limits["outage"]
        self.cases: dict[str, Case] = {}
        self._count = 0
        self._excused: Set[str] | None = None  # None: as the witnesses remember
        self.ended: list[Case] = []  # since the last step, with back_at as their end
        self._weighing = Weighing(tree, witnesses, limits, area)
        self._unsurprising = Unsurprising(tree, witnesses)
        self._lines = self._weighing.lines
        self._doubt = Doubt(tree, witnesses, limits, area, self._weighing, self.cases)
        self._questions = Questions(witnesses, limits, area, self._weighing, self._doubt, self.cases)
        self._restoration = Restoration(witnesses, limits, self._weighing, self._doubt, self.cases)
        self.misplaced = Misplaced(tree, witnesses, limits, self._doubt)
        certain = limits["comm"]["certainty"]
        self._wanted = Wanted(tree, witnesses, self._doubt, self._lines, certain, self.cases)

    @property
    def busy(self) -> bool:
        """Whether time alone may change something."""
        return any(
            case.back_at or not case.confirmed_at or not self._doubt.is_settled(case, 0.0)
            for case in self.cases.values()
        )

    @property
    def due(self) -> float:
        """When to step again to ask for a read, though nothing new came until then."""
        return self._questions.due

    def step(self, now: float, masked: Collection[str], planned: Collection[str] = ()) -> list[Wish]:
        """Weigh all evidence anew. `masked` devices are explained by something that is no loss of supply.

        `planned`: nodes that are announced to lose supply about now.
        """
        self.ended = []
        for case in list(self.cases.values()):
            if case.stage == "confirmed" and self._restoration.is_over(case, now):
                self._end(case, case.back_at)
            elif self._is_fixed(case, now) and case.of_node and not case.back_at:
                self._narrow(case)
        self._revive()
        owned = self._owned(masked, now)
        self._excuse(self._explained(owned))
        unwell = unwell_of(self._witnesses.values())
        lasting = [case for case in self.cases.values() if case.of_node and self._is_fixed(case, now)]
        rarity = self._unsurprising.rarities(lasting, planned)
        explanation = self._weighing.weigh(unwell, owned, self._held(now), rarity)
        self._match(self._wanted.cases(explanation, unwell, owned), set(masked), now)
        self._give_up_shared(set(masked), now)
        return list(self._questions.wishes(unwell, now))

    def _narrow(self, case: Case) -> None:
        """Who lives below a failed node refutes it: the fault lies lower, where nobody lives.

        So it is when what was dark beside it for another reason comes back. All its devices were read since.
        """
        node = self._tree.common(case.devices)
        if node == case.node or not (lives := self._lives(case.node, case)):
            return
        case.refuted_at = case.refuted_at or min(w.alive_at for w in lives)
        read = all(self._witnesses[device].at > case.refuted_at for device in case.devices)
        if read and not self._lives(node, case):
            case.node = node

    def _lives(self, node: str, case: Case) -> list[Witness]:
        """What has been heard below a node since a case was confirmed there, with voltage."""
        below = [self._witnesses[device.id] for device in self._tree.below[node]]
        heard = [w for w in below if w.needs_supply and not w.is_silent and w.alive_at > case.confirmed_at]
        return [w for w in heard if any(w.state[place] == ALIVE for place in w.places if place in case.places)]

    def _excuse(self, owned: Set[str]) -> None:
        """Silence that something known explains says nothing about how many answers a line loses."""
        if self._excused is None:
            self._excused = {name for name, witness in self._witnesses.items() if witness.excused}
        for name in owned ^ self._excused:
            self._witnesses[name].excuse(name in owned)
        self._excused = owned

    def _held(self, now: float) -> set[str]:
        """Nodes and lines of cases that are sure but may still move."""
        cases = self.cases.values()
        return {case.node for case in cases if case.stage == "confirmed" and not self._is_fixed(case, now)}

    def _explained(self, owned: Set[str]) -> Set[str]:
        """Also devices of cases that are sure but may still move, and those on lines that are dead with them."""
        sure = [case for case in self.cases.values() if case.stage == "confirmed"]
        if not sure:
            return owned
        unheard = (device for case in sure for bus in case.consequent for device in self._lines[bus])
        return {*owned, *unheard, *(device for case in sure for device in case.devices)}

    def account(self, terminal: Witness) -> None:
        """A terminal was read."""
        self._weighing.terminals.account(terminal)

    def _revive(self) -> None:
        """A line that was dead with what feeds its collector is heard again: what was silent on it may be well."""
        for case in self.cases.values():
            for bus in list(case.consequent):
                heard = [w.alive_at for d in self._lines[bus] if not (w := self._witnesses[d]).is_silent and w.at]
                if heard:
                    case.consequent.remove(bus)
                    for device in set(self._lines[bus]).difference(case.devices):
                        self._witnesses[device].forgive(min(heard))

    def settled(self, now: float) -> set[str]:
        """Devices of cases that nothing will change any more but their end."""
        return {d for case in self.cases.values() if self._is_fixed(case, now) for d in case.devices}

    def _is_fixed(self, case: Case, now: float) -> bool:
        return case.stage == "confirmed" and self._doubt.is_frozen(case, now)

    def _owned(self, masked: Collection[str], now: float) -> set[str]:
        """Devices whose silence something known explains. A settled case takes what falls silent below it."""
        owned = set(masked)
        taken = {device for case in self.cases.values() for device in case.devices}
        for case in self.cases.values():
            if not self._is_fixed(case, now):
                continue
            owned.update(case.devices)
            owned.update(device for bus in case.consequent for device in self._lines.get(bus, ()))
            if case.kind == "bus" and not case.back_at:
                more = [d for d in self._lines[case.node] if d not in taken and self._witnesses[d].silent]
                case.devices += more
                owned.update(more)
            if not case.of_node:
                continue
            below = [d.id for d in self._tree.below[case.node] if self._is_hit(self._witnesses[d.id], case)]
            owned.update(below)
            if not case.back_at:
                case.devices += [d for d in below if d not in taken and self._has_lost(self._witnesses[d])]
        return owned

    def _is_hit(self, witness: Witness, case: Case) -> bool:
        """Whether a device below the case's node loses all supply with it."""
        return len(case.places) == 3 or case.whole or set(witness.places) <= set(case.places)

    def _has_lost(self, witness: Witness) -> bool:
        return (witness.is_silent and witness.needs_supply) or (not witness.is_silent and DEAD in witness.state)

    def _match(self, wanted: Iterable[Case], masked: Set[str], now: float) -> None:
        """Bring the open cases in line with those that explain the evidence now."""
        unmatched, wants = self._unshaken(self._heard_of(wanted), now)
        for want in wants:
            same = [c for c in unmatched if set(c.devices) & set(want.devices)]
            if kept := self._kept(want, same, now):
                unmatched = [c for c in unmatched if c not in kept]
                continue
            if same:
                case = max(same, key=lambda c: (c.stage == "confirmed", len(set(c.devices) & set(want.devices))))
                unmatched.remove(case)
                if self._is_another(want, case):
                    case.closed = True
                    continue
                self._update(case, want, now)
            elif host := self.misplaced.host(want, self.cases.values()):
                self.misplaced.take(want, host)
                continue
            elif self._doubt.is_telling(want):
                case = self._begin(want, now)
            else:
                continue
            if case.stage == "suspected" and self._doubt.is_convincing(case, now):
                case.stage, case.confirmed_at = "confirmed", now
        for case in unmatched:
            if case.stage == "suspected" or masked >= set(case.devices):
                self._end(case, now)

    def _give_up_shared(self, masked: Set[str], now: float) -> None:
        """A phase that seemed lost above all feeders has turned out to share another's voltage."""
        for case in [case for case in self.cases.values() if case.of_node and not case.whole]:
            if self._tree.feeder(case.node) is None and masked >= set(case.devices):
                self._end(case, now)

    def _kept(self, want: Case, same: Iterable[Case], now: float) -> list[Case]:
        """Those of the cases with the same devices that are sure, and that what is wanted now may not change.

        What was confirmed as a line stays one, and the other way round. A device that surely failed by itself does not
        make an outage of one more answer that was lost.
        """
        sure = [case for case in same if case.stage == "confirmed"]
        if any((case.kind == "bus") != (want.kind == "bus") for case in sure):
            return sure
        if want.of_node and any(case.kind == "device" for case in sure) and not self._doubt.is_convincing(want, now):
            return sure
        return []

    def _heard_of(self, wanted: Iterable[Case]) -> list[Case]:
        """Without those of whose supply nothing tells: their line is dead with what feeds its collector."""
        unheard = {
            device for case in self.cases.values() for bus in case.consequent for device in self._lines[bus]
        }.difference(*(case.devices for case in self.cases.values()))
        return [want for want in wanted if not unheard.issuperset(want.devices)]

    def _is_another(self, want: Case, case: Case) -> bool:
        """Whether what is new has lived after a case was confirmed: it is a fault of its own."""
        if case.stage != "confirmed":
            return False
        new = [self._witnesses[device] for device in set(want.devices).difference(case.devices)]
        return len(new) > 1 and all(w.is_silent and w.alive_at > case.confirmed_at for w in new)

    def _unshaken(self, wants: list[Case], now: float) -> tuple[list[Case], list[Case]]:
        """The cases that may change now, and what is wanted. Nothing of what would only shake a case that is sure."""
        cases = []
        for case in [case for case in self.cases.values() if not self._is_fixed(case, now)]:
            about = [want for want in wants if not set(want.devices).isdisjoint(case.devices)]
            if case.stage == "confirmed" and self._doubt.is_shaken(case, about):
                wants = [want for want in wants if want not in about]
            else:
                cases.append(case)
        return cases, wants

    def _begin(self, want: Case, now: float) -> Case:
        self._count += 1
        want.key = f"{CASE}{self._count}"
        if want.kind == "device":
            self.misplaced.refute(want.devices[0])
        want.changed_at = now
        self.cases[want.key] = want
        return want

    def _update(self, case: Case, want: Case, now: float) -> None:
        if self._doubt.moves_by_chance(want, case):
            return
        if (case.node, case.places) != (want.node, want.places) or set(want.devices) - set(case.devices):
            case.changed_at = now
        case.kind, case.node, case.places, case.whole = want.kind, want.node, want.places, want.whole
        case.devices, case.consequent = want.devices, want.consequent
        case.score, case.alone, case.lead = want.score, want.alone, want.lead
        case.since = min(case.since, want.since)
        case.after = want.after or case.after
        case.load_kw = want.load_kw if want.load_kw is not None else case.load_kw

    def _end(self, case: Case, at: float) -> None:
        case.back_at = at
        self.ended.append(case)
        del self.cases[case.key]
        others = {device for other in self.cases.values() for device in other.devices}
        if case.stage == "confirmed":
            unheard = {device for bus in case.consequent for device in self._lines.get(bus, ())}
            for device in sorted((set(case.devices) | unheard) - others - self.misplaced.left_behind()):
                self._witnesses[device].forgive(at)
            if case.of_node:
                self._unsurprising.ended(case)

    def dump(self) -> object:
        """Its state as plain data."""
        return {
            "misplaced": self.misplaced.dump(),
            "count": self._count,
            "left": sorted(self._unsurprising.left),
            "cases": [asdict(case) for case in self.cases.values()],
        }

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave, as far as its places are still there."""
        assert isinstance(kept, dict)
        self._count = kept["count"]
        devices = self._tree.devices
        self._unsurprising.left = devices.keys() & set(kept["left"])
        self.misplaced.load(kept["misplaced"])
        for case in (Case(**row) for row in kept["cases"]):
            case.devices = [device for device in case.devices if device in devices]
            case.consequent = [bus for bus in case.consequent if bus in self._lines]
            place = case.node in (self._lines if case.kind == "bus" else devices if case.alone else self._tree.nodes)
            if case.devices and place:
                self.cases[case.key] = case

    def holds(self, key: str) -> bool:
        """Whether a case lasts under a key."""
        return f"{CASE}{key}" in self.cases
