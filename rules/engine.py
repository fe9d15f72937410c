"""All rules on one area: observations in, incidents, wishes and verdicts out. All state can be saved and loaded."""

from collections.abc import Iterable, Mapping

from rules.answers import Look, looks_of
from rules.area import Area, DisconnectOrder, PlannedOutage, Report
from rules.book import Book, Claim
from rules.case_teller import CaseTeller
from rules.correction import PowerDown
from rules.desk import Desk
from rules.hand import Hand
from rules.hearing import EVIDENCE, FAINT, RELAY, VOLTAGE
from rules.incident import Incident, Outcome, Verdict, Wish
from rules.interruptions import Interruptions
from rules.memory import Saved, kind_of
from rules.noise import Noise
from rules.observation import Observation
from rules.pace import Pace
from rules.pool import Pool
from rules.relays import Relays
from rules.repeats import Repeats
from rules.report import Calls
from rules.state import Part, State
from rules.statistics import Quality, Statistics
from rules.strangers import Strangers
from rules.strays import Holder, Strays
from rules.supply import Supply
from rules.thresholds import complete
from rules.topology import Tree
from rules.upstream import Upstream
from rules.voltage import Voltage
from rules.wire import Wire, wires_of
from rules.witness import Witness
from rules.words import idle_plan_claim

NOTHING = Outcome()
_NO_BUS = Wire(1)


