"""Reliability of supply over a period, from the times at which customers were without it: SAIDI, SAIFI and the like.

Polls tell times only up to a period, so every index has bounds: what was certainly lost, and the most that can have
been. A meter's own record tells the second, and the bounds meet.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

OFTEN_S = 60 * 86_400.0  # over how long a customer's interruptions are counted
OFTEN = 3  # interruptions in that time that are too many


class Lost(NamedTuple):
    """A time without supply; epoch seconds."""

    after: float  # last moment it was surely not lost yet
    since: float  # first sign that it was
    still: float  # last sign that it was
    until: float  # first sign of supply
    planned: bool = False

    @property
    def exact(self) -> bool:
        """Whether a meter wrote it down."""
        return self.after == self.since and self.still == self.until

    def seconds(self, start: float, end: float) -> tuple[float, float, float]:
        """Of it within a period: certainly, by the best times, at most."""
        bounds = ((self.since, self.still), (self.since, self.until), (self.after, self.until))
        least, best, most = (max(0.0, min(to, end) - max(begin, start)) for begin, to in bounds)
        return least, best, most


@dataclass(frozen=True, slots=True)
class Bounded:
    """A figure, what it certainly reaches, and the most that it can be."""

    best: float = 0.0
    least: float = 0.0
    most: float = 0.0

    def __add__(self, other: "Bounded") -> "Bounded":
        return Bounded(self.best + other.best, self.least + other.least, self.most + other.most)

    def __truediv__(self, number: float) -> "Bounded":
        return Bounded(self.best / number, self.least / number, self.most / number)


@dataclass(frozen=True, slots=True)
class Loss:
    """What one customer, or one phase, lost in a period."""

    minutes: Bounded = Bounded()
    planned_min: float = 0.0
    sustained: Bounded = Bounded()
    momentary: Bounded = Bounded()

    def __add__(self, other: "Loss") -> "Loss":
        return Loss(
            self.minutes + other.minutes,
            self.planned_min + other.planned_min,
            self.sustained + other.sustained,
            self.momentary + other.momentary,
        )


@dataclass(frozen=True, slots=True)
class PhaseSupply:
    """One phase of the area over a period."""

    customers: int
    saidi_min: float
    saifi: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """The supply of an area over a period."""

    start: float  # epoch seconds
    end: float
    customers: int
    saidi_min: Bounded  # minutes without supply per customer, planned ones included
    saidi_planned_min: float
    saifi: Bounded  # sustained interruptions per customer
    maifi: Bounded  # momentary ones
    cemi: Bounded  # share of customers with OFTEN interruptions in OFTEN_S
    phases: Mapping[str, PhaseSupply]
    interrupted: Mapping[str, Loss]  # customers who lost supply in the period

    @property
    def caidi_min(self) -> float:
        """Minutes that a sustained interruption lasted."""
        return self.saidi_min.best / self.saifi.best if self.saifi.best else 0.0

    @property
    def asai(self) -> float:
        """Share of the time with supply."""
        return 1.0 - self.saidi_min.best * 60 / (self.end - self.start) if self.end > self.start else 1.0


def joined(times: Iterable[Lost], pause_s: float) -> list[Lost]:
    """Times without supply in order; those that overlap are one, as are those with no pause that polls could see."""
    found: list[Lost] = []
    for one in sorted(times, key=lambda lost: lost.since):
        last = found[-1] if found else None
        if last is None or one.since - last.until > (0.0 if last.exact and one.exact else pause_s):
            found.append(one)
            continue
        ends = max(last.still, one.still), max(last.until, one.until)
        found[-1] = Lost(min(last.after, one.after), last.since, *ends, last.planned)
    return found


def loss(times: Iterable[Lost], start: float, end: float, sustained_s: float) -> Loss:
    """What these times cost in a period. An interruption counts in the period in which it began."""
    total = Loss()
    for one in times:
        least, best, most = one.seconds(float("-inf"), float("inf"))
        within = one.seconds(start, end)
        minutes = [
            part / 60 if whole >= sustained_s else 0.0 for part, whole in zip(within, (least, best, most), strict=True)
        ]
        began = start <= one.since < end
        total += Loss(
            Bounded(minutes[1], minutes[0], minutes[2]),
            minutes[1] if one.planned else 0.0,
            Bounded(*(float(began and long >= sustained_s) for long in (best, least, most))),
            Bounded(*(float(began and long < sustained_s) for long in (best, most, least))),
        )
    return total


def reliability(
    lost: Mapping[str, Sequence[Lost]],
    phases: Mapping[str, Mapping[str, Sequence[Lost]]],
    customers: Mapping[str, int],
    start: float,
    end: float,
    sustained_s: float,
) -> Reliability:
    """The indices of a period. `lost`: by customer, joined, from OFTEN_S before its end on; `phases`: so by phase.

    `customers`: how many there are on each phase, and under '' in all.
    """
    number = max(1, customers[""])
    losses = {name: loss(times, start, end, sustained_s) for name, times in lost.items()}
    whole = sum(losses.values(), Loss())
    often = [loss(times, end - OFTEN_S, end, sustained_s).sustained for times in lost.values()]
    return Reliability(
        start=start,
        end=end,
        customers=customers[""],
        saidi_min=whole.minutes / number,
        saidi_planned_min=whole.planned_min / number,
        saifi=whole.sustained / number,
        maifi=whole.momentary / number,
        cemi=Bounded(*(sum(getattr(one, name) >= OFTEN for one in often) for name in ("best", "least", "most")))
        / number,
        phases={
            phase: _phase(lost_on.values(), customers[phase], start, end, sustained_s)
            for phase, lost_on in phases.items()
        },
        interrupted={name: one for name, one in losses.items() if one != Loss()},
    )


def _phase(lost: Iterable[Sequence[Lost]], customers: int, start: float, end: float, sustained_s: float) -> PhaseSupply:
    whole = sum((loss(times, start, end, sustained_s) for times in lost), Loss())
    return PhaseSupply(customers, whole.minutes.best / max(1, customers), whole.sustained.best / max(1, customers))
