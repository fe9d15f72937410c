"""How much of each day is known of each device: the share of its time slots with a good observation.

A slot is a quarter of an hour, as utilities count curves, or the polling period where that is longer. It counts once,
whether it was heard live, remembered by the meter, or both. Pure; the state is a line of bits per device and day.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta

from gateway.clock import from_local, local
from rules.observation import Observation

SLOT_S = 900.0
KEPT_DAYS = 40
"""A month and the days after it on which it can still be told."""
DAY_S = 86_400.0


@dataclass(slots=True)
class Day:
    """One device on one day."""

    expected: int  # slots
    live: int = 0  # bits, the first slot lowest
    recalled: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """What is known of a day, of a device or of the whole area."""

    expected: int
    live: int  # slots with an observation when it was due
    backfilled: int  # slots that only the meters' memory filled
    share: float  # of the expected ones


class Coverage:
    """The last days of every device of a site."""

    def __init__(self, periods: Mapping[str, float], saved: Mapping[str, object] | None = None) -> None:
        """`periods`: by device, seconds between two polls."""
        self._slot_s = {device: max(SLOT_S, period) for device, period in periods.items()}
        self._days: dict[date, dict[str, Day]] = {}
        self._changed: dict[tuple[date, str], None] = {}
        self._gone: list[str] = []
        self._untold: set[date] = set()
        self._today = (date.min, 0.0, 0.0)  # a day, its first second and that of the next
        self._load(saved or {})

    def take(self, seen: Observation) -> None:
        """One more observation, live or remembered."""
        slot_s = self._slot_s.get(seen.device)
        if slot_s is None or not seen.values:
            return
        day, begins, ends = self._day_of(seen.at)
        devices = self._days.get(day) or self._begin(day)
        known = devices.get(seen.device)
        if known is None:
            known = devices[seen.device] = Day(math.ceil((ends - begins) / slot_s))
        bit = 1 << int((seen.at - begins) / slot_s)
        recalled = seen.source == "backfill"
        if bit & (known.recalled if recalled else known.live) or not any(v is not None for v in seen.values.values()):
            return
        if recalled:
            known.recalled |= bit
            self._untold.add(day)
        else:
            known.live |= bit
        self._changed[day, seen.device] = None

    def days(self, before: date) -> Sequence[date]:
        """Finished days with something to tell that was not told."""
        return sorted(day for day in self._untold if day < before)

    def told(self, day: date) -> None:
        """A day's figures are on their way; what is remembered of it later is told again."""
        self._untold.discard(day)
        self._changed.update(dict.fromkeys((day, device) for device in self._days.get(day, ())))

    def of(self, day: date) -> tuple[Share, Mapping[str, Share]]:
        """The area's share of a day, and each device's; a device that was not heard at all counts with nothing."""
        begins, ends = edges(day)
        known = self._days.get(day, {})
        shares = {}
        for device, slot_s in self._slot_s.items():
            one = known.get(device) or Day(math.ceil((ends - begins) / slot_s))
            live, both = one.live.bit_count(), (one.live | one.recalled).bit_count()
            shares[device] = _share(one.expected, live, both - live)
        return _sum(list(shares.values())), shares

    def message(self, day: date) -> dict[str, object]:
        """A day in figures, as it is told."""
        area, devices = self.of(day)
        return {
            "date": day.isoformat(),
            "coverage": {**asdict(area), "devices": {name: asdict(share) for name, share in devices.items()}},
        }

    def together(self, days: Sequence[date]) -> dict[str, object]:
        """Some days in figures, as a month is told."""
        each = [self.of(day) for day in days]
        names = self._slot_s if each else ()
        devices = {name: _sum([shares[name] for _, shares in each]) for name in names}
        area = _sum([share for share, _ in each])
        return {"coverage": {**asdict(area), "devices": {name: asdict(share) for name, share in devices.items()}}}

    def changes(self) -> dict[str, object | None]:
        """State items that changed since the last call; None: forget it."""
        items: dict[str, object | None] = dict.fromkeys(self._gone)
        for day, device in self._changed:
            one = self._days[day][device]
            items[_key(day, device)] = [one.expected, f"{one.live:x}", f"{one.recalled:x}", day in self._untold]
        self._gone.clear()
        self._changed.clear()
        return items

    def _day_of(self, at: float) -> tuple[date, float, float]:
        if not self._today[1] <= at < self._today[2]:
            day = local(at).date()
            self._today = (day, *edges(day))
        return self._today

    def _begin(self, day: date) -> dict[str, Day]:
        """Also the days before it on which nothing was heard at all: they are news too."""
        first = max(max(self._days, default=day), day - timedelta(days=KEPT_DAYS))
        for number in range(max(1, (day - first).days)):
            self._days.setdefault(day - timedelta(days=number), {})
            self._untold.add(day - timedelta(days=number))
        for old in sorted(self._days)[:-KEPT_DAYS]:
            self._gone += [_key(old, device) for device in self._days.pop(old)]
            self._untold.discard(old)
            self._changed = {key: None for key in self._changed if key[0] != old}
        return self._days.setdefault(day, {})

    def _load(self, saved: Mapping[str, object]) -> None:
        for key, kept in saved.items():
            kind, _, rest = key.partition("/")
            if kind == "coverage" and isinstance(kept, list):
                name, _, device = rest.partition("/")
                day, (expected, live, recalled, untold) = date.fromisoformat(name), kept
                self._days.setdefault(day, {})[device] = Day(expected, int(live, 16), int(recalled, 16))
                if untold:
                    self._untold.add(day)


def _share(expected: int, live: int, backfilled: int) -> Share:
    return Share(expected, live, backfilled, round((live + backfilled) / expected, 4) if expected else 0.0)


def _sum(shares: Sequence[Share]) -> Share:
    return _share(*(sum(getattr(share, name) for share in shares) for name in ("expected", "live", "backfilled")))


def edges(day: date) -> tuple[float, float]:
    """The first second of a local day and of the next; a day may have 23 or 25 hours."""
    begins = _first_second(day)
    return begins, _first_second(local(begins + 1.25 * DAY_S).date())


def _first_second(day: date) -> float:
    """Where clocks are put forward at midnight, a day has none: it begins when theirs would have shown it."""
    begins = from_local(datetime.combine(day, time()))
    return begins if local(begins).date() == day else from_local(datetime.combine(day, time(fold=1)))


def _key(day: date, device: str) -> str:
    return f"coverage/{day.isoformat()}/{device}"
