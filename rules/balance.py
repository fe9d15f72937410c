"""Energy of the area by the hour and the day: what the transformer gave against what the meters took."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from rules.area import Area
from rules.book import Claim
from rules.observation import Observation
from rules.remarks import Remarks
from rules.thresholds import Limits
from rules.topology import Tree
from rules.witness import Witness

DAY_HOURS = 24


@dataclass(slots=True)
class Span:
    """Energy of the area over the hour that runs, and how much of the last hours was lost."""

    since: float
    start: dict[str, float]  # register by device, kWh, import less export
    lossy: int = 0  # hours in a row with too much loss
    share: float = 0.0
    hours: int = 0  # of the day that runs, that were judged
    given: float = 0.0  # kWh in them
    taken: float = 0.0
    daily: bool = False  # the last day lost too much


class Balance:
    """All registers together, at the end of every hour."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._limits = limits["weak"]
        self._meters = [device.id for device in area.devices if device.kind == "meter"]
        self._terminal = next((device.id for device in area.devices if device.kind == "ttu"), "")
        self._poll = area.poll_period_s
        self._remarks = Remarks()
        self._span: Span | None = None

    def take(self, seen: Observation, _: Witness) -> bool:
        """The terminal answered; whether an hour is over: then there may be something to say."""
        return seen.device == self._terminal and self._close_hour(seen.at)

    def claims(self) -> Iterator[tuple[str, Claim | None]]:
        """What to say now, by key; None: it is over."""
        return self._remarks.claims()

    def _close_hour(self, at: float) -> bool:
        """At the end of every hour: what the terminal gave against what the meters took."""
        span = self._span
        if span is not None and at - span.since < 3600:
            return False
        now = self._registers(at)
        if span is not None and len(now) == len(span.start) == len(self._meters) + 1:
            self._judge(span, now, at)
        self._span = replace(span, since=at, start=now) if span else Span(at, now)
        return True

    def _registers(self, at: float) -> dict[str, float]:
        """Registers that were read lately, by device."""
        witnesses = (self._witnesses[device] for device in (*self._meters, self._terminal))
        return {
            w.device.id: w.energy for w in witnesses if w.energy is not None and at - w.energy_at < w.pause(self._poll)
        }

    def _judge(self, span: Span, now: Mapping[str, float], at: float) -> None:
        given = now[self._terminal] - span.start[self._terminal]
        taken = sum(now[meter] - span.start[meter] for meter in self._meters)
        span.hours, span.given, span.taken = span.hours + 1, span.given + given, span.taken + taken
        if span.hours >= DAY_HOURS:
            self._judge_day(span, at)
        if given < self._limits["loss_least_kwh"]:
            return
        share = (given - taken) / given
        span.share = share
        span.lossy = span.lossy + 1 if share > self._limits["loss_share"] else 0
        if span.lossy >= self._limits["loss_hours"]:
            self._lost(given, taken, at - 3600 * span.lossy, "hour")
        elif span.lossy == 0 and not span.daily:
            self._remarks.over("loss")

    def _judge_day(self, span: Span, at: float) -> None:
        """A day tells also of areas whose hours are too small to judge, and of losses that come and go."""
        given, taken = span.given, span.taken
        enough = given >= self._limits["loss_least_kwh"]
        span.daily = enough and (given - taken) / given > self._limits["loss_share"]
        if span.daily:
            self._lost(given, taken, at - 3600 * span.hours, "day")
        elif span.lossy == 0:
            self._remarks.over("loss")
        span.hours, span.given, span.taken = 0, 0.0, 0.0

    def _lost(self, given: float, taken: float, since: float, period: str) -> None:
        share = (given - taken) / given
        says = f"of {given:.1f} kWh the meters took {taken:.1f}: {share:.0%} lost in the last {period}"
        top = self._tree.devices[self._terminal].node
        figures = {"given_kwh": round(given, 2), "taken_kwh": round(taken, 2), "share": round(share, 4)}
        self._remarks.say("loss", "line_loss", top, since, says, figures, devices=tuple(self._meters))

    def dump(self) -> object:
        """Its state as plain data."""
        return [asdict(self._span) if self._span else None, self._remarks.dump()]

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, list)
        span, said = kept
        self._span = Span(**span) if span else None
        self._remarks.load(said)