class Engine:
    """The rules of one area. Time is the observations' own, or `tick`'s."""

    def __init__(
        self,
        area: Area,
        thresholds: Mapping[str, Mapping[str, float]] | None = None,
        planned: Iterable[PlannedOutage] = (),
        orders: Iterable[DisconnectOrder] = (),
        saved: Saved | None = None,
    ) -> None:
        limits = complete(thresholds or {})
        tree = Tree(area)
        wires = wires_of(area)
        self._witnesses = witnesses = {
            d.id: Witness(d, wires.get(d.bus or "", _NO_BUS), limits, area.nominal_voltage) for d in area.devices
        }
        self._book = Book(tree, limits["pool"]["remind_s"])
        self._pool = Pool(tree, limits, planned, orders)
        self._pace = Pace(area, self._pool.deadline())
        self._statistics = Statistics(area, limits, witnesses)
        self._supply = Supply(tree, witnesses, limits, area)
        self._teller = CaseTeller(tree, witnesses, limits, self._supply, self._pool, self._book, self._statistics)
        self._upstream = Upstream(tree, witnesses, limits, area, self._book)
        self._voltage = Voltage(tree, witnesses, limits, area)
        looks = looks_of(tree, witnesses, limits, area, self._upstream.masked)
        self._looks = {d.id: tuple(look for look in looks if look.of(d)) for d in area.devices}
        self._relays = Relays(self._pool, self._book, witnesses)
        self._strangers = Strangers(area)
        self._repeats = Repeats(tree, limits)
        self._noise = Noise(wires, witnesses, limits, area)
        self._calls = Calls(tree, witnesses, limits, area, self._pool, self._book)
        parts: dict[str, Part] = {
            "pace": self._pace,
            "plans": self._pool,
            "supply": self._supply,
            "neutral": self._upstream.neutral,
            "half": self._upstream.half,
            "masked": self._upstream,
            "voltage": self._voltage,
            "strangers": self._strangers,
            "repeats": self._repeats,
            "noise": self._noise,
            **{look.name: look.rule for look in looks},
        }
        self._state = State(witnesses, wires, parts, self._statistics, self._book)
        self.hand = Hand(self._book, self._handled)
        self.desk = Desk(self._pool, self._book, self._relays, witnesses, self._pace, self._state)
        if saved:
            self._state.load(saved)
        self._strays = self._unheld(tree, looks, saved or {})
        if self._strays.waiting:
            self._pace.rouse()

    def _unheld(self, tree: Tree, looks: Iterable[Look], saved: Saved) -> Strays:
        """What lasts by what was saved, and no rule holds."""
        holders = {
            "supply": Holder("supply", self._supply.holds),
            "phase": Holder("supply", self._supply.misplaced.found.__contains__),
            "half": Holder("half", self._upstream.half.holds),
            "neutral": Holder("neutral", self._upstream.neutral.holds),
            "voltage": Holder("voltage", self._voltage.holds),
            "stranger": Holder("strangers", self._strangers.holds),
            "relay": Holder("device", self._relays.holds),
            "repeats": Holder("repeats", self._repeats.holds),
            "noise": Holder("noise", self._noise.holds),
            **{look.name: Holder("device" if look.name == "quality" else look.name, look.rule.holds) for look in looks},
        }
        return Strays(tree, self._book, holders, {kind_of(name) for name in saved})

    def take(self, observation: Observation) -> Outcome:
        """One more observation; the incidents that changed with it and the reads that would settle a doubt."""
        witness = self._witnesses.get(observation.device)
        if witness is None:
            return self._stranger(observation)
        pace = self._pace
        said, wishes = self._caught_up(observation.at) if observation.at >= pace.wake else ([], ())
        pace.now = max(pace.now, observation.at)
        changed = witness.take(observation)
        if witness.at == observation.at and observation.notice is None and witness.device.kind == "meter":
            self._statistics.take(witness, answered=observation.fault is None)
        elif observation.notice == "power_on":
            self._statistics.woke(observation.device, observation.at)
        if witness.at == observation.at and observation.values:
            said += self._answered(observation, witness)
        if changed & VOLTAGE:
            self._outside(witness)
        if changed & RELAY:
            self._state.stirred = True
            said += self._relays.tell(witness, pace.now)
        if changed & EVIDENCE:
            pace.dirty = True
        elif changed & FAINT:
            pace.stir(known=self._noise.busy)
        if pace.dirty or self._upstream.uneven or self._voltage.news:
            pace.rouse()
        return Outcome(tuple(said), wishes) if said or wishes else NOTHING

    def tick(self, at: float) -> Outcome:
        """Time passed without observations."""
        self._pace.now = max(self._pace.now, at)
        return self._step() if self._pace.now >= self._pace.wake else NOTHING

    def _caught_up(self, at: float) -> tuple[list[Incident], tuple[Wish, ...]]:
        """What is new up to an observation, as if the time had been told in between."""
        said: list[Incident] = []
        wishes: tuple[Wish, ...] = ()
        pace, pause = self._pace, self._pace.beat
        while at >= pace.wake:
            early = self.tick(max(pace.now, pace.wake))
            said += early.incidents
            wishes += early.wishes
            pause *= 2
            pace.wake = max(pace.wake, pace.stepped + pause)
        return said, wishes

    def _stranger(self, observation: Observation) -> Outcome:
        self._pace.now = max(self._pace.now, observation.at)
        self._state.stirred = True
        news = self._strangers.take(observation)
        return Outcome(tuple(self._tell("stranger", self._strangers.claims()))) if news else NOTHING

    def _answered(self, observation: Observation, witness: Witness) -> list[Incident]:
        """Values came that are newer than all before."""
        said: list[Incident] = []
        if self._upstream.look(witness):
            self._pace.dirty = True
        if self._upstream.half.seen is not None:
            self._state.unsaved.add("half")
        if witness.history:
            self._supply.account(witness)
            self._statistics.carry(witness)
        for look in self._looks[observation.device]:
            if look.restless:
                self._state.unsaved.add(look.name)
            if look.rule.take(observation, witness):
                said += self._tell(look.name, look.rule.claims())
        return said

    def _outside(self, witness: Witness) -> None:
        """A voltage outside, or coming from outside, the limits."""
        self._upstream.uneven = self._state.stirred = True
        if witness.device.id not in self._upstream.masked:
            self._voltage.take(witness)

    def _step(self) -> Outcome:
        """Weigh everything that changed since the last step."""
        self._state.stirred = True
        pace = self._pace
        pace.stepped = now = pace.now
        said = self._strays.step(now)
        said += self._upstream.step(now, self._supply.settled)
        self._statistics.hear(said)
        for device in self._upstream.mask(now):
            self._voltage.forget(device)
        said += self._tell("voltage", self._voltage.claims(now))
        wishes = self._supply.step(now, self._upstream.masked, self._pool.expected(now))
        said += self._teller.say(now)
        if self._repeats.take(said) or self._book.get("repeats"):
            said += self._book.tell("repeats", self._repeats.claim(now), now)
        said += self._tell("noise", self._noise.claims(now))
        said += self._book.unshelved(now)
        said += self._book.reminders(now)
        for plan in self._pool.not_executed(now):
            said += self._tell("plan", [(plan.id, idle_plan_claim(plan, now)), (plan.id, None)])
        pace.dirty = self._supply.busy or self._upstream.busy
        deadline = min(self._pool.deadline(), self._book.deadline(), self._strays.deadline)
        moved = pace.dirty or self._upstream.uneven or self._voltage.news
        pace.rest(deadline, moved=moved, lasts=bool(self._supply.cases) or self._noise.busy)
        pace.wake = min(pace.wake, self._supply.due, self._noise.due)
        return Outcome(tuple(said), tuple(wishes)) if said or wishes else NOTHING

    def _tell(self, rule: str, claims: Iterable[tuple[str, Claim | None]]) -> list[Incident]:
        self._state.stirred = True
        said = self._book.tell_all(rule, claims, self._pace.now)
        self._pace.wake = min(self._pace.wake, self._book.deadline())
        return said

    def _handled(self) -> None:
        """An operator changed an incident."""
        self._state.stirred = True
        self._pace.wake = min(self._pace.wake, self._book.deadline())

    def judge(self, report: Report) -> Verdict:
        """A customer's call, from what is known."""
        return self._calls.judge(report)

    def whom_to_ask(self, report: Report) -> tuple[str, ...]:
        """Devices whose reading would tell more of a call than is known; their answers may make it more."""
        return self._calls.whom_to_ask(report)

    def active(self) -> tuple[Incident, ...]:
        """Incidents that last now, oldest first."""
        return self._book.active()

    @property
    def period_start(self) -> float | None:
        """When the period began that statistics are counted over; None: nothing was counted yet."""
        return self._statistics.start

    def close_period(self, at: float) -> Quality:
        """Statistics since the last call, or since the beginning; called at the end of every day."""
        self._state.stirred = True
        for witness in self._witnesses.values():
            witness.unsaved = True
        return self._statistics.close(at)

    @property
    def interruptions(self) -> Interruptions:
        """Every time without supply that still counts."""
        return self._statistics.interruptions

    def correct(self, downs: Iterable[PowerDown]) -> None:
        """What meters wrote down of their supply: it replaces what polls told of it."""
        for down in downs:
            if (witness := self._witnesses.get(down.device)) is not None:
                plan = self.plan_for((witness.device.node,), down.start)
                self._statistics.interruptions.correct(down, planned=plan is not None)

    def plan_for(self, nodes: Iterable[str], since: float) -> PlannedOutage | None:
        """The announced outage that an outage of one of these nodes, which began then, belongs to."""
        return self._pool.plan_for(nodes, since)

    def changes(self) -> dict[str, object | None]:
        """State items that changed since the last call; None: the item is gone."""
        return self._state.changes()
