"""Energy of the area by the hour and the day: what the transformer gave against what the meters took."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from rules.area import Area
from rules.consumption import REPLACED
from rules.observation import Observation
from rules.remarks import Remarker
from rules.suspects import END, END_AT, SIZE, START, START_AT, USUAL, Suspects
from rules.thresholds import Limits
from rules.topology import Tree
from rules.witness import Witness

HOUR_S, DAY_S = 3600.0, 86_400.0
ESTIMATED = 0.05  # share of the meters that may be dead: they are taken to draw what is usual
MOST_KW = 1000.0
OUT, IN = "loss", "gain"  # under which energy is told that no meter took, and that the transformer did not give


@dataclass(slots=True)
class Span:
    """What runs: an hour at least, and the day that it is part of."""

    since: float
    given_at_start: float  # register of the terminal, kWh, import less export
    day_since: float
    ends: float = 0.0  # it was to end then, and meters are still to be read; 0: it lasts
    given_at_end: float = 0.0
    given: float = 0.0  # kWh, in the judged spans of the day
    taken: float = 0.0
    hours: float = 0.0
    off: int = 0  # spans in a row with too much loss; with too little: negative
    off_since: float = 0.0
    daily: str = ""  # under which key the last day was told


class Balance(Remarker):
    """All registers together, at the end of every hour; of a span with a register missing, when it is read again.

    A register is taken at the moment when the terminal's was read: in between of the meter's readings before and after.
    So it has to be asked before the rule that notes the newest register of every device.
    """

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        super().__init__(area)
        self._limits = limits["weak"]
        self._meters = {device.id: witnesses[device.id] for device in area.devices if device.kind == "meter"}
        self._terminal = next((device.id for device in area.devices if device.kind == "ttu"), "")
        self._node = tree.devices[self._terminal].node if self._terminal else ""
        top = tree.transformer()
        self._most_kw = (top.rated_kva if top else None) or MOST_KW  # no meter draws more
        self._poll = area.poll_period_s
        self._suspects = Suspects(list(self._meters.values()), limits, self)
        self._span: Span | None = None
        self._missing: set[str] = set()  # meters whose register at the end of the span is not known yet

    def take(self, seen: Observation, witness: Witness) -> bool:
        """A device was read; whether a span is to end, or has ended: then there may be something to say."""
        span = self._span
        if seen.device != self._terminal:
            return seen.device in self._missing and self._register(seen, witness)
        net = _net(seen.values)
        if net is None:
            return False
        if span is None:
            self._span = Span(seen.at, net, seen.at)
        elif span.ends:
            if seen.at - span.ends <= max(w.pause(self._poll) for w in (witness, *self._meters.values())):
                return False
            self._end(span)
        elif seen.at - span.since >= HOUR_S:
            span.ends, span.given_at_end = seen.at, net
            self._missing = set(self._meters)
        else:
            return False
        return True

    def _register(self, seen: Observation, witness: Witness) -> bool:
        span, net = self._span, _net(seen.values)
        if span is None or net is None or witness.energy is None or not witness.energy_at <= span.ends <= seen.at:
            return False
        if seen.at - witness.energy_at > witness.pause(self._poll):
            return False
        share = (span.ends - witness.energy_at) / (seen.at - witness.energy_at)
        run = witness.windows.setdefault("balance", [0.0] * SIZE)
        run[END], run[END_AT] = round(witness.energy + share * (net - witness.energy), 4), span.ends
        self._missing.discard(seen.device)
        if self._missing:
            return False
        self._end(span)
        return True

    def _end(self, span: Span) -> None:
        """A span is to end: with all registers it is judged; with some missing it goes on, for a day at most."""
        at, gone = span.ends, self._gone(span.ends)
        runs = {name: w.windows.get("balance", _NOTHING) for name, w in self._meters.items() if name not in gone}
        begun = all(run[START_AT] == span.since for run in runs.values()) and not self._replaced(span.since)
        ended = self._missing <= gone.keys()
        span.ends, self._missing = 0.0, set()
        if ended and begun:
            hours = (at - span.since) / HOUR_S
            used = {name: run[END] - run[START] for name, run in runs.items()}
            used |= {name: kwh * hours / 24 for name, kwh in gone.items()}
            if max(map(abs, used.values())) <= self._most_kw * hours:
                span = self._judge(span, used, at)
        elif begun and at - span.since < DAY_S:
            return
        self._span = replace(span, since=at, given_at_start=span.given_at_end)
        for name, run in runs.items():
            if run[END_AT] == at:
                run[START], run[START_AT] = run[END], at
                self._meters[name].unsaved = True

    def _replaced(self, since: float) -> bool:
        """Whether a register fell since: what its meter drew meanwhile is not known."""
        return any((run := w.windows.get("energy")) and run[REPLACED] >= since for w in self._meters.values())

    def _gone(self, at: float) -> dict[str, float]:
        """Meters that have been dead for a day, and what they are taken to draw, kWh a day; none when they are many."""
        dead = {name: w for name, w in self._meters.items() if w.is_silent and at - w.alive_at > DAY_S}
        if len(dead) > ESTIMATED * len(self._meters):
            return {}
        return {n: 0.0 if w.excused else w.windows.get("balance", _NOTHING)[USUAL] for n, w in dead.items()}

    def _judge(self, span: Span, used: dict[str, float], at: float) -> Span:
        """A span is over: the day with it."""
        given, taken = span.given_at_end - span.given_at_start, sum(used.values())
        hours = (at - span.since) / HOUR_S
        span.given, span.taken, span.hours = span.given + given, span.taken + taken, span.hours + hours
        self._judge_hour(span, given, taken)
        self._suspects.count(used, given - taken, given, hours)
        if at - span.day_since >= DAY_S - HOUR_S / 2:
            self._judge_day(span, at)
            return replace(span, day_since=at, given=0.0, taken=0.0, hours=0.0)
        return span

    def _judge_hour(self, span: Span, given: float, taken: float) -> None:
        """What is far off is told after some hours."""
        if given < self._limits["loss_least_kwh"]:
            return
        share = (given - taken) / given
        side = 1 if share > self._limits["loss_share"] else -1 if share < -self._limits["loss_share"] else 0
        if side * span.off <= 0:
            span.off, span.off_since = 0, span.since
        span.off += side
        if abs(span.off) >= self._limits["loss_hours"]:
            self._tell(OUT if side > 0 else IN, given, taken, span.off_since, "hour")
        for key, sign in ((OUT, 1), (IN, -1)):
            if sign * share < self._limits["loss_share"] / 2 and span.daily != key:
                self.over(key)

    def _judge_day(self, span: Span, at: float) -> None:
        """A day tells also of areas whose hours are too small to judge, and of what comes and goes."""
        given, taken, own = span.given, span.taken, self._limits
        share = (given - taken) / given if given >= own["loss_least_kwh"] else 0.0
        span.daily = OUT if share > own["loss_share"] else IN if -share > own["gain_share"] else ""
        if span.daily:
            self._tell(span.daily, given, taken, span.day_since, "day")
        for key, sign in ((OUT, 1), (IN, -1)):
            if span.daily != key and span.off * sign <= 0:
                self.over(key)
        self._suspects.close_day(at, span.hours)

    def _tell(self, key: str, given: float, taken: float, since: float, period: str) -> None:
        share = (given - taken) / given
        says = f"of {given:.1f} kWh the meters took {taken:.1f}: {share:.1%} lost in the last {period}"
        cause = "energy flows past the meters, or one of them counts too little"
        if key == IN:
            says = f"the meters took {taken:.1f} kWh of {given:.1f}: {-share:.1%} too much in the last {period}"
            cause = "a meter is fed from another area, or its current transformers have another ratio"
        figures = {"given_kwh": round(given, 2), "taken_kwh": round(taken, 2), "share": round(share, 4)}
        devices = tuple(self._meters)
        self.say(key, "line_loss", self._node, since, says, figures, devices=devices, cause=cause)

    def dump(self) -> object:
        """Its state as plain data."""
        span = asdict(self._span) if self._span else None
        return [span, self._suspects.dump(), super().dump()]

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, list)
        span, suspects, said = kept
        self._span = Span(**span) if span else None
        if self._span and (ends := self._span.ends):
            runs = {name: w.windows.get("balance", _NOTHING) for name, w in self._meters.items()}
            self._missing = {name for name, run in runs.items() if run[END_AT] != ends}
        self._suspects.load(suspects)
        super().load(said)


_NOTHING = [0.0] * SIZE


def _net(values: Mapping[str, float | None]) -> float | None:
    """A register, import less export, kWh."""
    energy = values.get("energy_import")
    return None if energy is None else energy - (values.get("energy_export") or 0.0)
