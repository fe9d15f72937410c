"""Who was without supply, and when: by cause and meter, as polls tell it until the meter's own record tells it better.

All that is counted of supply is counted from here, so a day that is long over can be counted again when a record
comes late. What lasts is known by its case; what is over is kept for as long as somebody may count it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from rules.area import Area, Device
from rules.case import CASE
from rules.correction import SLACK_S, WORTH_S, PowerDown
from rules.reliability import OFTEN_S, Lost, Reliability, joined, reliability

KEPT_S = OFTEN_S + 41 * 86_400.0
"""A month can still be counted for some days, and each of its days looks back over OFTEN_S."""

MOST = 20_000
"""Times of single meters that are kept; the oldest causes go first."""

LASTING = 0.0
"""Stands for the end of what has none yet."""


@dataclass(slots=True)
class Interruption:
    """One cause, and the meters that are or were without supply by it."""

    key: str  # of the case as long as it lasts; '' afterwards
    phases: str  # that were lost; '' for all
    planned: bool
    meters: dict[str, Lost] = field(default_factory=dict)
    news: bool = True  # it has changed since the days were told

    @property
    def begins(self) -> float:
        """The earliest moment that any of it can have begun."""
        return min((lost.after for lost in self.meters.values()), default=0.0)


class Interruptions:
    """Every time without supply of every meter of an area.

    Single polls tell of the supply rule's cases only; others end when that is told.
    """

    def __init__(self, area: Area, sustained_s: float, pause_s: Callable[[str], float]) -> None:
        """`pause_s`: polls of a meter cannot see that supply was back for less."""
        meters = [device for device in area.devices if device.kind == "meter"]
        self._meters = {device.id: device for device in meters}
        self._sustained_s = sustained_s
        self._pause_s = pause_s
        self._customers = {
            phase: len({_customer(device) for device in meters if phase in device.phases}) for phase in ("", *"ABC")
        }
        self._all: dict[int, Interruption] = {}
        self._open: dict[str, int] = {}
        self._next = 1
        self._changed: set[int] = set()
        self.watched: set[str] = set()
        """Meters whose every poll tells something about what lasts."""

    def began(
        self,
        key: str,
        since: float,
        after: float,
        meters: Iterable[str],
        last_sign: Callable[[str], float],
        *,
        phases: str = "",
        planned: bool = False,
    ) -> None:
        """An outage is confirmed, or has changed. `last_sign`: of a lack of supply, by meter; 0 when there was none."""
        number = self._open.get(key)
        if number is None:
            number = self._add(Interruption(key, phases, planned))
            self._open[key] = number
        one, affected = self._all[number], set(meters)
        before = (one.phases, one.planned, dict(one.meters))
        one.phases, one.planned = phases, planned
        begin = min(after or since, since), since
        for meter in affected:
            was = one.meters.get(meter)
            if was is None:
                one.meters[meter] = Lost(*begin, last_sign(meter), LASTING)
            elif not was.until and was[:2] != begin:
                one.meters[meter] = Lost(*begin, was.still, was.until)
        for meter in [name for name in one.meters if name not in affected and not one.meters[name].still]:
            del one.meters[meter]  # it was thought to lie behind the fault, and never showed a sign of it
        if (one.phases, one.planned, one.meters) != before:
            self._touch(number)
        self.watched |= affected

    def polled(self, meter: str, at: float, lost: Callable[[str], bool | None]) -> None:
        """A watched meter was polled. `lost`: whether one of these phases ('': any) is gone; None: who knows."""
        for number in self._open.values():
            one = self._all[number]
            was = one.meters.get(meter) if one.key.startswith(CASE) else None
            if was is None or was.exact or (gone := lost(one.phases)) is None:
                continue
            if gone:  # supply that was back for a moment was not: the case lasts
                one.meters[meter] = was._replace(still=at, until=LASTING)
            elif not was.until:
                one.meters[meter] = was._replace(until=at)
                self._touch(number)

    def still(self, meter: str, at: float, lost: Callable[[str], bool | None]) -> None:
        """After a restart: a meter was without supply when it was last polled; that is not saved at every poll."""
        for number in self._open.values():
            one = self._all[number]
            was = one.meters.get(meter) if one.key.startswith(CASE) else None
            if was is not None and not was.exact and was.still < at and lost(one.phases):
                one.meters[meter] = was._replace(still=at, until=LASTING)

    def ended(self, key: str, at: float) -> None:
        """An outage is over; a meter that has not been heard yet has its supply as well.

        One that answered all the time did not lie behind the fault, whatever the topology says.
        """
        number = self._open.pop(key, None)
        if number is None:
            return
        one = self._all[number]
        one.key = ""
        for meter, lost in list(one.meters.items()):
            if not lost.until:
                one.meters[meter] = lost._replace(until=max(at, lost.still))
            elif not lost.still and lost.until < at:
                del one.meters[meter]
        self._touch(number)
        self.watched = {meter for other in self._open.values() for meter in self._all[other].meters}
        self._forget(at)

    def lasting(self, keys: Iterable[str], at: float) -> None:
        """Only these cases last: what other seems to, after an update that forgot its cases, is over."""
        for key in self._open.keys() - set(keys):
            if key.startswith(CASE):
                self.ended(key, at)

    def correct(self, down: PowerDown, *, planned: bool) -> None:
        """A meter's own record: it replaces what polls told of the same outage, or is one that no poll saw."""
        device = self._meters.get(down.device)
        if device is None or down.end <= down.start:
            return
        exact = Lost(down.start, down.start, down.end, down.end)
        fitting = [
            (number, lost)
            for number, one in self._all.items()
            if (lost := one.meters.get(down.device)) and _fits(lost, down) and set(device.phases) <= _phases(one)
        ]
        if any(lost.exact and _same(lost, exact) for _, lost in fitting):
            return
        told = [(number, lost) for number, lost in fitting if not lost.exact]
        if told:
            number, _ = max(told, key=lambda row: _shared(row[1], down))
            self._all[number].meters[down.device] = exact
        else:
            number = self._add(Interruption("", "", planned, {down.device: exact}))
        self._touch(number)

    def supply(self, start: float, end: float, at: float) -> Reliability:
        """The indices of a period, as they are known at `at`."""
        within = [one for one in self._all.values() if one.begins < end]
        rows = [
            (device, _phases(one), self._until(lost, one, at))
            for one in within
            for meter, lost in one.meters.items()
            if (device := self._meters.get(meter)) is not None
        ]
        return reliability(
            self._by_customer((device, lost) for device, _, lost in rows if lost.until > end - OFTEN_S),
            {
                phase: self._by_customer(
                    (device, lost) for device, gone, lost in rows if phase in gone and phase in device.phases
                )
                for phase in "ABC"
                if self._customers[phase]
            },
            self._customers,
            start,
            end,
            self._sustained_s,
        )

    def news(self) -> list[tuple[float, float]]:
        """Spans in which something has changed since `told`; what lasts reaches into the future."""
        return [
            (one.begins, max(lost.until or float("inf") for lost in one.meters.values()))
            for one in self._all.values()
            if one.news and one.meters
        ]

    def told(self) -> None:
        """The days with news are told; what still lasts will have more."""
        for number, one in self._all.items():
            if one.news and not one.key:
                one.news = False
                self._changed.add(number)

    def changes(self) -> dict[str, object | None]:
        """State items that changed since the last call; None: forget it."""
        items: dict[str, object | None] = {}
        for number in self._changed:
            one = self._all.get(number)
            items[f"interruption/{number}"] = one and _plain(one)
        self._changed.clear()
        return items

    def load(self, kept: Iterable[tuple[str, list[object]]]) -> None:
        """Take up saved items: number and content."""
        for name, (key, phases, planned, meters, news) in kept:
            assert isinstance(key, str)
            assert isinstance(phases, str)
            assert isinstance(meters, dict)
            lost = {meter: Lost(*times) for meter, times in meters.items()}
            self._all[int(name)] = Interruption(key, phases, bool(planned), lost, bool(news))
            if key:
                self._open[key] = int(name)
                self.watched |= lost.keys() & self._meters.keys()
            self._next = max(self._next, int(name) + 1)

    def _add(self, one: Interruption) -> int:
        number, self._next = self._next, self._next + 1
        self._all[number] = one
        return number

    def _touch(self, number: int) -> None:
        self._all[number].news = True
        self._changed.add(number)

    def _until(self, lost: Lost, one: Interruption, at: float) -> Lost:
        until = lost.until or max(at, lost.since)
        still = min(max(lost.still, lost.since), until)
        return Lost(lost.after, lost.since, still, until, one.planned)

    def _by_customer(self, rows: Iterable[tuple[Device, Lost]]) -> dict[str, list[Lost]]:
        times: dict[str, list[Lost]] = {}
        pauses: dict[str, float] = {}
        for device, lost in rows:
            customer = _customer(device)
            times.setdefault(customer, []).append(lost)
            pauses[customer] = max(pauses.get(customer, 0.0), self._pause_s(device.id))
        return {customer: joined(lost, pauses[customer]) for customer, lost in times.items()}

    def _forget(self, at: float) -> None:
        size = sum(len(one.meters) for one in self._all.values())
        for number, one in sorted(self._over(), key=lambda row: row[1].begins):
            ended = max((lost.until for lost in one.meters.values()), default=0.0)
            if size <= MOST and ended > at - KEPT_S:
                continue
            size -= len(one.meters)
            del self._all[number]
            self._changed.add(number)

    def _over(self) -> Iterator[tuple[int, Interruption]]:
        return ((number, one) for number, one in list(self._all.items()) if not one.key)


def _plain(one: Interruption) -> list[object]:
    meters = {meter: list(lost[:4]) for meter, lost in one.meters.items()}
    return [one.key, one.phases, one.planned, meters, one.news]


def _customer(device: Device) -> str:
    return device.customer or device.id


def _phases(one: Interruption) -> set[str]:
    return set(one.phases or "ABC")


def _fits(lost: Lost, down: PowerDown) -> bool:
    """Whether a record can be of this: within its bounds, and of some of its time."""
    until = lost.until or float("inf")
    return lost.after - SLACK_S <= down.start and down.end <= until + SLACK_S and _shared(lost, down) > 0


def _shared(lost: Lost, down: PowerDown) -> float:
    return min(down.end, (lost.until or down.end) + SLACK_S) - max(down.start, lost.since - SLACK_S)


def _same(one: Lost, other: Lost) -> bool:
    return max(abs(one.since - other.since), abs(one.until - other.until)) < WORTH_S
