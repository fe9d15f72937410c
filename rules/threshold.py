"""Hold and hysteresis: how long something has been outside a limit, counted on the samples' own time."""

from dataclasses import dataclass
from typing import Literal

Change = Literal["suspected", "confirmed", "cleared", "cancelled"]


@dataclass(frozen=True, slots=True)
class Band:
    """A limit. `bad` and `good` are what the caller found; in between is the hysteresis, where nothing changes."""

    prealarm_s: float
    hold_s: float
    clear_s: float


@dataclass(slots=True)
class Outside:
    """One thing that is, or lately was, outside."""

    since: float  # epoch seconds of the first bad sample
    after: float  # epoch seconds of the last good sample before it
    at: float  # of the newest sample
    held_s: float = 0.0  # seconds outside that were seen
    near_s: float = 0.0  # seconds in the hysteresis since it was last bad
    inside_s: float = 0.0  # seconds inside again
    back_at: float = 0.0  # first good sample after it
    stage: Literal["", "suspected", "confirmed"] = ""
    worst: float = 0.0
    severe_s: float = 0.0  # seconds beyond the severe limit
    severe: bool = False  # whether the newest sample was


def step(band: Band, was: Outside, at: float, gap_s: float, *, bad: bool, good: bool) -> Change | None:
    """One more sample of something that is outside: moves the timers of `was`, says what changed.

    A pause longer than `gap_s` freezes the timers. A stay in the hysteresis counts as outside when something bad
    follows within `clear_s`, and not when it lasts: the standards' times are of what is outside its limit.
    """
    passed = at - was.at
    was.at = at
    if passed > gap_s:
        passed = 0.0
    if good:
        was.inside_s += passed if was.back_at else 0.0
        was.near_s = 0.0
        was.back_at = was.back_at or at
        if not was.stage or was.inside_s >= band.clear_s:
            return "cleared" if was.stage == "confirmed" else "cancelled"
        return None
    was.inside_s, was.back_at = 0.0, 0.0
    if not bad:
        was.near_s += passed
        return None
    was.held_s += passed + (was.near_s if was.near_s <= band.clear_s else 0.0)
    was.near_s = 0.0
    if was.stage != "confirmed" and was.held_s >= band.hold_s:
        was.stage = "confirmed"
        return "confirmed"
    if not was.stage and was.held_s >= band.prealarm_s:
        was.stage = "suspected"
        return "suspected"
    return None
