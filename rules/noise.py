"""Lines that lose many answers for long, though nothing on them has failed."""

from collections.abc import Iterable, Iterator, Mapping

from rules.area import Area
from rules.book import Claim
from rules.pace import NEVER, spacing
from rules.thresholds import Limits
from rules.wire import Wire
from rules.witness import Witness
from rules.words import noise_claim

FEWEST = 3
"""Meters on a line that is spoken of; where there are fewer, each is spoken of for itself."""


class Noise:
    """Watches the share of lost answers on every line."""

    def __init__(self, wires: Mapping[str, Wire], witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        own = limits["comm"]
        self._wires = wires
        self._bad, self._good = own["noise_share"], own["noise_clear_share"]
        self._witnesses = witnesses
        self._hold_polls, self._poll = own["noise_polls"], area.poll_period_s
        self._meters: dict[str, tuple[str, ...]] = dict.fromkeys(wires, ())
        for device in area.devices:
            if device.bus is not None and device.kind == "meter":
                self._meters[device.bus] += (device.id,)
        self._since: dict[str, float] = {}  # by line that loses too many
        self._told: set[str] = set()  # of them
        self.due = NEVER
        """When a line has been noisy for long enough to be spoken of."""

    def claims(self, now: float) -> Iterator[tuple[str, Claim | None]]:
        """What to say now, by line; None: it is over."""
        self.due = NEVER
        for bus, wire in self._wires.items():
            if wire.sure_rate > self._bad:
                since, meters = self._since.setdefault(bus, now), self._meters[bus]
                if bus in self._told or len(meters) < FEWEST:
                    continue
                due = since + self._hold_s(meters)
                if now < due:
                    self.due = min(self.due, due)
                    continue
                self._told.add(bus)
                yield bus, noise_claim(bus, meters, since, wire.rate)
            elif wire.rate < self._good and self._since.pop(bus, None) is not None:
                self._told.discard(bus)
                yield bus, None

    def _hold_s(self, meters: Iterable[str]) -> float:
        return self._hold_polls * spacing(map(self._witnesses.__getitem__, meters), self._poll)

    @property
    def busy(self) -> bool:
        """Whether a line loses too many answers, or lately did."""
        return bool(self._since)

    def holds(self, bus: str) -> bool:
        """Whether a line loses too many answers."""
        return bus in self._since

    def dump(self) -> object:
        """Its state as plain data."""
        return self._since

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, dict)
        self._since.update({bus: float(since) for bus, since in kept.items() if bus in self._wires})
