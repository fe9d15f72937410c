"""Loss of supply and loss of contact: from evidence to cases that begin, grow, move, settle and end.

A case is one cause: a failed node (all phases or some), a dead line, or one device that fell silent. While a case is
young, newly dead devices may move it up the tree; once settled, they are a fault of their own.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import asdict, dataclass, field

from rules.area import Area
from rules.explain import Explanation, SilentBus
from rules.incident import Wish
from rules.locate import Found
from rules.thresholds import Limits
from rules.topology import PHASES, Tree
from rules.weighing import Weighing
from rules.witness import ALIVE, DEAD, Witness


@dataclass(slots=True)
class Case:
    """One cause of silence, as long as it lasts."""

    key: str
    kind: str  # supply, bus, device
    node: str
    places: list[int]
    whole: bool
    devices: list[str]
    since: float  # first evidence
    after: float  # last moment it was surely not there
    stage: str = "suspected"
    changed_at: float = 0.0  # node or devices changed
    confirmed_at: float = 0.0
    back_at: float = 0.0  # one of its devices answered again; 0: none did
    back_seen: float = 0.0
    consequent: list[str] = field(default_factory=list)  # lines that are dead because of it
    load_kw: float | None = None  # that vanished with it
    pinged: float = 0.0
    score: float = 0.0  # weight of the evidence, nats
    alone: bool = False  # `node` is a device


class Supply:
    """All cases of one area."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._limits = limits["outage"]
        self._certain = limits["comm"]["certainty"]
        self._noisy = limits["comm"]["noise_share"]
        self._poll = area.poll_period_s
        self._weighing = Weighing(tree, witnesses, limits, area)
        self._lines = self._weighing.lines
        self.cases: dict[str, Case] = {}
        self._count = 0
        self.misplaced: set[str] = set()  # devices on another phase than the topology says
        self.ended: list[Case] = []  # since the last step, with back_at as their end

    @property
    def busy(self) -> bool:
        """Whether time alone may change something."""
        return any(
            case.back_at or not case.confirmed_at or not self._settled(case, 0.0) for case in self.cases.values()
        )

    def step(self, now: float, masked: Collection[str]) -> list[Wish]:
        """Weigh all evidence anew. `masked` devices are explained by something that is no loss of supply."""
        self.ended = []
        for case in list(self.cases.values()):
            if case.stage == "confirmed":
                self._restoration(case, now)
        owned = self._owned(masked, now)
        for name, witness in self._witnesses.items():
            witness.excused = name in owned
        found = self._weighing.weigh(owned)
        self._match(found, set(masked), now)
        return list(self._wishes(now))

    def _owned(self, masked: Collection[str], now: float) -> set[str]:
        """Devices whose silence something known explains. A settled case takes what falls silent below it."""
        owned = set(masked)
        taken = {device for case in self.cases.values() for device in case.devices}
        for case in self.cases.values():
            if case.stage != "confirmed" or not self._frozen(case, now):
                continue
            owned.update(case.devices)
            owned.update(device for bus in case.consequent for device in self._lines.get(bus, ()))
            if case.kind != "supply" or case.alone:
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

    def _match(self, explanation: Explanation, masked: Set[str], now: float) -> None:
        """Bring the open cases in line with what explains the evidence now."""
        unmatched = [c for c in self.cases.values() if not (c.stage == "confirmed" and self._frozen(c, now))]
        wanted: list[Case] = [*self._wanted_supply(explanation), *map(self._wanted_bus, explanation.buses)]
        wanted += self._unheard(masked, {device for case in wanted for device in case.devices})
        for want in sorted(wanted, key=lambda case: -len(case.devices)):
            same = [c for c in unmatched if set(c.devices) & set(want.devices)]
            if any(c.stage == "confirmed" and (c.kind == "bus") != (want.kind == "bus") for c in same):
                unmatched = [c for c in unmatched if c not in same or c.stage != "confirmed"]
                continue  # what was confirmed as a line stays one, and the other way round
            if same:
                case = max(same, key=lambda c: (c.stage == "confirmed", len(set(c.devices) & set(want.devices))))
                unmatched.remove(case)
                self._update(case, want, now)
            elif host := self._host(want):
                host.devices += [device for device in want.devices if device not in host.devices]
                self.misplaced.update(want.devices)
                continue
            else:
                self._count += 1
                want.key = f"supply/{self._count}"
                want.changed_at = now
                self.cases[want.key] = case = want
            if case.stage == "suspected" and self._convincing(case, now):
                case.stage, case.confirmed_at = "confirmed", now
        for case in unmatched:
            if case.stage == "suspected" or masked >= set(case.devices):
                self._end(case, now)

    def _host(self, want: Case) -> Case | None:
        """A phase loss that began with this and lies above it: these devices are on another phase than is said."""
        for case in self.cases.values():
            if case.kind != "supply" or case.alone or case.whole or case.stage != "confirmed" or want.kind == "bus":
                continue
            together = abs(want.since - case.since) <= self._limits["settle_polls"] * self.cycle(want.devices)
            small = 3 * len(want.devices) <= len(case.devices)
            if together and small and all(self._tree.covers(case.node, device) for device in want.devices):
                return case
        return None

    def _wanted_supply(self, explanation: Explanation) -> Iterator[Case]:
        by_node: dict[tuple[str, bool], list[Found]] = {}
        for found in explanation.found:
            by_node.setdefault((found.node, found.alone), []).append(found)
        for (node, alone), parts in by_node.items():
            devices = list(dict.fromkeys(device for part in parts for device in part.devices))
            if alone and not self._speaks_alone(devices[0]):
                continue
            consequent = [
                b.id for b in explanation.consequent if self._tree.is_within(b.collector_node or "", node)
            ] if not alone else []  # fmt: skip
            dead = [self._witnesses[device] for device in devices]
            after = max((w.alive_at for w in dead if w.is_silent and w.alive_at <= parts[0].since), default=0.0)
            yield Case(
                key="",
                kind="device" if alone and not self._read_dead(devices[0]) else "supply",
                node=node,
                places=sorted({place for part in parts for place in part.places}),
                whole=any(part.whole for part in parts),
                devices=devices,
                since=min(part.since for part in parts),
                after=after,
                consequent=consequent,
                load_kw=sum(explanation.drop.observed_kw) if explanation.drop else None,
                score=sum(part.score for part in parts),
                alone=alone,
            )

    def _wanted_bus(self, bus: SilentBus) -> Case:
        after = max((a for d in bus.devices if (a := self._witnesses[d].alive_at) <= bus.since), default=0.0)
        return Case("", "bus", bus.id, [0, 1, 2], True, list(bus.devices), bus.since, after, score=bus.weight)

    def _unheard(self, masked: Set[str], wanted: Set[str]) -> Iterator[Case]:
        """Devices whose silence says nothing of their supply: never heard, or living on a battery."""
        for name, witness in self._witnesses.items():
            if witness.needs_supply or witness.weight < self._certain or name in masked or name in wanted:
                continue
            if witness.device.kind == "neighbour_ttu" or any(self._explains(c, name) for c in self.cases.values()):
                continue
            places = list(witness.places)
            yield Case("", "device", name, places, True, [name], witness.silent_since, witness.alive_at, alone=True)

    def _explains(self, case: Case, device: str) -> bool:
        below = case.kind == "supply" and not case.alone and self._tree.covers(case.node, device)
        unheard = any(device in self._lines.get(bus, ()) for bus in case.consequent)
        return below or unheard or (case.kind == "bus" and device in case.devices)

    def _speaks_alone(self, device: str) -> bool:
        """Whether one device's evidence makes a case without any other."""
        witness = self._witnesses[device]
        if witness.device.kind == "neighbour_ttu":
            return False
        if witness.gasp_at > witness.alive_at:  # it may have been a moment only: a poll must have failed since
            waited = witness.at - witness.gasp_at >= self._limits["confirm_s"]
            return witness.silent > 1 or (witness.silent == 1 and waited)
        return self._read_dead(device) or witness.weight >= self._certain

    def _read_dead(self, device: str) -> bool:
        return not self._witnesses[device].is_silent and DEAD in self._witnesses[device].state

    def _update(self, case: Case, want: Case, now: float) -> None:
        if (case.node, case.places) != (want.node, want.places) or set(want.devices) - set(case.devices):
            case.changed_at = now
        case.kind, case.node, case.places, case.whole = want.kind, want.node, want.places, want.whole
        case.devices, case.consequent = want.devices, want.consequent
        case.score, case.alone = want.score, want.alone
        case.since = min(case.since, want.since)
        case.after = want.after or case.after
        case.load_kw = want.load_kw if want.load_kw is not None else case.load_kw

    def _convincing(self, case: Case, now: float) -> bool:
        """Whether the evidence spans enough time and nothing that could change the place is still to be heard."""
        dead = [self._witnesses[device] for device in case.devices]
        if case.kind == "device":
            return self._speaks_alone(case.devices[0])
        cycle = self.cycle(case.devices)
        span = max(w.at for w in dead) - case.since
        readings = sum(max(1, w.silent) for w in dead)
        enough = min(self._limits["confirm_s"], self._limits["confirm_polls"] * cycle)
        surprise = sum(map(self._weighing.surprise, dead))
        if cycle > self._limits["slow_poll_s"] and now - case.since >= enough and surprise > 2 * self._certain:
            span = enough
        if span < enough or readings < 2 or surprise < self._certain:
            return False
        if self._weighing.waiting and now - case.since < 2 * cycle:
            lines = {self._tree.devices[device].bus for device in case.devices}
            if lines & self._weighing.waiting:
                return False
        return now - case.since > 1.5 * cycle or not self._open_questions(case)

    def _open_questions(self, case: Case) -> bool:
        """Whether devices that could move the case have not been read since it began."""
        around: set[str] = set()
        if case.kind == "supply" and not case.alone:
            wider = self._tree.parent(case.node) or case.node
            around.update(device.id for device in self._tree.below[wider])
        for device in case.devices:
            around.update(self._lines.get(self._tree.devices[device].bus or "", ()))
        return any(0 < self._witnesses[device].at < case.since for device in around)

    def _restoration(self, case: Case, now: float) -> None:
        """Watch devices of a confirmed case come back; decide when all had their turn."""
        devices = [self._witnesses[device] for device in case.devices]
        back = [w for w in devices if self._is_back(w, case)]
        if not back:
            case.back_at = 0.0
            return
        if not case.back_at:
            case.back_at = min(w.alive_at for w in back)
            case.back_seen = now
        waited = now - case.back_seen > self._limits["restore_polls"] * self.cycle(case.devices)
        if not waited and len(back) < len(devices) and any(w.at < case.back_at for w in devices):
            return
        still = [w for w in devices if w not in back]
        if len(back) >= self._limits["restore_share"] * len(devices) or not self._still_there(case, still):
            self._end(case, case.back_at)
            return
        case.devices = [w.device.id for w in still]
        case.back_at = 0.0

    def _is_back(self, witness: Witness, case: Case) -> bool:
        if witness.is_silent or witness.alive_at <= case.since:
            return False
        if case.kind != "supply" or case.alone:
            return not any(witness.state[place] == DEAD for place in witness.places)
        watched = [place for place in witness.places if place in case.places]
        return all(witness.state[place] == ALIVE for place in watched)

    def _still_there(self, case: Case, still: list[Witness]) -> bool:
        """Whether what is still dead says that the same node is still without supply."""
        if case.kind != "supply" or len(still) < 2:
            return False
        others = {d for c in self.cases.values() if c is not case for d in c.devices}
        return self._weighing.fails(case.node, others)

    def _end(self, case: Case, at: float) -> None:
        case.back_at = at
        self.ended.append(case)
        del self.cases[case.key]
        others = {device for other in self.cases.values() for device in other.devices}
        if case.stage == "confirmed":
            unheard = {device for bus in case.consequent for device in self._lines.get(bus, ())}
            for device in sorted((set(case.devices) | unheard) - others):
                self._witnesses[device].forgive(at)

    def _settled(self, case: Case, now: float) -> bool:
        newest = max((self._witnesses[device].at for device in case.devices), default=now)
        quiet = max(now, newest) - max(case.changed_at, case.confirmed_at)
        return quiet > self._limits["settle_polls"] * self.cycle(case.devices)

    def _frozen(self, case: Case, now: float) -> bool:
        """Whether evidence cannot change a case any more. Cases that began together settle together."""
        if case.back_at:
            return True
        window = self._limits["settle_polls"] * self.cycle(case.devices)
        together = [other for other in self.cases.values() if abs(other.since - case.since) <= window]
        return all(other.back_at or self._settled(other, now) for other in together)

    def cycle(self, devices: Iterable[str]) -> float:
        """The longest time between two polls of any of these devices, seconds."""
        seen = max((self._witnesses[device].interval for device in devices), default=0.0)
        return min(max(self._poll, seen), 4 * self._poll) if seen else self._poll

    def _wishes(self, now: float) -> Iterator[Wish]:
        """Reads that settle a suspicion: two devices that seem dead, one beside them, and any that just fell silent."""
        pause = max(3.0, self._poll / 8)
        doubtful = [
            w
            for w in self._witnesses.values()
            if w.silent and not w.excused and now - w.at > pause and w.weight < self._certain
        ]
        for witness in sorted(doubtful, key=lambda w: w.at)[:2]:
            if witness.wire.rate < self._noisy:
                yield Wish(witness.device.id, "is it silent, or was one answer lost?")
        for case in self.cases.values():
            if case.stage != "suspected" or now - case.pinged < pause:
                continue
            case.pinged = now
            dead = sorted((self._witnesses[device] for device in case.devices), key=lambda w: w.at)
            for witness in dead[:2]:
                if now - witness.at > 2.0:
                    yield Wish(witness.device.id, f"is {case.node} without supply?")
            parent = self._tree.parent(case.node) if case.kind == "supply" and not case.alone else None
            around = [self._witnesses[d.id] for d in self._tree.below.get(parent or "", ()) if d.id not in case.devices]
            stale = sorted((w for w in around if w.at < case.since), key=lambda w: w.at)
            for witness in stale[:2]:
                yield Wish(witness.device.id, f"does the fault at {case.node} reach further?")

    def phases(self, case: Case) -> str:
        """The phases of a case as letters; '' for a line."""
        return "" if case.kind == "bus" else "".join(PHASES[place] for place in case.places)

    def settled(self, now: float) -> set[str]:
        """Devices of cases that nothing will change any more but their end."""
        return {d for c in self.cases.values() if c.stage == "confirmed" and self._frozen(c, now) for d in c.devices}

    def dump(self) -> dict[str, object]:
        """Its state as plain data."""
        return {
            "misplaced": sorted(self.misplaced),
            "count": self._count,
            "cases": [asdict(case) for case in self.cases.values()],
        }

    def load(self, kept: Mapping[str, object]) -> None:
        """Take up the state that `dump` gave."""
        cases, count, misplaced = kept["cases"], kept["count"], kept["misplaced"]
        assert isinstance(misplaced, list)
        self.misplaced = set(misplaced)
        assert isinstance(cases, list)
        assert isinstance(count, int)
        self._count = count
        self.cases = {case["key"]: Case(**case) for case in cases}
