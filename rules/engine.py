"""All rules on one area: observations in, incidents, wishes and verdicts out. All state can be saved and loaded."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from rules.area import Area, DisconnectOrder, PlannedOutage, Report
from rules.book import Book, Claim
from rules.case_teller import CaseTeller
from rules.contact import Contact
from rules.hand import Hand
from rules.incident import Incident, Outcome, Verdict, Wish
from rules.memory import Loader, Saved, items, take_up
from rules.neutral import Neutral
from rules.observation import Observation
from rules.phases import MvPhase
from rules.pool import Entry, Pool
from rules.power_quality import PowerQuality
from rules.repeats import Repeats
from rules.report import judge
from rules.statistics import Quality, Statistics
from rules.supply import Supply
from rules.thresholds import complete
from rules.topology import Tree
from rules.transformer import Transformer
from rules.voltage import Voltage
from rules.weak_points import WeakPoints
from rules.witness import EVIDENCE, RELAY, VOLTAGE, Wire, Witness, wires_of
from rules.words import (
    break_claim,
    half_claim,
    idle_plan_claim,
    noise_claim,
    relay_claim,
)

NOTHING = Outcome()
_NO_BUS = Wire(1)
_KEPT = ("_now", "_stepped", "_dirty", "_uneven", "_news", "_gathered", "_wake", "_masked", "_noisy")


class Engine:
    """The rules of one area. Time is the observations' own, or `tick`'s."""

    def __init__(
        self,
        area: Area,
        thresholds: Mapping[str, Mapping[str, float]] | None = None,
        planned: Iterable[PlannedOutage] = (),
        orders: Iterable[DisconnectOrder] = (),
        saved: Mapping[str, object] | None = None,
    ) -> None:
        limits = complete(thresholds or {})
        self._area = area
        self._limits = limits
        self._tree = tree = Tree(area)
        self._wires = wires_of(area)
        self._witnesses = {
            d.id: Witness(d, self._wires.get(d.bus or "", _NO_BUS), limits, area.nominal_voltage) for d in area.devices
        }
        self._pool = Pool(tree, limits, planned, orders)
        self._book = Book(tree, limits["pool"]["remind_s"])
        self.hand = Hand(self._book, self._handled)
        self._supply = Supply(tree, self._witnesses, limits, area)
        self._neutral = Neutral(tree, self._witnesses, limits, area)
        self._half = MvPhase(tree, self._witnesses, limits, area)
        self._voltage = Voltage(tree, self._witnesses, limits, area)
        self._transformer = Transformer(tree, limits, area)
        self._power_quality = PowerQuality(tree, limits, area)
        self._repeats = Repeats(tree, limits)
        self._statistics = Statistics(area, limits)
        self._contact = Contact(self._witnesses, limits, area)
        self._weak = WeakPoints(tree, self._witnesses, limits, area)
        self._teller = CaseTeller(tree, self._witnesses, limits, self._supply, self._pool, self._book, self._statistics)
        self._beat = min(5.0, area.poll_period_s / 12)
        self._now = 0.0
        self._stepped = 0.0
        self._dirty = False  # evidence about supply changed since the last step
        self._uneven = False  # voltages far from healthy changed since the last step
        self._news = False  # the voltage rule has something to say
        self._wake = self._pool.deadline()  # when the next step is due
        self._gathered = 0.0  # when it last said something
        self._masked: dict[str, float] = {}  # devices that something else explains, and until when
        self._noisy: dict[str, float] = {}  # lines that lose answers, and since when
        self._touched: set[str] = set()
        self._stirred = False
        self._terminals = {d.id for d in area.devices if d.kind == "ttu"}
        self._three_phase = {d.id for d in area.devices if len(d.phases) == 3}
        if saved:
            self._load(saved)

    def take(self, observation: Observation) -> Outcome:
        """One more observation; the incidents that changed with it and the reads that would settle a doubt."""
        witness = self._witnesses.get(observation.device)
        if witness is None:
            return self._stranger(observation)
        said: list[Incident] = []
        wishes: tuple[Wish, ...] = ()
        pause = self._beat
        while observation.at >= self._wake:  # as if the time had been told in between
            early = self.tick(max(self._now, self._wake))
            said += early.incidents
            wishes += early.wishes
            pause *= 2
            self._wake = max(self._wake, self._stepped + pause)
        self._now = max(self._now, observation.at)
        self._touched.add(observation.device)
        changed = witness.take(observation)
        if witness.at == observation.at and observation.notice is None and witness.device.kind == "meter":
            self._statistics.take(witness, answered=observation.fault is None)
        if witness.at == observation.at and observation.values:
            said += self._answered(observation, witness)
        if changed & VOLTAGE:
            self._outside(witness)
        if changed & RELAY:
            said += self._relay(witness)
        if changed & EVIDENCE:
            self._dirty = True
        if self._dirty or self._uneven or self._news:
            self._rouse()
        return Outcome(tuple(said), wishes) if said or wishes else NOTHING

    def _stranger(self, observation: Observation) -> Outcome:
        self._now = max(self._now, observation.at)
        self._stirred = True
        if not self._weak.stranger(observation):
            return NOTHING
        return Outcome(tuple(self._say_all("weak", self._weak.claims())))

    def _answered(self, observation: Observation, witness: Witness) -> list[Incident]:
        """Values came that are newer than all before."""
        said: list[Incident] = []
        name = observation.device
        if name in self._three_phase and self._half.look(witness):
            self._dirty = True
        if name in self._terminals:
            self._statistics.carry(witness)
            if self._transformer.take(observation):
                said += self._say_all("transformer", self._transformer.claims())
        if name not in self._masked and self._power_quality.take(observation, witness):
            said += self._say_all("quality", self._power_quality.claims())
        if self._weak.take(observation, witness):
            said += self._say_all("weak", self._weak.claims())
        if witness.single and self._contact.take(witness):
            said += self._say_all("contact", self._contact.claims())
        return said

    def tick(self, at: float) -> Outcome:
        """Time passed without observations."""
        self._now = max(self._now, at)
        return self._step() if self._now >= self._wake else NOTHING

    def judge(self, report: Report) -> Verdict:
        """A customer's call, from what is known."""
        witness = self._witnesses.get(report.device)
        ordered = witness is not None and self._pool.order_for(report.device, witness.relay_at) is not None
        nominal = self._area.nominal_voltage
        return judge(report, self._book.active(), witness, self._limits, nominal, ordered=ordered)

    @property
    def period_start(self) -> float | None:
        """When the period began that statistics are counted over; None: nothing was counted yet."""
        return self._statistics.start

    def close_period(self, at: float) -> Quality:
        """Statistics since the last call, or since the beginning; called at the end of every day."""
        self._stirred = True
        self._touched.update(self._witnesses)
        return self._statistics.close(at, self._witnesses)

    def plan(self, outage: PlannedOutage) -> None:
        """Announce an outage; one with the same id replaces it."""
        self._pool.planned[outage.id] = outage
        self._dirty = self._stirred = True
        self._rouse()

    def unplan(self, outage: str) -> None:
        """Withdraw an announced outage."""
        self._pool.planned.pop(outage, None)
        self._dirty = self._stirred = True
        self._rouse()

    def order(self, order: DisconnectOrder) -> tuple[Incident, ...]:
        """Know of an order to open a relay; what is said of the relay when it was found open already."""
        self._pool.orders.append(order)
        return self._ordered(order.device)

    def unorder(self, device: str) -> tuple[Incident, ...]:
        """Forget the orders for a device."""
        self._pool.withdraw(device)
        return self._ordered(device)

    def _ordered(self, device: str) -> tuple[Incident, ...]:
        witness = self._witnesses.get(device)
        return tuple(self._relay(witness)) if witness is not None and witness.relay_open else ()

    def pool(self, at: float) -> tuple[Entry, ...]:
        """Every outage that is announced, ordered or found out."""
        return tuple(self._pool.entries(self._book.active(), at))

    def active(self) -> tuple[Incident, ...]:
        """Incidents that last now, oldest first."""
        return self._book.active()

    def changes(self) -> dict[str, object | None]:
        """State items that changed since the last call; None: the item is gone."""
        items: dict[str, object | None] = {f"device/{name}": self._witnesses[name].dump() for name in self._touched}
        buses = {self._tree.devices[name].bus for name in self._touched} & self._wires.keys()
        items |= {
            f"bus/{bus}": [self._wires[bus].polls, self._wires[bus].lost, self._wires[bus].now] for bus in buses if bus
        }
        if self._touched or self._stirred:
            items["engine"] = [getattr(self, name) for name in _KEPT]
        items |= self._statistics.changes()
        self._touched.clear()
        if self._stirred:
            self._stirred = False
            items |= {
                "supply": self._supply.dump(),
                "neutral": self._neutral.dump(),
                "half": self._half.dump(),
                "voltage": self._voltage.dump(),
                "transformer": self._transformer.dump(),
                "quality": self._power_quality.dump(),
                "repeats": self._repeats.dump(),
                "weak": self._weak.dump(),
                "contact": sorted(self._contact.told),
                "plans": self._pool.dump(),
                **self._book.changes(),
            }
        return items

    def _rouse(self) -> None:
        """Something changed: the next step is due a beat after the last."""
        self._wake = min(self._wake, self._stepped + self._beat)

    def _next(self) -> float:
        """When the next step is due: a beat later when evidence moved, a poll later while something lasts."""
        if self._dirty or self._uneven or self._news:
            return self._stepped + self._beat
        if self._supply.cases:
            return self._stepped + self._area.poll_period_s
        return min(self._pool.deadline(), self._book.deadline())

    def _handled(self) -> None:
        """An operator changed an incident."""
        self._stirred = True
        self._wake = min(self._wake, self._book.deadline())

    def _step(self) -> Outcome:
        """Weigh everything that changed since the last step."""
        self._stirred = True
        self._stepped = self._now
        said = [*self._phases(), *self._neutral_step(), *self._voltages()]
        self._mask()
        wishes = self._supply.step(self._now, self._masked)
        said += self._teller.say(self._now)
        if self._repeats.take(said) or self._book.get("repeats"):
            said += self._say("repeats", self._repeats.claim(self._now))
        said += [*self._noise(), *self._book.unshelved(self._now)]
        for plan in self._pool.not_executed(self._now):
            said += self._say(f"plan/{plan.id}", idle_plan_claim(plan, self._now))
            said += self._say(f"plan/{plan.id}", None)
        self._dirty = self._supply.busy or self._half.seen is not None or bool(self._masked)
        self._wake = self._next()
        return Outcome(tuple(said), tuple(wishes)) if said or wishes else NOTHING

    def _say(self, key: str, claim: Claim | None) -> list[Incident]:
        told = self._book.end(key, self._now, self._now) if claim is None else self._book.say(key, claim, self._now)
        return [told] if told else []

    def _say_all(self, rule: str, claims: Iterable[tuple[str, Claim | None]]) -> list[Incident]:
        self._stirred = True
        return [told for key, claim in claims for told in self._say(f"{rule}/{key}", claim)]

    def _outside(self, witness: Witness) -> None:
        """A voltage outside, or coming from outside, the limits."""
        self._uneven = self._stirred = True
        if witness.device.id not in self._masked and self._voltage.take(witness):
            self._news = True

    def _voltages(self) -> list[Incident]:
        """What the voltage rule has gathered; not for every meter of a group a word of its own."""
        if not self._news or self._now - self._gathered < self._area.poll_period_s / 4:
            return []
        self._gathered = self._now
        said = self._say_all("voltage", self._voltage.claims())
        self._news = self._voltage.waiting
        return said

    def _relay(self, witness: Witness) -> list[Incident]:
        self._stirred = True
        if not witness.relay_open:
            return self._say(f"relay/{witness.device.id}", None)
        ordered = self._pool.order_for(witness.device.id, witness.relay_at) is not None
        claim = relay_claim(witness.device.id, witness.relay_at, witness.relay_at - witness.interval, ordered)
        return self._say(f"relay/{witness.device.id}", claim)

    def _phases(self) -> list[Incident]:
        half = self._half
        if half.seen is None:
            return []
        if half.over:
            told = self._book.end("half", self._now, half.seen.healthy_at)
            half.forget()
            return [told] if told else []
        return self._say("half", half_claim(half.seen, self._tree))

    def _neutral_step(self) -> list[Incident]:
        neutral = self._neutral
        if not (self._uneven or neutral.busy) or not neutral.due(self._now):
            return []
        others = {*self._half.masked(), *self._supply.settled(self._now)}
        neutral.look(self._now, others)
        if neutral.found is None:
            self._uneven = False
            return []
        if neutral.over:
            told = self._book.end("neutral", self._now, neutral.found.quiet_at)
            neutral.forget()
            return [told] if told else []
        return self._say("neutral", break_claim(neutral.found, self._tree))

    def _mask(self) -> None:
        until = self._now + self._limits["outage"]["restore_polls"] * self._area.poll_period_s
        masked = {*self._half.masked(), *self._neutral.masked()}
        if self._half.seen is not None:
            masked.update(self._three_phase)
        for device in masked - self._masked.keys():
            self._voltage.forget(device)
        for device in [name for name, end in self._masked.items() if end < self._now and name not in masked]:
            del self._masked[device]
            self._witnesses[device].forgive(self._now)
        self._masked |= dict.fromkeys(masked, until)

    def _noise(self) -> list[Incident]:
        own = self._limits["comm"]
        said: list[Incident] = []
        for bus, wire in self._wires.items():
            key = f"noise/{bus}"
            if wire.rate > own["noise_share"]:
                since = self._noisy.setdefault(bus, self._now)
                if self._now - since < own["noise_polls"] * self._area.poll_period_s:
                    continue
                devices = tuple(d.id for d in self._area.devices if d.bus == bus and d.kind == "meter")
                said += self._say(key, noise_claim(bus, devices, since, wire.rate)) if len(devices) > 2 else []
            elif wire.rate < own["noise_clear_share"] and self._noisy.pop(bus, 0.0):
                said += self._say(key, None)
        return said

    def _load(self, saved: Saved) -> None:
        """Take up what was saved. Raises StateError for what does not fit."""
        parts: dict[str, Callable[[Any], None]] = {
            "supply": self._supply.load,
            "neutral": self._neutral.load,
            "half": self._half.load,
            "voltage": self._voltage.load,
            "transformer": self._transformer.load,
            "quality": self._power_quality.load,
            "repeats": self._repeats.load,
            "weak": self._weak.load,
            "plans": self._pool.load,
            "contact": self._contact.told.update,
        }
        loaders: list[Loader] = [
            (("device",), self._load_devices),
            (("bus",), self._load_wires),
            (("engine",), self._load_own),
            *(((kind,), partial(_load_part, kind, load)) for kind, load in parts.items()),
            (("statistics", "carried"), self._statistics.load),
            (("incident", "incidents"), self._book.load),
        ]
        take_up(loaders, saved)

    def _load_devices(self, saved: Saved) -> None:
        for key, kept in items(saved, "device"):
            if key in self._witnesses:
                self._witnesses[key].load(kept)

    def _load_wires(self, saved: Saved) -> None:
        for key, kept in items(saved, "bus"):
            if key in self._wires:
                self._wires[key].polls, self._wires[key].lost, self._wires[key].now = kept

    def _load_own(self, saved: Saved) -> None:
        own = saved["engine"]
        assert isinstance(own, list)
        for name, kept in zip(_KEPT, own, strict=True):
            setattr(self, name, kept)


def _load_part(kind: str, load: Callable[[Any], None], saved: Saved) -> None:
    load(saved[kind])
