"""The gateway closes a day and tells it once, with coverage and statistics in one message; also when it was off."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.app import Gateway
from gateway.clock import from_local
from gateway.settings import load
from gateway.simulate.site import lay_out
from gateway.store import Stream
from rules.observation import Observation

MORNING = from_local(datetime.fromisoformat("2026-06-01T08:00"))
POLLS = [second / 60 for second in range(0, 120, 2)]
MIDNIGHT = from_local(datetime.fromisoformat("2026-06-02T00:00"))


@dataclass(slots=True)
class Wall:
    """A clock that stands where it was put."""

    now: float

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def trusted(self) -> bool:
        return True


async def life(config: Path, clock: Wall, minutes: Sequence[float], tell_at: float = 0.0) -> list[dict[str, Any]]:
    """One run of a gateway whose first meter is read at these minutes of the morning; every statistic it told."""
    gateway = Gateway(load(config), clock)
    writing = asyncio.create_task(gateway.store.run())
    await gateway.end_day()
    device = next(device for device in gateway.site.devices if device.kind == "meter")
    for minute in minutes:
        clock.now = MORNING + 60 * minute
        values = {f"voltage_{phase.lower()}": 230.0 for phase in device.phases} | {"voltage": 230.0}
        gateway.pipeline.observe(Observation(device.id, clock.now, values, bus=device.line))
    if tell_at:
        clock.now = tell_at
        await gateway.tell_days()
    await gateway.store.flush()
    rows = await gateway.store.outbox("mqtt").peek(Stream.EVENT, 1000)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await gateway.store.close()
    return [json.loads(row.body) for row in rows if row.key == "stats/day"]


async def test_a_day_is_told_once_with_coverage_and_statistics(tmp_path: Path) -> None:
    config = lay_out(tmp_path / "site")
    [day] = await life(config, Wall(MORNING), POLLS, tell_at=MIDNIGHT + 1200)
    assert day["date"] == "2026-06-01"
    assert day["coverage"]["live"] > 0
    assert day["supply"]["saidi_min"] == 0
    assert day["voltage"]["qualification"] == 1.0
    assert sum(point["monitored_s"] for point in day["voltage"]["devices"].values()) == 118
    assert len(await life(config, Wall(MIDNIGHT + 1300), (), tell_at=MIDNIGHT + 1400)) == 1  # that of before


async def test_a_day_whose_midnight_the_gateway_slept_over_is_told_when_it_wakes(tmp_path: Path) -> None:
    config = lay_out(tmp_path / "site")
    assert await life(config, Wall(MORNING), POLLS) == []
    [day] = await life(config, Wall(MIDNIGHT + 30_000), (), tell_at=MIDNIGHT + 31_000)
    assert day["supply"]["seconds"] == 16 * 3600
    assert sum(point["monitored_s"] for point in day["voltage"]["devices"].values()) == 118
