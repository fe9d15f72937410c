"""The ledger of gaps: from when to when a device gave no values, and how far each gap has been worked off.

Pure: observations in, gaps out. Its state is plain data that goes to disk with the observation that changed it.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from gateway.clock import local
from rules.observation import Observation

DAY_S = 86_400.0
HORIZON_S = 62 * DAY_S
"""No meter remembers more: the daily freezes of the DL/T 645 extension."""

MOST_GAPS = 50
"""Of one device; beyond it the oldest go, counted."""

HEARD_EVERY_S = 60.0
"""How often it goes to disk when devices were last heard: after a kill a gap may begin so much too early."""

PATIENCE = 6
"""Silences in a row to one service of a device that answers otherwise: then it counts as refused."""

PAUSE_S = 30.0
"""After the first such silence; the pause doubles each time."""


class Stage(StrEnum):
    """What is read of a gap, in this order; the same stage of all devices of a line goes before the next."""

    CLOCK = "clock"
    EVENTS = "events"
    PROFILE = "profile"
    FREEZES = "freezes"


ORDER = tuple(Stage)

CLASSES = 4
"""Parts of the load profile that are asked for one by one where a meter refuses the whole: voltages and currents,
powers, power factors, energies."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A span without a value of a device, and how far it is worked off."""

    device: str
    start: float  # epoch seconds of the last good observation before it
    end: float  # and of the first one after it
    stage: Stage = Stage.CLOCK
    cursor: float = 0.0  # events, freezes: the last record read, 1 the newest; profile: epoch seconds read up to
    before: float = 0.0  # freezes: from here on they are read; 0: none is
    offset: float = 0.0  # the meter's clock minus ours, s
    part: int = 0  # profile: the class of values, 0 for all
    gained: int = 0  # observations that came of it

    @property
    def service(self) -> str:
        """What is asked of the device now, by the name under which a refusal is remembered."""
        return f"{self.stage}" + (f" {self.part}" if self.part else "")

    def next(self, *, refused: bool = False) -> "Gap | None":
        """The same gap, one service on; None after the last. Daily freezes lie in it only when a midnight does."""
        if self.stage is Stage.PROFILE and (refused if self.part == 0 else self.part < CLASSES):
            return replace(self, part=self.part + 1, cursor=0.0)
        left = ORDER[ORDER.index(self.stage) + 1 :]
        if not left or (left == (Stage.FREEZES,) and local(self.start).date() == local(self.end).date()):
            return None
        return replace(self, stage=left[0], part=0, cursor=0.0)


@dataclass(frozen=True, slots=True)
class LedgerFigures:
    """The ledger in numbers."""

    open: int  # devices that are silent longer than they may be
    waiting: int  # gaps that are still read
    filled: int  # gaps that gave something
    empty: int  # gaps of which the meter remembered nothing
    unreadable: int  # gaps of devices that keep no history we can read
    dropped: int  # gaps thrown away: too many or too old
    refused: int  # services that a device did not grant
    observations: int  # gained


