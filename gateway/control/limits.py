"""How many actions there may be in an hour, over all restarts: what was done is read from the audit log."""

from collections import deque
from datetime import datetime

from gateway.clock import Clock
from gateway.control.chain import Record
from gateway.settings.models import ControlSettings

HOUR_S = 3600.0

EXECUTING = "executing"
"""The record that is made right before a device is told to do something."""


class Limits:
    """Counts what was done during the last hour."""

    def __init__(self, settings: ControlSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._done: deque[tuple[float, str]] = deque()  # monotonic, device; the oldest first

    def heard(self, record: Record) -> None:
        """A record of an earlier life of the gateway."""
        if record.what == EXECUTING:
            ago = self._clock.wall() - datetime.fromisoformat(record.at).timestamp()
            if abs(ago) < HOUR_S:  # a clock that was set back makes nothing undone
                self._done.append((self._clock.monotonic() - max(ago, 0.0), str(record.told.get("device"))))

    def reached(self, device: str) -> str:
        """Which limit one more action would pass; '' when none."""
        while self._done and self._clock.monotonic() - self._done[0][0] >= HOUR_S:
            self._done.popleft()
        if len(self._done) >= self._settings.per_hour:
            return f"{len(self._done)} actions within an hour: per_hour of [control] allows no more"
        if sum(done == device for _, done in self._done) >= self._settings.per_device_per_hour:
            return f"{device}: per_device_per_hour of [control] allows no more within this hour"
        return ""

    def note(self, device: str) -> None:
        """One more."""
        self._done.append((self._clock.monotonic(), device))
