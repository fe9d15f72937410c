"""One step of working off a gap: what is asked of the meter, and what its answer makes of the gap.

A step is a conversation of about a second, so that a poll that falls due never waits longer. Pure: the shell in
`filler` carries it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from drivers.api import Reading
from drivers.dlt645.load import Block
from drivers.dlt645.services.clock import drift, read_clock
from drivers.dlt645.services.dialogue import Script
from drivers.dlt645.services.history import (
    FREEZES,
    Freeze,
    PowerDowns,
    read_daily_freeze,
    read_power_down,
)
from drivers.dlt645.services.read import RECORDS, read_blocks_since
from gateway.backfill.ledger import Gap, Stage
from gateway.clock import from_local, local
from gateway.settings.models import Device
from rules.correction import PowerDown
from rules.observation import Notice

RIGHT_S = 300.0
"""A meter whose clock is off by less is right, by the standard's own limit: the times of its curves are kept."""

EDGE_S = 60.0
"""A power-down that begins or ends so much outside a gap still belongs to it."""

BLOCK_BYTES = 120
"""A load profile block of all classes with its frame."""

MOST_BLOCKS = 10

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Past:
    """Something that a device remembered, at its own time."""

    at: float  # epoch seconds
    readings: tuple[Reading, ...] = ()
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """When a conversation was carried, epoch seconds."""

    at: float
    took_s: float


@dataclass(frozen=True, slots=True)
class Found:
    """What a step gave."""

    gap: Gap | None  # what is left of it; None: nothing
    past: tuple[Past, ...] = ()
    downs: tuple[PowerDown, ...] = ()


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """A question and what becomes of its answer. The answer None is silence and never comes to `found`."""

    script: Callable[[], Script[T | None]]
    found: Callable[[T, Asked], Found]  # raises ValueError, OverflowError for times that cannot be


def step(gap: Gap, device: Device) -> Step[Any]:
    """What to ask next for a gap."""
    match gap.stage:
        case Stage.CLOCK:
            return Step(lambda: read_clock(device.address), lambda clock, asked: _clock(gap, clock, asked))
        case Stage.EVENTS:
            number = int(gap.cursor) + 1
            return Step(lambda: read_power_down(device.address, number), lambda record, _: _power_down(gap, record))
        case Stage.PROFILE:
            since, count = _meter(gap, max(gap.cursor, gap.start)), portion(device)
            return Step(
                lambda: read_blocks_since(device.address, gap.part, since, count),
                lambda blocks, _: _profile(gap, device, blocks),
            )
        case Stage.FREEZES:
            number, until = int(gap.cursor) + 1, gap.before or gap.end
            since, upto = _meter(gap, gap.start), _meter(gap, until)
            return Step(
                lambda: read_daily_freeze(device.address, number, since, upto),
                lambda freeze, _: _freeze(gap, freeze),
            )


def portion(device: Device) -> int:
    """Load profile blocks that pass the line in about a second."""
    return max(1, min(MOST_BLOCKS, int(1.0 / device.wire.seconds(BLOCK_BYTES))))


def _meter(gap: Gap, at: float) -> datetime:
    """Our time as the meter's clock showed it."""
    return local(at + _shift(gap))


def _ours(gap: Gap, shown: str) -> float:
    """The time of a curve or freeze, on our clock; kept as it is while the meter's clock is right."""
    return from_local(datetime.fromisoformat(shown)) - _shift(gap)


def _shift(gap: Gap) -> float:
    return gap.offset if abs(gap.offset) > RIGHT_S else 0.0


def _clock(gap: Gap, clock: str, asked: Asked) -> Found:
    off = drift(clock, local(asked.at), local(asked.at + asked.took_s)).total_seconds()
    return Found(replace(gap, stage=Stage.EVENTS, cursor=0.0, offset=round(off, 1)))


def _power_down(gap: Gap, record: PowerDowns) -> Found:
    """An outage is told to the second, so the clock's offset is taken out however small it is."""
    number = int(gap.cursor) + 1
    further = replace(gap, cursor=float(number)) if number < RECORDS and record.count != number else gap.next()
    if record.start is None:
        return Found(gap.next())
    if record.end is None:
        return Found(further)
    start, end = (from_local(datetime.fromisoformat(shown)) - gap.offset for shown in (record.start, record.end))
    if end < gap.start - EDGE_S:
        return Found(gap.next())
    if not gap.start - EDGE_S <= start < end <= gap.end + EDGE_S:
        return Found(further)
    past = (Past(start, notice="last_gasp"), Past(end, notice="power_on"))
    return Found(further, past, (PowerDown(gap.device, start, end),))


def _profile(gap: Gap, device: Device, blocks: Sequence[Block]) -> Found:
    times = [_ours(gap, block.at) for block in blocks if block.at]
    past = tuple(
        Past(at, _points(device, block))
        for at, block in zip(times, blocks, strict=True)
        if gap.start <= at <= gap.end and not block.spoilt
    )
    last = max(times, default=math.inf)
    if last >= gap.end or last < max(gap.cursor, gap.start) - timedelta(minutes=1).total_seconds():
        return Found(gap.next(), past)
    return Found(replace(gap, cursor=last + 60.0), past)


def _points(device: Device, block: Block) -> tuple[Reading, ...]:
    """The block's values under the names that the device has for them: a single-phase meter's only phase is A."""
    points = device.profile.points
    given = {value.name: value for value in block.values}
    named = given | {
        name.removesuffix("_a"): value for name, value in given.items() if name.removesuffix("_a") not in given
    }
    return tuple(Reading(name, value.value, value.unit) for name, value in named.items() if name in points)


def _freeze(gap: Gap, freeze: Freeze) -> Found:
    number = int(gap.cursor) + 1
    if freeze.at is None:
        return Found(None)
    at = _ours(gap, freeze.at)
    if at <= gap.start or number > FREEZES:
        return Found(None)
    left = replace(gap, cursor=float(number))
    if at > gap.end or (gap.before and at >= gap.before) or not freeze.values:
        return Found(left)
    readings = tuple(Reading(name, value, "kWh") for name, value in freeze.values.items())
    return Found(replace(left, before=at), (Past(at, readings),))
