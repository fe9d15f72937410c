"""The only clock: wall time with a trust flag, and monotonic time.

Nothing else in the project asks what time it is. Waiting and deadlines run on the event loop's own time, which
equals `monotonic` here; tests put a virtual clock and a virtual loop in place of both.
"""

import time
from datetime import UTC, datetime
from typing import Protocol

EARLIEST_PLAUSIBLE = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
"""A box that booted after a power cut and has not heard of the time yet stands before the product existed."""

FIRST, END = 0.0, datetime(2200, 1, 1, tzinfo=UTC).timestamp()
"""What people write is from 1970 to 2199: anything else is a slip, and calendars cannot show every number."""


class Clock(Protocol):
    """Where the gateway gets its time from."""

    def wall(self) -> float:
        """Epoch seconds. May step when the time is set."""

    def monotonic(self) -> float:
        """Seconds that never step; no meaning but their difference."""

    def trusted(self) -> bool:
        """Whether the wall time can be the time of day at all."""


class SystemClock:
    """The machine's clock."""

    # asked a dozen times in every poll: no call of Python code in between
    wall = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    def trusted(self) -> bool:
        return time.time() >= EARLIEST_PLAUSIBLE


def local(at: float) -> datetime:
    """What a clock on the wall shows at an epoch second: what meters keep, without a zone."""
    return datetime.fromtimestamp(at, UTC).astimezone().replace(tzinfo=None)


def from_local(shown: datetime) -> float:
    """The epoch second at which a clock on the wall shows this."""
    return shown.astimezone().timestamp()


def on_calendar(at: float) -> bool:
    """Whether an epoch second is a time that anybody can mean."""
    return FIRST <= at < END


def iso(at: float) -> str:
    """Epoch seconds as ISO 8601 in UTC, milliseconds: what messages carry. What no calendar shows stays a number."""
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"{at:g}"
