"""Whether enough is known of a case: when it convinces, when nothing can change it any more, which reads would tell."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from statistics import median

from rules.area import Area
from rules.case import Case
from rules.reach import Reach
from rules.thresholds import Limits
from rules.topology import Tree
from rules.weighing import SELDOM, Weighing
from rules.witness import ALIVE, DEAD, Witness

MANY = 4  # devices, more than which do not hang on one of them
NO_ANSWER_S = 3.0  # what a poll without an answer takes at most, with its retry
JUST_BEFORE = 0.05  # polls: a fault seldom falls into so short a time, so what lived then lives most likely


class Doubt:
    """Judges the cases of one area by how much evidence there is, how old it is and what is still to be heard."""

    def __init__(
        self,
        tree: Tree,
        witnesses: Mapping[str, Witness],
        limits: Limits,
        area: Area,
        weighing: Weighing,
        cases: Mapping[str, Case],
    ) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._limits = limits["outage"]
        self._certain = limits["comm"]["certainty"]
        self._poll = area.poll_period_s
        self._weighing = weighing
        self._cases = cases
        self._reach = Reach(tree, witnesses, weighing.lines, cases)

    def cycle(self, devices: Iterable[str]) -> float:
        """The time between two polls of most of these devices, seconds; on a line of silent ones it grows."""
        return median([self._turn(self._witnesses[device]) for device in devices] or [self._poll])

    def _turn(self, witness: Witness) -> float:
        period = witness.period or self._poll
        return max(period, min(witness.interval, 4 * period))

    def is_telling(self, case: Case) -> bool:
        """Whether there is enough for a suspicion: half of what convinces. A few silences on a noisy line are not."""
        return case.kind == "device" or 2 * self._surprise(case) >= self._certain

    def _surprise(self, case: Case) -> float:
        """How unlikely what its devices show is by chance, nats. All of them had supply until the last was heard."""
        dead = [self._witnesses[device] for device in case.devices]
        lived = max((w.alive_at for w in dead if w.is_silent), default=case.since)
        return sum(self._weighing.surprise(witness, lived) for witness in dead)

    def is_shaken(self, case: Case, wants: Collection[Case]) -> bool:
        """Whether what would move a sure case, or split it, is so little that chance explains it."""
        new = {device for want in wants for device in want.devices}.difference(case.devices)
        if not new or any((want.node, want.places) == (case.node, case.places) for want in wants):
            return False
        silent = [self._witnesses[device] for device in new]
        return 2 * sum(self._weighing.surprise(w, w.silent_since) for w in silent) < self._certain

    def moves_by_chance(self, want: Case, case: Case) -> bool:
        """Whether what would move a confirmed case up is so little that chance explains it: the next polls tell."""
        up = want.node != case.node and set(case.devices) < set(want.devices)
        return case.stage == "confirmed" and up and self.rests_on_chance(want)

    def _contradiction(self, case: Case) -> float:
        """How much those below its node speak against it who answered well since it began, nats."""
        if not case.of_node:
            return 0.0
        below = [self._witnesses[device.id] for device in self._tree.below[case.node] if device.id not in case.devices]
        well = [w for w in below if w.alive_at > case.since and not w.is_silent]
        return self._limits["alive_weight"] * sum(any(w.state[p] == ALIVE for p in case.places) for w in well)

    def is_convincing(self, case: Case, now: float) -> bool:
        """Whether the evidence spans enough time and nothing that could change the place is still to be heard."""
        dead = [self._witnesses[device] for device in case.devices]
        if case.kind == "device":
            return self.speaks_alone(case.devices[0]) and self._is_only_one(dead[0], now)
        cycle = self.cycle(case.devices)
        since = self._seen_since(case, dead, cycle)
        span = max(w.at for w in dead) - since
        readings = sum(w.silent or 1 + (w.at > case.since) for w in dead)  # what still reads dead was read twice
        enough = min(self._limits["confirm_s"], self._limits["confirm_polls"] * cycle)
        surprise = self._surprise(case) - self._contradiction(case)
        slow = cycle > self._limits["slow_poll_s"]
        if slow and surprise >= self._limits["once_weight"] and self._others_live(case, dead):
            span = enough
        if span < enough or readings < 2 or surprise < self._certain:
            return False
        if self._weighing.waiting and now - case.since < 2 * cycle:
            lines = {self._tree.devices[device].bus for device in case.devices}
            if lines & self._weighing.waiting:
                return False
        if now - since > self._patience(case, cycle):
            return True
        return not self._open_questions(case, cycle, since) and not self.rests_on_chance(case)

    def lacks(self, case: Case, now: float) -> int:
        """How many more reads of its devices would make a case certain: two, one for the time it must last, or none."""
        if case.kind == "device":
            return 0
        if self._surprise(case) < self._certain or self.rests_on_chance(case):
            return 2
        newest = max(self._witnesses[device].at for device in case.devices)
        return int(newest - case.since < self._limits["confirm_s"] <= now - case.since)

    def unheard(self, case: Case) -> list[Witness]:
        """Devices that could move a case, or tell whether it is more than one that is silent, and were not read since.

        All that were read before; a terminal that is silent alone stands for those below it.
        """
        if case.kind == "device":
            return [w for w in self._beside(self._witnesses[case.devices[0]]) if 0 < w.at < case.since]
        since = self._seen_since(case, [self._witnesses[d] for d in case.devices], self.cycle(case.devices))
        return [w for w in self._around(case) if 0 < w.at < since]

    def _beside(self, witness: Witness) -> list[Witness]:
        """Who must be heard for a silent device to be silent alone: for a terminal, who is fed through it."""
        device = witness.device
        below = self._tree.below[device.node] if device.kind in ("ttu", "ltu") else ()
        names = [other.id for other in below if other.kind == "meter"] or self._weighing.lines.get(device.bus or "", [])
        return [self._witnesses[name] for name in names if name != device.id]

    def _is_only_one(self, witness: Witness, now: float) -> bool:
        """Whether somebody beside a silent device was heard since, or would have been by now."""
        beside = self._beside(witness)
        if not beside or any(w.at > witness.silent_since and not w.silent for w in beside):
            return True
        return now - witness.silent_since > SELDOM * self.cycle(w.device.id for w in beside)

    def _seen_since(self, case: Case, dead: list[Witness], cycle: float) -> float:
        """When its first devices were seen dead; who fell silent before another was heard lost one by chance.

        So did, most likely, one among many that fell silent long before the next of them.
        """
        silent = [w for w in dead if w.is_silent]
        heard = max((w.alive_at for w in silent), default=0.0)
        since = sorted([w.silent_since for w in silent if w.silent_since > heard])
        if len(since) > MANY and since[1] - since[0] > cycle / 2:
            del since[0]
        if not since:
            return case.since
        return since[0] if len(since) > 1 and since[1] <= case.since else max(case.since, since[0])

    def rests_on_chance(self, case: Case) -> bool:
        """Whether a single answer, lost by chance, could be all that makes it this node and not one below it.

        The same for each phase, and for a line and one of its devices. The next poll tells, unless that is far off.
        A terminal's counts twice: it stands for its node, and is no chance find among many meters.
        """
        if not (case.of_node or case.kind == "bus") or self.cycle(case.devices) > self._limits["slow_poll_s"]:
            return False
        node = self._tree.common(case.devices) if case.of_node else ""
        part: dict[str, float] = {}
        phase = dict.fromkeys(case.places if node else (), 0.0)
        for name in case.devices:
            witness = self._witnesses[name]
            nats = self._weighing.surprise(witness, case.after) * (1 if witness.device.kind == "meter" else 2)
            below = self._tree.step_towards(node, name) if node else name
            part[below] = part.get(below, 0.0) + nats
            for place in phase.keys() & set(witness.places):
                phase[place] += nats
        others = sum(part.values()) - max(part.values())
        return (len(part) > 1 and 2 * others < self._certain) or any(
            0 < 2 * nats < self._certain for nats in phase.values()
        )

    def _patience(self, case: Case, cycle: float) -> float:
        """How long others are waited for, seconds: a line with silent devices takes its time for a round."""
        lines = {self._tree.devices[device].bus for device in case.devices}
        return 1.5 * cycle + NO_ANSWER_S * max(len(self._weighing.lines.get(bus or "", ())) for bus in lines)

    def _others_live(self, case: Case, dead: list[Witness]) -> bool:
        """Whether good voltage was read elsewhere while these devices were silent: then no dip hid them all."""
        gone = set(case.devices)
        first, last = min(w.silent_since or case.since for w in dead), max(w.at for w in dead)
        return any(
            first <= w.alive_at <= last and not w.is_silent and ALIVE in w.state and name not in gone
            for name, w in self._witnesses.items()
        )

    def _open_questions(self, case: Case, cycle: float, since: float) -> bool:
        """Whether devices that could move the case have not been read since it began, or just before.

        Those that are read much more seldom than its own are not waited for.
        """
        before = JUST_BEFORE * cycle if cycle > self._limits["slow_poll_s"] else 0.0
        waits = any(0 < w.at < since - before and w.period <= SELDOM * cycle for w in self._around(case))
        return waits and not (case.of_node and self._reach.is_bounded(case, since))

    def _around(self, case: Case) -> Iterator[Witness]:
        """Devices that could move a case: those beside its own in the tree, and those on the same lines."""
        around: set[str] = set()
        if case.of_node:
            wider = self._tree.parent(case.node) or case.node
            around.update(device.id for device in self._tree.below[wider])
        for name in case.devices:
            device = self._tree.devices[name]
            around.update(self._weighing.lines.get(device.bus or "", ()))
            if case.kind == "bus":
                around.update(other.id for other in self._tree.below[device.node])
        return map(self._witnesses.__getitem__, around)

    def speaks_alone(self, device: str) -> bool:
        """Whether one device's evidence makes a case without any other."""
        witness = self._witnesses[device]
        if witness.device.kind == "neighbour_ttu":
            return False
        if witness.gasp_at > witness.alive_at:  # it may have been a moment only: a poll must have failed since
            waited = witness.at - witness.gasp_at >= self._limits["confirm_s"]
            return witness.silent > 1 or (witness.silent == 1 and waited)
        return self.is_read_dead(device) or witness.weight >= self._certain

    def is_read_dead(self, device: str) -> bool:
        """Whether a device that answers reads no voltage."""
        return not self._witnesses[device].is_silent and DEAD in self._witnesses[device].state

    def is_settled(self, case: Case, now: float) -> bool:
        """Whether a case has not changed for so long that what falls silent now is a fault of its own."""
        if case.settled:
            return True
        newest = max((self._witnesses[device].at for device in case.devices), default=now)
        quiet = max(now, newest) - max(case.changed_at, case.confirmed_at)
        cycle, polls = self.cycle(case.devices), self._limits["settle_polls"]
        settled = quiet > polls * cycle and not any(
            0 < w.at < case.since and SELDOM * cycle < w.period and quiet <= polls * w.period
            for w in self._around(case)
        )
        case.settled = settled and case.stage == "confirmed"
        return settled

    def is_frozen(self, case: Case, now: float) -> bool:
        """Whether evidence cannot change a case any more. Cases that began together settle together."""
        if case.back_at or case.closed or all(other.settled or other.back_at for other in self._cases.values()):
            return True
        window = self._limits["settle_polls"] * self.cycle(case.devices)
        together = [other for other in self._cases.values() if abs(other.since - case.since) <= window]
        return all(other.back_at or self.is_settled(other, now) for other in together)