class Ledger:
    """The gaps of all devices of a site."""

    def __init__(
        self, longest: Mapping[str, float], readable: Collection[str], saved: Mapping[str, object] | None = None
    ) -> None:
        """`longest`: by device, seconds without values that are no gap yet. `readable`: devices that keep a history."""
        self._longest, self._readable = longest, frozenset(readable)
        self._heard: dict[str, float] = {}
        self._open: dict[str, float] = {}
        self._gaps: dict[str, list[Gap]] = {}
        self._refused: dict[str, dict[str, float]] = {}  # by device and service: until when
        self._counts: Counter[str] = Counter()
        self._tries: dict[str, tuple[int, float]] = {}  # by device: silences in a row, and the pause after them
        self._dirty: set[str] = set()
        self._heard_saved = 0.0
        self._changed = False
        self._load(saved or {})

    # ---- in

    def take(self, seen: Observation) -> None:
        """One more live observation."""
        device, at = seen.device, seen.at
        if seen.source == "backfill" or device not in self._longest:
            return
        last = self._heard.get(device)
        if not seen.values:
            if last is not None and at - last > self._longest[device] and device not in self._open:
                self._open[device] = last
                self._dirty.add(device)
            return
        self._heard[device] = at
        self._changed |= last is None
        if self._open.pop(device, None) is not None:
            self._dirty.add(device)
        if last is not None and at - last > self._longest[device]:
            self._close(Gap(device, max(last, at - HORIZON_S), at))

    def want(self, device: str, start: float, end: float) -> bool:
        """Have a span read that somebody asks for; False for a device that keeps no history we can read."""
        if device in self._readable:
            self._close(Gap(device, max(start, end - HORIZON_S), end))
        return device in self._readable

    def _close(self, gap: Gap) -> None:
        self._changed = True
        if gap.device not in self._readable:
            self._counts["unreadable"] += 1
            return
        gaps = [old for old in self._gaps.get(gap.device, ()) if old.end > gap.end - HORIZON_S]
        kept = [*gaps, gap][-MOST_GAPS:]
        self._counts["dropped"] += len(self._gaps.get(gap.device, ())) + 1 - len(kept)
        self._gaps[gap.device] = kept
        self._dirty.add(gap.device)

    # ---- the work

    def next(self, devices: Collection[str], now: float) -> Gap | None:
        """What to read next of these devices: of those that answer, the earliest stage, then the oldest gap."""
        ready = [
            gap
            for device in devices
            if device not in self._open and self._tries.get(device, (0, 0.0))[1] <= now
            if now - self._heard.get(device, 0.0) <= self._longest[device]
            for gap in self._gaps.get(device, ())[:1]
        ]
        return min(ready, key=lambda gap: (ORDER.index(gap.stage), gap.start), default=None)

    def advance(self, was: Gap, now: Gap | None, gained: int = 0) -> None:
        """A gap is worked off a step further, which gave so many observations; None: all of it."""
        self._tries.pop(was.device, None)
        gained += was.gained
        self._replace(was, None if now is None else replace(now, gained=gained), gained)

    def may(self, gap: Gap, now: float) -> bool:
        """Whether what comes next of a gap may be asked for: it was not refused during the last day."""
        return self._refused.get(gap.device, {}).get(gap.service, 0.0) <= now

    def refused(self, gap: Gap, now: float) -> None:
        """The device does not grant a service: not asked again for a day, and the gap goes on without it."""
        self._note_refusal(gap, now)
        self.advance(gap, gap.next(refused=True))

    def _note_refusal(self, gap: Gap, now: float) -> None:
        self._refused.setdefault(gap.device, {})[gap.service] = now + DAY_S
        self._counts["refused"] += 1

    def give_up(self, device: str) -> None:
        """The device turned out to keep no history that can be read."""
        if gaps := self._gaps.pop(device, None):
            self._counts["unreadable"] += len(gaps)
            self._dirty.add(device)
            self._changed = True

    def failed(self, gap: Gap, now: float) -> None:
        """No answer that could be used: later again; after many, as good as refused."""
        tries = self._tries.get(gap.device, (0, 0.0))[0] + 1
        if tries < PATIENCE:
            self._tries[gap.device] = (tries, now + PAUSE_S * 2 ** (tries - 1))
            return
        left: Gap | None = gap
        while left is not None and left.stage is gap.stage:  # who is silent about the whole is not asked for the parts
            self._note_refusal(left, now)
            left = left.next(refused=True)
        self.advance(gap, left)

    def _replace(self, was: Gap, now: Gap | None, gained: int) -> None:
        gaps = self._gaps.get(was.device, [])
        if was not in gaps:
            return  # thrown away meanwhile
        if now is None:
            gaps.remove(was)
            self._counts["filled" if gained else "empty"] += 1
            self._counts["observations"] += gained
            self._changed = True
        else:
            gaps[gaps.index(was)] = now
        self._dirty.add(was.device)

    # ---- figures and state

    def figures(self) -> LedgerFigures:
        names = ("filled", "empty", "unreadable", "dropped", "refused", "observations")
        counts = {name: self._counts[name] for name in names}
        return LedgerFigures(open=len(self._open), waiting=sum(map(len, self._gaps.values())), **counts)

    def changes(self) -> dict[str, object | None]:
        """State items that changed since the last call."""
        items: dict[str, object | None] = {f"gap/{device}": self._item(device) for device in self._dirty}
        newest = max(self._heard.values(), default=0.0)
        if self._changed or abs(newest - self._heard_saved) >= HEARD_EVERY_S:
            items["gaps"] = {"heard": self._heard, "counts": self._counts}
            self._heard_saved, self._changed = newest, False
        self._dirty.clear()
        return items

    def _item(self, device: str) -> dict[str, object] | None:
        gaps, refused = self._gaps.get(device), self._refused.get(device)
        if device not in self._open and not gaps and not refused:
            return None
        return {
            "open": self._open.get(device),
            "gaps": [asdict(gap) for gap in gaps or ()],
            "refused": refused or {},
        }

    def _load(self, saved: Mapping[str, object]) -> None:
        if isinstance(kept := saved.get("gaps"), dict):
            self._heard = {device: at for device, at in kept["heard"].items() if device in self._longest}
            self._counts.update(kept["counts"])
        for device, item in _items(saved):
            if device not in self._longest:
                self._counts["dropped"] += len(item["gaps"])
                self._dirty.add(device)  # it is no device of the site any more: forget it
                continue
            if item["open"] is not None:
                self._open[device] = self._heard[device] = item["open"]
            self._gaps[device] = [Gap(**{**gap, "stage": Stage(gap["stage"])}) for gap in item["gaps"]]
            self._refused[device] = item["refused"]


def _items(saved: Mapping[str, object]) -> Iterator[tuple[str, dict]]:  # type: ignore[type-arg]
    for key, item in saved.items():
        if key.startswith("gap/") and isinstance(item, dict):
            yield key.removeprefix("gap/"), item
