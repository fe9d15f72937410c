"""What the gateway knows of its own blind spots, and when it knows nothing."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, time
from typing import Any

import pytest

from gateway.backfill.history import History
from gateway.clock import from_local, local
from gateway.north.messages import Message, event
from gateway.settings.models import Backfill, Device
from gateway.store import Draft, Row, Stream
from rules.observation import Observation
from tests.gateway.backfill.scene import HOUR_S, MINUTE_S, Scene, meter_row, site
from tests.virtual import NOON, VirtualClock, virtual

DAY_S = 24 * HOUR_S


def good(at: float, device: str = "M1") -> Observation:
    return Observation(device, at, {"voltage": 230.0})


@virtual
async def test_while_the_clock_cannot_be_trusted_nothing_is_known_about_time() -> None:
    clock = VirtualClock(wall=3600.0, trust=False)  # 1970: nobody has told the box the time yet
    history = History(site([meter_row(1)]), clock)
    history.take(good(clock.wall()))
    assert history.changes() == {}
    assert list(history.close_days()) == []
    clock.step(NOON - clock.wall())
    clock.trust = True
    history.take(good(clock.wall()))
    assert history.ledger.figures().waiting == 0, "from 1970 until today is no gap"


def meter_1997() -> Device:
    return meter_row(1, "dlt645-1997-3p")


@virtual
@pytest.mark.parametrize(
    ("row", "backfill"),
    [
        (replace(meter_row(1), driver="modbus"), Backfill()),
        (meter_1997(), Backfill()),
        (meter_row(1), Backfill(enabled=False)),
    ],
    ids=["a Modbus meter", "a meter of 1997", "switched off"],
)
async def test_who_keeps_no_history_or_need_not_tell_it_is_only_counted(row: Device, backfill: Backfill) -> None:
    history = History(site([row], backfill), VirtualClock())
    history.take(good(NOON))
    history.take(good(NOON + HOUR_S))
    figures = history.ledger.figures()
    assert (figures.waiting, figures.unreadable) == (0, 1)


@virtual
@pytest.mark.parametrize(
    ("period_s", "backfill", "silence_s", "expected"),
    [
        (60.0, Backfill(), 180.0, 0),
        (60.0, Backfill(), 181.0, 1),
        (1.0, Backfill(), 100.0, 0),
        (1.0, Backfill(shortest_s=10.0), 11.0, 1),
        (900.0, Backfill(periods=5), 4500.0, 0),
        (900.0, Backfill(periods=5), 4501.0, 1),
    ],
)
async def test_how_long_a_silence_is_a_gap(
    period_s: float, backfill: Backfill, silence_s: float, expected: int
) -> None:
    history = History(site([replace(meter_row(1), period_s=period_s)], backfill), VirtualClock())
    history.take(good(NOON))
    history.take(good(NOON + silence_s))
    assert history.ledger.figures().waiting == expected


@virtual
async def test_each_finished_day_is_told_once_on_its_own_topic_and_again_when_memory_filled_it() -> None:
    clock = VirtualClock()
    history = History(site([meter_row(1)]), clock)
    history.take(good(clock.wall()))
    assert list(history.close_days()) == []
    clock.step(DAY_S)
    [draft] = history.close_days()
    assert (draft.stream, draft.key) == (Stream.EVENT, "stats/day")
    assert list(history.close_days()) == []
    history.take(good(NOON + HOUR_S)._replace(source="backfill"))
    [again] = history.close_days()
    assert [json.loads(one.body)["coverage"]["backfilled"] for one in (draft, again)] == [0, 1]
    assert json.loads(again.body)["coverage"]["devices"]["M1"]["live"] == 1
    assert [message.topic for message in event(numbered(again), "s", "x", Silent()).messages] == ["stats/day"]


class Silent:
    """Nobody has to be told."""

    def take(self, said: Mapping[str, Any]) -> Iterable[Message]:
        raise AssertionError(f"a statistic is no incident: {said}")

    def announce(self, key: str, body: bytes) -> Iterable[Message]:
        raise AssertionError(f"a statistic is in no pool: {key}, {body!r}")


def numbered(draft: Draft) -> Row:
    return Row(1, draft.at, draft.key, draft.body)


@virtual
async def test_a_day_with_an_outage_and_a_gateway_that_was_off_ends_covered_but_for_the_outage() -> None:
    midnight = from_local(datetime.combine(local(NOON).date(), time()))
    scene = Scene([replace(meter_row(1), period_s=300.0)], VirtualClock(midnight))
    async with scene.gateway():
        await scene.wait(6 * HOUR_S)
    await scene.wait(6 * HOUR_S)
    async with scene.gateway() as pipeline:
        await scene.wait(4 * HOUR_S)
        scene.power(False)
        await scene.wait(2 * HOUR_S)
        scene.power(True)
        await scene.wait(6 * HOUR_S + MINUTE_S)
        [draft] = pipeline.history.close_days()
    told = json.loads(draft.body)["coverage"]
    assert told["live"] == pytest.approx(96 * 16 / 24, abs=2)
    assert told["backfilled"] == pytest.approx(96 * 6 / 24, abs=2)
    assert told["share"] == pytest.approx(22 / 24, abs=0.03)
