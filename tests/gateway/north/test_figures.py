"""The gateway's own figures in a database: once a minute, beside the observations and never in their way."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.clock import SystemClock
from gateway.days import measured, supply_figures, together
from gateway.north.influx import InfluxSender
from gateway.north.influx_answer import Answer
from gateway.north.influx_write import InfluxWriter
from gateway.north.lines import Lines
from gateway.pipeline import observed
from gateway.settings.models import Influx
from gateway.settings.models import Store as StoreSettings
from gateway.south.report import Counts, DeviceReport, LineReport
from gateway.store import Draft, Row, Store, Stream
from rules.reliability import Bounded, Loss, PhaseSupply, Reliability
from rules.statistics import PointQuality, Quality
from tests.gateway.north.site import observation, site
from tests.servers import Database

FIGURES: Mapping[str, Any] = {
    "at": 1_800_000_000.0,
    "observations": 120,
    "incidents": 1,
    "lines": [
        asdict(
            LineReport(
                "rs485-1", True, "", 100.0, 40.0, 0.4, 2, 7, 0, 1,
                devices=(
                    DeviceReport("M0", Counts(polls=60, good=59, timeouts=1), 81.5, False, 2.5, (), ()),
                    DeviceReport("M1", Counts(polls=60), 0.0, True, None, (), ()),
                ),
                success=0.5, round_trip_ms=81.5, late_answers=2, last_answer_s=2.5,
            )
        )
    ],
    "store": {
        "waiting": {"mqtt": {"event": 0, "live": 3, "backfill": 1}, "influx": {"event": 0, "live": 0, "backfill": 0}},
        "shed": {"event": 0, "live": 5, "backfill": 6},
        "commits": 50, "slowest_commit_s": 0.02, "bytes": 4096, "lost": 0,
    },
    "mqtt": {"connected": True},
    "influx": None,
}  # fmt: skip


WRITTEN = (
    (
        "gateway,area=TQ1,gateway=gw1 observations=120.0,incidents=1.0,store_bytes=4096.0,store_lost=0.0,"
        "store_commits=50.0,store_slowest_commit_s=0.02,waiting_mqtt=4.0,waiting_influx=0.0,store_shed=11.0,"
        "mqtt_connected=1.0 {ns}"
    ),
    (
        "line,area=TQ1,gateway=gw1,line=rs485-1 open=1.0,utilisation=0.4,waiting=2.0,late_bytes=7.0,stray_bytes=0.0,"
        "reopened=1.0,success=0.5,round_trip_ms=81.5,retries=0.0,late_answers=2.0,last_answer_s=2.5 {ns}"
    ),
    (
        "device,area=TQ1,device=M0,gateway=gw1,line=rs485-1,node=B1 polls=60.0,good=59.0,timeouts=1.0,crc=0.0,"
        "refused=0.0,unreachable=0.0,retries=0.0,missed=0.0,late=0.0,round_trip_ms=81.5,down=0.0,last_answer_s=2.5,"
        "utilisation=0.0 {ns}"
    ),
    (
        "device,area=TQ1,device=M1,gateway=gw1,line=rs485-1,node=B1 polls=60.0,good=0.0,timeouts=0.0,crc=0.0,"
        "refused=0.0,unreachable=0.0,retries=0.0,missed=0.0,late=0.0,round_trip_ms=0.0,down=1.0,utilisation=0.0 {ns}"
    ),
)


def test_figures_are_a_line_for_the_gateway_for_each_line_and_for_each_device() -> None:
    expected = [line.format(ns=1_800_000_000 * 10**9) for line in WRITTEN]
    assert [line.decode() for line in Lines(site()).figures(FIGURES)] == expected


def test_a_day_told_again_replaces_what_was_told() -> None:
    share = {"expected": 1440, "live": 1430, "backfilled": 4, "share": 0.9958}
    row = {"at": "2027-01-16T00:20:00Z", "date": "2027-01-15", "coverage": {**share, "devices": {"M1": share}}}
    draft = Draft(Stream.EVENT, 1_800_060_000.0, "stats/day", orjson.dumps(row))
    again = draft._replace(at=draft.at + 3600)
    first, second = (Lines(site()).line(Stream.EVENT, Row(1, one.at, one.key, one.body)) for one in (draft, again))
    assert first == second
    area, device = first.decode().splitlines()
    figures = "expected=1440.0,live=1430.0,backfilled=4.0,share=0.9958"
    assert area.startswith(f"coverage,area=TQ1,gateway=gw1 {figures} ")
    assert device.startswith(f"coverage,area=TQ1,device=M1,gateway=gw1,line=rs485-1,node=B1 {figures} ")


def test_the_statistics_of_a_day_and_of_a_month_are_a_line_for_the_area_and_one_for_each_device() -> None:
    point = PointQuality("M1", 1000.0, 100.0, 0.0, 1.0)
    start, end = 1_800_000_000.0, 1_800_086_400.0
    lost = Bounded(1.5, 1.0, 2.0), 0.0, Bounded(0.5, 0.5, 0.5), Bounded(), Bounded()
    supply = Reliability(start, end, 2, *lost, {"A": PhaseSupply(2, 1.5, 0.5)}, {"C1": Loss()})
    share = {"expected": 96, "live": 96, "backfilled": 0, "share": 1.0}
    day = {"date": "2027-01-15", "coverage": {**share, "devices": {"M1": share}}, "supply": supply_figures(supply)}
    day |= measured(Quality(start, end, (point,)))
    month = {**day, "month": "2027-01", **together([day])}
    lines = Lines(site())
    daily = lines.line(Stream.EVENT, Row(1, 0.0, "stats/day", orjson.dumps(day))).decode().splitlines()[2:]
    monthly = lines.line(Stream.EVENT, Row(1, 0.0, "stats/month", orjson.dumps(month))).decode().splitlines()
    for name, (area, device) in {"statistics": daily, "statistics_month": monthly}.items():
        figures = dict(pair.split("=") for pair in area.split()[1].split(","))
        assert area.startswith(f"{name},area=TQ1,gateway=gw1 ")
        bounds = (figures["saidi_min"], figures["saidi_min_least"], figures["saidi_min_most"], figures["saidi_min_a"])
        assert bounds == ("1.5", "1.0", "2.0", "1.5")
        assert (figures["caidi_min"], figures["asai"], figures["qualification"]) == ("3.0", "0.9989583", "0.9")
        assert device.startswith(f"{name},area=TQ1,device=M1,gateway=gw1,line=rs485-1,node=B1 qualification=0.9,")
        assert ",coverage=1.0 " in device
    begins = [int(lines[0].split()[-1]) for lines in (monthly, daily)]
    assert begins[1] - begins[0] == 14 * 86_400 * 10**9


@contextlib.asynccontextmanager
async def working(
    path: Path, settings: Influx, write: Callable[[bytes], Answer]
) -> AsyncIterator[tuple[Store, InfluxSender]]:
    """A store and a sender that has figures to tell."""
    store = Store(StoreSettings(path=path, commit_ms=20), SystemClock(), ("influx",), keep=False)
    store.open()
    sender = InfluxSender(site(), settings, store.outbox("influx"), write, lambda: FIGURES)
    try:
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(store.run()), tasks.create_task(sender.run())]
            yield store, sender
            for task in running:
                task.cancel()
    finally:
        await store.close()


async def until(true: Callable[[], bool]) -> None:
    """Return when it is so; the test's own timeout ends what never becomes so."""
    for _ in itertools.count():
        if await asyncio.to_thread(true):
            return
        await asyncio.sleep(0.02)  # a database's answer comes when it comes


@pytest.mark.influx
async def test_figures_come_to_the_database(influxd: Database, tmp_path: Path) -> None:
    settings = Influx(url=influxd.url, api="v1", database="area")
    async with working(tmp_path / "a.db", settings, InfluxWriter(settings).write):
        await until(lambda: bool(influxd.query('SELECT * FROM "device"', "area")))
    row = influxd.query('SELECT * FROM "line"', "area")[0]
    assert (row["line"], row["utilisation"], row["time"]) == ("rs485-1", 0.4, 1_800_000_000 * 10**9)


async def test_figures_that_the_database_refuses_hold_nothing_up(tmp_path: Path) -> None:
    def write(body: bytes) -> Answer:
        return Answer(400 if body.startswith(b"gateway") else 204, "unable to parse")

    async with working(tmp_path / "a.db", Influx(database="area"), write) as (store, sender):
        store.put([observed(observation(number)) for number in range(5)])
        await until(lambda: sender.report.sent == 5)
    assert sender.report.set_aside == 0
